"""Asking `bindd inspect handles` in tests: every JSON answer is held against docs/inspect.schema.json before it is used."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

SCHEMA = Path(__file__).resolve().parent.parent.parent / "docs" / "inspect.schema.json"
TYPES = {
    "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "integer": int, "number": (int, float),
}


@cache
def schema() -> dict[str, Any]:
    return json.loads(SCHEMA.read_text())


def faults(value: Any, rule: dict[str, Any], path: str = "$") -> list[str]:
    """Where the value is not as the rule says: the keywords that the schema uses, and no others."""
    known = {
        "$ref", "allOf", "oneOf", "type", "enum", "const", "minimum", "maximum", "required", "properties",
        "additionalProperties", "items", "maxItems", "description", "$schema", "title", "$defs",
    }
    assert set(rule) <= known, f"the validator does not know {set(rule) - known}"
    found = []
    if "$ref" in rule:
        found += faults(value, schema()["$defs"][rule["$ref"].removeprefix("#/$defs/")], path)
    for part in rule.get("allOf", ()):
        found += faults(value, part, path)
    if "oneOf" in rule:
        results = [faults(value, part, path) for part in rule["oneOf"]]
        if sum(not result for result in results) != 1:
            found.append(f"{path} fits {sum(not result for result in results)} of {len(results)}: {min(results, key=len)}")
    names = rule.get("type", [])
    names = [names] if isinstance(names, str) else names
    if names and not any(isinstance(value, TYPES[name]) and not (isinstance(value, bool) and name != "boolean") for name in names):
        return [*found, f"{path} is {value!r:.40}, not {names}"]
    if "enum" in rule and value not in rule["enum"]:
        found.append(f"{path} is {value!r}, not one of {rule['enum']}")
    if "const" in rule and value != rule["const"]:
        found.append(f"{path} is {value!r}, not {rule['const']!r}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if value < rule.get("minimum", value) or value > rule.get("maximum", value):
            found.append(f"{path} is {value}, out of range")
    if isinstance(value, dict):
        found += [f"{path}.{name} is missing" for name in rule.get("required", ()) if name not in value]
        for name, item in value.items():
            inner = rule.get("properties", {}).get(name, rule.get("additionalProperties"))
            if inner:
                found += faults(item, inner, f"{path}.{name}")
    if isinstance(value, list):
        if len(value) > rule.get("maxItems", len(value)):
            found.append(f"{path} has {len(value)} items")
        for index, item in enumerate(value[:50]):
            found += faults(item, rule.get("items", {}), f"{path}[{index}]")
    return found


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    binary = os.environ.get("BINDD_BIN") or str(Path(sys.executable).with_name("bindd"))
    return subprocess.run(
        [binary, *words], capture_output=True, text=True, timeout=60, env={**os.environ, **environment})


def inspect(*words: str, status: int = 0) -> Any:
    """The checked JSON of `bindd inspect handles WORDS`."""
    done = run("inspect", "handles", "-o", "json", *words)
    assert done.returncode == status, (done.returncode, done.stderr)
    answer = json.loads(done.stdout)
    wrong = faults(answer, {"$ref": "#/$defs/branch"} if "--tree" in words else schema())
    assert not wrong, wrong[:5]
    return answer


def while_silent(pid: int) -> Iterator[str]:
    """The states in which the process's own worker, alone in its daemon, answers nobody: "stopped", then "busy" in an endless
    loop. Ends with its death."""
    import bindd
    from bindd import debug

    os.kill(pid, signal.SIGSTOP)
    try:
        yield "stopped"
    finally:
        os.kill(pid, signal.SIGCONT)
    thread = threading.Thread(target=lambda: pytest.raises(bindd.BinddError, debug.hang))
    thread.start()
    while inspect()["workspaces"][0]["state"] != "busy":
        pass
    yield "busy"
    os.kill(pid, signal.SIGKILL)
    thread.join()
