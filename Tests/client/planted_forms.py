"""A stranger at every place of a KiCad file: a form, or a word. What loads with it keeps it, in its place, through edits.

Positions are those of the text's tokens: a place is between two children of a list, behind its head or before its end.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FORM = ["(", "planted", '"a (b"', "1.50", "(", "x", "y", ")", ")"]
WORD = ["planted"]
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[()]|[^\s()"][^\s()]*', re.DOTALL)


def tokens(text: str) -> list[str]:
    return TOKEN.findall(text)


def places(found: list[str]) -> Iterator[int]:
    """Indexes of tokens before which a child of a list can stand: not before its head, nor outside of all."""
    depth = 0
    for index, token in enumerate(found):
        if depth and found[index - 1] != "(":
            yield index
        depth += (token == "(") - (token == ")")


def structs(file: Any) -> Iterator[Any]:
    """Every object of a file, outermost first."""
    stack = [file]
    while stack:
        value = stack.pop()
        yield value
        for name in type(value).__field_names__():
            found = getattr(value, name)
            items = found if type(found).__name__ == "MutableList" else [found]
            stack += [item for item in items if hasattr(type(item), "__field_names__")]


def with_planted(found: list[str], index: int, stranger: list[str]) -> str:
    return " ".join([*found[:index], *stranger, *found[index:]])


def module(name: str) -> Any:
    return importlib.import_module(f"bindd.sexp.{name}")


def small_files(folder: Path, kind: str, bytes_max: int) -> list[Path]:
    rows = [line.split("\t") for line in (folder / "MANIFEST.tsv").read_text("utf-8").splitlines()[1:]]
    paths = [folder / row[0] for row in rows if row[1] == kind]
    return sorted((path for path in paths if path.stat().st_size <= bytes_max), key=lambda path: (path.stat().st_size, path.name))


# -- the check ------------------------------------------------------------------------------------------------------------

FORMATS = {
    # module: kind of the corpus, bytes at most, files, and whether a form may be refused nowhere
    "pcb": ("pcb", 6_000, 2), "footprint": ("footprint", 3_000, 3), "footprint_v5": ("footprint_v5", 2_000, 3),
    "netlist": ("netlist", 4_000, 2), "fp_lib_table": ("fp_lib_table", 2_000, 3), "schematic": ("schematic", 4_000, 3),
    "symbol": ("symbol", 2_500, 3), "symbol_v6": ("symbol", 1_600, 1),
}


def scalars(file: Any) -> list[tuple[int, str, Any]]:
    """Fields of a file that an edit can set: index among its structs, name, another value."""
    found: list[tuple[int, str, Any]] = []
    for index, value in enumerate(structs(file)):
        for name in type(value).__field_names__():
            now = getattr(value, name)
            if type(now) is str and index and now not in _words(value, name):
                found.append((index, name, now + "_edited"))
            elif type(now) is float:
                found.append((index, name, now + 1.25))
    return found


def _words(value: Any, name: str) -> set[str]:
    """The word of an enum: another one would be refused."""
    try:
        setattr(value, name, "no word of any enum")
    except ValueError:
        return {getattr(value, name)}
    return set()


def is_value(objects: list[Any]) -> bool:
    """Was a planted word taken as the value of some field?"""
    for value in objects:
        for name in type(value).__field_names__():
            found = getattr(value, name)
            if found == "planted" or type(found).__name__ == "MutableList" and "planted" in found:
                return True
    return False


def check_place(models: Any, found: list[str], index: int, stranger: list[str], edit: tuple[int, str, Any], plain: str) -> bool:
    """One stranger at one place; False when the text is refused with it."""
    from bindd import errors, sexp

    text = with_planted(found, index, stranger)
    for source in (text.encode(), text):
        try:
            file = models.loads(source)
        except errors.SexpError as error:
            assert error.line == 1 and error.column > 1 and error.path, error
            return False
        with file:
            objects = list(structs(file))
            assert "planted" in models.dumps(file)
            if stranger == WORD and is_value(objects):
                return True  # it moved the values behind it
            assert any("planted" in part for value in objects for part in sexp.unknown_parts(value)), (index, text[-200:])
            setattr(objects[edit[0]], edit[1], edit[2])
            out = tokens(models.dumps(file))
        at = out.index("planted")
        first = at - stranger.index("planted")
        assert out[first : first + len(stranger)] == stranger, out[first:]
        assert out[:first] + out[first + len(stranger) :] == tokens(plain), (edit, index, text[-200:])
        # In its place: as many tokens stand before it as in the source, but for those that the edit brought.
        grown = len(tokens(plain)) - len(found)
        assert first in (index, index + grown), (first, index, grown)
    return True


def check(folder: str, seed: int, places_max: int) -> None:
    import random

    from bindd import errors

    chance = random.Random(seed)
    counts = {"forms": 0, "words": 0, "refused words": 0}
    for name, (kind, bytes_max, files) in FORMATS.items():
        models = module(name)
        paths = small_files(Path(folder), kind, bytes_max)
        done = 0
        for path in paths[:: max(1, len(paths) // files)]:
            if done == files:
                break
            text = path.read_bytes().decode()
            if name == "symbol_v6":
                text = text.replace("kicad_symbol_lib", "kicad_sym", 1)
            try:
                file = models.loads(text.encode())
            except errors.SexpError:
                continue
            edits = scalars(file)
            file.free()
            if not edits:
                continue
            done += 1
            found = tokens(text)
            index, field, value = edit = chance.choice(edits)
            plain = models.loads(text)
            setattr(list(structs(plain))[index], field, value)
            expected = models.dumps(plain)
            plain.free()
            where = list(places(found))
            for place in chance.sample(where, min(places_max, len(where))):
                assert check_place(models, found, place, FORM, edit, expected), (name, path.name, found[place - 4 : place + 1])
                counts["forms"] += 1
                is_kept = check_place(models, found, place, WORD, edit, expected)
                counts["words" if is_kept else "refused words"] += 1
        assert done, (name, len(paths))
    assert counts["forms"] > 300 and counts["words"] > counts["refused words"], counts
    print(counts)
