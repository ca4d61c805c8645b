"""Buttons for the crash paths: operations that make the worker of the current workspace die or hang on demand.

They harm that workspace only. Tests, the demo and you, when you want to see what a crash looks like, press them.
"""

from __future__ import annotations

from signal import Signals

from bindd import _bindd

__all__ = ["crash", "cut_frame", "die_at", "freeze", "hang", "hold", "plant"]


def crash(how: str | Signals = "SEGV") -> None:
    """The worker dies: SEGV, BUS, ABRT, ILL, TRAP, KILL, EXIT (leaves with status 0), STACK or MEMORY.

    how: one of these, in any case; of a signal also "SIGSEGV" and signal.SIGSEGV.
    Raises WorkerCrashed; MEMORY raises MemoryLimit.
    """
    _bindd.debug_crash(how=_word(how))


def _word(how: str | Signals) -> str:
    if isinstance(how, Signals):
        how = how.name
    if not isinstance(how, str):
        raise TypeError(f'how must be a str such as "SEGV", or a signal such as signal.SIGSEGV, not {type(how).__name__}')
    return how.upper().removeprefix("SIG")


def hang(seconds: float = 3600.0) -> None:
    """The worker does nothing else for so long; it looks at cancellation. Ctrl-C and a call timeout work."""
    _bindd.debug_hang(seconds=seconds)


def freeze() -> None:
    """The worker loops without looking at anything. WorkerHung after the hang limit."""
    _bindd.debug_freeze()


def hold(bytes: int) -> None:
    """The worker takes and touches that much memory, until it ends."""
    _bindd.debug_hold(bytes=bytes)


def plant(bug: str) -> None:
    """Arms one of the bugs that are there to try crash reports on; the daemon must have been started with BINDD_PLANTED=1."""
    _bindd.debug_plant(bug=bug)


def cut_frame() -> None:
    """The worker sends half a reply and dies. Raises WorkerCrashed."""
    _bindd.debug_cut_frame()


def die_at(operation: str, how: str | Signals = "SEGV", when: str = "before") -> None:
    """The worker dies at the next request of an operation, "before" it is applied, or "after", before its reply.

    operation: a name of ``bindd describe --json``, such as "GraphView.create", "sexp.parse" or "sync".
    how: as in ``crash``, or STOP (stopped until somebody kills it), HALF (half a reply), MUTE (no reply, for ever).
    """
    _bindd.debug_die_at(operation=operation, how=_word(how), when=when)
