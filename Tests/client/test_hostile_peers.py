"""Whoever connects, and whatever they send: nobody else is harmed, and each that is cut is told of in one line of the log.

What the peers do is in hostile_peer.py; benchmarks/hostile.py measures what a good client pays for them.
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hostile_peer
import pytest
from conftest import HERE, Home, alone
from hostile_peer import KINDS, Peer

CUT_LINES = re.compile(r" warning (?:peer_cut|client_cut|hello_refused) .*", re.M)
SUPPRESSED = re.compile(r" (?:lines_suppressed|lines)=(\d+)")
COUNT = "from bindd.graph import GraphView; print(GraphView.create().get_node_count())"

# What a program does, checked at each step; at the end what it cost. `argv[1]`: turns; `argv[2]`: the workspace.
GOOD = """
import json, sys, bindd
from bindd import sexp
from bindd.graph import EdgeReference, GraphView
with bindd.connect(sys.argv[2] or None) as workspace:
    view = GraphView.create()
    made = [view.create_and_insert_node()]
    for turn in range(int(sys.argv[1])):
        node = view.create_and_insert_node()
        edge = EdgeReference.create(source=made[-1].node(), target=node.node(), edge_type=turn % 5, name=f"e{turn}")
        view.insert_edge(edge=edge)
        made.append(node)
        workspace.sync()
        found = []
        made[-2].visit_edges_of_type(edge_type=turn % 5, ctx=found, f=lambda found, bound: found.append(bound.edge()))
        assert [e.name() for e in found if e.target().is_same(other=node.node())] == [f"e{turn}"], turn
        assert view.get_counts() == (turn + 3, turn + 1), turn
        if turn % 50 == 0:
            assert sexp.dumps(sexp.parse(f"(turn {turn})")).split() == [f"(turn", f"{turn})"], turn
    statistics = workspace.statistics()
    print(json.dumps({"round_trips": statistics["round_trips"], "counts": view.get_counts(), "pid": workspace.pid}))
    view.destroy()
"""


@pytest.fixture
def peers(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A running daemon, and the folder with what a hello looks like."""
    assert home.python(COUNT).returncode == 0
    hostile_peer.record(tmp_path / "hello")
    yield tmp_path / "hello"


def log(home: Home) -> str:
    return (home.folder / "t.sock.log").read_text()


def cuts_told(home: Home) -> int:
    text = log(home)
    return len(CUT_LINES.findall(text)) + sum(int(count) for count in SUPPRESSED.findall(text))


def good(home: Home, turns: int = 1000, workspace: str = "") -> dict[str, Any]:
    done = home.python(GOOD, str(turns), workspace)
    assert done.returncode == 0, done.stderr
    story: dict[str, Any] = json.loads(done.stdout)
    assert story.pop("pid")
    return story


def test_each_is_cut_with_one_line(home: Home, peers: Path) -> None:
    for number, act in enumerate(KINDS):
        peer = Peer(str(home.socket), peers, number)
        before = cuts_told(home)
        is_cut = act(peer)
        if is_cut:
            peer.read_to_end()
        peer.link.close()
        expected = before + is_cut
        assert home.wait_until(lambda: cuts_told(home) >= expected), f"{act.__name__}: no line in the log"
        assert home.wait_until(lambda: home.workers() == (0, 0)), f"{act.__name__}: {home.workers()}"
        assert cuts_told(home) == expected, f"{act.__name__}: {CUT_LINES.findall(log(home))[before:]}"
        if number % 4 == 0:
            assert home.python(COUNT).stdout == "1\n"
    for line in CUT_LINES.findall(log(home)):
        assert re.search(r"\bpid=\d+", line) and "reason=" in line, line


