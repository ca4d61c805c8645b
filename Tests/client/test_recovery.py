"""After the death of a worker: the same handles, the same state; what is lost is named. After that of the supervisor, too."""

from __future__ import annotations

import copy
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Home, alone


@alone
def test_handles_of_every_kind_go_on() -> None:
    """Graph, typegraph, a batch and edited documents: what they say after each of three deaths is what they said before."""
    import bindd
    from bindd import debug, errors, sexp
    from bindd.sexp import pcb
    from crash_matrix import World

    world = World()
    before = world.state()
    workspace = bindd._bindd._current()
    for how in ("SEGV", "KILL", "EXIT"):
        with pytest.raises(errors.WorkerCrashed) as caught:
            debug.crash(how=how)
        assert caught.value.lost == 0 and caught.value.kept >= 20 and caught.value.unapplied == ("debug.crash",)
        del caught
        assert world.state() == before
    world.board.kicad_pcb.paper = "A2"
    world.types.instantiate(type_identifier="Type")
    with world.view.batch():
        world.view.create_and_insert_node()
    edited = world.state()
    assert edited != before and '(paper "A2")' in pcb.dumps(world.board)
    os.kill(workspace.pid, signal.SIGKILL)
    with pytest.raises(errors.WorkerCrashed):
        workspace.sync()
    assert world.state() == edited and sexp.dumps(world.document)


@alone
def test_an_image_in_the_place_of_a_long_journal_holds_all_of_it() -> None:
    """Every kind of object, then 40 MB of requests whose objects are gone, so that the journal begins anew; then deaths."""
    import bindd
    from bindd import errors
    from bindd.graph import NodeReference
    from crash_matrix import World

    def journal_bytes() -> int:
        folder = f"/proc/{workspace.pid}/fd"
        links = {name: os.readlink(f"{folder}/{name}") for name in os.listdir(folder)}
        return sum(os.stat(f"{folder}/{name}").st_size for name, link in links.items() if link.startswith(os.environ["BINDD_STATE"]))

    def die() -> None:
        os.kill(workspace.pid, signal.SIGKILL)
        with pytest.raises(errors.WorkerCrashed) as caught:
            workspace.sync()
        assert caught.value.lost == 0

    world = World()
    workspace = bindd._bindd._current()
    named = [world.view.insert_node(node=NodeReference.create(name=f"n{number}", text="t" * 200)) for number in range(500)]
    alone = [NodeReference.create(name=f"a{number}", text="u" * 200) for number in range(500)]
    for _ in range(40):
        NodeReference.create(text="x" * 1_000_000)
    workspace.sync()
    assert 0 < journal_bytes() < 20 << 20, "an image took the journal's place"
    before = world.state()
    die()
    assert world.state() == before and alone[7].get_attr(key="name") == "a7" and named[7].node().get_attr(key="text") == "t" * 200
    del alone[100:]  # what the image held is freed by the worker that read it, and by the one after that
    die()
    alone.clear()
    world.board.kicad_pcb.paper = "A2"
    world.types.instantiate(type_identifier="Type")
    edited = world.state()
    die()
    assert world.state() == edited != before


@alone
def test_what_a_mistake_left_is_there_after_a_death() -> None:
    """A failed instantiate leaves what it had made, as the replaced layer does: it has the same ids after a death, and what
    was made of it since is kept."""
    from bindd import debug, errors
    from bindd.faebryk import NodeCreationAttributes, TypeGraph, TypeGraphInstantiationError
    from bindd.graph import GraphView

    view = GraphView.create()
    types = TypeGraph.create(g=view)
    part, whole = types.add_type(identifier="Part"), types.add_type(identifier="Whole")
    for kind in (part, whole):
        types.mark_constructable(type_node=kind)
    types.add_make_child(type_node=whole, child_type=part, identifier="part", node_attributes=None)
    types.add_make_child_deferred(
        type_node=whole, child_type_identifier="Late", identifier="late", node_attributes=None)
    with pytest.raises(TypeGraphInstantiationError):
        types.instantiate(type_identifier="Whole")
    nodes = view.get_nodes()
    NodeCreationAttributes.init(dynamic={"seen": 1}).apply_to(node=nodes[-1].node())
    counts = view.get_counts(), dict(types.get_type_instance_overview())
    assert counts[1]["Part"] == 1 and counts[1]["Whole"] == 1
    with pytest.raises(errors.WorkerCrashed) as caught:
        debug.crash(how="SEGV")
    assert caught.value.lost == 0
    del caught
    assert (view.get_counts(), dict(types.get_type_instance_overview())) == counts
    assert [node.node().get_uuid() for node in view.get_nodes()] == [node.node().get_uuid() for node in nodes]
    assert nodes[-1].node().get_dynamic_attrs() == {"seen": 1}
    types.instantiate(type_identifier="Part")
    assert dict(types.get_type_instance_overview())["Part"] == 2


