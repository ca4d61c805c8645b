"""The exceptions of bindd: one tree, every one picklable, every attribute there from the start.

    BinddError
    ├── WorkerDied            the worker process ended under a request
    │   ├── WorkerCrashed     … of a signal, or by leaving without having been told to
    │   ├── WorkerHung        … because it did not answer and was killed
    │   └── MemoryLimit       … because memory was exhausted (also a MemoryError)
    ├── BinddUnavailable      no daemon could be reached or started (also a ConnectionError)
    │   └── VersionMismatch   client and daemon are of different builds
    ├── StaleHandleError      the object of a handle is gone (also a ReferenceError)
    ├── ProtocolError         bytes that the protocol does not allow
    │   └── SnapshotError     … inside a parsed document
    ├── CallTimeout           no answer within the caller's own timeout (also a TimeoutError)
    ├── LimitExceeded         a named limit was reached (also a MemoryError)
    ├── JournalError          the journal cannot be written; nothing was changed (also an OSError)
    ├── SexpError             text that is no S-expression, or no file of its format (also a ValueError)
    ├── FileChanged           a file is not overwritten: it is another than the one that was read (also an OSError)
    ├── TypeGraphPathError    a path leads nowhere (also a ValueError)
    ├── TypeGraphInstantiationError, TypeGraphResolveError   (also ValueErrors)

The extension makes them through `from_reply` and `from_notice`. This module imports nothing of bindd.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = [
    "BinddError", "BinddUnavailable", "CallTimeout", "FileChanged", "JournalError", "LimitExceeded", "MemoryLimit",
    "ProtocolError", "SexpError", "SnapshotError",
    "StaleHandleError", "TypeGraphInstantiationError", "TypeGraphPathError", "TypeGraphResolveError", "VersionMismatch",
    "WorkerCrashed", "WorkerDied", "WorkerHung",
]

LINES_MAX = 6
"""No message is longer: who prints an exception wants to read it."""


class BinddError(Exception):
    """Base of all errors of bindd.

    `message` is the text, `hint` what to do about it ("" when nothing is known), `code` the stable number of the kind of
    error, `fields` what else the daemon said.
    """

    message: str = ""
    hint: str = ""
    code: int = 0
    operation: str | None = ""
    fields: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, message: str = "", **attributes: Any) -> None:
        super().__init__(message)
        self.message = message
        for name, value in attributes.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        is_told = not self.hint or self.hint in self.message
        text = self.message if is_told else f"{self.message}\n  hint: {self.hint}"
        lines = text.split("\n")
        if len(lines) <= LINES_MAX:
            return text
        return "\n".join(lines[: LINES_MAX - 1] + [f"  … {len(lines) - LINES_MAX + 1} more lines"])

    def __reduce__(self) -> tuple[Any, ...]:
        known = type(self).__name__ if type(self) in _CODES.values() else type(self)
        return _rebuild, (known, self.message, dict(self.__dict__))

    @staticmethod
    def _attributes(fields: dict[str, Any]) -> dict[str, Any]:
        """What an error reply says, as attributes."""
        return fields


def _rebuild(kind: str | type[BinddError], message: str, attributes: dict[str, Any]) -> BinddError:
    error: BinddError = (globals()[kind] if isinstance(kind, str) else kind)(message)
    error.__dict__.update(attributes)
    return error


class WorkerDied(BinddError):
    """The worker process of a workspace ended under a request.

    `operation` and `request_id` name the request that the worker was applying (the guilty one, as far as anybody knows),
    None when it was idle; `call` the call in which Python learned of it, `site` the Python line that made it. `address` is
    what a SIGSEGV or SIGBUS touched. `native_stack` has one text per frame, innermost first, `frames` how many there were
    in all; `report` is the folder where the whole story is (``bindd crash show``), None where none was written. `kept` and
    `lost` count handles: those that work on with a new worker, those that do not. `unapplied` names the requests that were
    sent and not applied, the guilty one first (at most 32); `recovery` is all that the new worker said.
    """

    signal: int | None = None
    signal_name: str | None = None
    exit_code: int | None = None
    pid: int | None = None
    request_id: int | None = None
    call: str = ""
    elapsed_ms: int | None = None
    address: int | None = None
    site: str = ""
    native_stack: tuple[str, ...] = ()
    frames: int = 0
    memory_bytes: int | None = None
    report: str | None = None
    stderr_tail: str = ""
    kept: int = 0
    lost: int = 0
    unapplied: tuple[str, ...] = ()
    recovery: Mapping[str, Any] = MappingProxyType({})


class WorkerCrashed(WorkerDied):
    """The worker died of a signal, or left without having been told to. The Python process is not harmed."""


class WorkerHung(WorkerDied):
    """The worker did not answer within the hang limit and was killed. `waited` is in seconds."""

    waited: float = 0.0


class MemoryLimit(WorkerDied, MemoryError):
    """The worker died because memory was exhausted: an allocation failed, or the system ended it for want of memory.

    `memory_bytes` is what it had in memory when that is known.
    """


class BinddUnavailable(BinddError, ConnectionError):
    """No daemon could be reached or started, or the program closed the descriptor of the connection to it. `binary`,
    `exit_status`, `signal`, `log` say what was tried and how it ended.

    `report` is the newest crash report of a workspace that is not started any more. `passing`: it may be over in a moment;
    `connect` has then tried again as long as its limit allows.
    """

    characters_written: int = 0  # OSError's own raises AttributeError when it was not set
    report: str | None = None
    passing: bool = False
    binary: str | None = None
    socket: str | None = None
    exit_status: int | None = None
    signal: int | None = None
    log: str = ""


class VersionMismatch(BinddUnavailable):
    """Client and daemon are of different builds; the text names both."""


class StaleHandleError(BinddError, ReferenceError):
    """The object of a handle is gone; the text says why."""


class ProtocolError(BinddError):
    """The other side sent what the protocol does not allow; the connection was closed."""


class SnapshotError(ProtocolError):
    """The snapshot of a parsed document contradicts itself."""


class CallTimeout(BinddError, TimeoutError):
    """No answer within the caller's own timeout. The request was given up, the connection is usable."""

    characters_written: int = 0


