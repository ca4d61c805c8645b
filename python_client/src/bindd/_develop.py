"""An editable install: builds on import what is older than its sources. Not in a wheel, which never builds.

The record of the last build (python_client/build/editable.txt) has a line for each source: path, size, time, digest. An
import compares sizes and times (about 180 of them, a millisecond or two, no process); where they differ, digests; where those
differ, it builds, under a lock that the kernel takes back from whoever dies. Whoever waited looks again instead of building.

Knows when to build; how is tools/native.py. Imports little: this runs at every import of an editable install.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGE = os.path.dirname(os.path.abspath(__file__))
CLIENT = os.path.dirname(os.path.dirname(PACKAGE))
ROOT = os.path.dirname(CLIENT)
RECORD = os.path.join(CLIENT, "build", "editable.txt")
FAILURE = os.path.join(CLIENT, "build", "editable-failure.txt")
LOCK = os.path.join(CLIENT, "build", "editable.lock")
MODES = ("release", "debug", "checked")
OUTPUTS = (os.path.join(PACKAGE, "_bindd.abi3.so"), os.path.join(PACKAGE, "_bin", "bindd"))
ERROR_LINES_MAX = 60

FOLDERS = ("Sources", "python_client/csrc", "tools")
FILES = ("Package.swift", "tools/generate.py", "tools/native.py")
SUFFIXES = (".swift", ".c", ".h", ".modulemap", ".json", ".py")
GENERATED = ("python_client/csrc/generated", "python_client/src/bindd/_bindd.pyi")
"""The build itself writes these: what counts is how they are afterwards."""


class Source:
    """A file that is built from: what tells at a glance, and for sure, whether it is another one than before."""

    __slots__ = ("digest", "stamp")

    def __init__(self, stamp: str, digest: str = "") -> None:
        self.stamp = stamp
        self.digest = digest


def is_here() -> bool:
    """Whether this package lies in a tree that it can be built from."""
    return all(os.path.isfile(os.path.join(ROOT, name)) for name in FILES)


def prepare() -> None:
    """Before anything native is imported."""
    if is_build_command():
        raise SystemExit(run_build_command(sys.argv[2:]))
    refresh()


def refresh() -> None:
    """Builds if a source changed since the last build. Raises ImportError with the compiler's message."""
    if os.environ.get("BINDD_NORECOMPILE", "") not in ("", "0") or not is_here():
        if not os.path.isfile(OUTPUTS[0]):
            fail(f"bindd has not been built in {ROOT}, and BINDD_NORECOMPILE forbids to; `python -m bindd build` does it")
        return
    mode, known = read_record()
    wanted = wanted_mode() or mode or "release"
    if mode == wanted and have_outputs() and is_unchanged(known, sources()):
        return
    try:
        build_under_lock(wanted, is_asked_for=False)
    except OSError as error:
        fail(f"bindd's sources changed, and building here is not possible: {error}\n"
             "  BINDD_NORECOMPILE=1 imports what was built last")


def build(mode: str | None) -> None:
    """`python -m bindd build`: brings all up to date, whatever the record says. Raises ImportError."""
    if not is_here():
        raise ImportError(f"{PACKAGE} was installed from a wheel; there is nothing here to build from")
    build_under_lock(mode or wanted_mode() or read_record()[0] or "release", is_asked_for=True)


def wanted_mode() -> str:
    mode = os.environ.get("BINDD_RELEASEMODE", "")
    if mode and mode not in MODES:
        raise ImportError(f"BINDD_RELEASEMODE is {mode!r}; it must be one of {', '.join(MODES)}")
    return mode


def have_outputs() -> bool:
    return all(os.path.isfile(path) for path in OUTPUTS)


# -- sources and the record ---------------------------------------------------------------------------------------------


def files_below(folder: str) -> Iterator[os.DirEntry[str]]:
    pending = [folder]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                elif entry.name.endswith(SUFFIXES) and not entry.name.startswith("."):
                    yield entry


def stamp(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns}"


def sources() -> dict[str, Source]:
    """Every file that the build reads, by its path from the root."""
    found = {}
    for folder in FOLDERS:
        for entry in files_below(os.path.join(ROOT, folder)):
            found[entry.path[len(ROOT) + 1 :]] = Source(stamp(entry.stat()))
    for name in (FILES[0], GENERATED[-1]):
        try:
            found[name] = Source(stamp(os.stat(os.path.join(ROOT, name))))
        except FileNotFoundError:
            continue
    return found


def read_record() -> tuple[str, dict[str, Source]]:
    """Mode and sources of the last build; nothing when there was none or the record cannot be read."""
    try:
        with open(RECORD, encoding="utf-8") as file:
            mode, *lines = file.read().splitlines()
        known = {}
        for line in lines:
            size, time, digest, path = line.split(" ", 3)
            known[path] = Source(f"{size} {time}", digest)
        return (mode, known) if mode in MODES else ("", {})
    except (OSError, ValueError):
        return "", {}


