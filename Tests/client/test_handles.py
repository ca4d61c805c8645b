"""Handles: what is local, what they refuse, what they say when they are stale."""

from __future__ import annotations

import copy
import gc
import inspect
import math
import os
import pickle
import struct
import sys
from enum import IntEnum
from fractions import Fraction
from typing import Any

import bindd
import pytest
from bindd import errors, sexp
from bindd.graph import BFSPath, BoundEdge, BoundNode, EdgeReference, GraphView, NodeReference
from fake_daemon import OP, Client, FakeDaemon, Message, answer_parse, pack_u32
from one_of_each import make_all, other_uses, poke, uses

pytestmark = pytest.mark.timeout(60)


# -- names and arguments ---------------------------------------------------------------------------------------------------


def test_the_package_shows_what_it_is_for() -> None:
    shown = {name for name in dir(bindd) if not name.startswith("_")}
    assert shown == {name for name in bindd.__all__ if not name.startswith("_")}
    assert {"debug", "graph", "sexp", "connect"} <= shown


def test_names() -> None:
    assert BoundNode.__name__ == "BoundNodeReference" and BoundEdge.__name__ == "BoundEdgeReference"
    assert {cls.__module__ for cls in (GraphView, NodeReference, BoundNode)} == {"bindd.graph"}
    assert str(inspect.signature(GraphView.insert_node)) == "(self, /, *, node)"
    assert GraphView.insert_node.__doc__


@pytest.mark.parametrize("cls", [GraphView, NodeReference, EdgeReference, BoundNode, BoundEdge, BFSPath, sexp.Document, sexp.List, sexp.Atom, bindd.Workspace])
def test_nothing_can_be_constructed(cls: type) -> None:
    for make in (cls, lambda: cls(1, a=2), lambda: cls.__new__(cls), lambda: object.__new__(cls)):
        with pytest.raises(TypeError):
            make()
    with pytest.raises(TypeError, match="Don't call __init__ on this type"):
        cls()


def test_subclasses_exist_but_have_no_instances(workspace: bindd.Workspace) -> None:
    class Mine(BoundNode):
        pass

    with pytest.raises(TypeError, match="Don't call __init__"):
        Mine()
    bound = GraphView.create().create_and_insert_node()
    with pytest.raises(TypeError):
        bound.__class__ = Mine  # type: ignore[assignment]


def test_argument_rules(workspace: bindd.Workspace) -> None:
    view = GraphView.create()
    bound = view.create_and_insert_node()
    node = bound.node()
    no_positional = "This function does not take positional arguments"
    cases: list[tuple[Any, tuple[Any, ...], dict[str, Any], str]] = [
        (view.insert_node, (node,), {}, no_positional),
        (view.insert_node, (node,), {"node": node}, no_positional),
        (view.insert_node, (), {}, "keyword arguments are required"),
        (view.insert_node, (), {"other": node}, "keyword argument is required"),
        (view.insert_node, (), {"node": None}, "Invalid object"),
        (view.insert_node, (), {"node": bound}, "Invalid object"),
        (view.insert_edge, (), {"edge": node}, "Invalid object"),
        (node.is_same, (), {"other": bound}, "Invalid object"),
        (node.get_attr, (), {"key": 5}, "Expected a string"),
        (node.get_attr, (), {"key": "\ud800"}, "Expected a string"),
        (EdgeReference.create, (), {"source": node}, "keyword argument is required"),
        (EdgeReference.create, (), {"source": None, "edge_type": "x"}, "Invalid object"),
        (EdgeReference.create, (), {"source": node, "target": node, "edge_type": 1, "name": 5}, "Expected a string"),
        (EdgeReference.create, (), {"source": node, "target": node, "edge_type": 1, "a": None}, "Unsupported attribute literal"),
        (view.get_subgraph_from_nodes, (), {"nodes": (bound,)}, "nodes must be a list"),
        (view.get_subgraph_from_nodes, (), {"nodes": [node]}, "nodes must be a list of BoundNode"),
    ]
    for function, args, keywords, message in cases:
        with pytest.raises(TypeError) as caught:
            function(*args, **keywords)
        assert str(caught.value) == message, (function, keywords)
    for bad in (-1, 256, 1 << 70, -(1 << 70)):
        with pytest.raises(ValueError, match="Edge type out of range"):
            EdgeReference.create(source=node, target=node, edge_type=bad)
        with pytest.raises(ValueError, match="Edge type out of range"):
            bound.visit_edges_of_type(edge_type=bad, ctx=None, f=print)
    for bad_type in (1.0, "1", None):
        with pytest.raises(TypeError):
            EdgeReference.create(source=node, target=node, edge_type=bad_type)  # type: ignore[arg-type]


