"""When memory runs out a worker goes first, not the interpreter or the daemon, and its successor has room.

What the system's killer does was tried by hand, in a control group of 250 MB: see docs/RELIABILITY.md.
"""

from __future__ import annotations

from pathlib import Path

from conftest import Client, Home

# Looks at its own maps while another thread waits for the successor of a worker that is killed.
RECOVERING = """
import os, signal, sys, threading, bindd
from bindd.graph import GraphView
view = GraphView.create()
for number in range(200_000): view.create_and_insert_node()
workspace = bindd._bindd._current()
workspace.sync()
assert view.get_node_count() == 200_001
def maps():
    with open("/proc/self/maps") as text: return text.read().count("memfd:bindd-arena")
print(workspace.pid, maps(), flush=True)
sys.stdin.readline()
caught = []
def ask():
    try: workspace.sync()
    except bindd.WorkerCrashed as error: caught.append(error)
os.kill(workspace.pid, signal.SIGKILL)
asking = threading.Thread(target=ask)
asking.start()
seen = []
while asking.is_alive(): seen.append(maps())
asking.join()
print(min(seen), [error.lost for error in caught], view.get_node_count(), maps(), flush=True)
"""


def test_workers_are_ended_first(home: Home) -> None:
    with Client(home, RECOVERING) as client:
        worker, daemon = int(client.says().split()[0]), home.daemon_pid()
        pids = {"worker": worker, "daemon": daemon, "client": client.process.pid}
        scores = {name: int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for name, pid in pids.items()}
    assert scores["worker"] >= 800 > max(scores["daemon"], scores["client"]), scores


def test_a_dead_workers_graph_is_let_go_before_the_next_one_is_made(home: Home) -> None:
    with Client(home, RECOVERING) as client:
        _, before = client.says().split()
        assert int(before) > 0
        client.go_on()
        assert client.says() == f"0 [0] 200001 {before}"
