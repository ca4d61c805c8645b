"""Reads from an arena in which words are wrong: any answer and any ordinary exception will do, but the process lives.

    python hostile_arena.py record FOLDER                    builds the graph with the real daemon, copies its arena
    python hostile_arena.py attack FOLDER SEED COUNT         builds the same against a fake daemon that serves the copy
    python hostile_arena.py watch FOLDER ARENA SECONDS       reads from a living arena, a descriptor, while others write it

`attack` corrupts words of the copy, one or a few at a time, reads through every handle in every way, and puts the words
back. It runs in a process of its own, which may die; the fake daemon runs in a child. The last line of its output is a
JSON object with what happened. Reads must end: the slowest of them is told, and so is the memory that they took.
"""

from __future__ import annotations

import array
import fcntl
import json
import mmap
import os
import random
import resource
import signal
import struct
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

GRANULE = 16
HEADER_BYTES = 64 + 16 * 4 + 64 * 8  # upwards rounded
SEGMENTS = 65536 + 4 * (4 << 20)  # offset of the first segment, behind header and directories
F_ADD_SEALS, SEAL_SHRINK, SEAL_GROW = 1033, 2, 4

Reads = dict[str, Callable[[], object]]


class Graph:
    """The same calls give the same ids here and there; `is_real` says whether a worker applies them."""

    def __init__(self, is_real: bool) -> None:
        from bindd.graph import EdgeReference, GraphView, NodeReference

        self.view = view = GraphView.create()
        self.hub = view.create_and_insert_node()
        self.leaves = [view.create_and_insert_node() for _ in range(600)]  # tables and member lists have grown
        self.edges = []
        for at, leaf in enumerate(self.leaves[:40]):
            source, target = (self.hub, leaf) if at % 3 else (leaf, self.hub)
            edge = EdgeReference.create(
                source=source.node(), target=target.node(), edge_type=at % 4 // 3, directional=at % 5 != 0, name=f"e{at}",
                order=at)
            view.insert_edge(edge=edge)
            self.edges.append(edge)
        self.several = self.leaves[50]  # lists of many types at one node, each within and past what a list holds inline
        for edge_type in range(8):
            for at in range(edge_type + 1):
                edge = EdgeReference.create(
                    source=self.several.node(), target=self.leaves[60 + at].node(), edge_type=edge_type)
                view.insert_edge(edge=edge)
        loop = EdgeReference.create(source=self.several.node(), target=self.several.node(), edge_type=200)
        view.insert_edge(edge=loop)
        self.bare = EdgeReference.create(source=self.hub.node(), target=self.several.node(), edge_type=9)
        self.rich = NodeReference.create(
            text="a text that is longer than a granule, as texts are", whole=-5, real=0.25, yes=True, no=False, empty="",
            umlaut="äöü€𝄞", **{f"key{at}": at for at in range(20)})
        self.plain = NodeReference.create(name="n")
        view.insert_node(node=self.rich)
        # A member that only the arena knows of, and a node that is none: inserting an edge between them asks the arena.
        self.hidden = NodeReference.create(name="hidden")
        if is_real:
            view.insert_node(node=self.hidden)
        self.outside = NodeReference.create()
        self.across = EdgeReference.create(source=self.hidden, target=self.outside, edge_type=1)
        self.small = GraphView.create()
        self.small.insert_node(node=self.plain)

    def ids(self) -> list[int]:
        nodes = [self.hub.node(), *(leaf.node() for leaf in self.leaves), self.rich, self.plain, self.hidden, self.outside]
        return [node.get_uuid() for node in nodes]

    def reads(self) -> Reads:
        reads: Reads = {
            "nodes": self.view.get_nodes, "few nodes": self.small.get_nodes, "count": self.view.get_node_count,
            "counts": self.view.get_counts, "few counts": self.small.get_counts,
            "attributes": self.rich.get_dynamic_attrs, "no attributes": self.outside.get_dynamic_attrs,
            "name": self.edges[0].name, "order": lambda: self.edges[5].get_attr(key="order"),
            "no name": self.bare.name, "bare": lambda: self.bare.get_attr(key="name"),
        }
        for key in ("text", "whole", "real", "yes", "no", "empty", "umlaut", "key19", "absent"):
            reads[f"get {key}"] = lambda key=key: self.rich.get_attr(key=key)
        for handle in (self.view, self.hub, self.rich, self.edges[0]):
            reads[f"repr {type(handle).__name__}"] = handle.__repr__
        for name, node, types in (("hub", self.hub, (0, 1)), ("leaf", self.leaves[3], (0, 3)), ("several", self.several, (0, 2, 7, 200))):
            for edge_type in types:
                for directed in (None, True, False):
                    reads[f"visit {name} {edge_type} {directed}"] = lambda *key, node=node, edge_type=edge_type, directed=directed: (
                        visit(node, edge_type, directed))
        return reads

    def seldom(self) -> Reads:
        """These always ask the daemon in the end: dear."""
        return {"membership": lambda: self.view.insert_edge(edge=self.across)}


