#!/usr/bin/env python3
"""What is on a KiCad board, asked through bindd; and what is left when the native side crashes.

    python examples/board_report.py examples/blinker.kicad_pcb

1. parses the board in the daemon and prints its footprints and nets;
2. builds a graph of components and nets in the daemon, and asks it which parts share a net;
3. crashes the native side on purpose, catches the exception, and goes on with the same handles.

Takes boards of KiCad 5 to 10. Needs `tabulate` from PyPI for its tables; bindd itself needs nothing.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bindd
from bindd import debug, errors, sexp
from bindd.graph import BoundEdge, BoundNode, EdgeReference, GraphView, NodeReference
from tabulate import tabulate

EXIT_NO_BOARD = 1  # the file cannot be read, or is no board
EXIT_USAGE = 2  # argparse's own number: wrong arguments, or no such net
EXIT_NO_DAEMON = 3  # bindd could not be reached or started
EXIT_DAEMON_FAILED = 4  # bindd did not do what it promises

ROWS_SHOWN = 20  # of each table, unless --all

CONNECTION = 1  # our own edge type, any of 0…255: a pad connects a component to a net

# Names that nearly every part of a board shares: +5V, -12V, 3V3, GND, AGND, VCC, VBUS, /power/VDD_IO …
POWER_NET = re.compile(
    r"(.*/)?([+-].*|\w*gnd\w*|earth|v(cc|dd|ss|ee|aa|bus|bat|in|sys)\w*|\w*\d+v\d*\w*|pwr.*|power.*)", re.IGNORECASE
)


# -- the board, as plain Python ----------------------------------------------------------------------------------------


@dataclass
class Pad:
    number: str
    net: str | None  # None: not connected


@dataclass
class Part:
    """One footprint of the board. References need not be unique: mounting holes often have none."""

    reference: str
    value: str
    layer: str
    x: float
    y: float
    angle: float
    pads: list[Pad] = field(default_factory=list)


@dataclass
class Board:
    parts: list[Part]
    nets: dict[str, list[tuple[Part, Pad]]]  # every named net, also one without pads


class NotABoard(Exception):
    pass


def load_board(path: Path) -> Board:
    """Reads a .kicad_pcb. Raises OSError, SexpError or NotABoard."""
    # One request: the daemon parses, and walking the tree afterwards is local. The `with` frees the daemon's copy.
    with sexp.parse(path) as document:
        root = document.root
        head = root.head if isinstance(root, sexp.List) else None
        if not isinstance(root, sexp.List) or head != "kicad_pcb":
            raise NotABoard(f"{path}: not a KiCad board: it starts with ({head or '…'}, a board with (kicad_pcb")
        return read_board(root)


def read_board(root: sexp.List) -> Board:
    net_names: dict[str, str] = {}  # number: name. KiCad 10 writes no such table
    for net in root.find_all("net"):
        words = texts(net)
        if len(words) == 2:
            net_names[words[0]] = words[1]

    # "module" is what KiCad 5 called a footprint.
    footprints = [*root.find_all("footprint"), *root.find_all("module")]
    parts = [read_part(footprint, net_names) for footprint in footprints]
    parts.sort(key=lambda part: natural_order(part.reference))

    nets: dict[str, list[tuple[Part, Pad]]] = {name: [] for name in net_names.values() if name}
    for part in parts:
        for pad in part.pads:
            if pad.net:
                nets.setdefault(pad.net, []).append((part, pad))
    return Board(parts, nets)


def read_part(footprint: sexp.List, net_names: dict[str, str]) -> Part:
    x, y, angle = (*numbers(footprint.find("at")), 0.0, 0.0, 0.0)[:3]
    return Part(
        reference=footprint_text(footprint, "Reference"),
        value=footprint_text(footprint, "Value"),
        layer=" ".join(texts(footprint.find("layer"))),
        x=x,
        y=y,
        angle=angle,
        pads=[read_pad(pad, net_names) for pad in footprint.find_all("pad")],
    )


def footprint_text(footprint: sexp.List, name: str) -> str:
    """(property "Reference" "R1" …) since KiCad 8, (fp_text reference R1 …) before."""
    for head, key in (("property", name), ("fp_text", name.lower())):
        for item in footprint.find_all(head):
            words = texts(item)
            if len(words) >= 2 and words[0] == key:
                return words[1]
    return ""


def read_pad(pad: sexp.List, net_names: dict[str, str]) -> Pad:
    """(pad "1" smd … (net 3 "GND")); KiCad 10 writes (net "GND"), and nothing for a pad without a net."""
    number = next(iter(texts(pad)), "")
    net = texts(pad.find("net"))
    if not net:
        return Pad(number, None)
    name = net[-1] if len(net) == 2 else net_names.get(net[0], net[0])
    return Pad(number, name or None)


def atoms(items: sexp.List | None) -> Iterator[sexp.Atom]:
    """The atoms of a list after its head; none for no list."""
    for position, item in enumerate(items or ()):
        if position > 0 and isinstance(item, sexp.Atom) and item.kind != "comment":
            yield item


def texts(items: sexp.List | None) -> list[str]:
    return [atom.text for atom in atoms(items)]


def numbers(items: sexp.List | None) -> list[float]:
    return [float(atom.value) for atom in atoms(items) if isinstance(atom.value, (int, float))]


def natural_order(text: str) -> list[tuple[int, int | str]]:
    """Sort key that puts R9 before R10, and what has no reference last."""
    if not text:
        return [(2, "")]
    pieces = re.split(r"([0-9]+)", text)
    return [(0, int(piece)) if piece.isdecimal() else (1, piece) for piece in pieces if piece]


# -- tables ------------------------------------------------------------------------------------------------------------


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, numeric: str, show_all: bool) -> None:
    """Prints rows as wide as the terminal at most. `numeric` names the columns that align right."""
    shown = rows if show_all else rows[:ROWS_SHOWN]
    if not shown:
        return
    cells = fit([[header.upper() for header in headers], *([printable(cell) for cell in row] for row in shown)])
    alignment = ["right" if header in numeric.split() else "left" for header in headers]
    print(tabulate(cells, tablefmt="plain", colalign=alignment, disable_numparse=True))
    if len(rows) > len(shown):
        print(f"… {len(rows) - len(shown):,} more (--all shows them)")


def fit(cells: list[list[str]]) -> list[list[str]]:
    """Cuts the widest columns until a line fits the terminal."""
    room = shutil.get_terminal_size().columns - 2 * (len(cells[0]) - 1)
    widths = [max(map(len, column)) for column in zip(*cells)]
    while sum(widths) > room and max(widths) > 4:
        widths[widths.index(max(widths))] -= 1
    return [[shorten(cell, width) for cell, width in zip(row, widths)] for row in cells]


def shorten(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def printable(text: str) -> str:
    """A board is a stranger's file: nothing in it may move the cursor."""
    return "".join(character if character.isprintable() else "�" for character in text)


