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


@dataclass(slots=True)
class _Call:
    request: int
    next: float
    """When it is told of again, in seconds since it began."""
    fraction: float = 0.0
    steps: int = 0
    has_told: bool = False


class Reporter:
    """What one `with bindd.progress(...)` has been told, by call: of each workspace one can wait at a time, and threads that
    were given the context share this."""

    def __init__(self, told: Callable[[Progress], object], after: float) -> None:
        self.told, self.after = told, after
        self.calls: dict[int, _Call] = {}  # by workspace
        self.telling: set[int] = set()  # threads; what the function itself calls is not told

    def take(self, workspace: int, operation: str, request: int, elapsed: float, done: int, all_: int, is_over: bool) -> None:
        thread = threading.get_ident()
        if thread in self.telling:
            return
        call = self.calls.get(workspace)
        if call is None or call.request != request:
            call = self.calls[workspace] = _Call(request, self.after)
        call.steps = max(call.steps, done)
        if all_:  # a number of another process: it may say what it wants
            call.fraction = max(call.fraction, min(done / all_, ALMOST))
        if is_over:
            del self.calls[workspace]
        if is_over and not call.has_told or not is_over and elapsed < call.next:
            return
        call.has_told = True
        call.next = elapsed + EACH_S
        fraction = 1.0 if is_over else call.fraction if all_ or call.fraction else None
        self.telling.add(thread)
        try:
            self.told(Progress(operation, request, elapsed, fraction, call.steps, is_over))
        finally:
            self.telling.discard(thread)


_reporter: ContextVar[Reporter | None] = ContextVar("bindd_progress", default=None)
_lock = threading.Lock()
_users = 0


def _look(workspace: int, operation: str, request: int, elapsed: float, done: int, all_: int, is_over: bool) -> None:
    reporter = _reporter.get()
    if reporter is not None:
        reporter.take(workspace, operation, request, elapsed, done, all_, is_over)


def _use(more: int) -> None:
    global _users
    with _lock:
        _users += more
        _bindd._progress(_look if _users else None)


class Bars:
    """A tqdm bar for each call that takes long: of each thread one waits at a time."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self.make = make
        self.bars: dict[int, tuple[tuple[str, int], Any]] = {}  # by thread: which call, its bar

    def __call__(self, progress: Progress) -> None:
        thread, call = threading.get_ident(), (progress.operation, progress.request)
        if thread in self.bars and self.bars[thread][0] != call:
            self.end(thread)  # that call failed
        if thread not in self.bars:
            self.bars[thread] = call, self.make(total=100, desc=progress.operation, unit="%", leave=False)
        bar = self.bars[thread][1]
        if progress.fraction is not None:
            bar.update(int(progress.fraction * 100) - bar.n)
        if progress.is_over:
            self.end(thread)

    def end(self, thread: int) -> None:
        self.bars.pop(thread)[1].close()

    def close(self) -> None:
        """Also where calls ended with an error."""
        for thread in list(self.bars):
            self.end(thread)


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
