"""Requests that were acknowledged and then kill whoever applies them again: left out after two deaths, or the end after five."""

from __future__ import annotations

import json
from pathlib import Path

from conftest import Home

PROGRAM = """
import os, signal, sys, bindd
from bindd import debug, errors
from bindd.graph import EdgeReference, GraphView, NodeReference

def edge(view, source, target, kind):
    edge = EdgeReference.create(source=source, target=target, edge_type=kind)
    view.insert_edge(edge=edge)
    return edge

def tell(error):
    print(type(error).__name__, "|", str(error).replace(chr(10), " / "), flush=True)

bug, count, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
workspace = bindd.connect(name)
with workspace:
    view = GraphView.create()
    nodes = [NodeReference.create(number=number) for number in range(4)]
    for node in nodes:
        view.insert_node(node=node)
    debug.plant(bug)
    view.get_counts()
    for number in range(count):
        edge(view, nodes[number], nodes[number + 1], 11)
        view.insert_node(node=NodeReference.create(name="again"))
    edge(view, nodes[0], nodes[3], 5)
    workspace.sync()
    before = view.get_counts()
    os.kill(workspace.pid, signal.SIGKILL)
    try:
        workspace.sync()
    except errors.BinddError as error:
        tell(error)
        print(dict(getattr(error, "recovery", {})))
    print(before, flush=True)
    try:
        print(view.get_counts())
        view.create_and_insert_node()
        workspace.sync()
        print(view.get_counts())
    except errors.BinddError as error:
        tell(error)
if name:
    try:
        bindd.connect(name)
    except errors.BinddUnavailable as error:
        tell(error)
        print(error.report)
"""


def run(home: Home, bug: str, count: int, name: str = "") -> list[str]:
    home.environment["BINDD_PLANTED"] = "1"
    done = home.python(PROGRAM, bug, str(count), name)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def deaths(home: Home) -> int:
    return (home.folder / "t.sock.log").read_text().count("worker_crashed")


def reports(home: Home) -> list[Path]:
    return list(Path(home.environment["BINDD_STATE"]).glob("crash/*"))


def test_a_request_that_kills_two_recoveries_is_left_out(home: Home) -> None:
    """Its client gets the one exception of the death that it saw, which names what is lost; everything else is there."""
    told, facts, before, kept, more = run(home, "edge-11-again", 1)
    assert told.startswith("WorkerCrashed") and "lost    1 acknowledged request: request " in told, told
    assert "(GraphView.insert_edge) killed two workers that applied it again" in told, told
    recovery = eval(facts)
    assert [each["operation"] for each in recovery["given_up"]] == ["GraphView.insert_edge"] and recovery["lost_count"] == 1
    assert (eval(before), eval(kept), eval(more)) == ((6, 2), (6, 1), (7, 1)), (before, kept, more)
    assert deaths(home) == 3


def test_what_needs_the_request_that_is_left_out_goes_with_it(home: Home) -> None:
    told, facts, before, kept, more = run(home, "node-again", 1)
    assert told.startswith("WorkerCrashed") and "lost    2 acknowledged requests" in told, told
    assert "1 others failed without it" in told or eval(facts)["lost_count"] == 2
    assert (eval(before), eval(kept), eval(more)) == ((6, 2), (5, 2), (6, 2)), (before, kept, more)
    assert deaths(home) == 3


def test_too_many_of_them_end_a_private_workspace(home: Home) -> None:
    """Five deaths and no more; the exception says so and names the report, and the handles say why they are gone."""
    told, facts, before, stale = run(home, "edge-11-again", 3)
    assert told.startswith("WorkerCrashed") and facts == "{}", (told, facts)
    assert "handles: the worker of the workspace died 5 times in a row without having done anything new" in told, told
    assert "SIGILL in GraphView.insert_edge" in told and stale.startswith("StaleHandleError") and "5 times in a row" in stale, stale
    assert deaths(home) == 5
    assert len(reports(home)) <= 5
    assert json.loads(home.command("status", "-o", "json").stdout)["workers"] == []
    done = home.python("import bindd; from bindd.graph import GraphView; print(GraphView.create().get_counts())")
    assert done.stdout == "(1, 0)\n", "a new workspace is not concerned"


def test_too_many_of_them_end_a_named_workspace_and_no_other(home: Home) -> None:
    home.environment["BINDD_PLANTED"] = "1"
    other = home.python("""
import bindd
from bindd.graph import GraphView
with bindd.connect("other") as workspace:
    view = GraphView.create()
    print(view.get_counts(), workspace.pid)
""")
    lines = run(home, "edge-11-again", 3, "poisoned")
    refused, report = lines[-2:]
    assert refused.startswith("BinddUnavailable") and "not started again for now" in refused, lines
    assert Path(report).is_dir() and Path(report).parent == Path(home.environment["BINDD_STATE"]) / "crash", report
    assert deaths(home) == 5
    log = (home.folder / "t.sock.log").read_text()
    assert log.count("worker_restarting") == 4 and len(log.splitlines()) < 60, log
    again = home.python("import bindd; w = bindd.connect('other'); w.sync(); print((1, 0), w.pid)")
    assert again.stdout == other.stdout, "the same worker"
    assert home.command("stop").returncode == 0, "it keeps the journal of the workspace for whoever comes: two descriptors"


def test_a_death_while_applying_again_is_reported_and_replayed(home: Home) -> None:
    run(home, "edge-11-again", 1)
    newest = json.loads(home.command("crash", "show", "-o", "json").stdout)
    assert newest["operation"] == "GraphView.insert_edge" and newest["cause"] == "SIGILL"
    assert newest["applied_again"] is True and "applied again" in home.command("crash", "show").stdout
    done = home.command("crash", "replay", "--times", "2", timeout=60)
    assert done.returncode == 0 and "2 times of 2" in done.stdout, done.stdout + done.stderr