def write_record(mode: str, built: dict[str, Source]) -> None:
    for path, source in built.items():
        source.digest = source.digest or digest_of(path)
    lines = [mode, *(f"{source.stamp} {source.digest} {path}" for path, source in sorted(built.items()))]
    fresh = f"{RECORD}.{os.getpid()}"
    with open(fresh, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    os.replace(fresh, RECORD)


def digest_of(path: str) -> str:
    from hashlib import blake2b

    try:
        with open(os.path.join(ROOT, path), "rb") as file:
            return blake2b(file.read(), digest_size=16).hexdigest()
    except FileNotFoundError:
        return "gone"


def is_unchanged(known: dict[str, Source], now: dict[str, Source]) -> bool:
    if known.keys() != now.keys():
        return False
    return all(known[path].stamp == source.stamp for path, source in now.items())


def changed(known: dict[str, Source], now: dict[str, Source]) -> list[str]:
    """Paths whose content is not that of the last build."""
    different = [path for path in now if path not in known] + [path for path in known if path not in now]
    for path, source in now.items():
        if path in known and known[path].stamp != source.stamp:
            source.digest = digest_of(path)
            if source.digest != known[path].digest:
                different.append(path)
        elif path in known:
            source.digest = known[path].digest
    return sorted(different)


# -- building ----------------------------------------------------------------------------------------------------------------


def say(text: str) -> None:
    """To the person who waits for the import; a program without standard error has none."""
    if sys.stderr is not None:
        sys.stderr.write(text)
        sys.stderr.flush()


def build_under_lock(mode: str, *, is_asked_for: bool) -> None:
    import fcntl

    os.makedirs(os.path.dirname(LOCK), exist_ok=True)
    fd = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        has_waited = False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            has_waited = True
            say(f"bindd: process {os.pread(fd, 20, 0).decode() or '?'} builds; waiting for it\n")
            fcntl.flock(fd, fcntl.LOCK_EX)
        os.truncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        build_if_needed(mode, is_asked_for=is_asked_for, has_waited=has_waited)
    finally:
        os.close(fd)  # and with it the lock


def build_if_needed(mode: str, *, is_asked_for: bool, has_waited: bool) -> None:
    last, known = read_record()
    now = sources()
    different = changed(known, now)
    if last == mode and have_outputs() and not different and not is_asked_for:
        write_record(mode, now)  # touched, not changed; or another process has built meanwhile
        return
    if has_waited and not is_asked_for:
        raise_known_failure(mode, now)
    say(f"bindd: building ({mode}): {why(last, mode, different)}\n")
    native = load_builder()
    from time import monotonic

    start = monotonic()
    try:
        native.build(mode, say)
    except native.BuildFailed as error:
        note_failure(mode, now, str(error))
        fail(f"bindd could not be built ({mode}); {where_to_look()}\n{last_lines(str(error))}")
    now = {path: source for path, source in now.items() if not path.startswith(GENERATED)}
    now.update((path, source) for path, source in sources().items() if path.startswith(GENERATED))
    write_record(mode, now)
    remove(FAILURE)
    say(f"bindd: built in {monotonic() - start:.1f} s\n")


def why(last: str, mode: str, different: list[str]) -> str:
    if not last:
        return "it has not been built here yet"
    if last != mode:
        return f"the last build was {last}"
    if not have_outputs():
        return "a part of the last build is missing"
    if not different:
        return "asked for"
    return different[0] + (f" and {len(different) - 1} more changed" if len(different) > 1 else " changed")


def load_builder() -> ModuleType:
    """tools/native.py of this tree. It is no part of the package, for a wheel has no use for it."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("_bindd_native", os.path.join(ROOT, "tools", "native.py"))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


# -- failing ----------------------------------------------------------------------------------------------------------------


def where_to_look() -> str:
    return "the compiler says (BINDD_NORECOMPILE=1 imports what was built last):"


def last_lines(text: str) -> str:
    """From the first line that names an error on, if there is one; not the whole log."""
    lines = text.splitlines()
    first = next((number for number, line in enumerate(lines) if "error:" in line), max(len(lines) - ERROR_LINES_MAX, 0))
    return "\n".join(lines[first : first + ERROR_LINES_MAX])


def fail(text: str) -> NoReturn:
    raise ImportError(text) from None


def key(mode: str, now: dict[str, Source]) -> str:
    return "\n".join([mode, *(f"{source.stamp} {path}" for path, source in sorted(now.items()))])


def note_failure(mode: str, now: dict[str, Source], text: str) -> None:
    with open(FAILURE, "w", encoding="utf-8") as file:
        file.write(key(mode, now) + "\0" + text)


def raise_known_failure(mode: str, now: dict[str, Source]) -> None:
    """Whoever waited while the same sources did not build need not try again."""
    try:
        with open(FAILURE, encoding="utf-8") as file:
            sources_then, _, text = file.read().partition("\0")
    except OSError:
        return
    if sources_then == key(mode, now):
        fail(f"bindd could not be built ({mode}) by another process; {where_to_look()}\n{last_lines(text)}")


def remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


# -- python -m bindd build ----------------------------------------------------------------------------------------------------


def is_build_command() -> bool:
    """Whether this interpreter was started as `python -m bindd build`. Then the package is built before it is imported: what
    there is may be too broken for that."""
    words = sys.orig_argv
    return sys.argv[:2] == ["-m", "build"] and any(words[at : at + 2] == ["-m", "bindd"] for at in range(len(words)))


def run_build_command(words: list[str], write: Callable[[str], None] = say) -> int:
    from argparse import ArgumentParser

    parser = ArgumentParser(prog="python -m bindd build", description="Builds daemon, extension and stubs in place.")
    parser.add_argument("--mode", choices=MODES, help="else BINDD_RELEASEMODE, else the mode of the last build, else release")
    options = parser.parse_args(words)
    try:
        build(options.mode)
    except ImportError as error:
        write(f"{error}\n")
        return 1
    return 0
