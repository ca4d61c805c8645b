"""Ways to kill, corrupt or fool the replaced layer, each in a process of its own: here the interpreter lives.

Passing: exit status 0, or an ordinary uncaught exception of a kind that the table's index calls good; never a signal or a
hang, and no result that says WRONG, CORRUPT or LOSS, or LEAK of more than a megabyte (those scripts always print how much).
Scripts whose classes do not exist yet wait (crash_table.py); they join by themselves.
"""

from __future__ import annotations

import builtins
import importlib
import re
import resource
import subprocess
import sys
from pathlib import Path

import crash_table
import pytest
from conftest import SHARED, Home

FOLDER = SHARED / "crash_table"
SECONDS = 40
ADDRESS_SPACE = 9 << 30
LEAK_KIB_MAX = 1024
# What a script calls loss or corruption though it is none: its file has four footprints and not one; it prints LOSS whatever
# it counts, and here as many parentheses come out as went in.
AS_IT_SHOULD_BE = {
    "098_file_dropped_child_kept": r"RESULT CORRUPT: version=20241229 footprints=4",
    "123_unknown_fields_dropped": r"RESULT LOSS: (\d+) '\(' in, \1 out",
}

# Exceptions that are good though the index does not name their class: a symbol is no unit of a symbol (B33), and an object
# that was never made is "not usable, error".
GOOD_AS_WELL = {"103_self_referencing_list": {"TypeError"}, "107_dumps_failed_init": {"TypeError"}}


def scripts() -> list[crash_table.Script]:
    found = [crash_table.read(path) for path in sorted(FOLDER.glob("*.py"))]
    return [script for script in found if script is not None]


SCRIPTS = scripts()
READY = [script for script in SCRIPTS if not script.missing]


def good_behaviour() -> dict[str, str]:
    rows = [line.split("\t") for line in (FOLDER / "index.tsv").read_text("utf-8").splitlines()[1:]]
    return {row[0]: row[-1] for row in rows}


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def ancestors(exception: str) -> set[str]:
    """Names of the class, as a traceback ends with it, and of its bases."""
    module, _, name = exception.rpartition(".")
    module = "bindd.errors" if module == "faebryk.core.zig" else module  # where they say they live
    found = getattr(importlib.import_module(module) if module else builtins, name, None)
    return {name} | ({base.__name__ for base in found.__mro__} if isinstance(found, type) else set())


def test_what_waits_needs_classes_that_do_not_exist() -> None:
    assert len(SCRIPTS) >= 85 and len(READY) >= 49, [script.name for script in READY]
    for script in SCRIPTS:
        assert script in READY or all(".faebryk." in path for path in script.missing), (script.name, script.missing)


@pytest.mark.parametrize("script", READY, ids=lambda script: script.name)
def test_the_interpreter_lives(home: Home, tmp_path: Path, script: crash_table.Script) -> None:
    path = tmp_path / script.path.name
    path.write_text(script.text(), "utf-8")
    environment = {**home.environment, "CRASH_DATA": str(FOLDER / "data")}
    done = subprocess.run(
        [sys.executable, str(path)], env=environment, capture_output=True, text=True, timeout=SECONDS, preexec_fn=limit,
        errors="replace",
    )
    told = f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    assert done.returncode in (0, 1), f"exit status {done.returncode}\n{told}"
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    for line in results:
        leak = re.search(r"LEAK.* (-?\d+) KiB", line)
        is_right = re.fullmatch(AS_IT_SHOULD_BE.get(script.name, "$"), line.strip())
        assert is_right or not re.search("WRONG|CORRUPT|LOSS", line), told
        assert "LEAK" not in line or (leak and int(leak.group(1)) <= LEAK_KIB_MAX), told
    if done.returncode == 0:
        assert results, f"no result\n{told}"
        return
    raised = None
    for line in done.stderr.splitlines():  # the last one that names an exception: what follows may be more of its message
        raised = re.match(r"[\w.]*(Error|Exception|Interrupt)\b", line) or raised
    assert raised, told
    wanted = set(re.findall(r"\w+(?:Error|Exception)", good_behaviour()[script.name]))
    wanted |= GOOD_AS_WELL.get(script.name, set())
    assert ancestors(raised.group(0)) & wanted, f"raised {raised.group(0)}, good would be {wanted}\n{told}"