def print_parts(board: Board, *, show_all: bool) -> None:
    sides = sorted({part.layer for part in board.parts})
    on_each = ", ".join(f"{sum(part.layer == side for part in board.parts):,} on {side}" for side in sides)
    print(f"\n{plural(len(board.parts), 'footprint')}" + (f" ({printable(on_each)})" if sides else ""))
    rows = [
        [
            part.reference or "-",
            part.value,
            part.layer,
            f"{part.x:.2f}",
            f"{part.y:.2f}",
            f"{part.angle:g}°",
            str(len(part.pads)),
        ]
        for part in board.parts
    ]
    headers = ["part", "value", "layer", "x/mm", "y/mm", "turned", "pads"]
    print_table(headers, rows, numeric="x/mm y/mm turned pads", show_all=show_all)


def print_nets(board: Board, *, show_all: bool) -> None:
    print(f"\n{plural(len(board.nets), 'net')}")
    rows = [
        [
            name,
            str(len(connections)),
            str(count_parts(connections)),
            " ".join(f"{part.reference or '-'}.{pad.number}" for part, pad in connections),
        ]
        for name, connections in sorted(board.nets.items(), key=lambda item: natural_order(item[0]))
    ]
    print_table(["net", "pads", "parts", "connects"], rows, numeric="pads parts", show_all=show_all)


