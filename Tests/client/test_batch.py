"""`with view.batch():` is done whole or not at all, whatever goes wrong and wherever."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Home, alone


def objects() -> dict[str, int]:
    """What the worker holds, once it has applied all that was sent."""
    import bindd

    workspace = bindd._bindd._current()
    workspace.sync()
    workspace.sync()  # its counts come out after an answer; this answer comes after them
    (row,) = [row for row in bindd.handles()["workspaces"] if row["worker_pid"] == workspace.pid]
    return dict(row["objects"])


def contents(view: Any) -> tuple[Any, ...]:
    table = view.edge_table()
    return view.node_ids().tolist(), [column.tolist() for column in table], view.attribute_rows(), repr(view)


def steps(view: Any, old: Any, made: list[Any]) -> list[Callable[[], object]]:
    """Commands of every kind; each but the first needs those before it."""
    from bindd.graph import EdgeReference, GraphView, NodeReference

    return [
        lambda: made.append(NodeReference.create(name="n", count=1)),
        lambda: view.insert_node(node=made[0]),
        lambda: made.append(EdgeReference.create(source=old, target=made[0], edge_type=2, name="e")),
        lambda: view.insert_edge(edge=made[1]),
        lambda: made.append(view.create_and_insert_node().node()),
        lambda: made.append(GraphView.create()),
        lambda: made[3].insert_node(node=made[0]),
        lambda: made[3].insert_node(node=old),
        lambda: made[3].insert_edge(edge=made[1]),
        lambda: made.append(EdgeReference.create(source=made[2], target=made[2], edge_type=2)),
        lambda: view.insert_edge(edge=made[4]),
        lambda: made[3].create_and_insert_node(),
    ]


def failing_everywhere() -> None:
    from bindd.errors import StaleHandleError
    from bindd.graph import EdgeReference, GraphView, NodeReference

    view = GraphView.create()
    old = view.create_and_insert_node().node()
    view.insert_edge(edge=EdgeReference.create(source=old, target=old, edge_type=2))
    outside = NodeReference.create()
    wrong = EdgeReference.create(source=outside, target=old, edge_type=2)
    count = len(steps(view, old, []))
    before, state = objects(), contents(view)
    for position in range(count + 1):
        made: list[Any] = []
        with pytest.raises(ValueError, match=f"nothing of the batch was done: command {position + 1} of {count + 1}, GraphView") as caught:
            with view.batch() as batch:
                for number, step in enumerate(steps(view, old, made)):
                    if number == position:
                        view.insert_edge(edge=wrong)
                    step()
                if position == count:
                    view.insert_edge(edge=wrong)
                assert batch.command_count == count + 1
        assert caught.value.fields["item"] == position + 1 if hasattr(caught.value, "fields") else True
        assert contents(view) == state, f"failed at {position}"
        for handle in (made[0], made[2]):
            with pytest.raises(StaleHandleError, match="given up"):
                view.insert_node(node=handle)
        with pytest.raises(StaleHandleError, match="given up"):
            made[3].get_counts()
        del handle, caught
        made.clear()
        assert objects() == before, f"failed at {position}"
    with view.batch():
        for step in steps(view, old, made):
            step()
    assert view.get_counts() == (4, 3) and made[3].get_counts() == (4, 1)
    assert made[0].get_attr(key="count") == 1 and view.node_ids().tolist()[2:] == [n.get_uuid() for n in (made[0], made[2])]
    view.destroy()
    made[3].destroy()
    assert made[2].get_attr(key="x") is None, "what Python holds outlives the views"
    made.clear()
    del old, outside, wrong, view
    assert objects().get("Node", 0) == 0 and objects().get("Edge", 0) == 0


@pytest.mark.parametrize("setting", [{}, {"BINDD_ARENA": "0"}, {"BINDD_SYNC": "1"}])
def test_failing_at_every_position_leaves_nothing(home: Home, setting: dict[str, str]) -> None:
    done = home.python("import test_batch; test_batch.failing_everywhere()", **setting)
    assert done.returncode == 0, done.stderr


@alone
def test_an_exception_in_the_block_gives_everything_up() -> None:
    from bindd.errors import StaleHandleError
    from bindd.graph import EdgeReference, GraphView, NodeReference

    view = GraphView.create()
    before, state = objects(), contents(view)
    for kind in (ZeroDivisionError, KeyboardInterrupt, GeneratorExit):
        with pytest.raises(kind):
            with view.batch():
                node = view.create_and_insert_node()
                free = NodeReference.create()
                edge = view.insert_edge(edge=EdgeReference.create(source=node.node(), target=node.node(), edge_type=1))
                raise kind
        assert contents(view) == state
        uses: list[Callable[[], object]] = [
            node.node, free.get_uuid, edge.edge, lambda: free.get_attr(key="x"), lambda: view.bind(node=free),
            lambda: node.store(data=1), lambda: EdgeReference.create(source=free, target=free, edge_type=1),
            lambda: node.visit_edges_of_type(edge_type=1, ctx=None, f=print),
        ]
        for use in uses:
            with pytest.raises(StaleHandleError, match="made in a batch that was given up"):
                use()
        assert repr(node) and repr(free) and repr(edge) and hash(node) is not None
        assert objects() == before
    assert view.get_node_count() == 1
    view.create_and_insert_node()
    assert view.get_node_count() == 2


@alone
def test_what_a_block_may_do() -> None:
    import bindd
    from bindd.graph import EdgeReference, GraphView, NodeReference

    view, other = GraphView.create(), GraphView.create()
    hub = view.create_and_insert_node()
    seen: list[Any] = []
    trips = 0
    batch = view.batch()
    with batch:
        node = view.insert_node(node=NodeReference.create(name="new"))
        edge = EdgeReference.create(source=hub.node(), target=node.node(), edge_type=1)
        view.insert_edge(edge=edge)
        view.insert_edge(edge=edge)
        made = GraphView.create()
        other.insert_node(node=hub.node())
        trips = bindd.statistics()["round_trips"]
        assert view.get_counts() == (2, 0) and other.get_counts() == (1, 0), "reads see the state before"
        hub.visit_edges_of_type(edge_type=1, ctx=None, f=lambda c, e: seen.append(e))
        assert not seen and node.node().get_uuid() > 0 and edge.source().is_same(other=hub.node())
        refused: list[Callable[[], object]] = [
            lambda: node.node().get_attr(key="name"), lambda: edge.name(), lambda: node.node().get_dynamic_attrs(),
            lambda: node.visit_edges_of_type(edge_type=1, ctx=None, f=print), made.get_nodes, made.node_ids,
            made.edge_table, lambda: made.attribute_column(key="x"), view.destroy,
            lambda: view.get_subgraph_from_nodes(nodes=[hub]), lambda: view.insert_subgraph(subgraph=other),
            lambda: view.batch().__enter__(),
        ]
        for use in refused:
            with pytest.raises(RuntimeError, match="batch"):
                use()
        assert batch.command_count == 6
        trips = bindd.statistics()["round_trips"]
    assert bindd.statistics()["round_trips"] - trips == 1, "one request"
    assert batch.command_count == 0
    assert view.get_counts() == (3, 1) and other.get_counts() == (2, 0) and made.get_counts() == (1, 0)
    hub.visit_edges_of_type(edge_type=1, ctx=None, f=lambda c, e: seen.append(e.edge().is_same(other=edge)))
    assert seen == [True] and node.node().get_attr(key="name") == "new"
    with pytest.raises(RuntimeError, match="used before"):
        batch.__enter__()
    trips = bindd.statistics()["round_trips"]
    with view.batch():
        pass
    assert bindd.statistics()["round_trips"] == trips, "an empty batch asks nothing"
    batch = view.batch()
    batch.__enter__()
    view.create_and_insert_node()
    del batch
    assert view.get_counts() == (3, 1), "a batch that nobody ended was given up"


@alone
def test_ids_do_not_run_out_in_a_block() -> None:
    from bindd.graph import EdgeReference, GraphView

    view = GraphView.create()
    hub = view.get_self_node().node()
    with view.batch():
        for _ in range(100_000):
            node = view.create_and_insert_node().node()
            view.insert_edge(edge=EdgeReference.create(source=hub, target=node, edge_type=1))
    assert view.get_counts() == (100_001, 100_000)


@alone
def test_other_threads_go_on_as_always() -> None:
    from bindd.graph import GraphView, NodeReference

    view, shared = GraphView.create(), GraphView.create()
    told: list[str] = []

    def write(handle: Any) -> None:
        for _ in range(1000):
            shared.insert_node(node=NodeReference.create(by="thread"))
        told.append(f"{shared.get_node_count()}")
        try:
            shared.insert_node(node=handle)
        except RuntimeError as error:
            told.append(str(error))
        try:
            view.batch().__enter__()
        except RuntimeError as error:
            told.append(str(error))

    with view.batch():
        nodes = [view.create_and_insert_node() for _ in range(500)]
        thread = threading.Thread(target=write, args=(nodes[0].node(),))
        thread.start()
        thread.join()
        nodes += [view.create_and_insert_node() for _ in range(500)]
    assert told[0] == "1001" and "batch of another thread" in told[1] and "batch of another thread" in told[2]
    assert view.get_node_count() == 1001
    ids = [node.node().get_uuid() for node in nodes]
    assert view.node_ids().tolist()[1:] == ids and ids[500] - ids[499] > 1000


@alone
def test_an_end_that_nobody_saw_is_found_out() -> None:
    """The wait for the outcome times out; the next request learns what happened."""
    import bindd
    from bindd.errors import CallTimeout, StaleHandleError
    from bindd.graph import GraphView, NodeReference

    view = GraphView.create()
    view.get_node_count()
    workspace = bindd._bindd._current()
    expected, outcomes = 1, set()
    for number in range(40):
        # From "stopped, never looked at" over "cancelled half-way" to "done in time".
        workspace.call_timeout = 0.0005 * number + 0.0001
        if number == 0:
            os.kill(workspace.pid, signal.SIGSTOP)
        nodes: list[Any] = []
        try:
            with view.batch():
                nodes += [view.insert_node(node=NodeReference.create(n=n)) for n in range(3000)]
            outcome = "done"
        except CallTimeout:
            outcome = "unknown"
        finally:
            if number == 0:
                os.kill(workspace.pid, signal.SIGCONT)
            workspace.call_timeout = 10.0
        outcomes.add(outcome)
        count = view.get_node_count()
        assert count in ((expected + 3000,) if outcome == "done" else (expected, expected + 3000)), outcome
        if count > expected:
            assert nodes[3].node().get_attr(key="n") == 3
        elif nodes:
            with pytest.raises(StaleHandleError, match="given up"):
                nodes[3].node()
        expected = count
    assert outcomes == {"done", "unknown"}
    del nodes
    assert objects()["Node"] == expected


@alone
def test_ctrl_c_while_the_batch_is_awaited() -> None:
    import bindd
    from bindd.graph import GraphView

    view = GraphView.create()
    view.get_node_count()
    workspace = bindd._bindd._current()
    os.kill(workspace.pid, signal.SIGSTOP)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            with view.batch():
                view.create_and_insert_node()
        assert time.monotonic() - start < 2
    finally:
        os.kill(workspace.pid, signal.SIGCONT)
    assert view.get_node_count() in (1, 2)
    with view.batch():
        view.create_and_insert_node()


@alone
def test_the_worker_dies_under_a_batch() -> None:
    import bindd
    from bindd.errors import StaleHandleError, WorkerCrashed
    from bindd.graph import GraphView

    view = GraphView.create()
    with pytest.raises((WorkerCrashed, StaleHandleError)):
        with view.batch():
            node = view.create_and_insert_node()
            os.kill(bindd._bindd._current().pid, signal.SIGKILL)
    with pytest.raises(StaleHandleError):
        node.node()
    fresh = GraphView.create()
    with fresh.batch():
        fresh.create_and_insert_node()
    assert fresh.get_node_count() == 2


def test_no_client_sees_half_of_a_batch(home: Home) -> None:
    """One process writes batches of 50 nodes and 50 edges, every third of which fails; others count what there is, and take
    ids in between."""
    import subprocess
    import sys

    writer = """
