"""The edge kinds as the specification describes them, in plain Python: each look-up goes through a node's edges. The path
finder is in model_paths.py, types and traits in model_types.py.

Classes, methods and messages are those of bindd.faebryk; a node's number in a message is written N, see play_typed.py.
"""

from __future__ import annotations

from typing import Any

import model_paths
from model import BoundEdge, BoundNode, Edge, EdgeReference, Node, NodeReference, View
from model_edges import (
    ANY, COMPOSITION, CONNECTION, IN, NEXT, OPERAND, OUT, POINTER, TRAIT, TYPE, EdgeCreationAttributes, add, bind, bound_edge,
    child, edges, far_end, first, is_instance, operand, parent, pointed, recipe, trait, type_of, visited,
)


class EdgeComposition:
    @staticmethod
    def create(*, parent: NodeReference, child: NodeReference, child_identifier: str) -> EdgeReference:
        return recipe(COMPOSITION, child_identifier).create_edge(source=parent, target=child)

    @staticmethod
    def build(*, child_identifier: str) -> EdgeCreationAttributes:
        return recipe(COMPOSITION, child_identifier)

    @staticmethod
    def add_child(*, bound_node: BoundNode, child: NodeReference, child_identifier: str) -> BoundEdge:
        return add(
            bound_node._view, bound_node._node, child._node, recipe(COMPOSITION, child_identifier),
            "Parent node not in graph", "Child node not in graph")

    @staticmethod
    def add_anon_child(*, bound_node: BoundNode, child: NodeReference) -> BoundEdge:
        return EdgeComposition.add_child(bound_node=bound_node, child=child, child_identifier="")

    @staticmethod
    def is_instance(*, edge: EdgeReference) -> bool:
        return edge._edge.edge_type == COMPOSITION

    @staticmethod
    def get_parent_edge(*, bound_node: BoundNode) -> BoundEdge | None:
        return bound_edge(bound_node._view, first(bound_node._view, bound_node._node, COMPOSITION, IN))

    @staticmethod
    def get_parent_node_of(*, bound_node: BoundNode) -> BoundNode | None:
        return bind(bound_node._view, parent(bound_node._view, bound_node._node))

    @staticmethod
    def get_parent_node(*, edge: EdgeReference) -> NodeReference:
        return NodeReference(edge._edge.source)

    @staticmethod
    def get_child_node(*, edge: EdgeReference) -> NodeReference:
        return NodeReference(edge._edge.target)

    @staticmethod
    def get_child_of(*, edge: EdgeReference, node: NodeReference) -> NodeReference | None:
        return far_end(edge._edge, node._node, edge._edge.target)

    @staticmethod
    def get_parent_of(*, edge: EdgeReference, node: NodeReference) -> NodeReference | None:
        return far_end(edge._edge, node._node, edge._edge.source)

    @staticmethod
    def get_child_by_identifier(*, bound_node: BoundNode, child_identifier: str) -> BoundNode | None:
        return bind(bound_node._view, child(bound_node._view, bound_node._node, child_identifier))

    @staticmethod
    def get_name(*, edge: EdgeReference) -> str:
        if edge._edge.edge_type != COMPOSITION:
            raise TypeError("edge is not an EdgeComposition edge")
        return edge.name() or ""

    @staticmethod
    def visit_children_edges(*, bound_node: BoundNode, f: Any, ctx: Any = None) -> None:
        view, node = bound_node._view, bound_node._node
        visited(view, [edge for edge in edges(view, node, COMPOSITION) if edge.target is not node], f, ctx)

    @staticmethod
    def _of_type(bound: BoundNode, of: NodeReference) -> list[Edge]:
        view = bound._view
        return [edge for edge in edges(view, bound._node, COMPOSITION) if is_instance(view, edge.target, of._node)]

    @staticmethod
    def visit_children_of_type(*, bound_node: BoundNode, child_type: NodeReference, f: Any, ctx: Any = None) -> None:
        visited(bound_node._view, EdgeComposition._of_type(bound_node, child_type), f, ctx)

    @staticmethod
    def try_get_single_child_of_type(*, bound_node: BoundNode, child_type: NodeReference) -> BoundNode | None:
        found = EdgeComposition._of_type(bound_node, child_type)
        return bind(bound_node._view, found[0].target) if found else None

    @staticmethod
    def get_children_query(
        *, bound_node: BoundNode, direct_only: bool, types: list[NodeReference] | None = None, include_root: bool = False,
        sort: bool = False, required_traits: list[NodeReference] | None = None,
    ) -> list[BoundNode]:
        view = bound_node._view
        result: list[BoundNode] = []

        def take(node: Node) -> None:
            fits = not types or any(is_instance(view, node, of._node) for of in types)
            if fits and all(trait(view, node, of._node) for of in required_traits or ()):
                result.append(BoundNode(node, view))

        def walk(node: Node, above: tuple[Node, ...]) -> None:
            found = [edge for edge in edges(view, node, COMPOSITION) if edge.target is not node]
            if found and node in above:
                raise ValueError("composition cycle: node N contains itself")
            if sort:
                found.sort(key=lambda edge: (EdgeReference(edge).name() or "").encode())
            for edge in found:
                take(edge.target)
                if not direct_only:
                    walk(edge.target, (*above, node))

        view.check()
        if include_root:
            take(bound_node._node)
        walk(bound_node._node, ())
        return result


