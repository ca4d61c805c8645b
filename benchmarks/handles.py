"""How long `bindd inspect handles` takes, and how much memory, with many handles, while the worker is idle, stopped, in an
endless loop, and dead.

    .venv/bin/python benchmarks/handles.py [HANDLES]

One program holds a million handles (BINDD_SITES=full). Each command runs five times; the least wall time, its start as a
process included, and the peak of its memory are printed. Wanted: under 1 s and 50 MB; under 0.2 s for what asks for no list.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOLDER = """
import sys, threading, bindd
from bindd import debug
from bindd.graph import GraphView
view = GraphView.create()
def leak(count):
    return [view.create_and_insert_node() for _ in range(count)]
nodes = leak(int(sys.argv[1]) - 1000)
more = [view.create_and_insert_node() for _ in range(1000)]
view.get_node_count()
print(bindd._bindd._current().pid, hex(view.__zig_address__()), flush=True)
for line in sys.stdin:
    threading.Thread(target=debug.freeze, daemon=True).start()
"""
STATES = ("idle", "stopped", "looping", "dead")
MEASURE = """
import resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, done.returncode)
"""


def bring(holder: subprocess.Popen[str], worker: int, state: str, status: list[str], environment: dict[str, str]) -> None:
    """The worker into that state, out of the one before."""
    if state == "stopped":
        os.kill(worker, signal.SIGSTOP)
    elif state == "looping":
        os.kill(worker, signal.SIGCONT)
        assert holder.stdin is not None
        holder.stdin.write("loop\n")
        holder.stdin.flush()
        while "debug.freeze" not in subprocess.run(status, env=environment, capture_output=True, text=True).stdout:
            time.sleep(0.05)
    elif state == "dead":
        os.kill(holder.pid, signal.SIGSTOP)  # so that it does not go on with another worker
        os.kill(worker, signal.SIGKILL)
        time.sleep(1)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    binary = os.environ.get("BINDD_BIN") or str(Path(sys.executable).with_name("bindd"))
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "BINDD_SOCKET": f"{folder}/b.sock", "BINDD_SITES": "full"}
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(count)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert holder.stdout is not None
        worker, view = holder.stdout.readline().split()
        print(f"{count:,} handles\ncommand                                              least, ms   memory, MiB")
        try:
            for state in STATES:
                bring(holder, int(worker), state, [binary, "status"], environment)
                print(f"worker {state}")
                for words in (
                    ["status"], ["inspect", "handles"], ["inspect", "handles", "--group-by", "kind,site"],
                    ["inspect", "handles", "--kind", "BoundNode", "--sort", "age", "--top", "20"],
                    ["inspect", "handles", "--site", "*leak*", "--fail-if", "count>9999999"], ["inspect", "handles", view],
                    ["inspect", "handles", "--growing"],
                ):
                    results = []
                    for _ in range(5):
                        done = subprocess.run(
                            [sys.executable, "-S", "-c", MEASURE, binary, *words], env=environment, capture_output=True,
                            text=True, check=True)
                        seconds, kib, status = done.stdout.split()
                        assert status == "0", (words, done.stderr)
                        results.append((float(seconds) * 1000, int(kib) / 1024))
                        time.sleep(0.01)
                    print(f"  {' '.join(words):<50} {min(r[0] for r in results):9.0f}   {max(r[1] for r in results):11.0f}")
        finally:
            holder.kill()
            holder.communicate()
            subprocess.run([binary, "stop"], env=environment, capture_output=True)


if __name__ == "__main__":
    main()
