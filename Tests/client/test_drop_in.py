"""A program written for the replaced layer, with every habit that such programs have: it finds the modules under their old
names, and relies on what it always could. What is asked of each habit is in shared/spec/seam.md.
"""

from __future__ import annotations

from conftest import alone


def register() -> None:
    """As the loader of those programs does: every module of the tree under the name that the rest imports."""
    import sys
    from types import ModuleType

    import pyzig

    def walk(module: ModuleType, name: str, seen: set[int]) -> None:
        if id(module) in seen:
            return
        seen.add(id(module))
        sys.modules[name] = module
        for attribute in dir(module):
            value = getattr(module, attribute)
            if not attribute.startswith("_") and isinstance(value, ModuleType):
                walk(value, f"{name}.{attribute}", seen)

    for parent in ("faebryk", "faebryk.core"):
        sys.modules[parent] = ModuleType(parent)
    walk(pyzig, "faebryk.core.zig", set())


@alone
def test_imports_as_always() -> None:
    register()
    from faebryk.core.zig.gen.faebryk.composition import EdgeComposition  # type: ignore[import-not-found]
    from faebryk.core.zig.gen.faebryk.edgebuilder import EdgeCreationAttributes  # type: ignore[import-not-found]
    from faebryk.core.zig.gen.faebryk.interface import EdgeInterfaceConnection  # type: ignore[import-not-found]
    from faebryk.core.zig.gen.faebryk.linker import Linker  # type: ignore[import-not-found]
    from faebryk.core.zig.gen.faebryk.next import EdgeNext  # type: ignore[import-not-found]
    from faebryk.core.zig.gen.faebryk.node_type import EdgeType  # type: ignore[import-not-found]
    from faebryk.core.zig.gen.faebryk.nodebuilder import NodeCreationAttributes  # type: ignore[import-not-found]
    from faebryk.core.zig.gen.faebryk.operand import EdgeOperand  # type: ignore[import-not-found]
    from faebryk.core.zig.gen.faebryk.pointer import EdgePointer  # type: ignore[import-not-found]
    from faebryk.core.zig.gen.faebryk.trait import EdgeTrait, Trait  # type: ignore[import-not-found]
    from faebryk.core.zig.gen.faebryk.typegraph import (  # type: ignore[import-not-found]
        TypeGraph, TypeGraphInstantiationError, TypeGraphPathError, TypeGraphResolveError,
    )
    from faebryk.core.zig.gen.graph.graph import (  # type: ignore[import-not-found]
        BFSPath, BoundEdge, BoundNode, EdgeReference, GraphView, NodeReference,
    )

    import bindd.graph

    assert GraphView is bindd.graph.GraphView and BoundNode.__name__ == "BoundNodeReference"
    names = {
        BFSPath, BoundEdge, EdgeReference, NodeReference, EdgeComposition, EdgeCreationAttributes, EdgeInterfaceConnection, Linker,
        EdgeNext, EdgeType, NodeCreationAttributes, EdgeOperand, EdgePointer, EdgeTrait, Trait, TypeGraph}
    assert len(names) == 16
    for error in (TypeGraphInstantiationError, TypeGraphPathError, TypeGraphResolveError):
        assert issubclass(error, ValueError) and error.__module__ == "faebryk.core.zig"


@alone
def test_identity_and_equality() -> None:
    from pyzig.gen.graph.graph import EdgeReference, GraphView, NodeReference

    view, other = GraphView.create(), GraphView.create()
    node = NodeReference.create()
    bound, elsewhere = view.insert_node(node=node), other.insert_node(node=node)
    assert view.bind(node=node) is not view.bind(node=node), "each access makes a fresh handle"
    assert (bound.g() == bound.g()) is False and (bound.node() == bound.node()) is False
    edge = EdgeReference.create(source=node, target=node, edge_type=1)
    made = view.insert_edge(edge=edge)
    assert (made.edge() == made.edge()) is False and edge.is_same(other=made.edge())
    assert bound == view.bind(node=node) == elsewhere, "bound nodes compare by the node alone, across graphs"
    assert hash(bound) == hash(elsewhere) == node.get_uuid()
    cache = {bound: "first"}
    cache[elsewhere] = "second"
    assert cache == {view.bind(node=node): "second"} and len({bound, elsewhere}) == 1
    assert repr(view).startswith("GraphView(id=0x") and repr(view).endswith("|V|=2, |E|=1)")
    assert repr(bound) == f"BoundNode(node={node.get_uuid():#x}, graph={view.get_self_node().node().get_uuid():#x})"
    assert type(bound) is type(elsewhere) and isinstance(bound, type(elsewhere))


