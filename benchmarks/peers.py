"""The peers' workloads: each as its users would write it. A peer leaves out what it has no counterpart for.

networkx, rustworkx and igraph hold the graph in this process. rpyc and multiprocessing.managers hold a networkx graph in
another one and reach it by proxies, a round trip per call: what isolation costs with the usual means.
"""

from __future__ import annotations

import multiprocessing
import socket
import sys
from collections.abc import Callable, Iterable
from functools import partial
from multiprocessing.managers import BaseManager
from typing import Any

import igraph
import networkx
import rpyc
import rustworkx
from measure import ListedVisits, Work, look


class Networkx(ListedVisits):
    name = "networkx"

    def star(self, degree: int) -> Any:
        graph = networkx.MultiDiGraph()
        graph.add_node(0)
        for at in range(1, degree + 1):
            graph.add_node(at, name="leaf", at=at)
            graph.add_edge(0, at, key=1, name="e")
        return graph

    def get_attr(self) -> Work:
        graph = self.star(1)

        def work(count: int) -> None:
            for _ in range(count):
                graph.nodes[1]["at"]

        return work

    def edges_at_hub(self, degree: int) -> Callable[[], Iterable[Any]]:
        return partial(self.star(degree).out_edges, 0, data=True)

    def create_node(self) -> Work:
        graph = networkx.MultiDiGraph()

        def work(count: int) -> None:
            for at in range(count):
                graph.add_node(at)

        return work

    def pairs(self) -> tuple[Any, list[tuple[int, int, int]]]:
        graph = networkx.MultiDiGraph()
        graph.add_nodes_from(range(1000))
        return graph.add_edge, [(at % 1000, (at * 7 + 1) % 1000, at) for at in range(60_000)]

    def create_edge_0(self) -> Work:
        add, pairs = self.pairs()

        def work(count: int) -> None:
            for source, target, key in pairs:
                add(source, target, key=key)

        return work

    def create_edge_1(self) -> Work:
        add, pairs = self.pairs()

        def work(count: int) -> None:
            for source, target, key in pairs:
                add(source, target, key=key, name="abc")

        return work

    def create_edge_3(self) -> Work:
        add, pairs = self.pairs()

        def work(count: int) -> None:
            for source, target, key in pairs:
                add(source, target, key=key, name="abc", at=1, ratio=2.5)

        return work

    def get_nodes(self) -> Work:
        graph = networkx.MultiDiGraph()
        graph.add_nodes_from(range(100_000))
        
        def work(count: int) -> None:
            for _ in range(count // 100_000):
                list(graph.nodes)

        return work

    def subgraph(self) -> Work:
        graph = networkx.MultiDiGraph()
        graph.add_nodes_from(range(100_000))
        nodes = list(graph)
        return lambda count: [graph.subgraph(nodes).copy() for _ in range(count)]

    def create_link_visit(self) -> Work:
        graph = networkx.MultiDiGraph()

        def work(count: int) -> None:
            graph.add_node(0)
            for at in range(1, count + 1):
                graph.add_node(at)
                graph.add_edge(at - 1, at, key=1)
                for edge in graph.in_edges(at, data=True):
                    look(None, edge)

        return work


class Rustworkx(ListedVisits):
    name = "rustworkx"

    def star(self, degree: int) -> Any:
        graph = rustworkx.PyDiGraph()
        graph.add_node(None)
        for at in range(degree):
            graph.add_edge(0, graph.add_node({"name": "leaf", "at": at}), {"name": "e"})
        return graph

    def get_attr(self) -> Work:
        graph = self.star(1)

        def work(count: int) -> None:
            for _ in range(count):
                graph[1]["at"]

        return work

    def edges_at_hub(self, degree: int) -> Callable[[], Iterable[Any]]:
        return partial(self.star(degree).out_edges, 0)

    def create_node(self) -> Work:
        graph = rustworkx.PyDiGraph()

        def work(count: int) -> None:
            for _ in range(count):
                graph.add_node(None)

        return work

    def pairs(self) -> tuple[Any, list[tuple[int, int]]]:
        graph = rustworkx.PyDiGraph()
        graph.add_nodes_from([None] * 1000)
        return graph.add_edge, [(at % 1000, (at * 7 + 1) % 1000) for at in range(60_000)]

    def create_edge_0(self) -> Work:
        add, pairs = self.pairs()

        def work(count: int) -> None:
            for source, target in pairs:
                add(source, target, None)

        return work

    def create_edge_1(self) -> Work:
        add, pairs = self.pairs()

        def work(count: int) -> None:
            for source, target in pairs:
                add(source, target, {"name": "abc"})

        return work

    def create_edge_3(self) -> Work:
        add, pairs = self.pairs()

        def work(count: int) -> None:
            for source, target in pairs:
                add(source, target, {"name": "abc", "at": 1, "ratio": 2.5})

        return work

    def get_nodes(self) -> Work:
        graph = rustworkx.PyDiGraph()
        graph.add_nodes_from([None] * 100_000)
        
        def work(count: int) -> None:
            for _ in range(count // 100_000):
                list(graph.node_indices())

        return work

    def subgraph(self) -> Work:
        graph = rustworkx.PyDiGraph()
        nodes = list(graph.add_nodes_from([None] * 100_000))
        return lambda count: [graph.subgraph(nodes) for _ in range(count)]

    def create_link_visit(self) -> Work:
        graph = rustworkx.PyDiGraph()

        def work(count: int) -> None:
            before = graph.add_node(None)
            for _ in range(count):
                node = graph.add_node(None)
                graph.add_edge(before, node, None)
                for edge in graph.in_edges(node):
                    look(None, edge)
                before = node

        return work


class Igraph(ListedVisits):
    """Made for whole graphs at once: adding single nodes and edges costs it time in proportion to the graph, so those
    workloads are left out."""

    name = "igraph"

    def get_attr(self) -> Work:
        graph = igraph.Graph(n=2, edges=[(0, 1)], directed=True, vertex_attrs={"at": [0, 1]})
        node = graph.vs[1]

        def work(count: int) -> None:
            for _ in range(count):
                node["at"]

        return work

    def edges_at_hub(self, degree: int) -> Callable[[], Iterable[Any]]:
        graph = igraph.Graph(n=degree + 1, edges=[(0, at) for at in range(1, degree + 1)], directed=True)
        return graph.vs[0].out_edges  # type: ignore[no-any-return]

    @staticmethod
    def target(ctx: object, edge: Any) -> None:
        edge.target

    def get_nodes(self) -> Work:
        graph = igraph.Graph(n=100_000)
        
        def work(count: int) -> None:
            for _ in range(count // 100_000):
                list(graph.vs)

        return work

    def subgraph(self) -> Work:
        graph = igraph.Graph(n=100_000, directed=True)
        nodes = range(100_000)
        return lambda count: [graph.induced_subgraph(nodes) for _ in range(count)]


class Store:
    """What the other process holds for the two below."""

    def __init__(self) -> None:
        self.graph = networkx.MultiDiGraph()
        self.next = 0

    def add_node(self) -> int:
        self.next += 1
        self.graph.add_node(self.next, at=self.next)
        return self.next

    def add_edge(self, source: int, target: int) -> None:
        self.graph.add_edge(source, target)

    def get_attr(self, node: int, key: str) -> Any:
        return self.graph.nodes[node][key]

    def out_edges(self, node: int) -> list[tuple[int, int]]:
        return list(self.graph.out_edges(node))

    def in_edges(self, node: int) -> list[tuple[int, int]]:
        return list(self.graph.in_edges(node))


class Remote(ListedVisits):
    """A store in another process, one round trip a call."""

    name = "remote"
    store: Any

    def get_attr(self) -> Work:
        store = self.store
        node = store.add_node()

        def work(count: int) -> None:
            for _ in range(count):
                store.get_attr(node, "at")

        return work

    def edges_at_hub(self, degree: int) -> Callable[[], Iterable[Any]]:
        hub = self.store.add_node()
        for _ in range(degree):
            self.store.add_edge(hub, self.store.add_node())
        return partial(self.store.out_edges, hub)

    def create_node(self) -> Work:
        store = self.store

        def work(count: int) -> None:
            for _ in range(count):
                store.add_node()

        return work

    def create_edge_0(self) -> Work:
        store = self.store
        nodes = [store.add_node() for _ in range(20)]

        def work(count: int) -> None:
            for at in range(count):
                store.add_edge(nodes[at % 20], nodes[at * 7 % 20])

        return work

    def create_link_visit(self) -> Work:
        store = self.store

        def work(count: int) -> None:
            before = store.add_node()
            for _ in range(count):
                node = store.add_node()
                store.add_edge(before, node)
                for edge in store.in_edges(node):
                    look(None, edge)
                before = node

        return work


class StoreService(rpyc.Service):  # type: ignore[misc]
    def exposed_store(self) -> Store:
        return Store()


def serve_rpyc(link: socket.socket) -> None:
    rpyc.utils.factory.connect_stream(
        rpyc.core.stream.SocketStream(link), StoreService, config={"allow_all_attrs": True}).serve_all()


class Rpyc(Remote):
    """A list stays over there: each element is a round trip of its own."""

    name = "rpyc"

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.process = multiprocessing.get_context("fork").Process(target=serve_rpyc, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.connection = rpyc.utils.factory.connect_stream(rpyc.core.stream.SocketStream(ours))
        self.store = self.connection.root.store()

    def close(self) -> None:
        self.connection.close()
        self.process.join(5)


class StoreManager(BaseManager):
    pass


StoreManager.register("Store", Store)


class Managed(Remote):
    name = "multiprocessing.managers"

    def __init__(self) -> None:
        self.manager = StoreManager(ctx=multiprocessing.get_context("fork"))
        self.manager.start()
        self.store = self.manager.Store()  # type: ignore[attr-defined]

    def close(self) -> None:
        self.manager.shutdown()


if __name__ == "__main__":
    print("run benchmarks/graph.py", file=sys.stderr)
    sys.exit(2)
