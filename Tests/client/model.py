"""The graph module as the specification describes it, in plain Python: what bindd.graph is compared with.

The same classes, methods and errors, no daemon, no cleverness: a view is two dicts. Nodes and edges live for ever here; in
bindd they live as long as something holds them, and a difference between the two would be an error of bindd.
Must not import bindd. Ids are counted in this process; comparing goes by order of appearance.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any

Literal = int | float | str | bool


class StaleHandleError(ReferenceError):
    """A view that was destroyed, or something in it, was used."""


_node_ids = itertools.count(1)
_edge_ids = itertools.count(1)
_stored: dict[int, Any] = {}


def _take(args: tuple[Any, ...], keywords: dict[str, Any], **fields: Any) -> list[Any]:
    """The calling convention. A field is a class, ``object`` (anything), or a pair (class, default) when optional."""
    if args:
        raise TypeError("This function does not take positional arguments")
    required = [name for name, kind in fields.items() if not isinstance(kind, tuple)]
    if required and not keywords:
        raise TypeError("keyword arguments are required")
    values = []
    for name, kind in fields.items():
        optional = isinstance(kind, tuple)
        if name not in keywords:
            if not optional:
                raise TypeError("keyword argument is required")
            values.append(kind[1])
            continue
        wanted = kind[0] if optional else kind
        if wanted is not object and type(keywords[name]) is not wanted:
            raise TypeError("Invalid object")
        values.append(keywords[name])
    return values


def _edge_type(value: Any) -> int:
    number = operator.index(value)
    if not 0 <= number <= 255:
        raise ValueError("Edge type out of range")
    return number


def _text(value: Any, message: str) -> str:
    if not isinstance(value, str):
        raise TypeError(message)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise TypeError(message) from None
    return str(value)


def _literal(value: Any) -> Literal:
    message = "Unsupported attribute literal"
    if value is True or value is False:
        return bool(value)
    if isinstance(value, str):
        return _text(value, message)
    if not isinstance(value, float) and hasattr(type(value), "__index__"):
        number = operator.index(value)
        if -(1 << 63) <= number < 1 << 63:
            return number
        value = number
    try:
        return float(value) if hasattr(type(value), "__float__") else float(_refuse(message))
    except OverflowError:
        raise TypeError(message) from None


def _refuse(message: str) -> float:
    raise TypeError(message)


def _attributes(keywords: dict[str, Any], declared: set[str]) -> dict[str, Literal]:
    return {
        _text(name, "Expected a string"): _literal(value) for name, value in keywords.items() if name not in declared
    }


class NodeReference:
    def __init__(self, node: Node) -> None:
        self._node = node

    @staticmethod
    def create(*args: Any, **keywords: Any) -> NodeReference:
        return NodeReference(Node(_attributes(keywords, set())))

    def get_uuid(self, *args: Any, **keywords: Any) -> int:
        return self._node.id

    def is_same(self, *args: Any, **keywords: Any) -> bool:
        (other,) = _take(args, keywords, other=NodeReference)
        return self._node is other._node

    def get_attr(self, *args: Any, **keywords: Any) -> Literal | None:
        (key,) = _take(args, keywords, key=object)
        return self._node.attributes.get(_text(key, "Expected a string"))

    def get_dynamic_attrs(self, *args: Any, **keywords: Any) -> dict[str, Literal]:
        return dict(self._node.attributes)


class Node:
    def __init__(self, attributes: dict[str, Literal]) -> None:
        self.id = next(_node_ids)
        self.attributes = attributes


class Edge:
    def __init__(self, source: Node, target: Node, edge_type: int, directional: bool, attributes: dict[str, Literal]):
        self.id = next(_edge_ids)
        self.source, self.target = source, target
        self.edge_type, self.directional, self.attributes = edge_type, directional, attributes

    def passes(self, node: Node, edge_type: int, directed: bool | None) -> bool:
        if self.edge_type != edge_type or node not in (self.source, self.target):
            return False
        return directed is None or not self.directional or node is (self.source if directed else self.target)


class EdgeReference:
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    @staticmethod
    def create(*args: Any, **keywords: Any) -> EdgeReference:
        fields = {
            "source": NodeReference, "target": NodeReference, "edge_type": object, "directional": (object, None),
            "name": (object, None),
        }
        source, target, edge_type, directional, name = _take(args, keywords, **fields)
        number = _edge_type(edge_type)
        directional = bool(directional)
        attributes: dict[str, Literal] = {} if name is None else {"name": _text(name, "Expected a string")}
        attributes |= _attributes(keywords, set(fields))
        return EdgeReference(Edge(source._node, target._node, number, directional, attributes))

    def source(self, *args: Any, **keywords: Any) -> NodeReference:
        return NodeReference(self._edge.source)

    def target(self, *args: Any, **keywords: Any) -> NodeReference:
        return NodeReference(self._edge.target)

    def edge_type(self, *args: Any, **keywords: Any) -> int:
        return self._edge.edge_type

    def directional(self, *args: Any, **keywords: Any) -> bool:
        return self._edge.directional

    def name(self, *args: Any, **keywords: Any) -> str | None:
        name = self._edge.attributes.get("name")
        return name if isinstance(name, str) else None

    def get_attr(self, *args: Any, **keywords: Any) -> Literal | None:
        (key,) = _take(args, keywords, key=object)
        return self._edge.attributes.get(_text(key, "Expected a string"))

    def is_same(self, *args: Any, **keywords: Any) -> bool:
        (other,) = _take(args, keywords, other=EdgeReference)
        return self._edge is other._edge

    def __repr__(self) -> str:
        edge = self._edge
        return f"EdgeReference(id={edge.id:#x}, src={edge.source.id:#x}, tgt={edge.target.id:#x}, type={edge.edge_type})"


class View:
    """Membership, in order of insertion."""

    def __init__(self) -> None:
        self.self_node = Node({})
        self.nodes = {self.self_node.id: self.self_node}
        self.edges: dict[int, Edge] = {}
        self.lists: dict[tuple[int, int], list[Edge]] = {}  # by node and type, for the typed layer
        self.is_destroyed = False

    def check(self) -> View:
        if self.is_destroyed:
            raise StaleHandleError("the view was destroyed")
        return self

    def insert_edge(self, edge: Edge) -> None:
        if edge.id in self.edges:
            return
        for node, end in ((edge.source, "source"), (edge.target, "target")):
            if node.id not in self.nodes:
                raise ValueError(f"Edge {end} node not in graph")
        self.edges[edge.id] = edge
        for node in {edge.source.id: edge.source, edge.target.id: edge.target}.values():
            self.lists.setdefault((node.id, edge.edge_type), []).append(edge)


class GraphView:
    def __init__(self, view: View) -> None:
        self._view = view

    @staticmethod
    def create(*args: Any, **keywords: Any) -> GraphView:
        return GraphView(View())

    def get_self_node(self, *args: Any, **keywords: Any) -> BoundNode:
        return BoundNode(self._view.check().self_node, self._view)

    def create_and_insert_node(self, *args: Any, **keywords: Any) -> BoundNode:
        view = self._view.check()
        node = Node({})
        view.nodes[node.id] = node
        return BoundNode(node, view)

    def insert_node(self, *args: Any, **keywords: Any) -> BoundNode:
        (node,) = _take(args, keywords, node=NodeReference)
        self._view.check().nodes[node._node.id] = node._node
        return BoundNode(node._node, self._view)

    def bind(self, *args: Any, **keywords: Any) -> BoundNode:
        (node,) = _take(args, keywords, node=NodeReference)
        return BoundNode(node._node, self._view.check())

    def insert_edge(self, *args: Any, **keywords: Any) -> BoundEdge:
        (edge,) = _take(args, keywords, edge=EdgeReference)
        self._view.check().insert_edge(edge._edge)
        return BoundEdge(edge._edge, self._view)

    def get_node_count(self, *args: Any, **keywords: Any) -> int:
        return len(self._view.check().nodes)

    def get_counts(self, *args: Any, **keywords: Any) -> tuple[int, int]:
        return len(self._view.check().nodes), len(self._view.edges)

    def get_nodes(self, *args: Any, **keywords: Any) -> list[BoundNode]:
        return [BoundNode(node, self._view) for node in self._view.check().nodes.values()]

    def get_subgraph_from_nodes(self, *args: Any, **keywords: Any) -> GraphView:
        (nodes,) = _take(args, keywords, nodes=object)
        source = self._view.check()
        if not isinstance(nodes, list):
            raise TypeError("nodes must be a list")
        if any(type(node) is not BoundNode for node in nodes):
            raise TypeError("nodes must be a list of BoundNode")
        made = View()
        made.nodes |= {bound._node.id: bound._node for bound in nodes}
        for bound in nodes:
            for edge in _by_type(source, bound._node):
                if edge.source.id in made.nodes and edge.target.id in made.nodes:
                    made.insert_edge(edge)
        return GraphView(made)

    def insert_subgraph(self, *args: Any, **keywords: Any) -> None:
        (subgraph,) = _take(args, keywords, subgraph=GraphView)
        view, other = self._view.check(), subgraph._view.check()
        view.nodes |= {id: node for id, node in other.nodes.items() if id not in view.nodes}
        for edge in list(other.edges.values()):
            view.insert_edge(edge)

    def destroy(self, *args: Any, **keywords: Any) -> None:
        self._view.is_destroyed = True

    def __repr__(self) -> str:
        view = self._view
        nodes, edges = (0, 0) if view.is_destroyed else (len(view.nodes), len(view.edges))
        return f"GraphView(id={view.self_node.id:#x}, |V|={nodes}, |E|={edges})"


def _by_type(view: View, node: Node) -> list[Edge]:
    """Edges at the node, grouped by type in the order in which the types first came there."""
    lists: dict[int, list[Edge]] = {}
    for edge in view.edges.values():
        if node in (edge.source, edge.target):
            lists.setdefault(edge.edge_type, []).append(edge)
    return [edge for edges in lists.values() for edge in edges]


class BoundNodeReference:
    def __init__(self, node: Node, view: View) -> None:
        self._node, self._view = node, view

    def node(self, *args: Any, **keywords: Any) -> NodeReference:
        return NodeReference(self._node)

    def g(self, *args: Any, **keywords: Any) -> GraphView:
        return GraphView(self._view)

    def visit_edges_of_type(self, *args: Any, **keywords: Any) -> None:
        edge_type, ctx, f, directed = _take(
            args, keywords, edge_type=object, ctx=object, f=object, directed=(object, None)
        )
        number = _edge_type(edge_type)
        direction = None if directed is None else bool(directed)
        view = self._view.check()
        # A self loop is told once.
        found = [edge for edge in view.edges.values() if edge.passes(self._node, number, direction)]
        function: Callable[[Any, BoundEdge], object] = f
        for edge in found:
            function(ctx, BoundEdge(edge, view))

    def store(self, *args: Any, **keywords: Any) -> None:
        (_stored[self._node.id],) = _take(args, keywords, data=object)

    def load(self, *args: Any, **keywords: Any) -> Any:
        (kind,) = _take(args, keywords, t=object)
        if self._node.id not in _stored:
            raise KeyError("No data stored on this BoundNode")
        try:
            if isinstance(_stored[self._node.id], kind):
                return _stored[self._node.id]
        except TypeError:
            pass
        raise TypeError("BoundNode.load: stored data is not an instance of the expected type")

    def try_load(self, *args: Any, **keywords: Any) -> Any:
        (kind,) = _take(args, keywords, t=object)
        data = _stored.get(self._node.id)
        return data if self._node.id in _stored and isinstance(data, kind) else None

    def __eq__(self, other: object) -> bool:
        return type(other) is BoundNode and self._node is other._node

    def __hash__(self) -> int:
        return self._node.id

    def __repr__(self) -> str:
        return f"BoundNode(node={self._node.id:#x}, graph={self._view.self_node.id:#x})"


class BoundEdgeReference:
    def __init__(self, edge: Edge, view: View) -> None:
        self._edge, self._view = edge, view

    def edge(self, *args: Any, **keywords: Any) -> EdgeReference:
        return EdgeReference(self._edge)

    def g(self, *args: Any, **keywords: Any) -> GraphView:
        return GraphView(self._view)

    def __repr__(self) -> str:
        edge = self._edge
        return f"BoundEdge(src={edge.source.id:#x}, tgt={edge.target.id:#x}, graph={self._view.self_node.id:#x})"


BoundNode = BoundNodeReference
BoundEdge = BoundEdgeReference
