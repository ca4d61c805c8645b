"""What the modules of the KiCad models share: classes and enums out of the extension's table, loading, saving, pickling.

A module calls `fill` and has everything. Texts are parsed and printed by the daemon; with a path the text of a save never
comes here. Cost: the classes are made once in a process, at the first import of a model (a few milliseconds).
"""

from __future__ import annotations

import errno
import os
from collections.abc import MutableSequence
from enum import StrEnum
from typing import Any

from bindd import _bindd
from bindd._files import mode_of_new_files, shown

MutableSequence.register(_bindd.MutableList)  # what looks for sequences, `match` too, finds one

CHECK_NOTHING, CHECK_SAME = 0, 2
"""What a save looks at before it replaces the file: nothing, or that it is the one that was read."""
VERBATIM = 1
"""A flag of loading: of bytes and files each byte counts; a str is printed with LF at each line's end, in KiCad's layout."""

_types: dict[str, type[Any]] = _bindd._kicad_types()
_words: dict[str, list[str]] = _bindd._kicad_enums()
_enums: dict[str, type[StrEnum]] = {}
FILES: dict[str, str] = {name.split(".")[0]: name for name, kind in _types.items() if hasattr(kind, "free") and name.endswith("File")}
"""The struct of a file, by module."""


def _enum(name: str) -> type[StrEnum]:
    """Each word under its own name and in upper case; made once."""
    if name not in _enums:
        module, own = name.split(".")
        members = {word: word for word in _words[name]}
        for word in _words[name]:
            members.setdefault(word.upper(), word)
        make: Any = StrEnum  # a type checker wants literals
        _enums[name] = make(own, list(members.items()), module=f"bindd.sexp.{module}")
    return _enums[name]


def fill(namespace: dict[str, Any], module: str) -> list[str]:
    """Puts the classes, the enums, loads and dumps of a module into its namespace. The names, for __all__."""
    own = {name.split(".")[1]: kind for name, kind in _types.items() if name.startswith(module + ".")}
    own |= {name.split(".")[1]: _enum(name) for name in _words if name.startswith(module + ".")}
    if _draws(module):
        from bindd.sexp import _picture

        for name in ("PcbFile", "KicadPcb", "FootprintFile", "Footprint"):
            if name in own:
                own[name].to_svg, own[name]._repr_svg_ = _picture.to_svg, _picture.repr_svg

    def loads(
        source: str | bytes | bytearray | memoryview | os.PathLike[str], *, label: str | None = None, depth_limit: int = 0
    ) -> Any:
        """Reads a text, or the file at a path.

        source: bytes and a str with a parenthesis or a line break in it (or an empty one) are text; a path object and any
            other str name a file.
        label: what errors call the text; the path by default.
        depth_limit: lists inside lists; 0 is the daemon's default.
        Raises SexpError with file, line, column and path, OSError when the file cannot be read.
        """
        return load(FILES[module], source, label, depth_limit)

    def dumps(file: Any, path: str | os.PathLike[str] | None = None, *, force: bool = False) -> str | None:
        """The text, or, with a path, a file in one step: the old one or the new one, never a part.

        What was not edited is printed as it was read. A file that was read from there, or saved there, and is another now is
        not overwritten: FileChanged. A file that lost edits with its worker is not written: BinddError. force: do it all the
        same, with the edits that are known to be applied.
        """
        return dump(own_file, file, path, force)

    own_file = _types[FILES[module]]
    functions: dict[str, Any] = {"loads": loads, "dumps": dumps}
    for name, function in functions.items():
        function.__module__, function.__qualname__ = namespace["__name__"], name
    namespace |= own | functions
    return sorted([*own, "loads", "dumps"])


def _draws(module: str) -> bool:
    return module in ("pcb", "footprint")


# -- loading ---------------------------------------------------------------------------------------------------------

def load(kind: str, source: Any, label: str | None, depth_limit: int) -> Any:
    if isinstance(source, os.PathLike):
        return _load_file(kind, os.fsdecode(source), label, depth_limit)
    if isinstance(source, str) and source and not any(mark in source for mark in "()\n"):
        try:
            return _load_file(kind, source, label, depth_limit)
        except (OSError, ValueError) as error:
            if not isinstance(error, _bindd_errors()):
                error.add_note("a str without a parenthesis or a line break names a file; pass bytes to load such a text")
            raise
    if not isinstance(source, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"loads() takes a str, bytes or a path, not {type(source).__name__}")
    return load_text(kind, source, label or "", depth_limit)


def load_text(kind: str, source: str | bytes | bytearray | memoryview, label: str = "", depth_limit: int = 0) -> Any:
    flags = 0 if isinstance(source, str) else VERBATIM
    return _bindd._kicad_load(kind, source, label, depth_limit, flags)[0]


def _bindd_errors() -> type[Exception]:
    from bindd.errors import BinddError

    return BinddError


def _load_file(kind: str, path: str, label: str | None, depth_limit: int) -> Any:
    with open(path, "rb") as stream:
        facts = os.fstat(stream.fileno())  # before reading: what is written meanwhile is seen at the save
        text = stream.read()
    loaded, digest = _bindd._kicad_load(kind, text, shown(path) if label is None else label, depth_limit, VERBATIM)
    _bindd._kicad_facts(loaded)[os.path.realpath(path)] = (facts.st_size, facts.st_mtime_ns, digest)
    return loaded


# -- saving ----------------------------------------------------------------------------------------------------------

def dump(kind: type[Any], file: Any, path: str | os.PathLike[str] | None, force: bool) -> str | None:
    if not isinstance(file, kind):
        other = type(file).__name__
        if other == kind.__name__:
            other = "one of another copy of bindd: the extension was loaded twice in this process"
        raise TypeError(f"dumps() takes a {kind.__name__}, not {other}")
    if path is None:
        return _bindd._kicad_dump(file, force)
    real = os.fsdecode(os.path.realpath(path))
    if os.fsencode(shown(real)) != os.fsencode(real):  # the worker, which writes it, takes text
        raise OSError(errno.EILSEQ, "cannot save to a path whose names are not UTF-8; dumps() without a path gives the text", path)
    notes = _bindd._kicad_facts(file)
    known = notes.get(real)
    check = CHECK_SAME if known and not force else CHECK_NOTHING
    notes[real] = _bindd._kicad_save(file, force, os.fsencode(real), mode_of_new_files(), check, *(known or (0, 0, 0)))
    return None


# -- pickling -------------------------------------------------------------------------------------------------------

def restore(
    name: str, content: str | dict[str, Any], flags: int, facts: dict[str, tuple[int, int, int]] | None = None, label: str = ""
) -> Any:
    """Makes a pickled object anew: from its text, or, where no worker ever saw it, from its fields. facts: of a file, what is
    known of the paths that it was read from and saved to."""
    made = _bindd._kicad_load(name, content, label, 0, flags)[0] if isinstance(content, str) else _types[name](**content)
    if facts:
        _bindd._kicad_facts(made).update(facts)
    return made


