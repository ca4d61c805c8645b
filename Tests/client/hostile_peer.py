"""Peers that a daemon must bear: they speak the protocol wrongly, partly, endlessly or not at all.

    python hostile_peer.py HELLO COUNT        COUNT of them until standard input ends; then one JSON object: what each did

HELLO is a folder with a hello and a page as the extension sends them (see ``record``), so that nothing of the protocol
is written down here a third time. Each peer is a thread that does the same thing over and over; it counts how often the
daemon cut it, and how often it was told why.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from fake_daemon import (
    CONTROL, HELLO, LEASE, MORE, OP, RELEASE, REPLY_WANTED, SYNC, FakeDaemon, frame, pack_str, pack_u32,
)

F_ADD_SEALS, SEAL_SHRINK, SEAL_GROW = 1033, 2, 4
PIN, BATCH, ADVANCE = 5, 6, 7
NO_OPERATION = 0xFFF0
SESSION_AT = 48  # in the hello: the number by which a session goes on after a death
CONTROLS = [b"status", b"inspect", b"obituary", b"kill", b"no such command"]


def record(folder: Path, workspace: str = "") -> None:
    """What the extension sends first, taken down by a daemon that is none."""
    import bindd

    folder.mkdir(mode=0o700)
    before = os.environ.get("BINDD_SOCKET")
    with FakeDaemon(folder) as fake:
        os.environ["BINDD_SOCKET"] = fake.path
        try:
            bindd.connect(workspace or None).close()
        finally:
            if before is None:
                del os.environ["BINDD_SOCKET"]
            else:
                os.environ["BINDD_SOCKET"] = before
        (folder / "hello").write_bytes(fake.hellos[0])
        (folder / "page").write_bytes(os.pread(fake.pages[0], 4096, 0))


def make_page(content: bytes, seals: int = SEAL_SHRINK | SEAL_GROW) -> int:
    fd = os.memfd_create("page", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    fcntl.fcntl(fd, F_ADD_SEALS, seals)
    return fd


class Peer:
    """One connection at a time to the daemon at `path`."""

    def __init__(self, path: str, folder: Path, seed: int) -> None:
        self.path = path
        self.hello = (folder / "hello").read_bytes()
        self.page = (folder / "page").read_bytes()
        self.random = random.Random(seed)
        self.link = socket.socket()
        self.nodes = self.views = (0, 0)  # leased ids: first, end

    def open(self) -> socket.socket:
        self.link.close()
        self.link = socket.socket(socket.AF_UNIX)
        self.link.settimeout(20)
        end = time.monotonic() + 20
        while True:
            try:
                self.link.connect(self.path)
                return self.link
            except BlockingIOError:  # the daemon's backlog is full: a Unix socket does not wait for that by itself
                if time.monotonic() > end:
                    raise
                time.sleep(0.002)

    def new_hello(self) -> bytes:
        """As it was recorded, but of a session that nobody has yet."""
        return self.hello[:SESSION_AT] + self.random.randbytes(8) + self.hello[SESSION_AT + 8 :]

    def say_hello(self, fds: list[int] | None = None, hello: bytes | None = None) -> None:
        mine = [make_page(self.page)] if fds is None else []
        try:
            data = frame(HELLO, REPLY_WANTED, self.new_hello() if hello is None else hello)
            socket.send_fds(self.link, [data], mine if fds is None else fds)
        finally:
            for fd in mine:
                os.close(fd)

    def enter(self) -> None:
        """Becomes a client: hello, and its answer."""
        self.open()
        self.say_hello()
        answer, fds, _, _ = socket.recv_fds(self.link, 4096, 4)
        for fd in fds:
            os.close(fd)
        if len(answer) < 40:
            raise ConnectionError("no answer to the hello")
        (flags,) = struct.unpack_from("<H", answer, 6)
        if flags & 4:
            raise ConnectionError("refused")
        self.nodes = struct.unpack_from("<2I", answer, 8 + 8)
        self.views = struct.unpack_from("<2I", answer, 8 + 24)

    def read_to_end(self) -> bytes:
        """All that the daemon says until it cuts the connection."""
        data = b""
        with contextlib.suppress(ConnectionError):
            while piece := self.link.recv(1 << 16):
                data = (data + piece)[-4096:]
        return data

    # -- what they do; True: the daemon is to cut it for that, with one line in its log

    def connect_and_close(self) -> bool:
        self.open()
        return False

    def hello_and_close(self) -> bool:
        self.open()
        self.say_hello()
        return False

    def garbage(self) -> bool:
        self.open().sendall(b"\xff" * 8 + self.random.randbytes(4096))
        return True

    def half_a_frame(self) -> bool:
        self.open().sendall(frame(HELLO, REPLY_WANTED, self.hello)[: self.random.randrange(1, 40)])
        self.link.shutdown(socket.SHUT_WR)
        return True

    def huge_length(self) -> bool:
        self.open().sendall(struct.pack("<IHH", self.random.choice([0xFFFFFFFF, 1 << 20, 8193]), HELLO, 0))
        return True

    def method_without_hello(self) -> bool:
        self.open().sendall(frame(OP["GRAPH_VIEW_CREATE"], 0, pack_u32(1, 1)))
        return True

    def no_descriptor(self) -> bool:
        self.open()
        self.say_hello([])
        return True

    def page_that_may_shrink(self) -> bool:
        """The daemon says why before it cuts."""
        self.open()
        page = make_page(self.page, seals=SEAL_GROW)
        self.say_hello([page])
        os.close(page)
        return True

    def another_layout(self) -> bool:
        self.open()
        self.say_hello(hello=self.hello[:12] + pack_u32(0xFFFF) + self.hello[16:])
        return True

    def four_descriptors(self) -> bool:
        self.open()
        self.say_hello([0, 0, 0, 0])
        return True

    def hello_cut_short(self) -> bool:
        self.open()
        self.say_hello(hello=self.hello[: self.random.randrange(12, len(self.hello) - 1) & ~3])
        return True

    def broken_control(self) -> bool:
        self.open().sendall(frame(CONTROL, REPLY_WANTED, self.random.randbytes(self.random.randrange(1, 4)) * 99))
        return True

    def controls_without_reading(self) -> bool:
        """Each is answered only when the one before was taken."""
        self.open()
        self.link.settimeout(0.3)
        with contextlib.suppress(OSError):
            for _ in range(2000):
                name = self.random.choice(CONTROLS)
                arguments = pack_u32(1) + pack_str("pid") + pack_u32(1) + struct.pack("<q", 1 << 40)
                self.link.sendall(frame(CONTROL, REPLY_WANTED, pack_str(name) + arguments))
        return False

    def garbage_to_a_worker(self) -> bool:
        self.enter()
        self.link.sendall(b"\xff" * 64 + self.random.randbytes(512))
        return True

    def huge_length_to_a_worker(self) -> bool:
        self.enter()
        self.link.sendall(struct.pack("<IHH", 0x7FFFFFFF, SYNC, REPLY_WANTED))
        return True

    def hello_again(self) -> bool:
        self.enter()
        self.say_hello()
        return True

    def no_such_operation(self) -> bool:
        self.enter()
        self.link.sendall(frame(NO_OPERATION, REPLY_WANTED, b""))
        return True

    def ids_of_others(self) -> bool:
        self.enter()
        stolen = self.random.choice([0, self.nodes[0] - 1, self.nodes[1], 0xFFFFFFFF]) & 0xFFFFFFFF
        self.link.sendall(frame(OP["NODE_REFERENCE_CREATE"], 0, pack_u32(stolen, 0)))
        return True

    def broken_batch(self) -> bool:
        self.enter()
        items = pack_u32(2, OP["NODE_REFERENCE_CREATE"], 8, self.nodes[0], 0) + pack_u32(BATCH, 0)
        self.link.sendall(frame(BATCH, REPLY_WANTED, items))
        return True

    def lists_longer_than_their_bytes(self) -> bool:
        self.enter()
        self.link.sendall(frame(RELEASE, 0, pack_u32(1, 0xFFFFFFFF, 1, 2, 3)))
        return True

    def endless_message(self) -> bool:
        """Frames that say there is more, and an end that never comes."""
        self.enter()
        for _ in range(8):
            self.link.sendall(frame(SYNC, MORE, b"x" * (1 << 16)))
        return False

    def releases(self) -> bool:
        """Floods of releases, pins and leases of what it never had."""
        self.enter()
        ids = [self.random.getrandbits(32) for _ in range(2000)]
        for _ in range(20):
            kind = self.random.choice([1, 2, 3, 7])
            self.link.sendall(frame(RELEASE, 0, pack_u32(kind, len(ids), *ids)))
        self.link.sendall(frame(PIN, 0, pack_u32(1, len(ids), *ids)) + frame(LEASE, REPLY_WANTED, pack_u32(2, 0xFFFFFFFF)))
        return False

    def never_reads(self) -> bool:
        self.enter()
        self.link.settimeout(0.3)
        request = frame(SYNC, REPLY_WANTED, b"") * 512
        with contextlib.suppress(OSError):
            for _ in range(200):
                self.link.sendall(request)
        return False


KINDS: list[Callable[[Peer], bool]] = [
    Peer.connect_and_close, Peer.hello_and_close, Peer.garbage, Peer.half_a_frame, Peer.huge_length,
    Peer.method_without_hello, Peer.no_descriptor, Peer.four_descriptors,
    Peer.page_that_may_shrink, Peer.another_layout, Peer.hello_cut_short, Peer.broken_control,
    Peer.controls_without_reading, Peer.garbage_to_a_worker, Peer.huge_length_to_a_worker, Peer.hello_again,
    Peer.no_such_operation, Peer.ids_of_others, Peer.broken_batch, Peer.lists_longer_than_their_bytes,
    Peer.endless_message, Peer.releases, Peer.never_reads,
]


class Crowd:
    """`count` peers in threads, each of another kind, until told to stop."""

    def __init__(self, path: str, folder: Path, count: int, seed: int, pause: float) -> None:
        self.stopped = threading.Event()
        self.pause = pause
        self.turns: Counter[str] = Counter()
        self.cuts: Counter[str] = Counter()
        self.trouble: list[str] = []
        self.threads = [
            threading.Thread(target=self.be, args=(KINDS[number % len(KINDS)], Peer(path, folder, seed + number)))
            for number in range(count)
        ]
        for thread in self.threads:
            thread.start()

    def be(self, act: Callable[[Peer], bool], peer: Peer) -> None:
        name = act.__name__
        while not self.stopped.wait(self.pause):
            try:
                if act(peer):
                    peer.read_to_end()
                    self.cuts[name] += 1
                self.turns[name] += 1
            except TimeoutError as error:
                self.trouble.append(f"{name}: {error!r}")
            except OSError as error:  # cut in the middle of what it says
                if isinstance(error, BrokenPipeError | ConnectionResetError):
                    self.cuts[name] += 1
                else:
                    self.trouble.append(f"{name}: {error!r}")
            finally:
                peer.link.close()

    def story(self) -> dict[str, object]:
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        return {"turns": self.turns, "cuts": self.cuts, "trouble": self.trouble[:20]}


def main() -> None:
    crowd = Crowd(os.environ["BINDD_SOCKET"], Path(sys.argv[1]), int(sys.argv[2]), seed=1, pause=float(sys.argv[3]))
    print("ready", flush=True)
    sys.stdin.read()
    print(json.dumps(crowd.story()))


if __name__ == "__main__":
    main()
