"""Edges at a node, and recipes for edges: what model_kinds.py and model_types.py are written with. Plain Python over model.py.

Must not import bindd.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from model import BoundEdge, BoundNode, Edge, EdgeReference, GraphView, Literal, Node, NodeReference, StaleHandleError, View

TYPE, TRAIT, NEXT, POINTER, CONNECTION, COMPOSITION, OPERAND = 0, 34, 41, 78, 85, 130, 193
ANY, OUT, IN = None, True, False

_views: weakref.WeakSet[View] = weakref.WeakSet()


def edges(view: View, node: Node, edge_type: int, direction: bool | None = OUT) -> list[Edge]:
    _views.add(view.check())
    return [edge for edge in view.lists.get((node.id, edge_type), ()) if edge.passes(node, edge_type, direction)]


def first(view: View, node: Node, edge_type: int, direction: bool | None, name: str | None = None) -> Edge | None:
    for edge in edges(view, node, edge_type, direction):
        if name is None or (edge.attributes.get("name") == name and isinstance(edge.attributes["name"], str)):
            return edge
    return None


def type_of(view: View, node: Node) -> Node | None:
    edge = first(view, node, TYPE, IN)
    return edge.source if edge else None


def is_instance(view: View, node: Node, of: Node) -> bool:
    edge = first(view, node, TYPE, IN)
    return edge is not None and edge.directional and edge.source is of


def parent(view: View, node: Node) -> Node | None:
    edge = first(view, node, COMPOSITION, IN)
    return edge.source if edge else None


def child(view: View, node: Node, name: str) -> Node | None:
    edge = first(view, node, COMPOSITION, OUT, name)
    return edge.target if edge else None


def pointed(view: View, node: Node, name: str) -> Node | None:
    edge = first(view, node, POINTER, OUT, name)
    return edge.target if edge else None


def trait(view: View, owner: Node, of: Node) -> Node | None:
    return next((edge.target for edge in edges(view, owner, TRAIT) if is_instance(view, edge.target, of)), None)


def operand(view: View, operands: Node, name: str) -> Node | None:
    for edge in edges(view, operands, OPERAND):
        if edge.directional and edge.attributes.get("name") == name:
            return edge.target
    return None


def text(node: Node, key: str) -> str | None:
    value = node.attributes.get(key)
    return value if isinstance(value, str) else None


def link(
    view: View, source: Node, target: Node, recipe: EdgeCreationAttributes, source_missing: str = "", target_missing: str = ""
) -> Edge:
    """A new edge in a view. ValueError when an end is no member."""
    view.check()
    for end, message in ((source, source_missing), (target, target_missing)):
        if end.id not in view.nodes:
            raise ValueError(message)
    edge = recipe.edge(source, target)
    view.insert_edge(edge)
    return edge


def member(view: View, attributes: dict[str, Literal] | None = None) -> Node:
    node = Node(dict(attributes or {}))
    view.check().nodes[node.id] = node
    return node


@contextmanager
def atomically(view: View, message: str) -> Iterator[None]:
    """What fails leaves the view as it was, and tells one message."""
    nodes, known = dict(view.check().nodes), dict(view.edges)
    lists = {key: list(found) for key, found in view.lists.items()}
    try:
        yield
    except StaleHandleError:
        raise
    except ValueError:
        view.nodes, view.edges, view.lists = nodes, known, lists
        raise ValueError(message) from None


def bind(view: View, node: Node | None) -> BoundNode | None:
    return None if node is None else BoundNode(node, view)


def visited(bound_view: View, found: list[Edge], f: Callable[[Any, Any], object], ctx: Any) -> None:
    for edge in found:
        f(ctx, BoundEdge(edge, bound_view))


class EdgeCreationAttributes:
    def __init__(
        self, edge_type: int, directional: bool | None = None, name: str | None = None, index: int | None = None,
        dynamic: dict[str, Literal] | None = None,
    ) -> None:
        self.edge_type, self.directional, self.name, self.index = edge_type, directional, name, index
        self.dynamic = dict(dynamic or {})

    @staticmethod
    def create(
        *, edge_type: int, directional: bool | None, name: str | None, dynamic: dict[str, Literal] | None
    ) -> EdgeCreationAttributes:
        return EdgeCreationAttributes(edge_type, directional, name, None, dynamic)

    def pairs(self) -> dict[str, Literal]:
        if self.name is None:
            return dict(self.dynamic)
        return {"name": self.name} | {key: value for key, value in self.dynamic.items() if key != "name"}

    def edge(self, source: Node, target: Node) -> Edge:
        edge = Edge(source, target, self.edge_type, bool(self.directional), self.pairs())
        edge.index = self.index or 0  # type: ignore[attr-defined]
        return edge

    def get_tid(self) -> int:
        return self.edge_type

    def create_edge(self, *, source: NodeReference, target: NodeReference) -> EdgeReference:
        return EdgeReference(self.edge(source._node, target._node))

    def insert_edge(self, *, g: GraphView, source: NodeReference, target: NodeReference) -> BoundEdge:
        g._view.check()
        return add(
            g._view, source._node, target._node, self, "Edge source node not in graph", "Edge target node not in graph")

    def apply_to(self, *, edge: EdgeReference) -> None:
        changed = edge._edge
        changed.attributes |= self.pairs()
        if self.directional is not None:
            changed.directional = self.directional
        # Without an index the edge keeps the low byte of its own.
        low = getattr(changed, "index", 0) & 0xFF if self.index is None else self.index & 0xFF
        changed.index = (self.index or 0) & 0x7F00 | low  # type: ignore[attr-defined]
        if self.edge_type != changed.edge_type:
            move(changed, edge_type=self.edge_type)


def move(edge: Edge, edge_type: int | None = None, target: Node | None = None) -> None:
    """In every view that has the edge it leaves its lists and comes last in those that it belongs to now."""
    views = [view for view in _views if not view.is_destroyed and edge.id in view.edges]
    for view in views:
        for found in view.lists.values():
            if edge in found:
                found.remove(edge)
    edge.edge_type = edge.edge_type if edge_type is None else edge_type
    edge.target = target or edge.target
    for view in views:
        view.nodes.setdefault(edge.target.id, edge.target)
        for node in {edge.source.id: edge.source, edge.target.id: edge.target}.values():
            view.lists.setdefault((node.id, edge.edge_type), []).append(edge)


class NodeCreationAttributes:
    def __init__(self, dynamic: dict[str, Literal] | None) -> None:
        self.dynamic = dict(dynamic or {})

    @staticmethod
    def init(*, dynamic: dict[str, Literal] | None = None) -> NodeCreationAttributes:
        return NodeCreationAttributes(dynamic)

    def apply_to(self, *, node: NodeReference) -> None:
        node._node.attributes |= self.dynamic


def recipe(edge_type: int, name: str | None = None, index: int | None = None, **dynamic: Literal) -> EdgeCreationAttributes:
    return EdgeCreationAttributes(edge_type, edge_type != CONNECTION, name, index, dynamic)


def add(view: View, source: Node, target: Node, made: EdgeCreationAttributes, *missing: str) -> BoundEdge:
    return BoundEdge(link(view, source, target, made, *missing), view)


def bound_edge(view: View, edge: Edge | None) -> BoundEdge | None:
    return BoundEdge(edge, view) if edge else None


def far_end(edge: Edge, node: Node, end: Node) -> NodeReference | None:
    return None if node is end else NodeReference(end)
