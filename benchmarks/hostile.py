"""What a good client pays while fifty others misbehave: its waiting calls alone and among them, in turns, in one run.

Each hostile peer does one bad thing over and over (Tests/client/hostile_peer.py), with a pause after each, so that the
machine's cores are not simply full: who burns all of them slows everybody, and no daemon can help it. What that costs is
measured too: the same fifty at a daemon of their own, which shares the processors with the good client and nothing else.
The ratio to that is what bindd answers for; the 99th percentile shows how long a call is kept waiting now and then.
The lower half is about peers in the good client's own workspace: that has one thread for all of them.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Tests" / "client"))

import bindd
import hostile_peer
from bindd._program import find_bindd_bin
from bindd.graph import GraphView

PEERS = 50
PAUSE_S = 0.5
ROUNDS = 2_000
REPETITIONS = 7
SHARED = "shared with them"
ALONE, BESIDE, AMONG = "alone", f"beside {PEERS} at another daemon", f"among {PEERS}"


def calls() -> list[float]:
    """Microseconds of each of so many waiting calls."""
    wait = bindd._bindd._current().sync
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter_ns()
        wait()
        times.append((time.perf_counter_ns() - start) / 1000)
    return times


def crowd(hello: Path, socket: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, hostile_peer.__file__, str(hello), str(PEERS), str(PAUSE_S)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, env={**os.environ, "BINDD_SOCKET": str(socket)})
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    time.sleep(PAUSE_S)
    return child


def measure(hello: Path, here: Path, elsewhere: Path) -> dict[str, list[float]]:
    """Alone, beside them and among them, in turns, so that noise of the machine falls on all three."""
    GraphView.create().get_counts()
    times: dict[str, list[float]] = {ALONE: [], BESIDE: [], AMONG: []}
    for _ in range(REPETITIONS):
        times[ALONE] += calls()
        for name, socket in ((BESIDE, elsewhere), (AMONG, here)):
            child = crowd(hello, socket)
            times[name] += calls()
            child.communicate()
    return times


def p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


def show(title: str, times: dict[str, list[float]]) -> None:
    figures = {name: [f(times[name]) for f in (statistics.median, statistics.fmean, p99)] for name in times}
    print(f"{title:44}{'median':>10}{'mean':>10}{'p99':>10}")
    for name, row in figures.items():
        print(f"{'  ' + name:44}" + "".join(f"{value:>10.1f}" for value in row))
    for base in (ALONE, BESIDE):
        ratios = [a / b for a, b in zip(figures[AMONG], figures[base], strict=True)]
        print(f"{'  ratio to ' + base:44}" + "".join(f"{value:>10.2f}" for value in ratios))


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sockets = [folder / daemon / "b.sock" for daemon in ("here", "elsewhere")]
        for socket in sockets:
            socket.parent.mkdir(mode=0o700)
        os.environ["BINDD_SOCKET"] = str(sockets[0])
        hostile_peer.record(folder / "private")
        hostile_peer.record(folder / "shared", SHARED)
        try:
            start = [sys.executable, "-c", "import bindd; bindd.connect().close()"]
            subprocess.run(start, check=True, env={**os.environ, "BINDD_SOCKET": str(sockets[1])})
            print("us per waiting call")
            with bindd.connect():
                show("own workspace", measure(folder / "private", *sockets))
            with bindd.connect(SHARED):
                show("shared workspace", measure(folder / "shared", *sockets))
        finally:
            for socket in sockets:
                environment = {**os.environ, "BINDD_SOCKET": str(socket)}
                subprocess.run([find_bindd_bin(), "stop"], check=False, stdout=subprocess.DEVNULL, env=environment)
    return 0


if __name__ == "__main__":
    sys.exit(main())