@alone
def test_arguments() -> None:
    import pytest
    from pyzig.gen.faebryk.composition import EdgeComposition
    from pyzig.gen.graph.graph import EdgeReference, GraphView, NodeReference

    view = GraphView.create()
    node = NodeReference.create(name="n")
    with pytest.raises(TypeError, match="does not take positional arguments"):
        view.insert_node(node)
    with pytest.raises(TypeError, match="Invalid object"):
        view.insert_node(node="no node")
    bound = view.insert_node(node=node, unknown_keyword=1)
    assert view.bind(node=node, whatever=None) == bound
    child = NodeReference.create()
    view.insert_node(node=child)
    EdgeComposition.add_child(bound_node=bound, child=child, child_identifier="c", more=True)
    with pytest.raises(TypeError):
        EdgeReference.create(source=node, edge_type=1)
    with pytest.raises(TypeError):
        GraphView()


@alone
def test_results_are_fresh_and_plain() -> None:
    from pyzig.gen.graph.graph import EdgeReference, GraphView, NodeReference

    view = GraphView.create()
    parent = view.create_and_insert_node()
    children = []
    for number in range(20):
        child = NodeReference.create(number=number, text=f"ä {number}\n\t\\\"")
        view.insert_node(node=child)
        view.insert_edge(edge=EdgeReference.create(source=parent.node(), target=child, edge_type=7, name=str(number)))
        children.append(child)
    nodes = view.get_nodes()
    assert type(nodes) is list and nodes is not view.get_nodes()
    nodes.clear()
    assert len(view.get_nodes()) == 22
    attributes = children[3].get_dynamic_attrs()
    assert type(attributes) is dict and attributes == {"number": 3, "text": "ä 3\n\t\\\""}
    seen: list[str] = []
    parent.visit_edges_of_type(edge_type=7, ctx=seen, f=lambda ctx, bound: ctx.append(bound.edge().name()) or "ignored")
    assert seen == [str(number) for number in range(20)], "in order of insertion"


@alone
def test_callbacks_nest_and_their_exceptions_come_through() -> None:
    import pytest
    from pyzig.gen.graph.graph import EdgeReference, GraphView

    class Stop(Exception):
        pass

    view = GraphView.create()
    chain = [view.create_and_insert_node() for _ in range(4)]
    for one, next_one in zip(chain, chain[1:], strict=False):
        view.insert_edge(edge=EdgeReference.create(source=one.node(), target=next_one.node(), edge_type=1, directional=True))
    depth: list[int] = []

    def visit(level: int, edge: object) -> None:
        depth.append(level)
        view.create_and_insert_node()  # a change inside a visit
        if level < 3:
            chain[level].visit_edges_of_type(edge_type=1, ctx=level + 1, f=visit)

    chain[0].visit_edges_of_type(edge_type=1, ctx=1, f=visit)
    assert max(depth) == 3 and view.get_node_count() == 5 + len(depth)
    reason = Stop("as it is")

    def fail(_ctx: object, _edge: object) -> None:
        raise reason

    with pytest.raises(Stop) as caught:
        chain[0].visit_edges_of_type(edge_type=1, ctx=None, f=fail)
    assert caught.value is reason


