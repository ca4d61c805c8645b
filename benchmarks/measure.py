"""Pairs of workloads, measured in one run: every repetition runs each side once, in turn, so that the noise of the machine
falls on all of them. A figure is nanoseconds per operation, of which min and median are kept; a ratio is ours to theirs, of the minima:
below 1 bindd is faster.

Must not compare figures of different runs. Cost: repetitions times what the workloads take.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

REPETITIONS = 7

# Runs `count` operations and returns nothing; what it needs is made by the function that returned it, outside the clock.
Work = Callable[[int], object]


def look(ctx: object, edge: object) -> None:
    """A visitor that does nothing."""


class Visits:
    """The visit workloads of a side that says how it visits the edges at the hub of a star."""

    def visit(self, degree: int, function: Callable[[object, Any], object]) -> Work:
        """Calls function(None, edge) for each edge of a star, `count` edges in all."""
        raise NotImplementedError

    @staticmethod
    def target(ctx: object, edge: Any) -> None:
        """Looks at an edge's far end."""
        edge[1]

    def visit_1(self) -> Work:
        return self.visit(1, look)

    def visit_1000(self) -> Work:
        return self.visit(1000, look)

    def visit_1000_target(self) -> Work:
        return self.visit(1000, self.target)


class ListedVisits(Visits):
    """Of a side that gives a list of edges, which the user's loop goes through."""

    def edges_at_hub(self, degree: int) -> Callable[[], Iterable[Any]]:
        raise NotImplementedError

    def visit(self, degree: int, function: Callable[[object, Any], object]) -> Work:
        edges = self.edges_at_hub(degree)

        def work(count: int) -> None:
            for _ in range(max(1, count // degree)):
                for edge in edges():
                    function(None, edge)

        return work


@dataclass
class Side:
    """One contestant. `prepare` makes a fresh state and returns the work on it."""

    name: str
    prepare: Callable[[], Work]
    count: int
    settle: Callable[[], object] = lambda: None
    elsewhere_ns: Callable[[], int] = lambda: 0  # CPU time so far of the process that does the work for this side
    times: list[float] = field(default_factory=list)
    cpu_times: list[float] = field(default_factory=list)
    elsewhere_times: list[float] = field(default_factory=list)

    def run(self) -> None:
        work = self.prepare()
        gc.collect()
        gc.disable()
        elsewhere = self.elsewhere_ns()
        cpu = time.thread_time_ns()
        start = time.perf_counter_ns()
        work(self.count)
        cpu = time.thread_time_ns() - cpu
        self.settle()  # what was only sent is done as well
        took = time.perf_counter_ns() - start
        gc.enable()
        self.times.append(took / self.count)
        self.cpu_times.append(cpu / self.count)
        self.elsewhere_times.append((self.elsewhere_ns() - elsewhere) / self.count)

    @property
    def best(self) -> float:
        return min(self.times)

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    @property
    def cpu(self) -> float:
        """Of this process: what the caller's thread itself burns, waiting not counted."""
        return min(self.cpu_times)


@dataclass
class Workload:
    name: str
    recorded_ns: str  # of the replaced layer, elsewhere
    figure: float  # the ratio to the replaced layer that is wanted at most
    sides: list[Side]  # ours first

    def run(self) -> None:
        for _ in range(REPETITIONS):
            for side in self.sides:
                side.run()

    def rows(self) -> list[list[str]]:
        ours = self.sides[0]
        rows = []
        for side in self.sides:
            ratio, own = ("1", "1") if side is ours else (f"{ours.best / side.best:.3g}", f"{ours.cpu / side.cpu:.3g}")
            elsewhere = min(side.elsewhere_times)
            rows.append([
                ratio, own, self.name if side is ours else "", side.name, f"{side.best:,.0f}", f"{side.median:,.0f}",
                f"{side.cpu:,.0f}", f"{elsewhere:,.0f}" if elsewhere else "", self.recorded_ns if side is ours else "",
                f"<= {self.figure:g}" if side is ours and self.figure else "",
            ])
        return rows


HEADERS = [
    "ratio", "ratio of CPU", "workload", "side", "min, ns", "median, ns", "CPU here, ns", "CPU of worker, ns",
    "replaced layer, ns\n(recorded elsewhere)", "wanted,\nof that",
]
