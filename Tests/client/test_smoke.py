"""``python -m bindd.graph``: memory of client and worker comes back, and the check notices when it does not."""

from __future__ import annotations

import re
import subprocess
import sys

from conftest import Home, alone


def run(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bindd.graph", *arguments], env=home.environment, capture_output=True, text=True, timeout=100,
    )


def test_memory_of_both_processes_comes_to_rest(home: Home) -> None:
    done = run(home)
    assert done.returncode == 0, done.stdout + done.stderr
    rounds = re.findall(r"^ +(\d+) +\d+ +[\d.]+ +[\d.]+ +([\d.]+)$", done.stdout, re.M)
    assert [int(number) for number, _ in rounds] == list(range(1, 21)), done.stdout
    assert {kib for _, kib in rounds} == {rounds[0][1]}, "the graph's own memory is the same after each round"
    assert "plateau" in done.stdout
    assert not done.stderr, done.stderr


def test_wrong_arguments_are_told(home: Home) -> None:
    done = run(home, "--rounds", "0")
    assert done.returncode == 2 and "at least 1" in done.stderr


@alone
def test_growth_is_noticed() -> None:
    import contextlib
    import io

    from bindd import _smoke

    kept: list[bytearray] = []
    build = _smoke.build_and_destroy

    def leak(nodes: int) -> None:
        build(nodes)
        kept.append(bytearray(b"x" * (32 << 20)))

    _smoke.build_and_destroy = leak
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            assert _smoke.main(["--nodes", "100", "--rounds", "6"]) == 1
    finally:
        _smoke.build_and_destroy = build
        kept.clear()
    assert "memory still grows" in out.getvalue()
