"""Handles: what is local, what they refuse, what they say when they are stale, what fork and threads do to them."""

from __future__ import annotations

import copy
import gc
import inspect
import math
import os
import pickle
import struct
import sys
import threading
import time
from collections.abc import Iterator
from enum import IntEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import bindd
import pytest
from bindd import _bindd, errors, sexp
from bindd.graph import BFSPath, BoundEdge, BoundNode, EdgeReference, GraphView, NodeReference
from fake_daemon import OP, Client, FakeDaemon, Message, answer_parse, pack_bytes, pack_u32, snapshot, snapshot_nodes

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDaemon]:
    tmp_path.chmod(0o700)
    with FakeDaemon(tmp_path) as daemon:
        monkeypatch.setenv("BINDD_SOCKET", daemon.path)
        yield daemon


@pytest.fixture
def workspace(fake: FakeDaemon) -> Iterator[bindd.Workspace]:
    with bindd.connect() as workspace:
        yield workspace


def make_all() -> dict[str, Any]:
    view = GraphView.create()
    bound = view.create_and_insert_node()
    edge = EdgeReference.create(source=bound.node(), target=bound.node(), edge_type=1)
    return {"view": view, "bound": bound, "node": bound.node(), "edge": edge, "bound_edge": view.insert_edge(edge=edge)}


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


def poke(handle: Any) -> None:
    """Everything that must never fail."""
    repr(handle), str(handle), hash(handle), bool(handle), dir(handle)
    assert handle == handle and not handle != handle and handle != 5
    assert handle.__zig_address__() >> 56 in range(1, 12)


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


def uses(handles: dict[str, Any]) -> list[Any]:
    view, bound, node, edge, bound_edge = (handles[k] for k in ("view", "bound", "node", "edge", "bound_edge"))
    return [
        view.get_self_node, view.create_and_insert_node, view.get_node_count, view.get_nodes, view.get_counts,
        lambda: view.insert_node(node=node), lambda: view.bind(node=node), lambda: view.insert_edge(edge=edge),
        lambda: view.get_subgraph_from_nodes(nodes=[]), lambda: view.insert_subgraph(subgraph=view),
        lambda: bound.visit_edges_of_type(edge_type=1, ctx=None, f=print),
    ]


def other_uses(handles: dict[str, Any]) -> list[Any]:
    bound, node, edge, bound_edge = (handles[k] for k in ("bound", "node", "edge", "bound_edge"))
    return [
        bound.node, bound.g, lambda: bound.store(data=1), lambda: bound.load(t=int), node.get_uuid, node.get_dynamic_attrs,
        lambda: node.is_same(other=node), lambda: node.get_attr(key="a"), edge.source, edge.target, edge.edge_type,
        edge.directional, edge.name, lambda: edge.is_same(other=edge), bound_edge.edge, bound_edge.g,
        lambda: EdgeReference.create(source=node, target=node, edge_type=1), handles["view"].destroy,
    ]


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


# -- fork and threads ---------------------------------------------------------------------------------------------------------