@contextlib.contextmanager
def crowd(home: Home, hello: Path, count: int, pause: float) -> Iterator[list[dict[str, object]]]:
    """Hostile peers in a process of their own; what they did is in the list when the block has ended."""
    stories: list[dict[str, object]] = []
    child = subprocess.Popen(
        [sys.executable, str(HERE / "hostile_peer.py"), str(hello), str(count), str(pause)], env=home.environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout and child.stdout.readline() == "ready\n"
        yield stories
        stories.append(json.loads(child.communicate(timeout=60)[0]))
    finally:
        child.kill()
        child.communicate()


def test_fifty_of_them_and_one_good_client(home: Home, peers: Path) -> None:
    alone = good(home)
    with crowd(home, peers, count=50, pause=0.2) as stories:
        among = [good(home) for _ in range(5)]
    assert among == [alone] * 5, "the same work costs the same round trips and has the same results"
    (story,) = stories
    assert not story["trouble"], story
    cuts = story["cuts"]
    assert isinstance(cuts, dict) and sum(cuts.values()) >= 20, story
    home.wait_until(lambda: home.workers() == (0, 0))
    assert home.workers() == (0, 0)
    daemon = home.daemon_pid()
    assert home.processes() == [daemon], "no process more than before"
    home.command("stop")
    assert cuts_told(home) >= sum(cuts.values()), "each is told, or counted where the log would grow too fast"


def test_in_the_good_clients_own_workspace(home: Home, peers: Path, tmp_path: Path) -> None:
    """They share its worker: one that breaks the protocol is cut, and takes nothing away that others hold."""
    hostile_peer.record(tmp_path / "shared", "shared")
    alone = good(home, workspace="shared")
    with crowd(home, tmp_path / "shared", count=len(KINDS), pause=0.05) as stories:
        among = [good(home, workspace="shared") for _ in range(4)]
    assert [story["counts"] for story in among] == [alone["counts"]] * 4
    # Ids come in pieces where others take some: a lease more now and then.
    assert all(alone["round_trips"] <= story["round_trips"] <= alone["round_trips"] + 10 for story in among), (alone, among)
    assert not stories[0]["trouble"], stories
    home.wait_until(lambda: home.workers() == (1, 0))
    assert home.workers() == (1, 0), "one worker, and none of them left in it"


def test_more_silent_connections_than_the_daemon_takes(home: Home, peers: Path) -> None:
    """Those of the process that has most of them go first: who comes next need not wait until their time is over."""
    count = 1300
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, count + 200), hard), hard))
    links = []
    try:
        for _ in range(count):
            links.append(Peer(str(home.socket), peers, 1).open())
        assert home.python("import bindd; bindd.connect(timeout=2)").returncode == 0
        assert home.command("status").returncode == 0
        assert "peers_cut" in log(home) and f"pid={os.getpid()}" in log(home)
    finally:
        for link in links:
            link.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_thousand_clients_that_are_gone_before_they_were_served(home: Home, peers: Path) -> None:
    """Nobody waits for workers that nobody needs any more."""
    peer = Peer(str(home.socket), peers, 1)
    for _ in range(1000):
        peer.hello_and_close()
    peer.link.close()
    assert home.python("import bindd; bindd.connect(timeout=5).sync()").returncode == 0
    assert home.wait_until(lambda: home.workers() == (0, 0), 20)
    started = log(home).count("worker_started")
    assert started < 500, f"{started} workers were started for clients that did not wait for them"


@alone
def test_64_threads_and_64_tasks_wait_and_the_worker_is_killed() -> None:
    """Each gets one exception of its own, all of them soon, and the next use works."""
    import asyncio
    import signal
    import threading
    import time
    from concurrent.futures import ThreadPoolExecutor

    import bindd
    from bindd import debug, errors
    from bindd.graph import GraphView

    count = 64
    waiting = threading.Semaphore(0)
    caught: list[BaseException] = []
    late: list[float] = []

    def wait() -> None:
        waiting.release()
        try:
            debug.hang(seconds=60)
        except BaseException as error:
            late.append(time.monotonic())
            caught.append(error)

    async def tasks() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(count))
        await asyncio.gather(*(asyncio.to_thread(wait) for _ in range(count)))

    with bindd.connect("waited for") as workspace:
        GraphView.create().get_node_count()
        workspace.sync()
        pid = workspace.pid
        context = contextvars.copy_context()  # threads of one's own begin without a current workspace
        threads = [threading.Thread(target=context.copy().run, args=(wait,)) for _ in range(count)]
        threads.append(threading.Thread(target=context.copy().run, args=(asyncio.run, tasks())))
        for thread in threads:
            thread.start()
        for _ in range(2 * count):
            assert waiting.acquire(timeout=20)
        time.sleep(0.3)  # from the semaphore into the call
        killed = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)
    assert [type(error) for error in caught] == [errors.WorkerCrashed] * 2 * count
    assert len({id(error) for error in caught}) == 2 * count, "to each its own"
    assert all(error.signal_name == "SIGKILL" for error in caught if isinstance(error, errors.WorkerCrashed))
    assert max(late) - killed < 20, "all before the minute that they meant to wait"
    caught.clear()
    assert GraphView.create().get_node_count() == 1
