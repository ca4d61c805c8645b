"""A synthetic build: calls of the graph and the typed layer in the proportions in which one real build of 200 parts made
them (24 million calls), in rounds. In each round types grow, instances are made, then things are looked up, as the stages of a
program do; path searches are left out, for they have workloads of their own.

What is recorded of the replaced layer is its CPU per call of that kind: measured where the issue of this benchmark gives it,
else that of a call of the same class (a handle's own fields 30 ns, a look-up 150 ns, a visit 250 ns, a recipe 150 ns, an edge
560 ns, a part of a type 1,300 to 2,600 ns). For orientation only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from measure import Work, look

# Call: how often in a round, recorded nanoseconds.
MIX: dict[str, tuple[int, float]] = {
    "make_child": (1, 2600), "make_link": (1, 1300), "reference": (2, 1300), "instance": (3, 13_000), "add_child": (1, 560),
    "insert_edge": (2, 560), "pointer_recipe": (10, 150), "trait_recipe": (3, 150), "operand_recipe": (2, 150),
    "node": (222, 30), "uuid": (196, 30), "edge": (183, 30), "bind": (101, 30), "edge_view": (100, 30), "node_view": (99, 30),
    "self_node": (92, 30), "types_self_node": (87, 30), "of_instance": (79, 150), "trait": (68, 150), "parent_edge": (52, 150),
    "parent_of_edge": (49, 30), "child_name": (49, 100), "type_of_edge": (33, 30), "type_edge": (33, 150),
    "type_name": (27, 100), "child": (24, 160), "owner": (18, 150), "edge_name": (15, 70), "referenced": (15, 30),
    "index": (15, 30), "pointers_named": (8, 250), "pointers": (8, 250), "attribute": (8, 70), "target": (6, 30),
    "is_same": (5, 30), "expressions": (5, 250), "operands": (4, 250), "children": (3, 5_000), "of_type": (1, 150),
    "hash": (3, 30), "equal": (1, 30),
}
CALLS = sum(count for count, _ in MIX.values())
RECORDED_NS = sum(count * recorded for count, recorded in MIX.values()) / CALLS


def loop_ns() -> float:
    """What the loop and the call of a lambda cost here: part of the figure of each side."""
    best = float("inf")
    for _ in range(5):
        start = time.thread_time_ns()
        for _ in range(100_000):
            _nothing()
        best = min(best, (time.thread_time_ns() - start) / 100_000)
    return best


def _nothing() -> None:
    pass


def rounds(side: Any) -> Work:
    f = side.faebryk
    view, types, leaf, top = side.with_children(20)
    growing = types.add_type(identifier="growing")
    recipe = f.EdgePointer.build(identifier="p", index=None)
    itself = types.ensure_child_reference(type_node=growing, path=[""])
    node = types.instantiate_node(type_node=top, attributes=None)
    child = f.EdgeComposition.get_child_by_identifier(bound_node=node, child_identifier="child_7")
    owned = f.Trait.add_trait_to(target=node, trait_type=leaf)
    operands = view.create_and_insert_node()
    f.EdgeComposition.add_child(bound_node=node, child=operands.node(), child_identifier="operands")
    f.EdgeOperand.add_operand(bound_node=node, operand=child.node(), operand_identifier="a")
    pointer = f.EdgePointer.point_to(bound_node=node, target_node=child.node(), identifier="p", index=3)
    of_child = f.EdgeComposition.get_parent_edge(bound_node=child)
    free, free_child, pointer_edge, parent_edge = node.node(), child.node(), pointer.edge(), of_child.edge()
    type_edge = f.EdgeType.get_type_edge(bound_node=node).edge()
    composition, pointers, operand, kind = f.EdgeComposition, f.EdgePointer, f.EdgeOperand, f.EdgeType

    def add_child() -> None:
        composition.add_child(bound_node=node, child=view.create_and_insert_node().node(), child_identifier="late")

    calls: dict[str, Callable[[], object]] = {
        "make_child": lambda: types.add_make_child(type_node=growing, child_type=leaf, identifier="c"),
        "make_link": lambda: types.add_make_link(
            type_node=growing, lhs_reference=itself, rhs_reference=itself, edge_attributes=recipe),
        "reference": lambda: types.ensure_child_reference(type_node=growing, path=["c"]),
        "instance": lambda: types.instantiate_node(type_node=top, attributes=None),
        "add_child": add_child,
        "insert_edge": lambda: recipe.insert_edge(g=view, source=free, target=free_child),
        "pointer_recipe": lambda: pointers.build(identifier="p", index=None),
        "trait_recipe": lambda: f.EdgeTrait.build(),
        "operand_recipe": lambda: operand.build(operand_identifier="a"),
        "node": lambda: node.node(), "uuid": lambda: free.get_uuid(), "edge": lambda: pointer.edge(),
        "bind": lambda: view.bind(node=free), "edge_view": lambda: pointer.g(), "node_view": lambda: node.g(),
        "self_node": lambda: view.get_self_node(), "types_self_node": lambda: types.get_self_node(),
        "of_instance": lambda: f.TypeGraph.of_instance(instance_node=node),
        "trait": lambda: f.Trait.try_get_trait(target=node, trait_type=leaf),
        "parent_edge": lambda: composition.get_parent_edge(bound_node=child),
        "parent_of_edge": lambda: composition.get_parent_node(edge=parent_edge),
        "child_name": lambda: composition.get_name(edge=parent_edge),
        "type_of_edge": lambda: kind.get_type_node(edge=type_edge), "type_edge": lambda: kind.get_type_edge(bound_node=node),
        "type_name": lambda: f.TypeGraph.get_type_name(type_node=leaf),
        "child": lambda: composition.get_child_by_identifier(bound_node=node, child_identifier="child_2"),
        "owner": lambda: f.EdgeTrait.get_owner_node_of(bound_node=owned),
        "edge_name": lambda: pointer_edge.name(), "referenced": lambda: pointers.get_referenced_node(edge=pointer_edge),
        "index": lambda: pointers.get_index(edge=pointer_edge),
        "pointers_named": lambda: pointers.visit_pointed_edges_with_identifier(bound_node=child, identifier="p", f=look),
        "pointers": lambda: pointers.visit_pointed_edges(bound_node=child, f=look),
        "attribute": lambda: free.get_attr(key="at"), "target": lambda: pointer_edge.target(),
        "is_same": lambda: free.is_same(other=free_child),
        "expressions": lambda: operand.visit_expression_edges_of_type(bound_node=child, expression_type=leaf.node(), f=look),
        "operands": lambda: operand.visit_operand_edges(bound_node=operands, f=look),
        "children": lambda: composition.get_children_query(bound_node=child, direct_only=True, types=[leaf.node()]),
        "of_type": lambda: f.TypeGraph.of_type(type_node=leaf), "hash": lambda: hash(node), "equal": lambda: node == child,
    }
    for call in calls.values():
        call()
    side.settle()
    plan = [(calls[name], count) for name, (count, _) in MIX.items()]

    def work(count: int) -> None:
        for _ in range(max(1, count // CALLS)):
            for call, times in plan:
                for _ in range(times):
                    call()

    return work
