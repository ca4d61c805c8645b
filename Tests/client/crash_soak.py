"""Kills the worker over and over, with a call between: nothing may grow, here or in the supervisor.

    python crash_soak.py [KILLS]

Each round kills the worker from outside or lets it die at a request, in turn; costs one exception; makes one change, which
must be there in the end; and looks. Prints descriptors, processes and memory at ten points. Memory must have reached a
plateau: the last tenth adds less than what allocators take at once.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from crash_matrix import children, descriptors, until_equal

GROWTH_MAX = 4 << 20
HOWS = ("KILL", "SEGV", "ABRT", "EXIT", "HALF")


def resident(pid: int) -> int:
    """Bytes of memory of its own that the process has; files it maps do not count."""
    words = Path(f"/proc/{pid}/statm").read_text().split()
    return (int(words[1]) - int(words[2])) * os.sysconf("SC_PAGE_SIZE")


def soak(kills: int) -> int:
    import bindd
    from bindd import debug, errors
    from bindd.graph import GraphView

    # As long as a client makes progress no breaker trips, however often its worker dies.
    with bindd.connect() as workspace:
        view = GraphView.create()
        node = view.create_and_insert_node()
        workspace.sync()
        supervisor = bindd.handles()["supervisor"]["pid"]
        steps = max(kills // 10, 1)
        points: list[tuple[int, int, int]] = []
        died = 0
        print(f"{'kills':>8} {'descriptors':>12} {'of daemon':>10} {'workers':>8} {'KiB':>9} {'of daemon':>10}")

        def sizes() -> tuple[int, int, int]:
            return descriptors("self"), descriptors(supervisor), len(children(supervisor))

        rest = until_equal(None, sizes, 0.2)
        for number in range(1, kills + 1):
            how = HOWS[number % len(HOWS)]
            try:
                if number % 2:
                    os.kill(workspace.pid, signal.SIGKILL)
                else:
                    debug.die_at("sync", how=how, when="after" if number % 4 else "before")
                workspace.sync()
            except errors.WorkerCrashed:
                died += 1
            node = view.create_and_insert_node()
            assert node.node().get_dynamic_attrs() == {}
            assert view.get_node_count() == number + 2, (view.get_node_count(), number)
            if number % steps == 0:
                gc.collect()
                found = until_equal(rest, sizes)
                assert found == rest, f"(descriptors, of the daemon, workers) were {rest}, are {found}"
                points.append((number, resident(os.getpid()), resident(supervisor)))
                here, there, workers = sizes()
                print(
                    f"{number:8,} {here:12} {there:10} {workers:8} {points[-1][1] >> 10:9,} {points[-1][2] >> 10:10,}", flush=True)
        assert died == kills, f"{kills} kills, {died} exceptions"
        assert view.get_node_count() == kills + 2 == len(view.get_nodes())
        for name, at in (("this process", 1), ("the daemon", 2)):
            grown = points[-1][at] - points[-2][at] if len(points) > 1 else 0
            assert grown < GROWTH_MAX, f"{name} grew by {grown >> 10:,} KiB in the last tenth"
        print(f"{kills:,} kills, {died:,} exceptions, {view.get_node_count() - 2:,} changes kept, nothing left behind")
        del view, node
    return 0


def main() -> int:
    if len(sys.argv) > 2:
        return soak(int(sys.argv[2]))
    kills = sys.argv[1] if len(sys.argv) > 1 else "10000"
    binary = os.environ.get("BINDD_BIN") or str(Path(sys.executable).with_name("bindd"))
    with tempfile.TemporaryDirectory(prefix="bindd-soak-") as folder:
        environment = {
            **os.environ, "BINDD_BIN": binary, "BINDD_SOCKET": f"{folder}/s.sock", "BINDD_STATE": f"{folder}/state",
            "BINDD_NORECOMPILE": "1",
        }
        try:
            return subprocess.run([sys.executable, __file__, "--soak", kills], env=environment, check=False).returncode
        finally:
            subprocess.run([binary, "stop"], env=environment, capture_output=True, timeout=20, check=False)


if __name__ == "__main__":
    sys.exit(main())
