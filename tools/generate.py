#!/usr/bin/env python3
"""Writes every file that is derived from the description of the API.

Input: the JSON of `bindd describe --json`: a file argument, `-` for stdin, or what `--binary PATH` prints.
Output: the extension's table (csrc/generated/bd_table.h), the stubs (src/bindd/_bindd.pyi, graph.pyi, faebryk.pyi) and
docs/PROTOCOL.md. The same input gives the same bytes. `--check` writes nothing and exits 1 naming each stale file.
Needs nothing but Python. Must not hold facts about single methods: those are declared beside their implementation.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import generate_kicad

ROOT = Path(__file__).resolve().parent.parent
TABLE = "python_client/csrc/generated/bd_table.h"
STUB = "python_client/src/bindd/_bindd.pyi"
MODULE_STUBS = {"graph": "python_client/src/bindd/graph.pyi", "faebryk": "python_client/src/bindd/faebryk.pyi"}
PROTOCOL = "docs/PROTOCOL.md"

HANDLES = {
    "NodeReference": "NODE", "EdgeReference": "EDGE", "GraphView": "VIEW", "BoundNode": "BOUND_NODE",
    "BoundEdge": "BOUND_EDGE", "BFSPath": "PATH", "Document": "DOCUMENT",
    "TypeGraph": "TYPE_GRAPH",
}
VALUES = {"EdgeCreationAttributes": "EDGE_RECIPE", "NodeCreationAttributes": "NODE_RECIPE"}
TYPES = {
    "none": "NONE", "int": "INT", "u8": "U8", "u32": "U32", "bool": "BOOL", "float": "FLOAT", "str": "STR", "literal": "LITERAL",
    "attributes": "ATTRIBUTES", "any": "ANY", "callable": "CALLABLE", "bytes": "BYTES", "json": "JSON",
    "dict": "DICT", "EdgeTraversal": "TRAVERSAL", "value": "VALUE", **HANDLES, **VALUES,
}
WIRE = {
    "none": "nothing", "int": "i64", "u8": "u32 (0…255)", "u32": "u32", "bool": "u32 0/1", "float": "f64", "str": "str",
    "literal": "literal", "attributes": "attributes", "any": "(local)", "callable": "(local)", "bytes": "bytes",
    "json": "str", "NodeReference": "u32 node", "EdgeReference": "u32 edge", "GraphView": "u32 view",
    "BoundNode": "u32 view, u32 node", "BoundEdge": "u32 view, edge info",
    "BFSPath": "u32 start, u32 end, list of edge info", "Document": "u32 document",
    "TypeGraph": "u32 view, u32 self node", "dict": "attributes", "EdgeTraversal": "(str identifier, u32 edge type)",
    "EdgeCreationAttributes": "u32 edge type, u32 direction (0 unset, 1 none, 2 directional), optional str name, "
    "optional u32 index, attributes",
    "NodeCreationAttributes": "attributes", "value": "a value that says what it is",
}
PYTHON = {
    "none": "None", "int": "int", "u8": "int", "u32": "int", "bool": "bool", "float": "float", "str": "str", "literal": "_Literal | None",
    "attributes": "dict[str, _Literal]", "any": "Any", "callable": "Callable[[Any, BoundEdge], object]", "bytes": "bytes",
    "json": "Any", "value": "Any", "dict": "dict[str, _Literal] | None", "EdgeTraversal": "Any",
}


class DescriptionError(Exception):
    """The description says something that this generator cannot turn into code."""


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def split_type(name: str) -> tuple[str, str]:
    """("list", "BoundNode") for list[BoundNode], ("", X) for a plain X."""
    match = re.fullmatch(r"(list|optional)\[(\w+)\]", name)
    outer, inner = (match.group(1), match.group(2)) if match else ("", name)
    if inner not in TYPES:
        raise DescriptionError(f"unknown type {name!r}")
    return outer, inner


def c_type(name: str) -> str:
    outer, inner = split_type(name)
    code = f"BD_T_{TYPES[inner]}"
    return f"{code} | BD_T_{outer.upper()}" if outer else code


def c_string(text: str | None) -> str:
    if text is None:
        return "NULL"
    out = []
    for byte in text.encode():
        char = chr(byte)
        if char in '"\\':
            out.append("\\" + char)
        elif 32 <= byte < 127 and char != "?":
            out.append(char)
        else:
            out.append(f"\\{byte:03o}")
    return '"' + "".join(out) + '"'


def python_type(name: str, annotation: str | None = None) -> str:
    if annotation:
        return annotation
    outer, inner = split_type(name)
    text = PYTHON.get(inner, inner)
    if outer == "list":
        return f"list[{text}]"
    return f"{text} | None" if outer == "optional" else text


def full_name(owner: str, method: dict) -> str:
    return f"{owner}.{method['name']}"


def symbol(owner: str, method: dict) -> str:
    return f"{snake(owner)}_{method['name']}".upper()


def default_value(parameter: dict) -> bool | int | float | str | None:
    """The default as a Python value. The description gives it as text: a Python literal, or a bare word for a str."""
    value = parameter.get("default")
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            pass
    if parameter["type"] == "float" and isinstance(value, int):
        value = float(value)
    return value


def default_text(parameter: dict) -> str:
    return repr(default_value(parameter))


def aliases(cls: dict) -> list[str]:
    """Further names under which the module exports the class."""
    known = cls.get("aliases", [])
    return known if known or cls["python_name"] == cls["name"] else [cls["name"]]


def signature(method: dict, first: str, annotated: bool) -> str:
    """The parameter list: of a stub when annotated, else the text signature that CPython reads."""
    parts = [first] if first else []
    named, rest = [], ""
    for parameter in method["parameters"]:
        if parameter["type"] == "attributes":
            rest = "**attributes: _Literal" if annotated else "**attributes"
            continue
        text = parameter["name"]
        if annotated:
            kind = python_type(parameter["type"], parameter.get("annotation"))
            if parameter["type"] == "bytes":
                kind = "str | bytes | bytearray | memoryview"
            if parameter["name"] == "directed" or parameter["name"] == "directional":
                kind = "bool | None"
            if not parameter["required"] and default_value(parameter) is None and "None" not in kind and kind != "Any":
                kind += " | None"
            text += f": {kind}"
        if not parameter["required"]:
            text += (" = " if annotated else "=") + default_text(parameter)
        named.append(text)
    if named:
        parts.append("*")
    return ", ".join(parts + named + ([rest] if rest else []))


def docstring(method: dict) -> str:
    lines = [method["doc"].strip() or method["name"]]
    told = [p for p in method["parameters"] if p.get("doc")]
    if told:
        lines.append("")
        lines += [f"{p['name']}: {p['doc']}" for p in told]
    if method.get("errors"):
        lines += ["", "Raises " + ", ".join(method["errors"]) + "."]
    return "\n".join(lines)


# -- the extension's table -------------------------------------------------------------------------------------------

def default_c(parameter: dict) -> str:
    value = default_value(parameter)
    if value is None:
        return "BD_DEFAULT_NONE, 0, 0.0, NULL"
    if isinstance(value, bool):
        return f"BD_DEFAULT_BOOL, {int(value)}, 0.0, NULL"
    if isinstance(value, int):
        return f"BD_DEFAULT_INT, {value}, 0.0, NULL"
    if isinstance(value, float):
        return f"BD_DEFAULT_FLOAT, 0, {value!r}, NULL"
    if isinstance(value, str):
        return f"BD_DEFAULT_STR, 0, 0.0, {c_string(value)}"
    raise DescriptionError(f"default {value!r} of {parameter['name']}")


def rule_c(rule: dict | None) -> str:
    if not rule:
        return "{0, 0, 0, 0, 0, NULL, 0, NULL, 0}"
    text, via = rule.get("text"), rule.get("via")
    return (f"{{{rule['edge_type']}, BD_SIDE_{rule['side'].upper()}, BD_MATCH_{rule['match'].upper()}, "
            f"BD_WANT_{rule['want'].upper()}, {int(rule['directional'])}, {c_string(text)}, {len((text or '').encode())}, "
            f"{c_string(via)}, {len((via or '').encode())}}}")


def class_slot(cls: dict) -> str:
    """Where the extension keeps the type: by kind of handle, or by what the value is; 0 for a place of static methods."""
    return f"BD_TYPE_{VALUES[cls['name']]}" if cls["name"] in VALUES else str(cls["handle_kind"])


def all_methods(description: dict) -> list[tuple[str, dict | None, dict]]:
    methods: list[tuple[str, dict | None, dict]] = []
    for cls in description["classes"]:
        methods += [(cls["name"], cls, method) for method in cls["methods"]]
    methods += [(function["module"], None, function) for function in description["functions"]]
    return methods


def table(description: dict) -> str:
    methods = all_methods(description)
    protocol, digest = description["protocol"], description["hash"]
    version = description.get("version", "0.1.0")
    out = [
        "/* Generated by tools/generate.py from `bindd describe --json`. Do not edit.",
        " *",
        " * Everyone reads the numbers; bd_table.c alone defines BD_TABLE_IMPLEMENTATION and holds the arrays.",
        " */",
        "#ifndef BD_TABLE_H",
        "#define BD_TABLE_H",
        "",
        f"#define BD_PROTOCOL_MAJOR {protocol['major']}u",
        f"#define BD_PROTOCOL_MINOR {protocol['minor']}u",
        f"#define BD_PROTOCOL_LAYOUT {protocol['layout']}u",
        f"#define BD_DESCRIPTION_HASH 0x{digest}ull",
        f"#define BD_DESCRIPTION_HASH_TEXT {c_string(digest[:8])}",
        f"#define BD_VERSION {c_string(version)}",
        f"#define BD_BUILD {c_string(version + '-' + digest[:8])}",
        "",
    ]
    for name, value in description["limits"].items():
        out.append(f"#define BD_LIMIT_{snake(name).upper()} {value}ull")
    out.append("")
    for entry in description["operations"]:
        out.append(f"#define BD_OP_{entry['name'].upper()} {entry['operation']}u")
    for owner, _, method in methods:
        if method["operation"] is not None:
            out.append(f"#define BD_OP_{symbol(owner, method)} {method['operation']}u")
    out += ["", "enum {"]
    out += [f"    BD_METHOD_{symbol(owner, method)} = {i}," for i, (owner, _, method) in enumerate(methods)]
    count = sum(len(m["parameters"]) for _, _, m in methods)
    out += [f"    BD_METHOD_COUNT = {len(methods)}", "};", f"#define BD_PARAMETER_COUNT {count}u",
            f"#define BD_CLASS_COUNT {len(description['classes'])}u", ""]
    out += generate_kicad.counts(description["kicad"])
    clients = sorted({m["client"] for _, _, m in methods if m.get("client")})
    ruled = {m["client"] for _, _, m in methods if m.get("client") and m.get("rule")}
    out += ["#ifdef BD_CLIENT_FUNCTION /* written by hand; those that share a function are told which method is called */"]
    out += [f"BD_RULE_FUNCTION({client});" if client in ruled else f"BD_CLIENT_FUNCTION({client});" for client in clients]
    out += ["#endif", "", "#endif", "", "#ifdef BD_TABLE_IMPLEMENTATION", "", "const bd_parameter bd_parameters[] = {"]
    first, at = {}, 0
    for index, (owner, _, method) in enumerate(methods):
        first[index] = at
        for parameter in method["parameters"]:
            out.append(f"    {{{c_string(parameter['name'])}, {c_type(parameter['type'])}, "
                       f"{int(parameter['required'])}, {default_c(parameter)}, {c_string(parameter.get('refusal'))}, "
                       f"{c_string(parameter.get('item_refusal'))}}}, /* {full_name(owner, method)} */")
            at += 1
    out += ["    {NULL, 0, 0, 0, 0, 0.0, NULL, NULL, NULL}", "};", "", "const bd_method bd_methods[] = {"]
    for index, (owner, cls, method) in enumerate(methods):
        self_kind = f"BD_T_{TYPES.get(cls['name'], 'NONE')}" if cls and not method["static"] else "BD_T_NONE"
        operation = method["operation"] if method["operation"] is not None else 0
        out.append(
            f"    {{{c_string(full_name(owner, method))}, {operation}, BD_KIND_OF_REQUEST_{method['kind'].upper()}, "
            f"{self_kind}, {int(method['arguments'] == 'ignore')}, {len(method['parameters'])}, {first[index]}, "
            f"{c_type(method['result'])}, {int(method['batch'])}, {rule_c(method.get('rule'))}}},")
    out += ["    {NULL, 0, 0, 0, 0, 0, 0, 0, 0, {0, 0, 0, 0, 0, NULL, 0, NULL, 0}}", "};", ""]
    highest = max([m["operation"] or 0 for _, _, m in methods])
    kinds = {m["operation"]: m["kind"] for _, _, m in methods if m["operation"] is not None}
    out.append(f"const uint8_t bd_operation_kinds[{highest + 1}] = {{")
    out += [f"    [{number}] = BD_KIND_OF_REQUEST_{kind.upper()}," for number, kind in sorted(kinds.items())]
    out += ["};", f"const uint32_t bd_operation_count = {highest + 1};", ""]
    for index, (owner, _, method) in enumerate(methods):
        if method.get("client") and method.get("rule"):
            out += [f"static PyObject *bd_thunk_{symbol(owner, method).lower()}(PyObject *self, PyObject *const *args, "
                    "Py_ssize_t n, PyObject *kwnames) {",
                    f"    return {method['client']}(BD_METHOD_{symbol(owner, method)}, self, args, n, kwnames);", "}"]
        if not method.get("client") and not method["internal"]:
            out += [f"static PyObject *bd_thunk_{symbol(owner, method).lower()}(PyObject *self, PyObject *const *args, "
                    "Py_ssize_t n, PyObject *kwnames) {",
                    f"    return bd_invoke(BD_METHOD_{symbol(owner, method)}, self, args, n, kwnames);", "}"]
    out.append("")

    def definition(owner: str, method: dict, name: str) -> str:
        function = method.get("client")
        if not function or method.get("rule"):
            function = f"bd_thunk_{symbol(owner, method).lower()}"
        shown = "$module" if method["static"] else "$self"
        text = f"{name}({signature(method, shown + ', /', False)})\n--\n\n{docstring(method)}"
        return f"    BD_METHOD_DEF({c_string(name)}, {function}, {c_string(text)}),"

    for cls in description["classes"]:
        for static in (False, True):
            label = "static" if static else "methods"
            out.append(f"static PyMethodDef bd_{label}_{snake(cls['name'])}[] = {{")
            out += [definition(cls["name"], m, m["name"]) for m in cls["methods"] if bool(m["static"]) is static]
            if not static:
                out.append("    BD_HANDLE_METHODS")
            out += ["    {NULL, NULL, 0, NULL}", "};"]
    out.append("static PyMethodDef bd_functions[] = {")
    out += [definition(f["module"], f, f"{f['module']}_{f['name']}") for f in description["functions"] if not f["internal"]]
    out += ["    {NULL, NULL, 0, NULL}", "};", "", "static const bd_class bd_classes[] = {"]
    for cls in description["classes"]:
        alias = aliases(cls)[0] if aliases(cls) else None
        name = snake(cls["name"])
        out.append(f"    {{{c_string(cls['name'])}, {c_string(cls['python_name'])}, {c_string(alias)}, "
                   f"{c_string('bindd.' + cls['module'] + '.' + cls['python_name'])}, {class_slot(cls)}, "
                   f"{c_string(cls.get('outer'))}, {c_string(cls['doc'])}, bd_methods_{name}, bd_static_{name}}},")
    out += ["    {NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL}", "};", "", "#endif", ""]
    return "\n".join(out)


# -- stubs -----------------------------------------------------------------------------------------------------------

MODULE_STUB_HEAD = '"""Generated by tools/generate.py from `bindd describe --json`. Do not edit."""'
STUB_HEAD = MODULE_STUB_HEAD + '''

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import SimpleNamespace, TracebackType
from typing import Any, Generic, SupportsIndex, TypeVar, final, overload

from typing_extensions import Self, disjoint_base

_Literal = int | float | str | bool

'''

STUB_FIXED = '''
@final
class Workspace:
    """One isolated state in the daemon, as this process sees it. Made by bindd.connect()."""

    @property
    def name(self) -> str: ...
    @property
    def pid(self) -> int: ...
    @property
    def generation(self) -> int: ...
    @property
    def socket(self) -> str: ...
    @property
    def alive(self) -> bool: ...
    @property
    def state(self) -> str: ...
    @property
    def private(self) -> bool: ...
    call_timeout: float | None
    hang_limit: float
    def close(self) -> None: ...
    def sync(self) -> None: ...
    def flush(self) -> None: ...
    def statistics(self) -> dict[str, Any]: ...
    def __zig_address__(self) -> int: ...
    def _repr_html_(self) -> str: ...
    def __enter__(self) -> Workspace: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

@final
class Document:
    """A parsed text: its forms in order. The snapshot is local; the daemon keeps the document until free()."""

    @property
    def root(self) -> List | Atom: ...
    @property
    def forms(self) -> list[List | Atom]: ...
    @property
    def label(self) -> str: ...
    def free(self) -> None: ...
    def __len__(self) -> int: ...
    def __zig_address__(self) -> int: ...
    def __enter__(self) -> Document: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

@final
class List:
    """A parenthesised node."""

    @property
    def head(self) -> str | None: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...
    @property
    def raw(self) -> str: ...
    def find(self, name: str, /) -> List | None: ...
    def find_all(self, name: str, /) -> list[List]: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: int, /) -> List | Atom: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[List | Atom]: ...
    def __iter__(self) -> Iterator[List | Atom]: ...
    def __zig_address__(self) -> int: ...

@final
class Atom:
    """A word, number, string or comment."""

    @property
    def kind(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def raw(self) -> str: ...
    @property
    def value(self) -> int | float | str: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...
    def __zig_address__(self) -> int: ...

@final
class Batch:
    """Changes that are made whole or not at all. Made by GraphView.batch()."""

    @property
    def command_count(self) -> int: ...
    def __enter__(self) -> Batch: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool: ...

VERSION: str
BUILD: str
DESCRIPTION_HASH: str
PROTOCOL_MAJOR: int
PROTOCOL_MINOR: int
CONTROL_BYTES_MAX: int
HELLO_BYTES_MAX: int
FRAME_BYTES_MAX: int
NAME_BYTES_MAX: int
WORKSPACE_NAME_BYTES_MAX: int
SITES_INTERVAL: int

def statistics() -> dict[str, Any]: ...
def _open(
    fd: int, socket: str, workspace: str, program: str, timeout: float, hang_limit: float, call_timeout: float,
    sync: bool, debug: bool, sites: int, own: str, /,
) -> Workspace: ...
def _current() -> Workspace | None: ...
def _is_entered() -> bool: ...
def _workspace_name(view: GraphView, /) -> str: ...
def _replace(workspace: Workspace, /) -> None: ...
def _close() -> None: ...
def _finish() -> None: ...
def _progress(told: Callable[[int, str, int, float, int, int, bool], None] | None, /) -> None: ...
'''


def stub_method(method: dict, indent: str, name: str) -> list[str]:
    first = "" if method["static"] else "self"
    result = python_type(method["result"], method.get("result_annotation"))
    lines = [f"{indent}@staticmethod"] if method["static"] and indent else []
    lines.append(f"{indent}def {name}({signature(method, first, True)}) -> {result}:")
    text = docstring(method).split("\n")
    if len(text) == 1:
        lines.append(f'{indent}    """{text[0]}"""')
    else:
        lines.append(f'{indent}    """{text[0]}')
        lines += [f"{indent}    {line}".rstrip() for line in text[1:]]
        lines.append(f'{indent}    """')
    return lines


