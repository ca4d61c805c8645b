"""The extension against a daemon that answers with chosen bytes: the whole way from the socket to Python objects.

    fuzz/replies.py FILE…       runs the inputs in FILEs, prints their count

An input's first byte chooses the call, the second how its answer travels (whole, in pieces, as raw bytes instead of a
frame, then closed); the rest is the answer. Whatever it is, the call ends with a value or one exception of the declared
kinds, and the next workspace works. fuzz/run.py runs ``one`` in libFuzzer, with an extension built for it.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Tests" / "client"))

import bindd
from bindd import errors, sexp
from bindd.faebryk import EdgeInterfaceConnection, EdgePointer, TypeGraph
from bindd.graph import BFSPath, EdgeReference, GraphView, NodeReference
from fake_daemon import (
    ERROR, LEASE, NOTICE, RELEASE, REPLY, SYNC, Client, Closed, FakeDaemon, Message, frame, frames, pack_bytes, pack_str,
    pack_u32, snapshot,
)

ITEMS_MAX = 64
EXPECTED = (errors.BinddError, ValueError, TypeError, LookupError, RuntimeError, OverflowError, KeyboardInterrupt, OSError)


class World:
    """A workspace against the fake, made anew when an answer has ended it."""

    def __init__(self, daemon: FakeDaemon) -> None:
        self.daemon = daemon
        daemon.answer = self.answer
        daemon.on_control = lambda command, arguments: {"known": False}
        self.data = b""
        self.how = 0
        self.is_armed = False
        self.workspace: bindd.Workspace | None = None
        self.uses = 0

    def open(self) -> None:
        if self.workspace is not None and self.workspace.alive and self.uses < 200:
            self.uses += 1
            return
        if self.workspace is not None:
            self.workspace.__exit__(None, None, None)  # closes it
        daemon = self.daemon
        for fd in daemon.pages:
            os.close(fd)
        for each in (daemon.messages, daemon.hellos, daemon.pages, daemon.clients, daemon.controls):
            each.clear()
        for link in daemon.links:
            link.close()
        daemon.links.clear()
        daemon.threads = [thread for thread in daemon.threads if thread.is_alive()]
        self.uses = 0
        self.workspace = bindd.connect(call_timeout=0.3, timeout=5)
        self.workspace.__enter__()  # the calls below have no workspace as argument
        self.view = GraphView.create()
        self.nodes = [self.view.create_and_insert_node() for _ in range(3)]
        self.types = TypeGraph.of(node=self.nodes[0])
        self.edge = EdgeReference.create(
            source=self.nodes[0].node(), target=self.nodes[1].node(), edge_type=EdgePointer.get_tid())
        self.view.insert_edge(edge=self.edge)
        self.workspace.sync()

    def answer(self, client: Client, message: Message) -> bool:
        client.daemon.messages.clear()
        if not self.is_armed or message.operation in (LEASE, RELEASE) or not message.flags & 8:
            return False
        self.is_armed = False
        whole = frames(message.operation, REPLY, client.head(message.number) + self.data)
        link = client.link
        match self.how & 7:
            case 0 | 1 | 2:
                link.sendall(whole)
            case 3:
                client.reply(message, self.data, flags=REPLY | ERROR)
            case 4:
                for at in range(0, len(whole), 7):
                    link.sendall(whole[at : at + 7])
            case 5:
                link.sendall(frames(0, NOTICE, self.data))
                client.reply(message)
            case 6:  # the head is the input's as well
                link.sendall(frame(message.operation, REPLY, self.data))
            case 7:
                link.sendall(self.data)
                link.shutdown(socket.SHUT_RDWR)
                raise Closed
        return True

    def run(self, data: bytes) -> None:
        if len(data) < 2:
            return
        self.open()
        call = CALLS[data[0] % len(CALLS)]
        self.how = data[1]
        self.data = data[2:]
        self.is_armed = True
        try:
            use(call(self))
        except EXPECTED as error:
            assert len(str(error)) < 20_000 and repr(error)
        finally:
            self.is_armed = False


def visit(world: World) -> list[Any]:
    found: list[Any] = []
    world.nodes[0].visit_edges_of_type(edge_type=1, ctx=found, f=lambda found, edge: found.append(edge))
    return found


def parse(world: World) -> list[Any]:
    """A snapshot is the client's own from here on: looked at in all ways."""
    document = sexp.parse("(a)")
    seen: list[Any] = [repr(document), len(document)]
    todo = [document.root, *document.forms]
    while todo and len(seen) < ITEMS_MAX:
        node = todo.pop()
        seen += [repr(node), node.raw, hash(node), node == document]
        if isinstance(node, sexp.List):
            seen += [len(node), node.head]
            todo += [child for child, _ in zip(node, range(8), strict=False)]
            if len(node):
                todo += [node[0], node[-1]]
            seen += [node.find("net"), node.find_all("net")[:3]]
        else:
            seen += [node.value, node.text, str(node)]
    return seen


