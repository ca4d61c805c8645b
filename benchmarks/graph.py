"""Graph workloads through Python against peers, in one run: `make bench`, or `python benchmarks/graph.py [WORD …]`.

Peers are networkx, rustworkx and igraph in this process, rpyc and multiprocessing.managers as the usual ways to put
objects into another one, and the replaced layer where a module `pyzig` that is not bindd's can be imported. Where it
cannot, a column shows what was once recorded of it on another machine: for orientation, not measured here.
Each side does the work that its users would write for it; see docs/BENCHMARKS.md for what the numbers do not show.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import bindd
import bindd.graph
from measure import HEADERS, REPETITIONS, Side, Visits, Work, Workload, look
from peers import Igraph, Managed, Networkx, Rpyc, Rustworkx
from tabulate import tabulate


def replaced_layer() -> ModuleType | None:
    """The graph module of the layer that bindd replaces, when one is installed that is not bindd itself."""
    if importlib.util.find_spec("pyzig") is None:
        return None
    module = importlib.import_module("pyzig.gen.graph.graph")
    return None if module.GraphView is bindd.graph.GraphView else module


class Native(Visits):
    """Workloads written against the API that bindd and the replaced layer share."""

    def __init__(self, name: str, module: Any, settles: bool) -> None:
        self.name = name
        self.graph = module
        self.settles = settles

    def settle(self) -> None:
        if self.settles:
            current = bindd._bindd._current()
            if current is not None:
                current.sync()

    def side(self, workload: str, count: int) -> Side:
        return Side(self.name, getattr(self, workload), count, self.settle, self.worker_ns)

    def worker_ns(self) -> int:
        current = bindd._bindd._current() if self.settles else None
        return int(Path(f"/proc/{current.pid}/schedstat").read_text().split()[0]) if current else 0

    def star(self, degree: int) -> tuple[Any, Any, Any]:
        graph = self.graph
        view = graph.GraphView.create()
        hub = view.create_and_insert_node()
        for at in range(degree):
            leaf = view.insert_node(node=graph.NodeReference.create(name="leaf", at=at))
            view.insert_edge(edge=graph.EdgeReference.create(
                source=hub.node(), target=leaf.node(), edge_type=1, name="e"))
        self.settle()
        return view, hub, leaf

    def handle_local(self) -> Work:
        view, hub, leaf = self.star(1)

        def work(count: int) -> None:
            node = hub.node
            for _ in range(count):
                node()

        work.keep = view  # type: ignore[attr-defined]
        return work

    def get_attr(self) -> Work:
        view, _, leaf = self.star(1)
        node = leaf.node()

        def work(count: int) -> None:
            for _ in range(count):
                node.get_attr(key="at")

        work.keep = view  # type: ignore[attr-defined]
        return work

    def visit(self, degree: int, function: Any) -> Work:
        view, hub, _ = self.star(degree)

        def work(count: int) -> None:
            for _ in range(count // degree):
                hub.visit_edges_of_type(edge_type=1, ctx=None, f=function)

        work.keep = view  # type: ignore[attr-defined]
        return work

    @staticmethod
    def target(ctx: object, bound: Any) -> None:
        bound.edge().target()

    def create_node(self) -> Work:
        view = self.graph.GraphView.create()

        def work(count: int) -> None:
            for _ in range(count):
                view.create_and_insert_node()

        return work

    def pairs(self, count: int = 60_000) -> tuple[Any, Any, list[tuple[Any, Any]]]:
        view = self.graph.GraphView.create()
        nodes = [view.create_and_insert_node().node() for _ in range(1000)]
        self.settle()
        pairs = [(nodes[at % 1000], nodes[(at * 7 + 1) % 1000]) for at in range(count)]
        return view.insert_edge, self.graph.EdgeReference.create, pairs

    def create_edge_0(self) -> Work:
        insert, create, pairs = self.pairs()

        def work(count: int) -> None:
            for source, target in pairs:
                insert(edge=create(source=source, target=target, edge_type=1))

        return work

    def create_edge_1(self) -> Work:
        insert, create, pairs = self.pairs()

        def work(count: int) -> None:
            for source, target in pairs:
                insert(edge=create(source=source, target=target, edge_type=1, name="abc"))

        return work

    def create_edge_3(self) -> Work:
        insert, create, pairs = self.pairs()

        def work(count: int) -> None:
            for source, target in pairs:
                insert(edge=create(source=source, target=target, edge_type=1, name="abc", at=1, ratio=2.5))

        return work

    def many(self, count: int) -> tuple[Any, list[Any]]:
        view = self.graph.GraphView.create()
        nodes = [view.create_and_insert_node() for _ in range(count)]
        self.settle()
        return view, nodes

    def get_nodes(self) -> Work:
        view, _ = self.many(100_000)
        
        def work(count: int) -> None:
            for _ in range(count // 100_000):
                view.get_nodes()

        return work

    def subgraph(self) -> Work:
        view, nodes = self.many(100_000)
        return lambda count: [view.get_subgraph_from_nodes(nodes=nodes) for _ in range(count)]

    def create_link_visit(self) -> Work:
        view = self.graph.GraphView.create()
        create = self.graph.EdgeReference.create

        def work(count: int) -> None:
            before = view.create_and_insert_node()
            for _ in range(count):
                node = view.create_and_insert_node()
                view.insert_edge(edge=create(source=before.node(), target=node.node(), edge_type=1))
                node.visit_edges_of_type(edge_type=1, ctx=None, f=look)
                before = node

        return work


# Name, method, operations of one repetition, nanoseconds recorded of the replaced layer, wanted ratio to it.
WORKLOADS = [
    ("handle-local call", "handle_local", 500_000, "20-35", 1.0),
    ("get_attr", "get_attr", 300_000, "70", 1.0),
    ("visit, degree 1", "visit_1", 100_000, "223", 1.0),
    ("visit, degree 1,000, per edge", "visit_1000", 300_000, "45", 1.0),
    ("the same with target()", "visit_1000_target", 200_000, "140", 1.0),
    ("create and insert node", "create_node", 100_000, "60-146", 1.0),
    ("create and insert edge", "create_edge_0", 60_000, "450-750", 0.5),
    ("with 1 attribute", "create_edge_1", 60_000, "950", 0.5),
    ("with 3 attributes", "create_edge_3", 60_000, "1,380", 0.5),
    ("get_nodes of 100,000, per node", "get_nodes", 300_000, "20", 1.0),
    ("subgraph of 100,000", "subgraph", 1, "27,000,000", 1.0),
    ("create, link, visit", "create_link_visit", 30_000, "1,400-3,200", 1.0),
]


def trips_of_create_link_visit() -> tuple[int, int]:
    with bindd.connect():  # a fresh workspace, with few ids to begin with
        work = Native("bindd", bindd.graph, True).create_link_visit()
        before = bindd.statistics()["round_trips"]
        work(10_000)
        return 10_000, bindd.statistics()["round_trips"] - before


def main(words: list[str]) -> int:
    ours = Native("bindd", bindd.graph, True)
    replaced = replaced_layer()
    peers = [Networkx(), Rustworkx(), Igraph()]
    remote = [Rpyc(), Managed()]
    rows: list[list[str]] = []
    try:
        for name, method, count, recorded, figure in WORKLOADS:
            if words and not any(word in name for word in words):
                continue
            sides = [ours.side(method, count)]
            if replaced:
                sides.append(Native("replaced layer", replaced, False).side(method, count))
            for peer in (*peers, *remote):
                if hasattr(peer, method):
                    # A peer that waits for another process in each operation does fewer of them.
                    few = max(1, count // 300) if peer in remote else count
                    sides.append(Side(peer.name, getattr(peer, method), few))
            workload = Workload(name, recorded, figure, sides)
            workload.run()
            rows += workload.rows()
            print(".", end="", file=sys.stderr, flush=True)
    finally:
        for peer in remote:
            peer.close()
    print(file=sys.stderr)
    print(tabulate(rows, headers=HEADERS, colalign=("right", "right", "left", "left", *["right"] * 6), disable_numparse=True))
    print(f"\nEach workload {REPETITIONS} times, the sides in turn. A ratio is bindd's to the peer's, of the minima: below 1 bindd is faster.")
    if not replaced:
        print(
            "The replaced layer cannot be imported here: its column shows CPU time that was recorded on another machine\n"
            "and serves for orientation only.")
    turns, trips = trips_of_create_link_visit()
    print(f"create, link, visit: {trips} round trips in {turns:,} turns, all of them for new ids.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