def test_unknown_keywords_are_ignored_and_some_methods_ignore_everything(workspace: bindd.Workspace) -> None:
    view = GraphView.create(1, 2, x=3)  # type: ignore[call-arg]
    bound = view.create_and_insert_node(1, validate=False)  # type: ignore[call-arg]
    node = bound.node(5)  # type: ignore[call-arg]
    assert view.bind(node=node, mount_reference=None) == bound  # type: ignore[call-arg]
    assert view.insert_node(**{"attributes": {}, "node": node}) == bound
    assert node.get_uuid("a", b=1) == hash(bound)  # type: ignore[call-arg]


def test_keywords_are_found_by_text_too(workspace: bindd.Workspace) -> None:
    view = GraphView.create()
    name = "".join(["no", "de"])  # not the interned string
    assert view.bind(**{name: view.get_self_node().node()}) == view.get_self_node()


def test_a_bool_that_raises_comes_through(workspace: bindd.Workspace) -> None:
    class Bad:
        def __bool__(self) -> bool:
            raise ZeroDivisionError

    node = GraphView.create().get_self_node().node()
    with pytest.raises(ZeroDivisionError):
        EdgeReference.create(source=node, target=node, edge_type=1, directional=Bad())  # type: ignore[arg-type]


class Number(IntEnum):
    SEVEN = 7


class Index:
    def __index__(self) -> int:
        return 8


LITERALS: list[tuple[Any, Any]] = [
    (True, True), (False, False), (0, 0), (-1, -1), ((1 << 63) - 1, (1 << 63) - 1), (-(1 << 63), -(1 << 63)),
    (1 << 63, float(1 << 63)), (Number.SEVEN, 7), (Index(), 8), (1.5, 1.5), (-0.0, -0.0), (math.inf, math.inf),
    (Fraction(1, 2), 0.5), ("", ""), ("a\0b", "a\0b"), ("ä€𝄞", "ä€𝄞"),
]


def test_literals(fake: FakeDaemon, workspace: bindd.Workspace) -> None:
    for value, expected in LITERALS:
        NodeReference.create(k=value)
        workspace.sync()
        payload = fake.of("NODE_REFERENCE_CREATE")[-1].payload[16:]  # node, count, key
        (kind,) = struct.unpack_from("<I", payload)
        formats = {1: "<q", 2: "<d", 3: "<I"}
        if kind == 4:
            (size,) = struct.unpack_from("<I", payload, 4)
            got: Any = payload[8 : 8 + size].decode()
        else:
            (got,) = struct.unpack_from(formats[kind], payload, 4)
        assert type(expected) is {1: int, 2: float, 3: bool, 4: str}[kind]
        assert got == expected and str(got if kind != 3 else bool(got)) == str(expected)
    NodeReference.create(k=math.nan)
    for bad in (None, b"x", [], {}, (), object(), "\udcff", 10**400, 1j):
        with pytest.raises(TypeError, match="Unsupported attribute literal"):
            NodeReference.create(k=bad)


# -- local and unfailing -----------------------------------------------------------------------------------------------------


