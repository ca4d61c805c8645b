"""`bindd inspect handles`: what it shows agrees with what Python holds."""

from __future__ import annotations

import json
import random
from pathlib import Path

from conftest import ROOT, Home, alone


@alone
def test_counts_agree_with_python_at_every_step() -> None:
    import bindd
    from bindd import sexp
    from bindd.graph import EdgeReference, GraphView, NodeReference

    numbers = random.Random(20261124)
    held: dict[str, list[object]] = {"GraphView": [GraphView.create()], "NodeReference": [], "EdgeReference": [], "Document": []}
    for step in range(60):
        kind = numbers.choice(list(held))
        if numbers.random() < 0.35 and len(held[kind]) > (kind == "GraphView"):
            held[kind].pop(numbers.randrange(len(held[kind])))
        elif kind == "GraphView":
            held[kind].append(GraphView.create())
        elif kind == "NodeReference":
            held[kind].append(NodeReference.create(step=step))
        elif kind == "EdgeReference" and held["NodeReference"]:
            node = held["NodeReference"][0]
            held[kind].append(EdgeReference.create(source=node, target=node, edge_type=1))
        elif kind == "Document":
            held[kind].append(sexp.parse("(a (b c))"))
        expected = {name: len(items) for name, items in held.items() if items}
        node = None
        client = bindd.handles()["clients"][0]
        shown = {name: count for name, count in client["handles"].items() if count and name != "Workspace"}
        assert shown == expected, (step, kind)
        bindd._bindd._current().sync()
        workspace = bindd.handles()["workspaces"][0]
        for name in ("GraphView", "Document"):
            assert workspace["objects"].get(name, 0) == len(held[name]), (step, name)
    held.clear()


@alone
def test_the_id_of_a_handle_finds_it() -> None:
    import bindd
    from bindd import sexp
    from bindd.graph import EdgeReference, GraphView, NodeReference

    view = GraphView.create()
    bound = view.insert_node(node=NodeReference.create(name="R1"))
    edge = view.insert_edge(edge=EdgeReference.create(source=bound.node(), target=view.get_self_node().node(), edge_type=5))
    document = sexp.parse("(a)", label="board")
    bindd._bindd._current().sync()
    expected = {
        view: ("GraphView", {"nodes": 2, "edges": 1}), bound: ("BoundNode", {"attributes": {"name": "R1"}}),
        bound.node(): ("NodeReference", {}), edge.edge(): ("EdgeReference", {"edge_type": 5}),
        document: ("Document", {"label": "board", "nodes": 2}),
    }
    for handle, (kind, facts) in expected.items():
        found = bindd.handles(handle.__zig_address__())["handle"]
        assert found["kind"] == kind, found
        for name, value in facts.items():
            assert found[name] == value, found
    assert bindd.handles(0x0700000000FFFFFF)["handle"] is None
    another_life = view.__zig_address__() + (0x55 << 32)
    assert bindd.handles(another_life)["handle"] is None, "the same number of another workspace is another object"
    found = bindd.handles(view.__zig_address__())["handle"]
    assert found["clients"] == ["c1"] and found["worker_pid"] == bindd._bindd._current().pid
    document.free()
    del document, handle, expected


def test_text_fits_the_terminal_and_json_is_one_object(home: Home) -> None:
    done = home.python("""
import subprocess, sys
from bindd.graph import GraphView
view = GraphView.create()
nodes = [view.create_and_insert_node() for _ in range(1234)]
view.get_node_count()
import os
for words in (["inspect", "handles"], ["status"], ["inspect", "handles", "-o", "json"], ["inspect", "handles", hex(view.__zig_address__())]):
    done = subprocess.run([os.environ["BINDD_BIN"], *words], capture_output=True, text=True, env={**os.environ, "COLUMNS": "80"})
    assert done.returncode == 0, done.stderr
    print(done.stdout, end="=====\\n")
""", BINDD_BIN=home.binary)
    assert done.returncode == 0, done.stderr
    table, status, text, one = done.stdout.split("=====\n")[:4]
    assert "\x1b" not in table, "no colours where nobody sees them"
    assert all(len(line) <= 120 for line in (table + status + one).splitlines()), table
    assert "1,234" in table and "BoundNode" in table and "GraphView" in table
    assert json.loads(text)["schema"] == 1
    assert "GraphView" in one


