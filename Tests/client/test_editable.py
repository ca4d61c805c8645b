"""An editable install builds on import: once, when a source changed, and says what the compiler said.

In a copy of the tree whose `swift` is a script: it counts how often it is called and hands out the program that is there
already. The C compiler is the real one. The whole walk with the real swift is Tests/client/test_first_hour.py.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import bindd
import pytest
from conftest import ROOT

SWIFT = """#!/bin/bash
# stands in for `swift build`
echo "$@" >> "$COUNT"
[[ -e $SLOW ]] && sleep 60
sleep 0.2
echo "[1/1] Compiling bindd"
if grep -rn 'BROKEN' Sources/bindd/Bindd.swift; then
    echo "$PWD/Sources/bindd/Bindd.swift:7:1: error: cannot find 'BROKEN' in scope"
    exit 1
fi
while (($#)); do [[ $1 == -c ]] && configuration=$2; [[ $1 == --scratch-path ]] && folder=$2; shift; done
mkdir -p $folder/$configuration
cp "$PROGRAM" $folder/$configuration/bindd
"""
TREE = ("Sources", "tools", "docs/PROTOCOL.md", "Package.swift", "python_client")
IMPORT = "import bindd, sys; print(bindd.__version__)"


class Tree:
    """A copy of the project, and interpreters that import the package from it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "tree"
        for name in TREE:
            source, target = ROOT / name, self.root / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "_bin", "*.so", "editable*"))
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        tools = folder / "tools"
        tools.mkdir()
        (tools / "swift").write_text(SWIFT)
        (tools / "swift").chmod(0o755)
        self.count = folder / "count"
        self.slow = folder / "slow"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BINDD_")},
            "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(self.root / "python_client" / "src"),
            "COUNT": str(self.count), "SLOW": str(self.slow), "PROGRAM": bindd.find_bindd_bin(),
        }

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *(words or ("-c", IMPORT))], env={**self.environment, **variables}, cwd=self.root,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def run(self, *words: str, **variables: str) -> tuple[int, str, str]:
        process = self.start(*words, **variables)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    @property
    def builds(self) -> list[str]:
        return self.count.read_text().splitlines() if self.count.exists() else []

    def change(self, name: str = "Sources/bindd/Bindd.swift", text: str = "// another line\n") -> None:
        path = self.root / name
        path.write_text(path.read_text() + text)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    tree = Tree(tmp_path_factory.mktemp("editable"))
    status, out, err = tree.run()
    assert status == 0 and out == f"{bindd.__version__}\n", err
    assert "has not been built here yet" in err and "[1/1] Compiling bindd" in err and "built in" in err
    assert len(tree.builds) == 1
    return tree


def test_an_import_with_nothing_to_do_starts_no_process_and_reads_no_source(tree: Tree) -> None:
    before = len(tree.builds)
    code = """
import sys
seen = []
def look(event, arguments):
    if event in ("subprocess.Popen", "os.fork", "os.exec", "os.posix_spawn", "os.system", "socket.connect"):
        seen.append(event)
    if event == "open" and str(arguments[0]).endswith((".swift", ".c", ".h")):
        seen.append(arguments[0])
sys.addaudithook(look)
import bindd
print(seen, "argparse" in sys.modules, "subprocess" in sys.modules, "hashlib" in sys.modules)
"""
    assert tree.run("-c", code) == (0, "[] False False False\n", "")
    assert len(tree.builds) == before


def test_six_processes_at_once_make_one_build(tree: Tree) -> None:
    before = len(tree.builds)
    tree.change()
    processes = [tree.start() for _ in range(6)]
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 6, said
    assert len(tree.builds) == before + 1
    assert sum("Sources/bindd/Bindd.swift changed" in err for _, err in said) == 1
    assert all("waiting for it" in err or "building" in err or err == "" for _, err in said), said


def test_touching_is_not_changing(tree: Tree) -> None:
    before = len(tree.builds)
    os.utime(tree.root / "Sources" / "bindd" / "Bindd.swift")
    assert tree.run()[0] == 0 and len(tree.builds) == before
    tree.change("python_client/csrc/bd_path.c")
    status, _, err = tree.run()
    assert status == 0 and "bd_path.c changed" in err and "cc bd_path.c" in err
    assert len(tree.builds) == before + 1 and "cc bd_graph.c" not in err, "only what changed is compiled"


