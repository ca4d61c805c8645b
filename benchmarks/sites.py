"""What creation sites cost (BINDD_SITES): building a graph with off, sample and full, sides taking turns.

    .venv/bin/python benchmarks/sites.py [ROUNDS]

Each round starts a fresh interpreter per side, which builds the same graph several times with a daemon of its own; the
least CPU time of the caller's thread and the least wall time per object of all rounds count. What is built: nodes put into a view, an edge from each
to the one before, every handle kept (so that full records all) and then let go. The last line says by how much sample is
dearer than off. Not shown: memory (64 bytes per recorded handle), and programs that do anything between their calls.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OBJECTS = 100_000
REPEATS = 5

CODE = """
import sys, time
from bindd.graph import EdgeReference, GraphView, NodeReference

def node(view, number):
    return view.insert_node(node=NodeReference.create())

def build(count):
    view = GraphView.create()
    kept, before = [], None
    for number in range(count):
        bound = node(view, number)
        if before is not None:
            kept.append(view.insert_edge(edge=EdgeReference.create(source=before.node(), target=bound.node(), edge_type=1)))
        kept.append(bound)
        before = bound
    return view, kept

view = GraphView.create()
best_cpu = best_wall = 1e9
for _ in range(int(sys.argv[2])):
    wall, cpu = time.perf_counter(), time.thread_time()
    made = build(int(sys.argv[1]))
    made[0].get_node_count()
    del made
    best_cpu = min(best_cpu, time.thread_time() - cpu)
    view.get_node_count()
    best_wall = min(best_wall, time.perf_counter() - wall)
print(best_cpu, best_wall)
"""


def run(sites: str, folder: str) -> tuple[float, float]:
    environment = {**os.environ, "BINDD_SITES": sites, "BINDD_SOCKET": f"{folder}/{sites}.sock"}
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(OBJECTS), str(REPEATS)], env=environment, capture_output=True, text=True, check=True)
    cpu, wall = (float(word) for word in done.stdout.split())
    return cpu / OBJECTS * 1e9, wall / OBJECTS * 1e9


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    binary = os.environ.get("BINDD_BIN") or str(Path(sys.executable).with_name("bindd"))
    best: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            for turn in range(rounds):
                sides = ["off", "sample", "full"]
                for sites in sides[turn % 3 :] + sides[: turn % 3]:
                    cpu, wall = run(sites, folder)
                    known = best.get(sites, (cpu, wall))
                    best[sites] = (min(known[0], cpu), min(known[1], wall))
        finally:
            for sites in ("off", "sample", "full"):
                subprocess.run([binary, "stop", "--socket", f"{folder}/{sites}.sock"], capture_output=True)
    print("BINDD_SITES   CPU of the caller, ns per node and edge   of off   wall, ns   of off")
    for sites, (cpu, wall) in best.items():
        print(
            f"{sites:<12}  {cpu:40.0f}  {cpu / best['off'][0]:7.3f}  {wall:9.0f}  {wall / best['off'][1]:7.3f}")
    print(f"sample costs {100 * (best['sample'][0] / best['off'][0] - 1):.1f} % of the caller's CPU time")


if __name__ == "__main__":
    main()
