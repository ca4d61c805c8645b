"""What tools/generate.py writes for the KiCad models: the extension's table and a stub for each module.

Input: member "kicad" of `bindd describe --json`: modules, structs with their fields, enums. The same input gives the same
bytes. Must not hold facts about single structs: those are declared in Sources/SexpCore/Schema. Needs nothing but Python.
"""

from __future__ import annotations

import json
import keyword
from typing import Any

TABLE = "python_client/csrc/generated/bd_kicad.h"
STUBS = "python_client/src/bindd/sexp"
KINDS = {"int": "int", "float": "float", "number": "float", "bool": "bool", "str": "str"}


class KicadError(Exception):
    """The models say something that this generator cannot turn into code."""


def c_string(text: str) -> str:
    shown = "".join(c if 32 <= ord(c) < 127 and c not in '"\\?' else "".join(f"\\{b:03o}" for b in c.encode()) for c in text)
    return f'"{shown}"'


def field_doc(field: dict[str, Any]) -> str:
    """One sentence: where the value stands in the text, and what happens when it is not there."""
    token, shape = field.get("token"), "…" if field["kind"] == "struct" else "value"
    where = {
        "positional": "Written without a key",
        "value": f"Written as `({token} {shape})`",
        "repeated": f"One `({token} …)` for each",
        "elements": f"Written as `({token} … …)`",
        "presence": f"Written as `({token} yes)` when true",
    }.get(field["encoding"], "")
    parts = [where]
    if field["required"]:
        parts.append("required by the constructor")
    elif field["default"] not in (None, [], {}) and not isinstance(field["default"], dict):
        value = field["default"]
        parts.append(f"{value!r} by default" if not isinstance(value, str) else f'"{value}" by default')
    if field["absent"]:
        parts.append("None where a file does not have it")
    elif field["optional"]:
        parts.append("None: not there")
    return "; ".join(part for part in parts if part) + "."


def struct_doc(struct: dict[str, Any]) -> str:
    name = struct["name"].split(".")[1]
    fields = struct["fields"]
    if not fields:
        return f"{name}, without fields."
    if len(fields) == 1 and name.endswith("File"):
        return f"A file: `{fields[0]['name']}` is all that is in it."
    shown = [field["name"] for field in fields[:4]] + (["…"] if len(fields) > 4 else [])
    return f"{name}: {', '.join(shown)}."


# -- the extension's table -------------------------------------------------------------------------------------------

