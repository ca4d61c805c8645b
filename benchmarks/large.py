"""Large boards: whether loading and printing stay linear, and what texts that are too large, too deep or broken end with.

    benchmarks/large.py [MEGABYTES …]           by default 15 30 60 120
    benchmarks/large.py --limits [MIB …]        texts of 128 and 1024 MiB in several shapes, depth bombs among them

Each board is loaded in a workspace of its own, three times; the least counts. "Each byte" is what worker and client hold
per byte of text while the board is loaded, and after it was freed; a worker gives back when it rests. Every row of --limits says
how the call ended: a document, or an error that is no crash, else the run fails. The next call is looked at after each.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from typing import Any

import bindd
import sexp
from bindd.sexp import pcb
from tabulate import tabulate

SIZES = [15, 30, 60, 120]
REPETITIONS = 3
MIB = 1 << 20


def board(megabytes: int) -> bytes:
    """Segments as KiCad writes them, until there are so many bytes."""
    head, _, rest = sexp.generated().partition("\t(net 0 ")
    rest = "\t(net 0 " + rest.rpartition("\n)\n")[0]
    parts = max(1, round((megabytes * 1_000_000 - len(head)) / len(rest)))
    return (head + "\n".join([rest] * parts) + "\n)\n").encode()


def resident(pid: int | str) -> int:
    with open(f"/proc/{pid}/statm") as stream:
        return int(stream.read().split()[1]) * 4096


def settled(pid: int | str) -> int:
    """Bytes of a process once it gives nothing back any more."""
    least = resident(pid)
    for _ in range(20):
        time.sleep(0.1)
        now = resident(pid)
        if now >= least:
            return now
        least = now
    return least


def sizes(megabytes: list[int]) -> None:
    rows: list[list[object]] = []
    for size in megabytes:
        text = board(size)
        with bindd.connect() as workspace:
            pcb.loads(sexp.generated().encode()).free()
            workspace.sync()
            start = settled(workspace.pid), settled("self")
            load = cpu = dump = float("inf")
            file: Any = None
            for _ in range(REPETITIONS):
                if file is not None:
                    file.free()
                gc.collect()
                began, used = time.perf_counter(), sexp.cpu_of(workspace.pid)
                file = pcb.loads(text)
                load = min(load, time.perf_counter() - began)
                cpu = min(cpu, (sexp.cpu_of(workspace.pid) - used) / 1000)
            began = time.perf_counter()
            same = pcb.dumps(file) == text.decode()
            dump = time.perf_counter() - began
            held = settled(workspace.pid) - start[0], settled("self") - start[1]
            count = len(file.kicad_pcb.segments)
            file.free()
            workspace.sync()
            left = settled(workspace.pid) - start[0], settled("self") - start[1]
            rows.append([
                f"{len(text) / 1e6:.0f}", f"{count:,}", f"{load * 1000:.0f}", f"{load * 1e9 / len(text):.1f}",
                f"{cpu * 1e9 / len(text):.1f}", f"{dump * 1e9 / len(text):.1f}",
                "yes" if same else "no", *(f"{part / len(text):.2f}" for part in (*held, *left))])
        del text
    headers = ["MB", "segments", "load, ms", "ns each byte", "CPU of worker", "dump, ns each byte", "same text", "worker, each byte", "client", "worker, freed", "client"]
    print(tabulate(rows, headers, tablefmt="github", disable_numparse=True))


def shapes(size: int) -> dict[str, Callable[[], bytes]]:
    head = b'(kicad_pcb (version 20241229) (generator "g") (generator_version "9.0") '

    def filled(piece: bytes, end: bytes = b")") -> bytes:
        return head + piece * ((size - len(head)) // len(piece)) + end

    return {
        "segments": lambda: filled(b'(segment (start 1 2) (end 3 4) (width 0.2) (layer "F.Cu") (net 0) (uuid "u"))\n'),
        "unknown lists": lambda: filled(b"(x)"),
        "open lists": lambda: filled(b"(a "),
        "parentheses alone": lambda: b"(" * size,
        "closing ones": lambda: filled(b")"),
        "one string": lambda: head + b'(generator "' + b"x" * (size - 100) + b'"))',
        "one string without end": lambda: head + b'(generator "' + b"x" * (size - 100),
        "one word": lambda: head + b"(paper " + b"x" * (size - 100) + b"))",
        "blanks": lambda: head + b" " * (size - 100) + b")",
        "a comment": lambda: b"#" + b" " * (size - 100) + b"\n" + head + b")",
        "NUL": lambda: b"\0" * size,
        "not UTF-8": lambda: head + b"\xff" * (size - 100) + b")",
        "numbers": lambda: head + b"(general (thickness " + b"1" * (size - 100) + b")))",
    }


def limits(sizes_of: list[int]) -> None:
    rows: list[list[object]] = []
    for size in sizes_of:
        for name, make in shapes(size).items():
            text = make()
            began = time.perf_counter()
            said = ""
            try:
                file = pcb.loads(text)
                said = f"a document of {len(file.kicad_pcb.segments):,} segments"
                file.free()
            except Exception as error:  # noqa: BLE001 - what comes is what is looked at
                assert not isinstance(error, (bindd.WorkerCrashed, bindd.WorkerHung)), f"{name}, {size // MIB} MiB: {error}"
                said = f"{type(error).__name__}: {str(error).splitlines()[0][:110]}"
            took = time.perf_counter() - began
            small = pcb.loads(sexp.generated().encode())
            assert len(small.kicad_pcb.footprints) == 695
            small.free()
            del text
            rows.append([f"{size // MIB} MiB", name, f"{took:.1f}", said])
            print(*rows[-1], file=sys.stderr, flush=True)
    print(tabulate(rows, ["text", "of", "s", "ends with"], tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    words = sys.argv[1:]
    numbers = [int(word) for word in words if word.isdigit()]
    if "--limits" in words:
        limits([number * MIB for number in numbers or [128, 1024]])
    else:
        sizes(numbers or SIZES)
