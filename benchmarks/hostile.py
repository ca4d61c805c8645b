"""What a good client pays while fifty others misbehave: its waiting calls alone and among them, in turns, in one run.

Each hostile peer does one bad thing over and over (Tests/client/hostile_peer.py), with a pause after each, so that the
machine's cores are not simply full: who burns all of them slows everybody, and no daemon can help it. The ratios of
median and mean are what counts; the 99th percentile shows how long the scheduler keeps a call waiting while others run.
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


def calls() -> list[float]:
    """Microseconds of each of so many waiting calls."""
    wait = bindd._bindd._current().sync
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter_ns()
        wait()
        times.append((time.perf_counter_ns() - start) / 1000)
    return times


def crowd(hello: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, hostile_peer.__file__, str(hello), str(PEERS), str(PAUSE_S)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    time.sleep(PAUSE_S)
    return child


def measure(hello: Path) -> tuple[list[float], list[float]]:
    """Alone and among them, in turns, so that noise of the machine falls on both."""
    GraphView.create().get_counts()
    alone, among = [], []
    for _ in range(REPETITIONS):
        alone += calls()
        child = crowd(hello)
        among += calls()
        child.communicate()
    return alone, among


def show(name: str, alone: list[float], among: list[float]) -> None:
    def p99(times: list[float]) -> float:
        return statistics.quantiles(times, n=100)[98]

    for what, times in (("alone", alone), (f"among {PEERS}", among)):
        print(f"{name + ', ' + what:32}{statistics.median(times):>10.1f}{statistics.fmean(times):>10.1f}{p99(times):>10.1f}")
    ratios = [ratio(among) / ratio(alone) for ratio in (statistics.median, statistics.fmean, p99)]
    print(f"{'ratio':32}" + "".join(f"{value:>10.2f}" for value in ratios))


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run").mkdir(mode=0o700)
        os.environ["BINDD_SOCKET"] = str(folder / "run" / "b.sock")
        hostile_peer.record(folder / "private")
        hostile_peer.record(folder / "shared", SHARED)
        try:
            print(f"{'us per waiting call':32}{'median':>10}{'mean':>10}{'p99':>10}")
            with bindd.connect():
                show("own workspace", *measure(folder / "private"))
            with bindd.connect(SHARED):
                show("shared workspace", *measure(folder / "shared"))
        finally:
            subprocess.run([find_bindd_bin(), "stop"], check=False, stdout=subprocess.DEVNULL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