def count_parts(connections: list[tuple[Part, Pad]]) -> int:
    return len({id(part) for part, _ in connections})


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


# -- the graph, in the daemon ------------------------------------------------------------------------------------------


class ConnectionGraph:
    """Components and nets as nodes, connected pads as edges. The nodes live in the daemon; Python holds handles."""

    def __init__(self, board: Board) -> None:
        self.view = GraphView.create()
        self.nets: dict[str, BoundNode] = {
            name: self.view.insert_node(node=NodeReference.create(kind="net", name=name)) for name in board.nets
        }
        self.edge_count = 0
        # None of these lines waits for the daemon: the client names new nodes and edges itself.
        for part in board.parts:
            component = self.view.insert_node(
                node=NodeReference.create(kind="component", name=part.reference, value=part.value)
            )
            for pad in part.pads:
                if pad.net:
                    self._connect(component, self.nets[pad.net], pad.number)

    def _connect(self, component: BoundNode, net: BoundNode, pad_number: str) -> None:
        edge = EdgeReference.create(
            source=component.node(), target=net.node(), edge_type=CONNECTION, name=pad_number
        )
        self.view.insert_edge(edge=edge)
        self.edge_count += 1

    def parts_on(self, net: str) -> list[tuple[str, str, list[str]]]:
        """Reference, value and pads of each component on the net, as the daemon's graph has it."""
        pads_of: dict[int, list[str]] = {}
        component_of: dict[int, NodeReference] = {}

        def note(_: object, bound_edge: BoundEdge) -> None:
            edge = bound_edge.edge()
            component = edge.source()
            component_of[component.get_uuid()] = component
            pads_of.setdefault(component.get_uuid(), []).append(edge.name() or "")

        self.nets[net].visit_edges_of_type(edge_type=CONNECTION, ctx=None, f=note)
        parts = [
            (str(component.get_attr(key="name")), str(component.get_attr(key="value")), pads_of[node_id])
            for node_id, component in component_of.items()
        ]
        return sorted(parts, key=lambda part: natural_order(part[0]))


def interesting_net(board: Board) -> str | None:
    """The net with the most parts; supply and ground only when there is nothing else."""
    connected = [name for name, connections in board.nets.items() if connections]
    signals = [name for name in connected if not POWER_NET.fullmatch(name)]

    def rank(name: str) -> tuple[int, int]:
        return count_parts(board.nets[name]), len(board.nets[name])

    return max(sorted(signals or connected), key=rank, default=None)


def print_neighbours(graph: ConnectionGraph, net: str, *, show_all: bool) -> None:
    parts = graph.parts_on(net)
    verb = "shares" if len(parts) == 1 else "share"
    print(f"\n{plural(len(parts), 'part')} {verb} net {printable(net)} (asked of the graph in the daemon)")
    rows = [[reference or "-", value, " ".join(pads)] for reference, value, pads in parts]
    print_table(["part", "value", "pads"], rows, numeric="", show_all=show_all)


# -- the crash ---------------------------------------------------------------------------------------------------------


