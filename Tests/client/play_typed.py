"""Plays calls of the typed layer, beside those of play.py: each is a name of the table below and numbers, which pick the
arguments. Most picks are of the kind that the method is meant for (a type where it wants a type), some are of any kind.

What is told does not depend on ids: numbers in messages that are ids of nodes and edges are told as N.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import play

NAMES = ("a", "b", "c", "operands", "")
TYPE_NAMES = ("A", "B", "C", "is_interface.node.core.faebryk", "none")
INDEXES = (None, 0, 3, 300, 32767, 32768, -1)
PATHS: tuple[list[Any], ...] = (
    ["a"], ["b"], ["a", "b"], [""], ["a", ""], ["", "a"], [], ["c"],
    [SimpleNamespace(identifier="", edge_type=78)], ["a", SimpleNamespace(identifier="", edge_type=78)],
    [SimpleNamespace(identifier="A", edge_type=34)], ["a", SimpleNamespace(identifier="A", edge_type=34)],
    [SimpleNamespace(identifier="b", edge_type=193)], [SimpleNamespace(identifier="x", edge_type=7)], ["<<B"], ["<<none", "a"],
)  # fmt: skip
DYNAMIC: tuple[dict[str, Any] | None, ...] = (None, {}, {"k": 1}, {"k": 2.5, "s": "x", "name": "n"}, {"shallow": True})
CONNECTIONS_MAX = 12  # the model takes all simple paths

# Method: what its result is kept as, and its parameters with what picks them.
BOUND, VISIT = "bound_node:bound", "f:visitor"
METHODS: dict[str, tuple[str, str]] = {
    "EdgeComposition.create": ("", "parent:node child:node child_identifier:name"),
    "EdgeComposition.add_child": ("", "bound_node:bound child:node child_identifier:name"),
    "EdgeComposition.add_anon_child": ("", "bound_node:bound child:node"),
    "EdgeComposition.is_instance": ("", "edge:edge"),
    "EdgeComposition.get_parent_edge": ("", BOUND),
    "EdgeComposition.get_parent_node_of": ("", BOUND),
    "EdgeComposition.get_parent_node": ("", "edge:edge"),
    "EdgeComposition.get_child_node": ("", "edge:edge"),
    "EdgeComposition.get_child_of": ("", "edge:edge node:node"),
    "EdgeComposition.get_parent_of": ("", "edge:edge node:node"),
    "EdgeComposition.get_child_by_identifier": ("", "bound_node:instance child_identifier:name"),
    "EdgeComposition.get_name": ("", "edge:edge"),
    "EdgeComposition.visit_children_edges": ("", f"{BOUND} {VISIT}"),
    "EdgeComposition.visit_children_of_type": ("", f"bound_node:instance child_type:type.node {VISIT}"),
    "EdgeComposition.try_get_single_child_of_type": ("", "bound_node:instance child_type:type.node"),
    "EdgeComposition.get_children_query": (
        "", "bound_node:instance direct_only:bool types:type.nodes include_root:bool sort:bool required_traits:type.nodes"),
    "EdgePointer.create": ("", "from_node:node to_node:node identifier:name?"),
    "EdgePointer.build": ("recipes", "identifier:name? index:index"),
    "EdgePointer.point_to": ("", "bound_node:bound target_node:node identifier:name? index:index"),
    "EdgePointer.get_index": ("", "edge:edge"),
    "EdgePointer.get_referenced_node": ("", "edge:edge"),
    "EdgePointer.get_referenced_node_from_node": ("", "node:bound"),
    "EdgePointer.visit_pointed_edges": ("", f"{BOUND} {VISIT}"),
    "EdgePointer.visit_pointed_edges_with_identifier": ("", f"{BOUND} identifier:name {VISIT}"),
    "EdgePointer.get_pointed_node_by_identifier": ("", "bound_node:bound identifier:name"),
    "EdgeNext.add_next": ("", "previous_node:bound next_node:bound"),
    "EdgeNext.get_next_node": ("", "edge:edge"),
    "EdgeNext.get_previous_node": ("", "edge:edge"),
    "EdgeNext.get_next_edge": ("", "node:reference"),
    "EdgeNext.get_previous_edge": ("", "node:bound"),
    "EdgeNext.get_next_node_from_node": ("", "node:reference"),
    "EdgeNext.get_previous_node_from_node": ("", "node:bound"),
    "EdgeType.add_instance": ("", "bound_type_node:type bound_instance_node:bound"),
    "EdgeType.get_type_edge": ("", BOUND),
    "EdgeType.visit_instance_edges": ("", f"bound_node:type {VISIT}"),
    "EdgeType.is_node_instance_of": ("", "bound_node:instance node_type:type.node"),
    "EdgeTrait.add_trait_instance": ("", "bound_node:bound trait_instance:node"),
    "EdgeTrait.get_owner_edge": ("", BOUND),
    "EdgeTrait.get_owner_node_of": ("", "bound_node:instance"),
    "EdgeTrait.visit_trait_instance_edges": ("", f"{BOUND} {VISIT}"),
    "EdgeTrait.visit_trait_instances_of_type": ("", f"owner:instance trait_type:type.node {VISIT}"),
    "EdgeTrait.try_get_trait_instance_of_type": ("", "bound_node:instance trait_type:type.node"),
    "Trait.try_get_trait": ("", "target:instance trait_type:type"),
    "Trait.try_get_traits": ("", "target:instance trait_types:types"),
    "Trait.add_trait_to": ("instances", "target:instance trait_type:type"),
    "Trait.add_trait_instance_to": ("", "target:bound trait_instance:instance"),
    "Trait.mark_as_trait": ("", "trait_type:type"),
    "Trait.visit_implementers": ("", f"trait_type:type {VISIT}"),
    "EdgeOperand.get_operands_set_node": ("", "bound_node:instance"),
    "EdgeOperand.add_operand": ("", "bound_node:instance operand:node operand_identifier:name?"),
    "EdgeOperand.get_name": ("", "edge:edge"),
    "EdgeOperand.get_operand_node": ("", "edge:edge"),
    "EdgeOperand.get_expression_node": ("", "bound_edge:bound_edge"),
    "EdgeOperand.get_expression_of": ("", "bound_edge:bound_edge node:node"),
    "EdgeOperand.get_expression_edge": ("", BOUND),
    "EdgeOperand.visit_operand_edges": ("", f"{BOUND} {VISIT}"),
    "EdgeOperand.visit_operands_of_type": ("", f"bound_node:instance operand_type:type.node {VISIT}"),
    "EdgeOperand.visit_expression_edges": ("", f"{BOUND} {VISIT}"),
    "EdgeOperand.visit_expression_edges_of_type": ("", f"bound_node:instance expression_type:type.node {VISIT}"),
    "EdgeOperand.get_operand_by_identifier": ("", "node:instance operand_identifier:name"),
    "EdgeInterfaceConnection.connect": ("", "bn1:instance bn2:instance"),
    "EdgeInterfaceConnection.connect_shallow": ("", "bn1:instance bn2:instance"),
    "EdgeInterfaceConnection.get_other_connected_node": ("", "edge:edge node:node"),
    "EdgeInterfaceConnection.visit_connected_edges": ("", f"{BOUND} {VISIT}"),
    "EdgeInterfaceConnection.get_connected": ("", "source:instance include_self:bool?"),
    "EdgeInterfaceConnection.is_connected_to": ("", "source:instance target:instance"),
    "EdgeCreationAttributes.create": ("recipes", "edge_type:edge_type directional:bool? name:name? dynamic:dynamic"),
    "NodeCreationAttributes.init": ("node_recipes", "dynamic:dynamic"),
    "TypeGraph.create": ("typegraphs", "g:view"),
    "TypeGraph.of": ("typegraphs", "node:bound"),
    "TypeGraph.of_type": ("typegraphs", "type_node:type"),
    "TypeGraph.of_instance": ("typegraphs", "instance_node:instance"),
    "TypeGraph.get_type_name": ("", "type_node:type"),
    ".get_graph_view": ("", ""),
    ".get_self_node": ("", ""),
    ".get_type_by_name": ("types", "type_identifier:type_name"),
    ".get_type_instance_overview": ("", ""),
    ".add_type": ("types", "identifier:type_name"),
    ".get_or_create_type": ("types", "type_identifier:type_name"),
    ".mark_constructable": ("", "type_node:type"),
    ".is_constructable": ("", "type_node:type"),
    ".add_make_child": ("made", "type_node:type child_type:type identifier:name? node_attributes:node_recipe"),
    ".add_make_child_deferred": ("made", "type_node:type child_type_identifier:type_name identifier:name? node_attributes:node_recipe"),
    ".add_type_reference": ("references", "type_identifier:type_name"),
    ".get_make_child_type_reference": ("references", "make_child:made"),
    ".get_make_child_type_reference_by_identifier": ("references", "type_node:type identifier:name"),
    ".collect_make_children": ("", "type_node:type"),
    ".resolve_child_path": ("", "start_type:type path:names"),
    ".ensure_child_reference": ("references", "type_node:type path:path"),
    ".debug_add_reference": ("references", "type_node:type path:path"),
    ".get_reference_path": ("", "reference:reference"),
    ".reference_resolve": ("", "reference_node:reference base_node:instance"),
    ".add_make_link": ("", "type_node:type lhs_reference:reference rhs_reference:reference edge_attributes:recipe"),
    ".collect_make_links": ("", "type_node:type"),
    ".instantiate": ("instances", "type_identifier:type_name"),
    ".instantiate_node": ("instances", "type_node:type attributes:dynamic"),
    "Linker.link_type_reference": ("", "g:view type_reference:reference target_type_node:type"),
    "Linker.update_type_reference": ("", "g:view type_reference:reference target_type_node:type"),
    "Linker.get_resolved_type": ("", "type_reference:reference"),
    "Linker.collect_unresolved_type_references": ("", "type_graph:typegraph"),
    "recipe.create_edge": ("", "source:node target:node"),
    "recipe.insert_edge": ("", "g:view source:node target:node"),
    "recipe.apply_to": ("", "edge:edge"),
    "node_recipe.apply_to": ("", "node:node"),
}  # fmt: skip
# These come more often than the others.
MAKING = (
    ".add_make_child", ".add_make_child", ".mark_constructable", ".mark_constructable", ".instantiate_node",
    ".instantiate_node", ".add_make_link", ".ensure_child_reference", ".add_type", "Trait.add_trait_to",
    "EdgeInterfaceConnection.connect", "EdgeInterfaceConnection.get_connected", "EdgeComposition.add_child",
    "EdgeComposition.get_child_by_identifier",
)
POOLS = ("typegraphs", "types", "instances", "references", "made", "recipes", "node_recipes")


class TypedPlayer(play.Player):
    state_types = (0, 1, 34, 41, 78, 85, 130, 193)

    def __init__(self, graph: Any, faebryk: Any, sync: Callable[[], object]) -> None:
        super().__init__(graph, sync)
        self.faebryk = faebryk
        self.connections = 0
        self.last: tuple[str, tuple[int, ...]] = (".get_self_node", (0,))
        self.typegraphs: list[Any] = []
        self.types: list[Any] = []
        self.instances: list[Any] = []
        self.references: list[Any] = []
        self.made: list[Any] = []
        self.recipes: list[Any] = []
        self.node_recipes: list[Any] = []

    # -- telling ----------------------------------------------------------------------------------------------------

    def view_symbol(self, view: Any) -> int:
        """Not by repr, which counts members: where the worker made some, that asks it."""
        try:
            return self.node_symbol(view.get_self_node().node().get_uuid())
        except ReferenceError:  # it was destroyed
            return super().view_symbol(view)

    def tell(self, value: Any) -> play.Outcome:
        if isinstance(value, self.faebryk.TypeGraph):
            return "typegraph", self.tell(value.get_self_node())
        if type(value).__name__ == "BFSPath":
            ends = self.tell(value.get_start_node()), self.tell(value.get_end_node())
            return "path", value.get_length(), ends, [self.tell(edge) for edge in value.get_edges()]
        return super().tell(value)

    def tell_error(self, error: Exception) -> play.Outcome:
        kind, name, message = super().tell_error(error)
        message = re.sub(r"\b(node|edge) \d+", r"\1 N", message)
        fields = {key: getattr(error, key) for key in ("kind", "identifier", "path", "failing_segment") if hasattr(error, key)}
        where = self.tell(error.node) if isinstance(getattr(error, "node", None), self.graph.BoundNode) else None
        return kind, name, message, fields, where

    # -- picking ----------------------------------------------------------------------------------------------------

    def mostly(self, pool: list[Any], at: int) -> Any:
        """Of the pool; every seventh time, or when it is empty, of all bound nodes."""
        return self.pick(self.bounds if at % 7 == 6 or not pool else pool, at // 7)

    def argument(self, kind: str, at: int) -> Any:
        if kind in ("type", "instance", "reference"):
            return self.mostly(getattr(self, kind + "s"), at)
        if kind == "made":
            return self.mostly(self.made, at)
        if kind == "bound":
            return self.pick(self.bounds, at)
        if kind == "node":
            return self.pick(self.nodes, at // 4) if at % 4 == 3 and self.nodes else self.pick(self.bounds, at).node()
        if kind == "type.node":
            return self.argument("type", at).node()
        if kind == "types":
            return [self.argument("type", at + 7 * step) for step in range(at % 3)]
        if kind == "type.nodes":
            return None if at % 5 == 4 else [bound.node() for bound in self.argument("types", at)]
        pools = {
            "edge": self.edges, "bound_edge": self.bound_edges, "view": self.views, "typegraph": self.typegraphs,
            "recipe": self.recipes,
        }
        if kind in pools:
            return self.pick(pools[kind], at)
        if kind == "node_recipe":
            return self.pick(self.node_recipes, at) if at % 3 == 0 and self.node_recipes else None
        texts = {
            "name": NAMES, "name?": (None, *NAMES), "index": INDEXES, "type_name": TYPE_NAMES, "path": PATHS,
            "names": [path for path in PATHS if all(isinstance(item, str) for item in path)], "bool": (False, True),
            "bool?": (None, False, True), "dynamic": DYNAMIC, "edge_type": (0, 1, 34, 78, 78, 85, 130, 193, 255),
        }
        return texts[kind][at % len(texts[kind])]

    # -- playing ----------------------------------------------------------------------------------------------------

    def do_again(self, times: int) -> Any:
        """The last call of the typed layer: what was learned from the first ones shows in those that follow."""
        return play.Told([self.play(("typed", *self.last)) for _ in range(times)])

    def do_grow(self, picks: tuple[int, ...], how: int) -> Any:
        """Instances of a type before and behind a change of it, and what the last has; nothing waits in between unless the
        calls do."""
        types, kind, other, name, *_ = picks
        changes: tuple[play.Call, ...] = (
            ("typed", ".add_make_child", (types, kind, other, name, 1)),
            ("typed", ".add_make_link", (types, kind, other, name, 0)),
            ("typed", "Linker.update_type_reference", (0, other, name)),
            ("typed", "EdgeComposition.add_child", (other, name, name)),
            ("typed", ".add_make_child", (types, other, other + 7, name, 1)),
            ("typed", ".add_make_child_deferred", (types, kind, other, name, 1)),
        )
        make: play.Call = ("typed", ".instantiate_node", (types, kind, 0))
        reads: list[play.Call] = [
            ("typed", "EdgeComposition.visit_children_edges", (0,)), ("typed", "EdgeType.get_type_edge", (0,)),
            ("typed", "EdgeComposition.get_child_by_identifier", (0, name - 1)),
        ]
        calls = [make, make, make, *reads, make, changes[how % len(changes)], make, *reads, make, make, make]
        told = [self.play(call) for call in calls]
        if not self.instances:
            raise play.Skip
        made = self.instances[-1]
        query = self.faebryk.EdgeComposition.get_children_query(bound_node=made, direct_only=False)
        return play.Told([*told, self.tell(query), self.tell(self.graph.GraphView.get_node_count(made.g()))])

    def do_typed(self, name: str, picks: tuple[int, ...]) -> Any:
        self.last = (name, picks)
        owner, _, method = name.partition(".")
        pool, parameters = METHODS[name]
        numbers = iter(picks)
        if method in ("connect", "connect_shallow"):
            self.connections += 1
            if self.connections > CONNECTIONS_MAX:
                raise play.Skip
        if owner in ("", "recipe", "node_recipe"):
            target = self.pick(getattr(self, (owner or "typegraph") + "s"), next(numbers))
        else:
            target = getattr(self.faebryk, owner)
        told: list[play.Outcome] = []
        keywords: dict[str, Any] = {}
        for parameter in parameters.split():
            key, _, kind = parameter.partition(":")
            if kind == "visitor":
                keywords["f"] = lambda ctx, found: told.append(self.tell(found))
            else:
                keywords[key] = self.argument(kind, next(numbers))
        result = getattr(target, method)(**keywords)
        self.keep_result(pool, result)
        return play.Told([*told, self.tell(result)])

    def keep_result(self, pool: str, result: Any) -> None:
        if pool and result is not None:
            getattr(self, pool).append(result)
        if isinstance(result, self.graph.BoundNode):
            self.bounds.append(result)
        elif isinstance(result, self.graph.NodeReference):
            self.nodes.append(result)
        elif isinstance(result, self.graph.EdgeReference):
            self.edges.append(result)
        elif isinstance(result, self.graph.BoundEdge):
            self.bound_edges.append(result)
            self.edges.append(result.edge())

    def do_drop_typed(self, pool: str, at: int) -> None:
        self.do_drop(pool, at)

    def clear(self) -> None:
        super().clear()
        for pool in POOLS:
            getattr(self, pool).clear()


# A typegraph with three types, two of them constructable, an interface trait, and a child, to pick from.
START: list[play.Call] = [
    ("view",), ("make", 0), ("make", 0), ("unbind", 0),
    ("typed", "TypeGraph.create", (0,) * 8),
    ("typed", ".add_type", (0, 3)), ("typed", ".mark_constructable", (0, 0)),
    ("typed", ".add_type", (0, 0)), ("typed", ".add_type", (0, 1)), ("typed", ".add_type", (0, 2)),
    ("typed", ".mark_constructable", (0, 0)), ("typed", ".mark_constructable", (0, 7)),
    ("typed", "Trait.add_trait_to", (6, 21)),
    ("typed", ".add_make_child", (0, 7, 0, 1, 1)), ("typed", "EdgePointer.build", (0, 0)),
    ("typed", ".ensure_child_reference", (0, 0, 0)), ("typed", ".ensure_child_reference", (0, 0, 3)),
    ("typed", ".instantiate_node", (0, 0, 0)), ("typed", ".instantiate_node", (0, 7, 0)),
    ("typed", "Trait.add_trait_to", (0, 21)), ("typed", "Trait.add_trait_to", (14, 21)),
]  # fmt: skip
