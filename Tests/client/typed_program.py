"""A program as a careful user writes it, for the type checkers; test_types.py checks it strictly, and runs it.

Each `assert_type` says what a checker must know without being told.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TypeVar

import bindd
from bindd import errors, sexp
from bindd.faebryk import (
    EdgeComposition, EdgeCreationAttributes, EdgeInterfaceConnection, EdgePointer, EdgeTrait, EdgeType,
    NodeCreationAttributes, Trait, TypeGraph,
)
from bindd.graph import BFSPath, BoundEdge, BoundNode, EdgeReference, GraphView, NodeReference

T = TypeVar("T")


def assert_type(value: T, _kind: type[T] | None) -> T:
    """typing.assert_type is for the checkers alone; this one is checked when it runs, too."""
    assert _kind is None or isinstance(value, _kind), (value, _kind)
    return value


def graphs() -> int:
    view = assert_type(GraphView.create(), GraphView)
    resistor: NodeReference = NodeReference.create(name="R1", value=4.7, fitted=True, pins=2)
    ground: BoundNode = view.insert_node(node=NodeReference.create(name="GND"))
    bound: BoundNode = view.insert_node(node=resistor)
    edge: EdgeReference = EdgeReference.create(source=resistor, target=ground.node(), edge_type=1, name="pad 2", net=3)
    inserted: BoundEdge = view.insert_edge(edge=edge)
    value: int | float | str | bool | None = resistor.get_attr(key="value")
    every: dict[str, int | float | str | bool] = resistor.get_dynamic_attrs()
    names: list[str | None] = []

    def see(context: list[str | None], found: BoundEdge) -> None:
        context.append(found.edge().name())

    bound.visit_edges_of_type(edge_type=1, ctx=names, f=see)
    visitor: Callable[[list[str | None], BoundEdge], object] = see
    bound.visit_edges_of_type(edge_type=1, ctx=names, f=visitor, directed=None)
    assert names == ["pad 2", "pad 2"] and value == 4.7 and len(every) == 4
    assert inserted.g().get_node_count() == 3 and bound == view.bind(node=resistor) and hash(bound)
    count = assert_type(edge.edge_type() + resistor.get_uuid() + inserted.__zig_address__(), int)
    twins: list[bool] = [edge.is_same(other=edge), resistor.is_same(other=ground.node()), edge.directional()]
    data = assert_type(view.to_bytes(), bytes)
    again: GraphView = GraphView.from_bytes(data=data)
    nodes: list[BoundNode] = again.get_nodes()
    again.destroy()
    return count + len(nodes) + len(twins)


def edge_kinds() -> None:
    view = GraphView.create()
    parent, child = view.create_and_insert_node(), view.create_and_insert_node()
    owned: BoundEdge = EdgeComposition.add_child(bound_node=parent, child=child.node(), child_identifier="r")
    found: BoundNode | None = EdgeComposition.get_child_by_identifier(bound_node=parent, child_identifier="r")
    up: BoundEdge | None = EdgeComposition.get_parent_edge(bound_node=child)
    children: list[BoundNode] = EdgeComposition.get_children_query(bound_node=parent, direct_only=True, types=None)
    step: SimpleNamespace = EdgeComposition.traverse(identifier="r")
    assert found is not None and up is not None and len(children) == 1 and step.identifier == "r"
    assert EdgeComposition.get_name(edge=owned.edge()) == "r" and EdgeComposition.is_instance(edge=owned.edge())
    recipe: EdgeCreationAttributes = EdgeCreationAttributes.create(edge_type=9, directional=True, name=None, dynamic={"a": 1})
    made: EdgeReference = recipe.create_edge(source=parent.node(), target=child.node())
    NodeCreationAttributes.init(dynamic={"b": 2.5}).apply_to(node=parent.node())
    EdgePointer.point_to(bound_node=parent, target_node=child.node(), identifier="p", index=None)
    target: BoundNode | None = EdgePointer.get_pointed_node_by_identifier(bound_node=parent, identifier="p")
    kinds: set[int] = {EdgeTrait.get_tid(), EdgeType.get_tid(), EdgePointer.get_tid(), made.edge_type()}
    assert target is not None and len(kinds) == 4


def types() -> None:
    view = GraphView.create()
    graph: TypeGraph = TypeGraph.create(g=view)
    kind: BoundNode = graph.add_type(identifier="Resistor")
    trait: BoundNode = graph.add_type(identifier="is_part")
    Trait.mark_as_trait(trait_type=trait)
    for made in (kind, trait):
        graph.mark_constructable(type_node=made)
    one: BoundNode = graph.instantiate_node(type_node=kind, attributes={})
    other: BoundNode = graph.instantiate_node(type_node=kind, attributes={"n": 2})
    added: BoundNode = Trait.add_trait_to(target=one, trait_type=trait)
    has: BoundNode | None = Trait.try_get_trait(target=one, trait_type=trait)
    link: BoundEdge = EdgeInterfaceConnection.connect(bn1=one, bn2=other)
    paths: dict[BoundNode, BFSPath] = EdgeInterfaceConnection.get_connected(source=one, include_self=True)
    lengths: list[int] = sorted(path.get_length() for path in paths.values())
    assert has is not None and added.g().get_node_count() > 3, "a trait"
    assert link.edge().edge_type() == EdgeInterfaceConnection.get_tid() and lengths == [0]


def documents() -> None:
    with sexp.parse("(board (net 1 \"GND\"))", label="b") as document:
        root: sexp.List | sexp.Atom = document.root
        assert isinstance(root, sexp.List)
        net: sexp.List | None = root.find("net")
        assert net is not None
        name: sexp.List | sexp.Atom = net[2]
        part: list[sexp.List | sexp.Atom] = net[1:]
        assert isinstance(name, sexp.Atom)
        number: int | float | str = name.value
        text: str = sexp.dumps(document)
        assert len(part) == 2 and number == "GND" and text
    try:
        sexp.parse("(open")
    except errors.SexpError as error:
        line: int | None = error.line
        words: str = error.hint + error.caret + error.message
        assert line == 1 and words


def processes() -> None:
    with bindd.connect("typed", timeout=5.0) as workspace:
        assert_type(workspace, bindd.Workspace)
        facts: tuple[str, int, bool] = (workspace.name, workspace.pid, workspace.alive)
        with bindd.call_timeout(workspace, 5.0):
            workspace.sync()
        assert facts[0] == "typed" and bindd.handles()["workspaces"] and bindd.find_bindd_bin()
    numbers: dict[str, object] = dict(bindd.statistics())
    assert numbers and bindd.__version__ + bindd.__build__
    try:
        raise errors.WorkerCrashed("no", pid=1)
    except (bindd.WorkerCrashed, bindd.WorkerHung) as error:
        pid: int | None = error.pid
        stack: tuple[str, ...] = error.native_stack
        assert pid == 1 and stack == ()


def main() -> None:
    graphs()
    edge_kinds()
    types()
    documents()
    processes()
    bindd.close()


if __name__ == "__main__":
    main()
