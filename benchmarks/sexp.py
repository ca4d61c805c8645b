"""KiCad files: load, read, edit and print a board, against other Python libraries, in one run; ratios first.

    benchmarks/sexp.py [BOARD.kicad_pcb]        by default a generated board of 2.5 MB

What the numbers do not show: peers that keep less of a file do less work; kiutils and kicadfiles lose what they do not know;
sexpdata makes nested lists without types. A peer that is not installed, or refuses the file, is said so. "plain objects" is
the same content as Python objects with `__slots__`: what Python's own loop costs. Every row is run
REPETITIONS times in turn (peers once, where one run takes seconds); the minimum counts. Wall time of this process, waiting for
the worker included, and CPU time of the worker beside it.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any

import bindd
from bindd.sexp import pcb
from tabulate import tabulate

REPETITIONS = 7
SLOW_S = 1.0
RECORDED_MS = {"load": "19-27", "dump": "21", "walk": "16", "edit 2,779 + dump": "", "list[i]": "1.8-4.9 µs"}
"""Of the replaced layer, on a board of that size, elsewhere: for orientation, not from this run."""


def generated() -> str:
    """As KiCad writes it: 695 footprints with four properties each, and 5,600 tracks; 2.5 MB."""
    out = ['(kicad_pcb\n\t(version 20241229)\n\t(generator "pcbnew")\n\t(generator_version "9.0")\n\t(general\n\t\t(thickness 1.6)\n'
           '\t\t(legacy_teardrops no)\n\t)\n\t(paper "A4")\n\t(layers\n\t\t(0 "F.Cu" signal)\n\t\t(2 "B.Cu" signal)\n\t)\n'
           '\t(setup\n\t\t(pad_to_mask_clearance 0)\n\t)']

    def uuid(number: int) -> str:
        return f"{number:08x}-1111-4222-8333-{number * 7919:012x}"

    effects = "\t\t\t(effects\n\t\t\t\t(font\n\t\t\t\t\t(size 1 1)\n\t\t\t\t\t(thickness 0.15)\n\t\t\t\t)\n\t\t\t)"
    out += [f'\t(net {i} "Net-{i}")' for i in range(400)]
    for i in range(695):
        out.append(f'\t(footprint "lib:R_0402_{i % 40}"\n\t\t(layer "F.Cu")\n\t\t(uuid "{uuid(i)}")\n\t\t(at {i % 60 * 2.54} {i // 60 * 3.81} 90)')
        for k, (name, value) in enumerate([("Reference", f"R{i}"), ("Value", "10k"), ("Datasheet", ""), ("Part", f"C{i * 13}")]):
            out.append(f'\t\t(property "{name}" "{value}"\n\t\t\t(at 0 {k - 1.43} 90)\n\t\t\t(layer "F.Fab")\n\t\t\t(uuid "{uuid(i * 8 + k)}")\n{effects}\n\t\t)')
        for k in range(4):
            out.append(f'\t\t(fp_line\n\t\t\t(start {k}.25 -0.5)\n\t\t\t(end {k}.75 0.5)\n\t\t\t(stroke\n\t\t\t\t(width 0.12)\n\t\t\t\t(type solid)\n\t\t\t)\n'
                       f'\t\t\t(layer "F.SilkS")\n\t\t\t(uuid "{uuid(i * 16 + k)}")\n\t\t)')
        for k in range(4):
            out.append(f'\t\t(pad "{k + 1}" smd roundrect\n\t\t\t(at {k * 1.27} 0 90)\n\t\t\t(size 0.54 0.64)\n\t\t\t(layers "F.Cu" "F.Paste" "F.Mask")\n'
                       f'\t\t\t(roundrect_rratio 0.25)\n\t\t\t(net {(i * 3 + k) % 400} "Net-{(i * 3 + k) % 400}")\n\t\t\t(uuid "{uuid(i * 32 + k)}")\n\t\t)')
        out.append("\t)")
    for i in range(5600):
        out.append(f'\t(segment\n\t\t(start {i % 97 * 1.27} {i % 89 * 0.635})\n\t\t(end {i % 83 * 1.27} {i % 79 * 0.635})\n\t\t(width 0.25)\n\t\t(layer "F.Cu")\n'
                   f'\t\t(net {i % 400})\n\t\t(uuid "{uuid(i * 64)}")\n\t)')
    return "\n".join(out) + "\n)\n"


def cpu_of(pid: int) -> float:
    """Milliseconds of CPU time that a process has used."""
    with open(f"/proc/{pid}/stat") as stream:
        fields = stream.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def best(work: Callable[[], Any], repetitions: int = REPETITIONS) -> tuple[float, Any]:
    """Milliseconds of the fastest run, and what the last one made."""
    fastest, made = float("inf"), None
    for _ in range(repetitions):
        made = None
        gc.collect()
        start = time.perf_counter()
        made = work()
        took = (time.perf_counter() - start) * 1000
        fastest = min(fastest, took)
        if took > SLOW_S * 1000:
            break
    return fastest, made


# -- ours ------------------------------------------------------------------------------------------------------------

LEAVES = frozenset([float, int, str, bool, type(None)])


class Plain:
    """What `plain` makes: objects of Python, to see what walking costs without any library."""

    __slots__ = ()


def plain(value: Any, classes: dict[type[Any], type[Any]]) -> Any:
    """The same content as objects of classes with `__slots__`, and lists."""
    if isinstance(value, bindd._bindd.MutableList):
        return [plain(item, classes) for item in value]
    if not isinstance(value, bindd._bindd.Struct):
        return value
    names = type(value).__field_names__()
    made = classes.get(type(value))
    if made is None:
        made = classes[type(value)] = type(
            type(value).__name__, (Plain,), {"__slots__": tuple(names), "__field_names__": classmethod(lambda _, n=names: n)})
    copy = made()
    for name in names:
        setattr(copy, name, plain(getattr(value, name), classes))
    return copy


def walk(root: Any) -> int:
    """Reads every field of every object by the names that its class tells, object by object; how many."""
    names_of: dict[type[Any], list[str]] = {}
    count, stack, rows = 0, [root], bindd._bindd.MutableList
    pop, push, extend = stack.pop, stack.append, stack.extend
    while stack:
        value = pop()
        names = names_of.get(type(value))
        if names is None:
            names = names_of[type(value)] = type(value).__field_names__()
        count += len(names)
        for name in names:
            found = getattr(value, name)
            kind = type(found)
            if kind in LEAVES:
                continue
            if kind is rows or kind is list:
                if found and type(found[0]) not in LEAVES:
                    extend(found)
            else:
                push(found)
    return count


def walk_columns(root: Any) -> int:
    """The same fields, one field of all objects that stand in one place of the model at a time."""
    readers: dict[type[Any], list[Callable[[Any], Any]]] = {}
    count, todo, rows = 0, [[root]], bindd._bindd.MutableList
    while todo:
        items = todo.pop()
        reads = readers.get(type(items[0]))
        if reads is None:
            reads = readers[type(items[0])] = [attrgetter(name) for name in type(items[0]).__field_names__()]
        for read in reads:
            column = list(map(read, items))
            count += len(column)
            kinds = set(map(type, column))
            if kinds <= LEAVES:
                continue
            if rows in kinds or list in kinds:
                inner = list(chain.from_iterable(column))
                if inner and type(inner[0]) not in LEAVES:
                    todo.append(inner)
            else:
                todo.append([item for item in column if item is not None])
    return count


def read_all(board: Any) -> int:
    """The same objects by their names, as a program reads them: no search, no tests of types."""
    count = 0
    for part in board.footprints:
        part.name, part.layer, part.uuid, part.at.x, part.at.y, part.at.r
        count += 7
        for item in part.propertys:
            at, size = item.at, item.effects.font.size
            item.name, item.value, item.layer, item.uuid, item.hide, at.x, at.y, at.r, size.w, size.h
            count += 14
        for line in part.fp_lines:
            start, end, stroke = line.start, line.end, line.stroke
            start.x, start.y, end.x, end.y, stroke.width, stroke.type, line.layer, line.uuid
            count += 11
        for pad in part.pads:
            at, size, net = pad.at, pad.size, pad.net
            pad.name, pad.type, pad.shape, at.x, at.y, at.r, size.w, size.h, net.number, net.name, pad.uuid, pad.roundrect_rratio
            count += 15 + len(list(pad.layers))
    for segment in board.segments:
        start, end = segment.start, segment.end
        start.x, start.y, end.x, end.y, segment.width, segment.layer, segment.net, segment.uuid
        count += 10
    return count


def edit(file: Any) -> int:
    count = 0
    for part in file.kicad_pcb.footprints:
        for item in part.propertys:
            item.value = item.value + "x"
            count += 1
    pcb.dumps(file)
    return count


# -- peers -----------------------------------------------------------------------------------------------------------

def peers(path: Path, text: str) -> list[tuple[str, Callable[[], Any], Callable[[Any], Any] | None]]:
    """Name, load, dump."""
    found: list[tuple[str, Callable[[], Any], Callable[[Any], Any] | None]] = []

    def add(module: str, make: Callable[[Any], tuple[Callable[[], Any], Callable[[Any], Any] | None]]) -> None:
        try:
            load, dump = make(importlib.import_module(module))
        except ImportError as error:
            print(f"{module}: not installed ({error})", file=sys.stderr)
            return
        found.append((module.partition(".")[0], load, dump))

    add("kiutils.board", lambda m: (lambda: m.Board.from_file(str(path)), lambda board: board.to_sexpr()))
    add("kicadfiles", lambda m: (lambda: m.KicadPcb.from_file(str(path)), lambda board: board.to_sexpr_str()))
    add("edea.kicad.parser", lambda m: (lambda: m.load_pcb(str(path)), None))
    add("sexpdata", lambda m: (lambda: m.loads(text), lambda tree: m.dumps(tree)))
    add("sexp_rust", lambda m: (lambda: m.loads(text), None))
    return found


def main() -> int:
    text = Path(sys.argv[1]).read_text("utf-8") if len(sys.argv) > 1 else generated()
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder, bindd.connect() as workspace:
        path = Path(folder, "board.kicad_pcb")
        path.write_text(text, "utf-8")
        ours: dict[str, float] = {}
        worker = cpu_of(workspace.pid)
        ours["load"], file = best(lambda: pcb.loads(path))
        per_load = (cpu_of(workspace.pid) - worker) / REPETITIONS
        ours["dump"], out = best(lambda: pcb.dumps(file))
        ours["walk"], fields = best(lambda: walk(file))
        ours["walk by columns"], _ = best(lambda: walk_columns(file))
        copy = plain(file, {})
        floor = {"walk": best(lambda: walk(copy))[0], "walk by columns": best(lambda: walk_columns(copy))[0]}
        del copy
        ours["read by name"], named = best(lambda: read_all(file.kicad_pcb))
        ours["edit + dump"], edits = best(lambda: edit(file))
        segments = file.kicad_pcb.segments
        middle = len(segments) // 2

        def index(segments: Any = segments, middle: int = middle) -> None:
            for _ in range(100_000):
                segments[middle]

        def nothing() -> None:
            for _ in range(100_000):
                pass

        nanoseconds = best(index)[0] * 1e6 / 100_000
        loop = best(nothing)[0] * 1e6 / 100_000
        print(f"{len(text):,} bytes; {fields:,} fields walked, {named:,} read by name, {edits:,} edits; "
              f"dump {'is' if out == text else 'is not'} the same text; list[i] of {len(segments):,}: {nanoseconds:.0f} ns, {nanoseconds - loop:.0f} of them without the loop")
        for name, took in ours.items():
            rows.append(["1", name, "bindd", f"{took:.1f}", f"{per_load:.0f}" if name == "load" else "", RECORDED_MS.get(name, "")])
        for name, took in floor.items():
            rows.append([f"{ours[name] / took:.3g}", name, "plain objects", f"{took:.1f}", "", ""])
        for name in floor:
            rows.append(["", f"{name}, per 230,000", "bindd", f"{ours[name] / fields * 230_000:.1f}", "", RECORDED_MS["walk"]])
        rows.append(["", "read by name, per 230,000", "bindd", f"{ours['read by name'] / named * 230_000:.1f}", "", RECORDED_MS["walk"]])
        for name, load, dump in peers(path, text):
            try:
                took, made = best(load, 3)
                rows.append([f"{ours['load'] / took:.3g}", "load", name, f"{took:.1f}", "", ""])
                if dump:
                    took, _ = best(lambda made=made, dump=dump: dump(made), 3)  # type: ignore[misc]
                    rows.append([f"{ours['dump'] / took:.3g}", "dump", name, f"{took:.1f}", "", ""])
            except Exception as error:  # noqa: BLE001 - a peer may refuse a file in any way
                print(f"{name}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
        file.free()
    headers = ["ratio (bindd to it)", "work", "library", "min, ms", "CPU of worker, ms", "replaced layer, ms (elsewhere)"]
    print(tabulate(sorted(rows, key=lambda row: str(row[1])), headers, tablefmt="github", disable_numparse=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