def look(found: list[tuple[Any, ...]], bound: Any) -> None:
    edge = bound.edge()
    source, target = edge.source(), edge.target()
    found.append((edge.edge_type(), edge.directional(), source.get_uuid(), target.get_uuid()))
    if len(found) < 4:
        found.append((edge.name(), target.get_attr(key="name"), repr(bound)))


def visit(node: Any, edge_type: int, directed: bool | None) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    node.visit_edges_of_type(edge_type=edge_type, ctx=found, f=look, directed=directed)
    return found


# -- recording -----------------------------------------------------------------------------------------------------------


def record(folder: Path) -> None:
    import bindd

    graph = Graph(is_real=True)
    bindd._bindd._current().sync()
    answers = {name: repr(read()) for name, read in graph.reads().items()}  # now the map reaches all that is used
    line = next(line for line in open("/proc/self/maps") if "memfd:bindd-arena" in line)
    start = int(line.split("-")[0], 16)
    with open("/proc/self/mem", "rb") as memory:
        memory.seek(start)
        header = memory.read(96)
        capacity, used = struct.unpack_from("<QQ", header, 16)
        memory.seek(start)
        image = memory.read(used)
    assert len(image) == used
    (folder / "arena").write_bytes(image)
    (folder / "graph.json").write_text(
        json.dumps({"capacity": capacity, "used": used, "ids": graph.ids(), "answers": answers}))


# -- attacking -----------------------------------------------------------------------------------------------------------


def serve(folder: Path, arena: int, ready: int) -> None:
    """The child: a daemon that knows nothing but its arena."""
    import fake_daemon
    from fake_daemon import LEASE, RELEASE, REPLY_WANTED, SYNC, Client, FakeDaemon, Message

    def answer(client: Client, message: Message) -> bool:
        client.daemon.messages.clear()
        if message.operation in (LEASE, SYNC, RELEASE) or not message.flags & REPLY_WANTED:
            return False
        client.fail(message, "BinddError", "asked")
        return True

    fake_daemon.WORKER_PID = os.getpid()
    with FakeDaemon(folder, answer) as daemon:
        daemon.hello_fds = [arena]
        daemon.ignores_floors = True
        os.write(ready, b"1")
        signal.pause()


def fork_daemon(folder: Path, arena: int) -> int:
    ready, other = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(ready)
            serve(folder, arena, other)
        finally:
            os._exit(1)
    os.close(other)
    assert os.read(ready, 1) == b"1"
    os.close(ready)
    return child