@alone
def test_objects_of_python_on_nodes() -> None:
    """A dictionary behind each node, and addresses of objects in strings of the graph, cast back."""
    import ctypes
    from dataclasses import dataclass

    from pyzig.gen.graph.graph import GraphView, NodeReference

    @dataclass
    class Holder:
        text: str

    view = GraphView.create()
    kept = Holder("kept")
    view.create_and_insert_node().store(data=kept)
    bound = view.insert_node(node=NodeReference.create(address=str(id(kept))))
    bound.store(data=kept)
    assert view.bind(node=bound.node()).load(t=Holder) is kept and bound.try_load(t=Holder) is kept
    text = bound.node().get_attr(key="address")
    assert ctypes.cast(int(str(text)), ctypes.py_object).value is kept


@alone
def test_references_by_dataclass_and_by_namespace() -> None:
    from dataclasses import dataclass

    import pytest
    from pyzig.gen.faebryk.composition import EdgeComposition
    from pyzig.gen.faebryk.typegraph import TypeGraph, TypeGraphPathError
    from pyzig.gen.graph.graph import GraphView

    @dataclass(frozen=True)
    class EdgeTraversal:
        identifier: str
        edge_type: int

    view = GraphView.create()
    types = TypeGraph.create(g=view)
    kind = types.add_type(identifier="kind")
    part = types.add_type(identifier="part")
    types.add_make_child(type_node=kind, child_type=part, identifier="p")
    step = EdgeComposition.traverse(identifier="p")
    assert type(step).__name__ == "SimpleNamespace" and (step.identifier, step.edge_type) == ("p", EdgeComposition.get_tid())
    for path in (["p"], [step], [EdgeTraversal("p", EdgeComposition.get_tid())]):
        assert types.ensure_child_reference(type_node=kind, path=path) is not None
    with pytest.raises(TypeGraphPathError) as caught:
        types.collect_pointer_members(type_node=kind, container_path=["nowhere", "q"])
    error = caught.value
    assert isinstance(error, ValueError) and error.path == ["nowhere", "q"] and error.failing_segment == "nowhere"
    assert (error.failing_segment_index, error.kind, error.index_value) == (0, "missing_child", None)


@alone
def test_what_handles_refuse() -> None:
    import copy
    import pickle
    import weakref

    import pytest
    from pyzig.gen.graph.graph import GraphView

    view = GraphView.create()
    bound = view.create_and_insert_node()
    for handle in (bound, bound.node()):
        for attempt in (copy.deepcopy, pickle.dumps, weakref.ref, lambda one: one < one):
            with pytest.raises(TypeError):
                attempt(handle)
        with pytest.raises(AttributeError):
            handle.anything = 1


@alone
def test_destroying_is_explicit_and_ids_are_not_used_twice() -> None:
    import gc

    from bindd import debug, errors
    from pyzig.gen.graph.graph import GraphView

    seen: set[int] = set()
    for _ in range(50):
        view = GraphView.create()
        nodes = [view.create_and_insert_node() for _ in range(10)]
        fresh = {bound.node().get_uuid() for bound in nodes}
        assert not fresh & seen
        seen |= fresh
        view.destroy()
        view.destroy()
        assert [repr(bound) for bound in nodes] and {hash(bound) for bound in nodes} == fresh, "handles may outlive it"
        del view, nodes
        gc.collect()
    try:
        debug.crash()
    except errors.WorkerCrashed:
        pass
    view = GraphView.create()
    assert view.create_and_insert_node().node().get_uuid() not in seen, "nor after a new worker"


@alone
def test_one_manager_many_threads() -> None:
    """As a server does it: to_thread over one object, and handles that end in any thread."""
    import asyncio

    from pyzig.gen.graph.graph import GraphView

    view = GraphView.create()
    turn = asyncio.Lock()

    async def edit() -> None:
        async with turn:
            await asyncio.to_thread(lambda: [view.create_and_insert_node() for _ in range(5)] and view.get_node_count())

    async def main() -> None:
        await asyncio.gather(*(edit() for _ in range(40)))

    asyncio.run(main())
    assert view.get_node_count() == 201