def stub(description: dict) -> str:
    out = [STUB_HEAD.rstrip(), ""]

    def add(cls: dict, indent: str) -> None:
        out.append("")
        if class_slot(cls) != "0":  # a place of static methods has no layout of its own
            out.append(f"{indent}@disjoint_base")
        out.extend([f"{indent}class {cls['python_name']}:",
                    f'{indent}    """{cls["doc"]}"""', ""])
        for method in cls["methods"]:
            out.extend(stub_method(method, indent + "    ", method["name"]))
        out.append(f"{indent}    def __zig_address__(self) -> int:")
        out.append(f'{indent}        """The debug id that `bindd inspect handles` shows: kind << 56 | generation << 32 | index."""')
        for inner in description["classes"]:
            if inner.get("outer") == cls["name"]:
                add(inner, indent + "    ")

    for cls in description["classes"]:
        if not cls.get("outer"):
            add(cls, "")
    out.append("")
    for cls in description["classes"]:
        out += [f"{alias} = {cls['python_name']}" for alias in aliases(cls)]
        if cls.get("outer"):
            out.append(f"{cls['python_name']} = {cls['outer']}.{cls['python_name']}")
    out += [STUB_FIXED.rstrip(), generate_kicad.COMMON_STUB.rstrip()]
    out.append("")
    for function in description["functions"]:
        if function["internal"]:
            continue
        out += stub_method({**function, "static": True}, "", f"{function['module']}_{function['name']}")
    return "\n".join(out) + "\n"