class LimitExceeded(BinddError, MemoryError):
    """A named limit was reached; nothing changed."""


class JournalError(BinddError, OSError):
    """The worker's journal cannot be written (disk full, say): the request changed nothing. Reading goes on."""

    characters_written: int = 0


class FileChanged(BinddError, OSError):
    """A file was not overwritten: it is not the one any more that was read or saved last; the text says what differs."""

    characters_written: int = 0


class SexpError(BinddError, ValueError):
    """The text is no well-formed S-expression, or not what a file of its format holds.

    `line` and `column` count from 1; `excerpt` is the line, `caret` marks the column below it; `path` is the way through
    the lists to the place; `file` the label of the text; `detail` the fault alone. Of a typed file, `expected` and `found` say
    what was wrong, and `type` and `field` which struct ("pcb.Pad") and field was read.
    """

    kind: str = ""
    detail: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None
    byte_offset: int | None = None
    path: str = ""
    excerpt: str = ""
    caret: str = ""
    expected: str = ""
    found: str = ""
    type: str = ""
    field: str = ""


class TypeGraphPathError(BinddError, ValueError):
    """A path leads nowhere: at `failing_segment`, which is number `failing_segment_index` of `path`.

    `kind` is "missing_child", "invalid_index" or "missing_parent". `index_value` is None.
    """

    kind: str = ""
    path: list[str] = []  # noqa: RUF012 - replaced, never changed
    failing_segment: str = ""
    failing_segment_index: int = 0
    index_value: int | None = None

    @staticmethod
    def _attributes(fields: dict[str, Any]) -> dict[str, Any]:
        try:
            path = json.loads(fields["path"])
        except (KeyError, TypeError, ValueError, RecursionError):
            path = None
        is_path = isinstance(path, list) and all(isinstance(segment, str) for segment in path)
        return {**fields, "path": path if is_path else []}


def _reduce_with_node(error: BinddError) -> tuple[Any, ...]:
    """Handles cannot be pickled: a copy has the node's id instead."""
    attributes = dict(error.__dict__)
    if "node" in error.fields:
        attributes["node"] = error.fields["node"]
    return _rebuild, (type(error).__name__, error.message, attributes)


class TypeGraphInstantiationError(BinddError, ValueError):
    """A type cannot be instantiated.

    `kind` is "unresolved_type_reference", "unresolved_reference", "missing_operand_reference", "invalid_argument" or
    "other"; `node` is the BoundNode that is to blame, `identifier` what could not be found there.
    """

    kind: str = ""
    node: Any = None
    identifier: str = ""
    __reduce__ = _reduce_with_node


class TypeGraphResolveError(BinddError, ValueError):
    """A reference cannot be resolved: `node` is the failing BoundNode of its chain, `identifier` what was looked for.

    `kind` is "typegraph_not_found", "type_not_found", "composition_child_not_found", "trait_type_not_found",
    "trait_instance_not_found", "pointer_dereference_failed", "operand_not_found" or "unknown_edge_type".
    """

    kind: str = ""
    node: Any = None
    identifier: str = ""
    __reduce__ = _reduce_with_node


for _class in (TypeGraphPathError, TypeGraphInstantiationError, TypeGraphResolveError):
    _class.__module__ = "faebryk.core.zig"  # where existing programs expect them; pickle goes by _rebuild
del _class


_CODES: dict[int, type[BinddError]] = {
    1: BinddError, 2: WorkerDied, 3: WorkerCrashed, 4: WorkerHung, 5: BinddUnavailable, 6: VersionMismatch,
    7: StaleHandleError, 8: ProtocolError, 9: CallTimeout, 10: LimitExceeded, 11: SexpError,
    12: TypeGraphPathError, 13: TypeGraphInstantiationError, 14: TypeGraphResolveError, 15: JournalError, 16: MemoryLimit,
    17: FileChanged,
}
_RESERVED = frozenset({*dir(BinddError), *dir(OSError)})


def from_reply(
    code: int, kind: str, message: str, hint: str, fields: dict[str, Any], operation: str, number: int
) -> BaseException:
    """The exception for an error reply: a class of this module, else a builtin of that name, else BinddError."""
    cls = globals().get(kind)
    if isinstance(cls, type) and issubclass(cls, BinddError):
        told = cls._attributes(fields)
        known = {name: value for name, value in told.items() if name.isidentifier() and name not in _RESERVED}
        error = cls(message, hint=hint, code=code, operation=operation)
        error.fields = fields
        for name, value in known.items():
            setattr(error, name, value)
        return error
    builtin = getattr(builtins, kind, None)
    if isinstance(builtin, type) and issubclass(builtin, Exception):
        text = f"{message}\n  hint: {hint}" if hint else message
        try:
            return builtin(fields["errno"], text) if isinstance(fields.get("errno"), int) else builtin(text)
        except TypeError:
            pass  # a class that takes other arguments
    return BinddError(f"{kind}: {message}", hint=hint, code=code, operation=operation)


def from_notice(code: int, text: str) -> BinddError:
    """The exception for a command that the worker refused; raised at the next wait, for nobody waited for it."""
    return _CODES.get(code, BinddError)(f"refused earlier: {text}", code=code)
