"""docs/FIRST_HOUR.md and docs/ADDING_AN_API.md are walked as they stand.

BINDD_TEST_LONG=1: in a fresh copy of the tree, with the real compilers, command by command (about five minutes). Without, what
the walk hangs on is checked: places, names and commands that the pages mention exist, and the Python parts are valid.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

IS_LONG = os.environ.get("BINDD_TEST_LONG") == "1"
HOUR = (ROOT / "docs" / "FIRST_HOUR.md").read_text()
ADDING = (ROOT / "docs" / "ADDING_AN_API.md").read_text()


def blocks(page: str, language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```$", page, re.M | re.S)
    assert found, f"no {language} on the page"
    return found


def target() -> tuple[str, str]:
    """File and list that the worked example names."""
    found = re.search(r"`(Sources/bindd/Api/[\w+]+\.swift)`\. Put this first into the list `(\w+)`", ADDING)
    assert found, "the page says where the example goes"
    return found[1], found[2]


def add_the_method(root: Path) -> None:
    name, where = target()
    path = root / name
    text = path.read_text()
    opening = re.search(rf"^let {where}: \[Method\] = \[\n", text, re.M)
    assert opening, f"{name} has the list {where}"
    (method,) = blocks(ADDING, "swift")
    path.write_text(text[: opening.end()] + method + text[opening.end() :])


def add_the_struct(root: Path) -> str:
    """The second example; the file that it changes."""
    name = "Sources/SexpCore/Schema/Netlist.swift"
    assert f"`{name}`" in ADDING
    path = root / name
    text = path.read_text()
    (struct,), (field,) = blocks(ADDING, "swift-struct"), blocks(ADDING, "swift-field")
    start = text.index('StructDeclaration("Component", [')
    end = text.index("        ]),\n", start)
    text = text[:end] + field + text[end:]
    opening = "    structs: [\n"
    assert text.count(opening) == 1, f"{name} has one list of structs"
    path.write_text(text.replace(opening, opening + struct))
    return name


def test_what_the_pages_mention_is_there() -> None:
    name, where = target()
    assert f"let {where}: [Method] = [" in (ROOT / name).read_text()
    (program,) = blocks(ADDING, "python")
    ast.parse(program)
    ast.parse(blocks(ADDING, "python-kicad")[0])
    (method,) = blocks(ADDING, "swift")
    assert method.count("(") == method.count(")") and method.count("{") == method.count("}")
    makefile = (ROOT / "Makefile").read_text()
    for page in (HOUR, ADDING, (ROOT / "CONTRIBUTING.md").read_text(), (ROOT / "README.md").read_text()):
        for command in re.findall(r"\bmake ([a-z-]+)", page):
            if command not in ("is", "or", "where"):
                assert re.search(rf"^{command}:", makefile, re.M), f"make {command}"
        for path in re.findall(r"\b((?:Sources|Tests|tools|docs|examples|python_client)/[\w./+-]*\w)", page):
            assert (ROOT / path).exists(), path
    for page, folder in ((HOUR, "docs"), (ADDING, "docs"), ((ROOT / "CONTRIBUTING.md").read_text(), ".")):
        for link in re.findall(r"\]\(([\w./-]+)\)", page):
            assert (ROOT / folder / link).exists(), link


class Clone:
    """A fresh copy of what is tracked, as a repository of its own, with a socket folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "bindd"
        self.root.mkdir()
        self.sockets = folder / "run"
        self.sockets.mkdir(mode=0o700)
        files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        packed = subprocess.run(
            ["tar", "--create", "--null", "--files-from", "-"], cwd=ROOT, input=files, capture_output=True, check=True).stdout
        subprocess.run(["tar", "--extract"], cwd=self.root, input=packed, check=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BINDD_")}
        self.environment = {**kept, "XDG_RUNTIME_DIR": str(self.sockets), "GIT_CONFIG_GLOBAL": "/dev/null"}
        self.shell("git init -q . && git add -A && git -c user.name=n -c user.email=n@example.org commit -q -m first")

    def shell(self, command: str, **variables: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command], cwd=self.root, env={**self.environment, **variables},
            capture_output=True, text=True, timeout=1200)
        assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}{done.stderr[-6000:]}"
        return done.stdout + done.stderr


def walk(folder: Path) -> None:
    clone = Clone(folder)
    demo, places, test, first, again, wheel, crash, stop = blocks(HOUR, "sh")
    said = clone.shell(demo)
    assert "WorkerCrashed" in said or "crash" in said.lower(), said
    assert "0 bad" in clone.shell(places)
    assert "passed" in clone.shell(test)

    add_the_method(clone.root)
    said = clone.shell(first)
    assert "GraphView+Exchange.swift changed" in said and "Count of the view's edges of one type." in said
    assert "building" not in clone.shell(again)
    changed = set(clone.shell("git diff --name-only").split())
    written = {target()[0]}
    generated = {"python_client/csrc/generated/bd_table.h", "python_client/src/bindd/_bindd.pyi", "docs/PROTOCOL.md"}
    assert changed == written | generated, "one file written by hand, and what follows from it"
    (program,) = blocks(ADDING, "python")
    (clone.root / "program.py").write_text(program)
    clone.shell(".venv/bin/python program.py")
    clone.shell(".venv/bin/python program.py", BINDD_ARENA="0")
    clone.shell("MYPYPATH=python_client/src .venv/bin/python -m mypy --strict program.py")
    clone.shell(".venv/bin/python -m mypy.stubtest bindd --mypy-config-file /dev/null")

    clone.shell("git -c user.name=n -c user.email=n@example.org commit -qam second")
    name = add_the_struct(clone.root)
    (program,) = blocks(ADDING, "python-kicad")
    (clone.root / "program.py").write_text(program)
    clone.shell(".venv/bin/python program.py")
    generated |= {"python_client/csrc/generated/bd_kicad.h", "python_client/src/bindd/sexp/netlist.pyi"}
    assert set(clone.shell("git diff --name-only").split()) - generated == {name}
    clone.shell("MYPYPATH=python_client/src .venv/bin/python -m mypy --strict program.py")

    said = clone.shell(wheel)
    assert "GraphView(" in said and "elsewhere/lib" in said
    said = clone.shell(crash)
    assert "died with SIGSEGV" in said and "this process and its handles live on" in said
    for command in (stop.strip(), "elsewhere/bin/bindd stop"):
        clone.shell(f"{command} || test $? -eq 3")  # unless it was idle for so long that it has left


def begin(folder: Path) -> None:
    clone = Clone(folder)
    add_the_method(clone.root)
    assert clone.shell("git diff --name-only").split() == [target()[0]]
    add_the_struct(clone.root)
    assert "netlist.Note" in clone.shell("git diff Sources/SexpCore")
    assert "count_edges_of_type" in clone.shell("git diff")


@pytest.mark.timeout(1800)
def test_the_first_hour(tmp_path: Path) -> None:
    """The walk; its first step alone in the short form."""
    (walk if IS_LONG else begin)(tmp_path)
