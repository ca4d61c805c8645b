"""One waiting call against a bare C ping-pong over a Unix socket, in the same run.

Both sides alternate, repetition by repetition, so that noise of the machine falls on both. The ratio is what counts; the
times are those of this machine at this moment. What it does not show: calls that do not wait, which are the rule.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bindd
from bindd.graph import GraphView

REPETITIONS = 9
ROUNDS = 20_000


def compile_ping_pong(folder: str) -> str:
    source = Path(__file__).with_name("ping_pong.c")
    binary = str(Path(folder) / "ping_pong")
    subprocess.run(["gcc", "-O2", "-o", binary, str(source)], check=True)
    return binary


def ping_pong(binary: str) -> float:
    """Nanoseconds per round trip of the C pair."""
    return float(subprocess.run([binary, "1", str(ROUNDS)], check=True, capture_output=True, text=True).stdout)


def call() -> float:
    """Nanoseconds per waiting call through Python: 8 bytes there, 40 back."""
    wait = bindd._bindd._current().sync
    start = time.perf_counter_ns()
    for _ in range(ROUNDS):
        wait()
    return (time.perf_counter_ns() - start) / ROUNDS


def main() -> int:
    view = GraphView.create()
    assert view.get_counts() == (1, 0)
    with tempfile.TemporaryDirectory() as folder:
        binary = compile_ping_pong(folder)
        pairs = [(ping_pong(binary), call()) for _ in range(REPETITIONS)]
    floor, ours = zip(*pairs)
    ratios = [b / a for a, b in pairs]
    print(f"{'':24}{'min':>10}{'median':>10}")
    for name, values in (("C ping-pong, ns", floor), ("bindd call, ns", ours)):
        print(f"{name:24}{min(values):>10.0f}{statistics.median(values):>10.0f}")
    print(f"{'ratio':24}{min(ours) / min(floor):>10.2f}{statistics.median(ratios):>10.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