def test_reprs(workspace: bindd.Workspace) -> None:
    all_of = make_all()
    base = all_of["view"].get_self_node().node().get_uuid()
    assert repr(all_of["view"]) == f"GraphView(id=0x{base:x}, |V|=2, |E|=1)"
    assert repr(all_of["bound"]) == f"BoundNode(node=0x{base + 1:x}, graph=0x{base:x})"
    assert repr(all_of["bound_edge"]) == f"BoundEdge(src=0x{base + 1:x}, tgt=0x{base + 1:x}, graph=0x{base:x})"
    assert repr(all_of["node"]) == f"NodeReference(uuid=0x{base + 1:x})"


def test_equality(workspace: bindd.Workspace) -> None:
    view, other = GraphView.create(), GraphView.create()
    bound = view.create_and_insert_node()
    assert bound == view.bind(node=bound.node()) == other.bind(node=bound.node())
    assert bound != view.get_self_node() and bound != 5 and not bound == None  # noqa: E711
    assert bound.__eq__(bound) is True and bound.__hash__() == hash(bound) == bound.node().get_uuid()
    assert bound.__eq__(5) is False or bound.__eq__(5) is NotImplemented
    with pytest.raises(TypeError):
        bound < bound  # type: ignore[operator]  # noqa: B015
    node = bound.node()
    assert node != bound.node() and node == node and node.is_same(other=bound.node())
    assert bound.g() != view and not node.is_same(other=view.get_self_node().node())
    with bindd.connect():
        assert GraphView.create().get_self_node() != bound


@pytest.mark.parametrize("end", ["alive", "destroyed", "closed", "lost"])
def test_local_operations_never_fail(fake: FakeDaemon, end: str) -> None:
    fake.answer = answer_parse
    with bindd.connect() as workspace:
        handles = [*make_all().values(), workspace]
        document = sexp.parse("(a b)")
        handles += [document, document.root, document.root[1]]
        if end == "destroyed":
            handles[0].destroy()
            document.free()
        elif end == "closed":
            workspace.close()
        elif end == "lost":
            fake.answer = lambda client, message: client.link.shutdown(2) or True
            with pytest.raises(errors.WorkerCrashed):
                workspace.sync()
        for handle in handles:
            poke(handle)


def test_handles_are_small_and_not_tracked_by_the_collector(workspace: bindd.Workspace) -> None:
    for handle in make_all().values():
        assert not gc.is_tracked(handle) and sys.getsizeof(handle) <= 48
        with pytest.raises(AttributeError):
            handle.anything = 1


def test_handles_cannot_be_copied(workspace: bindd.Workspace) -> None:
    for name, handle in [*make_all().items(), ("workspace", workspace)]:
        if name == "view":
            continue  # a view can: test_pickling.py
        for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot be copied or pickled"):
                attempt(handle)


def test_addresses_are_kind_generation_index(workspace: bindd.Workspace) -> None:
    handles = make_all()
    kinds = {"node": 1, "edge": 2, "view": 3, "bound": 4, "bound_edge": 5}
    for name, handle in handles.items():
        address = handle.__zig_address__()
        assert address >> 56 == kinds[name] and address >> 32 & 0xFFFFFF == workspace.generation
    assert handles["node"].__zig_address__() & 0xFFFFFFFF == handles["node"].get_uuid()


def test_types_keep_their_reference_counts(workspace: bindd.Workspace) -> None:
    gc.collect()  # what earlier tests left in cycles would go while this one counts
    view = GraphView.create()
    before = sys.getrefcount(BoundNode)
    kept = [view.create_and_insert_node() for _ in range(1000)]
    assert sys.getrefcount(BoundNode) == before + 1000
    kept.clear()
    assert sys.getrefcount(BoundNode) == before


def test_counts_of_living_handles(fake: FakeDaemon, workspace: bindd.Workspace) -> None:
    def live() -> dict[str, int]:
        page = struct.unpack_from("<32Q", os.pread(fake.pages[0], 4096, 0), 48)
        told = workspace.statistics()["live"]
        assert page[1:6] == tuple(told[k] for k in ("NodeReference", "EdgeReference", "GraphView", "BoundNode", "BoundEdge"))
        return told

    handles = make_all()
    assert live() == {**dict.fromkeys(live(), 0), **dict.fromkeys(
        ["NodeReference", "EdgeReference", "GraphView", "BoundNode", "BoundEdge", "Workspace"], 1)}
    handles.clear()
    assert sum(live().values()) == 1