class Table:
    """The C arrays, put together in one pass."""

    def __init__(self, kicad: dict[str, Any]) -> None:
        self.structs: list[dict[str, Any]] = kicad["structs"]
        self.enums: list[dict[str, Any]] = kicad["enums"]
        self.struct_numbers = {struct["name"]: i for i, struct in enumerate(self.structs)}
        self.enum_numbers = {enum["name"]: i for i, enum in enumerate(self.enums)}
        self.files = {module["file"]: module["handle_kind"] for module in kicad["modules"]}
        self.file_names = [module["handle_name"] for module in sorted(kicad["modules"], key=lambda module: module["handle_kind"])]
        self.overrides: list[str] = []

    def initial(self, field: dict[str, Any], value: Any) -> str:
        """A bd_initial: kind, count, first, number, real, text."""
        def code(kind: str, count: int = 0, first: int = 0, number: int = 0, real: float = 0.0, text: str = "NULL") -> str:
            return f"{{BD_INITIAL_{kind}, {count}, {first}, {number}, {real!r}, {text}}}"

        kind = field["kind"]
        if field["list"]:
            if value not in (None, []):
                raise KicadError(f"a default list with elements: {field['name']}")
            return code("LIST")
        if value is None:
            return code("NONE")
        if kind == "struct":
            return self.struct_initial(field["of"], value, code)
        if kind == "enum":
            members = [member["name"] for member in self.enums[self.enum_numbers[field["of"]]]["members"]]
            return code("ENUM", number=members.index(value))
        if kind == "bool":
            return code("BOOL", number=int(value))
        if kind == "int" or (kind == "number" and isinstance(value, int)):
            return code("INT", number=value)
        if kind in ("float", "number"):
            return code("FLOAT", real=float(value))
        if kind == "str":
            return code("STR", text=c_string(value))
        raise KicadError(f"a default {value!r} for {field['name']}")

    def struct_initial(self, of: str, value: dict[str, Any], code: Any) -> str:
        fields = self.structs[self.struct_numbers[of]]["fields"]
        named = [(i, field) for i, field in enumerate(fields) if field["name"] in value]
        if len(named) != len(value):
            raise KicadError(f"a default of {of} names fields that it does not have: {sorted(value)}")
        rows = [f"    {{{i}, {self.initial(field, value[field['name']])}}}," for i, field in named]
        first = len(self.overrides)
        self.overrides += rows
        return code("STRUCT", len(rows), first)

    def field(self, field: dict[str, Any]) -> str:
        of = 0
        if field["kind"] == "struct":
            of = self.struct_numbers[field["of"]]
        elif field["kind"] == "enum":
            of = self.enum_numbers[field["of"]]
        flags = [
            name for name, is_set in [
                ("LIST", field["list"]), ("OPTIONAL", field["optional"]), ("REQUIRED", field["required"]),
                ("ABSENT", field["absent"]), ("ELEMENTS", field["encoding"] == "elements"),
                ("SIX_DECIMALS", field["decimals"] == 6),
            ] if is_set
        ]
        shown = " | ".join(f"BD_FIELD_{name}" for name in flags) or "0"
        return (f"    {{{c_string(field['name'])}, {c_string(field_doc(field))}, BD_FIELD_{field['kind'].upper()}, {shown}, "
                f"{of}, {self.initial(field, field['default'])}}},")

    def text(self) -> str:
        fields, structs, enums, members = [], [], [], []
        for struct in self.structs:
            doc = f"{signature(struct)}\n--\n\n{struct_doc(struct)}"
            structs.append(f"    {{{c_string(struct['name'])}, {c_string(doc)}, {len(fields)}, "
                           f"{len(struct['fields'])}, {self.files.get(struct['name'], 0)}}},")
            fields += [self.field(field) for field in struct["fields"]]
        for enum in self.enums:
            enums.append(f"    {{{c_string(enum['name'])}, {len(members)}, {len(enum['members'])}, {int(enum['integer'])}}},")
            members += [f"    {{{c_string(m['name'])}, {m['value'] or 0}}}," for m in enum["members"]]
        most = max(len(struct["fields"]) for struct in self.structs)
        out = [
            "/* Generated by tools/generate.py from `bindd describe --json`. Do not edit. Included by bd_kicad.c alone. */", "",
            f"_Static_assert({len(structs)} == BD_STRUCT_COUNT && {len(fields)} == BD_STRUCT_FIELD_COUNT, \"bd_kicad.h\");",
            f"_Static_assert({most} <= BD_STRUCT_FIELDS_MAX, \"bd_kicad.h\");", "",
            "static const bd_override bd_overrides_data[] = {", *self.overrides, "    {0, {0, 0, 0, 0, 0.0, NULL}},", "};",
            "static const bd_struct_field bd_fields_data[] = {", *fields, "};",
            "static const bd_struct_type bd_structs_data[] = {", *structs, "};",
            f"_Static_assert({len(self.file_names)} == BD_KIND_FILE_END - BD_KIND_FILE, \"bd_layout.h\");",
            "static const char *const bd_file_names_data[] = {", *(f"    {c_string(name)}," for name in self.file_names), "};",
            "static const bd_enum_type bd_enums_data[] = {", *enums, "};",
            "static const bd_enum_member bd_members_data[] = {", *members, "};", "",
        ]
        return "\n".join(out)


def counts(kicad: dict[str, Any]) -> list[str]:
    """The sizes, for bd_table.h."""
    fields = sum(len(struct["fields"]) for struct in kicad["structs"])
    members = sum(len(enum["members"]) for enum in kicad["enums"])
    return [f"#define BD_STRUCT_COUNT {len(kicad['structs'])}u", f"#define BD_STRUCT_FIELD_COUNT {fields}u",
            f"#define BD_ENUM_COUNT {len(kicad['enums'])}u", f"#define BD_ENUM_MEMBER_COUNT {members}u", ""]


# -- stubs -----------------------------------------------------------------------------------------------------------