class EdgePointer:
    @staticmethod
    def create(*, from_node: NodeReference, to_node: NodeReference, identifier: str | None = None) -> EdgeReference:
        return recipe(POINTER, identifier).create_edge(source=from_node, target=to_node)

    @staticmethod
    def build(*, identifier: str | None = None, index: int | None) -> EdgeCreationAttributes:
        return recipe(POINTER, identifier, EdgePointer._checked(index))

    @staticmethod
    def _checked(index: int | None) -> int | None:
        if index is not None and not 0 <= index <= 32767:
            raise ValueError("Index out of range")
        return index

    @staticmethod
    def point_to(
        *, bound_node: BoundNode, target_node: NodeReference, identifier: str | None = None, index: int | None
    ) -> BoundEdge:
        made = EdgePointer.build(identifier=identifier, index=index)
        return add(
            bound_node._view, bound_node._node, target_node._node, made, "Source node not in graph", "Target node not in graph")

    @staticmethod
    def get_index(*, edge: EdgeReference) -> int:
        return getattr(edge._edge, "index", 0)

    @staticmethod
    def get_referenced_node(*, edge: EdgeReference) -> NodeReference:
        return NodeReference(edge._edge.target)

    @staticmethod
    def get_referenced_node_from_node(*, node: BoundNode) -> BoundNode | None:
        edge = first(node._view, node._node, POINTER, OUT)
        return bind(node._view, edge.target) if edge else None

    @staticmethod
    def visit_pointed_edges(*, bound_node: BoundNode, f: Any, ctx: Any = None) -> None:
        visited(bound_node._view, edges(bound_node._view, bound_node._node, POINTER), f, ctx)

    @staticmethod
    def visit_pointed_edges_with_identifier(*, bound_node: BoundNode, identifier: str, f: Any, ctx: Any = None) -> None:
        found = edges(bound_node._view, bound_node._node, POINTER)
        visited(bound_node._view, [edge for edge in found if edge.attributes.get("name") == identifier], f, ctx)

    @staticmethod
    def get_pointed_node_by_identifier(*, bound_node: BoundNode, identifier: str) -> BoundNode | None:
        return bind(bound_node._view, pointed(bound_node._view, bound_node._node, identifier))


class EdgeNext:
    @staticmethod
    def add_next(*, previous_node: BoundNode, next_node: BoundNode) -> BoundEdge:
        next_node._view.check()
        return add(
            previous_node._view, previous_node._node, next_node._node, recipe(NEXT), "Previous node not in graph",
            "Next node not in graph")

    @staticmethod
    def get_next_node(*, edge: EdgeReference) -> NodeReference | None:
        return NodeReference(edge._edge.target) if edge._edge.directional else None

    @staticmethod
    def get_previous_node(*, edge: EdgeReference) -> NodeReference | None:
        return NodeReference(edge._edge.source) if edge._edge.directional else None

    @staticmethod
    def get_next_edge(*, node: BoundNode) -> BoundEdge | None:
        return bound_edge(node._view, first(node._view, node._node, NEXT, OUT))

    @staticmethod
    def get_previous_edge(*, node: BoundNode) -> BoundEdge | None:
        return bound_edge(node._view, first(node._view, node._node, NEXT, IN))

    @staticmethod
    def get_next_node_from_node(*, node: BoundNode) -> NodeReference | None:
        edge = first(node._view, node._node, NEXT, OUT)
        return NodeReference(edge.target) if edge else None

    @staticmethod
    def get_previous_node_from_node(*, node: BoundNode) -> NodeReference | None:
        edge = first(node._view, node._node, NEXT, IN)
        return NodeReference(edge.source) if edge else None


