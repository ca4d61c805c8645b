"""A daemon in Python that a test can bend: right by default, mute, slow or full of garbage on demand.

It runs in threads of the test's own process and speaks the protocol from the outside, written a second time from
docs/PROTOCOL.md, so that the extension is not checked against itself. It keeps every message that it received.
"""

from __future__ import annotations

import json
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MORE, REPLY, ERROR, REPLY_WANTED, NOTICE = 1, 2, 4, 8, 16
HELLO, CONTROL, SYNC, RELEASE, LEASE = range(5)
WORKER_PID = 4_000_000  # no process of this machine


def operations() -> dict[str, int]:
    """Numbers by name, from the generated table."""
    text = (ROOT / "python_client/csrc/generated/bd_table.h").read_text()
    return {name: int(number) for name, number in re.findall(r"#define BD_OP_(\w+) (\d+)u", text)}


OP = operations()


def pack_str(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<I", len(data)) + data + b"\0" * (-len(data) % 4)


def pack_bytes(data: bytes) -> bytes:
    return struct.pack("<Q", len(data)) + data + b"\0" * (-len(data) % 4)


def pack_u32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def frame(operation: int, flags: int, payload: bytes) -> bytes:
    return struct.pack("<IHH", len(payload), operation, flags) + payload + b"\0" * (-len(payload) % 8)


def frames(operation: int, flags: int, payload: bytes, most: int = 1 << 20) -> bytes:
    pieces = [payload[at : at + most] for at in range(0, len(payload), most)] or [b""]
    return b"".join(frame(operation, flags | (MORE if piece is not pieces[-1] else 0), piece) for piece in pieces)


@dataclass
class Message:
    number: int
    operation: int
    flags: int
    payload: bytes
    frame_count: int

    def words(self) -> tuple[int, ...]:
        return struct.unpack(f"<{len(self.payload) // 4}I", self.payload[: len(self.payload) // 4 * 4])


class Closed(Exception):
    pass


@dataclass
class Client:
    """One connection that said hello."""

    link: socket.socket
    daemon: FakeDaemon
    requests: int = 0
    leases: dict[int, list[int]] = field(default_factory=lambda: {1: [1, 1], 2: [1, 1], 3: [1, 1]})

    def head(self, number: int) -> bytes:
        return struct.pack("<Q", number) + b"".join(pack_u32(*self.leases[kind]) for kind in (1, 2, 3))

    def reply(self, message: Message, result: bytes = b"", *, flags: int = REPLY) -> None:
        self.link.sendall(frames(message.operation, flags, self.head(message.number) + result))

    def fail(self, message: Message, kind: str, text: str, hint: str = "", fields: bytes = b"\0\0\0\0") -> None:
        self.reply(message, pack_u32(1) + pack_str(kind) + pack_str(text) + pack_str(hint) + fields, flags=REPLY | ERROR)


class FakeDaemon:
    """`answer(client, message)` may answer a request; returning True means that it did."""

    def __init__(self, folder: Path, answer: Callable[[Client, Message], bool] | None = None) -> None:
        self.path = str(folder / "fake.sock")
        self.answer = answer or (lambda client, message: False)
        self.on_accept: Callable[[socket.socket], bool] = lambda link: False
        self.on_control: Callable[[str, dict[str, int | str]], object] = lambda command, arguments: {"known": False}
        self.workspace_name: bytes = b""
        self.hello_fds: list[int] = []  # sent along with the answer to the hello: an arena
        self.ignores_floors = False  # hands out the ids of a fresh worker in each connection
        self.messages: list[Message] = []
        self.hellos: list[bytes] = []
        self.controls: list[tuple[str, dict[str, int | str]]] = []
        self.pages: list[int] = []
        self.clients: list[Client] = []
        self.links: list[socket.socket] = []
        self.threads: list[threading.Thread] = []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def __enter__(self) -> FakeDaemon:
        self.listener.bind(self.path)
        self.listener.listen(8)
        self._spawn(self._accept)
        return self

    def __exit__(self, *ignored: object) -> None:
        for link in [self.listener, *self.links]:
            try:
                link.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            link.close()
        for thread in self.threads:
            thread.join(5)
            assert not thread.is_alive()
        for fd in self.pages:
            os.close(fd)

    def of(self, operation: str) -> list[Message]:
        return [message for message in self.messages if message.operation == OP[operation]]

    def wait_for(self, operation: str, count: int = 1, seconds: float = 5) -> list[Message]:
        end = time.monotonic() + seconds
        while len(self.of(operation)) < count and time.monotonic() < end:
            time.sleep(0.005)
        return self.of(operation)

    # -- threads

    def _spawn(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            self.links.append(link)
            self._spawn(self._serve, link)

    def _serve(self, link: socket.socket) -> None:
        try:
            if not self.on_accept(link):
                self._talk(link)
        except (Closed, OSError):
            pass
        finally:
            try:
                link.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _talk(self, link: socket.socket) -> None:
        header, fds, _, _ = socket.recv_fds(link, 8, 4)
        self.pages += fds[:1]
        for ledger in fds[1:]:
            os.close(ledger)
        if not header:
            raise Closed
        header += self._read(link, 8 - len(header))
        size, operation, flags = struct.unpack("<IHH", header)
        payload = self._read(link, size + (-size % 8))[:size]
        if operation == CONTROL:
            self._control(link, payload)
            return
        assert operation == HELLO and len(fds) in (1, 2)
        if struct.unpack_from("<I", payload, 64)[0]:  # a session wants to go on: this daemon keeps none
            refusal = pack_u32(5) + pack_str("BinddUnavailable") + pack_str("no such session") + pack_str("") + pack_u32(0)
            link.sendall(frames(HELLO, REPLY | ERROR, bytes(32) + refusal))
            raise Closed
        self.hellos.append(payload)
        client = Client(link, self)
        self.clients.append(client)
        (generation,) = struct.unpack_from("<I", payload, 28)
        floors = struct.unpack_from("<3I", payload, 32)
        for kind in (1, 2, 3):
            first = 1 if self.ignores_floors else floors[kind - 1] + 1
            client.leases[kind] = [first, first + 100]
        names = pack_str(self.workspace_name) + pack_str("fake") + pack_str("")
        answer = pack_u32(WORKER_PID, 0, generation) + struct.pack("<Q", 1) + names
        socket.send_fds(link, [frames(HELLO, REPLY, client.head(0) + answer)], self.hello_fds)
        while True:
            self._handle(client, self._receive(client))

    def _receive(self, client: Client) -> Message:
        payload, count, flags, operation = b"", 0, MORE, 0
        while flags & MORE:
            size, operation, flags = struct.unpack("<IHH", self._read(client.link, 8))
            assert size <= 1 << 20
            padded = self._read(client.link, size + (-size % 8))
            assert padded[size:] == b"\0" * (-size % 8)
            payload += padded[:size]
            count += 1
        client.requests += 1
        return Message(client.requests, operation, flags, payload, count)

    def _handle(self, client: Client, message: Message) -> None:
        self.messages.append(message)
        if self.answer(client, message):
            return
        if message.operation == LEASE:
            kind, wanted = message.words()
            first = client.leases[kind][1]
            client.leases[kind] = [first, first + wanted]
        if message.flags & REPLY_WANTED:
            client.reply(message)

    def _control(self, link: socket.socket, payload: bytes) -> None:
        (size,) = struct.unpack_from("<I", payload)
        command = payload[4 : 4 + size].decode()
        at = 4 + size + (-size % 4)
        (count,) = struct.unpack_from("<I", payload, at)
        at += 4
        arguments: dict[str, int | str] = {}
        for _ in range(count):
            (size,) = struct.unpack_from("<I", payload, at)
            key = payload[at + 4 : at + 4 + size].decode()
            at += 4 + size + (-size % 4)
            (kind,) = struct.unpack_from("<I", payload, at)
            if kind == 1:
                (arguments[key],) = struct.unpack_from("<q", payload, at + 4)
                at += 12
            else:
                (size,) = struct.unpack_from("<I", payload, at + 4)
                arguments[key] = payload[at + 8 : at + 8 + size].decode()
                at += 8 + size + (-size % 4)
        self.controls.append((command, arguments))
        text = json.dumps(self.on_control(command, arguments))
        link.sendall(frame(CONTROL, REPLY, b"\0" * 32 + pack_str(text)))

    def _read(self, link: socket.socket, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = link.recv(min(count - len(data), 1 << 20))
            if not piece:
                raise Closed
            data += piece
        return data


# -- a parser of S-expressions that is just good enough to make snapshots ------------------------------------------------

SNAPSHOT_MAGIC = 0x504E535058455342
KINDS = {"list": 0, "word": 1, "number": 2, "string": 3, "comment": 4}
TOKEN = re.compile(rb'\s+|(?P<open>\()|(?P<close>\))|(?P<string>"(?:[^"\\]|\\.)*")|(?P<comment>;[^\n]*)|(?P<word>[^\s()";]+)', re.S)
NUMBER = re.compile(rb"[+-]?\d[\d.]*\Z")


def snapshot_nodes(text: bytes) -> list[list[int]]:
    """[end, kind, count, start, length] of each node, in source order."""
    nodes: list[list[int]] = []
    stack: list[int] = []
    for match in TOKEN.finditer(text):
        name = match.lastgroup
        if name is None:
            continue
        if name == "close":
            index = stack.pop()
            nodes[index][0] = len(nodes)
            nodes[index][4] = match.end() - nodes[index][3]
            continue
        if stack:
            nodes[stack[-1]][2] += 1
        start, length, kind = match.start(), match.end() - match.start(), name
        if name == "open":
            stack.append(len(nodes))
            kind = "list"
        elif name == "string":
            start, length = start + 1, length - 2
        elif name == "word" and NUMBER.match(match.group()):
            kind = "number"
        nodes.append([len(nodes) + 1, KINDS[kind], 0, start, length])
    assert not stack
    return nodes


def snapshot(text: bytes, nodes: list[list[int]] | None = None) -> bytes:
    nodes = snapshot_nodes(text) if nodes is None else nodes
    packed = b"".join(struct.pack("<4I", end, kind | count << 3, start, length) for end, kind, count, start, length in nodes)
    return struct.pack("<5Q", SNAPSHOT_MAGIC, len(nodes), len(text), 40, 40 + len(packed)) + packed + text


def answer_parse(client: Client, message: Message) -> bool:
    """An `answer` that parses."""
    if message.operation != OP["SEXP_PARSE"]:
        return False
    (size,) = struct.unpack_from("<Q", message.payload)
    client.reply(message, pack_u32(message.number) + pack_bytes(snapshot(message.payload[8 : 8 + size])))
    return True