def in_child(body: Any) -> None:
    """Runs the body after fork; fails when it fails."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            body()
            status = 0
        except BaseException:  # noqa: B036
            import traceback

            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


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


# -- documents ------------------------------------------------------------------------------------------------------------------

TEXT = '(board (layer "F.Cu" 0) (net 1 "a\\nb\\x41\\q") ; why\n  (ä) () -1.5 0603 +7)'


def test_walking_a_document(fake: FakeDaemon, workspace: bindd.Workspace) -> None:
    fake.answer = answer_parse
    before = workspace.statistics()["round_trips"]
    with sexp.parse(TEXT, label="b.kicad_pcb") as document:
        root = document.root
        assert isinstance(root, sexp.List) and root.head == "board" and len(root) == 9 and document.label == "b.kicad_pcb"
        layer = root.find("layer")
        assert layer is not None and layer[1] == "F.Cu" and layer[1].kind == "string" and layer[2].value == 0
        assert root.find("nothing") is None and [item.head for item in root.find_all("net")] == ["net"]
        assert root.find("net")[2].text == "a\nbA\\q" and root.find("net")[2].raw == 'a\\nb\\x41\\q'
        assert root[3].kind == "comment" and root[3].text == "; why"
        assert root[4].head == "ä" and (root[4].line, root[4].column) == (2, 3) and root[4][0].raw == "ä"
        assert len(root[5]) == 0 and root[5].head is None and root[5] and list(root[5]) == []
        assert [root[i].value for i in (6, 7, 8)] == [-1.5, 603, 7]
        assert (root[6].line, root[6].column) == (2, 10)
        assert root[-1].value == 7 and [str(x) for x in root[-2:]] == ["0603", "+7"] and len(root[::-1]) == 9
        with pytest.raises(IndexError):
            root[9]
        with pytest.raises(IndexError):
            root[-10]
        assert root.raw == TEXT and root[1].raw == '(layer "F.Cu" 0)'
        assert root == document.root and hash(root) == hash(document.root) and root != root[1]
        assert root[1][1] == layer[1] and root[1][1] != layer[0] and {layer[1]: 1}[root[1][1]] == 1
        assert len(document) == 1 and document.forms[0] == root
        assert workspace.statistics()["round_trips"] == before + 1
    with pytest.raises(errors.StaleHandleError, match="b.kicad_pcb was freed"):
        document.root  # noqa: B018
    with pytest.raises(errors.StaleHandleError):
        len(root)
    workspace.sync()
    assert fake.of("RELEASE")[-1].words()[:2] == (7, 1)


def test_the_document_lives_as_long_as_its_parts(fake: FakeDaemon, workspace: bindd.Workspace) -> None:
    fake.answer = answer_parse
    atom = sexp.parse("(a (b c))").root[1][1]
    workspace.sync()
    assert not fake.of("RELEASE") and atom.text == "c"
    del atom
    workspace.sync()
    assert len(fake.of("RELEASE")) == 1


def test_paths_and_texts(fake: FakeDaemon, workspace: bindd.Workspace, tmp_path: Path) -> None:
    fake.answer = answer_parse
    path = tmp_path / "x.kicad_sch"
    path.write_text("(from file)")
    for source in (path, str(path)):
        document = sexp.parse(source)
        assert document.root.head == "from" and document.label == str(path)
    for text in ("(from text)", b"(from bytes)", bytearray(b"(from more)"), memoryview(b"(from view)")):
        assert sexp.parse(text).root.head == "from"  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError) as caught:
        sexp.parse(tmp_path / "nothing")
    assert not getattr(caught.value, "__notes__", [])
    for text in ("hello", "h" * 5000):
        with pytest.raises(OSError) as noted:
            sexp.parse(text)
        assert "names a file" in noted.value.__notes__[0]
    with pytest.raises(errors.StaleHandleError, match="ééé"):
        document = sexp.parse("(a)", label="x" + "é" * 700)
        document.free()
        document.root  # noqa: B018
    with pytest.raises(TypeError):
        sexp.parse(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="lone surrogates"):
        sexp.parse("(\udcff)")


def walk(document: sexp.Document) -> int:
    """Touches everything, without recursion; counts nodes."""
    count, stack = 0, list(document.forms)
    len(document), repr(document)
    while stack and count < 10_000:
        node = stack.pop()
        count += 1
        repr(node), hash(node), node == node, node.line, node.column, node.raw
        if isinstance(node, sexp.List):
            node.head, node.find("b"), node.find_all("b"), len(node), node[-1:]
            stack += list(node)
        else:
            node.text, node.value, node.kind
    return count


def test_hostile_snapshots(fake: FakeDaemon, workspace: bindd.Workspace) -> None:
    good = snapshot(b'(a (b "c\\n" 1.5) ; x\n d)')
    current = good

    def answer(client: Client, message: Message) -> bool:
        if message.operation != OP["SEXP_PARSE"]:
            return False
        client.reply(message, pack_u32(message.number) + pack_bytes(current))
        return True

    fake.answer = answer
    assert walk(sexp.parse("()")) == 8
    outcomes = {"walked": 0, "refused": 0}
    values = (0, 1, 2, 7, 8, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFF)
    for at in range(0, len(good) - 3, 4):
        for value in values:
            current = good[:at] + struct.pack("<I", value) + good[at + 4 :]
            try:
                walk(sexp.parse("()"))
                outcomes["walked"] += 1
            except (errors.SnapshotError, LookupError):
                outcomes["refused"] += 1
    for size in range(len(good)):
        current = good[:size]
        with pytest.raises(errors.SnapshotError):
            walk(sexp.parse("()"))
    assert min(outcomes.values()) > 50 and workspace.alive


def test_a_list_with_a_false_count(fake: FakeDaemon, workspace: bindd.Workspace) -> None:
    nodes = snapshot_nodes(b"(a b)")
    nodes[0][2] = 1 << 28
    fake.answer = lambda client, message: message.operation == OP["SEXP_PARSE"] and not client.reply(
        message, pack_u32(1) + pack_bytes(snapshot(b"(a b)", nodes)))
    root = sexp.parse("()").root
    with pytest.raises(errors.SnapshotError):
        root[5]
    with pytest.raises(errors.SnapshotError):
        list(root)
