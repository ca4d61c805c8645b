"""The extension believes no word of the arena: whatever is in there, reads give answers or ordinary exceptions, soon.

What is done is in hostile_arena.py. BINDD_TEST_LONG=1 corrupts two million times, and again with an extension that is
compiled with the address and undefined behaviour sanitizers.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import HERE, ROOT, Home, alone

SCRIPT = str(HERE / "hostile_arena.py")
IS_LONG = os.environ.get("BINDD_TEST_LONG") == "1"
SEED = int(os.environ.get("BINDD_TEST_SEED", "0")) or int.from_bytes(os.urandom(3), "little")


def recorded(home: Home, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    subprocess.run([sys.executable, SCRIPT, "record", str(folder)], env=home.environment, check=True, timeout=60)


def attacked(folder: Path, count: int, timeout: float, **environment: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, SCRIPT, "attack", str(folder), str(SEED), str(count)],
        env={**os.environ, "PYTHONFAULTHANDLER": "1", **environment, "BINDD_SOCKET": str(folder / "fake.sock")},
        capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, f"seed {SEED}: exit status {done.returncode}\n{done.stderr[-6000:]}"
    assert "runtime error" not in done.stderr, f"seed {SEED}: {done.stderr[-6000:]}"
    story: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(story)
    assert story["outcomes"]["answer"] > count
    assert set(story["outcomes"]) <= {"answer", "BinddError"}, f"seed {SEED}: {story}"
    assert story["file_grew_mib"] <= 4 * 18, f"seed {SEED}: reads touched what the worker does not use: {story}"
    assert story["slowest_s"][0] < 3, f"seed {SEED}: {story}"
    assert story["rss_max_mib"] < 1500, f"seed {SEED}: {story}"
    return story


def test_corrupted_words_give_answers_or_exceptions(home: Home, tmp_path: Path) -> None:
    recorded(home, tmp_path / "a")
    attacked(tmp_path / "a", 20_000, 60)


@alone
def test_answers_are_prefixes_while_others_write() -> None:
    import subprocess
    import tempfile

    import bindd
    import hostile_arena
    from bindd.graph import GraphView

    views = [GraphView.create() for _ in range(hostile_arena.VIEWS)]
    views[0].get_counts()
    arena = next(
        int(name) for name in os.listdir("/proc/self/fd")
        if "bindd-arena" in os.readlink(f"/proc/self/fd/{name}"))
    seconds = 30 if IS_LONG else 3
    with tempfile.TemporaryDirectory() as folder:
        reader = subprocess.Popen(
            [sys.executable, SCRIPT, "watch", folder, str(arena), str(seconds)], pass_fds=[arena], text=True,
            env={**os.environ, "BINDD_SOCKET": f"{folder}/fake.sock"}, stdout=subprocess.PIPE)
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        written = hostile_arena.grow(views, seconds)
        bindd._bindd._current().sync()
        last = json.loads(reader.communicate(timeout=60)[0])
    assert reader.returncode == 0
    print(written, last)
    assert last["reads"] > 10 * hostile_arena.VIEWS and last["asked"] < last["reads"] / 10
    assert all(0 < count <= written for known in last["known"] for count in known)


if IS_LONG:

    @pytest.mark.timeout(3000)
    def test_two_million_corruptions(home: Home, tmp_path: Path) -> None:
        recorded(home, tmp_path / "a")
        attacked(tmp_path / "a", 2_000_000, 2900)

    @pytest.mark.timeout(1500)
    def test_corrupted_words_under_sanitizers(home: Home, tmp_path: Path) -> None:
        recorded(home, tmp_path / "a")
        built = sanitized(tmp_path / "built")
        runtime = [
            subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
            for name in ("libasan.so", "libubsan.so")]
        story = attacked(
            tmp_path / "a", 100_000, 1200, PYTHONPATH=str(built), LD_PRELOAD=" ".join(runtime),
            ASAN_OPTIONS="detect_leaks=0", UBSAN_OPTIONS="print_stacktrace=1")
        assert Path(story["extension"]).is_relative_to(built)

    def sanitized(built: Path) -> Path:
        """The package with an extension that is compiled with sanitizers."""
        source = built.parent / "python_client"
        shutil.copytree(ROOT / "python_client", source, ignore=shutil.ignore_patterns("build", "*.so", "*.egg-info"))
        shutil.copytree(ROOT / "Sources" / "CLayout", built.parent / "Sources" / "CLayout")
        subprocess.run(
            [sys.executable, "setup.py", "-q", "build", "--build-lib", str(built)], cwd=source, check=True,
            env={**os.environ, "CFLAGS": "-fsanitize=address,undefined -fno-omit-frame-pointer -O1"})
        return built
