"""Clients that share a worker: each has its turn, and what one leaves behind is the same before and after a death."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import hostile_peer
import pytest
from conftest import Home
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


class Client:
    """A program that is told to go on by a line, and says what it did in lines."""

    def __init__(self, home: Home, code: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], env={**home.environment, **environment}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def says(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def go_on(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()


def test_who_sends_much_at_once_lets_others_have_their_turn(home: Home) -> None:
    answers = []
    with Client(home, HASTY) as hasty:
        worker = int(hasty.says())
        with Client(home, PATIENT, BINDD_ARENA="0") as patient:
            assert patient.says() == "ready"
            before = 1
            for _ in range(ROUNDS):
                os.kill(worker, signal.SIGSTOP)
                try:
                    hasty.go_on()
                    assert hasty.says() == "sent"
                    patient.go_on()
                    assert patient.says() == "asking"
                    home.wait_until(lambda: False, seconds=0.1)  # so that the question lies behind all that was sent
                finally:
                    os.kill(worker, signal.SIGCONT)
                answers.append(int(patient.says()) - before)
                hasty.go_on()
                assert hasty.says() == "done"
                before += LEASE
    assert any(0 < answer < NODES for answer in answers), f"answered only before or after all of it: {answers}"


def test_what_lies_behind_a_reply_that_nobody_takes_is_applied_neither_now_nor_after_a_death(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client(home, WATCHING) as watching:
        worker = int(watching.says())
        hostile_peer.record(tmp_path / "hello", "many")
        peer = hostile_peer.Peer(str(home.socket), tmp_path / "hello", seed=1)
        peer.enter()
        (node, _), (view, _) = peer.nodes, peer.views
        os.kill(worker, signal.SIGSTOP)
        try:
            peer.link.sendall(
                frame(OP["GRAPH_VIEW_CREATE"], 0, pack_u32(view, node))
                + frame(OP["GRAPH_VIEW_SHARE"], REPLY_WANTED, pack_u32(view) + pack_str("before"))
                + frame(OP["GRAPH_VIEW_SHARE"], REPLY_WANTED, pack_u32(view) + pack_str("behind")))
            peer.link.close()
        finally:
            os.kill(worker, signal.SIGCONT)
        watching.go_on()
        assert [watching.says(), watching.says()] == ["['before']", "['before']"]


def test_what_a_client_sent_before_it_hung_up_is_applied(home: Home, tmp_path: Path) -> None:
    """More than a slice of it, from one that left an answer unread."""
    with Client(home, WATCHING) as watching:
        worker = int(watching.says())
        hostile_peer.record(tmp_path / "hello", "many")
        peer = hostile_peer.Peer(str(home.socket), tmp_path / "hello", seed=1)
        peer.enter()
        (node, _), (view, _) = peer.nodes, peer.views
        peer.link.sendall(frame(OP["GRAPH_VIEW_CREATE"], 0, pack_u32(view, node)) + frame(SYNC, REPLY_WANTED, b""))
        assert select.select([peer.link], [], [], 10)[0], "an answer, which is never read"
        os.kill(worker, signal.SIGSTOP)
        try:
            nodes = [
                frame(OP["GRAPH_VIEW_CREATE_AND_INSERT_NODE"], 0, pack_u32(view, node + number)) for number in range(1, 3_000)]
            share = frame(OP["GRAPH_VIEW_SHARE"], REPLY_WANTED, pack_u32(view) + pack_str("sent"))
            peer.link.sendall(b"".join(nodes) + share)
            peer.link.close()
        finally:
            os.kill(worker, signal.SIGCONT)
        watching.go_on()
        assert [watching.says(), watching.says()] == ["['sent']", "['sent']"]