@alone
def test_lost_commands_are_named_and_their_handles_say_so() -> None:
    """Commands behind the guilty one were never acknowledged: they are not applied, and nothing pretends that they were."""
    import bindd
    from bindd import debug, errors
    from bindd.graph import GraphView, NodeReference

    view = GraphView.create()
    kept = view.create_and_insert_node()
    bindd._bindd._current().sync()
    debug.die_at("NodeReference.create", how="SEGV")
    guilty = NodeReference.create(name="guilty")
    behind = view.create_and_insert_node()
    with pytest.raises(errors.WorkerCrashed) as caught:
        bindd._bindd._current().sync()
    error = caught.value
    assert error.operation == "NodeReference.create" and error.unapplied[0] == "NodeReference.create"
    assert "GraphView.create_and_insert_node" in error.unapplied and "not acknowledged" in str(error)
    del caught, error
    with pytest.raises(errors.StaleHandleError, match="lost with a worker"):
        guilty.get_dynamic_attrs()
    with pytest.raises(errors.StaleHandleError, match="lost with a worker"):
        behind.node().get_dynamic_attrs()
    assert view.get_node_count() == 2 and kept.node().get_dynamic_attrs() == {}
    assert view.create_and_insert_node().node().get_dynamic_attrs() == {} and view.get_node_count() == 3


def kill_idle(workspace: Any) -> None:
    """Kills the worker while nobody waits for it."""
    pid = workspace.pid
    os.kill(pid, signal.SIGKILL)
    while os.path.exists(f"/proc/{pid}"):
        time.sleep(0.01)


@alone
def test_what_was_kept_is_not_called_lost() -> None:
    """Nobody answered the commands before the call that killed, but they were recorded: the call itself is no command."""
    from bindd import debug, errors
    from bindd.graph import GraphView

    views = []
    for number in range(1, 4):
        views.append(GraphView.create())
        with pytest.raises(errors.WorkerCrashed) as caught:
            debug.crash()
        assert f"kept    {number} handle" in str(caught.value), caught.value
        assert "lost: nothing acknowledged. Not retried." in str(caught.value), caught.value
        assert [view.get_node_count() for view in views] == [1] * number


