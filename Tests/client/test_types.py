"""What the stubs say is true: for the interpreter, for mypy and for pyright, each in its strictest mode, nothing excused."""

from __future__ import annotations

import enum
import importlib
import inspect
import json
import keyword
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import bindd
import pytest
import pyzig
from conftest import HERE, ROOT, Home

SOURCES = (ROOT / "python_client" / "src", ROOT / "python_client" / "pyzig" / "src")
PROGRAM = HERE / "typed_program.py"


def public_modules() -> list[ModuleType]:
    found = [bindd, pyzig]
    for package in (bindd, pyzig):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(part.startswith("_") for part in module.name.split(".")):
                found.append(importlib.import_module(module.name))
    return found


def public_names(place: ModuleType | type) -> list[str]:
    """Those that a program can write: an enum of KiCad's words has others, too."""
    listed = getattr(place, "__all__", None)
    names = [name for name in (listed or vars(place)) if name.isidentifier() and not keyword.iskeyword(name)]
    return sorted(name for name in names if not name.startswith("_"))


def sample() -> str:
    """A program that names every public module, class, method, property and function that exists at run time."""
    lines = ["from __future__ import annotations", ""]
    lines += [f"import {module.__name__}" for module in public_modules()]
    lines += ["", "names: list[object] = ["]
    lines += [f"    {module.__name__}," for module in public_modules()]
    members = []
    for module in public_modules():
        for name in public_names(module):
            value = getattr(module, name)
            if inspect.ismodule(value):
                continue
            if value.__class__.__module__ == "__future__":
                continue
            lines.append(f"    {module.__name__}.{name},")
            if inspect.isclass(value):
                for attribute in public_names(value):
                    if attribute != "characters_written":  # of OSError, where typeshed has it
                        members.append(f"    {module.__name__}.{name}.{attribute},")
    return "\n".join([*lines, *members, "]", ""])


def environment() -> dict[str, str]:
    return {**os.environ, "MYPYPATH": os.pathsep.join(map(str, SOURCES)), "PYTHONPATH": os.pathsep.join(map(str, SOURCES))}


def check(words: list[str], folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *words], env=environment(), cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-6000:]}{done.stderr[-2000:]}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the two programs, and the checkers' caches."""
    folder = tmp_path_factory.mktemp("types")
    text = sample()
    assert text.count("\n") > 300, "every name that there is"
    (folder / "every_name.py").write_text(text)
    (folder / "typed_program.py").write_text(PROGRAM.read_text())
    (folder / "mypy.ini").write_text("[mypy]\n")
    return folder


def test_stubs_say_what_there_is_at_run_time(folder: Path) -> None:
    """No allow-list: nothing in the package may differ from its stub."""
    check(["mypy.stubtest", "bindd", "pyzig", "--mypy-config-file", str(folder / "mypy.ini")], SOURCES[0])


def test_the_package_and_its_users_pass_mypy_strict(folder: Path) -> None:
    check(["mypy", "--strict", "-p", "bindd", "-p", "pyzig", "-m", "every_name", "-m", "typed_program"], folder)


def test_users_pass_pyright_strict(folder: Path) -> None:
    (folder / "pyrightconfig.json").write_text(json.dumps({
        "typeCheckingMode": "strict", "include": ["every_name.py", "typed_program.py"],
        "extraPaths": [str(path) for path in SOURCES],
    }))
    check(["basedpyright", "--pythonpath", sys.executable, "--project", str(folder)], folder)


def test_the_typed_program_runs(home: Home) -> None:
    done = home.python(PROGRAM.read_text())
    assert done.returncode == 0, done.stderr


def is_documented_enum(module: ModuleType, name: str, value: object) -> bool:
    """An enum that is made from a table has its sentence in the stub, where editors look."""
    if not (inspect.isclass(value) and issubclass(value, enum.Enum) and module.__file__):
        return False
    stub = Path(module.__file__).with_suffix(".pyi")
    text = stub.read_text() if stub.is_file() else ""
    return f'class {name}(StrEnum):\n    """' in text or f"\n{name} = StrEnum(" in text  # words that are no names: listed alone


def test_every_public_name_has_a_docstring() -> None:
    without = []
    for module in public_modules():
        if not module.__doc__:
            without.append(module.__name__)
        for name in public_names(module):
            value = getattr(module, name)
            if not (inspect.isclass(value) or inspect.isroutine(value)):
                continue
            if not value.__doc__ and not is_documented_enum(module, name, value):
                without.append(f"{module.__name__}.{name}")
            if inspect.isclass(value) and value.__module__.startswith("bindd"):
                told = (inspect.isroutine, inspect.isdatadescriptor)
                without += [
                    f"{module.__name__}.{name}.{attribute}" for attribute in public_names(value)
                    if any(kind(getattr(value, attribute)) for kind in told) and not getattr(value, attribute).__doc__]
    assert not without, without
