"""docs/DEBUGGING.md as it is written: each command is run, each line that it shows must come, in that order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import ROOT, Home

PAGE = ROOT / "docs" / "DEBUGGING.md"


def sessions() -> list[tuple[str, list[str]]]:
    """Command and expected lines of each console block."""
    blocks = re.findall(r"```console\n\$ (.*?)\n(.*?)```", PAGE.read_text(), re.S)
    return [(command, shown.splitlines()) for command, shown in blocks]


def is_like(expected: str, line: str) -> bool:
    """`…` stands for any text, and so do the blanks around it: columns are as wide as what they show."""
    return re.fullmatch(".*".join(re.escape(part) for part in re.split(r" *… *", expected)), line) is not None


def check(shown: list[str], lines: list[str]) -> None:
    """Every line in order; `…` alone stands for any number of lines. Blank lines say nothing."""
    at, may_skip = 0, False
    lines = [line.rstrip() for line in lines if line.strip()]
    for expected in (line.rstrip() for line in shown if line.strip()):
        if expected.strip() == "…":
            may_skip = True
            continue
        end = len(lines) if may_skip else min(at + 1, len(lines))
        found = next((index for index in range(at, end) if is_like(expected, lines[index])), None)
        assert found is not None, f"the page shows {expected!r}; from there on came\n" + "\n".join(lines[at : at + 12])
        at, may_skip = found + 1, False


def test_the_page_is_what_happens(home: Home) -> None:
    found = sessions()
    assert len(found) == 5
    folder = Path(home.binary).parent
    environment = {
        **home.environment, "PATH": f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}", "BINDD_BIN": home.binary,
        "BINDD_PYTHON": sys.executable, "COLUMNS": "200"}
    for number, (command, shown) in enumerate(found):
        done = subprocess.run(
            ["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == (1 if number == 0 else 0), done.stderr
        check(shown, (done.stdout + done.stderr).splitlines())
        if number == 0:
            assert home.wait_until(lambda: home.command("crash", "show").returncode == 0)
