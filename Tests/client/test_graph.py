"""The graph through Python: what the specification says, and how many round trips it takes."""

from __future__ import annotations

import copy
import pickle

import pytest
from conftest import Home, alone


@alone
def test_a_small_graph() -> None:
    from bindd.graph import EdgeReference, GraphView, NodeReference

    view = GraphView.create()
    assert view.get_node_count() == 1
    a = view.create_and_insert_node()
    b = view.insert_node(node=NodeReference.create(name="b", ratio=0.5, count=7, flag=True))
    edge = EdgeReference.create(
        source=a.node(), target=b.node(), edge_type=3, directional=True, name="ab", weight=2
    )
    bound = view.insert_edge(edge=edge)
    assert bound.edge().is_same(other=edge)
    assert edge.source().is_same(other=a.node()) and edge.target().is_same(other=b.node())
    assert (edge.edge_type(), edge.directional(), edge.name(), edge.get_attr(key="weight")) == (3, True, "ab", 2)
    assert b.node().get_dynamic_attrs() == {"name": "b", "ratio": 0.5, "count": 7, "flag": True}
    assert list(b.node().get_dynamic_attrs()) == ["name", "ratio", "count", "flag"]
    assert b.node().get_attr(key="none") is None
    assert [node.node().get_uuid() for node in view.get_nodes()] == [1, 2, 3]
    seen: list[tuple[str, str | None]] = []
    for directed in (None, True, False):
        a.visit_edges_of_type(edge_type=3, ctx="x", f=lambda ctx, e: seen.append((ctx, e.edge().name())), directed=directed)
    assert seen == [("x", "ab"), ("x", "ab")]
    assert view.get_counts() == (3, 1)


@alone
def test_errors_are_raised_by_the_call_that_caused_them() -> None:
    from bindd.errors import StaleHandleError
    from bindd.graph import EdgeReference, GraphView, NodeReference

    view = GraphView.create()
    inside = view.create_and_insert_node().node()
    outside = NodeReference.create()
    for source, target, text in (
        (outside, inside, "Edge source node not in graph"), (inside, outside, "Edge target node not in graph"),
    ):
        edge = EdgeReference.create(source=source, target=target, edge_type=0)
        for _ in range(2):
            with pytest.raises(ValueError, match=text):
                view.insert_edge(edge=edge)
    assert view.get_counts() == (2, 0)
    for edge_type in (-1, 256, 1 << 70):
        with pytest.raises((ValueError, OverflowError)):
            EdgeReference.create(source=inside, target=inside, edge_type=edge_type)
    with pytest.raises(TypeError):
        EdgeReference.create(source=inside, target=inside, edge_type="1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="positional"):
        view.bind(inside)  # type: ignore[misc, call-arg]
    with pytest.raises(TypeError, match="Invalid object"):
        view.bind(node=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="required"):
        view.bind(nodes=inside)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="Unsupported attribute literal"):
        NodeReference.create(bad=object())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="__init__"):
        GraphView()
    view.destroy()
    view.destroy()
    for call in (view.get_node_count, view.get_nodes, view.create_and_insert_node):
        with pytest.raises(StaleHandleError, match="destroyed"):
            call()
    assert inside.get_attr(key="x") is None, "nodes that Python holds outlive their view"


@alone
def test_a_node_behind_an_edge_lives_as_long_as_its_handle() -> None:
    from bindd.graph import EdgeReference, GraphView, NodeReference

    node = NodeReference.create(label="kept")
    edge = EdgeReference.create(source=node, target=node, edge_type=1)
    del node
    source = edge.source()
    del edge
    GraphView.create().get_node_count()
    assert source.get_attr(key="label") == "kept"

    view = GraphView.create()
    edge = EdgeReference.create(source=NodeReference.create(label="a"), target=NodeReference.create(label="b"), edge_type=1)
    view.insert_node(node=edge.source())
    view.insert_node(node=edge.target())
    view.insert_edge(edge=edge)
    view.destroy()
    target = edge.target()
    del edge, view
    assert target.get_attr(key="label") == "b"


