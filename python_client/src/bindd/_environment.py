"""Every environment variable that bindd reads, once: for `python -m bindd doctor` and docs/ENVIRONMENT.md. Reads none itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

__all__: list[str] = []

SWITCH = ("", "0", "1")


class Variable(NamedTuple):
    """One variable: who reads it, what it does, and what is wrong with a value ("": nothing)."""

    name: str
    reader: str
    meaning: str
    fault: Callable[[str], str]


def anything(_text: str) -> str:
    return ""


def switch(text: str) -> str:
    return "" if text in SWITCH else "0 or 1 is meant; any other text counts as 1"


def seconds(text: str) -> str:
    try:
        return "" if float(text) > 0 and math.isfinite(float(text)) else "it must be a number of seconds above 0"
    except ValueError:
        return "it must be a number of seconds above 0"


def whole_seconds(text: str) -> str:
    return "" if text.isdecimal() else "it must be a whole number of seconds; 0 means never"


def bytes_of_memory(text: str) -> str:
    return "" if text.isdecimal() and int(text) >= 1 << 20 else "it must be a whole number of bytes, at least 1048576"


def mode(text: str) -> str:
    return "" if text in ("release", "debug", "checked") else "it must be release, debug or checked"


def sites(text: str) -> str:
    return "" if text in ("", "off", "sample", "full") else "it must be off, sample or full"


VARIABLES = (
    Variable("BINDD_SOCKET", "both", "path of the socket itself, in a folder of your own (mode 0700); else "
             "`$XDG_RUNTIME_DIR/bindd/`, else `/tmp/bindd-<uid>/`, with a name for each build", anything),
    Variable("BINDD_BIN", "client", "the daemon's program; else the one inside the package, beside Python, or on `PATH`", anything),
    Variable("BINDD_DEBUG", "client", "`1` prints each message in words on standard error", switch),
    Variable("BINDD_SYNC", "client", "`1` waits for an answer after every write, so that a crash points at its line; slow", switch),
    Variable("BINDD_ARENA", "client", "`0` asks the worker for every read instead of mapping its memory", switch),
    Variable("BINDD_HANG_LIMIT", "client", "seconds that a worker may leave a request unanswered before it is killed "
             "(`WorkerHung`); 300 by default", seconds),
    Variable("BINDD_MEMORY_LIMIT", "daemon", "bytes that the graph of a workspace may take; the call that reaches it raises "
             "`LimitExceeded`; read when the daemon starts", bytes_of_memory),
    Variable("BINDD_IDLE_EXIT", "daemon", "seconds without clients and named workspaces after which the daemon leaves; 30 by "
             "default, 0: never; read when the daemon starts", whole_seconds),
    Variable("BINDD_STATE", "daemon", "folder for journals and crash reports; else `$XDG_STATE_HOME/bindd`, else "
             "`~/.local/state/bindd`; read when the daemon starts", anything),
    Variable("BINDD_SITES", "client", "which handles are recorded with the line that made them: `off`, `sample` (default), `full`; "
             "unless `off`, a crash report has the Python stack of the call too", sites),
    Variable("BINDD_CORE", "daemon", "`1` lets a worker that dies leave a core file", switch),
    Variable("BINDD_PYTHON", "daemon", "the interpreter with which `bindd crash reduce` checks its script; else `python3`", anything),
    Variable("BINDD_PLANTED", "daemon", "`1` admits the bugs that `debug.plant` plants", switch),
    Variable("BINDD_NORECOMPILE", "editable install", "`1` imports what was built last, without looking at the sources", switch),
    Variable("BINDD_RELEASEMODE", "editable install", "`release`, `debug` (unoptimised) or `checked` (optimised, invariants looked "
             "at); unset: as built last, at first `release`", mode),
    Variable("BINDD_FUZZ", "tests", "the target of a fuzzing run; `BINDD_FUZZ_…`: its seeds, arguments and planted bug", anything),
    Variable("BINDD_TEST_LONG", "tests", "`1` runs the long forms (`make test-long`)", switch),
    Variable("BINDD_TEST_SEED", "tests", "seed of the randomised tests; each prints its own", anything),
    Variable("BINDD_TEST_EXAMPLES", "tests", "how many random cases", anything),
)


def table() -> str:
    """The rows of docs/ENVIRONMENT.md."""
    rows = ["| variable | read by | meaning |", "| --- | --- | --- |"]
    rows += [f"| `{variable.name}` | {variable.reader} | {variable.meaning} |" for variable in VARIABLES]
    return "\n".join(rows) + "\n"
