"""What the getters of a KiCad file say after edits is what those of a fresh load of its dump say, in every format and for
every field. Three things a text cannot hold, and a dump leaves out (docs/KICAD.md): a struct without content, a word behind
one that is missing, digits that KiCad has none for; a setter rounds the last."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

from bindd import errors
from conftest import Home, alone

TEXTS = ("", "a", "x y", 'é\n"q"', "12", "#c", "(p)", "yes", "|", "none", "a\\b", "true", "0x10", "-1.5")
NUMBERS = (0.0, -0.0, 1, 0.5, -12.345678, 1e-7, 1e-9, -1e-9, 1 / 3, 0.1 + 0.2, 123456789.123456789, -2e8, 2.5e-7)


class Editor:
    """Random edits of every field that a format has, by what `bindd describe --json` says of it."""

    def __init__(self, seed: int, binary: str) -> None:
        self.chance = random.Random(seed)
        done = subprocess.run([binary, "describe", "--json"], capture_output=True, text=True, timeout=30, check=True)
        table = json.loads(done.stdout)["kicad"]
        self.modules = [module["name"] for module in table["modules"]]
        self.fields = {struct["name"]: struct["fields"] for struct in table["structs"]}
        self.words = {enum["name"]: [member["name"] for member in enum["members"]] for enum in table["enums"]}
        self.seen: set[tuple[str, str]] = set()

    def value(self, field: dict[str, Any], others: list[Any]) -> Any:
        if field["optional"] and self.chance.random() < 0.2:
            return None
        match field["kind"]:
            case "str":
                return self.chance.choice(TEXTS)
            case "int":
                return self.chance.choice((0, 1, -5, 2**31 - 1))
            case "float" | "number":
                if field["decimals"]:  # nearly whole ones are written as 12.000000, with whatever digits they have
                    return self.chance.choice((0.0, 1 / 3, -2.5, 12))
                return self.chance.choice(NUMBERS) * self.chance.choice((1, 1, self.chance.random()))
            case "bool":
                return self.chance.random() < 0.5
            case "enum":
                return self.chance.choice(self.words[field["of"]])
        return self.chance.choice(others)

    def edit(self, objects: list[Any]) -> str:
        """One field of one object; "" when there is nothing that fits."""
        target = self.chance.choice(objects)
        name = next(name for name in self.fields if name.split(".")[1] == type(target).__name__ and matches(target, name))
        if not self.fields[name]:
            return ""
        field = self.chance.choice(self.fields[name])
        others = [item for item in objects if field["of"] and type(item).__name__ == field["of"].split(".")[1]]
        if field["kind"] == "struct" and not others:
            return ""
        element = {**field, "optional": False}
        value = (
            [self.value(element, others) for _ in range(self.chance.randrange(3))] if field["list"] else self.value(field, others)
        )
        if field["encoding"] == "positional" and has_gap(target, self.fields[name], field["name"], value):
            return ""
        try:
            setattr(target, field["name"], value)
        except errors.BinddError as error:
            assert "the file is one element without a symbol.SymbolLib around it" in str(error)
            return ""
        self.seen.add((name, field["name"]))
        return f"{name}.{field['name']} = {value!r}"


def matches(target: Any, name: str) -> bool:
    return type(target).__module__.rpartition(".")[2] == name.split(".")[0]


def has_gap(target: Any, fields: list[dict[str, Any]], name: str, value: Any) -> bool:
    """Whether a word would stand behind one that is missing: the text has no place for that."""
    optional = [field["name"] for field in fields if field["encoding"] == "positional" and field["optional"]]
    values = [value if each == name else getattr(target, each) for each in optional]
    return any(later is not None and before is None for before, later in zip(values, values[1:], strict=False))


def written(value: Any) -> Any:
    """Without structs that have no content: those are not written."""
    if not isinstance(value, list):
        return value
    if value and all(isinstance(item, tuple) for item in value):
        fields = [(name, written(item)) for name, item in value]
        return fields if any(item is not None and item != [] for _, item in fields) else None
    return [item for item in map(written, value) if item is not None]


def check(folder: str, binary: str, seed: int, edits: int) -> None:
    from getters import tree
    from planted_forms import module, small_files, structs

    editor = Editor(seed, binary)
    for name in editor.modules:
        models = module(name)
        files = small_files(Path(folder), "symbol" if name == "symbol_v6" else name, 20_000)
        count = 0
        while count < edits:
            path = editor.chance.choice(files)
            try:
                file = models.loads(path)
            except Exception:  # of another version
                files.remove(path)
                continue
            with file:
                done = []
                for _ in range(8):
                    objects = list(structs(file))
                    done.append(editor.edit(objects))
                count += 8
                try:
                    text = models.dumps(file)
                    again = models.loads(text)
                except Exception as error:
                    raise AssertionError(f"{name} {path}: {[each for each in done if each]}") from error
                with again:
                    here, there = written(tree(file)), written(tree(again))
                    assert here == there, f"{name} {path}: {[each for each in done if each]}: {first_difference(here, there)}"
    print(len(editor.seen), "fields were set")


def first_difference(one: Any, other: Any, place: str = "") -> str:
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            if left != right:
                return first_difference(left, right, f"{place}/{left[0] if isinstance(left, tuple) else number}")
    return f"{place}: {str(one)[:200]} here, {str(other)[:200]} there"


def test_getters_say_what_a_fresh_load_says(home: Home, shared: Path) -> None:
    seed = int(os.environ.get("BINDD_TEST_SEED") or random.randrange(1 << 30))
    edits = 4_000 if os.environ.get("BINDD_TEST_LONG") else 240
    done = home.python(
        "import sys, test_models_getters as getters; getters.check(*sys.argv[1:3], int(sys.argv[3]), int(sys.argv[4]))",
        str(shared / "corpus"), home.binary, str(seed), str(edits), timeout=110,
    )
    assert done.returncode == 0, f"seed {seed}\n{done.stderr[-3000:]}"


@alone
def test_a_setter_rounds_what_a_file_cannot_hold() -> None:
    from bindd.sexp import pcb

    place = pcb.Xy(x=1e-9, y=1 / 3)
    assert (place.x, place.y) == (0.0, 0.3333333)
    place.x, place.y = 12.34567895, -1e-9
    assert (place.x, str(place.y)) == (12.345679, "-0.0")
    place.x, place.y = 1e22, 2.5e-7
    assert (place.x, place.y) == (1e22, 3e-7)
    place.x, place.y = 402641351.73921349, 123456789.123456789  # beyond 200 km nothing is rounded here
    assert (place.x, place.y) == (402641351.73921349, 123456789.1234568)
    plot = pcb.PcbPlotParams(dashed_line_gap_ratio=1 / 3, hpglpendiameter=15.25)
    assert (plot.dashed_line_gap_ratio, plot.hpglpendiameter) == (0.333333, 15.25)


@alone
def test_a_file_of_one_symbol_has_no_library_to_edit() -> None:
    """What its text has no place for is refused at the edit, not at the save; the symbol itself is edited and taken out."""
    import pytest
    from bindd import errors
    from bindd.sexp import symbol

    text = '(symbol "X" (property "Reference" "U" (id 0) (at 0 0 0) (effects (font (size 1 1)))))'
    file = symbol.loads(text)
    library = file.kicad_sym
    for use in (
        lambda: library.symbols.clear(), lambda: library.symbols.append(library.symbols[0]), lambda: setattr(library, "symbols", []),
        lambda: setattr(library, "generator", "x"), lambda: library.symbols.insert(0, library.symbols[0]),
    ):
        with pytest.raises(errors.BinddError, match="the file is one element without a symbol.SymbolLib around it"):
            use()
    library.symbols[0].name = "Y"
    assert symbol.dumps(file).startswith('(symbol "Y"') and len(library.symbols) == 1
    other = symbol.loads('(kicad_symbol_lib (version 20211014) (generator g))')
    other.kicad_sym.symbols = library.symbols
    assert [each.name for each in symbol.loads(symbol.dumps(other)).kicad_sym.symbols] == ["Y"]
    other.kicad_sym = library
    assert [each.name for each in symbol.loads(symbol.dumps(other)).kicad_sym.symbols] == ["Y"]
    assert '"Y"' in symbol.dumps(symbol.SymbolFile(kicad_sym=library))
