"""The daemon's program: where it is, which build it is, and `bindd` on PATH. Starts nothing but what it is asked to run."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path
from typing import NoReturn

from bindd.errors import BinddUnavailable

PACKAGED = Path(__file__).parent / "_bin" / "bindd"
BUILD_DIGITS = 8
NOTE_BYTES_MAX = 64 << 10
SEGMENTS_MAX = 128

_builds: dict[tuple[str, int, int], str] = {}
"""Of programs that were looked at: path, time and size to build."""


def find_bindd_bin() -> str:
    """Path of the `bindd` program that this package starts.

    $BINDD_BIN when it is set (whether it is there or not), else the program inside the package, else the one beside the
    interpreter, else the first on PATH. Raises BinddUnavailable when there is none.
    """
    named = os.environ.get("BINDD_BIN")
    if named:
        return named
    for candidate in (PACKAGED, Path(sys.executable).parent / "bindd"):
        if candidate.is_file():
            return str(candidate)
    for folder in os.get_exec_path():
        candidate = Path(folder) / "bindd"
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate)
    raise BinddUnavailable(
        "no bindd program was found: neither in the package, nor beside the interpreter, nor on PATH",
        hint="install it, or let BINDD_BIN name it")


def build_of(program: str) -> str:
    """The first digits of the linker's build id, as `bindd --version` shows them; "" for what is no program with one."""
    try:
        status = os.stat(program)
    except (OSError, ValueError):
        return ""
    key = (program, status.st_mtime_ns, status.st_size)
    if key not in _builds:
        _builds[key] = _read_build(program)
    return _builds[key]


def _read_build(program: str) -> str:
    try:
        with open(program, "rb") as file:
            head = file.read(64)
            if head[:6] != b"\x7fELF\x02\x01":  # 64 bit, little-endian
                return ""
            (table,) = struct.unpack_from("<Q", head, 32)
            each, count = struct.unpack_from("<HH", head, 54)
            for number in range(min(count, SEGMENTS_MAX)):
                file.seek(table + number * each)
                kind, _, offset, _, _, size = struct.unpack("<IIQQQQ", file.read(40))
                if kind == 4 and size <= NOTE_BYTES_MAX:  # PT_NOTE
                    file.seek(offset)
                    found = _build_in(file.read(size))
                    if found:
                        return found[:BUILD_DIGITS]
    except (OSError, ValueError, struct.error):
        pass
    return ""


def _build_in(notes: bytes) -> str:
    at = 0
    while at + 12 <= len(notes):
        name_size, size, kind = struct.unpack_from("<III", notes, at)
        start = at + 12 + name_size + (-name_size % 4)
        if kind == 3 and notes[at + 12 : at + 16] == b"GNU\0":  # NT_GNU_BUILD_ID
            return notes[start : start + size].hex()
        at = start + size + (-size % 4)
    return ""


def main() -> NoReturn:
    """`bindd` on PATH becomes the program inside the package (never $BINDD_BIN, which may name this very script)."""
    program = str(PACKAGED)
    if sys.argv[1:2] == ["doctor"]:
        from bindd._doctor import main as doctor

        raise SystemExit(doctor(sys.argv[2:]))
    try:
        os.execv(program, [program, *sys.argv[1:]])
    except OSError as error:
        print(f"bindd: cannot run {program}: {error.strerror}", file=sys.stderr)
        raise SystemExit(1) from None