class EdgeType:
    @staticmethod
    def add_instance(*, bound_type_node: BoundNode, bound_instance_node: BoundNode) -> BoundEdge:
        bound_instance_node._view.check()
        return add(
            bound_type_node._view, bound_type_node._node, bound_instance_node._node, recipe(TYPE),
            "Type node not in graph", "Instance node not in graph")

    @staticmethod
    def get_type_edge(*, bound_node: BoundNode) -> BoundEdge | None:
        return bound_edge(bound_node._view, first(bound_node._view, bound_node._node, TYPE, IN))

    @staticmethod
    def visit_instance_edges(*, bound_node: BoundNode, f: Any, ctx: Any = None) -> None:
        visited(bound_node._view, edges(bound_node._view, bound_node._node, TYPE), f, ctx)

    @staticmethod
    def is_node_instance_of(*, bound_node: BoundNode, node_type: NodeReference) -> bool:
        return is_instance(bound_node._view, bound_node._node, node_type._node)


class EdgeTrait:
    @staticmethod
    def add_trait_instance(*, bound_node: BoundNode, trait_instance: NodeReference) -> BoundEdge:
        return add(
            bound_node._view, bound_node._node, trait_instance._node, recipe(TRAIT), "Trait owner node not in graph",
            "Trait instance node not in graph")

    @staticmethod
    def get_owner_edge(*, bound_node: BoundNode) -> BoundEdge | None:
        return bound_edge(bound_node._view, first(bound_node._view, bound_node._node, TRAIT, IN))

    @staticmethod
    def get_owner_node_of(*, bound_node: BoundNode) -> BoundNode | None:
        edge = first(bound_node._view, bound_node._node, TRAIT, IN)
        return bind(bound_node._view, edge.source) if edge else None

    @staticmethod
    def visit_trait_instance_edges(*, bound_node: BoundNode, f: Any, ctx: Any = None) -> None:
        visited(bound_node._view, edges(bound_node._view, bound_node._node, TRAIT), f, ctx)

    @staticmethod
    def visit_trait_instances_of_type(*, owner: BoundNode, trait_type: NodeReference, f: Any, ctx: Any = None) -> None:
        view = owner._view
        found = [edge for edge in edges(view, owner._node, TRAIT) if is_instance(view, edge.target, trait_type._node)]
        visited(view, found, f, ctx)

    @staticmethod
    def try_get_trait_instance_of_type(*, bound_node: BoundNode, trait_type: NodeReference) -> BoundNode | None:
        return bind(bound_node._view, trait(bound_node._view, bound_node._node, trait_type._node))


