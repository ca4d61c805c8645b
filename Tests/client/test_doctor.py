"""The doctor finds each planted fault, and the fix that it prints mends it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bindd
import pytest
from bindd import _doctor, _environment, _program
from conftest import ROOT, Home

USE = "from bindd.graph import GraphView; print(GraphView.create().get_node_count())"


def look(home: Home, before: str = "", **variables: str) -> list[dict[str, Any]]:
    """What the doctor finds in an interpreter of its own, started by a shell that may first set limits."""
    done = subprocess.run(
        ["bash", "-c", f'{before} exec "$@"', "-", sys.executable, "-m", "bindd", "doctor", "-o", "json"],
        env={**home.environment, **variables}, capture_output=True, text=True, timeout=60)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert done.returncode == any(finding["state"] == "bad" for finding in found), done.stderr
    return found


def fault(home: Home, check: str, words: str, before: str = "", **variables: str) -> str:
    """The fix of the one finding of this check that says so."""
    found = [one for one in look(home, before, **variables) if one["state"] != "ok"]
    matching = [one for one in found if one["check"] == check and words in one["text"]]
    assert len(matching) == 1 and matching[0]["fix"], (check, words, found)
    return str(matching[0]["fix"])


def apply(fix: str, home: Home) -> None:
    done = subprocess.run(["bash", "-c", fix], env=home.environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (fix, done.stderr)


def assert_healthy(home: Home, **variables: str) -> None:
    found = look(home, **variables)
    assert {one["state"] for one in found} == {"ok"}, [one for one in found if one["state"] != "ok"]
    names = {check.__name__ for check in _doctor.CHECKS} - {"stale_files"}
    assert names <= {one["check"] for one in found}, "each check says something"


def test_nothing_is_wrong(home: Home) -> None:
    assert_healthy(home)
    assert home.python(USE).stdout == "1\n"
    assert_healthy(home)  # with a daemon that runs
    done = home.command("doctor")
    assert done.returncode == 0 and "0 bad, 0 to note" in done.stdout, done.stdout + done.stderr


def test_a_folder_that_others_may_enter(home: Home) -> None:
    home.folder.chmod(0o755)
    fix = fault(home, "folder", "others may enter")
    apply(fix, home)
    assert_healthy(home)


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_is_no_folder(home: Home, tmp_path: Path, kind: str) -> None:
    place = tmp_path / "other"
    if kind == "link":
        place.symlink_to(home.folder)
    else:
        place.write_text("")
    home.environment["BINDD_SOCKET"] = str(place / "s.sock")
    apply(fault(home, "folder", "symbolic link" if kind == "link" else "not a folder"), home)
    assert_healthy(home)


def test_a_path_that_is_too_long(home: Home) -> None:
    variables = {"BINDD_SOCKET": "/tmp/" + "x" * 100}
    assert fault(home, "folder", "the limit is 100", **variables) == "unset BINDD_SOCKET"


def changed_program(folder: Path, change: Callable[[bytearray], None]) -> str:
    data = bytearray(Path(bindd.find_bindd_bin()).read_bytes())
    change(data)
    path = folder / "bindd"
    path.write_bytes(data)
    path.chmod(0o755)
    return str(path)


def script(path: Path, text: str, mode: int = 0o755) -> str:
    path.write_text("#!/bin/bash\n" + text)
    path.chmod(mode)
    return str(path)


def test_programs_that_cannot_be(home: Home, tmp_path: Path) -> None:
    real = bindd.find_bindd_bin()

    def for_another_machine(data: bytearray) -> None:
        data[18] = 183

    described = f"""if [[ $1 == describe ]]; then echo '{{"hash": "0123456789abcdef"}}'; else exec {real} "$@"; fi\n"""
    for check, words, path in (
        ("program", "is not there", str(tmp_path / "missing")),
        ("program", "is built for aarch64", changed_program(tmp_path, for_another_machine)),
        ("program", "is no program", script(tmp_path / "text", "").replace("text", "data")),
        ("cpu", "this processor has not", script(tmp_path / "ill", "kill -ILL $$\n")),
        ("program", "ended by SIGKILL", script(tmp_path / "kill", "kill -KILL $$\n")),
        ("program", "a library is missing: libuv.so", script(tmp_path / "lib", "echo libuv.so >&2; exit 127\n")),
        ("program", "status 4: no", script(tmp_path / "no", "echo no; exit 4\n")),
        ("versions", "it is no bindd", script(tmp_path / "mute", "")),
        ("versions", "different builds", script(tmp_path / "older", described)),
    ):
        (tmp_path / "data").write_text("no program at all, but a text")
        (tmp_path / "data").chmod(0o755)
        fix = fault(home, check, words, BINDD_BIN=path)
        assert fix == "unset BINDD_BIN" or check == "cpu" or fix.startswith("ldd ")
    plain = script(tmp_path / "plain", f'exec {real} "$@"\n', 0o644)
    apply(fault(home, "program", "may not be executed", BINDD_BIN=plain), home)
    assert_healthy(home, BINDD_BIN=plain)


def test_what_dead_daemons_leave(home: Home) -> None:
    with socket.socket(socket.AF_UNIX) as link:
        link.bind(str(home.socket))
    with socket.socket(socket.AF_UNIX) as link:
        link.bind(str(home.folder / ".4194304"))
    (home.folder / "old.sock.lock").write_text("4194304\n")
    for words in ("nobody listens", "while it started", "the lock of a daemon that is gone"):
        apply(fault(home, "stale files", words), home)
    assert_healthy(home)


def test_a_daemon_whose_socket_was_removed(home: Home) -> None:
    assert home.python(USE).stdout == "1\n"
    home.socket.unlink()
    apply(fault(home, "stale files", "nobody can reach it"), home)
    assert home.wait_until(lambda: not home.processes())
    assert_healthy(home)


def test_a_stopped_daemon(home: Home) -> None:
    assert home.python(USE).stdout == "1\n"
    pid = home.daemon_pid()
    assert pid
    os.kill(pid, signal.SIGSTOP)
    fix = fault(home, "daemon", "does not answer")
    assert fix.startswith(f"kill -CONT {pid}")
    apply(fix, home)
    assert_healthy(home)


def other_build(folder: Path) -> str:
    """The program with another build id: what a daemon that is left from yesterday looks like."""
    mine = bytes.fromhex(_program.build_of(bindd.find_bindd_bin()))

    def rename(data: bytearray) -> None:
        at = data.index(b"GNU\0" + mine)
        data[at + 4 : at + 8] = bytes(byte ^ 0xFF for byte in mine)

    return changed_program(folder, rename)


def test_versions_are_named_and_do_not_fight(home: Home, tmp_path: Path) -> None:
    """Two builds at once: each has its own daemon; told to share a socket, the older one is named, and nobody is killed."""
    other = other_build(tmp_path)
    runtime = Path(tempfile.mkdtemp(dir="/tmp"))  # short: a socket's path has little room
    apart = {"XDG_RUNTIME_DIR": str(runtime), "BINDD_SOCKET": "", "HOME_SOCKET": str(home.socket)}
    try:
        for program in (bindd.find_bindd_bin(), other, bindd.find_bindd_bin()):
            assert home.python(USE, BINDD_BIN=program, **apart).stdout == "1\n"
        assert len(list((runtime / "bindd").glob("*.sock"))) == 2
    finally:
        for program in (bindd.find_bindd_bin(), other):
            done = subprocess.run([program, "stop"], env={**home.environment, **apart}, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        shutil.rmtree(runtime)
    assert home.python(USE, BINDD_BIN=other).stdout == "1\n"
    pid = home.daemon_pid()
    assert home.python(USE).stdout == "1\n" and home.daemon_pid() == pid, "same API: it is used, not fought"
    apply(fault(home, "versions", "you talk to the older one"), home)
    assert_healthy(home)


def test_the_machine(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fault(home, "limits", "descriptors is 128", "ulimit -n 128;") == "ulimit -n 1024"
    assert fault(home, "limits", "address space", "ulimit -v 4000000;") == "ulimit -v unlimited"

    class Full:
        f_bavail, f_frsize, f_files, f_favail = 1, 4096, 10, 5

    monkeypatch.setattr(os, "statvfs", lambda _path: Full)
    (found,) = _doctor.disk()
    assert found.state == "bad" and "0 MiB left" in found.text and found.fix
    monkeypatch.setattr(Full, "f_bavail", 1 << 30)
    monkeypatch.setattr(Full, "f_favail", 0)
    (found,) = _doctor.disk()
    assert found.state == "bad" and "inodes" in found.text

    def refused(*_words: object) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "memfd_create", refused)
    monkeypatch.setattr(_doctor, "_number", lambda _path: 2)
    texts = [one.text for one in _doctor.limits()]
    assert any("memory files are not allowed" in text for text in texts) and any("overcommit" in text for text in texts)


def test_variables(home: Home) -> None:
    assert fault(home, "environment", "BINDD_MEMORYLIMIT is no variable", BINDD_MEMORYLIMIT="1") == "did you mean BINDD_MEMORY_LIMIT?"
    for name, text in (("BINDD_MEMORY_LIMIT", "1G"), ("BINDD_HANG_LIMIT", "-1"), ("BINDD_RELEASEMODE", "fast")):
        if name != "BINDD_RELEASEMODE":
            assert fault(home, "environment", f"{name} is {text!r}", **{name: text}) == f"unset {name}"
        assert next(one for one in _environment.VARIABLES if one.name == name).fault(text)
    assert fault(home, "environment", "BINDD_SYNC is 'yes'", BINDD_SYNC="yes") == "unset BINDD_SYNC"


def test_every_variable_is_known_and_on_one_page() -> None:
    import re

    used: dict[str, str] = {}
    places = [ROOT / "Sources", ROOT / "python_client", ROOT / "Tests", ROOT / "tools", ROOT / "Package.swift", ROOT / "Makefile"]
    for place in places:
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.suffix not in (".swift", ".py", ".c", "") or not path.is_file() or "build" in path.parts or "_bin" in path.parts:
                continue
            for name in re.findall(rb"(?:environ|getenv|nvironment|variable|Variable)[^\n]*?\b(BINDD_[A-Z_]+)\b", path.read_bytes()):
                used.setdefault(name.decode(), str(path.relative_to(ROOT)))
    known = {variable.name for variable in _environment.VARIABLES}
    made_up = {"BINDD_MEMORYLIMIT", "BINDD_CHECKED", "BINDD_"}
    unknown = {name: place for name, place in used.items() if name not in known | made_up and not name.startswith("BINDD_FUZZ_")}
    assert not unknown, f"add these to bindd/_environment.py, then docs/ENVIRONMENT.md: {unknown}"
    assert len(used) >= 10
    page = (ROOT / "docs" / "ENVIRONMENT.md").read_text()
    assert _environment.table() in page, "docs/ENVIRONMENT.md: python -m bindd doctor --variables prints its table"


def test_where_things_are(home: Home) -> None:
    done = subprocess.run([sys.executable, "-m", "bindd"], env=home.environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    for text in (bindd.__version__, str(bindd._bindd.__file__), str(home.socket), "no daemon runs", "BINDD_SOCKET"):
        assert text in done.stdout
    assert not home.processes(), "looking starts nothing"
    assert home.python(USE).stdout == "1\n"
    done = subprocess.run([sys.executable, "-m", "bindd"], env=home.environment, capture_output=True, text=True, timeout=30)
    assert "a daemon runs there" in done.stdout
    done = subprocess.run([sys.executable, "-m", "bindd", "nonsense"], env=home.environment, capture_output=True, text=True)
    assert done.returncode == 2 and "usage" in done.stderr