COMMON_STUB = '''
_T = TypeVar("_T")

@disjoint_base
class Struct:
    """What the structs of all KiCad models have in common."""

    def __init__(self, **fields: Any) -> None: ...
    @classmethod
    def __field_names__(cls) -> list[str]:
        """Names of the fields, in order of declaration."""
    def __zig_address__(self) -> int:
        """The id that `bindd inspect handles` finds: of a file its handle's, else of the place in it. Equal for two objects of one
        place, different for others."""
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: object, /) -> Self: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class MutableList(Generic[_T]):
    """A list of a KiCad document. Changing it changes the document; what is put in is copied."""

    def append(self, value: _T, /) -> None:
        """Puts a copy of the value behind the last element."""
    def insert(self, index: int, value: _T, /) -> None:
        """Puts a copy of the value before that element; a negative index means: behind the last."""
    def extend(self, values: Iterable[_T], /) -> None:
        """Appends copies of all values."""
    def pop(self, index: int = -1, /) -> _T:
        """Removes an element and returns it; it stays readable."""
    def remove(self, value: _T, /) -> None:
        """Removes this very object; of plain values the first equal one."""
    def clear(self) -> None:
        """Removes all elements."""
    def index(self, value: object, start: int = 0, stop: int = ..., /) -> int:
        """Where the value stands."""
    def count(self, value: object, /) -> int:
        """How often the value is in it."""
    def reverse(self) -> None:
        """In place; the objects stay what they are."""
    def sort(self, *, key: Callable[[_T], Any] | None = None, reverse: bool = False) -> None:
        """In place and stable; the objects stay what they are."""
    def copy(self) -> list[_T]:
        """A plain list of the same objects."""
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: int, /) -> _T: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[_T]: ...
    @overload
    def __setitem__(self, index: int, value: _T, /) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[_T], /) -> None: ...
    def __delitem__(self, index: int | slice, /) -> None: ...
    def __contains__(self, value: object, /) -> bool: ...
    def __iter__(self) -> Iterator[_T]: ...
    def __reversed__(self) -> Iterator[_T]: ...
    def __add__(self, other: Iterable[_T], /) -> list[_T]: ...
    def __radd__(self, other: Iterable[_T], /) -> list[_T]: ...
    def __iadd__(self, other: Iterable[_T], /) -> Self: ...
    def __mul__(self, times: SupportsIndex, /) -> list[_T]: ...
    def __rmul__(self, times: SupportsIndex, /) -> list[_T]: ...
    def __imul__(self, times: SupportsIndex, /) -> Self: ...
    def __copy__(self) -> list[_T]: ...
    def __deepcopy__(self, memo: object, /) -> list[_T]: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

def _kicad_types() -> dict[str, type[Any]]: ...
def _kicad_enums() -> dict[str, list[str]]: ...
def _kicad_load(
    kind: str, text: str | bytes | bytearray | memoryview, label: str, depth_limit: int, flags: int, /
) -> tuple[Any, int]: ...
def _kicad_dump(value: Struct, force: bool, /) -> str: ...
def _kicad_save(
    value: Struct, force: bool, path: bytes, mode: int, check: int, size: int, mtime_ns: int, digest: int, /
) -> tuple[int, int, int]: ...
def _kicad_unknown(value: Struct, /) -> list[str]: ...
def _kicad_facts(value: Struct, /) -> dict[str, tuple[int, int, int]]: ...
'''


def short(name: str, module: str) -> str:
    """A struct's or enum's name as this module's stub writes it."""
    owner, own = name.split(".")
    return own if owner == module else f"_{owner}.{own}"


def value_type(field: dict[str, Any], module: str) -> str:
    if field["kind"] == "struct":
        return short(field["of"], module)
    return "str" if field["kind"] == "enum" else KINDS[field["kind"]]


def given_type(field: dict[str, Any], module: str, enums: dict[str, bool]) -> str:
    """What constructor and setter take."""
    item = value_type(field, module)
    if field["kind"] == "enum" and enums[field["of"]]:
        item = "str | int"
    text = f"Sequence[{item}] | MutableList[{item}]" if field["list"] else item
    return f"{text} | None" if field["optional"] else text


def read_type(field: dict[str, Any], module: str) -> str:
    item = value_type(field, module)
    if field["list"]:
        return f"MutableList[{item}]"
    return f"{item} | None" if field["optional"] or field["absent"] else item


def signature(struct: dict[str, Any]) -> str:
    """As CPython reads it from the beginning of a class's doc."""
    parameters = [field["name"] + ("" if field["required"] else f"={default_text(field)}") for field in struct["fields"]]
    return struct["name"].split(".")[1] + "(" + ", ".join(["*", *parameters] if parameters else []) + ")"


def default_text(field: dict[str, Any]) -> str:
    value = field["default"]
    return json.dumps(value) if isinstance(value, str) else "..." if isinstance(value, (list, dict)) else repr(value)


