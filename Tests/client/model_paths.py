"""The path finder of connections, taken word for word: paths are lists of edges, all simple paths are enumerated, levels are
lists of (type, name). Slow, and only for small graphs. See model_kinds.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import model_edges as edges_of
from model import Edge, EdgeReference, Node, View

INTERFACE = "is_interface.node.core.faebryk"
DEPTH_MAX = 64  # a search that climbs so far in the small graphs of the tests goes round in a cycle

Key = tuple[tuple[Node, str | None], ...]


@dataclass(frozen=True)
class Path:
    edges: tuple[Edge, ...]
    end: Node

    def touches(self, node: Node) -> bool:
        return any(node in (edge.source, edge.target) for edge in self.edges)

    @property
    def is_shallow(self) -> bool:
        return any(edge.edge_type == edges_of.CONNECTION and edge.attributes.get("shallow") is True for edge in self.edges)

    def then(self, edge: Edge, end: Node) -> Path:
        return Path((*self.edges, edge), end)


Table = list[tuple[Key, list[Path]]]


def is_eligible(view: View, node: Node) -> bool:
    kind = edges_of.type_of(view, node)
    home = edges_of.parent(view, kind) if kind else None
    interface = edges_of.child(view, home, INTERFACE) if home else None
    return interface is not None and edges_of.trait(view, node, interface) is not None


def horizontal(view: View, start: Node) -> list[Path]:
    """Paths over connections, in the order in which they are reported."""
    queue, closed, reported = [Path((), start)], [], []
    while queue:
        path = queue.pop(0)
        if path.end in closed:
            continue
        reported.append(path)
        if not path.is_shallow:
            closed.append(path.end)
        for edge in edges_of.edges(view, path.end, edges_of.CONNECTION, edges_of.ANY):
            other = edge.target if edge.source is path.end else edge.source
            if not path.touches(other) and other not in closed:
                queue.append(path.then(edge, other))
    return reported


def merge(path: Path, paths: list[Path]) -> None:
    for at, known in enumerate(paths):
        if known.end is path.end:
            if len(path.edges) < len(known.edges):
                paths[at] = path
            return
    paths.append(path)


def put(path: Path, key: Key, table: Table) -> None:
    for known, paths in table:
        if known == key:
            return merge(path, paths)
    table.append((key, [path]))


def has(key: Key, end: Node, *tables: Table) -> bool:
    return any(known == key and any(path.end is end for path in paths) for table in tables for known, paths in table)


def connected(view: View, source: Node) -> list[Path]:
    kind = edges_of.type_of(view, source)
    if kind is None:
        raise ValueError("node N has no type: it cannot be connected as an interface")
    start: Key = ((kind, None),)
    todo: Table = [(start, [Path((), source)])]
    seen: Table = [(start, [Path((), source)])]
    while todo:
        key, waiting = todo.pop()
        while waiting:
            path = waiting.pop()
            found: list[Path] = []
            for reached in horizontal(view, path.end):
                whole = Path(path.edges + reached.edges, reached.end)
                if is_eligible(view, whole.end) and (len(key) == 1 or not whole.is_shallow):
                    merge(whole, found)
            for whole in found:
                put(whole, key, seen)
            go_down(view, key, found, seen, todo)
            go_up(view, key, found, seen, todo)
    return next(paths for key, paths in seen if key == start)


def go_down(view: View, key: Key, found: list[Path], seen: Table, todo: Table) -> None:
    name = key[-1][1]
    for whole in found if name is not None else ():
        child = edges_of.child(view, whole.end, name)
        if child is None or has(key[:-1], child, seen, todo):
            continue
        edge = edges_of.first(view, child, edges_of.COMPOSITION, edges_of.IN)
        assert edge
        for table in (seen, todo):
            put(whole.then(edge, child), key[:-1], table)


def go_up(view: View, key: Key, found: list[Path], seen: Table, todo: Table) -> None:
    for whole in found:
        edge = edges_of.first(view, whole.end, edges_of.COMPOSITION, edges_of.IN)
        if edge is None:
            continue
        kind = edges_of.type_of(view, edge.source)
        if kind is None:
            raise ValueError("node N, parent of node N, has no type")
        above: Key = (*key, (kind, EdgeReference(edge).name() or ""))
        if len(above) > DEPTH_MAX:
            raise ValueError("composition cycle: edge N leads up to itself")
        if has(above, edge.source, seen, todo):
            continue
        for table in (seen, todo):
            put(whole.then(edge, edge.source), above, table)
