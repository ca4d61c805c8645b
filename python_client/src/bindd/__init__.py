"""bindd: a graph and S-expression layer in a daemon. A crash of the native side costs one exception.

    import bindd
    from bindd.graph import GraphView

    view = GraphView.create()                    # starts a daemon when none runs
    with bindd.connect("shared") as workspace:   # a named workspace, shared between processes
        ...

Importing does no I/O and starts nothing; an editable install looks whether its sources changed, and builds if so.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

try:
    from bindd import _develop
except ImportError:
    pass  # installed from a wheel, which never builds
else:
    _develop.prepare()  # an editable install: builds what is older than its sources

if "_bindd_extension" in sys.modules:  # sys.modules was purged of bindd: the native classes stay what they were
    sys.modules.setdefault("bindd._bindd", sys.modules["_bindd_extension"])
try:
    from bindd import _bindd, _pickling
except ImportError as _error:
    if "subinterpreter" not in str(_error):
        raise
    raise ImportError(
        "bindd does not run in a sub-interpreter that has a GIL of its own: make one that shares it (isolated=False, or "
        '"legacy" from Python 3.13 on), or use threads, which share it anyway, or a process',
        name="bindd._bindd",
    ) from None
sys.modules.setdefault("_bindd_extension", _bindd)

from bindd import errors as errors
from bindd._bindd import BUILD as __build__
from bindd._bindd import VERSION as __version__
from bindd._bindd import Workspace as Workspace
from bindd._bindd import statistics as statistics
from bindd._program import find_bindd_bin as find_bindd_bin
from bindd.errors import BinddError as BinddError
from bindd.errors import BinddUnavailable as BinddUnavailable
from bindd.errors import CallTimeout as CallTimeout
from bindd.errors import FileChanged as FileChanged
from bindd.errors import LimitExceeded as LimitExceeded
from bindd.errors import MemoryLimit as MemoryLimit
from bindd.errors import StaleHandleError as StaleHandleError
from bindd.errors import WorkerCrashed as WorkerCrashed
from bindd.errors import WorkerDied as WorkerDied
from bindd.errors import WorkerHung as WorkerHung

if TYPE_CHECKING:
    from bindd import debug as debug
    from bindd import faebryk as faebryk
    from bindd import graph as graph
    from bindd import sexp as sexp
    from bindd._events import Events
    from bindd._progress import Progress

__all__ = [
    "BinddError", "BinddUnavailable", "CallTimeout", "FileChanged", "LimitExceeded", "MemoryLimit", "StaleHandleError",
    "WorkerCrashed", "WorkerDied", "WorkerHung", "Workspace", "__build__", "__version__", "aconnect", "call_timeout",
    "close", "connect", "debug", "errors", "events", "faebryk", "find_bindd_bin", "graph", "handles", "progress", "sexp",
    "statistics",
]

_pickling.register()
_SUBMODULES = frozenset({"debug", "faebryk", "graph", "sexp"})


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"bindd.{name}")
    raise AttributeError(f"module 'bindd' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


def connect(
    workspace: str | None = None,
    *,
    timeout: float = 5.0,
    call_timeout: float | None = None,
    hang_limit: float | None = None,
) -> Workspace:
    """Opens a workspace, starting a daemon when none runs.

    workspace: name of a shared one; None opens a private one that ends with this process.
    timeout: seconds that connecting may take altogether, starting the daemon included.
    call_timeout: seconds that each call may take before CallTimeout; None: no limit.
    hang_limit: seconds without an answer after which the worker is killed ($BINDD_HANG_LIMIT, 300).
    As a context manager the workspace is the one that GraphView.create() and the like use in this thread or task; it may
    be entered again (also in another thread) and is closed at the end of its last block.
    Raises BinddUnavailable (saying what was tried), VersionMismatch.
    """
    from bindd import _daemon

    return _daemon.connect(workspace or "", timeout=timeout, call_timeout=call_timeout, hang_limit=hang_limit)


async def aconnect(
    workspace: str | None = None,
    *,
    timeout: float = 5.0,
    call_timeout: float | None = None,
    hang_limit: float | None = None,
) -> Workspace:
    """connect() for asyncio: the loop goes on while the daemon starts and answers.

        with await bindd.aconnect("shared") as workspace: ...

    When the task is cancelled meanwhile, nobody holds what is opened, which closes it. Raises what connect() raises.
    """
    import asyncio

    return await asyncio.to_thread(connect, workspace, timeout=timeout, call_timeout=call_timeout, hang_limit=hang_limit)


def close() -> None:
    """Closes the workspace that this process uses where it named none. Its handles are stale then; the next use opens a new
    one. Does nothing when there is none."""
    _bindd._close()


@contextmanager
def call_timeout(workspace: Workspace, seconds: float) -> Iterator[Workspace]:
    """Within the block each call on the workspace may take so long, else CallTimeout."""
    before = workspace.call_timeout
    workspace.call_timeout = seconds
    try:
        yield workspace
    finally:
        workspace.call_timeout = before


def events(
    only: str | Iterable[str] | None = None,
    *,
    after: int | Events | None = None,
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    timeout: float | None = None,
) -> Events:
    """What happens in the daemon from now on, as an iterator of dicts. Starts nothing.

    Each has `number` (one higher than the one before), `at`, `event` and what belongs to it: worker_started,
    worker_restarted, worker_ended, worker_crashed (pid, workspace, cause, operation, request, report), client_connected,
    client_gone, handles (of clients that hold more or fewer than five seconds ago), file_changed, folder_hangs, daemon_stopping.
    only: names of those that are wanted, or one name; ValueError for one that no event has.
    after: begin behind the event of that number, as far as events are kept (the newest 1024); `lost` says how many are not.
        Or an earlier iterator: behind what it told last. Numbers are one daemon's: what another one told before it ended is
        gone, and all that this one has told comes; so it does where this one has not given the number yet.
    files: paths of files, or one path, whose changes are events, also where a file is replaced by another.
    timeout: seconds that each may take, else TimeoutError; None: for ever.
    Raises BinddUnavailable when no daemon runs, when it is gone, and when events were not read in time: who does not take
    what it is told is cut, and goes on with `after`.
    """
    from bindd._events import Events

    return Events(only, after, files, timeout)


def progress(
    told: Callable[[Progress], object] | None = None, *, tqdm: Callable[..., Any] | None = None, after: float = 0.5
) -> AbstractContextManager[None]:
    """Within the block, calls of this thread or task that take longer than `after` seconds say how far they are.

    told: called about ten times a second, in the thread that waits, with `operation`, `request`, `elapsed`, `fraction` (0 to
        1, never falling; None where nobody knows), `steps`, `is_over`. The last report of a call that succeeds has the
        fraction 1.0; of one that fails the error is the end. What it raises gives the call up, and is what the call raises.
        It must not use the workspace; its own calls on others are not told.
    tqdm: without `told`, a class of bars as tqdm's; by default tqdm.auto.tqdm.
    """
    from bindd import _progress

    return _progress.progress(told, tqdm, after)


def handles(
    id: int | None = None,
    *,
    client: str | int | Iterable[str | int] | None = None,
    workspace: str | Iterable[str] | None = None,
    kind: str | Iterable[str] | None = None,
    site: str | None = None,
    label: str | None = None,
    older_than: float | None = None,
    min_bytes: int | None = None,
    orphans: bool = False,
    stale: bool = False,
    growing: bool = False,
    over: float | None = None,
    group_by: str | Iterable[str] | None = None,
    sort: str | None = None,
    top: int | None = None,
    tree: int | None = None,
) -> dict[str, Any]:
    """What `bindd inspect handles -o json` prints, with the same flags (durations in seconds). Starts nothing.

    Without arguments: clients, workspaces, kinds and hints. With an id: that handle as "handle". With a filter, sort or top
    (0: all): "rows", one per recorded handle; with group_by (or growing): "groups". With a tree: what that handle holds.
    Runs the command, which reads what is shared.
    client (a name such as "c1", or a pid), workspace, kind, group_by: one or several.
    docs/inspect.schema.json says what stands where.
    Raises BinddUnavailable when no daemon runs, TypeError and ValueError for an argument that cannot be.
    """
    from bindd import _daemon, _inspect

    words = _inspect.words(
        id, client=client, workspace=workspace, kind=kind, site=site, label=label, older_than=older_than, min_bytes=min_bytes,
        over=over, group_by=group_by, sort=sort, top=top, tree=tree, orphans=orphans, stale=stale, growing=growing,
    )
    return _daemon.inspect_handles(words, over or 0.0)
