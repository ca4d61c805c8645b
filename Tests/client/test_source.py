"""The borders of the rooms, read from the source: who may import whom, and what no room may contain."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

SOURCES = ROOT / "Sources"
MAY_IMPORT = {
    "Wire": set(),
    "GraphCore": {"CLayout", "Glibc"},
    "SexpCore": {"CLayout", "Glibc"},
    "Journal": {"CLayout", "CShim", "Glibc", "Wire"},
    "bindd": {
        "CCrash", "CLayout", "CShim", "Glibc", "Wire", "GraphCore", "SexpCore", "Journal", "ArgumentParser", "Logging",
    },
}
IMPORT = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:public |internal |private |package |fileprivate )?import\s+(?:struct |class |func )?(\w+)",
    re.M,
)


def swift_files(room: str) -> list[Path]:
    files = sorted((SOURCES / room).rglob("*.swift"))
    assert files, f"no Swift files in {room}"
    return files


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_rooms_import_only_what_they_may(room: str) -> None:
    for path in swift_files(room):
        imports = set(IMPORT.findall(path.read_text()))
        allowed = set(MAY_IMPORT[room])
        if room == "bindd" and "Loop" in path.relative_to(SOURCES).parts:
            allowed = {"CLibuv", "CShim", "Glibc"}
        assert imports <= allowed, f"{path.relative_to(ROOT)} imports {sorted(imports - allowed)}"


def test_no_foundation_anywhere() -> None:
    for path in SOURCES.rglob("*.swift"):
        assert "Foundation" not in set(IMPORT.findall(path.read_text())), path


def test_targets_depend_only_on_what_they_may() -> None:
    """Also across targets: what Package.swift lets a room reach, directly or through another."""
    done = subprocess.run(
        ["swift", "package", "--scratch-path", ".build", "describe", "--type", "json"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=300,
    )
    targets = {target["name"]: set(target.get("target_dependencies", ())) for target in json.loads(done.stdout)["targets"]}

    def reach(name: str, seen: set[str]) -> set[str]:
        for other in targets.get(name, ()):
            if other not in seen:
                reach(other, seen | {other})
                seen |= {other} | reach(other, seen | {other})
        return seen

    assert reach("Wire", set()) == set()
    assert reach("GraphCore", set()) <= {"CLayout"}
    assert reach("SexpCore", set()) <= {"CLayout"}
    for name in ("Wire", "GraphCore", "SexpCore", "CLayout", "CShim", "CCrash"):
        assert not reach(name, set()) & {"bindd", "CLibuv"}


def test_nothing_forces_or_swallows() -> None:
    banned = re.compile(r"\btry!|\bas!|fatalError\(\)|@preconcurrency|nonisolated\(unsafe\)")
    for room in MAY_IMPORT:
        for path in swift_files(room):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                code = line.split("//")[0]
                assert not banned.search(code), f"{path.relative_to(ROOT)}:{number}: {line.strip()}"


def test_files_say_what_they_are_for_and_stay_small() -> None:
    kinds = {".swift": "//", ".c": "/*", ".h": "/*"}
    paths = [*SOURCES.rglob("*"), *(ROOT / "python_client" / "csrc").glob("*")]
    for path in paths:
        if path.suffix not in kinds or "generated" in path.parts or path.name in {"shim.h", "layout.c"}:
            continue
        text = path.read_text()
        assert text.startswith(kinds[path.suffix]), f"{path.relative_to(ROOT)} has no head comment"
        assert text.count("\n") <= 600, f"{path.relative_to(ROOT)} has {text.count(chr(10))} lines: which second idea is in it?"


def test_generated_files_are_fresh() -> None:
    binary = ROOT / ".venv" / "bin" / "bindd"
    described = subprocess.run([binary, "describe", "--json"], capture_output=True, text=True, check=True)
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "generate.py", "--check", "-"],
        input=described.stdout, capture_output=True, text=True, cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_stale_generated_file_is_noticed(tmp_path: Path) -> None:
    binary = ROOT / ".venv" / "bin" / "bindd"
    described = json.loads(subprocess.run([binary, "describe", "--json"], capture_output=True, check=True).stdout)
    described["classes"][0]["methods"][0]["doc"] += " Changed."
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "generate.py", "--check", "-"],
        input=json.dumps(described), capture_output=True, text=True, cwd=ROOT,
    )
    assert done.returncode == 1 and "stale" in done.stdout + done.stderr


def test_the_extension_neither_aborts_nor_exits_nor_asserts() -> None:
    banned = re.compile(r"\b(abort|_?exit|assert|Py_FatalError|__builtin_trap)\s*\(")
    for path in (ROOT / "python_client" / "csrc").rglob("*.[ch]"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            assert not banned.search(line), f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