CALLS: list[Callable[[World], Any]] = [
    parse,
    visit,
    lambda world: world.view.get_nodes()[:ITEMS_MAX],
    lambda world: world.types.validate_type(type_node=world.nodes[0]),
    lambda world: world.nodes[0].node().get_attr(key="a"),
    lambda world: world.nodes[0].node().get_dynamic_attrs(),
    lambda world: world.edge.name(),
    lambda world: world.view.get_counts(),
    lambda world: world.view.edge_table().ids[:ITEMS_MAX],
    lambda world: world.view.attribute_column(key="a").tolist()[:ITEMS_MAX],
    lambda world: world.view.attribute_rows()[:ITEMS_MAX],
    lambda world: world.view.to_bytes()[:ITEMS_MAX],
    lambda world: GraphView.from_bytes(data=b"x"),
    lambda world: world.view.get_subgraph_from_nodes(nodes=[world.nodes[0]]),
    lambda world: EdgePointer.get_referenced_node_from_node(node=world.nodes[0]),
    lambda world: world.types.get_or_create_type(type_identifier="T"),
    lambda world: EdgeInterfaceConnection.is_connected_to(source=world.nodes[0], target=world.nodes[1]),
    lambda world: EdgeInterfaceConnection.get_connected(source=world.nodes[0]),
    lambda world: bindd.handles(),
    lambda world: world.workspace.sync() if world.workspace else None,
]


def use(value: Any, depth: int = 0) -> None:
    """Looks at what came back as a program would."""
    repr(value), hash(value) if not isinstance(value, dict | list | memoryview) else None
    if depth > 2:
        return
    if isinstance(value, list | tuple):
        for item in value[:ITEMS_MAX]:
            use(item, depth + 1)
    elif isinstance(value, dict):
        for key, item in list(value.items())[:ITEMS_MAX]:
            use(key, depth + 1), use(item, depth + 1)
    elif isinstance(value, NodeReference):
        value.get_uuid()
    elif isinstance(value, BFSPath):
        use([value.get_length(), value.get_edges()], depth + 1)


def seeds() -> list[bytes]:
    """Answers that are right, for each call."""
    tree = pack_u32(7) + pack_bytes(snapshot(b'(kicad_pcb (net 1 "a\\"b") ; c\n (at 1.5 -2))'))
    literal = pack_u32(4) + pack_str("text")
    answers = [
        (0, tree), (1, pack_u32(2, 1, 1, 2, 0x101, 2, 2, 3, 1)), (2, pack_u32(3, 1, 2, 3)),
        (3, pack_u32(5, 3, 1, 5, 0, 0, 4) + pack_str("abc")), (3, pack_u32(10, 1) + literal + literal), (4, literal),
        (4, pack_u32(1) + struct.pack("<q", -7)), (5, pack_u32(2) + pack_str("a") + literal + pack_str("b") + pack_u32(3, 1)),
        (6, pack_u32(1) + pack_str("name")), (7, pack_u32(3, 1)), (8, pack_u32(1, 1, 1, 2, 0x101)), (9, pack_u32(2) + literal * 2),
        (10, pack_u32(1, 1) + pack_str("a") + literal), (11, pack_bytes(b"file")), (12, pack_u32(9, 9)), (13, pack_u32(9)),
        (14, pack_u32(7, 1, 2)), (3, pack_u32(9, 1, 1, 2, 3, 4)), (19, b""), (16, pack_u32(9, 1, 1, 0)),
    ]
    refused = pack_u32(6) + pack_str("ValueError") + pack_str("words") + pack_str("hint") + pack_u32(1) + pack_str("line") + literal
    made = [bytes([call, 0]) + data for call, data in answers]
    made += [bytes([19, 3]) + refused, bytes([1, 4]) + answers[1][1], bytes([19, 5]) + pack_u32(0) + pack_str("bye")]
    made += [bytes([19, 6]) + struct.pack("<Q6I", 7, *[1, 100] * 3), bytes([19, 7]) + frame(SYNC, REPLY, b"\0" * 32)]
    return made


_world: World | None = None


def one(data: bytes) -> None:
    """What libFuzzer calls."""
    global _world
    if _world is None:
        folder = tempfile.mkdtemp()
        daemon = FakeDaemon(Path(folder)).__enter__()
        os.environ["BINDD_SOCKET"] = daemon.path
        os.environ["BINDD_BIN"] = "/nonexistent/bindd"
        _world = World(daemon)
    _world.run(data)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        one(Path(name).read_bytes())
    print(len(sys.argv) - 1)
