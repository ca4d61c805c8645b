"""The typed layer through Python: its surface, what its errors carry, and what holds while worker and client both make
objects. Recorded behaviour is in test_golden.py, hostile results in test_faebryk_replies.py."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path

import pytest
from conftest import Home, alone


def rows(shared: Path) -> list[dict[str, str]]:
    with (shared / "spec" / "api_surface.tsv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file, delimiter="\t") if row["module"].startswith("faebryk.")]


def test_every_member_of_the_surface_is_there(shared: Path) -> None:
    import bindd.faebryk

    seen = 0
    for row in rows(shared):
        module = importlib.import_module(f"pyzig.gen.{row['module']}")
        if row["kind"] in ("module", "stub-only"):
            continue
        found: object = module
        for name in row["class"].split("."):
            found = getattr(found, name)
        assert getattr(bindd.faebryk, row["class"].rpartition(".")[2]) is found or row["kind"] == "alias"
        member = row["method"]
        if member.startswith("("):
            assert isinstance(found, type), row
        else:
            assert hasattr(found, member), row
            if row["kind"] in ("static", "instance") and not member.startswith("__"):
                assert getattr(found, member).__doc__, row
        seen += 1
    assert seen >= 150


def test_parameters_are_those_of_the_surface(shared: Path) -> None:
    """Names, order and which ones are required, as the text signature shows them."""
    import inspect
    import json

    from pyzig.gen import faebryk

    for row in rows(shared):
        if row["kind"] not in ("static", "instance") or row["argcheck"] != "parse" or row["fields"] in ("", "-"):
            continue
        found: object = getattr(faebryk, row["module"].split(".")[1])
        for name in row["class"].split("."):
            found = getattr(found, name)
        shown = [
            (name, parameter.default is not inspect.Parameter.empty)
            for name, parameter in inspect.signature(getattr(found, row["method"])).parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        ]
        wanted = [(field["name"], field["optional"]) for field in json.loads(row["fields"])]
        assert shown == wanted, row["class"] + "." + row["method"]


@pytest.mark.parametrize(
    "name",
    ["EdgeComposition", "EdgeTrait", "Trait", "EdgePointer", "EdgeInterfaceConnection", "EdgeOperand", "EdgeType", "EdgeNext",
     "EdgeCreationAttributes", "NodeCreationAttributes", "TypeGraph", "MakeChildNode", "Linker"],
)
def test_no_class_can_be_constructed(name: str) -> None:
    import bindd.faebryk

    cls = getattr(bindd.faebryk, name)
    assert cls.__module__ == "bindd.faebryk" and cls.__name__ == name and cls.__doc__
    for arguments in ((), (1,)):
        with pytest.raises(TypeError, match="Don't call __init__ on this type"):
            cls(*arguments)


def test_values_of_the_client_need_no_daemon() -> None:
    from types import SimpleNamespace

    from bindd.faebryk import (
        EdgeComposition, EdgeCreationAttributes, EdgeInterfaceConnection, EdgeNext, EdgePointer, EdgeTrait, MakeChildNode,
        NodeCreationAttributes, TypeGraph,
    )

    assert TypeGraph.MakeChildNode is MakeChildNode
    assert EdgeTrait.traverse(trait_type_name="t") == SimpleNamespace(identifier="t", edge_type=34)
    assert EdgePointer.traverse() == SimpleNamespace(identifier="", edge_type=78)
    assert [edge.get_tid() for edge in (EdgeNext.build(), EdgeInterfaceConnection.build())] == [41, 85]
    assert repr(EdgeComposition.build(child_identifier="x")) == "EdgeCreationAttributes(edge_type=130)"
    assert repr(MakeChildNode.build(value="x")) == "NodeCreationAttributes(1 attributes)"
    assert EdgePointer.build(index=32767).get_tid() == 78
    for index in (-1, 32768, 1 << 70):
        with pytest.raises(ValueError, match="Index out of range"):
            EdgePointer.build(index=index)
    for edge_type in (-1, 256, 1 << 70):
        with pytest.raises(ValueError, match="Edge type out of range"):
            EdgeCreationAttributes.create(edge_type=edge_type, directional=None, name=None, dynamic=None)
    for value in (None, b"x", [], 1 << 2000, "\ud800"):
        with pytest.raises(TypeError, match="edge_attributes values must be bool, int, float, or str"):
            NodeCreationAttributes.init(dynamic={"k": value})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="Expected a string"):
        NodeCreationAttributes.init(dynamic={1: 1})  # type: ignore[dict-item]
    for bad in (1, "a", None):
        repr(NodeCreationAttributes.init(dynamic=bad))  # type: ignore[arg-type]


def test_a_value_that_changes_its_dict_while_it_is_read() -> None:
    from bindd.faebryk import NodeCreationAttributes

    class Trap:
        def __float__(self) -> float:
            values.clear()
            return 1.5

    values: dict[str, object] = {f"k{i}": Trap() for i in range(50)}
    assert repr(NodeCreationAttributes.init(dynamic=values)) == "NodeCreationAttributes(50 attributes)"  # type: ignore[arg-type]


@alone
def test_recipes_make_edges() -> None:
    from bindd.faebryk import EdgeCreationAttributes, EdgePointer
    from bindd.graph import GraphView, NodeReference

    view = GraphView.create()
    a, b = (view.create_and_insert_node().node() for _ in range(2))
    recipe = EdgeCreationAttributes.create(
        edge_type=7, directional=True, name="n", dynamic={"i": 5, "f": 0.5, "b": True, "s": "x", "name": "ignored"})
    for edge in (recipe.create_edge(source=a, target=b), recipe.insert_edge(g=view, source=a, target=b).edge()):
        assert (edge.edge_type(), edge.directional(), edge.name()) == (7, True, "n")
        assert [edge.get_attr(key=key) for key in "ifbs"] == [5, 0.5, True, "x"]
        assert type(edge.get_attr(key="i")) is int
    with pytest.raises(ValueError, match="Edge target node not in graph"):
        recipe.insert_edge(g=view, source=a, target=NodeReference.create())
    pointer = EdgePointer.build(identifier="p", index=32767).create_edge(source=a, target=b)
    assert EdgePointer.get_index(edge=pointer) == 32767


@alone
def test_handles_see_edges_that_were_changed() -> None:
    from bindd.faebryk import EdgeComposition, EdgePointer, EdgeType, Linker, TypeGraph
    from bindd.graph import GraphView

    view = GraphView.create()
    types = TypeGraph.create(g=view)
    one, other = (types.add_type(identifier=name) for name in ("one", "other"))
    reference = types.add_type_reference(type_identifier="one")
    Linker.link_type_reference(g=view, type_reference=reference, target_type_node=one)
    edges: list[object] = []
    EdgePointer.visit_pointed_edges(bound_node=reference, f=lambda ctx, edge: edges.append(edge.edge()))
    edge = edges[0]
    assert EdgePointer.get_referenced_node(edge=edge).get_uuid() == one.node().get_uuid()  # type: ignore[arg-type]
    Linker.update_type_reference(g=view, type_reference=reference, target_type_node=other)
    assert edge.target().get_uuid() == other.node().get_uuid()  # type: ignore[attr-defined]
    assert Linker.get_resolved_type(type_reference=reference) == other
    assert EdgePointer.get_referenced_node(edge=edge).get_uuid() == other.node().get_uuid()  # type: ignore[arg-type]

    child = EdgeComposition.add_child(bound_node=one, child=other.node(), child_identifier="c").edge()
    second = EdgeComposition.get_parent_edge(bound_node=other)
    assert second is not None and EdgeComposition.is_instance(edge=child)
    EdgeType.build().apply_to(edge=child)
    assert child.edge_type() == 0 and EdgeType.is_instance(edge=child)
    assert EdgeType.is_node_instance_of(bound_node=other, node_type=one.node())
    child.refresh()


@alone
def test_errors_carry_what_callers_match_on() -> None:
    import copy
    import pickle

    from bindd.errors import BinddError
    from bindd.faebryk import TypeGraph, TypeGraphInstantiationError, TypeGraphPathError, TypeGraphResolveError
    from bindd.graph import GraphView

    view = GraphView.create()
    types = TypeGraph.create(g=view)
    plain = types.add_type(identifier="plain")
    with pytest.raises(TypeGraphInstantiationError) as made:
        types.instantiate(type_identifier="plain")
    assert (made.value.kind, made.value.identifier, made.value.node) == ("other", "plain", plain)
    assert made.value.node.node().get_attr(key="type_identifier") == "plain"
    with pytest.raises(TypeGraphPathError) as path:
        types.collect_pointer_members(type_node=plain, container_path=["a", "b"])
    assert (path.value.kind, path.value.path, path.value.failing_segment) == ("missing_child", ["a", "b"], "a")
    assert (path.value.failing_segment_index, path.value.index_value) == (0, None)
    reference = types.ensure_child_reference(type_node=plain, path=["x"])
    types.mark_constructable(type_node=plain)
    instance = types.instantiate(type_identifier="plain")
    with pytest.raises(TypeGraphResolveError) as resolved:
        types.reference_resolve(reference_node=reference, base_node=instance)
    assert (resolved.value.kind, resolved.value.identifier) == ("composition_child_not_found", "x")
    assert resolved.value.node == reference and resolved.value.node.g().get_self_node() == view.get_self_node()
    for error in (made.value, path.value, resolved.value):
        assert isinstance(error, ValueError) and isinstance(error, BinddError)
        assert type(error).__module__ == "faebryk.core.zig" and error.args == (str(error),)
        for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert type(again) is type(error) and (str(again), again.kind) == (str(error), error.kind)
    assert pickle.loads(pickle.dumps(resolved.value)).node == reference.node().get_uuid()
    view.destroy()
    assert resolved.value.node == reference and repr(resolved.value.node)


@alone
def test_ids_rise_whoever_makes_the_objects() -> None:
    """More nodes in one call than a lease has, and nodes of the client before, between and behind."""
    from bindd.faebryk import TypeGraph
    from bindd.graph import GraphView, NodeReference

    view = GraphView.create()
    types = TypeGraph.create(g=view)
    leaf, middle, top = (types.add_type(identifier=name) for name in ("leaf", "middle", "top"))
    for kind in (leaf, middle, top):
        types.mark_constructable(type_node=kind)
    for i in range(100):
        types.add_make_child(type_node=middle, child_type=leaf, identifier=f"c{i}")
        types.add_make_child(type_node=top, child_type=middle, identifier=f"c{i}")
    ids = []
    for _ in range(3):
        ids += [NodeReference.create().get_uuid(), view.create_and_insert_node().node().get_uuid()]
        ids.append(types.instantiate(type_identifier="top").node().get_uuid())
    assert ids == sorted(ids) and len(set(ids)) == len(ids)
    assert ids[3] > ids[2] + 100 * 101 and view.get_node_count() > 3 * 10_100
    assert [node.node().get_uuid() for node in view.get_nodes()] == sorted({n.node().get_uuid() for n in view.get_nodes()})


@alone
def test_own_writes_are_seen_by_every_way_of_reading() -> None:
    """Nothing waits in between: the edges are on their way when they are read."""
    from bindd.faebryk import EdgeComposition, EdgeOperand, EdgePointer, EdgeTrait, EdgeType, Trait, TypeGraph
    from bindd.graph import GraphView

    view = GraphView.create()
    types = TypeGraph.create(g=view)
    trait = types.add_type(identifier="trait")
    for turn in range(300):
        parent, child, instance = (view.create_and_insert_node() for _ in range(3))
        EdgeComposition.add_child(bound_node=parent, child=child.node(), child_identifier=f"c{turn}")
        assert EdgeComposition.get_parent_node_of(bound_node=child) == parent
        EdgeType.add_instance(bound_type_node=trait, bound_instance_node=instance)
        Trait.add_trait_instance_to(target=child, trait_instance=instance)
        EdgePointer.point_to(bound_node=child, target_node=parent.node(), identifier="up", index=turn)
        assert Trait.try_get_trait(target=child, trait_type=trait) == instance
        assert EdgeTrait.get_owner_node_of(bound_node=instance) == child
        assert EdgeComposition.get_child_by_identifier(bound_node=parent, child_identifier=f"c{turn}") == child
        assert EdgeComposition.get_child_by_identifier(bound_node=parent, child_identifier="c") is None
        assert EdgePointer.get_pointed_node_by_identifier(bound_node=child, identifier="up") == parent
        assert TypeGraph.of_instance(instance_node=instance) is not None
        found: list[int] = []
        EdgePointer.visit_pointed_edges_with_identifier(
            bound_node=child, identifier="up", ctx=found, f=lambda ctx, e: ctx.append(EdgePointer.get_index(edge=e.edge())))
        assert found == [turn]
        assert EdgeOperand.get_operands_set_node(bound_node=parent) is None


@alone
def test_reads_of_types_traits_and_operands_ask_nobody() -> None:
    import os

    import bindd
    from bindd.errors import StaleHandleError
    from bindd.faebryk import EdgeComposition, EdgeOperand, Trait, TypeGraph
    from bindd.graph import GraphView

    view = GraphView.create()
    types = TypeGraph.create(g=view)
    trait, other = (types.add_type(identifier=name) for name in ("trait", "other"))
    types.mark_constructable(type_node=trait)
    sums, left, right = (view.create_and_insert_node() for _ in range(3))
    with pytest.raises(ValueError, match="has no operand set"):
        EdgeOperand.visit_operands_of_type(bound_node=sums, operand_type=trait.node(), f=print)
    assert EdgeOperand.get_operand_by_identifier(node=sums, operand_identifier="left") is None
    operands = view.create_and_insert_node()
    EdgeComposition.add_child(bound_node=sums, child=operands.node(), child_identifier="operands")
    typed = types.instantiate(type_identifier="trait")
    for name, operand in (("left", left), ("right", right), ("typed", typed), ("itself", operands)):
        EdgeOperand.add_operand(bound_node=sums, operand=operand.node(), operand_identifier=name)
    Trait.add_trait_to(target=left, trait_type=trait)
    Trait.add_trait_to(target=right, trait_type=trait)
    Trait.add_trait_to(target=left, trait_type=trait)
    bindd._bindd._current().sync()

    def look() -> tuple[object, ...]:
        owners: list[object] = []
        Trait.visit_implementers(trait_type=trait, f=lambda ctx, owner: owners.append(owner))
        found: list[str | None] = []
        EdgeOperand.visit_operands_of_type(
            bound_node=sums, operand_type=trait.node(), f=lambda ctx, e: found.append(EdgeOperand.get_name(edge=e.edge())))
        named = [EdgeOperand.get_operand_by_identifier(node=sums, operand_identifier=n) for n in ("left", "itself", "none")]
        traits = [one is not None for one in Trait.try_get_traits(target=left, trait_types=[trait, other, trait])]
        return owners, found, named, traits

    before = bindd.statistics()["round_trips"]
    assert look() == ([left, right, left], ["typed"], [left, operands, None], [True, False, True])
    trips = bindd.statistics()["round_trips"] - before
    assert trips == 0 or os.environ.get("BINDD_ARENA") == "0"
    # A name that arrives later than it was looked for, and one that another edge had first.
    more = view.create_and_insert_node()
    assert EdgeOperand.get_operand_by_identifier(node=sums, operand_identifier="late") is None
    EdgeOperand.add_operand(bound_node=sums, operand=more.node(), operand_identifier="late")
    EdgeOperand.add_operand(bound_node=sums, operand=left.node(), operand_identifier="late")
    assert EdgeOperand.get_operand_by_identifier(node=sums, operand_identifier="late") == more
    with pytest.raises(TypeError, match="trait_types must contain BoundNode objects"):
        Trait.try_get_traits(target=left, trait_types=[trait, left.node()])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="trait_types must be a list"):
        Trait.try_get_traits(target=left, trait_types=(trait,))  # type: ignore[arg-type]
    # A type of another workspace, or in a view that is gone, is refused however the call travels.
    with bindd.connect("elsewhere"):
        foreign = TypeGraph.create(g=GraphView.create()).add_type(identifier="trait")
        for call in (
            lambda: Trait.try_get_trait(target=left, trait_type=foreign),
            lambda: Trait.try_get_traits(target=left, trait_types=[trait, foreign]),
            lambda: EdgeOperand.visit_operands_of_type(bound_node=sums, operand_type=foreign.node(), f=print),
        ):
            with pytest.raises(ValueError, match="different workspaces"):
                call()
    gone = TypeGraph.create(g=GraphView.create())
    stale = gone.get_self_node()
    gone.get_graph_view().destroy()
    with pytest.raises(StaleHandleError):
        Trait.try_get_trait(target=left, trait_type=stale)


@alone
def test_what_cannot_fail_is_not_waited_for() -> None:
    """Making types and instances of types that stay as they are; what changes in between is noticed without being asked."""
    import os

    import bindd
    from bindd.faebryk import EdgeComposition, EdgePointer, Linker, TypeGraph, TypeGraphInstantiationError
    from bindd.graph import GraphView

    waits = os.environ.get("BINDD_ARENA") == "0" or os.environ.get("BINDD_SYNC") == "1"
    view = GraphView.create()
    types = TypeGraph.create(g=view)
    top, part, other = (types.add_type(identifier=name) for name in ("top", "part", "other"))
    link = EdgePointer.build(identifier="next", index=None)

    def trips() -> int:
        return int(bindd.statistics()["round_trips"])

    def make(number: int, kind: object = top) -> list[int]:
        made = types.add_make_child(type_node=kind, child_type=part, identifier=f"c{number}")
        reference = types.ensure_child_reference(type_node=kind, path=[f"c{number}"])
        itself = types.ensure_child_reference(type_node=kind, path=[""])
        joined = types.add_make_link(type_node=kind, lhs_reference=itself, rhs_reference=reference, edge_attributes=link)
        return [one.node().get_uuid() for one in (made, reference, itself, joined)]

    def children(node: object) -> list[str]:
        names: list[str] = []
        EdgeComposition.visit_children_edges(bound_node=node, f=lambda ctx, e: names.append(EdgeComposition.get_name(edge=e.edge())))
        return names

    make(0, other)  # the first of each looks for the types that the layer needs
    for kind in (top, part, top):
        types.mark_constructable(type_node=kind)
    view.get_node_count()
    before = trips()
    ids = [number for at in range(3) for number in make(at)]
    assert waits or trips() == before
    assert ids == sorted(ids) and len(set(ids)) == len(ids)
    assert len(children(top)) == 7  # and the trait that makes it a type

    for _ in range(2):
        types.instantiate_node(type_node=top, attributes=None)
    before = trips()
    instances = [types.instantiate(type_identifier="top") for _ in range(20)]
    instances += [types.instantiate_node(type_node=top, attributes={"n": 5}) for _ in range(20)]
    assert waits or trips() == before
    assert children(instances[-1]) == ["c0", "c1", "c2"]
    assert waits or trips() - before <= 1, "the first read waits for what was sent"
    assert instances[-1].node().get_attr(key="n") == 5 and children(instances[0]) == ["c0", "c1", "c2"]
    ids = [instance.node().get_uuid() for instance in instances]
    assert ids == sorted(ids) and ids[1] - ids[0] == 4
    pointed = EdgePointer.get_pointed_node_by_identifier(bound_node=instances[7], identifier="next")
    assert pointed == EdgeComposition.get_child_by_identifier(bound_node=instances[7], child_identifier="c0")

    # A change that is on its way, one by a waiting call, one by a plain edge, one of a type below.
    make(3)
    assert children(types.instantiate_node(type_node=top, attributes=None)) == ["c0", "c1", "c2", "c3"]
    for _ in range(3):
        types.instantiate_node(type_node=part, attributes=None)
        types.instantiate_node(type_node=top, attributes=None)
    types.add_make_child(type_node=part, child_type=other, identifier="below")
    with pytest.raises(TypeGraphInstantiationError, match="not constructable"):
        types.instantiate_node(type_node=top, attributes=None)
    types.mark_constructable(type_node=other)
    with pytest.raises(TypeGraphInstantiationError, match="Type contains itself"):
        types.instantiate_node(type_node=part, attributes=None)
    plain = types.add_type(identifier="plain")
    types.mark_constructable(type_node=plain)
    for _ in range(3):
        types.instantiate_node(type_node=plain, attributes=None)
    unlinked = types.add_make_child_deferred(type_node=plain, child_type_identifier="leaf", identifier="leaf")
    with pytest.raises(TypeGraphInstantiationError, match="Unresolved type reference"):
        types.instantiate_node(type_node=plain, attributes=None)
    leaf = types.add_type(identifier="leaf")
    types.mark_constructable(type_node=leaf)
    reference = types.get_make_child_type_reference(make_child=unlinked)
    Linker.link_type_reference(g=view, type_reference=reference, target_type_node=leaf)
    for _ in range(3):
        assert children(types.instantiate_node(type_node=plain, attributes=None)) == ["leaf"]
    copied = types.add_make_child(type_node=leaf, child_type=leaf, identifier="x")  # contains itself: not instantiated here
    EdgeComposition.add_child(bound_node=plain, child=copied.node(), child_identifier="again")
    with pytest.raises(TypeGraphInstantiationError, match="Type contains itself"):
        types.instantiate_node(type_node=plain, attributes=None)
    count = view.get_node_count()
    assert count == len(view.get_nodes()) and repr(view).split(", ")[1] == f"|V|={count}"


@alone
def test_what_the_client_cannot_prove_is_a_call() -> None:
    """Refusals come from the call that caused them, also behind calls that nobody waited for."""
    from bindd.faebryk import NodeCreationAttributes, TypeGraph, TypeGraphInstantiationError, TypeGraphPathError
    from bindd.graph import GraphView, NodeReference

    view, elsewhere = GraphView.create(), GraphView.create()
    types = TypeGraph.create(g=view)
    kind = types.add_type(identifier="kind")
    stranger = elsewhere.create_and_insert_node()
    unbound = view.bind(node=NodeReference.create())
    reference = types.ensure_child_reference(type_node=kind, path=["a"])
    for turn in range(3):
        types.add_make_child(type_node=kind, child_type=kind, identifier=f"c{turn}")
        for type_node, child_type, words in (
            (unbound, kind, "add_make_child failed"), (kind, unbound, "no type_identifier"),
            (kind, stranger, "no type_identifier"), (stranger, kind, "add_make_child failed"),
        ):
            with pytest.raises(ValueError, match=words):
                types.add_make_child(type_node=type_node, child_type=child_type, identifier="x")
        with pytest.raises(ValueError, match="mark_constructable failed"):
            types.mark_constructable(type_node=stranger)
        with pytest.raises(TypeGraphPathError):
            types.ensure_child_reference(type_node=kind, path=[])
        with pytest.raises(TypeError, match="path items must be str or EdgeTraversal"):
            types.ensure_child_reference(type_node=kind, path=["a", 5])  # type: ignore[list-item]
        with pytest.raises(ValueError, match="is no TypeGraph"):
            TypeGraph.of(node=stranger).mark_constructable(type_node=kind)
        with pytest.raises(ValueError, match="is no TypeGraph"):
            TypeGraph.of(node=kind).ensure_child_reference(type_node=kind, path=["a"])
        with pytest.raises(TypeGraphInstantiationError, match="Type not found"):
            types.instantiate(type_identifier="none")
        with pytest.raises(TypeError, match="Expected NodeCreationAttributes"):
            types.add_make_child(type_node=kind, child_type=kind, identifier="x", node_attributes=reference)  # type: ignore[arg-type]
    NodeCreationAttributes.init(dynamic={"type_identifier": 5}).apply_to(node=kind.node())
    with pytest.raises(ValueError, match="no type_identifier"):
        types.add_make_child(type_node=kind, child_type=kind, identifier="x")
    assert len(types.collect_make_children(type_node=kind)) == 3


@alone
def test_more_instances_on_the_way_than_ids_at_hand() -> None:
    """Ids are asked for, what is on the way is bounded, and nothing is named twice."""
    import bindd
    from bindd.faebryk import TypeGraph
    from bindd.graph import GraphView

    view = GraphView.create()
    types = TypeGraph.create(g=view)
    leaf, top = types.add_type(identifier="leaf"), types.add_type(identifier="top")
    for kind in (leaf, top):
        types.mark_constructable(type_node=kind)
    for at in range(300):
        types.add_make_child(type_node=top, child_type=leaf, identifier=str(at))
    known = view.get_node_count()
    before = bindd.statistics()["round_trips"]
    ids = [types.instantiate_node(type_node=top, attributes=None).node().get_uuid() for _ in range(500)]
    print(f"500 instances of 301 nodes: {bindd.statistics()['round_trips'] - before} round trips")
    assert ids == sorted(ids) and min(b - a for a, b in zip(ids, ids[1:], strict=False)) >= 301
    assert view.get_node_count() == known + 500 * 301
    view.destroy()


@alone
def test_visits_take_what_the_function_does() -> None:
    from bindd.errors import StaleHandleError
    from bindd.faebryk import EdgeComposition, EdgeTrait, Trait, TypeGraph
    from bindd.graph import GraphView

    view = GraphView.create()
    types = TypeGraph.create(g=view)
    kind = types.add_type(identifier="kind")
    types.mark_constructable(type_node=kind)
    parent = view.create_and_insert_node()
    for i in range(5):
        EdgeComposition.add_child(bound_node=parent, child=types.instantiate(type_identifier="kind").node(), child_identifier=str(i))

    def grow(names: list[str], edge: object) -> None:
        names.append(EdgeComposition.get_name(edge=edge.edge()))  # type: ignore[attr-defined]
        EdgeComposition.add_anon_child(bound_node=parent, child=types.instantiate(type_identifier="kind").node())

    names: list[str] = []
    EdgeComposition.visit_children_of_type(bound_node=parent, child_type=kind.node(), f=grow, ctx=names)
    assert names == list("01234")
    assert len(EdgeComposition.get_children_query(bound_node=parent, direct_only=True, types=[kind.node()])) == 10

    class Stop(Exception):
        pass

    def stop(ctx: object, edge: object) -> None:
        raise Stop

    with pytest.raises(Stop):
        EdgeComposition.visit_children_edges(bound_node=parent, f=stop)
    Trait.add_trait_to(target=parent, trait_type=kind)
    with pytest.raises(Stop):
        Trait.visit_implementers(trait_type=kind, f=stop)
    EdgeTrait.visit_trait_instance_edges(bound_node=kind, f=lambda ctx, edge: view.destroy())
    with pytest.raises(StaleHandleError):
        EdgeComposition.visit_children_edges(bound_node=parent, f=stop)
    with pytest.raises(StaleHandleError):
        types.instantiate(type_identifier="kind")


@alone
def test_paths_share_what_they_have_in_common() -> None:
    from bindd.faebryk import EdgeInterfaceConnection, Trait, TypeGraph
    from bindd.graph import GraphView

    view = GraphView.create()
    types = TypeGraph.create(g=view)
    element, interface = (types.add_type(identifier=name) for name in ("element", "is_interface.node.core.faebryk"))
    for kind in (element, interface):
        types.mark_constructable(type_node=kind)
    chain = [types.instantiate(type_identifier="element") for _ in range(300)]
    for node in chain:
        Trait.add_trait_to(target=node, trait_type=interface)
    for one, other in zip(chain, chain[1:], strict=False):
        EdgeInterfaceConnection.connect(bn1=one, bn2=other)
    paths = EdgeInterfaceConnection.get_connected(source=chain[0])
    assert list(paths) == chain and [path.get_length() for path in paths.values()] == list(range(300))
    last = paths[chain[-1]]
    assert [edge.source().get_uuid() for edge in last.get_edges()] == [node.node().get_uuid() for node in chain[:-1]]
    assert chain[0] not in EdgeInterfaceConnection.get_connected(source=chain[0], include_self=False)
    del paths
    view.destroy()
    assert last.get_length() == 299 and last.get_end_node() == chain[-1]
    assert len({edge.target().get_uuid() for edge in last.get_edges()}) == 299


@alone
def test_giving_up_a_call_that_makes_objects() -> None:
    """Ctrl-C while the worker makes objects: ids that it took meanwhile are never given to others."""
    import os
    import signal
    import threading
    import time

    from bindd.faebryk import TypeGraph
    from bindd.graph import GraphView, NodeReference

    view = GraphView.create()
    types = TypeGraph.create(g=view)
    levels = [types.add_type(identifier=f"t{i}") for i in range(6)]
    for i, kind in enumerate(levels):
        types.mark_constructable(type_node=kind)
        for c in range(10 if i else 0):
            types.add_make_child(type_node=kind, child_type=levels[i - 1], identifier=f"c{c}")
    interrupted = 0
    for turn in range(6):
        timer = threading.Timer(0.01 + 0.02 * turn, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        try:
            types.instantiate(type_identifier="t5")  # 111,111 nodes
            time.sleep(1)
        except KeyboardInterrupt:
            interrupted += 1
        timer.join()
        made = [view.create_and_insert_node() for _ in range(10)] + [types.instantiate(type_identifier="t1")]
        made.append(view.insert_node(node=NodeReference.create()))
        ids = [node.node().get_uuid() for node in made]
        assert ids == sorted(set(ids))
    assert interrupted == 6
    members = [node.node().get_uuid() for node in view.get_nodes()]
    assert len(set(members)) == len(members)


@alone
def test_threads_make_objects_side_by_side() -> None:
    import threading

    from bindd.faebryk import EdgeComposition, TypeGraph
    from bindd.graph import GraphView

    view = GraphView.create()
    types = TypeGraph.create(g=view)
    kind = types.add_type(identifier="kind")
    types.mark_constructable(type_node=kind)
    types.add_make_child(type_node=kind, child_type=types.get_type_by_name(type_identifier="MakeLink"), identifier="x")  # type: ignore[arg-type]
    ids: list[int] = []
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for turn in range(150):
                parent = view.create_and_insert_node()
                instance = types.instantiate(type_identifier="kind") if (turn + seed) % 3 == 0 else view.create_and_insert_node()
                EdgeComposition.add_child(bound_node=parent, child=instance.node(), child_identifier=f"{seed}.{turn}")
                assert EdgeComposition.get_child_by_identifier(bound_node=parent, child_identifier=f"{seed}.{turn}") == instance
                ids.extend((parent.node().get_uuid(), instance.node().get_uuid()))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert len(ids) == len(set(ids)) == 4 * 300


@alone
def test_a_batch_of_one_thread_and_objects_made_for_another() -> None:
    import threading

    from bindd.faebryk import EdgeComposition, TypeGraph
    from bindd.graph import GraphView

    view = GraphView.create()
    types = TypeGraph.create(g=view)
    kind = types.add_type(identifier="kind")
    types.mark_constructable(type_node=kind)
    made: list[int] = []
    batch_ids = []
    with view.batch():
        for turn in range(20):
            parent, child = view.create_and_insert_node(), view.create_and_insert_node()
            edge = EdgeComposition.add_child(bound_node=parent, child=child.node(), child_identifier=f"c{turn}")
            batch_ids += [parent.node().get_uuid(), child.node().get_uuid()]
            with pytest.raises(RuntimeError, match="batch"):
                types.instantiate(type_identifier="kind")
            with pytest.raises(RuntimeError, match="batch"):
                EdgeComposition.get_child_by_identifier(bound_node=parent, child_identifier=f"c{turn}")
            thread = threading.Thread(
                target=lambda: made.append(types.instantiate(type_identifier="kind").node().get_uuid()))
            thread.start()
            thread.join()
    assert len(made) == 20 and not set(made) & set(batch_ids)
    assert EdgeComposition.get_child_by_identifier(bound_node=parent, child_identifier="c19") == child
    assert EdgeComposition.get_parent_node(edge=edge.edge()).get_uuid() == parent.node().get_uuid()
    assert view.get_node_count() == 1 + 22 + 2 + 1 + 40 + 20


def test_an_own_worker_for_each_of_two_clients_of_a_workspace(home: Home) -> None:
    """Two processes make objects in one workspace: each its own ids, both see all."""
    code = """if True:
        import sys, bindd
        from bindd.faebryk import TypeGraph
        from bindd.graph import GraphView
        with bindd.connect("shared"):
            view = GraphView.create()
            types = TypeGraph.create(g=view)
            kind = types.add_type(identifier="kind")
            types.mark_constructable(type_node=kind)
            ids = set()
            for _ in range(300):
                ids.add(types.instantiate(type_identifier="kind").node().get_uuid())
                ids.add(view.create_and_insert_node().node().get_uuid())
            assert len(ids) == 600
            print(*sorted(ids))
    """
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: home.python(code), range(2)))
    sets = []
    for run in runs:
        assert run.returncode == 0, run.stderr
        sets.append(set(run.stdout.split()))
    assert not sets[0] & sets[1]


@alone
def test_cycles_are_errors() -> None:
    from bindd.faebryk import EdgeComposition, EdgeNext, TypeGraph, TypeGraphInstantiationError
    from bindd.graph import GraphView

    view = GraphView.create()
    types = TypeGraph.create(g=view)
    a, b = (types.add_type(identifier=name) for name in "ab")
    for kind, other in ((a, b), (b, a)):
        types.mark_constructable(type_node=kind)
        types.add_make_child(type_node=kind, child_type=other, identifier="x")
    with pytest.raises(TypeGraphInstantiationError, match="contains itself"):
        types.instantiate(type_identifier="a")
    one, other = (view.create_and_insert_node() for _ in range(2))
    EdgeComposition.add_child(bound_node=one, child=other.node(), child_identifier="")
    EdgeComposition.add_child(bound_node=other, child=one.node(), child_identifier="")
    with pytest.raises(ValueError, match="cycle"):
        EdgeComposition.get_children_query(bound_node=one, direct_only=False)
    first = types.ensure_child_reference(type_node=a, path=["x", "y"])
    second = EdgeNext.get_next_edge(node=first)
    assert second is not None
    EdgeNext.add_next(previous_node=view.bind(node=second.edge().target()), next_node=first)
    with pytest.raises(ValueError, match="leads back to itself"):
        types.get_reference_path(reference=first)
