"""Recorded behaviour of the replaced layer, replayed through ``pyzig.gen``: every case whose calls exist.

Which cases those are is read from the case and from the module tree: when a class appears, its cases join by themselves.
Where upstream has a defect that the specification names, what the specification calls right passes as well.
"""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from conftest import HERE, ROOT, Home

CALLED = re.compile(r'"(?:call|name|other)": "((?:graph|faebryk)\.[\w.]+)"')
CASES = {"open": 367, "intent": 18}
# What was a crash of the replaced layer and may be lifted instead of refused: more than six attributes of an edge or a node.
LIFTED = {("seven_edge_attributes.jsonl", 5), ("seven_node_attributes.jsonl", 6)}


def exists(dotted: str) -> bool:
    """Whether the module of ``faebryk.typegraph.TypeGraph.create`` and its class are in the tree."""
    module, _, rest = dotted.partition(".")
    name, _, member = rest.partition(".")
    try:
        found = importlib.import_module(f"pyzig.gen.{module}.{name}")
    except ImportError:
        return False
    return module == "graph" or hasattr(found, member.partition(".")[0])


def runnable(folder: Path) -> list[str]:
    cases = sorted(folder.glob("*.jsonl"))
    assert cases, f"no recorded cases in {folder}"
    return [str(case) for case in cases if all(exists(call) for call in set(CALLED.findall(case.read_text("utf-8"))))]


@pytest.mark.parametrize("arena", ["1", "0"])
@pytest.mark.parametrize("kind", CASES)
def test_recorded_cases(home: Home, shared: Path, kind: str, arena: str) -> None:
    golden = shared / "golden" / "graph"
    cases = runnable(golden / kind)
    assert len(cases) >= CASES[kind], cases
    done = subprocess.run(
        [sys.executable, str(HERE / "golden.py"), str(golden)],
        input="\n".join(cases), env={**home.environment, "BINDD_ARENA": arena}, capture_output=True, text=True, timeout=100,
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    for result in results:
        result["errors"] = [error for error in result["errors"] if (result["case"], error[0]) not in LIFTED]
    failed = [result for result in results if result["errors"]]
    assert not failed, "\n".join(
        f"{result['case']}: step {step} {json.dumps(call)[:400]}\n   want {json.dumps(want)[:600]}\n   got  {json.dumps(got)[:600]}"
        for result in failed for step, call, want, got in result["errors"]
    )
    assert done.returncode == 0 and len(results) == len(cases), f"after {results[-1:]}: {done.stderr[-2000:]}"


def test_the_tree_of_the_replaced_layer() -> None:
    """As programs walk it: names without an underscore, modules only; the classes are bindd's own."""
    import bindd.graph
    import pyzig

    found: dict[str, list[str]] = {}

    def walk(module: ModuleType) -> None:
        found[module.__name__] = []
        for name in dir(module):
            value = getattr(module, name)
            if name.startswith("_"):
                continue
            if type(value) is ModuleType:
                assert value.__name__ == f"{module.__name__}.{name}", "a module that is not of the tree"
                walk(value)
            else:
                found[module.__name__].append(name)

    walk(pyzig)
    assert set(found) >= {"pyzig", "pyzig.gen", "pyzig.gen.graph", "pyzig.gen.graph.graph", "pyzig.gen.faebryk"}
    names = found["pyzig.gen.graph.graph"]
    assert names == sorted(bindd.graph.__all__), "the graph module has all classes and nothing else"
    assert all(getattr(pyzig.gen.graph.graph, name) is getattr(bindd.graph, name) for name in names)
    assert pyzig.gen.graph.graph.BoundNode.__name__ == "BoundNodeReference"


def test_bindd_does_not_know_of_it() -> None:
    for path in (ROOT / "python_client" / "src").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) pyzig", path.read_text("utf-8"), re.M), path
