"""However a call travels, it gives what the specification says: random lists of calls, played on bindd and on a model. The
graph's own calls first, then those of the typed layer with them.

The same lists (same seed) go through commands that do not wait and reads from the arena, and through a round trip for each
request with nothing read locally; and once more while a second process writes to the same named workspace. A failure shows
the shortest list that fails and the seed. BINDD_TEST_LONG=1 plays 10,000 lists instead of 500, from a seed that it draws;
BINDD_TEST_EXAMPLES and BINDD_TEST_SEED say how many and which.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest
from conftest import HERE, Home

IS_LONG = os.environ.get("BINDD_TEST_LONG") == "1"
EXAMPLES = int(os.environ.get("BINDD_TEST_EXAMPLES", "10000" if IS_LONG else "500"))
SEED = int(os.environ.get("BINDD_TEST_SEED", str(random.SystemRandom().randrange(1 << 30)) if IS_LONG else "1"))
SECONDS = 120 + EXAMPLES // 2

pytestmark = pytest.mark.timeout(SECONDS + 20)


def play(home: Home, *workspace: str, typed: bool = False, examples: int = EXAMPLES, **environment: str) -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "equivalence.py"), *["--typed"] * typed, str(examples), str(SEED), *workspace],
        env={**home.environment, **environment}, capture_output=True, text=True, timeout=SECONDS,
    )
    print(done.stdout)
    if done.returncode != 0:
        pytest.fail(f"seed {SEED}, {environment}\n{done.stdout[-1000:]}\n{done.stderr[-6000:]}", pytrace=False)


def test_commands_that_do_not_wait(home: Home) -> None:
    """Reads come from the arena, unless the environment says otherwise."""
    play(home, BINDD_SYNC="0")


def test_a_round_trip_for_each_request(home: Home) -> None:
    play(home, BINDD_SYNC="1", BINDD_ARENA="0")


def test_beside_a_second_writer(home: Home) -> None:
    play(home, "shared", examples=max(1, EXAMPLES // 3), BINDD_SYNC="0")


def test_typed_commands_that_do_not_wait(home: Home) -> None:
    play(home, typed=True, examples=max(1, EXAMPLES // 3), BINDD_SYNC="0")


def test_a_round_trip_for_each_typed_request(home: Home) -> None:
    play(home, typed=True, examples=max(1, EXAMPLES // 10), BINDD_SYNC="1", BINDD_ARENA="0")


def test_typed_requests_beside_a_second_writer(home: Home) -> None:
    play(home, "shared", typed=True, examples=max(1, EXAMPLES // 10), BINDD_SYNC="0")