@alone
def test_creating_and_inserting_needs_no_round_trips() -> None:
    import bindd
    from bindd.graph import EdgeReference, GraphView

    view = GraphView.create()
    hub = view.create_and_insert_node().node()
    before = bindd.statistics()["round_trips"]
    nodes = [view.create_and_insert_node() for _ in range(100_000)]
    for node in nodes:
        view.insert_edge(edge=EdgeReference.create(source=hub, target=node.node(), edge_type=1))
    trips = bindd.statistics()["round_trips"] - before
    assert trips < 200, f"{trips} round trips"
    assert view.get_counts() == (100_002, 100_000)


@alone
def test_the_visit_sees_the_state_at_its_start() -> None:
    from bindd.errors import StaleHandleError
    from bindd.graph import BoundEdge, EdgeReference, GraphView, NodeReference

    view = GraphView.create()
    hub = view.create_and_insert_node()

    def link(_: object = None, __: BoundEdge | None = None) -> None:
        node = view.create_and_insert_node()
        view.insert_edge(edge=EdgeReference.create(source=hub.node(), target=node.node(), edge_type=1))

    for _ in range(3):
        link()
    hub.visit_edges_of_type(edge_type=1, ctx=None, f=link)
    assert view.get_counts()[1] == 6

    def fail(_: object, __: BoundEdge) -> None:
        raise LookupError("from the callback")

    with pytest.raises(LookupError, match="from the callback"):
        hub.visit_edges_of_type(edge_type=1, ctx=None, f=fail)
    count = 0

    def destroy(_: object, __: BoundEdge) -> None:
        nonlocal count
        count += 1
        view.destroy()

    hub.visit_edges_of_type(edge_type=1, ctx=None, f=destroy)
    assert count == 6, "the visit goes on over what it had read"

    view = GraphView.create()
    hub = view.create_and_insert_node()
    for name in ("a", "b", "c"):
        node = view.insert_node(node=NodeReference.create(of=name)).node()
        view.insert_edge(edge=EdgeReference.create(source=hub.node(), target=node, edge_type=1, name=name))
    del node
    read: list[object] = []

    def destroy_and_read(_: object, edge: BoundEdge) -> None:
        view.destroy()
        read.append((edge.edge().name(), edge.edge().target().get_attr(key="of")))

    hub.visit_edges_of_type(edge_type=1, ctx=None, f=destroy_and_read)
    assert read == [("a", "a"), ("b", "b"), ("c", "c")], "and what it had read stays readable"
    with pytest.raises(StaleHandleError):
        hub.visit_edges_of_type(edge_type=1, ctx=None, f=destroy)


@alone
def test_objects_kept_for_nodes() -> None:
    from bindd.graph import GraphView

    view = GraphView.create()
    node = view.create_and_insert_node()
    with pytest.raises(KeyError, match="No data stored"):
        node.load(t=dict)
    assert node.try_load(t=dict) is None
    data = {"a": 1}
    node.store(data=data)
    assert view.bind(node=node.node()).load(t=(list, dict)) is data
    with pytest.raises(TypeError, match="not an instance"):
        node.load(t=list)
    assert node.try_load(t=list) is None
    node.store(data=None)


@alone
def test_handles_are_told_apart_and_never_raise_in_repr() -> None:
    from bindd.graph import EdgeReference, GraphView

    view = GraphView.create()
    a, b = view.create_and_insert_node(), view.create_and_insert_node()
    edge = view.insert_edge(edge=EdgeReference.create(source=a.node(), target=b.node(), edge_type=0))
    other = GraphView.create().bind(node=a.node())
    assert a == other and hash(a) == a.node().get_uuid() and a != b and a != 1
    assert repr(a) == "BoundNode(node=0x2, graph=0x1)"
    assert repr(edge) == "BoundEdge(src=0x2, tgt=0x3, graph=0x1)"
    handles = [view, a, a.node(), edge, edge.edge()]
    ids = {handle.__zig_address__() for handle in handles}
    assert len(ids) == len(handles)
    for handle in handles:
        assert repr(handle) and str(handle) and hash(handle) is not None and bool(handle) and dir(handle)
        if handle is view:
            continue  # can be copied: test_pickling.py
        with pytest.raises(TypeError):
            pickle.dumps(handle)
        with pytest.raises(TypeError):
            copy.deepcopy(handle)
    view.destroy()
    for handle in handles:
        assert repr(handle) and str(handle) and hash(handle) is not None and bool(handle) and dir(handle)


