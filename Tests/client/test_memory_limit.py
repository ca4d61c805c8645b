"""The graph's memory reaches its limit: the call that reaches it says so, and nothing that was there is lost."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from conftest import Home

MIB = 1 << 20

FILL = """
import bindd, pytest
from bindd.errors import LimitExceeded
from bindd.graph import EdgeReference, GraphView, NodeReference
"""


@pytest.mark.parametrize("setting", [{}, {"BINDD_ARENA": "0"}])
def test_the_call_that_reaches_the_limit_raises(home: Home, setting: dict[str, str]) -> None:
    code = FILL + """
view = GraphView.create()
first = GraphView.create()
nodes = [first.insert_node(node=NodeReference.create(text="x" * 3000)) for _ in range(200)]
made = 1
with pytest.raises(LimitExceeded, match="memory is full") as caught:
    while True:
        view.create_and_insert_node()
        made += 1
assert "BINDD_MEMORY_LIMIT" in str(caught.value) and isinstance(caught.value, MemoryError)
assert made > 10_000, made
assert view.get_node_count() == made and len(view.node_ids()) == made, "what failed left nothing, the rest is there"
assert [node.node().get_attr(key="text") for node in nodes] == ["x" * 3000] * 200
hub, node = view.get_self_node(), view.get_nodes()[5]
linked = 0
try:
    while True:
        text = f"{linked}-" * 400
        view.insert_edge(edge=EdgeReference.create(source=hub.node(), target=node.node(), edge_type=1, text=text))
        linked += 1
except LimitExceeded:
    pass
assert view.get_counts() == (made, linked) and linked < 2000
seen = []
hub.visit_edges_of_type(edge_type=1, ctx=None, f=lambda c, e: seen.append(e.edge().get_attr(key="text")))
assert seen == [f"{n}-" * 400 for n in range(linked)]
seen.clear()
del nodes
first.destroy()
for _ in range(100):
    NodeReference.create(text="y" * 3000)
assert view.get_counts() == (made, linked), "there is room again"
view.destroy()
del hub, node, view
again = GraphView.create()
for _ in range(made // 4):
    again.create_and_insert_node()
assert again.get_node_count() == made // 4 + 1
"""
    done = home.python(code, BINDD_MEMORY_LIMIT=str(4 * MIB), timeout=100, **setting)
    assert done.returncode == 0, done.stderr


def test_batches_and_files_that_do_not_fit_leave_nothing(home: Home) -> None:
    code = FILL + """
view = GraphView.create()
keep = view.insert_node(node=NodeReference.create(text="kept"))
data = None
for size in (300, 3000, 30_000):
    count = view.get_counts()
    try:
        with view.batch():
            for number in range(size):
                node = view.insert_node(node=NodeReference.create(text=f"{number} " * 20)).node()
                view.insert_edge(edge=EdgeReference.create(source=keep.node(), target=node, edge_type=1))
        assert size < 30_000
        data = view.to_bytes()
    except LimitExceeded as error:
        assert size == 30_000 and "nothing of the batch was done" in str(error)
        assert view.get_counts() == count
assert view.get_counts() == (3302, 3300) and keep.node().get_attr(key="text") == "kept"
copies = []
with pytest.raises(LimitExceeded):
    for _ in range(50):
        copies.append(GraphView.from_bytes(data=data))
assert all(copy.get_counts() == (3302, 3300) for copy in copies) and len(copies) >= 1
del copies
bindd._bindd._current().sync()
assert GraphView.from_bytes(data=data).get_counts() == (3302, 3300)
"""
    done = home.python(code, BINDD_MEMORY_LIMIT=str(6 * MIB), timeout=100)
    assert done.returncode == 0, done.stderr


def test_far_from_the_limit_nothing_waits(home: Home) -> None:
    """Up to a third of the memory is filled by commands; then each waits for its answer, up to the last."""
    code = FILL + f"""
limit = {600 * MIB}
view = GraphView.create()
view.get_node_count()
text = "z" * 60_000
trips = lambda: bindd.statistics()["round_trips"]
before, free = trips(), 0
for number in range(20_000):
    try:
        view.insert_node(node=NodeReference.create(number=number, text=f"{{number}}{{text}}"))
    except LimitExceeded:
        break
    if trips() == before:
        free = number
assert view.get_node_count() == number + 1
assert 2000 < free < number < 9800, (free, number)
for at in (1, free, number):
    assert view.attribute_column(key="number")[at] == at - 1
"""
    done = home.python(code, BINDD_MEMORY_LIMIT=str(600 * MIB), timeout=100)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", ["x", "1", "-5", "1e9"])
def test_a_wrong_limit_is_told_at_the_start(home: Home, text: str) -> None:
    home.environment["BINDD_MEMORY_LIMIT"] = text
    try:
        done = home.command("serve")
        assert done.returncode == 1 and "BINDD_MEMORY_LIMIT" in done.stderr and "whole number" in done.stderr
    finally:
        del home.environment["BINDD_MEMORY_LIMIT"]


def test_whatever_address_space_is_left(home: Home) -> None:
    """`ulimit -v`, which the daemon has from whoever starts it: the graph leaves tables and documents their part."""
    code = """
import resource, sys
limit = int(sys.argv[1]) << 20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from bindd import sexp
from bindd.graph import GraphView
view = GraphView.create()
for _ in range(1000):
    view.create_and_insert_node()
assert view.get_node_count() == 1001
assert len(list(sexp.parse("(a" + " (b 1)" * 20_000 + ")").root)) == 20_001
"""
    for mebibytes in (96, 110, 130, 150, 200, 270, 280, 293, 320, 420, 530, 545, 800, 1060):
        done = home.python(code, str(mebibytes))
        assert done.returncode == 0, (mebibytes, done.stderr[-1500:])
        home.command("stop")


def test_too_little_address_space_for_a_worker_is_a_memory_limit(home: Home, tmp_path: Path) -> None:
    """Between what a daemon needs and what a worker does: an error that says so, and no crash."""
    code = """
import bindd
from bindd.graph import GraphView
try:
    view = GraphView.create()
    for _ in range(1000):
        view.create_and_insert_node()
    assert view.get_node_count() == 1001
    print("runs")
except bindd.MemoryLimit as error:
    assert isinstance(error, MemoryError) and "no memory for the graph: Cannot allocate memory" in str(error), error
    assert "ulimit -v" in str(error), error
    print("refused")
"""
    seen = []
    for kibibytes in range(56_000, 90_000, 2_000):
        started = subprocess.run(
            ["bash", "-c", f'ulimit -v {kibibytes} && exec "$@"', "bash", home.binary, "serve", "--detach"],
            env=home.environment, capture_output=True, text=True, timeout=30)
        if started.returncode:
            continue  # not enough for the daemon itself
        done = home.python(code)
        assert done.returncode == 0, (kibibytes, done.stderr[-1500:])
        seen.append(done.stdout.strip())
        reports = json.loads(home.command("crash", "list", "-o", "json").stdout)["crashes"]
        causes = {each["cause"] for each in reports if each["finished"]}
        assert causes <= {"exit code 70"}, (kibibytes, causes)
        home.command("stop")
    assert seen == sorted(seen) and set(seen) == {"refused", "runs"}, seen