def test_what_is_missing_is_built_and_left_over_stubs_go(tree: Tree) -> None:
    package = tree.root / "python_client" / "src" / "bindd"
    (package / "_bin" / "bindd").unlink()
    left_over = package / "gone.pyi"
    left_over.write_text((package / "graph.pyi").read_text())
    (package / "faebryk.pyi").unlink()
    status, _, err = tree.run()
    assert status == 0 and "a part of the last build is missing" in err
    assert (package / "_bin" / "bindd").exists() and (package / "faebryk.pyi").exists() and not left_over.exists()


def test_a_failing_build_is_an_import_error_with_the_compilers_words(tree: Tree) -> None:
    path = tree.root / "Sources" / "bindd" / "Bindd.swift"
    good = path.read_text()
    tree.change(text="BROKEN\n")
    processes = [tree.start() for _ in range(3)]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 1
        last = err[err.index("Traceback"):]
        assert "ImportError: bindd could not be built (release)" in last and "BINDD_NORECOMPILE=1" in last
        assert "error: cannot find 'BROKEN' in scope" in last
    assert tree.run(BINDD_NORECOMPILE="1")[:2] == (0, f"{bindd.__version__}\n"), "the last good build can be used"
    path.write_text(good)
    assert tree.run()[0] == 0


def test_an_error_in_the_c_code_is_told_too(tree: Tree) -> None:
    path = tree.root / "python_client" / "csrc" / "bd_path.c"
    good = path.read_text()
    tree.change("python_client/csrc/bd_path.c", "int broken(void) { return nowhere; }\n")
    status, _, err = tree.run()
    assert status == 1 and "ImportError" in err and "bd_path.c" in err and "nowhere" in err[err.index("Traceback"):]
    path.write_text(good)
    assert tree.run()[0] == 0


def test_without_a_compiler_it_says_what_is_missing(tree: Tree) -> None:
    tree.change()
    status, _, err = tree.run(PATH="/nowhere")
    assert status == 1 and "ImportError" in err and "cannot run swift" in err and "swift.org" in err
    assert tree.run()[0] == 0


def test_modes(tree: Tree) -> None:
    status, _, err = tree.run(BINDD_RELEASEMODE="fast")
    assert status == 1 and "BINDD_RELEASEMODE is 'fast'; it must be one of release, debug, checked" in err
    before = len(tree.builds)
    status, _, err = tree.run("-m", "bindd", "build", "--mode", "debug")
    assert status == 0 and "the last build was release" in err and "-c debug" in tree.builds[-1]
    assert tree.run()[0] == 0 and len(tree.builds) == before + 1, "without a wish, as built last"
    assert tree.run(BINDD_RELEASEMODE="release")[0] == 0
    assert "-c release" in tree.builds[-1] and len(tree.builds) == before + 2


def test_a_killed_builder_leaves_nobody_waiting(tree: Tree) -> None:
    tree.change()
    tree.slow.touch()
    before = len(tree.builds)
    builder = tree.start()
    end = time.monotonic() + 30
    while len(tree.builds) == before and time.monotonic() < end:
        time.sleep(0.02)
    os.killpg(builder.pid, signal.SIGKILL)
    builder.communicate()
    tree.slow.unlink()
    assert tree.run()[0] == 0 and len(tree.builds) == before + 2


def test_the_explicit_build_works_where_nothing_can_be_imported(tree: Tree) -> None:
    (tree.root / "python_client" / "src" / "bindd" / "_bindd.abi3.so").write_bytes(b"damaged")
    before = len(tree.builds)
    assert tree.run(BINDD_NORECOMPILE="1")[0] == 1
    (tree.root / "python_client" / "src" / "bindd" / "_bindd.abi3.so").unlink()
    status, _, err = tree.run(BINDD_NORECOMPILE="1")
    assert status == 1 and "python -m bindd build" in err
    assert tree.run("-m", "bindd", "build")[0] == 0 and len(tree.builds) == before + 1
    assert tree.run()[:2] == (0, f"{bindd.__version__}\n")
