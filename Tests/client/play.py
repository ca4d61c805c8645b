"""Plays a list of calls on anything that has the graph module's shape, and tells what each gave: in a form that does not
depend on ids, so that bindd and the model (model.py) can be compared call by call.

A call is a tuple: a name, then numbers and values. Numbers pick from what the calls before made, counted from the newest,
so that any list can be played. What is told uses only what is local in bindd (ids, repr, ends): telling sends nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from enum import IntEnum
from typing import Any

Call = tuple[Any, ...]
Outcome = Any
EDGE_TYPES = (0, 1, 7, 255)
DIRECTIONS = (None, True, False)
KEYS = ("a", "b", "name", "ключ", "x\0y", "")


class Size(IntEnum):
    SMALL = 3


class NoTruth:
    def __bool__(self) -> bool:
        raise ArithmeticError("no truth value")


GOOD_VALUES = 19  # so many of them are accepted
VALUES: tuple[Any, ...] = (
    0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 10**30, 0.5, -0.0, float("nan"), float("inf"), True, False, "text",
    "x\0y", "汉字" * 40, Size.SMALL, Decimal("1.5"), "", "\ud800", None, b"x", [], (), object, 1j, 10**400,
)  # fmt: skip
STORED: tuple[Any, ...] = (None, 5, "text", [1], {"k": 2})
STORED_TYPES: tuple[Any, ...] = (int, str, (list, dict), object, type(None))


class Raised(Exception):
    """Raised by a callback on purpose."""


class Player:
    state_types: tuple[int, ...] = EDGE_TYPES

    def __init__(self, graph: Any, sync: Callable[[], object]) -> None:
        self.graph, self.sync = graph, sync
        self.symbols: dict[int, int] = {}
        self.edge_symbols: dict[str, int] = {}
        self.views: list[Any] = []
        self.nodes: list[Any] = []
        self.edges: list[Any] = []
        self.bounds: list[Any] = []
        self.bound_edges: list[Any] = []

    # -- telling ----------------------------------------------------------------------------------------------------

    def node_symbol(self, uuid: int) -> int:
        return self.symbols.setdefault(uuid, len(self.symbols))

    def view_symbol(self, view: Any) -> int:
        return self.node_symbol(int(repr(view).split("0x")[1].split(",")[0], 16))

    def edge_symbol(self, edge: Any) -> int:
        return self.edge_symbols.setdefault(repr(edge).partition(",")[0], len(self.edge_symbols))

    def tell(self, value: Any) -> Outcome:
        graph = self.graph
        if isinstance(value, Told):
            return list(value)
        if value is None or isinstance(value, (bool, int, float, str)):
            return type(value).__name__, repr(value)
        if isinstance(value, graph.NodeReference):
            return "node", self.node_symbol(value.get_uuid())
        if isinstance(value, graph.BoundNode):
            return "bound", self.node_symbol(value.node().get_uuid()), self.view_symbol(value.g())
        if isinstance(value, graph.EdgeReference):
            ends = self.tell(value.source()), self.tell(value.target())
            return "edge", self.edge_symbol(value), ends, value.edge_type(), value.directional()
        if isinstance(value, graph.BoundEdge):
            return "bound edge", self.tell(value.edge()), self.view_symbol(value.g())
        if isinstance(value, graph.GraphView):
            return "view", self.view_symbol(value)
        if isinstance(value, (list, tuple)):
            return type(value).__name__, [self.tell(item) for item in value]
        if isinstance(value, dict):
            return "dict", [(self.tell(key), self.tell(item)) for key, item in value.items()]
        return "object", type(value).__name__

    def tell_error(self, error: Exception) -> Outcome:
        name = type(error).__name__
        return "raised", name, "" if name == "StaleHandleError" else str(error)

    # -- playing ----------------------------------------------------------------------------------------------------

    def play(self, call: Call) -> Outcome:
        name, *arguments = call
        try:
            return self.tell(getattr(self, "do_" + name)(*arguments))
        except Skip:
            return "skipped"
        except Exception as error:  # what is compared
            return self.tell_error(error)

    def pick(self, pool: list[Any], at: int) -> Any:
        if not pool:
            raise Skip
        return pool[-1 - at % len(pool)]

    def keep(self, pool: list[Any], value: Any) -> Any:
        pool.append(value)
        return value

    def do_view(self) -> Any:
        return self.keep(self.views, self.graph.GraphView.create())

    def do_destroy(self, view: int) -> Any:
        return self.pick(self.views, view).destroy()

    def do_node(self, attributes: dict[str, int]) -> Any:
        return self.keep(self.nodes, self.graph.NodeReference.create(**self.values(attributes)))

    def values(self, attributes: dict[str, int]) -> dict[str, Any]:
        return {key: VALUES[at] for key, at in attributes.items()}

    def do_make(self, view: int) -> Any:
        return self.keep(self.bounds, self.pick(self.views, view).create_and_insert_node())

    def do_insert_node(self, view: int, node: int) -> Any:
        bound = self.pick(self.views, view).insert_node(node=self.pick(self.nodes, node))
        return self.keep(self.bounds, bound)

    def do_bind(self, view: int, node: int) -> Any:
        return self.keep(self.bounds, self.pick(self.views, view).bind(node=self.pick(self.nodes, node)))

    def do_edge(self, source: int, target: int, edge_type: int, keywords: dict[str, Any], attributes: dict[str, int]) -> Any:
        edge = self.graph.EdgeReference.create(
            source=self.pick(self.nodes, source), target=self.pick(self.nodes, target), edge_type=EDGE_TYPES[edge_type],
            **keywords, **{key: value for key, value in self.values(attributes).items() if key != "name"},
        )
        return self.keep(self.edges, edge)

    def do_insert_edge(self, view: int, edge: int) -> Any:
        return self.keep(self.bound_edges, self.pick(self.views, view).insert_edge(edge=self.pick(self.edges, edge)))

    def do_link(self, source: int, target: int, edge_type: int, directional: bool, keep: bool) -> Any:
        """A new edge between two bound nodes, into the view of the first."""
        one, two = self.pick(self.bounds, source), self.pick(self.bounds, target)
        edge = self.graph.EdgeReference.create(
            source=one.node(), target=two.node(), edge_type=EDGE_TYPES[edge_type], directional=directional
        )
        bound = one.g().insert_edge(edge=edge)
        if keep:
            self.bound_edges.append(bound)
            self.edges.append(edge)
        return bound

    def do_fan(self, bound: int, edge_type: int, count: int) -> None:
        """Edges from a bound node to new ones, of which nothing is kept but the hub."""
        hub = self.pick(self.bounds, bound)
        for at in range(count):
            edge = self.graph.EdgeReference.create(
                source=hub.node(), target=hub.g().create_and_insert_node().node(), edge_type=EDGE_TYPES[edge_type],
                directional=at % 2 == 0, name=f"fan {at}",
            )
            hub.g().insert_edge(edge=edge)

    def do_count(self, view: int) -> Any:
        return self.pick(self.views, view).get_node_count()

    def do_counts(self, view: int) -> Any:
        return self.pick(self.views, view).get_counts()

    def do_members(self, view: int) -> Any:
        return self.pick(self.views, view).get_nodes()

    def do_self(self, view: int) -> Any:
        return self.keep(self.bounds, self.pick(self.views, view).get_self_node())

    def do_repr(self, view: int) -> Any:
        return repr(self.pick(self.views, view)).partition("|")[2]

    def do_subgraph(self, view: int, bounds: list[int]) -> Any:
        nodes = [self.pick(self.bounds, at) for at in bounds]
        return self.keep(self.views, self.pick(self.views, view).get_subgraph_from_nodes(nodes=nodes))

    def do_merge(self, view: int, other: int) -> Any:
        return self.pick(self.views, view).insert_subgraph(subgraph=self.pick(self.views, other))

    def do_visit(self, bound: int, edge_type: int, directed: int, action: str) -> Any:
        """What the callback got, told when it got it, and how the visit ended."""
        node = self.pick(self.bounds, bound)
        told: list[Outcome] = []

        def seen(context: Any, edge: Any) -> str:
            told.append((context, self.tell(edge)))
            if len(told) == 2 and action == "raise":
                raise Raised("from the callback")
            if len(told) == 1 and action == "destroy":
                edge.g().destroy()
            if len(told) == 1 and action == "forget":
                for pool in (self.edges, self.bound_edges, self.bounds, self.views):
                    pool.clear()
            if len(told) < 20 and action == "link":
                told.append(self.play(("link", 0, bound, edge_type, False, True)))
            if len(told) < 20 and action == "nest":
                told.append(self.play(("visit", bound + 1, edge_type, directed, "collect")))
            if action in ("read", "destroy"):
                told.append((self.tell(edge.edge().name()), self.tell(edge.edge().get_attr(key="a"))))
            return "ignored"

        try:
            node.visit_edges_of_type(
                edge_type=EDGE_TYPES[edge_type], ctx=5, f=None if action == "none" else seen, directed=DIRECTIONS[directed]
            )
        except Exception as error:  # what is compared
            told.append(self.tell_error(error))
        return Told(told)

    def do_node_attr(self, node: int, key: str) -> Any:
        return self.pick(self.nodes, node).get_attr(key=key)

    def do_node_attrs(self, node: int) -> Any:
        return self.pick(self.nodes, node).get_dynamic_attrs()

    def do_edge_attr(self, edge: int, key: str) -> Any:
        return self.pick(self.edges, edge).get_attr(key=key)

    def do_edge_name(self, edge: int) -> Any:
        return self.pick(self.edges, edge).name()

    def do_same(self, one: int, two: int, three: int, four: int) -> Any:
        nodes = self.pick(self.nodes, one).is_same(other=self.pick(self.nodes, two))
        return nodes, self.pick(self.edges, three).is_same(other=self.pick(self.edges, four))

    def do_equal(self, one: int, two: int) -> Any:
        a, b = self.pick(self.bounds, one), self.pick(self.bounds, two)
        return a == b, a != b, hash(a) == hash(b), a in {b}, a.__eq__(b), a == a.node(), hash(a) == a.node().get_uuid()

    def do_unbind(self, bound: int) -> Any:
        node = self.pick(self.bounds, bound)
        return self.keep(self.nodes, node.node()), self.keep(self.views, node.g())

    def do_unbind_edge(self, bound: int) -> Any:
        edge = self.pick(self.bound_edges, bound)
        return self.keep(self.edges, edge.edge()), self.keep(self.views, edge.g())

    def do_ends(self, edge: int) -> Any:
        picked = self.pick(self.edges, edge)
        return self.keep(self.nodes, picked.source()), self.keep(self.nodes, picked.target())

    def do_store(self, bound: int, data: int) -> Any:
        return self.pick(self.bounds, bound).store(data=STORED[data])

    def do_load(self, bound: int, kind: int) -> Any:
        return self.pick(self.bounds, bound).load(t=STORED_TYPES[kind])

    def do_try_load(self, bound: int, kind: int) -> Any:
        return self.pick(self.bounds, bound).try_load(t=STORED_TYPES[kind])

    def do_drop(self, pool: str, at: int) -> None:
        values = getattr(self, pool)
        if not values:
            raise Skip
        del values[-1 - at % len(values)]

    def do_sync(self) -> None:
        self.sync()

    def do_pause(self) -> None:
        time.sleep(0.0003)

    def do_wrong(self, at: int, which: int) -> Any:
        """Calls that must raise, or ignore what they do not know."""
        view, node, bound = self.pick(self.views, at), self.pick(self.nodes, at), self.pick(self.bounds, at)
        edge = {"source": node, "target": node, "edge_type": 1}
        create = self.graph.EdgeReference.create
        wrong: tuple[Callable[[], Any], ...] = (
            lambda: view.insert_node(node),
            lambda: view.insert_node(),
            lambda: view.insert_node(nodes=node),
            lambda: view.insert_node(node=bound),
            lambda: view.insert_node(node=None, extra=1),
            lambda: view.insert_node(node=node, validate=False),
            lambda: view.insert_edge(edge=node),
            lambda: view.get_node_count(1, x=2),
            lambda: view.insert_subgraph(subgraph=node),
            lambda: view.get_subgraph_from_nodes(nodes=(bound,)),
            lambda: view.get_subgraph_from_nodes(nodes=[bound, node]),
            lambda: view.get_subgraph_from_nodes(nodes=None),
            lambda: node.get_attr(key=5),
            lambda: node.get_attr(key="\ud800"),
            lambda: node.get_attr("a"),
            lambda: node.is_same(other=bound),
            lambda: create(**{**edge, "edge_type": -1}),
            lambda: create(**{**edge, "edge_type": 256}),
            lambda: create(**{**edge, "edge_type": 2**80}),
            lambda: create(**{**edge, "edge_type": 1.5}),
            lambda: create(**{**edge, "edge_type": "1"}),
            lambda: create(**{**edge, "edge_type": True}).edge_type(),
            lambda: create(**{**edge, "edge_type": Size.SMALL}).edge_type(),
            lambda: create(**{**edge, "target": view}),
            lambda: create(source=node, edge_type=1),
            lambda: create(**edge, name=5),
            lambda: create(**edge, name="\udfff"),
            lambda: create(**edge, directional=NoTruth()),
            lambda: create(**edge, directional=[]).directional(),
            lambda: create(**edge, **{"\ud800": 1}),
            lambda: bound.visit_edges_of_type(edge_type=1, ctx=None),
            lambda: bound.visit_edges_of_type(edge_type=300, ctx=None, f=None),
            lambda: bound.visit_edges_of_type(edge_type=None, ctx=None, f=None),
            lambda: bound.visit_edges_of_type(edge_type=1, ctx=None, f=None, directed=NoTruth()),
            lambda: bound.load(t=5),
            lambda: bound.store(),
        )
        return wrong[which % len(wrong)]()

    # -- the end ----------------------------------------------------------------------------------------------------

    def state(self) -> Outcome:
        """Everything that can be read from what is still held."""
        told: list[Outcome] = []
        for view in self.views:
            try:
                nodes = view.get_nodes()
            except Exception as error:  # what is compared
                told.append(self.tell_error(error))
                continue
            told.append((self.tell(view.get_counts()), repr(view).partition("|")[2], self.tell(nodes)))
            for node in nodes:
                for edge_type in self.state_types:
                    for direction in DIRECTIONS:
                        node.visit_edges_of_type(
                            edge_type=edge_type, ctx=None, f=lambda _, edge: told.append(self.tell(edge)), directed=direction
                        )
                told.append(self.tell(node.node().get_dynamic_attrs()))
        for node in self.nodes:
            told.append((self.tell(node), self.tell(node.get_dynamic_attrs())))
        for edge in [*self.edges, *(bound.edge() for bound in self.bound_edges)]:
            told.append((self.tell(edge), self.tell(edge.name()), [self.tell(edge.get_attr(key=key)) for key in KEYS]))
        return told

    def clear(self) -> None:
        for view in self.views:
            view.destroy()
        for pool in (self.views, self.nodes, self.edges, self.bounds, self.bound_edges):
            pool.clear()


class Skip(Exception):
    """There is nothing to pick from."""


class Told(list):  # type: ignore[type-arg]
    """Already told: compared as it is."""