def struct_stub(struct: dict[str, Any], module: str, enums: dict[str, bool], file: str) -> list[str]:
    name = struct["name"].split(".")[1]
    out = ["", f"class {name}(Struct):", f'    """{struct_doc(struct)}"""', ""]
    parameters = []
    for field in struct["fields"]:
        given = given_type(field, module, enums)
        if field["absent"] and not field["optional"]:
            given += " | None"
        parameters.append(f"{field['name']}: {given}" + ("" if field["required"] else f" = {default_text(field)}"))
    if parameters:
        out += ["    def __init__(", "        self, *,"] + [f"        {parameter}," for parameter in parameters] + ["    ) -> None: ..."]
    else:
        out.append("    def __init__(self) -> None: ...")
    for field in struct["fields"]:
        read, given = read_type(field, module), given_type(field, module, enums)
        out += ["    @property", f"    def {field['name']}(self) -> {read}:", f'        """{field_doc(field)}"""',
                f"    @{field['name']}.setter", f"    def {field['name']}(self, value: {given}) -> None: ..."]
    if struct["name"] == file:
        out += ["    def free(self, **ignored: object) -> None:",
                '        """Gives the document back. Its objects raise StaleHandleError from then on. Twice is once."""',
                "    def __enter__(self) -> Self: ...",
                "    def __exit__(", "        self, kind: type[BaseException] | None, error: BaseException | None, "
                "trace: TracebackType | None, /,", "    ) -> None: ..."]
    if struct["name"] in DRAWN:
        out += ["    def to_svg(self, path: str | os.PathLike[str] | None = None, *, layers: Iterable[str] | None = None) -> str:",
                '        """The drawing as SVG; also written to `path`. layers: names, patterns with * too; by default what shows '
                'the board."""',
                "    def _repr_svg_(self) -> str | None: ..."]
    return out


DRAWN = {"pcb.PcbFile", "pcb.KicadPcb", "pcb.Footprint", "footprint.FootprintFile", "footprint.Footprint"}


def enum_stub(enum: dict[str, Any]) -> list[str]:
    name = enum["name"].split(".")[1]
    words = [member["name"] for member in enum["members"]]
    both = dict.fromkeys([*words, *(word.upper() for word in words)])
    if not all(word.isidentifier() and not keyword.iskeyword(word) for word in both):  # to be reached by getattr
        values = {word: next(one for one in words if word in (one, one.upper())) for word in both}
        return ["", f"{name} = StrEnum(", f'    "{name}",', "    {",
                *[f"        {json.dumps(word)}: {json.dumps(value)}," for word, value in values.items()], "    },", ")"]
    out = ["", f"class {name}(StrEnum):",
           f'    """{len(enum["members"])} words. Fields hold them as plain str; each is here in upper case too."""', ""]
    taken: set[str] = set()
    for member in enum["members"]:
        for shown in (member["name"], member["name"].upper()):
            if shown.isidentifier() and not keyword.iskeyword(shown) and shown not in taken:
                taken.add(shown)
                ignored = "  # type: ignore[assignment]" if hasattr(str, shown) else ""  # the word is also a method of str
                out.append(f"    {shown} = {json.dumps(member['name'])}{ignored}")
    return out


def stub(kicad: dict[str, Any], module: dict[str, Any]) -> str:
    name = module["name"]
    enums = {enum["name"]: enum["integer"] for enum in kicad["enums"]}
    own = [struct for struct in kicad["structs"] if struct["module"] == name]
    others = sorted({field["of"].split(".")[0] for struct in own for field in struct["fields"] if field["kind"] == "struct"} - {name})
    file = module["file"].split(".")[1]
    body: list[str] = []
    for enum in kicad["enums"]:
        if enum["module"] == name:
            body += enum_stub(enum)
    for struct in own:
        body += struct_stub(struct, name, enums, module["file"])
    names = ["dumps", "loads"] + [item["name"].split(".")[1] for item in kicad["enums"] + kicad["structs"] if item["module"] == name]
    head = ['"""Generated by tools/generate.py from `bindd describe --json`. Do not edit."""', "", "import os",
            "from collections.abc import Iterable, Sequence"]
    if any(enum["module"] == name for enum in kicad["enums"]):
        head.append("from enum import StrEnum")
    head += ["from types import TracebackType", "from typing import overload", "",
             "from typing_extensions import Self", "", "from bindd._bindd import MutableList, Struct"]
    head += [f"from bindd.sexp import {other} as _{other}" for other in others]
    head += ["", "__all__ = [", *[f'    "{shown}",' for shown in sorted(names)], "]"]
    tail = [
        "", "def loads(",
        "    source: str | bytes | bytearray | memoryview | os.PathLike[str], *, label: str | None = None, depth_limit: int = 0",
        f") -> {file}:",
        '    """Reads a text, or the file at a path."""',
        "@overload", f"def dumps(file: {file}, path: None = None, *, force: bool = False) -> str: ...",
        "@overload", f"def dumps(file: {file}, path: str | os.PathLike[str], *, force: bool = False) -> None: ...", "",
    ]
    return "\n".join(head + body + tail)


def files(kicad: dict[str, Any]) -> dict[str, str]:
    """Path -> text."""
    made = {TABLE: Table(kicad).text()}
    for module in kicad["modules"]:
        made[f"{STUBS}/{module['name']}.pyi"] = stub(kicad, module)
    return made
