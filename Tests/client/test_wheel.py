"""The wheel as its users get it: a fresh environment, no compiler, no HOME, a user who may write nowhere.

Built once from this tree. BINDD_TEST_LONG=1 adds a later Debian with its own Python, in which the client's tests run too, and
the oldest x86-64 processor (Tests/client/test_wheel_elsewhere.py).
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

NOBODY = 65534
SMOKE = """
import sys
import bindd
from bindd import debug, errors, faebryk, sexp
from bindd.graph import GraphView
assert "site-packages" in bindd.__file__ or "elsewhere" in bindd.__file__, bindd.__file__
view = GraphView.create()
for _ in range(99):
    view.create_and_insert_node()
document = sexp.parse("(a (b 1))")
assert sexp.dumps(document).split() == ["(a", "(b", "1)", ")"]
try:
    debug.crash()
except errors.WorkerCrashed as error:
    assert error.signal_name == "SIGSEGV", error
print(view.__class__.__name__, GraphView.create().get_node_count(), "%d.%d" % sys.version_info[:2])
"""


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter: pytest's own are closed to the user who has no rights."""
    folder = Path(tempfile.mkdtemp(prefix="bindd-wheel-"))
    folder.chmod(0o755)
    yield folder
    subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def wheels(open_folder: Path) -> list[Path]:
    """bindd's and bindd-pyzig's."""
    done = subprocess.run(
        [sys.executable, "tools/make_wheel", str(open_folder / "dist")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [Path(line) for line in done.stdout.splitlines()]


def pythons() -> list[str]:
    """One interpreter of each version from 3.11 on that this machine offers."""
    found = {}
    for folder in ["/usr/bin", *os.get_exec_path(), *map(str, Path.home().glob(".pyenv/versions/*/bin"))]:
        for name in ("python3", *(f"python3.{minor}" for minor in range(11, 20))):
            path = Path(folder) / name
            if path.is_file() and not (Path(folder).parent / "pyvenv.cfg").exists():
                code = "import sys, venv, ensurepip; print(sys.version_info[:2] >= (3, 11), sys.version_info[:2])"
                done = subprocess.run([path, "-c", code], capture_output=True, text=True)
                if done.stdout.startswith("True"):
                    found.setdefault(done.stdout, str(path))
    return list(found.values())


def test_what_is_in_it(wheels: list[Path]) -> None:
    assert re.fullmatch(r"bindd-[\d.]+-cp311-abi3-manylinux_2_\d+_x86_64\.whl", wheels[0].name), wheels[0].name
    with zipfile.ZipFile(wheels[0]) as archive:
        names = set(archive.namelist())
        mode = archive.getinfo("bindd/_bin/bindd").external_attr >> 16
    assert stat.S_IMODE(mode) & 0o111 == 0o111, "the program can be run"
    assert {"bindd/_bindd.abi3.so", "bindd/_bindd.pyi", "bindd/graph.pyi", "bindd/faebryk.pyi", "bindd/py.typed"} <= names
    licences = {"bindd", "libuv", "swift", "swift-argument-parser", "swift-log"}
    assert {f"bindd/licences/{name}.txt" for name in licences} <= names
    assert "bindd/_develop.py" not in names, "a wheel has nothing that could compile"
    assert not [name for name in names if name.endswith((".c", ".h", ".swift"))]
    assert re.fullmatch(r"bindd_pyzig-[\d.]+-py3-none-any\.whl", wheels[1].name)


def without_rights(folder: Path) -> list[str]:
    """Words before a command that run it as somebody who may write nothing here."""
    subprocess.run(["chmod", "-R", "a-w", str(folder)], check=True)
    if os.getuid() != 0:
        return []
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def test_fresh_environment_without_compiler_rights_and_home(open_folder: Path, wheels: list[Path]) -> None:
    venv = open_folder / "venv"
    python = "/usr/bin/python3" if "/usr/bin/python3" in pythons() else pythons()[0]
    subprocess.run([python, "-m", "venv", str(venv)], check=True)
    subprocess.run([venv / "bin" / "pip", "install", "--quiet", "--no-index", *wheels], check=True)
    before = without_rights(venv)
    runtime = open_folder / "run"
    runtime.mkdir(mode=0o700)
    if before:
        os.chown(runtime, NOBODY, NOBODY)
    environment = {"PATH": str(venv / "bin"), "XDG_RUNTIME_DIR": str(runtime), "BINDD_IDLE_EXIT": "60"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        path = shutil.which(words[0], path=environment["PATH"]) or words[0]
        setpriv = [shutil.which(before[0]) or "", *before[1:]] if before else []
        return subprocess.run([*setpriv, path, *words[1:]], env=environment, cwd="/", capture_output=True, text=True, timeout=60)

    try:
        done = run("python", "-c", SMOKE)
        assert done.returncode == 0 and done.stdout.startswith("GraphView 1 3."), done.stderr
        done = run("python", "-c", "import pyzig, bindd; print(pyzig.gen.graph.graph.GraphView is bindd.graph.GraphView)")
        assert done.stdout == "True\n", done.stderr
        found = run("python", "-c", "import bindd; print(bindd.find_bindd_bin())").stdout.strip()
        assert found.endswith("site-packages/bindd/_bin/bindd")
        status = run("bindd", "status")
        assert status.returncode == 0, "bindd on PATH finds the daemon that the package started\n" + status.stderr
        assert run("python", "-m", "bindd.graph", "--nodes", "1000", "--rounds", "4").returncode == 0
        refused = run("python", "-m", "bindd", "build")
        assert refused.returncode == 1 and "installed from a wheel" in refused.stderr
    finally:
        run("bindd", "stop")
    assert run("bindd", "status").returncode == 3


@pytest.mark.parametrize("python", pythons())
def test_every_python_of_the_machine(open_folder: Path, wheels: list[Path], python: str, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", target, "--no-compile",
         wheels[0]], check=True)
    socket = tmp_path / "s" / "t.sock"
    environment = {"PYTHONPATH": str(target), "BINDD_SOCKET": str(socket), "PATH": "/usr/bin:/bin"}
    try:
        done = subprocess.run([python, "-c", SMOKE], env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and done.stdout.startswith("GraphView 1 3."), done.stderr
    finally:
        subprocess.run([target / "bindd" / "_bin" / "bindd", "stop"], env=environment, capture_output=True)