def crash_and_go_on(path: Path, before: Board, graph: ConnectionGraph) -> bool:
    """Kills the process that holds our graph, and shows what that costs. True when it cost what it should."""
    print("\nNow the native side crashes, on purpose: bindd.debug.crash(how=\"SEGV\")")
    try:
        debug.crash(how="SEGV")
    except errors.WorkerCrashed as error:
        print(indented(f"{type(error).__name__}: {error}"))
    else:
        return complain("the worker survived its crash")

    # A new worker has applied the journal of the old one: the same handles answer, nothing else is to be done.
    nodes, edges = graph.view.get_counts()
    nodes -= 1  # the view's own
    if (nodes, edges) != (len(before.parts) + len(before.nets), graph.edge_count):
        return complain(f"the graph is not the same as before: {nodes} nodes, {edges} edges")
    print(f"\nThis Python process goes on, and so do its handles: {plural(nodes, 'node')}, {plural(edges, 'edge')}, as before.")
    after = load_board(path)
    if after.parts != before.parts:
        return complain("the board is not the same as before")
    print(f"The board, loaded again: {plural(len(after.parts), 'footprint')}, as before.")
    return True


def indented(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines())


def complain(text: str) -> bool:
    print(f"board_report: {text}", file=sys.stderr)
    return False


# -- command line ------------------------------------------------------------------------------------------------------


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Reports on a KiCad board through bindd, then survives a crash of the native side.",
        epilog="exit status: 0 done, 1 not a readable board, 2 wrong arguments, 3 no daemon, 4 bindd failed",
    )
    parser.add_argument("board", type=Path, metavar="BOARD", help="a .kicad_pcb file, KiCad 5 to 10")
    parser.add_argument("--net", metavar="NAME", help="which parts share this net (default: the busiest signal)")
    parser.add_argument("--all", action="store_true", help=f"show every row, not just {ROWS_SHOWN}")
    parser.add_argument("--no-crash", action="store_true", help="leave the crash out")
    return parser.parse_args(arguments)


def report(options: argparse.Namespace) -> int:
    path: Path = options.board
    board = load_board(path)
    if options.net is not None and options.net not in board.nets:
        close = difflib.get_close_matches(options.net, board.nets, n=5, cutoff=0.4)
        complain(f"no net {options.net!r} on this board" + (f"; there is {', '.join(close)}" if close else ""))
        return EXIT_USAGE

    print(f"{path} ({path.stat().st_size:,} bytes)")
    print_parts(board, show_all=options.all)
    print_nets(board, show_all=options.all)

    graph = ConnectionGraph(board)
    node_count = graph.view.get_node_count() - 1  # but for the view's own node
    print(f"\nGraph in the daemon: {plural(node_count, 'node')}, {plural(graph.edge_count, 'edge')}")
    net = interesting_net(board) if options.net is None else options.net
    if net is None:
        print("No pad of this board has a net: there is nothing to ask.")
    else:
        print_neighbours(graph, net, show_all=options.all)

    if not options.no_crash and not crash_and_go_on(path, board, graph):
        return EXIT_DAEMON_FAILED
    statistics = bindd.statistics()
    requests, round_trips = statistics["requests"], statistics["round_trips"]
    asked = plural(requests, "request")
    print(f"\n{asked} went to the daemon; this program waited for {plural(round_trips, 'answer')}.")
    sys.stdout.flush()  # here, where a broken pipe is caught
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(arguments)
    try:
        return report(options)
    except errors.SexpError as error:  # names file, line and column, and shows the line
        print(error, file=sys.stderr)
        return EXIT_NO_BOARD
    except NotABoard as error:
        complain(str(error))
        return EXIT_NO_BOARD
    except errors.BinddUnavailable as error:
        complain(str(error))
        return EXIT_NO_DAEMON
    except errors.BinddError as error:
        complain(f"{type(error).__name__}: {error}")
        return EXIT_DAEMON_FAILED
    except BrokenPipeError:  # the reader of our output has left: `board_report.py … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        complain(f"{options.board}: {error.strerror or error}")
        return EXIT_NO_BOARD


if __name__ == "__main__":
    sys.exit(main())
