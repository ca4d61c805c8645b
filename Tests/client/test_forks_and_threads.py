"""Handles in a forked child, and when other threads let them go."""

from __future__ import annotations

import gc
import os
import threading
import time

import bindd
import pytest
from bindd import _bindd, errors, sexp
from bindd.graph import GraphView, NodeReference
from fake_daemon import FakeDaemon, answer_parse
from forked import in_child
from one_of_each import make_all, other_uses, poke, uses

pytestmark = pytest.mark.timeout(60)


def test_fork(fake: FakeDaemon, workspace: bindd.Workspace) -> None:
    fake.answer = answer_parse
    handles = make_all()
    document = sexp.parse("(a b)")
    atom = document.root[1]
    parent = os.getpid()
    live = workspace.statistics()["live"]

    def child() -> None:
        for use in [*uses(handles), *other_uses(handles), workspace.sync, lambda: sexp.dumps(document)]:
            with pytest.raises(errors.StaleHandleError, match=f"belongs to process {parent}"):
                use()
        for handle in [*handles.values(), workspace, document, atom]:
            poke(handle)
        assert atom.text == "b"  # the snapshot is in the child's own memory
        handles.clear()  # silent, and counted nowhere
        gc.collect()
        assert workspace.state == "forked"

    before = len(fake.messages)
    in_child(child)
    assert workspace.statistics()["live"] == live
    assert len(fake.messages) == before and workspace.alive
    workspace.sync()
    handles["view"].create_and_insert_node()
    workspace.sync()


def test_a_child_gets_a_connection_of_its_own(fake: FakeDaemon, workspace: bindd.Workspace) -> None:
    view = GraphView.create()
    number = view.get_self_node().node().__zig_address__() & 0xFFFFFFFF
    workspace.sync()

    def child() -> None:
        mine = GraphView.create()  # the fake's threads stayed with the parent, which answers
        assert mine.__zig_address__() & 0xFFFFFFFF > view.__zig_address__() & 0xFFFFFFFF
        assert mine.get_self_node().node().__zig_address__() & 0xFFFFFFFF > number
        _bindd._current().sync()  # type: ignore[union-attr]

    in_child(child)
    assert len(fake.hellos) == 2
    workspace.sync()


def test_dropping_many_handles_does_no_io(fake: FakeDaemon, workspace: bindd.Workspace) -> None:
    stopped = threading.Event()
    fake.answer = lambda client, message: not stopped.wait(30)  # as good as SIGSTOP
    nodes = [NodeReference.create() for _ in range(90)]
    bounds = [GraphView.create().get_self_node() for _ in range(3)]
    stopped.set()
    workspace.sync()
    stopped.clear()
    many = [nodes[i % 90] for i in range(10)] + [bounds[0].node() for _ in range(300_000)]
    start = time.monotonic()
    del many, nodes, bounds
    assert time.monotonic() - start < 1
    stopped.set()
    workspace.sync()
    assert sum(len(m.words()) - 2 for m in fake.of("RELEASE")) == 90


def test_deallocation_in_other_threads(workspace: bindd.Workspace) -> None:
    view = GraphView.create()
    batches = [[view.get_self_node().node() for _ in range(2000)] for _ in range(8)]
    threads = [threading.Thread(target=batch.clear) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    workspace.sync()
    assert workspace.statistics()["live"]["NodeReference"] == 0
