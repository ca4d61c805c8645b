"""Recorded behaviour of the replaced layer's KiCad models, replayed through ``pyzig_sexp`` as it was intended.

A case that fails is listed here with its reason, or the test fails; so is one that is listed and passes. Losing nothing wins
over what was recorded: README of the cases.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import HERE, Home

REASONS: dict[str, str] = json.loads((HERE / "golden_models.json").read_text("utf-8"))
CHECKED = {"handmade": 747, "files": 395}


EACH = {"handmade": 1, "files": 1 if os.environ.get("BINDD_TEST_LONG") else 3}
"""Every third of the cases about files, which take most of the time in the replay's own Python; all in the long form."""


@pytest.mark.parametrize("name", CHECKED)
def test_recorded_cases(home: Home, shared: Path, tmp_path: Path, name: str) -> None:
    folder = shared / "golden" / "sexp"
    lines = (folder / f"{name}.jsonl").read_text("utf-8").splitlines(keepends=True)
    chosen = [line for i, line in enumerate(lines) if i % EACH[name] == 0 or json.loads(line)["id"] in REASONS]
    (tmp_path / "cases.jsonl").write_text("".join(chosen), "utf-8")
    done = subprocess.run(
        [sys.executable, str(folder / "replay_sexp.py"), "pyzig_sexp", str(tmp_path / "cases.jsonl"), "--mode", "intended", "--inproc",
         "--corpus", str(shared / "corpus")],
        env=home.environment, capture_output=True, text=True, timeout=110,
    )
    counts = json.loads(done.stdout.splitlines()[-1])
    failed = dict(re.findall(r"^FAIL (\S+) (.*)$", done.stdout, re.MULTILINE))
    assert counts["checked"] >= CHECKED[name] // EACH[name] and counts["failed"] == len(failed), counts
    told = {case: text for case, text in failed.items() if case not in REASONS}
    assert not told, "\n".join(f"{case}: {text[:600]}" for case, text in told.items())
    cases = {json.loads(line)["id"] for line in chosen}
    passed = sorted(set(REASONS) & cases - set(failed))
    assert not passed, f"these pass and need no reason any more: {passed}"
