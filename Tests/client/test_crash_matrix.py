"""A sample of operations × deaths × before and after, by a seed that is printed; `make crash-matrix` does all of them."""

from __future__ import annotations

import os
import random

import crash_matrix
import pytest
from conftest import Home

CASES = 160


@pytest.mark.timeout(180)
def test_a_sample_of_operations_and_deaths(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("BINDD_TEST_SEED") or random.randrange(1 << 32))
    every = crash_matrix.cases(crash_matrix.describe(home.binary))
    chosen = crash_matrix.sample(every, CASES, seed)
    found = crash_matrix.run(chosen, {**home.environment, "BINDD_BIN": home.binary})
    with capsys.disabled():
        print(f"\ncrash matrix: {len(found)} of {len(every)} cases, seed {seed} (BINDD_TEST_SEED)")
    wrong = {" ".join(case): fault for case, fault in found.items() if fault}
    assert not wrong, f"seed {seed}: {wrong}"
    assert set(found) == set(chosen)


def test_every_operation_has_a_row(home: Home) -> None:
    """The cases are drawn from the description: none is left out, whatever is declared later."""
    description = crash_matrix.describe(home.binary)
    named = set(crash_matrix.operations(description))
    numbered = {each["operation"] for each in description["operations"]}
    methods = [method for owner in description["classes"] for method in owner["methods"]] + description["functions"]
    numbered |= {method["operation"] for method in methods if method["operation"] is not None}
    assert len(named) == len(numbered) - len(crash_matrix.NOT_OF_WORKERS)
    assert {case[0] for case in crash_matrix.cases(description)} == named
    assert {case[1] for case in crash_matrix.cases(description)} == set(crash_matrix.DEATHS)


def test_a_hole_is_a_failure(home: Home) -> None:
    """An operation that nothing calls is found, and a call that sends no such request, too."""
    found = crash_matrix.run(
        [("sexp.unheard_of", "KILL", "before"), ("sync", "KILL", "before")], {**home.environment, "BINDD_BIN": home.binary})
    assert "is called by nothing" in found["sexp.unheard_of", "KILL", "before"]
    assert found["sync", "KILL", "before"] == ""


def test_a_short_soak(home: Home) -> None:
    """`make soak` kills 10,000 times."""
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, str(crash_matrix.__file__).replace("crash_matrix", "crash_soak"), "60"],
        env={**home.environment, "BINDD_BIN": home.binary}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "60 kills, 60 exceptions, 60 changes kept" in done.stdout
