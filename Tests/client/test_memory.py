"""What nodes and edges take, and that it comes back: in the worker, by what it tells and by what the system sees, and here.

BINDD_TEST_LONG=1 builds 20 million nodes, which must fit into 24 GiB.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Home, alone

IS_LONG = os.environ.get("BINDD_TEST_LONG") == "1"
BYTES_MAX = 100


def resident(pid: int) -> int:
    """Bytes of the process that are in memory, its part of the arena included."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise AssertionError(f"no process {pid}")


def told() -> int:
    """`memory_bytes` of the only workspace, as `bindd inspect` shows it."""
    binary = os.environ.get("BINDD_BIN") or str(Path(sys.executable).with_name("bindd"))
    done = subprocess.run([binary, "inspect", "handles", "-o", "json"], capture_output=True, text=True, check=True)
    (workspace,) = json.loads(done.stdout)["workspaces"]
    return int(workspace["memory_bytes"])


def until(condition: Callable[[], bool], seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


@alone
def test_bytes_per_node_and_edge_and_all_of_it_comes_back() -> None:
    import gc

    import bindd
    from bindd.graph import EdgeReference, GraphView, NodeReference

    count = 200_000
    first = GraphView.create()
    first.get_counts()
    workspace = bindd._bindd._current()
    worker = workspace.pid
    sizes = []

    def look() -> None:
        workspace.sync()
        time.sleep(0.3)  # the worker tells what it holds with its heartbeat
        sizes.append((told(), resident(worker)))

    look()
    own = resident(os.getpid())
    view = GraphView.create()
    for at in range(count):
        view.insert_node(node=NodeReference.create(k=at))
    look()
    nodes = [bound.node() for bound in view.get_nodes()]
    look()
    for at in range(count):
        # As many edges as nodes is the dear case: every node has a list of its own for two of them.
        view.insert_edge(edge=EdgeReference.create(source=nodes[at], target=nodes[at + 1], edge_type=1, k=at))
    look()
    for at in range(2 * count):
        view.insert_edge(
            edge=EdgeReference.create(source=nodes[at % count], target=nodes[at * 7 % count], edge_type=1, k=at))
    look()
    held = resident(os.getpid())
    for name, (after, before), number in (
        ("node", (1, 0), count), ("edge, 1 per node", (3, 2), count), ("edge, 3 per node", (4, 2), 3 * count),
    ):
        per_told, per_resident = ((sizes[after][i] - sizes[before][i]) / number for i in (0, 1))
        print(f"{name}: {per_told:.1f} bytes told, {per_resident:.1f} resident")
        # Resident is the whole process's, in pages: its buffers and the allocator's habits are in it, too.
        assert per_told <= BYTES_MAX and per_resident <= BYTES_MAX * 1.02
    del nodes
    view.destroy()
    gc.collect()
    workspace.sync()
    took = sizes[-1][1] - sizes[0][1]
    assert until(lambda: told() <= sizes[0][0] + (1 << 20)), (told(), sizes[0])
    assert until(lambda: resident(worker) - sizes[0][1] < took / 10), (resident(worker), sizes)
    assert resident(os.getpid()) - own < (held - own) / 2 + (16 << 20), (own, held, resident(os.getpid()))


if IS_LONG:

    @pytest.mark.timeout(1200)
    def test_twenty_million_nodes_fit_into_24_gib(home: Home) -> None:
        done = home.python(TWENTY_MILLION, timeout=1100)
        assert done.returncode == 0, done.stderr[-4000:]
        print(done.stdout)


TWENTY_MILLION = """
import bindd
from bindd.graph import GraphView, NodeReference
from test_memory import resident
view = GraphView.create()
for at in range(20_000_000):
    view.insert_node(node=NodeReference.create(k=at))
assert view.get_node_count() == 20_000_001
worker = bindd._bindd._current().pid
import os
both = resident(worker) + resident(os.getpid())
print(f"{both >> 20} MiB")
assert both < 24 << 30
assert resident(worker) / 20e6 <= 100
"""
