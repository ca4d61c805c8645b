"""Strangers at places of files of all formats: kept where they stand while something else is edited, and to be had from Python."""

from __future__ import annotations

import os
import random
from pathlib import Path

from conftest import Home


def test_a_stranger_at_every_place(home: Home, shared: Path) -> None:
    """Forms are refused nowhere; a word only where KiCad has a value too many, and the error says where."""
    seed = int(os.environ.get("BINDD_TEST_SEED") or random.randrange(1 << 30))
    places_max = 3_000 if os.environ.get("BINDD_TEST_LONG") else 40
    done = home.python(
        "import sys, planted_forms as planted; planted.check(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))",
        str(shared / "corpus"), str(seed), str(places_max), timeout=110,
    )
    assert done.returncode == 0, f"seed {seed}\n{done.stderr[-3000:]}"