def end_daemon(folder: Path, child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    (folder / "fake.sock").unlink(missing_ok=True)


def make_arena(image: bytes, capacity: int) -> int:
    fd = os.memfd_create("hostile", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, capacity)
    fcntl.fcntl(fd, F_ADD_SEALS, SEAL_SHRINK | SEAL_GROW)
    os.pwrite(fd, image, 0)
    return fd


class Attack:
    def __init__(self, folder: Path, seed: int) -> None:
        known = json.loads((folder / "graph.json").read_text())
        image = bytearray((folder / "arena").read_bytes())
        self.used = known["used"]
        struct.pack_into("<Q", image, self.applied_offset(), 1 << 60)  # whatever this client sent is applied
        self.fd = make_arena(bytes(image), known["capacity"])
        self.blocks = os.fstat(self.fd).st_blocks
        self.words = memoryview(mmap.mmap(self.fd, self.used)).cast("I")
        self.random = random.Random(seed)
        self.known = known
        self.outcomes: Counter[str] = Counter()
        self.slowest = (0.0, "", [])
        self.places = self.live_words()
        self.order = list(self.places)
        self.next = 0

    def take_place(self) -> int:
        """Each living word as often as any other, in another order each time."""
        if self.next % len(self.order) == 0:
            self.random.shuffle(self.order)
        self.next += 1
        return self.order[self.next % len(self.order)]

    @staticmethod
    def applied_offset() -> int:
        return 8 + 4 + 4 + 8 + 8 + 4 * 16 + 8

    def live_words(self) -> array.array[int]:
        """Words that say something, and the two behind each: the rest of 18 MB is zeros that nothing leads to."""
        words = array.array("I", self.words.tobytes())
        live = array.array("I")
        end = 0
        for at, value in enumerate(words):
            if not value:
                continue
            first = max(at, end)
            end = min(at + 3, len(words))
            live.extend(range(first, end))
        return live

    def value(self, place: int) -> int:
        choice = self.random.randrange(10)
        old = self.words[place]
        if choice == 5:
            return self.used // GRANULE - 1
        if choice == 6:
            return place * 4 // GRANULE  # itself: a cycle
        if choice == 7:
            return (old + self.random.choice((-1, 1))) & 0xFFFFFFFF
        if choice >= 8:
            return self.words[self.places[self.random.randrange(len(self.places))]]  # what belongs somewhere else
        return (0, 1, 0xFFFFFFFF, self.used // GRANULE, self.random.getrandbits(32))[choice]

    def read(self, name: str, read: Callable[[], object], places: list[int]) -> None:
        start = time.perf_counter()
        try:
            read()
            outcome = "answer"
        except (SystemError, MemoryError, RecursionError):
            raise
        except Exception as error:
            outcome = type(error).__name__
        self.outcomes[outcome] += 1
        took = time.perf_counter() - start
        if took > self.slowest[0]:
            self.slowest = (took, name, places)

    def check_intact(self, graph: Graph) -> None:
        """What the copy holds reads as it did in the worker."""
        assert graph.ids() == self.known["ids"]
        for name, read in graph.reads().items():
            if not name.startswith("repr"):
                assert normal(repr(read())) == normal(self.known["answers"][name]), name

    def run(self, graph: Graph, count: int) -> None:
        reads = list(graph.reads().items())
        seldom = list(graph.seldom().items())
        leaves = graph.leaves
        for turn in range(count):
            places = [self.take_place() for _ in range(1 if turn % 5 else 3)]
            before = [(place, self.words[place]) for place in places]
            for place in places:
                self.words[place] = self.value(place)
            for name, read in reads if turn % 4 == 0 else self.random.sample(reads, 12):
                self.read(name, read, places)
            for _ in range(4):
                leaf = leaves[self.random.randrange(len(leaves))]
                self.read("any visit", lambda: visit(leaf, self.random.randrange(4), None), places)
            if turn % 16 == 0:
                for name, read in seldom:
                    self.read(name, read, places)
            for place, old in reversed(before):
                self.words[place] = old

    def run_headers(self, count: int) -> None:
        """The header is read once, when the client connects: each of its words, wrong, in a process of its own, because
        only a process that has no ids yet can have those of the copy."""
        for turn in range(count):
            place = turn % (self.applied_offset() // 4)
            old = self.words[place]
            self.words[place] = self.value(place)
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    self.read_behind_header(place)
                    status = 0
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(status)
            status = os.waitpid(child, 0)[1]
            assert status == 0, f"header word {place} = {self.words[place]:#x}: status {status:#x}"
            self.words[place] = old

    def read_behind_header(self, place: int) -> None:
        import bindd

        graphs: list[Graph] = []
        with bindd.connect():
            # What the worker uses, if that is near its limit, makes commands wait: the fake refuses those.
            self.read("building behind a header", lambda: graphs.append(Graph(is_real=False)), [place])
            for graph in graphs:
                for name, read in graph.reads().items():
                    self.read(f"{name} behind a header", read, [place])


def normal(text: str) -> str:
    """Without what differs from process to process: addresses and debug ids."""
    import re

    return re.sub(r"0x[0-9a-f]+|#\w+|\d{6,}", "", text)


def attack(folder: Path, seed: int, count: int) -> None:
    this = Attack(folder, seed)
    child = fork_daemon(folder, this.fd)
    try:
        import bindd

        this.run_headers(max(100, count // 1000))
        workspace = bindd.connect()
        with workspace:
            graph = Graph(is_real=False)
            this.check_intact(graph)
            this.run(graph, count)
            this.check_intact(graph)
    finally:
        end_daemon(folder, child)
    print(json.dumps({
        "extension": bindd._bindd.__file__, "seed": seed, "corruptions": count, "live words": len(this.places), "outcomes": this.outcomes,
        "slowest_s": this.slowest, "rss_max_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        "file_grew_mib": (os.fstat(this.fd).st_blocks - this.blocks) >> 11,
    }))


# -- watching ------------------------------------------------------------------------------------------------------------

VIEWS = 32


def grow(views: list[Any], seconds: float) -> int:
    """Adds to many views in turn, so that the blocks which one list leaves are soon those of another. The reader can
    tell from an answer alone whether it is right: node i of a view carries i, its edges come in that order."""
    from bindd.graph import EdgeReference, NodeReference

    end = time.monotonic() + seconds
    at = 0
    while time.monotonic() < end:
        for number, view in enumerate(views):
            node = NodeReference.create(at=at, view=number)
            view.insert_node(node=node)
            me = view.get_self_node().node()
            for edge_type in range(2):
                view.insert_edge(edge=EdgeReference.create(source=me, target=node, edge_type=edge_type, at=at))
        at += 1
        if at % 256 == 0:  # others come and go meanwhile
            type(views[0]).create().insert_subgraph(subgraph=views[at % VIEWS])
    return at


def watch(folder: Path, arena: int, seconds: float) -> None:
    from bindd.errors import BinddError
    from bindd.graph import GraphView

    child = fork_daemon(folder, arena)
    try:
        views = [GraphView.create() for _ in range(VIEWS)]
        known = [[0, 0, 0] for _ in views]
        reads = asked = 0
        print("ready", flush=True)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for number, view in enumerate(views):
                reads += 1
                try:
                    check_view(view, number, known[number])
                except BinddError:
                    asked += 1
    finally:
        end_daemon(folder, child)
    print(json.dumps({"reads": reads, "asked": asked, "known": known}))


def check_view(view: Any, number: int, known: list[int]) -> None:
    me = view.get_self_node()
    for edge_type in range(2):
        found: list[Any] = []
        me.visit_edges_of_type(edge_type=edge_type, ctx=None, f=lambda _, bound: found.append(bound.edge()))
        assert len(found) >= known[edge_type], (len(found), known)
        known[edge_type] = len(found)
        for at in (*range(min(len(found), 3)), *range(max(0, len(found) - 3), len(found)), len(found) // 2)[: len(found)]:
            edge = found[at]
            target = edge.target()
            assert (edge.edge_type(), edge.get_attr(key="at")) == (edge_type, at)
            assert target.get_dynamic_attrs() == {"at": at, "view": number}
            assert edge.source().is_same(other=me.node())
        ids = [edge.target().get_uuid() for edge in found]
        assert all(a < b for a, b in zip(ids, ids[1:]))
    nodes = view.get_nodes()
    assert len(nodes) - 1 >= max(known)
    known[2] = len(nodes) - 1
    ids = [node.node().get_uuid() for node in nodes[1:]]
    assert all(a < b for a, b in zip(ids, ids[1:]))
    count, edges = view.get_counts()
    assert count >= len(nodes) and edges >= known[0]


if __name__ == "__main__":
    if sys.argv[1] == "record":
        record(Path(sys.argv[2]))
    elif sys.argv[1] == "watch":
        watch(Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    else:
        attack(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