@alone
def test_edits_after_an_idle_death_are_sent_again() -> None:
    """A worker dies while nobody waits: edits that were on their way, and those behind, reach the next one in their order.
    Objects that were to be made are lost and say so."""
    import tempfile

    import bindd
    from bindd import errors
    from bindd.graph import GraphView
    from bindd.sexp import pcb
    from conftest import ROOT
    from getters import tree

    board = ROOT / "examples" / "blinker.kicad_pcb"
    view, edited, other = GraphView.create(), pcb.loads(board), pcb.loads(board)
    workspace = bindd._bindd._current()
    footprints = edited.kicad_pcb.footprints
    count = len(footprints)
    footprints[1].name = "applied"
    workspace.sync()
    kill_idle(workspace)
    footprints[0].name = "on its way"
    footprints.append(other.kicad_pcb.footprints[2])
    footprints[count].name = "copied"
    other.kicad_pcb.footprints.pop(2)
    footprints.append(footprints[count])
    footprints.pop(3)
    footprints[0].at.x = 7.5
    footprints.sort(key=lambda item: item.name)
    node = view.create_and_insert_node().node()
    with pytest.raises(errors.WorkerCrashed) as caught:
        workspace.sync()
    recovery = caught.value.recovery
    assert recovery and (recovery["lost_edits"], recovery["resent_edits"], recovery["lost_commands"]) == (0, 8, 1)
    assert "8 edits sent again" in str(caught.value) and "lost    1 command (1 new object)" in str(caught.value)
    with pytest.raises(errors.StaleHandleError, match="lost with a worker"):
        node.get_dynamic_attrs()
    kill_idle(workspace)  # before they have gone out
    footprints[0].name = "and again"
    with pytest.raises(errors.WorkerCrashed) as caught:
        pcb.dumps(edited)
    assert caught.value.recovery and caught.value.recovery["resent_edits"] == 9
    kill_idle(workspace)
    name = footprints[1].name
    with pytest.raises(errors.WorkerCrashed) as caught:  # so long an edit waits for its answer: it raises, and is not done
        footprints[1].name = "x" * 100_000
    assert footprints[1].name == name
    del caught
    with tempfile.TemporaryDirectory() as name:
        path = f"{name}/saved.kicad_pcb"
        pcb.dumps(edited, path)
        saved = pcb.loads(path).kicad_pcb.footprints
    assert [item.name for item in saved] == [item.name for item in footprints] and len(saved) == count + 1
    assert tree(saved) == tree(footprints) and {"on its way", "and again", "copied"} <= {item.name for item in saved}
    assert tree(pcb.loads(pcb.dumps(other))) == tree(other) and len(other.kicad_pcb.footprints) == count - 1


@alone
def test_random_edits_outlive_idle_deaths() -> None:
    """Whatever was edited when the worker died: what this side says is what the next worker writes."""
    import random

    import bindd
    from bindd import errors
    from bindd.sexp import pcb
    from conftest import ROOT
    from getters import tree

    seed = random.randrange(1 << 32)
    numbers = random.Random(seed)
    boards = [pcb.loads(ROOT / "examples" / "blinker.kicad_pcb") for _ in range(3)]
    workspace = bindd._bindd._current()

    def edit() -> None:
        footprints = numbers.choice(boards).kicad_pcb.footprints
        kind = numbers.randrange(6)
        if kind == 0:
            footprints.append(numbers.choice(numbers.choice(boards).kicad_pcb.footprints))
        elif kind == 1 and len(footprints) > 2:
            footprints.pop(numbers.randrange(len(footprints)))
        elif kind == 2:
            footprints.reverse()
        elif kind == 3:
            footprints[0].at = numbers.choice(footprints).at
        else:
            numbers.choice(footprints).name = f"n{numbers.random()}"

    for _ in range(4):
        for _ in range(numbers.randrange(20)):
            edit()
        if numbers.randrange(2):
            workspace.sync()
        kill_idle(workspace)
        for _ in range(numbers.randrange(20)):
            edit()
        with pytest.raises(errors.WorkerCrashed) as caught:
            workspace.sync()
        assert caught.value.recovery and caught.value.recovery["lost_edits"] == 0
        del caught
        for board in boards:
            assert tree(pcb.loads(pcb.dumps(board))) == tree(board), f"seed {seed}"