@alone
def test_subgraphs() -> None:
    from bindd.graph import BoundEdge, EdgeReference, GraphView

    view = GraphView.create()
    nodes = [view.create_and_insert_node() for _ in range(4)]
    for one, two in ((0, 1), (1, 2), (2, 0), (0, 3)):
        view.insert_edge(
            edge=EdgeReference.create(source=nodes[one].node(), target=nodes[two].node(), edge_type=9, name=f"{one}{two}")
        )
    part = view.get_subgraph_from_nodes(nodes=[nodes[2], nodes[0], nodes[1]])
    assert repr(part).endswith("|V|=4, |E|=3)")  # read from the arena: the edges came along
    assert part.get_counts() == (4, 3)
    names: list[str | None] = []

    def note(_: object, edge: BoundEdge) -> None:
        names.append(edge.edge().name())

    part.bind(node=nodes[0].node()).visit_edges_of_type(edge_type=9, ctx=None, f=note)
    assert names == ["20", "01"]
    whole = GraphView.create()
    whole.insert_subgraph(subgraph=view)
    assert repr(whole).endswith("|V|=6, |E|=4)") and whole.get_counts() == (6, 4)
    whole.create_and_insert_node()
    assert repr(whole).endswith("|V|=7, |E|=4)")  # the write may be on its way
    with pytest.raises(TypeError, match="nodes must be a list"):
        view.get_subgraph_from_nodes(nodes=tuple(nodes))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="list of BoundNode"):
        view.get_subgraph_from_nodes(nodes=[nodes[0].node()])  # type: ignore[list-item]


@alone
def test_a_million_dropped_handles_while_the_worker_is_stopped() -> None:
    import os
    import signal
    import time

    import bindd
    from bindd.graph import GraphView, NodeReference

    view = GraphView.create()
    held = [NodeReference.create() for _ in range(1_000_000)]
    view.get_node_count()
    workspace = bindd._bindd._current()
    os.kill(workspace.pid, signal.SIGSTOP)
    try:
        start = time.process_time()
        del held
        assert time.process_time() - start < 5, "dropping handles must not wait"
        assert bindd.statistics()["live"]["NodeReference"] == 0
    finally:
        os.kill(workspace.pid, signal.SIGCONT)
    workspace.sync()
    assert view.get_node_count() == 1
    end = time.monotonic() + 5
    while bindd.handles()["workspaces"][0]["objects"]["Node"] > 1:
        assert time.monotonic() < end, "the worker still holds dropped nodes"
        time.sleep(0.05)


def test_two_processes_share_a_named_workspace(home: Home) -> None:
    code = """
import bindd, sys
from bindd.graph import GraphView
with bindd.connect("shared") as workspace:
    view = GraphView.create()
    view.create_and_insert_node()
    print(workspace.pid, view.get_node_count(), view.get_self_node().node().get_uuid())
"""
    first, second = home.python(code), home.python(code)
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    one, two = first.stdout.split(), second.stdout.split()
    assert one[0] == two[0], "a named workspace outlives the process that made it"
    assert one[1] == two[1] == "2" and one[2] != two[2]


@alone
def test_what_python_holds_outlives_the_last_handle_of_its_view_in_a_named_workspace() -> None:
    import bindd
    from bindd.graph import EdgeReference, GraphView

    with bindd.connect("shared") as workspace:
        view = GraphView.create()
        node = view.create_and_insert_node().node()
        edge = view.insert_edge(edge=EdgeReference.create(source=node, target=node, edge_type=1, name="kept")).edge()
        del view
        workspace.sync()
        assert node.get_dynamic_attrs() == {} and edge.name() == "kept"
        assert (bindd.handles()["workspaces"][0]["objects"].get("GraphView", 0)) == 0
        del node, edge


@alone
def test_repr_counts_members_that_calls_brought_in() -> None:
    from bindd.graph import EdgeReference, GraphView

    view = GraphView.create()
    a, b = view.create_and_insert_node(), view.create_and_insert_node()
    view.insert_edge(edge=EdgeReference.create(source=a.node(), target=b.node(), edge_type=1))
    part = view.get_subgraph_from_nodes(nodes=[a, b])
    assert repr(part).endswith("|V|=3, |E|=1)")
    part.insert_edge(edge=EdgeReference.create(source=b.node(), target=a.node(), edge_type=1))
    assert repr(part).endswith("|V|=3, |E|=2)"), "own writes on their way count"
