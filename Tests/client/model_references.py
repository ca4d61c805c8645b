"""References, chains of nodes that say how to get from an instance to another node, and the errors of the typed layer."""

from __future__ import annotations

from model import BoundNode, Node, View
from model_edges import COMPOSITION, NEXT, OPERAND, OUT, POINTER, TRAIT, child, first, operand, text, trait


class TypeGraphInstantiationError(ValueError):
    def __init__(self, message: str, node: BoundNode, kind: str, identifier: str) -> None:
        super().__init__(message)
        self.node, self.kind, self.identifier = node, kind, identifier


class TypeGraphResolveError(TypeGraphInstantiationError):
    """The same fields."""


class TypeGraphPathError(ValueError):
    kind, failing_segment, failing_segment_index, index_value = "missing_child", "", 0, None

    def __init__(self) -> None:
        super().__init__("path resolution failed")
        self.path: list[str] = []


def reference_path(view: View, start: Node) -> tuple[str, ...]:
    names = []
    chain = chain_of(view, start)
    for at, (_, name, tid) in enumerate(chain):
        if tid == COMPOSITION and not name:
            if at + 1 < len(chain):
                raise ValueError("reference does not contain any identifiers")
        else:
            names.append("" if tid == POINTER else name)
    return tuple(names)


def chain_of(view: View, start: Node) -> list[tuple[Node, str, int]]:
    """(node, identifier, edge type) of each node of a reference."""
    items: list[tuple[Node, str, int]] = []
    node: Node | None = start
    while node:
        if any(known is node for known, _, _ in items):
            raise ValueError("the reference chain at node N leads back to itself")
        name = text(node, "child_identifier")
        if name is None:
            raise ValueError("node N is no reference: it has no child_identifier")
        number = node.attributes.get("edge_type_tid")
        whole = isinstance(number, (int, float)) and not isinstance(number, bool) and number == int(number)
        items.append((node, name, (int(number) if 0 <= number <= 255 else -1) if whole else COMPOSITION))
        edge = first(view, node, NEXT, OUT)
        node = edge.target if edge else None
    return items


def resolve(view: View, current: Node, item: tuple[Node, str, int], home_view: View, home: Node) -> Node:
    node, name, tid = item

    def failure(kind: str, message: str, identifier: str = name) -> TypeGraphResolveError:
        return TypeGraphResolveError(message, BoundNode(node, home_view), kind, identifier)

    if name.startswith("<<"):
        found = child(home_view, home, name[2:])
        if found is None:
            raise failure("type_not_found", "Type node not found for enum type", name[2:])
    elif tid == COMPOSITION:
        found = child(view, current, name) if name else current
        if found is None:
            raise failure("composition_child_not_found", "Child not found")
    elif tid == TRAIT:
        kind = child(home_view, home, name)
        if kind is None:
            raise failure("trait_type_not_found", "trait type not found in TypeGraph")
        found = trait(view, current, kind)
        if found is None:
            raise failure("trait_instance_not_found", "trait not found on")
    elif tid == POINTER:
        edge = first(view, current, POINTER, OUT)
        if edge is None:
            raise failure("pointer_dereference_failed", "pointer dereference failed from node")
        found = edge.target
    elif tid == OPERAND:
        operands = child(view, current, "operands")
        found = operand(view, operands, name) if operands else None
        if found is None:
            raise failure("operand_not_found", "operand not found on node")
    else:
        raise failure("unknown_edge_type", "Unknown edge type")
    return found