@alone
def test_the_edit_that_kills_closes_its_document_and_no_other() -> None:
    """The guilty edit is not sent again, nor what stood behind it in its document or copies from that; other edits are."""
    import tempfile

    import bindd
    from bindd import debug, errors
    from bindd.sexp import pcb
    from conftest import ROOT

    board = ROOT / "examples" / "blinker.kicad_pcb"
    edited, other, third = pcb.loads(board), pcb.loads(board), pcb.loads(board)
    footprints = edited.kicad_pcb.footprints
    footprints[1].name = "kept"
    bindd._bindd._current().sync()
    debug.die_at("sexp.set", how="SEGV")
    footprints[0].name = "lost"
    other.kicad_pcb.footprints[1].name = "other"
    footprints.pop()
    third.kicad_pcb.footprints.append(footprints[0])
    with pytest.raises(errors.WorkerCrashed, match="edits of 2 documents") as caught:
        bindd._bindd._current().sync()
    assert caught.value.recovery and (caught.value.recovery["lost_edits"], caught.value.recovery["resent_edits"]) == (2, 1)
    with tempfile.TemporaryDirectory() as name:
        path = f"{name}/saved.kicad_pcb"
        for use in (
            lambda: pcb.dumps(edited), lambda: pcb.dumps(edited, path), lambda: setattr(footprints[2], "name", "x"),
            lambda: footprints.pop(), lambda: copy.deepcopy(edited), lambda: pickle.dumps(footprints[0]), lambda: pcb.dumps(third),
        ):
            with pytest.raises(errors.BinddError, match="unknown outcome .it was lost with the worker.: load it again"):
                use()
        assert not os.path.exists(path) and footprints[0].name == "lost"
        pcb.dumps(edited, path, force=True)
        saved = pcb.loads(path).kicad_pcb.footprints
        assert saved[1].name == "kept" and saved[0].name != "lost" and pcb.dumps(edited, force=True)
    other.kicad_pcb.footprints[0].name = "goes on"
    text = pcb.dumps(other)
    assert text and [item.name for item in pcb.loads(text).kicad_pcb.footprints[:2]] == ["goes on", "other"]


