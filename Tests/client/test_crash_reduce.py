"""From a crash to its reproducer: every planted bug is replayed and reduced to at most ten calls, which crash as well."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import planted
import pytest
from conftest import HERE, Home

CALLS_MAX = 10
SEED = int(os.environ.get("BINDD_TEST_SEED", "0")) or random.randrange(1, 1 << 30)
IS_LONG = bool(os.environ.get("BINDD_TEST_LONG"))
# Each run tries some of them, the printed seed says which; the long run tries all.
DRAWN = sorted(planted.BUGS) if IS_LONG else random.Random(SEED).sample(sorted(planted.BUGS), 4)


def crash(home: Home, bug: str, seed: int, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(HERE / "planted.py"), bug, str(seed), *more], env={**home.environment, "BINDD_PLANTED": "1"},
        capture_output=True, text=True, timeout=60)


def newest_report(home: Home) -> dict[str, object]:
    assert home.wait_until(lambda: home.command("crash", "show").returncode == 0), home.command("crash", "show").stderr
    report: dict[str, object] = json.loads(home.command("crash", "show", "-o", "json").stdout)
    return report


@pytest.mark.parametrize("bug", DRAWN)
def test_a_planted_bug_is_reduced_to_a_few_calls(home: Home, bug: str) -> None:
    print(f"seed {SEED}")
    done = crash(home, bug, SEED)
    assert "the native core died" in done.stderr, done.stderr
    report = newest_report(home)
    replayed = home.command("crash", "replay", "--times", "5", timeout=60)
    assert replayed.returncode == 0 and "as reported, 5 times of 5" in replayed.stdout, replayed.stderr
    home.environment["BINDD_PYTHON"] = sys.executable
    reduced = home.command("crash", "reduce", "-o", "json", timeout=120)
    assert reduced.returncode == 0, reduced.stderr + reduced.stdout
    found = json.loads(reduced.stdout)
    assert found["calls"] <= CALLS_MAX, found["trace"]
    assert found["checked"] == f"checked: it dies with {report['cause']} in {report['operation']}"
    assert f"debug.plant(bug='{bug}')" in found["script"]
    assert Path(found["path"]).read_text() == found["script"]
    assert len(found["script"].encode()) < 1024 + 64, found["script"]


def test_the_second_crash_of_a_workspace_is_replayed_as_well(home: Home) -> None:
    """The session that went on after the first is still the same session."""
    assert "the native core died" in crash(home, "triangle", SEED, "again").stderr
    newest_report(home)
    done = home.command("crash", "replay", "--times", "3", timeout=60)
    assert done.returncode == 0 and "as reported, 3 times of 3" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("bug", ["copy-of-a-copy", "fourth-view", "print-one-of-three", "destroy-with-twins"])
def test_a_journal_that_begins_with_an_image_is_reduced_as_well(home: Home, bug: str) -> None:
    """What the image held is made by requests, of which those are left that the crash needs."""
    home.environment["BINDD_PYTHON"] = sys.executable
    assert "the native core died" in crash(home, bug, SEED, "compacted").stderr
    newest_report(home)
    journals = list(Path(home.environment["BINDD_STATE"]).rglob("journal.?"))
    assert journals and sum(path.stat().st_size for path in journals) < 8 << 20, [(str(path), path.stat().st_size) for path in journals]
    reduced = home.command("crash", "reduce", "-o", "json", timeout=120)
    assert reduced.returncode == 0, reduced.stderr + reduced.stdout
    found = json.loads(reduced.stdout)
    assert found["calls"] <= CALLS_MAX and found["checked"].startswith("checked: it dies"), found


def test_a_hundred_replays_die_of_the_same_request(home: Home) -> None:
    assert "the native core died" in crash(home, "triangle", SEED).stderr
    newest_report(home)
    done = home.command("crash", "replay", "--times", "100", timeout=60)
    assert done.returncode == 0 and "as reported, 100 times of 100" in done.stdout, done.stderr


def test_bugs_are_planted_only_where_that_is_asked_for(home: Home) -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "planted.py"), "triangle", "1"], env={**home.environment, "BINDD_PLANTED": ""},
        capture_output=True, text=True, timeout=60)
    assert "this daemon plants no bugs" in done.stderr
    assert home.command("crash", "list").stdout.startswith("no crash")


def test_a_death_between_requests_has_nothing_to_replay(home: Home) -> None:
    done = home.python("""
import os, signal, bindd
from bindd.graph import GraphView
view = GraphView.create()
workspace = bindd._bindd._current()
workspace.sync()
os.kill(workspace.pid, signal.SIGKILL)
workspace.sync()
""")
    assert "WorkerCrashed" in done.stderr
    newest_report(home)
    for command in ("replay", "reduce"):
        told = home.command("crash", command)
        assert told.returncode == 1 and "between two requests" in told.stderr, told.stderr


def test_a_crash_that_does_not_come_again_is_told(home: Home) -> None:
    """A request that was killed from outside does nothing wrong when it is applied again."""
    done = home.python("""
import os, signal, threading, bindd
from bindd import debug
from bindd.graph import GraphView
view = GraphView.create()
workspace = bindd._bindd._current()
threading.Timer(0.2, os.kill, (workspace.pid, signal.SIGSEGV)).start()
debug.hang(0.4)
""")
    assert "WorkerCrashed" in done.stderr
    newest_report(home)
    told = home.command("crash", "replay")
    assert told.returncode == 1 and "0 times of 1" in told.stderr, told.stdout + told.stderr
    told = home.command("crash", "reduce")
    assert told.returncode == 1 and "does not crash again" in told.stderr
