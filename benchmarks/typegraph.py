"""Workloads of the typed layer: making types and instances, reading them, connections, children, copies, and a synthetic
build. `make bench`, or `python benchmarks/typegraph.py [WORD …]`.

No other library has types as part of a graph, so that there are no peers here: the replaced layer is measured beside bindd where
it can be imported, else its column is what was recorded of it on another machine, as CPU time of a call, for orientation.
"of that" is CPU here and of the worker together, divided by what was recorded. See docs/BENCHMARKS.md for what the numbers
do not show.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import bindd
import bindd.faebryk
import bindd.graph
from graph import Native
from measure import REPETITIONS, Side, Work
from tabulate import tabulate

INTERFACE = "is_interface.node.core.faebryk"


def replaced_layer() -> tuple[Any, Any] | None:
    """The modules of the layer that bindd replaces, when one is installed that is not bindd itself."""
    if importlib.util.find_spec("pyzig") is None:
        return None
    graph = importlib.import_module("pyzig.gen.graph.graph")
    if graph.GraphView is bindd.graph.GraphView:
        return None
    faebryk = SimpleNamespace()
    for module in ("composition", "interface", "node_type", "pointer", "trait", "edgebuilder", "operand", "typegraph"):
        found = importlib.import_module(f"pyzig.gen.faebryk.{module}")
        vars(faebryk).update({name: value for name, value in vars(found).items() if isinstance(value, type)})
    return graph, faebryk


class Typed(Native):
    """Against the API that bindd and the replaced layer share."""

    def __init__(self, name: str, graph: Any, faebryk: Any, settles: bool) -> None:
        super().__init__(name, graph, settles)
        self.faebryk = faebryk

    def types(self, *names: str) -> tuple[Any, Any, list[Any]]:
        """A typegraph and types that can be instantiated."""
        view = self.graph.GraphView.create()
        types = self.faebryk.TypeGraph.create(g=view)
        made = [types.add_type(identifier=name) for name in names]
        for one in made:
            types.mark_constructable(type_node=one)
        return view, types, made

    def with_children(self, count: int) -> tuple[Any, Any, Any, Any]:
        view, types, (leaf, top) = self.types("leaf", "top")
        for at in range(count):
            types.add_make_child(type_node=top, child_type=leaf, identifier=f"child_{at}")
        return view, types, leaf, top

    def repeated(self, keep: object, call: Callable[[], object]) -> Work:
        for _ in range(3):  # what is learned from the first calls is there
            call()
        self.settle()

        def work(count: int) -> None:
            for _ in range(count):
                call()

        work.keep = keep  # type: ignore[attr-defined]
        return work

    def keyword_call(self, keep: object, function: Any, **keywords: Any) -> Work:
        """Calls with keywords, spelled out by the compiler as a program has them."""
        names = ", ".join(f"{name}={name}" for name in keywords)
        scope = {"function": function, **keywords}
        exec(f"def work(count):\n    f = function\n    for _ in range(count):\n        f({names})", scope)
        self.settle()
        work: Any = scope["work"]
        work.keep = keep
        return work  # type: ignore[no-any-return]

    # -- reads ------------------------------------------------------------------------------------------------------

    def child(self, at: int) -> Work:
        view, types, _, top = self.with_children(20)
        node = types.instantiate_node(type_node=top, attributes=None)
        return self.keyword_call(
            view, self.faebryk.EdgeComposition.get_child_by_identifier, bound_node=node, child_identifier=f"child_{at}")

    def child_3(self) -> Work:
        return self.child(2)

    def child_20(self) -> Work:
        return self.child(19)

    def instance(self) -> tuple[Any, Any]:
        view, types, _, top = self.with_children(2)
        return view, types.instantiate_node(type_node=top, attributes=None)

    def of_instance(self) -> Work:
        view, node = self.instance()
        return self.keyword_call(view, self.faebryk.TypeGraph.of_instance, instance_node=node)

    def type_edge(self) -> Work:
        view, node = self.instance()
        return self.keyword_call(view, self.faebryk.EdgeType.get_type_edge, bound_node=node)

    def query(self, parents: int, direct: bool) -> Work:
        """Children of `parents` nodes, ten each, below one root."""
        view, _, (leaf, top) = self.types("leaf", "top")
        add, kind = self.faebryk.EdgeComposition.add_child, self.faebryk.EdgeType.add_instance
        root = view.create_and_insert_node()
        for at in range(parents):
            parent = view.create_and_insert_node()
            kind(bound_type_node=top, bound_instance_node=parent)
            add(bound_node=root, child=parent.node(), child_identifier=f"p{at}")
            for name in range(10):
                child = view.create_and_insert_node()
                kind(bound_type_node=leaf, bound_instance_node=child)
                add(bound_node=parent, child=child.node(), child_identifier=f"c{name}")
        wanted = [(top if direct else leaf).node()]
        return self.keyword_call(
            (view, root), self.faebryk.EdgeComposition.get_children_query, bound_node=root, direct_only=direct, types=wanted)

    def query_20(self) -> Work:
        return self.query(20, True)

    def query_1000(self) -> Work:
        return self.query(100, False)

    def query_10000(self) -> Work:
        return self.query(1000, False)

    # -- making -----------------------------------------------------------------------------------------------------

    def add_child(self) -> Work:
        view = self.graph.GraphView.create()
        parent = view.create_and_insert_node()
        children = [view.create_and_insert_node().node() for _ in range(10_000)]
        add = self.faebryk.EdgeComposition.add_child
        self.settle()

        def work(count: int) -> None:
            for child in children[:count]:
                add(bound_node=parent, child=child, child_identifier="c")

        return work

    def add_type(self) -> Work:
        view, types, _ = self.types()
        names = [f"type {at}" for at in range(5_000)]
        self.settle()

        def work(count: int) -> None:
            for name in names[:count]:
                types.add_type(identifier=name)

        work.keep = view  # type: ignore[attr-defined]
        return work

    def add_make_child(self) -> Work:
        view, types, leaf, top = self.with_children(1)
        return self.keyword_call(view, types.add_make_child, type_node=top, child_type=leaf, identifier="child")

    def reference(self) -> Work:
        view, types, _, top = self.with_children(1)
        return self.keyword_call(view, types.ensure_child_reference, type_node=top, path=["child_0", "x"])

    def add_make_link(self) -> Work:
        view, types, _, top = self.with_children(1)
        ends = [types.ensure_child_reference(type_node=top, path=path) for path in ([""], ["child_0"])]
        recipe = self.faebryk.EdgePointer.build(identifier="next", index=None)
        return self.keyword_call(
            view, types.add_make_link, type_node=top, lhs_reference=ends[0], rhs_reference=ends[1], edge_attributes=recipe)

    def instances(self, children: int) -> Work:
        view, types, _, top = self.with_children(children)
        return self.repeated(view, lambda: types.instantiate_node(type_node=top, attributes=None))

    def instance_0(self) -> Work:
        return self.instances(0)

    def instance_2(self) -> Work:
        return self.instances(2)

    def instance_20(self) -> Work:
        return self.instances(20)

    def nested(self) -> Work:
        """Five children of five children of five: 156 nodes."""
        view, types, kinds = self.types("leaf", "low", "middle", "top")
        for below, kind in zip(kinds, kinds[1:], strict=False):
            for at in range(5):
                types.add_make_child(type_node=kind, child_type=below, identifier=f"c{at}")
        return self.repeated(view, lambda: types.instantiate_node(type_node=kinds[-1], attributes=None))

    def copy_into(self) -> Work:
        _, types, _ = self.types(*(f"type {at}" for at in range(100)))
        self.settle()

        def work(count: int) -> None:
            for _ in range(count):
                types.copy_into(target_graph=self.graph.GraphView.create(), minimal=False)

        return work

    # -- connections ------------------------------------------------------------------------------------------------

    def interfaces(self, count: int) -> tuple[Any, list[Any]]:
        view, types, (trait, kind) = self.types(INTERFACE, "interface")
        nodes = []
        for _ in range(count):
            node, owned = view.create_and_insert_node(), view.create_and_insert_node()
            self.faebryk.EdgeType.add_instance(bound_type_node=kind, bound_instance_node=node)
            self.faebryk.EdgeType.add_instance(bound_type_node=trait, bound_instance_node=owned)
            self.faebryk.EdgeTrait.add_trait_instance(bound_node=node, trait_instance=owned.node())
            nodes.append(node)
        return view, nodes

    def connected(self, view: Any, nodes: list[Any], pairs: list[tuple[int, int]]) -> Work:
        """`get_connected` of an interface, of which nothing is remembered: the last connection is new each time."""
        connect = self.faebryk.EdgeInterfaceConnection.connect
        for one, other in pairs[:-1]:
            connect(bn1=nodes[one], bn2=nodes[other])
        search, last = self.faebryk.EdgeInterfaceConnection.get_connected, pairs[-1]
        self.settle()

        def work(count: int) -> None:
            for _ in range(count):
                connect(bn1=nodes[last[0]], bn2=nodes[last[1]])
                search(source=nodes[0])

        work.keep = view  # type: ignore[attr-defined]
        return work

    def chain(self, count: int) -> Work:
        return self.connected(*self.interfaces(count), [(at, at + 1) for at in range(count - 1)])

    def chain_100(self) -> Work:
        return self.chain(100)

    def chain_1000(self) -> Work:
        return self.chain(1000)

    def chain_10000(self) -> Work:
        return self.chain(10_000)

    def star_10000(self) -> Work:
        return self.connected(*self.interfaces(10_000), [(0, at) for at in range(1, 10_000)])

    def grid_10000(self) -> Work:
        side = 100
        across = [(row * side + at, row * side + at + 1) for row in range(side) for at in range(side - 1)]
        down = [(at, at + side) for at in range(side * (side - 1))]
        return self.connected(*self.interfaces(side * side), across + down)

    def hierarchy(self, parents: int) -> Work:
        """Connected parents with two children each; asked of a child, which is connected through its parent only."""
        view, nodes = self.interfaces(3 * parents)
        tops, children = nodes[:parents], nodes[parents:]
        for at, top in enumerate(tops):
            for name, child in zip("ab", children[2 * at : 2 * at + 2], strict=True):
                self.faebryk.EdgeComposition.add_child(bound_node=top, child=child.node(), child_identifier=name)
        return self.connected(view, [children[0], *tops], [(at, at + 1) for at in range(1, parents)])

    def hierarchy_300(self) -> Work:
        return self.hierarchy(100)

    def hierarchy_10000(self) -> Work:
        return self.hierarchy(3333)

    def build(self) -> Work:
        from build import rounds

        return rounds(self)


# Name, method, operations of one repetition, nanoseconds of CPU recorded of the replaced layer, wanted ratio to it.
WORKLOADS: list[tuple[str, str, int, float, float]] = [
    ("get_child_by_identifier, third of 20", "child_3", 100_000, 160, 1.0),
    ("the same, twentieth", "child_20", 100_000, 190, 1.0),
    ("TypeGraph.of_instance", "of_instance", 100_000, 150, 1.0),
    ("get_type_edge", "type_edge", 100_000, 150, 1.0),
    ("get_children_query, 20 of 20", "query_20", 300, 0, 0),
    ("the same, 1,000 of 1,100", "query_1000", 30, 0, 0),
    ("the same, 10,000 of 11,000", "query_10000", 5, 0, 0),
    ("add_child", "add_child", 10_000, 560, 1.0),
    ("add_type", "add_type", 2_000, 0, 0),
    ("add_make_child", "add_make_child", 5_000, 2_600, 1.0),
    ("ensure_child_reference, two items", "reference", 5_000, 0, 0),
    ("add_make_link", "add_make_link", 5_000, 0, 0),
    ("instance without children", "instance_0", 20_000, 540, 2.0),
    ("instance with 2 children", "instance_2", 10_000, 0, 0),
    ("instance with 20 children", "instance_20", 3_000, 13_000, 0.5),
    ("nested instance, 156 nodes", "nested", 500, 120_000, 0.5),
    ("copy_into, 100 types", "copy_into", 20, 0, 0),
    ("get_connected, chain of 100", "chain_100", 100, 0, 0),
    ("chain of 1,000", "chain_1000", 20, 9_800_000, 0.1),
    ("chain of 10,000", "chain_10000", 3, 0, 0),
    ("star of 10,000", "star_10000", 3, 0, 0),
    ("grid of 100 x 100", "grid_10000", 3, 0, 0),
    ("hierarchy of 300", "hierarchy_300", 30, 2_800_000, 0.1),
    ("hierarchy of 10,000", "hierarchy_10000", 3, 0, 0),
]

HEADERS = [
    "workload", "side", "min, ns", "median, ns", "CPU here, ns", "CPU of worker, ns", "replaced layer, ns\n(recorded elsewhere)",
    "of that", "wanted",
]


def row(name: str, side: Side, recorded: float, figure: float) -> list[str]:
    elsewhere = min(side.elsewhere_times)
    both = min(here + there for here, there in zip(side.cpu_times, side.elsewhere_times, strict=True))
    return [
        name, side.name, f"{side.best:,.0f}", f"{side.median:,.0f}", f"{side.cpu:,.0f}", f"{elsewhere:,.0f}" if elsewhere else "",
        f"{recorded:,.0f}" if recorded else "", f"{both / recorded:.2g}" if recorded else "", f"<= {figure:g}" if figure else "",
    ]


def main(words: list[str]) -> int:
    from build import RECORDED_NS, loop_ns

    players = [Typed("bindd", bindd.graph, bindd.faebryk, True)]
    if replaced := replaced_layer():
        players.append(Typed("replaced layer", *replaced, settles=False))
    rows = []
    for name, method, count, recorded, figure in [
        *WORKLOADS, ("synthetic build, per call", "build", 50_000, RECORDED_NS + loop_ns(), 0.7)
    ]:
        if words and not any(word in name for word in words):
            continue
        sides = [player.side(method, count) for player in players]
        for _ in range(REPETITIONS):
            for side in sides:
                side.run()
        rows += [row(name, side, recorded if at == 0 else 0, figure if at == 0 else 0) for at, side in enumerate(sides)]
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(tabulate(rows, headers=HEADERS, colalign=("left", "left", *["right"] * 7), disable_numparse=True))
    print(f"\nThe build's recorded figure contains {loop_ns():.0f} ns for the benchmark's own loop, as bindd's does.")
    print(f"Each workload {REPETITIONS} times in fresh views. \"of that\": CPU of both processes to the CPU that was recorded.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