def test_two_clients_of_a_named_workspace_go_on(home: Home) -> None:
    """The death is one exception for each of them; both see what both made."""
    code = """
import sys
import time
import bindd
from bindd import debug, errors
from bindd.graph import GraphView
with bindd.connect("both") as workspace:
    view = GraphView.create()
    view.create_and_insert_node()
    workspace.sync()
    deaths = 0
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            debug.crash() if line == "die\\n" else workspace.sync()
        except errors.WorkerCrashed:
            deaths += 1
        view.create_and_insert_node()
        print(deaths, view.get_node_count(), flush=True)
"""
    clients = [
        subprocess.Popen([sys.executable, "-c", code], env=home.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]

    def ask(number: int, line: str) -> str:
        pipe, answers = clients[number].stdin, clients[number].stdout
        assert pipe and answers
        pipe.write(line + "\n")
        pipe.flush()
        return answers.readline().strip()

    for client in clients:
        assert client.stdout and client.stdout.readline() == "ready\n"
    assert ask(0, "die") == "1 3"
    assert ask(1, "sync") == "1 3", "the other one hears of it once"
    assert (ask(0, "sync"), ask(1, "die"), ask(0, "sync")) == ("1 4", "2 4", "2 5")
    for client in clients:
        client.communicate(timeout=20)
        assert client.returncode == 0


@alone
def test_others_make_objects_while_the_worker_is_made_again() -> None:
    """What they look at belongs to no worker meanwhile: they wait, and each death is told to whoever was in flight."""
    import threading

    import bindd
    from bindd import errors
    from bindd.graph import GraphView

    view = GraphView.create()
    for _ in range(20_000):
        view.create_and_insert_node()
    workspace = bindd._bindd._current()
    workspace.sync()
    is_over = threading.Event()
    wrong: list[BaseException] = []

    def make() -> None:
        while not is_over.is_set():
            try:
                view.create_and_insert_node()
                view.get_self_node().node().get_dynamic_attrs()
            except errors.WorkerCrashed:
                pass
            except BaseException as error:
                wrong.append(error)
                return

    threads = [threading.Thread(target=make) for _ in range(3)]
    for thread in threads:
        thread.start()
    deaths = 0
    for _ in range(8):
        os.kill(workspace.pid, signal.SIGKILL)
        for _ in range(2):  # another thread may hear of it first
            try:
                workspace.sync()
            except errors.WorkerCrashed:
                deaths += 1
    is_over.set()
    for thread in threads:
        thread.join()
    assert not wrong, wrong
    before = view.get_node_count()
    view.create_and_insert_node()
    assert view.get_node_count() == before + 1 > 20_000


@alone
def test_an_idle_worker_is_killed() -> None:
    import os

    import bindd
    from bindd import errors
    from bindd.graph import GraphView

    view = GraphView.create()
    workspace = bindd._bindd._current()
    for count in range(1, 4):
        workspace.sync()
        os.kill(workspace.pid, signal.SIGKILL)
        with pytest.raises(errors.WorkerCrashed) as caught:
            workspace.sync()
        assert caught.value.operation is None and caught.value.signal_name == "SIGKILL" and not caught.value.unapplied
        del caught
        workspace.sync()
        view.create_and_insert_node()
        assert view.get_node_count() == count + 1


@alone
def test_a_hang_is_recovered() -> None:
    import bindd
    from bindd import debug, errors
    from bindd.graph import GraphView

    with bindd.connect(hang_limit=0.3):
        view = GraphView.create()
        node = view.create_and_insert_node()
        debug.die_at("GraphView.from_bytes", how="MUTE")
        data = view.to_bytes()
        with pytest.raises(errors.WorkerHung) as caught:
            GraphView.from_bytes(data=data)
        assert caught.value.operation == "GraphView.from_bytes" and caught.value.lost == 0
        del caught
        assert view.get_node_count() == 2 and node.node().get_dynamic_attrs() == {}
        copy = GraphView.from_bytes(data=data)
        assert copy.get_node_count() == 2
        del copy, view, node


@alone
def test_a_short_hang_limit_does_not_cut_a_recovery_short() -> None:
    """Applying a long journal again takes longer than a request may: 200,000 changes, and half a millisecond of patience."""
    import os

    import bindd
    from bindd import errors
    from bindd.graph import GraphView, NodeReference

    with bindd.connect() as workspace:
        view = GraphView.create()
        for number in range(200_000):
            NodeReference.create(number=number)
        workspace.sync()
        workspace.hang_limit = 0.0005
        os.kill(workspace.pid, signal.SIGKILL)
        with pytest.raises(errors.WorkerDied) as caught:
            workspace.sync()
        workspace.hang_limit = 60.0
        assert caught.value.lost == 0 and caught.value.recovery["replayed"] > 100_000
        del caught
        assert view.get_node_count() == 1
        del view


CLIENT = """
import os, signal, sys, time, bindd
from bindd import errors
from bindd.graph import GraphView
with bindd.connect(sys.argv[1]) as workspace:
    view = GraphView.create()
    for number in range(10):
        view.create_and_insert_node()
    workspace.sync()
    supervisor = bindd.handles()["supervisor"]["pid"]
    os.kill(supervisor, signal.SIGKILL)
    while os.path.exists(f"/proc/{supervisor}/exe"):
        time.sleep(0.001)
    seen = []
    while not seen or isinstance(seen[-1], int):  # the worker may answer once more before it hears of it
        seen.clear()
        try:
            workspace.sync()
            seen.append(view.get_node_count())
        except errors.BinddError as error:
            seen.append(type(error).__name__)
    for _ in range(2):
        try:
            workspace.sync()
            seen.append(view.get_node_count())
        except errors.BinddError as error:
            seen.append(type(error).__name__)
    print(seen)
    del view
with bindd.connect(sys.argv[1]) as workspace:
    print(GraphView.create().get_node_count())
"""


def test_the_supervisor_is_killed_and_a_named_workspace_comes_back(home: Home) -> None:
    done = home.python(CLIENT, "kept")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["['WorkerCrashed', 11, 11]", "1"]


def test_the_supervisor_is_killed_and_a_private_workspace_says_so(home: Home) -> None:
    done = home.python(CLIENT, "")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["['WorkerCrashed', 'StaleHandleError', 'StaleHandleError']", "1"]


def test_a_worker_that_dies_without_progress_is_not_started_for_ever(home: Home) -> None:
    """Five in a row: then the refusal says why, at once, and the log has a few lines and no more."""
    done = home.python("""
import os, signal, bindd
from bindd import errors
from bindd.graph import GraphView
workspace = bindd.connect("doomed")
with workspace:
    view = GraphView.create()
    workspace.sync()
    seen = []
    for _ in range(8):
        try:
            os.kill(workspace.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            workspace.sync()
        except errors.BinddError as error:
            seen.append(f"{type(error).__name__}: {error}")
    print(len([text for text in seen if "WorkerCrashed" in text]), "|".join(seen).replace(chr(10), " "))
try:
    bindd.connect("doomed")
except errors.BinddUnavailable as error:
    print("refused:", str(error).replace(chr(10), " "))
""")
    assert done.returncode == 0, done.stderr
    first, refused = done.stdout.splitlines()
    assert 5 <= int(first.split()[0]) <= 6, first
    assert refused.startswith("refused:") and "died 5 times in a row" in refused and "SIGKILL" in refused
    assert home.command("stop").returncode == 0, "it keeps the journal of the workspace for whoever comes: two descriptors"
    log = (home.folder / "t.sock.log").read_text()
    assert log.count("worker_restarting") <= 6 and len(log.splitlines()) < 60, log


def journal_files(home: Home, name: str) -> list[Path]:
    return sorted(Path(home.environment["BINDD_STATE"]).glob(f"workspaces/*/{name}.*"))


MAKE = """
import os, signal, sys, bindd
from bindd.graph import GraphView
with bindd.connect(sys.argv[1]) as workspace:
    view = GraphView.create()
    for number in range(int(sys.argv[2])):
        view.create_and_insert_node()
        if number % 10 == 9:
            workspace.sync()
    print(view.get_node_count(), flush=True)
    sys.stdin.read()
    seen = []
    for _ in range(2):
        try:
            workspace.sync()
            seen.append(view.get_node_count())
        except bindd.BinddError as error:
            seen.append(f"{type(error).__name__} {error}")
    print(seen)
"""


def test_a_damaged_journal_says_what_is_lost(home: Home) -> None:
    """Its end is cut while nothing runs; the next worker has what is before it, and the client hears of the rest."""
    client = subprocess.Popen(
        [sys.executable, "-c", MAKE, "cut", "400"], env=home.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert client.stdout and client.stdout.readline() == "401\n"
    daemon = home.daemon_pid()
    assert daemon is not None
    os.kill(daemon, signal.SIGKILL)
    assert home.wait_until(lambda: home.processes() == [client.pid]), "the worker goes with its supervisor"
    newest = max(journal_files(home, "cut"), key=lambda path: path.stat().st_size)
    data = newest.read_bytes().rstrip(b"\0")
    newest.write_bytes(data[: len(data) * 3 // 4])
    out, _ = client.communicate(timeout=30)
    assert client.returncode == 0
    first = out.splitlines()[-1]
    assert "WorkerCrashed" in first, first
    assert 200 < int(first.rstrip("]").split()[-1]) < 401, first
    assert re.search(r"lost +[\d,]+ acknowledged requests: the journal is damaged", first), first


@alone
def test_a_full_disk_refuses_changes_until_there_is_room() -> None:
    """Files of the worker may not grow any more: what cannot be recorded is not done, and says so; then it goes on."""
    import os
    import resource
    import signal

    import bindd
    from bindd import errors
    from bindd.graph import GraphView

    with bindd.connect("full") as workspace:
        view = GraphView.create()
        view.create_and_insert_node()
        workspace.sync()
        data = view.to_bytes()
        before = resource.prlimit(workspace.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        refused = 0
        for _ in range(200):
            try:
                GraphView.from_bytes(data=data)
            except errors.JournalError as error:
                refused += 1
                text = str(error)
        assert refused > 100 and "nothing that a crash could lose is changed" in text and "BINDD_STATE" in text
        assert view.get_node_count() == 2, "reads go on"
        resource.prlimit(workspace.pid, resource.RLIMIT_FSIZE, before)
        copy = GraphView.from_bytes(data=data)
        view.create_and_insert_node()
        workspace.sync()
        os.kill(workspace.pid, signal.SIGKILL)
        try:
            workspace.sync()
        except errors.WorkerCrashed as error:
            assert error.lost == 0 and not error.unapplied
        assert view.get_node_count() == 3 and copy.get_node_count() == 2
        del view, copy
