"""One handle of each kind of the graph, and every use of it that can be refused."""

from __future__ import annotations

from typing import Any

from bindd.graph import EdgeReference, GraphView


def make_all() -> dict[str, Any]:
    view = GraphView.create()
    bound = view.create_and_insert_node()
    edge = EdgeReference.create(source=bound.node(), target=bound.node(), edge_type=1)
    return {"view": view, "bound": bound, "node": bound.node(), "edge": edge, "bound_edge": view.insert_edge(edge=edge)}


def poke(handle: Any) -> None:
    """Everything that must never fail."""
    repr(handle), str(handle), hash(handle), bool(handle), dir(handle)
    assert handle == handle and not handle != handle and handle != 5
    assert handle.__zig_address__() >> 56 in range(1, 12)


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
