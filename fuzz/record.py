"""Records what real programs send: bodies of the client's tests, run through a relay in front of a daemon.

    fuzz/record.py FOLDER       writes FOLDER/NAME.wire for each, what the client sent after its hello

fuzz/run.py --record turns them into Tests/fixtures/fuzz/session/NAME.txt, requests by name, which is what the
session's fuzzer begins with. Needed again only when there are new operations that nobody sends.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = [
    "test_faebryk.test_recipes_make_edges", "test_faebryk.test_handles_see_edges_that_were_changed",
    "test_faebryk.test_errors_carry_what_callers_match_on", "test_faebryk.test_ids_rise_whoever_makes_the_objects",
    "test_faebryk.test_own_writes_are_seen_by_every_way_of_reading", "test_faebryk.test_paths_share_what_they_have_in_common",
    "test_faebryk.test_cycles_are_errors", "test_graph.test_a_small_graph", "test_graph.test_subgraphs",
    "test_graph.test_errors_are_raised_by_the_call_that_caused_them",
    "test_graph.test_a_node_behind_an_edge_lives_as_long_as_its_handle", "test_batch.test_what_a_block_may_do",
    "test_batch.test_an_exception_in_the_block_gives_everything_up", "test_sexp.test_walking",
    "test_columns.test_an_empty_view_has_columns_too",
]


class Relay:
    """Passes bytes and descriptors on between clients and the daemon at `path`; keeps what the clients say."""

    def __init__(self, folder: Path, path: str) -> None:
        self.path = path
        self.said: list[bytearray] = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / "relay.sock"))
        self.listener.listen(8)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                daemon = socket.socket(socket.AF_UNIX)
                daemon.connect(self.path)
                said = bytearray()
                self.said.append(said)
                threading.Thread(target=self.pass_on, args=(client, daemon, said), daemon=True).start()
                threading.Thread(target=self.pass_on, args=(daemon, client, None), daemon=True).start()

    def pass_on(self, source: socket.socket, target: socket.socket, said: bytearray | None) -> None:
        with contextlib.suppress(OSError):
            while True:
                data, fds, _, _ = socket.recv_fds(source, 1 << 16, 4)
                if not data:
                    break
                if said is not None:
                    said += data
                socket.send_fds(target, [data], fds)
                for fd in fds:
                    os.close(fd)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def main(target: Path) -> None:
    binary = os.environ["BINDD_BIN"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        daemon = str(folder / "daemon.sock")
        subprocess.run([binary, "serve", "--detach", "--socket", daemon], check=True)
        try:
            relay = Relay(folder, daemon)
            environment = {**os.environ, "BINDD_SOCKET": str(folder / "relay.sock"), "BINDD_ARENA": "0",
                           "PYTHONPATH": str(ROOT / "Tests" / "client")}
            for program in PROGRAMS:
                module, function = program.split(".")
                relay.said.clear()
                # In a process of its own: ids begin at 1, as they do in the fuzzed session.
                code = f"import bindd, {module}; {module}.{function}.body(); bindd.close()"
                done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
                if done.returncode:  # it counts round trips, or reads the arena
                    print(f"{program}: {done.stderr.splitlines()[-1]}", file=sys.stderr)
                said = max(relay.said, key=len, default=bytearray())
                (target / f"{function.removeprefix('test_')}.wire").write_bytes(said)
        finally:
            subprocess.run([binary, "stop", "--socket", daemon], check=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
