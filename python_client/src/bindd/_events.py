"""What happens in the daemon, as it happens: see bindd.events()."""

from __future__ import annotations

import math
import os
import select
import socket
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from bindd import _daemon
from bindd.errors import BinddUnavailable


NAMES = frozenset({
    "worker_started", "worker_restarted", "worker_ended", "worker_crashed", "client_connected", "client_gone", "handles",
    "file_changed", "folder_hangs", "daemon_stopping"})


def _wanted(only: str | Iterable[str] | None) -> frozenset[str] | None:
    if only is None:
        return None
    wanted = frozenset([only] if isinstance(only, str) else only)
    if unknown := wanted - NAMES:
        raise ValueError(
            f"there is no event {', '.join(sorted(map(repr, unknown)))}\n  hint: known: {', '.join(sorted(NAMES))}")
    return wanted


def _watched(file: str | os.PathLike[str]) -> str:
    path = os.path.abspath(os.fsdecode(file))
    try:
        path.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{path!r} is not UTF-8: a file of such a name cannot be watched") from None
    return path


class Events:
    """An iterator of events, each a dict; a context manager that ends the subscription.

    `last` is the number of the newest event that was told, also of those that were not wanted: `after=events.last` goes on
    behind it, and `after=events` does so where the daemon may have been another one since. `daemon` says which one counts.
    `lost` counts events that were too long ago to be told when the subscription began.
    """

    def __init__(
        self, only: str | Iterable[str] | None, after: int | Events | None,
        files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], timeout: float | None
    ) -> None:
        self._link: socket.socket | None = None
        self._only = _wanted(only)
        watched = [files] if isinstance(files, (str, os.PathLike)) else files
        path = _daemon.socket_path()
        deadline = time.monotonic() + _daemon.CONTROL_S
        arguments: dict[str, int | str] = {
            f"file{number}": _watched(file) for number, file in enumerate(watched)}
        if isinstance(after, Events):
            arguments["daemon"], after = after.daemon, after.last
        if after is not None:
            arguments["after"] = after
        self._timeout = timeout
        self._path = path
        self._link = _daemon._running(path, deadline)
        if self._link is None:
            raise BinddUnavailable(f"no daemon runs at {path}", socket=path)
        self._identity = _daemon.identity(self._link.fileno())
        try:
            head = _daemon._question(self._link, path, "subscribe", arguments, deadline)
        except BaseException:
            self.close()
            raise
        self.daemon: str = head["daemon"]
        self.last: int = head["after"]
        self.lost: int = head["lost"]

    def __iter__(self) -> Events:
        return self

    def __next__(self) -> dict[str, Any]:
        """The next one that is wanted. TimeoutError when none came in time; StopIteration when the daemon stopped."""
        end = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            event = self._next(end)
            self.last = event["number"]
            if event["event"] == "daemon_stopping":
                self.close()
            if self._only is None or event["event"] in self._only:
                return event

    def _next(self, end: float | None) -> dict[str, Any]:
        link = self._link
        if link is None:
            raise StopIteration
        self._look(link)
        poll = select.poll()
        poll.register(link, select.POLLIN)
        if not poll.poll(None if end is None else math.ceil(min(max(end - time.monotonic(), 0) * 1000, 2**31 - 1))):
            raise TimeoutError(f"no event came within {self._timeout:.3g} s")
        self._look(link)
        try:
            answer: dict[str, Any] = _daemon._control_answer(link, time.monotonic() + _daemon.CONTROL_S)
            return answer
        except (OSError, TimeoutError) as error:
            self.close()
            if isinstance(error, BinddUnavailable):  # it says why
                raise BinddUnavailable(
                    f"the daemon at {self._path} tells no more events: {error}; bindd.events(after={self.last}) goes on where this "
                    "ended", socket=self._path) from None
            raise BinddUnavailable(
                f"the daemon at {self._path} tells no more events: it is gone, or they were not read in time ({error}); "
                f"bindd.events(after={self.last}) goes on where this ended, if the same daemon still runs", socket=self._path) from None
        except BaseException:  # a part of an answer may have been read: what comes next is no beginning
            self.close()
            raise

    def _look(self, link: socket.socket) -> None:
        number = link.fileno()
        if _daemon.identity(number) == self._identity:
            return
        self.close()
        raise BinddUnavailable(
            f"the program closed the descriptor of bindd's events (number {number}); bindd.events(after={self.last}) goes on where "
            "this ended", socket=self._path, hint="os.closerange and its like close what they did not open")

    def close(self) -> None:
        """Ends the subscription. Twice is once."""
        link, self._link = self._link, None
        if link is None:
            return
        if _daemon.identity(link.fileno()) == self._identity:
            link.close()
        else:
            link.detach()  # the number is the program's

    def __enter__(self) -> Events:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_link", None) is not None:
            self.close()
