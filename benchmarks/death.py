"""How long a caller waits for the exception when the worker dies, at 64 MiB and at 1 GiB of memory.

Each death is measured in pairs: once with the handler of fatal signals (SIGSEGV and a failed check of Swift), once
without (SIGKILL, which no handler sees: then the end of the stream tells, after the system has taken the memory down).
The next worker is started within that time. What it does not show: what a core file costs (none is written), and how long
the new worker takes to rebuild a large state (the memory held here is no state).
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

REPETITIONS = 7
SIZES = {"64 MiB": 64 << 20, "1 GiB": 1 << 30}
DEATHS = ("SEGV", "TRAP", "STACK", "KILL")


def death(how: str, size: int) -> float:
    """Milliseconds from the call to its exception, in a worker that holds `size` bytes."""
    import bindd
    from bindd import debug, errors

    with bindd.connect():
        debug.hold(size)
        start = time.perf_counter()
        try:
            debug.crash(how)
        except errors.WorkerDied:
            return (time.perf_counter() - start) * 1000
    raise AssertionError(f"{how} did not end the worker")


def main() -> int:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else REPETITIONS
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BINDD_SOCKET"] = str(Path(folder) / "d.sock")
        os.environ["BINDD_STATE"] = str(Path(folder) / "state")
        print(f"{'ms until the exception':28}{'min':>10}{'median':>10}{'max':>10}")
        try:
            for name, size in SIZES.items():
                for how in DEATHS:
                    times = sorted(death(how, size) for _ in range(repetitions))
                    handler = "handler" if how != "KILL" else "no handler"
                    print(
                        f"{f'{how}, {name}, {handler}':28}{times[0]:>10.2f}{statistics.median(times):>10.2f}{times[-1]:>10.2f}",
                        flush=True)
        finally:
            import subprocess

            binary = os.environ.get("BINDD_BIN") or str(Path(sys.executable).with_name("bindd"))
            subprocess.run([binary, "stop"], check=False, capture_output=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