def test_an_unknown_id_is_told(home: Home) -> None:
    assert home.python("from bindd.graph import GraphView; GraphView.create().get_node_count()").returncode == 0
    done = home.command("inspect", "handles", "0x0300000000abcdef")
    assert done.returncode != 0 and "0x0300000000abcdef" in (done.stdout + done.stderr).lower()
    done = home.command("inspect", "handles", "seven")
    assert done.returncode != 0 and "seven" in done.stderr


def test_the_example_runs_on_boards_of_all_ages(home: Home, shared: Path) -> None:
    import subprocess
    import sys

    boards = [
        ROOT / "examples" / "blinker.kicad_pcb", ROOT / "examples" / "divider.kicad_pcb",
        *(shared / "corpus" / "open" / "pcb" / "atopile_atopile").glob("*esp32_minimal*"),
        *sorted((shared / "corpus" / "open" / "pcb" / "im-tomu_tomu-hardware").iterdir())[:1],
        *sorted((shared / "corpus" / "open" / "pcb" / "demo_stickhub").iterdir()),
    ]
    assert len(boards) >= 6
    for board in boards:
        done = subprocess.run(
            [sys.executable, ROOT / "examples" / "board_report.py", board], env=home.environment, capture_output=True,
            text=True, timeout=60,
        )
        assert done.returncode == 0, done.stderr
        for words in ("share net", "WorkerCrashed", "SIGSEGV", "handles (", "as before"):
            assert words in done.stdout, (board, words)
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "board_report.py", "missing.kicad_pcb"], env=home.environment,
        capture_output=True, text=True,
    )
    assert done.returncode not in (0, -11) and "missing.kicad_pcb" in done.stderr and "Traceback" not in done.stderr


def test_a_worker_that_cannot_answer_is_named_and_its_memory_read(home: Home) -> None:
    done = home.python("""
import os, signal, subprocess, bindd
from bindd.graph import GraphView
view = GraphView.create()
node = view.create_and_insert_node()
view.get_node_count()
pid = bindd._bindd._current().pid
os.kill(pid, signal.SIGSTOP)
try:
    done = subprocess.run([os.environ["BINDD_BIN"], "inspect", "handles", hex(view.__zig_address__())], capture_output=True, text=True)
finally:
    os.kill(pid, signal.SIGCONT)
assert done.returncode == 0 and f"no answer from pid {pid}" in done.stderr, done.stderr
assert "nodes       2\\n" in done.stdout and "at        <string>:4 <module>\\n" in done.stdout, done.stdout
""", BINDD_BIN=home.binary)
    assert done.returncode == 0, done.stderr


def test_replies_that_nobody_reads_do_not_fill_the_worker(home: Home) -> None:
    """A client asks for 20,000 nodes thousands of times and reads nothing: the worker stops taking its requests."""
    done = home.python("""
import os, socket, struct, time, bindd
from pathlib import Path
from fake_daemon import OP, frame
from bindd.graph import GraphView
view = GraphView.create()
for _ in range(20_000):
    view.create_and_insert_node()
workspace = bindd._bindd._current()
workspace.sync()
def rss():
    return int(Path(f"/proc/{workspace.pid}/statm").read_text().split()[1]) * 4096
before = rss()
link = next(socket.socket(fileno=os.dup(int(fd))) for fd in os.listdir("/proc/self/fd")
            if os.path.exists(f"/proc/self/fd/{fd}") and os.readlink(f"/proc/self/fd/{fd}").startswith("socket:"))
link.setblocking(False)
question = frame(OP["GRAPH_VIEW_GET_NODES"], 8, struct.pack("<I", view.__zig_address__() & 0xFFFFFFFF)) * 64
end = time.monotonic() + 3
while time.monotonic() < end:
    try:
        link.send(question)
    except BlockingIOError:
        time.sleep(0.01)
grown = rss() - before
assert grown < 200 << 20, f"the worker grew by {grown >> 20} MiB"
print("bounded", flush=True)
os._exit(0)
""")
    assert done.stdout == "bounded\n", done.stderr
