"""How far calls are that take long: see bindd.progress()."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from bindd import _bindd

EACH_S = 0.1
"""Between two reports of one call."""
ALMOST = 0.99
"""All is done only when the answer is here."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One report about a call that takes long."""

    operation: str
    request: int
    elapsed: float
    """Seconds since the call began."""
    fraction: float | None
    """Of its work, never less than before; None: nobody knows how much there is. 1.0 when it is over."""
    steps: int
    """Done so far; what a step is, is the operation's business."""
    is_over: bool


class Reporter:
    """What one `with bindd.progress(...)` has been told, by call."""

    def __init__(self, told: Callable[[Progress], object], after: float) -> None:
        self.told, self.after = told, after
        self.request = -1
        self.begin(-1)

    def begin(self, request: int) -> None:
        self.request, self.fraction, self.steps, self.next, self.has_told = request, 0.0, 0, self.after, False

    def take(self, operation: str, request: int, elapsed: float, done: int, all_: int, is_over: bool) -> None:
        if request != self.request:
            self.begin(request)
        self.steps = max(self.steps, done)
        if all_:  # a number of another process: it may say what it wants
            self.fraction = max(self.fraction, min(done / all_, ALMOST))
        if is_over and not self.has_told or not is_over and elapsed < self.next:
            return
        self.has_told = True
        self.next = elapsed + EACH_S
        fraction = 1.0 if is_over else self.fraction if all_ or self.fraction else None
        if is_over:
            self.request = -1
        self.told(Progress(operation, request, elapsed, fraction, self.steps, is_over))


_reporter: ContextVar[Reporter | None] = ContextVar("bindd_progress", default=None)
_lock = threading.Lock()
_users = 0


def _look(operation: str, request: int, elapsed: float, done: int, all_: int, is_over: bool) -> None:
    reporter = _reporter.get()
    if reporter is not None:
        reporter.take(operation, request, elapsed, done, all_, is_over)


def _use(more: int) -> None:
    global _users
    with _lock:
        _users += more
        _bindd._progress(_look if _users else None)


class Bars:
    """A tqdm bar for each call that takes long."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self.make = make
        self.bar: Any = None

    def __call__(self, progress: Progress) -> None:
        if self.bar is None:
            self.bar = self.make(total=100, desc=progress.operation, unit="%", leave=False)
        if progress.fraction is not None:
            self.bar.update(int(progress.fraction * 100) - self.bar.n)
        if progress.is_over:
            self.close()

    def close(self) -> None:
        """Also where the call ended with an error."""
        bar, self.bar = self.bar, None
        if bar is not None:
            bar.close()


@contextmanager
def progress(told: Callable[[Progress], object] | None, tqdm: Callable[..., Any] | None, after: float) -> Iterator[None]:
    bars = None
    if told is None:
        if tqdm is None:
            try:
                from tqdm.auto import tqdm  # type: ignore[import-not-found,import-untyped,no-redef,unused-ignore]
            except ImportError:
                raise ImportError("bindd.progress() without a function shows bars of tqdm: pip install tqdm") from None
        assert tqdm is not None
        told = bars = Bars(tqdm)
    token = _reporter.set(Reporter(told, after))
    _use(1)
    try:
        yield
    finally:
        _use(-1)
        _reporter.reset(token)
        if bars is not None:
            bars.close()
