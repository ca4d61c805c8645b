"""Whether bytes are true: what `bindd inspect handles` says a worker holds, by kind, against the memory of its process.

    .venv/bin/python benchmarks/memory.py [NODES] [BOARD]

Per state a worker of its own: a graph of NODES nodes with as many edges, half of them with attributes; the same in 20 views;
the largest board (or BOARD) as a typed file, as a generic document, and ten times as both. "said" is the bytes by kind and what
the process had before it held anything; "resident" is the kernel's figure, half a second after the last request. Wanted: within 15 %, for the whole and for the rows
of one kind against the kind. Not shown: memory of the client.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = """
import sys, time, bindd
from bindd import sexp
from bindd.graph import EdgeReference, GraphView, NodeReference
from bindd.sexp import pcb

def graph(count, views=1):
    made = []
    for _ in range(views):
        view, before = GraphView.create(), None
        for number in range(count // views):
            node = NodeReference.create(name=f"n{number}", value=number) if number % 2 else NodeReference.create()
            bound = view.insert_node(node=node)
            if before is not None:
                edge = EdgeReference.create(source=before.node(), target=node, edge_type=number % 4)
                view.insert_edge(edge=edge)
            before = bound
        made.append(view)
    return made

state, count, board = sys.argv[1], int(sys.argv[2]), sys.argv[3]
text = open(board, "rb").read()
held = {
    "graph": lambda: graph(count), "graph in 20 views": lambda: graph(count, 20), "board": lambda: [pcb.loads(text)],
    "board, generic": lambda: [sexp.parse(text)], "10 boards": lambda: [pcb.loads(text) for _ in range(10)],
    "10 boards, generic": lambda: [sexp.parse(text) for _ in range(10)],
}[state]()
bindd._bindd._current().sync()
time.sleep(0.5)  # what the parser has freed goes back to the system when the worker rests
(row,) = bindd.handles()["workspaces"]
kinds = {**row["bytes"], "attributes": row["attribute_bytes"]}
said = sum(kinds.values()) + row["process_bytes"]
parts = ", ".join(f"{name} {size / 1e6:.1f}" for name, size in kinds.items() if size > 1e5)
print(f"{state:<20} {said / 1e6:9.1f} {row['rss_bytes'] / 1e6:11.1f} {said / row['rss_bytes']:7.3f}   {parts}")
for kind in ("GraphView", "Document", "PcbFile"):
    rows = bindd.handles(kind=kind, top=0)["rows"]
    if rows:
        share = sum(one["bytes"] for one in rows) / row["bytes"][kind]
        print(f"  {len(rows)} {kind}: rows add up to {share:.3f} of the kind")
"""
STATES = ("graph", "graph in 20 views", "board", "board, generic", "10 boards", "10 boards, generic")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    corpus = ROOT.parent / "shared" / "corpus" / "open" / "pcb"
    boards = sorted(corpus.rglob("*.kicad_pcb"), key=lambda path: path.stat().st_size) or [ROOT / "examples" / "blinker.kicad_pcb"]
    board = Path(sys.argv[2]) if len(sys.argv) > 2 else boards[-1]
    print(f"{count:,} nodes; {board.name}, {board.stat().st_size / 1e6:.2f} MB; sizes in MB")
    print("state                     said    resident   ratio   by kind")
    for state in STATES:
        environment = {**os.environ, "BINDD_SITES": "sample"}
        done = subprocess.run([sys.executable, "-c", CODE, state, str(count), str(board)], env=environment, text=True)
        if done.returncode:
            sys.exit(f"{state}: the program ended with {done.returncode}")


if __name__ == "__main__":
    main()