def module_stub(description: dict, module: str) -> str:
    names = []
    for cls in description["classes"]:
        if cls["module"] == module:
            names += [cls["python_name"], *aliases(cls)]
    errors = sorted(e["name"] for e in description["errors"] if module == "faebryk" and e["name"].startswith("TypeGraph"))
    out = [MODULE_STUB_HEAD, ""]
    out += [f"from bindd._bindd import {name} as {name}" for name in sorted(names)]
    out += [f"from bindd.errors import {name} as {name}" for name in errors]
    out += ["", f"__all__ = {sorted(names + errors)!r}".replace("'", '"'), ""]
    return "\n".join(out)


# -- the protocol, for people ----------------------------------------------------------------------------------------

def protocol_document(description: dict) -> str:
    protocol = description["protocol"]
    out = [
        "# Protocol", "",
        "Generated by tools/generate.py from `bindd describe --json`; do not edit.", "",
        f"Protocol {protocol['major']}.{protocol['minor']}, layout {protocol['layout']}, "
        f"description `{description['hash']}`.", "",
        "## Frames", "",
        "A byte stream over a Unix socket, little-endian. A frame is a header of 8 bytes (u32 payload bytes, u16 operation, u16",
        "flags), the payload, and zeros up to a multiple of 8. A message is one frame, or several of the same operation of which all",
        "but the last carry `more`. Requests are counted from 1 on both ends and carry no number; replies do.", "",
        "| flag | meaning |", "| --- | --- |",
        "| 1 `more` | the payload goes on in the next frame |", "| 2 `reply` | an answer |",
        "| 4 `error` | with `reply`: the payload is an error |", "| 8 `replyWanted` | the client waits |",
        "| 16 `notice` | sent without having been asked |", "",
        "## Values", "",
        "Four-byte aligned: u32; u64, i64, f64; bool as u32; str = u32 byte count, UTF-8, padding; bytes = u64 count, bytes, padding;",
        "list = u32 count, items; optional = u32 0/1, value; literal = u32 kind (0 none, 1 i64, 2 f64, 3 bool, 4 str), value;",
        "attributes = list of (str key, literal). Edge info = u32 edge, u32 source, u32 target, u32 bits (type in bits 0-7,",
        "direction in bit 8, order in bits 9-15, edge-specific in bits 16-31).", "",
        "A reply starts with u64 request number and the client's leases (u32 next, u32 end of nodes, edges, views). An error goes on",
        "with u32 code, str Python class, str message, str hint, attributes.", "",
        "## Limits", "", "| limit | value |", "| --- | --- |",
    ]
    out += [f"| {name} | {value:,} |" for name, value in description["limits"].items()]
    out += ["", "## Operations of the protocol", "", "| number | name | kind |", "| --- | --- | --- |"]
    out += [f"| {o['operation']} | {o['name']} | {o['kind']} |" for o in description["operations"]]
    out += ["", "## Errors", "", "| code | class | base | meaning |", "| --- | --- | --- | --- |"]
    out += [f"| {e['code']} | {e['name']} | {e['base']} | {e['doc']} |" for e in description["errors"]]
    groups = [(c["python_name"], c["name"], c["doc"], c["methods"]) for c in description["classes"]]
    modules = sorted({f["module"] for f in description["functions"]})
    groups += [(m, m, "", [f for f in description["functions"] if f["module"] == m]) for m in modules]
    for title, owner, doc, methods in groups:
        out += ["", f"## {title}", ""] + ([doc, ""] if doc else [])
        out += ["| operation | method | kind | parameters | result |", "| --- | --- | --- | --- | --- |"]
        for method in methods:
            number = "—" if method["operation"] is None else method["operation"]
            shown = ", ".join(f"{p['name']}: {p['type']}" + ("" if p["required"] else "?") for p in method["parameters"])
            out.append(f"| {number} | `{method['name']}` — {method['doc']} | {method['kind']} | {shown or '—'} | "
                       f"{wire_type(method['result'])} |")
    return "\n".join(out) + "\n"


