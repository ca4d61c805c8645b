"""A program that closes every descriptor but the standard ones, and has files of its own under the numbers that bindd had."""

from __future__ import annotations

import os
import socket
import tempfile

TEXT = b"what the program keeps here\n" * 4096
PLACE = 7


def used() -> set[int]:
    """Numbers above the standard ones."""
    return {int(name) for name in os.listdir("/proc/self/fd") if int(name) > 2 and os.path.exists(f"/proc/self/fd/{name}")}


class OwnNumbers:
    """`kind`: sockets, files, or none: then the numbers stay free."""

    def __init__(self, kind: str) -> None:
        self.bindds = used()
        assert len(self.bindds) >= 2, "a socket and the ledger; the graph"
        os.closerange(3, 256)
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        self.files: dict[int, str] = {}
        while kind != "none" and not self.bindds <= used():
            if kind == "sockets":
                pair = socket.socketpair()
                for end in pair:
                    end.setblocking(False)
                    end.sendall(TEXT[:100])
                self.pairs.append(pair)
            else:
                number, path = tempfile.mkstemp()
                os.write(number, TEXT)
                os.lseek(number, PLACE, os.SEEK_SET)
                self.files[number] = path
        self.abouts = {number: os.fstat(number) for number in self.numbers()}

    def numbers(self) -> list[int]:
        return [end.fileno() for pair in self.pairs for end in pair] + list(self.files)

    def check(self) -> None:
        """All are open, and nobody read from them, wrote to them, moved their place or shut them down. Once."""
        for number, about in self.abouts.items():
            now = os.fstat(number)
            assert (now.st_dev, now.st_ino) == (about.st_dev, about.st_ino)
        for pair in self.pairs:
            for end, other in (pair, pair[::-1]):
                assert end.recv(1000) == TEXT[:100]
                other.sendall(b"still open")
                assert end.recv(1000) == b"still open"
        for number, path in self.files.items():
            assert os.lseek(number, 0, os.SEEK_CUR) == PLACE
            with open(path, "rb") as file:
                assert file.read() == TEXT
            os.unlink(path)
