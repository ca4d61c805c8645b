"""Clients that share a worker: each has its turn, and what one leaves behind is the same before and after a death."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import hostile_peer
from conftest import Client, Home
from fake_daemon import OP, REPLY_WANTED, SYNC, frame, pack_str, pack_u32

NODES = 1_000
LEASE = 4_096  # ids that a client has at a time; while the worker is stopped it gets no more
ROUNDS = 10

# Says its worker's pid; on each line makes so many nodes without waiting for any, and says so when they are sent.
HASTY = f"""
import sys, bindd
from bindd.graph import GraphView
with bindd.connect("many", call_timeout=20) as workspace:
    view = GraphView.create()
    view.share(name="hasty")
    print(workspace.pid, flush=True)
    while sys.stdin.readline():
        for number in range({NODES}):
            view.create_and_insert_node()
        workspace.flush()
        print("sent", flush=True)
        sys.stdin.readline()
        for number in range({LEASE - NODES}):
            view.create_and_insert_node()
        workspace.sync()
        print("done", flush=True)
"""

# Without the arena a count is the worker's answer: how many it had applied when this client had its turn.
PATIENT = """
import sys, bindd
from bindd.graph import GraphView
with bindd.connect("many", call_timeout=20) as workspace:
    view = GraphView.find_shared(name="hasty")
    print("ready", flush=True)
    for line in sys.stdin:
        print("asking", flush=True)
        print(view.get_node_count(), flush=True)
"""

WATCHING = """
import os, signal, sys, time, bindd
from bindd.graph import GraphView
with bindd.connect("many", call_timeout=20) as workspace:
    pid = workspace.pid
    print(pid, flush=True)
    sys.stdin.readline()
    end = time.monotonic() + 10  # what the other one sent is applied in its own turn
    while not GraphView.get_shared_names() and time.monotonic() < end: time.sleep(0.01)
    print(GraphView.get_shared_names(), flush=True)
    os.kill(pid, signal.SIGKILL)
    try: workspace.sync()
    except bindd.WorkerCrashed: pass
    assert workspace.pid != pid
    print(GraphView.get_shared_names(), flush=True)
"""


@contextlib.contextmanager
def stopped(worker: int) -> Iterator[None]:
    """What is sent in the block lies before the worker when it goes on."""
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker, signal.SIGCONT)


def joined(home: Home, folder: Path) -> tuple[hostile_peer.Peer, int, int]:
    """A client of the workspace that sends bytes as it likes, and its first ids of a node and of a view."""
    hostile_peer.record(folder / "hello", "many")
    peer = hostile_peer.Peer(str(home.socket), folder / "hello", seed=1)
    peer.enter()
    return peer, peer.nodes[0], peer.views[0]


def test_who_sends_much_at_once_lets_others_have_their_turn(home: Home) -> None:
    answers = []
    with Client(home, HASTY) as hasty:
        worker = int(hasty.says())
        with Client(home, PATIENT, BINDD_ARENA="0") as patient:
            assert patient.says() == "ready"
            before = 1
            for _ in range(ROUNDS):
                with stopped(worker):
                    hasty.go_on()
                    assert hasty.says() == "sent"
                    patient.go_on()
                    assert patient.says() == "asking"
                    home.wait_until(lambda: False, seconds=0.1)  # so that the question lies behind all that was sent
                answers.append(int(patient.says()) - before)
                hasty.go_on()
                assert hasty.says() == "done"
                before += LEASE
    assert any(0 < answer < NODES for answer in answers), f"answered only before or after all of it: {answers}"


def test_what_lies_behind_a_reply_that_nobody_takes_is_applied_neither_now_nor_after_a_death(home: Home, tmp_path: Path) -> None:
    with Client(home, WATCHING) as watching:
        worker = int(watching.says())
        peer, node, view = joined(home, tmp_path)
        with stopped(worker):
            peer.link.sendall(
                frame(OP["GRAPH_VIEW_CREATE"], 0, pack_u32(view, node))
                + frame(OP["GRAPH_VIEW_SHARE"], REPLY_WANTED, pack_u32(view) + pack_str("before"))
                + frame(OP["GRAPH_VIEW_SHARE"], REPLY_WANTED, pack_u32(view) + pack_str("behind")))
            peer.link.close()
        watching.go_on()
        assert [watching.says(), watching.says()] == ["['before']", "['before']"]


def test_what_a_client_sent_before_it_hung_up_is_applied(home: Home, tmp_path: Path) -> None:
    """More than a slice of it, from one that left an answer unread."""
    with Client(home, WATCHING) as watching:
        worker = int(watching.says())
        peer, node, view = joined(home, tmp_path)
        peer.link.sendall(frame(OP["GRAPH_VIEW_CREATE"], 0, pack_u32(view, node)) + frame(SYNC, REPLY_WANTED, b""))
        assert select.select([peer.link], [], [], 10)[0], "an answer, which is never read"
        with stopped(worker):
            nodes = [
                frame(OP["GRAPH_VIEW_CREATE_AND_INSERT_NODE"], 0, pack_u32(view, node + number)) for number in range(1, 3_000)]
            share = frame(OP["GRAPH_VIEW_SHARE"], REPLY_WANTED, pack_u32(view) + pack_str("sent"))
            peer.link.sendall(b"".join(nodes) + share)
            peer.link.close()
        watching.go_on()
        assert [watching.says(), watching.says()] == ["['sent']", "['sent']"]
