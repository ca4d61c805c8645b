"""What fuzzing found in the extension, and what it begins with, once more: without libFuzzer, with the sanitizers of gcc.

The daemon's targets are replayed by `swift test` (Tests/FuzzTests); fuzz/run.py says what the targets are.
"""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from conftest import ROOT


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "fuzz" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    return load("run")


def inputs(target: str, folder: Path) -> list[Path]:
    """All that was found, an empty input, and random ones: the same each time."""
    source = random.Random(target)
    for number in range(400):
        (folder / f"random-{number}").write_bytes(source.randbytes(source.choice([0, 1, 6, 12, 48, 300]) if number else 0))
    return sorted(folder.iterdir()) + sorted((ROOT / "Tests" / "fixtures" / "fuzz" / target).glob("*"))


@pytest.mark.parametrize("target", ["c-wire", "c-idset", "c-arena"])
def test_targets_of_one_file(runner: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: str) -> None:
    monkeypatch.setattr(runner, "WORK", tmp_path / "work")
    (tmp_path / "inputs").mkdir()
    binary = runner.build_c(target, None, compiler="gcc", driver=ROOT / "fuzz" / "replay.c")
    cases = inputs(target, tmp_path / "inputs")
    done = subprocess.run([binary, *cases], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-6000:]
    assert done.stdout == f"{len(cases)}\n"


def test_a_check_that_is_missing_is_seen(runner: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The sanitizers of the replay work: without the check that bounds a block, one of these inputs ends it."""
    monkeypatch.setattr(runner, "WORK", tmp_path / "work")
    (tmp_path / "inputs").mkdir()
    binary = runner.build_c("c-wire", "c-wire", compiler="gcc", driver=ROOT / "fuzz" / "replay.c")
    done = subprocess.run([binary, *inputs("c-wire", tmp_path / "inputs")], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and ("AddressSanitizer" in done.stderr or "fuzz:" in done.stderr), done.stderr


def test_canaries_fit_the_source(runner: ModuleType) -> None:
    """The checks that they take out are there: else `make fuzz-canary` would only say so when somebody runs it."""
    for target, (name, check, _) in runner.CANARIES.items():
        assert (ROOT / "python_client" / "csrc" / name).read_text().count(check) >= 1, target


def test_answers_of_chosen_bytes(tmp_path: Path) -> None:
    """In a process of its own: replies.py brings a daemon with it that stays."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    code = "import replies, pathlib, sys\nfor n, s in enumerate(replies.seeds()): pathlib.Path(sys.argv[1], f'seed-{n}').write_bytes(s)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "fuzz"), "PYTHONFAULTHANDLER": "1"}
    subprocess.run([sys.executable, "-c", code, str(folder)], env=environment, check=True, timeout=30)
    source = random.Random(1)
    for path in list(folder.iterdir()):
        data = bytearray(path.read_bytes())
        for number in range(12):
            for _ in range(1 + number % 3):
                if len(data) > 2:
                    data[source.randrange(2, len(data))] = source.randrange(256)
            (folder / f"{path.name}-{number}").write_bytes(data)
    cases = sorted(folder.iterdir()) + sorted((ROOT / "Tests" / "fixtures" / "fuzz" / "c-replies").glob("*"))
    done = subprocess.run(
        [sys.executable, str(ROOT / "fuzz" / "replies.py"), *map(str, cases)], env=environment, capture_output=True, text=True,
        timeout=60)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout == f"{len(cases)}\n"