# -- stale handles --------------------------------------------------------------------------------------------------------------


def test_use_after_destroy(workspace: bindd.Workspace) -> None:
    handles = make_all()
    handles["view"].destroy()
    line = inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]
    for use in uses(handles):
        with pytest.raises(errors.StaleHandleError, match=f"was destroyed at .*test_handles.py:{line}"):
            use()
    handles["view"].destroy()
    assert handles["bound"].node().is_same(other=handles["node"])


@pytest.mark.parametrize("file", ["/" + "é" * 400, "/x" + "é" * 400, "/tmp/\udcff.py"], ids=["even", "odd", "no UTF-8"])
def test_where_it_was_destroyed_is_told_in_whole_characters(workspace: bindd.Workspace, file: str) -> None:
    view = GraphView.create()
    names: dict[str, Any] = {}
    exec(compile("def end(view): view.destroy()", file, "exec"), names)  # noqa: S102
    names["end"](view)
    with pytest.raises(errors.StaleHandleError, match="was destroyed at /") as caught:
        view.get_node_count()
    assert "\ufffd" not in str(caught.value)


def test_use_after_close(fake: FakeDaemon) -> None:
    with bindd.connect("shop") as workspace:
        handles = make_all()
    assert workspace.state == "closed"
    for use in [*uses(handles), *other_uses(handles), workspace.sync]:
        with pytest.raises(ReferenceError, match="was closed"):
            use()
    workspace.close()


def test_use_after_a_crash(fake: FakeDaemon) -> None:
    fake.on_control = lambda command, arguments: {
        "known": True, "signal": 11, "signal_name": "SIGSEGV", "operation_name": "sync", "request": 5, "elapsed_ms": 1}
    with bindd.connect() as workspace:
        handles = make_all()
        first = handles["node"].get_uuid()
        fake.answer = lambda client, message: client.link.shutdown(2) or True
        with pytest.raises(errors.WorkerCrashed) as caught:
            workspace.sync()
        assert fake.controls == [("obituary", {"pid": 4_000_000})]
        assert caught.value.signal_name == "SIGSEGV" and caught.value.lost == 5 and caught.value.request_id == 5
        for use in [*uses(handles), *other_uses(handles), workspace.sync]:
            with pytest.raises(errors.StaleHandleError, match="died with SIGSEGV during sync"):
                use()
        fake.answer = lambda client, message: False
        fresh = make_all()  # the current workspace is opened anew
        assert fresh["node"].get_uuid() > first
        assert fresh["node"].__zig_address__() >> 32 & 0xFFFFFF == workspace.generation + 1
        with pytest.raises(errors.StaleHandleError):
            fresh["view"].insert_node(node=handles["node"])
        fresh["view"].destroy()


def test_objects_of_two_workspaces_do_not_mix(fake: FakeDaemon) -> None:
    with bindd.connect():
        theirs = make_all()
        with bindd.connect():
            ours = make_all()
            for use in (
                lambda: ours["view"].insert_node(node=theirs["node"]), lambda: ours["view"].bind(node=theirs["node"]),
                lambda: ours["view"].insert_edge(edge=theirs["edge"]),
                lambda: ours["view"].insert_subgraph(subgraph=theirs["view"]),
                lambda: ours["view"].get_subgraph_from_nodes(nodes=[theirs["bound"]]),
                lambda: EdgeReference.create(source=ours["node"], target=theirs["node"], edge_type=1),
            ):
                with pytest.raises(ValueError, match="workspace"):
                    use()
        assert not theirs["node"].is_same(other=GraphView.create().get_self_node().node())


# -- membership ---------------------------------------------------------------------------------------------------------------