def wire_type(name: str) -> str:
    outer, inner = split_type(name)
    return f"{outer} of {WIRE[inner]}" if outer else WIRE[inner]


# -- command ---------------------------------------------------------------------------------------------------------

def load(arguments: argparse.Namespace) -> dict:
    if arguments.binary:
        run = subprocess.run([arguments.binary, "describe", "--json"], capture_output=True, text=True, timeout=60)
        if run.returncode != 0:
            raise DescriptionError(f"{arguments.binary} describe --json: exit {run.returncode}: {run.stderr.strip()}")
        return json.loads(run.stdout)
    if arguments.description in (None, "-"):
        return json.load(sys.stdin)
    return json.loads(Path(arguments.description).read_text(encoding="utf-8"))


def abandoned(root: Path, files: dict[str, str]) -> list[str]:
    """Stubs that an earlier description gave rise to, and this one does not."""
    package = root / "python_client" / "src" / "bindd"
    mark = MODULE_STUB_HEAD.encode()
    names = [str(path.relative_to(root)) for path in sorted(package.rglob("*.pyi")) if path.read_bytes().startswith(mark)]
    return [name for name in names if name not in files]


def main() -> int:
    parser = argparse.ArgumentParser(description="Writes the files that are derived from the description of the API.")
    parser.add_argument("description", nargs="?", help="JSON of `bindd describe --json`; - or nothing reads stdin")
    parser.add_argument("--binary", help="run this bindd for the description")
    parser.add_argument("--root", type=Path, default=ROOT, help="root of the repository")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when a file is stale")
    arguments = parser.parse_args()
    try:
        description = load(arguments)
        files = {TABLE: table(description), STUB: stub(description), PROTOCOL: protocol_document(description),
                 **{path: module_stub(description, module) for module, path in MODULE_STUBS.items()},
                 **generate_kicad.files(description["kicad"])}
    except (DescriptionError, generate_kicad.KicadError, KeyError, ValueError, OSError, subprocess.TimeoutExpired) as error:
        print(f"generate: no usable description: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    stale = []
    for name, text in files.items():
        path = arguments.root / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in abandoned(arguments.root, files):
        stale.append(name)
        if not arguments.check:
            (arguments.root / name).unlink()
    for name in stale:
        print(f"{'stale' if arguments.check else 'wrote' if name in files else 'removed'} {name}")
    if stale and arguments.check:
        print("run: python3 tools/generate.py --binary .venv/bin/bindd", file=sys.stderr)
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