import bindd, random, sys
from bindd.graph import GraphView, EdgeReference, NodeReference
with bindd.connect("shared"):
    view = GraphView.create()
    outside = NodeReference.create()
    wrong = EdgeReference.create(source=outside, target=outside, edge_type=1)
    hub = view.get_self_node().node()
    print("ready", flush=True)
    while len(bindd.handles()["workspaces"][0]["clients"]) < 2:
        pass
    for number in range(400):
        try:
            with view.batch():
                for _ in range(50):
                    node = view.create_and_insert_node().node()
                    view.insert_edge(edge=EdgeReference.create(source=hub, target=node, edge_type=number & 255))
                del node
                if number % 3 == 0:
                    view.insert_edge(edge=wrong)
        except ValueError:
            assert number % 3 == 0
    print(*view.get_counts(), flush=True)
    sys.stdin.readline()
"""
    reader = """
import bindd, time
with bindd.connect("shared") as workspace:
    from bindd.graph import NodeReference
    end, seen = time.monotonic() + 60, set()
    while True:
        kept = [NodeReference.create() for _ in range(3)]
        del kept
        workspace.sync(); workspace.sync()
        (row,) = bindd.handles()["workspaces"]
        nodes, edges = row["objects"].get("Node", 0), row["objects"].get("Edge", 0)
        if nodes == 0:
            continue  # what the writer made before its first batch is still in its buffer
        assert (nodes - 2) % 50 == 0 and (edges - 1) % 50 == 0, (nodes, edges)
        seen.add(nodes)
        if len(row["clients"]) < 2 or nodes >= 2 + 266 * 50 or time.monotonic() > end:
            break
    print(len(seen))
"""
    with subprocess.Popen(
        [sys.executable, "-c", writer], env=home.environment, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stdin and process.stdout.readline() == "ready\n"
        done = home.python(reader, timeout=90)
        assert done.returncode == 0, done.stderr
        assert process.stdout.readline().split() == [str(1 + 266 * 50), str(266 * 50)]
        process.stdin.write("\n")
        process.stdin.close()
    assert process.returncode == 0 and int(done.stdout) > 1, "the reader saw it grow"
