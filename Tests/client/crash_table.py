"""Which scripts of the crash table can run, and running one; see test_crash_table.py.

Every graph script begins by binding the same dozen classes to names, whether it uses them or not. While some of those
classes do not exist, a script whose body does not use them runs with that beginning cut down to what exists. A script that
uses a class which does not exist waits for it.
"""

from __future__ import annotations

import ast
import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

SEXP = "pyzig_sexp"


def resolve(path: str) -> object | None:
    """The object behind ``P.gen.graph.graph.GraphView``, None when it does not exist."""
    found: object = importlib.import_module("pyzig")
    for name in path.split(".")[1:]:
        found = getattr(found, name, None)
    return found


def dotted(node: ast.AST, names: dict[str, str]) -> str | None:
    """``F.trait.Trait`` as ``P.gen.faebryk.trait.Trait``, following the names bound before."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in names:
        return None
    return ".".join([names[node.id], *reversed(parts)])


@dataclass
class Script:
    path: Path
    source: str
    needed: set[str]  # dotted names of the tree that the body uses
    header: dict[str, str]  # what the beginning binds: name -> dotted name
    header_lines: tuple[int, int]  # first and last line of those bindings

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def missing(self) -> list[str]:
        return sorted(path for path in self.needed if resolve(path) is None)

    def text(self) -> str:
        """The script, with a beginning that binds only what exists."""
        kept = {name: path for name, path in self.header.items() if resolve(path) is not None}
        if len(kept) == len(self.header):
            return self.source
        lines = self.source.split("\n")
        first, last = self.header_lines
        binding = "; ".join(["P = L('pyzig')", *(f"{name} = {path}" for name, path in kept.items())])
        return "\n".join([*lines[: first - 1], binding, *lines[last:]])


def read(path: Path) -> Script | None:
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    if SEXP in source:  # needs the module alone, which has all that it ever had
        return Script(path, source, set(), {}, (0, 0))
    names: dict[str, str] = {}
    header: dict[str, str] = {}
    lines: list[int] = []
    rest: list[ast.stmt] = []
    for statement in tree.body:
        bound = bindings(statement, names)
        if bound and not rest:
            names |= bound
            header |= {name: path for name, path in bound.items() if name != "P"}
            lines += [statement.lineno, statement.end_lineno or statement.lineno]
        elif lines:
            rest.append(statement)
    if not lines:
        return None
    used = {node.id for statement in rest for node in ast.walk(statement) if isinstance(node, ast.Name)}
    needed = {path for name, path in header.items() if name in used and not isinstance(resolve(path), ModuleType)}
    for statement in rest:
        for node in ast.walk(statement):
            path_of = dotted(node, names) if isinstance(node, ast.Attribute) else None
            if path_of and path_of.count(".") >= 4:  # a class or deeper
                needed.add(".".join(path_of.split(".")[:5]))
    return Script(path, source, needed, header, (lines[0], lines[-1]))


def bindings(statement: ast.stmt, names: dict[str, str]) -> dict[str, str]:
    """Names that an assignment binds to parts of the tree: ``A, B = F.a.A, F.b.B``."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return {}
    target, value = statement.targets[0], statement.value
    if isinstance(target, ast.Name) and ast.unparse(value) in ("L('pyzig')",):
        return {target.id: "P"}
    targets = target.elts if isinstance(target, ast.Tuple) else [target]
    values = value.elts if isinstance(value, ast.Tuple) else [value]
    if len(targets) != len(values):
        return {}
    found: dict[str, str] = {}
    for one, other in zip(targets, values, strict=True):
        path = dotted(other, names | found)
        if not isinstance(one, ast.Name) or path is None or not path.startswith("P."):
            return {}
        found[one.id] = path
    return found
