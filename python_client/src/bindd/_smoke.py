"""The check behind ``python -m bindd.graph``: builds and destroys a large graph again and again and looks at the memory.

Each round makes a view of NODES nodes and as many edges, reads its counts, destroys it and drops every handle. Both
processes must come to rest: after the last round neither takes more than PLATEAU times what it took after round
FIRST_KEPT. Uses nothing that a user could not; a private workspace, gone at the end. Cost: about half a second a round.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import bindd
from bindd.graph import EdgeReference, GraphView

NODES = 100_000
ROUNDS = 20
FIRST_KEPT = 3
"""Until this round caches and heaps may fill."""
PLATEAU = 1.2


def resident_bytes(pid: int | str) -> int:
    """Memory of a process as the system counts it, mapped files included."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def build_and_destroy(nodes: int) -> None:
    view = GraphView.create()
    previous = view.get_self_node().node()
    edges = []
    for number in range(nodes):
        node = view.create_and_insert_node().node()
        edge = EdgeReference.create(source=previous, target=node, edge_type=number & 255, directional=True)
        edges.append(view.insert_edge(edge=edge))
        previous = node
    assert view.get_counts() == (nodes + 1, nodes), view.get_counts()
    view.destroy()


def run(nodes: int, rounds: int) -> int:
    """Prints a line per round. The exit status: 0 when the memory of both processes has come to rest."""
    print(f"{'round':>5} {'ms':>8} {'client RSS MiB':>15} {'worker RSS MiB':>15} {'graph memory KiB':>17}")
    kept: dict[str, int] = {}
    now: dict[str, int] = {}
    with bindd.connect() as workspace:
        for number in range(1, rounds + 1):
            start = time.perf_counter()
            build_and_destroy(nodes)
            workspace.sync()
            elapsed_ms = (time.perf_counter() - start) * 1000
            workspace.sync()  # the worker publishes its counts after it answered: this answer comes after they are out
            report = next(w for w in bindd.handles()["workspaces"] if w["worker_pid"] == workspace.pid)
            now = {"client": resident_bytes("self"), "worker": resident_bytes(workspace.pid)}
            graph_kib = report["memory_bytes"] / 1024
            print(
                f"{number:>5} {elapsed_ms:>8.0f} {now['client'] / 2**20:>15.1f} {now['worker'] / 2**20:>15.1f}"
                f" {graph_kib:>17.1f}", flush=True,
            )
            if number == min(FIRST_KEPT, rounds):
                kept = dict(now)
    grown = {who: now[who] / max(kept[who], 1) for who in now}
    told = ", ".join(f"{who} x{factor:.2f}" for who, factor in grown.items())
    if any(factor > PLATEAU for factor in grown.values()):
        print(f"memory still grows: after round {rounds} against round {min(FIRST_KEPT, rounds)}: {told} (limit x{PLATEAU})")
        return 1
    print(f"plateau: after round {rounds} against round {min(FIRST_KEPT, rounds)}: {told} (limit x{PLATEAU})")
    return 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bindd.graph", description="Builds and destroys a large graph and checks that the memory comes back.",
    )
    parser.add_argument("--nodes", type=int, default=NODES, help="nodes, and as many edges (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.nodes < 1 or options.rounds < 1:
        parser.error("--nodes and --rounds must be at least 1")
    return run(options.nodes, options.rounds)
