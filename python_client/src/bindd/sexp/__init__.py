"""S-expressions: parse a text in the daemon, walk the tree here, print it in KiCad's canonical layout.

    with sexp.parse(Path("board.kicad_pcb")) as document:
        for net in document.root.find_all("net"):
            print(net[1].value, net[2].text)

KiCad's own formats have typed models: bindd.sexp.pcb, footprint, schematic, symbol, netlist, fp_lib_table, footprint_v5 and
symbol_v6, each with loads and dumps.

The tree is lossless: every token of the text is in it. Walking is local (a snapshot came with the parse); errors name file,
line and column.
"""

from __future__ import annotations

import os
from pathlib import Path

from bindd._bindd import Atom as Atom
from bindd._bindd import Document as Document
from bindd._bindd import List as List
from bindd._bindd import Struct as _Struct
from bindd._bindd import _kicad_unknown
from bindd._bindd import sexp_dumps as _dumps
from bindd._bindd import sexp_parse as _parse
from bindd._files import shown

__all__ = ["Atom", "Document", "List", "dumps", "parse", "unknown_parts"]


def parse(source: str | bytes | os.PathLike[str], *, label: str | None = None, depth_limit: int = 0) -> Document:
    """Parses a text, or the file at a path.

    source: bytes and a str with a parenthesis or a line break in it (or an empty one) are text; a path object and any other
        str name a file.
    label: what errors call the text; the path by default.
    depth_limit: lists inside lists; 0 is the daemon's default.
    Raises SexpError with line and column, OSError when the file cannot be read.
    """
    if isinstance(source, os.PathLike):
        path = os.fsdecode(source)
        return _parse(text=Path(path).read_bytes(), label=shown(path) if label is None else label, depth_limit=depth_limit)
    if isinstance(source, str) and source and not any(mark in source for mark in "()\n"):
        return _parse(text=_read(source), label=shown(source) if label is None else label, depth_limit=depth_limit)
    if not isinstance(source, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"parse() takes a str, bytes or a path, not {type(source).__name__}")
    return _parse(text=source, label=label or "", depth_limit=depth_limit)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        error.add_note("a str without a parenthesis or a line break names a file; pass bytes to parse such a text")
        raise


def dumps(document: Document) -> str:
    """The document's text in KiCad's canonical layout: the same text for a file that KiCad 8 or later wrote."""
    return _dumps(document=document)


def unknown_parts(value: _Struct) -> list[str]:
    """What the text of a model's object has in it that no field reads, each part as it is printed. Every edit keeps it."""
    return _kicad_unknown(value)
