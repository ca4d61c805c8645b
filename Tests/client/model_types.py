"""Types, traits and the linker as the specification describes them, in plain Python: an instance is made by recursion over
its types, nothing is remembered between calls. Errors and references are in model_references.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from model import BoundNode, EdgeReference, GraphView, Literal, Node, View
from model_edges import (
    COMPOSITION, IN, NEXT, OUT, POINTER, TRAIT, TYPE, EdgeCreationAttributes, NodeCreationAttributes, atomically, bind, child,
    edges, first, is_instance, link, member, move, parent, pointed, recipe, text, trait, type_of,
)
from model_references import (
    TypeGraphInstantiationError, TypeGraphPathError, TypeGraphResolveError, chain_of, reference_path, resolve,
)

RECIPE_KEYS = ("edge_type", "directional", "name", "order", "edge_specific")


def new_instance(view: View, of: Node, attributes: dict[str, Literal] | None = None) -> Node:
    node = member(view, attributes)
    link(view, of, node, recipe(TYPE))
    return node


def give_trait(view: View, owner: Node, kind: Node) -> Node:
    node = new_instance(view, kind)
    link(view, owner, node, recipe(TRAIT))
    return node


class TypeGraph:
    def __init__(self, node: Node, view: View) -> None:
        self._node, self._view = node, view

    def _type(self, name: str) -> Node:
        found = child(self._view, self._node, name)
        if found is None:
            raise ValueError(f"node N is no TypeGraph: it has no type {name}")
        return found

    # making and finding

    @staticmethod
    def create(*, g: GraphView) -> TypeGraph:
        view = g._view
        made = TypeGraph(member(view, {"initialized": True}), view)

        def give(owner: Node, kind: Node) -> None:
            node = new_instance(view, kind)
            link(view, owner, node, recipe(COMPOSITION, ""))
            link(view, owner, node, recipe(TRAIT))

        implements_type, implements_trait = made._new_type("ImplementsType"), made._new_type("ImplementsTrait")
        for owner in (implements_type, implements_trait):
            give(owner, implements_type)
            give(owner, implements_trait)
        builtin = [made._new_type("MakeChild")]
        give(builtin[0], implements_type)
        builtin += [made._new_type(name) for name in ("MakeLink", "Reference", "TypeReference", "is_constructable")]
        give(builtin[-1], implements_type)
        give(builtin[-1], implements_trait)
        for owner in (implements_type, implements_trait, *builtin):
            give(owner, builtin[-1])
        return made

    def _new_type(self, name: str) -> Node:
        node = member(self._view, {"type_identifier": name})
        link(self._view, self._node, node, recipe(COMPOSITION, name))
        return node

    @staticmethod
    def of(*, node: BoundNode) -> TypeGraph:
        return TypeGraph(node._node, node._view.check())

    @staticmethod
    def of_type(*, type_node: BoundNode) -> TypeGraph | None:
        home = parent(type_node._view, type_node._node)
        return TypeGraph(home, type_node._view) if home else None

    @staticmethod
    def of_instance(*, instance_node: BoundNode) -> TypeGraph | None:
        kind = type_of(instance_node._view, instance_node._node)
        return TypeGraph.of_type(type_node=BoundNode(kind, instance_node._view)) if kind else None

    def get_graph_view(self) -> GraphView:
        return GraphView(self._view)

    def get_self_node(self) -> BoundNode:
        return BoundNode(self._node, self._view)

    @staticmethod
    def get_type_name(*, type_node: BoundNode) -> str:
        type_node._view.check()
        name = text(type_node._node, "type_identifier")
        if name is None:
            raise ValueError("node N is no type and no type reference: no type_identifier")
        return name

    def get_type_by_name(self, *, type_identifier: str) -> BoundNode | None:
        return bind(self._view, child(self._view, self._node, type_identifier))

    def get_type_instance_overview(self) -> list[tuple[str, int]]:
        result = []
        for edge in edges(self._view, self._node, COMPOSITION):
            if edge.target is not self._node:
                name = text(edge.target, "type_identifier")
                shown = name if name is not None else EdgeReference(edge).name() or ""
                result.append((shown, len(edges(self._view, edge.target, TYPE))))
        return result

    def add_type(self, *, identifier: str) -> BoundNode:
        kind = self._type("ImplementsType")
        if child(self._view, self._node, identifier):
            raise ValueError("Type with this name already exists")
        node = self._new_type(identifier)
        link(self._view, node, give_trait(self._view, node, kind), recipe(COMPOSITION, ""))
        return BoundNode(node, self._view)

    def get_or_create_type(self, *, type_identifier: str) -> BoundNode:
        known = self.get_type_by_name(type_identifier=type_identifier)
        return known or self.add_type(identifier=type_identifier)

    def mark_constructable(self, *, type_node: BoundNode) -> None:
        view, failed = type_node._view.check(), "mark_constructable failed"
        kind = self._type("is_constructable")
        if type_node._node.id not in view.nodes:
            raise ValueError(failed)
        with atomically(view, failed):
            give_trait(view, type_node._node, kind)

    def is_constructable(self, *, type_node: BoundNode) -> bool:
        kind = self._type("is_constructable")
        return trait(type_node._view, type_node._node, kind) is not None

    # children

    def add_make_child(
        self, *, type_node: BoundNode, child_type: BoundNode, identifier: str | None,
        node_attributes: NodeCreationAttributes | None = None,
    ) -> BoundNode:
        self._view.check(), type_node._view.check()
        name = TypeGraph.get_type_name(type_node=child_type)
        return self._make_child(type_node, child_type, name, identifier, node_attributes, "add_make_child failed")

    def add_make_child_deferred(
        self, *, type_node: BoundNode, child_type_identifier: str, identifier: str | None,
        node_attributes: NodeCreationAttributes | None = None,
    ) -> BoundNode:
        type_node._view.check()
        failed = "add_make_child_deferred failed"
        return self._make_child(type_node, None, child_type_identifier, identifier, node_attributes, failed)

    def _make_child(
        self, type_node: BoundNode, child_type: BoundNode | None, name: str, identifier: str | None,
        attributes: NodeCreationAttributes | None, failed: str,
    ) -> BoundNode:
        view = self._view
        kind, reference_kind = self._type("MakeChild"), self._type("TypeReference")
        pairs: dict[str, Literal] = {} if identifier is None else {"child_identifier": identifier}
        pairs = pairs | {key: value for key, value in (attributes.dynamic if attributes else {}).items() if key not in pairs}
        with atomically(view, failed):
            made = new_instance(view, kind, pairs)
            reference = new_instance(view, reference_kind, {"type_identifier": name})
            link(view, made, reference, recipe(COMPOSITION, "type_ref"))
            link(view, made, reference, recipe(POINTER, identifier))
            link(view, type_node._node, made, recipe(COMPOSITION, identifier or ""))
            if child_type:
                if child_type._view is not view:
                    raise ValueError
                link(view, reference, child_type._node, recipe(POINTER, "resolved"))
        return BoundNode(made, view)

    def add_type_reference(self, *, type_identifier: str) -> BoundNode:
        kind = self._type("TypeReference")
        return BoundNode(new_instance(self._view, kind, {"type_identifier": type_identifier}), self._view)

    def get_make_child_type_reference(self, *, make_child: BoundNode) -> BoundNode:
        self._view.check()
        found = child(make_child._view, make_child._node, "type_ref")
        if found is None:
            raise ValueError("node N is no MakeChild: it has no type reference")
        return BoundNode(found, make_child._view)

    def get_make_child_type_reference_by_identifier(self, *, type_node: BoundNode, identifier: str) -> BoundNode | None:
        self._view.check()
        found = bind(type_node._view, child(type_node._view, type_node._node, identifier))
        return self.get_make_child_type_reference(make_child=found) if found else None

    def _made(self, view: View, type_node: Node, kind: Node) -> list[Node]:
        return [edge.target for edge in edges(view, type_node, COMPOSITION) if is_instance(view, edge.target, kind)]

    def collect_make_children(self, *, type_node: BoundNode) -> list[tuple[str | None, BoundNode]]:
        kind, view = self._type("MakeChild"), type_node._view
        found = self._made(view, type_node._node, kind)
        return [(text(node, "child_identifier"), BoundNode(node, view)) for node in found]

    def resolve_child_path(self, *, start_type: BoundNode, path: Sequence[str]) -> BoundNode | None:
        self._view.check()
        view, current = start_type._view.check(), start_type._node
        for name in path:
            made = child(view, current, name)
            reference = child(view, made, "type_ref") if made else None
            resolved = pointed(view, reference, "resolved") if reference else None
            if resolved is None:
                return None
            current = resolved
        return BoundNode(current, view)

    # references

    def ensure_child_reference(self, *, type_node: BoundNode, path: Sequence[Any]) -> BoundNode:
        self._view.check(), type_node._view.check()
        if not path:
            raise TypeGraphPathError
        kind = self._type("Reference")
        chain: list[Node] = []
        for item in path:
            name, tid = (item, COMPOSITION) if isinstance(item, str) else (item.identifier, item.edge_type)
            pairs: dict[str, Literal] = {"child_identifier": name}
            chain.append(new_instance(self._view, kind, pairs | ({} if tid == COMPOSITION else {"edge_type_tid": tid})))
            if len(chain) > 1:
                link(self._view, chain[-2], chain[-1], recipe(NEXT))
        return BoundNode(chain[0], self._view)

    def debug_add_reference(self, *, type_node: BoundNode, path: Sequence[Any]) -> BoundNode:
        self._view.check(), type_node._view.check()
        if not path:
            raise ValueError("debug_add_reference failed")
        return self.ensure_child_reference(type_node=type_node, path=path)

    def get_reference_path(self, *, reference: BoundNode) -> tuple[str, ...]:
        self._view.check()
        return reference_path(reference._view.check(), reference._node)

    def reference_resolve(self, *, reference_node: BoundNode, base_node: BoundNode) -> BoundNode:
        self._view.check(), reference_node._view.check()
        view = base_node._view.check()
        home = TypeGraph.of_instance(instance_node=reference_node)
        if home is None:
            raise TypeGraphResolveError(
                "Failed to get TypeGraph from reference node", reference_node, "typegraph_not_found", "")
        current = base_node._node
        for item in chain_of(reference_node._view, reference_node._node):
            current = resolve(view, current, item, home._view, home._node)
        return BoundNode(current, view)

    # links

    def add_make_link(
        self, *, type_node: BoundNode, lhs_reference: BoundNode, rhs_reference: BoundNode, edge_attributes: Any
    ) -> BoundNode:
        view = self._view.check()
        for bound in (type_node, lhs_reference, rhs_reference):
            bound._view.check()
        kind, failed, made = self._type("MakeLink"), "add_make_link failed", edge_attributes
        index = made.index or 0
        pairs: dict[str, Literal] = {"edge_type": made.edge_type}
        pairs |= {} if made.directional is None else {"directional": made.directional}
        pairs |= {} if made.name is None else {"name": made.name}
        pairs |= {"order": index >> 8}
        pairs |= {} if made.index is None else {"edge_specific": index & 0xFF}
        pairs |= {key: value for key, value in made.dynamic.items() if key not in pairs}
        node = new_instance(view, kind, pairs)  # stays when what follows is refused
        link(view, node, lhs_reference._node, recipe(COMPOSITION, "lhs"), failed, failed)
        link(view, node, rhs_reference._node, recipe(COMPOSITION, "rhs"), failed, failed)
        link(view, type_node._node, node, recipe(COMPOSITION, ""), failed, failed)
        return BoundNode(node, view)

    def collect_make_links(self, *, type_node: BoundNode) -> list[tuple[BoundNode, tuple[str, ...], tuple[str, ...]]]:
        kind, view = self._type("MakeLink"), type_node._view
        result = []
        for node in self._made(view, type_node._node, kind):
            lhs, rhs = child(view, node, "lhs"), child(view, node, "rhs")
            if lhs is None or rhs is None:
                continue
            try:
                result.append((BoundNode(node, view), reference_path(view, lhs), reference_path(view, rhs)))
            except ValueError:
                raise ValueError("MakeLink node has an invalid reference chain") from None
        return result

    # instances

    def instantiate(self, *, type_identifier: str) -> BoundNode:
        kind = child(self._view, self._node, type_identifier)
        if kind is None:
            raise TypeGraphInstantiationError("Type not found", self.get_self_node(), "invalid_argument", "")
        return BoundNode(instantiate(self, kind, ()), self._view)

    def instantiate_node(self, *, type_node: BoundNode, attributes: dict[str, Literal] | None) -> BoundNode:
        self._view.check()
        view = type_node._view.check()
        made = instantiate(TypeGraph(self._node, view), type_node._node, ())
        made.attributes |= attributes or {}
        return BoundNode(made, view)


def instantiate(types: TypeGraph, kind: Node, above: tuple[Node, ...]) -> Node:
    view = types._view

    def failure(what: str, message: str, node: Node, identifier: str = "") -> TypeGraphInstantiationError:
        return TypeGraphInstantiationError(message, BoundNode(node, view), what, identifier)

    make_child, is_constructable = types._type("MakeChild"), types._type("is_constructable")
    if trait(view, kind, is_constructable) is None:
        message = "Type is not constructable (not fully linked/merged)"
        raise failure("other", message, kind, text(kind, "type_identifier") or "")
    make_link = None
    instance = new_instance(view, kind)
    for edge in edges(view, kind, COMPOSITION):
        made = edge.target
        if not is_instance(view, made, make_child):
            continue
        reference = child(view, made, "type_ref")
        resolved = pointed(view, reference, "resolved") if reference else None
        if resolved is None:
            raise failure("unresolved_type_reference", "Unresolved type reference (linking required)", made)
        if resolved in (*above, kind):
            raise failure("other", "Type contains itself", made, text(resolved, "type_identifier") or "")
        part = instantiate(types, resolved, (*above, kind))
        part.attributes |= {key: value for key, value in made.attributes.items() if key != "child_identifier"}
        link(view, instance, part, recipe(COMPOSITION, EdgeReference(edge).name()))
    make_link = types._type("MakeLink")
    for edge in edges(view, kind, COMPOSITION):
        if is_instance(view, edge.target, make_link):
            instantiate_link(types, instance, edge.target)
    return instance


def instantiate_link(types: TypeGraph, instance: Node, node: Node) -> None:
    view = types._view

    def failure(what: str, message: str, identifier: str = "") -> TypeGraphInstantiationError:
        return TypeGraphInstantiationError(message, BoundNode(node, view), what, identifier)

    def end(chain: list[tuple[Node, str, int]]) -> Node:
        current = instance
        try:
            for item in chain:
                current = resolve(view, current, item, view, types._node)
        except TypeGraphResolveError as error:
            raise failure("unresolved_reference", str(error), error.identifier) from None
        return current

    heads = child(view, node, "lhs"), child(view, node, "rhs")
    if heads[0] is None or heads[1] is None:
        raise failure("missing_operand_reference", "Missing operand reference in MakeLink")
    pairs = node.attributes
    low = pairs.get("edge_specific")
    made = EdgeCreationAttributes(
        int(pairs["edge_type"]), bool(pairs.get("directional", False)), None,
        None if low is None else (int(pairs["order"]) & 0x7F) << 8 | int(low))
    made.dynamic = {key: value for key, value in pairs.items() if key == "name"}
    made.dynamic |= {key: value for key, value in pairs.items() if key not in RECIPE_KEYS}
    try:
        chains = [chain_of(view, head) for head in heads if head]
    except ValueError as error:
        raise failure("unresolved_reference", str(error)) from None
    source = end(chains[0])
    link(view, source, end(chains[1]), made)


class Trait:
    @staticmethod
    def try_get_trait(*, target: BoundNode, trait_type: BoundNode) -> BoundNode | None:
        trait_type._view.check()
        return bind(target._view, trait(target._view, target._node, trait_type._node))

    @staticmethod
    def try_get_traits(*, target: BoundNode, trait_types: list[BoundNode]) -> list[BoundNode | None]:
        target._view.check()
        return [Trait.try_get_trait(target=target, trait_type=one) for one in trait_types]

    @staticmethod
    def add_trait_to(*, target: BoundNode, trait_type: BoundNode) -> BoundNode:
        view = trait_type._view.check()
        target._view.check()
        home = parent(view, trait_type._node)
        if home is None:
            raise ValueError("add_trait_to failed")
        with atomically(view, "add_trait_to failed"):
            made = instantiate(TypeGraph(home, view), trait_type._node, ())
            link(target._view, target._node, made, recipe(TRAIT))
        return BoundNode(made, view)

    @staticmethod
    def add_trait_instance_to(*, target: BoundNode, trait_instance: BoundNode) -> BoundNode:
        trait_instance._view.check()
        failed = "add_trait_instance_to failed"
        link(target._view, target._node, trait_instance._node, recipe(TRAIT), failed, failed)
        return trait_instance

    @staticmethod
    def mark_as_trait(*, trait_type: BoundNode) -> None:
        view = trait_type._view.check()
        home = parent(view, trait_type._node)
        kind = child(view, home, "ImplementsTrait") if home else None
        if kind is None:
            raise ValueError("mark_as_trait failed")
        with atomically(view, "mark_as_trait failed"):
            give_trait(view, trait_type._node, kind)

    @staticmethod
    def visit_implementers(*, trait_type: BoundNode, f: Any, ctx: Any = None) -> None:
        view = trait_type._view
        owners = [first(view, edge.target, TRAIT, IN) for edge in edges(view, trait_type._node, TYPE)]
        for owner in owners:
            if owner:
                f(ctx, BoundNode(owner.source, view))


class Linker:
    @staticmethod
    def _check(g: GraphView, type_reference: BoundNode, target_type_node: BoundNode) -> View:
        view = g._view.check()
        type_reference._view.check(), target_type_node._view.check()
        if type_reference._view is not view:
            raise ValueError("Type reference does not belong to provided GraphView")
        if target_type_node._view is not view:
            raise ValueError("Target type does not belong to provided GraphView")
        return view

    @staticmethod
    def link_type_reference(*, g: GraphView, type_reference: BoundNode, target_type_node: BoundNode) -> None:
        view = Linker._check(g, type_reference, target_type_node)
        link(
            view, type_reference._node, target_type_node._node, recipe(POINTER, "resolved"), "Source node not in graph",
            "Target node not in graph")

    @staticmethod
    def update_type_reference(*, g: GraphView, type_reference: BoundNode, target_type_node: BoundNode) -> None:
        view = Linker._check(g, type_reference, target_type_node)
        edge = first(view, type_reference._node, POINTER, OUT, "resolved")
        if edge is None:
            Linker.link_type_reference(g=g, type_reference=type_reference, target_type_node=target_type_node)
        elif target_type_node._node.id not in view.nodes:
            raise ValueError("Target node not in graph")
        elif edge.target is not target_type_node._node:
            move(edge, target=target_type_node._node)

    @staticmethod
    def get_resolved_type(*, type_reference: BoundNode) -> BoundNode | None:
        return bind(type_reference._view, pointed(type_reference._view, type_reference._node, "resolved"))

    @staticmethod
    def collect_unresolved_type_references(*, type_graph: TypeGraph) -> list[tuple[BoundNode, BoundNode]]:
        view, kind, result = type_graph._view, type_graph._type("MakeChild"), []
        for edge in edges(view, type_graph._node, COMPOSITION):
            if edge.target is type_graph._node:
                continue
            for made in type_graph._made(view, edge.target, kind):
                reference = child(view, made, "type_ref")
                if reference and pointed(view, reference, "resolved") is None:
                    result.append((BoundNode(edge.target, view), BoundNode(reference, view)))
        return result