class EdgeOperand:
    @staticmethod
    def _set(expression: BoundNode) -> Node:
        found = child(expression._view, expression._node, "operands")
        if found is None:
            raise ValueError("node N has no operand set")
        return found

    @staticmethod
    def get_operands_set_node(*, bound_node: BoundNode) -> BoundNode | None:
        return bind(bound_node._view, child(bound_node._view, bound_node._node, "operands"))

    @staticmethod
    def add_operand(*, bound_node: BoundNode, operand: NodeReference, operand_identifier: str | None = None) -> BoundEdge:
        if bound_node._node.id not in bound_node._view.check().nodes:
            raise ValueError("Expression node not in graph")
        return add(
            bound_node._view, EdgeOperand._set(bound_node), operand._node, recipe(OPERAND, operand_identifier),
            "Expression node not in graph", "Operand node not in graph")

    @staticmethod
    def get_name(*, edge: EdgeReference) -> str | None:
        if edge._edge.edge_type != OPERAND:
            raise TypeError("edge is not an EdgeOperand edge")
        return edge.name()

    @staticmethod
    def get_operand_node(*, edge: EdgeReference) -> NodeReference:
        return NodeReference(edge._edge.target)

    @staticmethod
    def get_expression_node(*, bound_edge: BoundEdge) -> NodeReference:
        found = parent(bound_edge._view, bound_edge._edge.source)
        if found is None:
            raise ValueError("node N is the operand set of no expression")
        return NodeReference(found)

    @staticmethod
    def get_expression_of(*, bound_edge: BoundEdge, node: NodeReference) -> NodeReference | None:
        bound_edge._view.check()
        return None if node._node is bound_edge._edge.source else EdgeOperand.get_expression_node(bound_edge=bound_edge)

    @staticmethod
    def get_expression_edge(*, bound_node: BoundNode) -> BoundEdge | None:
        return bound_edge(bound_node._view, first(bound_node._view, bound_node._node, OPERAND, IN))

    @staticmethod
    def visit_operand_edges(*, bound_node: BoundNode, f: Any, ctx: Any = None) -> None:
        view, node = bound_node._view, bound_node._node
        visited(view, [edge for edge in edges(view, node, OPERAND) if edge.target is not node], f, ctx)

    @staticmethod
    def visit_operands_of_type(*, bound_node: BoundNode, operand_type: NodeReference, f: Any, ctx: Any = None) -> None:
        view = bound_node._view
        operands = EdgeOperand._set(bound_node)
        found = [edge for edge in edges(view, operands, OPERAND) if edge.target is not operands]
        visited(view, [edge for edge in found if is_instance(view, edge.target, operand_type._node)], f, ctx)

    @staticmethod
    def visit_expression_edges(*, bound_node: BoundNode, f: Any, ctx: Any = None) -> None:
        visited(bound_node._view, edges(bound_node._view, bound_node._node, OPERAND, IN), f, ctx)

    @staticmethod
    def visit_expression_edges_of_type(
        *, bound_node: BoundNode, expression_type: NodeReference, f: Any, ctx: Any = None
    ) -> None:
        view = bound_node._view
        found = []
        for edge in edges(view, bound_node._node, OPERAND, IN):
            expression = EdgeOperand.get_expression_node(bound_edge=BoundEdge(edge, view))
            if is_instance(view, expression._node, expression_type._node):
                found.append(edge)
        visited(view, found, f, ctx)

    @staticmethod
    def get_operand_by_identifier(*, node: BoundNode, operand_identifier: str) -> BoundNode | None:
        operands = child(node._view, node._node, "operands")
        return bind(node._view, operand(node._view, operands, operand_identifier)) if operands else None


class EdgeInterfaceConnection:
    @staticmethod
    def _connect(one: BoundNode, other: BoundNode, shallow: bool, failed: str) -> BoundEdge:
        one._view.check()
        if type_of(one._view, one._node) is not type_of(other._view, other._node):
            raise ValueError(failed)
        return add(one._view, one._node, other._node, recipe(CONNECTION, shallow=shallow), failed, failed)

    @staticmethod
    def connect(*, bn1: BoundNode, bn2: BoundNode) -> BoundEdge:
        return EdgeInterfaceConnection._connect(bn1, bn2, False, "Failed to connect interface nodes")

    @staticmethod
    def connect_shallow(*, bn1: BoundNode, bn2: BoundNode) -> BoundEdge:
        return EdgeInterfaceConnection._connect(bn1, bn2, True, "Failed to create shallow connection")

    @staticmethod
    def get_other_connected_node(*, edge: EdgeReference, node: NodeReference) -> NodeReference | None:
        ends = (edge._edge.source, edge._edge.target)
        if node._node not in ends:
            return None
        return NodeReference(ends[1] if node._node is ends[0] else ends[0])

    @staticmethod
    def visit_connected_edges(*, bound_node: BoundNode, f: Any, ctx: Any = None) -> None:
        visited(bound_node._view, edges(bound_node._view, bound_node._node, CONNECTION, ANY), f, ctx)

    @staticmethod
    def get_connected(*, source: BoundNode, include_self: bool | None = True) -> dict[BoundNode, BFSPath]:
        paths = model_paths.connected(source._view.check(), source._node)
        shown = paths if include_self or include_self is None else paths[1:]
        return {BoundNode(path.end, source._view): BFSPath(source._view, source._node, path) for path in shown}

    @staticmethod
    def is_connected_to(*, source: BoundNode, target: BoundNode) -> BFSPath:
        target._view.check()
        for path in model_paths.connected(source._view.check(), source._node):
            if path.end is target._node:
                return BFSPath(source._view, source._node, path)
        return BFSPath(source._view, source._node, model_paths.Path((), source._node))


class BFSPath:
    def __init__(self, view: View, start: Node, path: Any) -> None:
        self._view, self._start, self._path = view, start, path

    def get_length(self) -> int:
        return len(self._path.edges)

    def get_start_node(self) -> BoundNode:
        return BoundNode(self._start, self._view)

    def get_end_node(self) -> BoundNode:
        return BoundNode(self._path.end, self._view)

    def get_edges(self) -> list[EdgeReference]:
        return [EdgeReference(edge) for edge in self._path.edges]