def test_an_edge_between_known_members_is_a_command_else_a_call(fake: FakeDaemon, workspace: bindd.Workspace) -> None:
    def answer(client: Client, message: Message) -> bool:
        if message.operation == OP["GRAPH_VIEW_INSERT_EDGE"] and message.flags & 8:
            client.fail(message, "ValueError", "Edge source node not in graph")
            return True
        return False

    fake.answer = answer
    view = GraphView.create()
    free = NodeReference.create()
    edge = EdgeReference.create(source=free, target=free, edge_type=1)
    with pytest.raises(ValueError, match="Edge source node not in graph"):
        view.insert_edge(edge=edge)
    assert "|E|=0" in repr(view)
    view.insert_node(node=free)
    before = workspace.statistics()["round_trips"]
    view.insert_edge(edge=edge)
    view.insert_edge(edge=edge)
    assert workspace.statistics()["round_trips"] == before
    workspace.sync()
    assert len(fake.of("GRAPH_VIEW_INSERT_EDGE")) == 2 and "|E|=1" in repr(view)


def answer_visit(client: Client, message: Message) -> bool:
    if message.operation == OP["BOUND_NODE_VISIT_EDGES_OF_TYPE"]:
        client.reply(message, pack_u32(2, 11, 1, 2, 5, 12, 2, 1, 5 | 0x100))
        return True
    return False


def test_visit(fake: FakeDaemon, workspace: bindd.Workspace) -> None:
    fake.answer = answer_visit
    view = GraphView.create()
    bound = view.create_and_insert_node()
    seen: list[Any] = []
    for directed, word in ((None, 0), (True, 1), (False, 2)):
        bound.visit_edges_of_type(edge_type=5, ctx=seen, f=lambda ctx, edge: ctx.append(edge), directed=directed)
        assert fake.of("BOUND_NODE_VISIT_EDGES_OF_TYPE")[-1].words()[2:] == (5, word)
    assert len(seen) == 6 and type(seen[0]) is BoundEdge
    edge = seen[1].edge()
    assert (edge.source().get_uuid(), edge.target().get_uuid(), edge.edge_type(), edge.directional()) == (2, 1, 5, True)
    seen.clear()

    def stop(ctx: Any, edge: BoundEdge) -> None:
        seen.append(edge)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        bound.visit_edges_of_type(edge_type=5, ctx=None, f=stop)
    assert len(seen) == 1

    def destroy(ctx: Any, edge: BoundEdge) -> None:
        view.destroy()
        seen.append(repr(edge.edge()))

    bound.visit_edges_of_type(edge_type=5, ctx=None, f=destroy)
    assert len(seen) == 3


def test_a_visit_with_a_cut_answer_calls_nobody(fake: FakeDaemon, workspace: bindd.Workspace) -> None:
    fake.answer = lambda client, message: message.operation == OP["BOUND_NODE_VISIT_EDGES_OF_TYPE"] and not client.reply(
        message, pack_u32(2, 11, 1, 2, 5, 12))
    bound = GraphView.create().get_self_node()
    with pytest.raises(errors.ProtocolError):
        bound.visit_edges_of_type(edge_type=5, ctx=None, f=lambda c, e: pytest.fail("called"))


# -- store ----------------------------------------------------------------------------------------------------------------------


def test_store(workspace: bindd.Workspace) -> None:
    view, other = GraphView.create(), GraphView.create()
    bound = view.create_and_insert_node()
    assert bound.try_load(t=int) is None
    with pytest.raises(KeyError, match="No data stored on this BoundNode"):
        bound.load(t=int)
    data = {"a": 1}
    bound.store(data=data)
    assert other.bind(node=bound.node()).load(t=dict) is data and bound.load(t=(int, dict)) is data
    expected = "BoundNode.load: stored data is not an instance of the expected type"
    for bad in (int, 5, "x"):
        with pytest.raises(TypeError) as caught:
            bound.load(t=bad)
        assert str(caught.value) == expected
    assert bound.try_load(t=int) is None
    with pytest.raises(TypeError):
        bound.try_load(t=5)
    view.destroy()
    assert other.bind(node=bound.node()).load(t=dict) is data
    bound.store(data=None)
    assert bound.load(t=type(None)) is None
