"""A small drawing of a small graph, without any other program: nodes on a circle in order of insertion, edges as curves.

Knows nothing of the daemon. Every text is escaped. Cost: microseconds per node; meant for some dozens of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from bindd._exchange import Copy

NODE_HEIGHT = 22
CHARACTER_WIDTH = 7.2
GAP = 26
"""Between neighbours on the circle, and around everything."""

# In a notebook the style counts for the whole page: hence the long names.
_STYLE = (
    "<style>.bindd-n{fill:#f4f6fa;stroke:#4a5a78}.bindd-e{fill:none;stroke:#8792a8}"
    ".bindd-t{font:12px sans-serif;fill:#1c2434;text-anchor:middle}"
    ".bindd-l{font:10px sans-serif;fill:#5c677d;text-anchor:middle}</style>"
    '<defs><marker id="bindd-arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#8792a8"/></marker></defs>'
)


def _document(width: float, height: float, body: list[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}">'
    )
    return "\n".join([head, _STYLE, *body, "</svg>"])


def note(title: str, text: str) -> str:
    """Two lines in a box, in place of a drawing."""
    width = max(len(title), len(text)) * CHARACTER_WIDTH + 2 * GAP
    return _document(width, 60, [
        f'<rect class="bindd-n" x="1" y="1" width="{width - 2:.0f}" height="58" rx="6"/>',
        f'<text class="bindd-t" x="{width / 2:.1f}" y="26">{escape(title)}</text>',
        f'<text class="bindd-l" x="{width / 2:.1f}" y="44">{escape(text)}</text>',
    ])


def _border(x: float, y: float, half_width: float, towards_x: float, towards_y: float) -> tuple[float, float]:
    """Where the line from a box's middle towards a point leaves the box."""
    dx, dy = towards_x - x, towards_y - y
    if dx == dy == 0:
        return x, y
    across = half_width / abs(dx) if dx else math.inf
    down = NODE_HEIGHT / 2 / abs(dy) if dy else math.inf
    part = min(across, down)
    return x + dx * part, y + dy * part


def _loop(x: float, y: float, number: int) -> tuple[str, float, float]:
    top, reach = y - NODE_HEIGHT / 2, 18 + 10 * number
    path = f"M{x - 8:.1f} {top:.1f}C{x - reach:.1f} {top - reach:.1f} {x + reach:.1f} {top - reach:.1f} {x + 8:.1f} {top:.1f}"
    return path, x, top - reach * 0.8


def draw(copy: Copy, node_labels: list[str], edge_labels: list[str]) -> str:
    """The drawing of all nodes and edges of the copy."""
    labels = [text.replace("\n", " ") for text in node_labels]
    half_widths = [max(len(text), 2) * CHARACTER_WIDTH / 2 + 8 for text in labels]
    around = sum(2 * half + GAP for half in half_widths)
    radius = 0.0 if len(labels) == 1 else max(60.0, around / (2 * math.pi), len(labels) * (NODE_HEIGHT + 8) / math.pi / 2)
    margin = max(half_widths) + GAP
    width, height = 2 * (radius + margin), 2 * (radius + NODE_HEIGHT + 2 * GAP)
    place: dict[int, tuple[float, float, float]] = {}
    for number, node in enumerate(copy.nodes):
        angle = 2 * math.pi * number / len(copy.nodes) - math.pi / 2
        place[node] = (
            width / 2 + radius * math.cos(angle), height / 2 + radius * math.sin(angle), half_widths[number],
        )
    lines: list[str] = []
    seen: dict[tuple[int, int], int] = {}
    rows = zip(copy.edges.sources, copy.edges.targets, copy.edges.directional, edge_labels, strict=True)
    for source, target, directional, text in rows:
        ends = (min(source, target), max(source, target))
        number = seen[ends] = seen.get(ends, -1) + 1
        x1, y1, half1 = place[source]
        x2, y2, half2 = place[target]
        if source == target:
            path, text_x, text_y = _loop(x1, y1, number)
        else:
            # Edges between the same two nodes bend apart, the second to one side, the third to the other.
            side = 1 if source == ends[0] else -1
            bend = side * 24 * ((number + 1) // 2) * (1 if number % 2 else -1)
            length = math.hypot(x2 - x1, y2 - y1) or 1.0
            middle_x = (x1 + x2) / 2 - (y2 - y1) / length * bend * 2
            middle_y = (y1 + y2) / 2 + (x2 - x1) / length * bend * 2
            from_x, from_y = _border(x1, y1, half1, middle_x, middle_y)
            to_x, to_y = _border(x2, y2, half2, middle_x, middle_y)
            path = f"M{from_x:.1f} {from_y:.1f}Q{middle_x:.1f} {middle_y:.1f} {to_x:.1f} {to_y:.1f}"
            text_x, text_y = (from_x + 2 * middle_x + to_x) / 4, (from_y + 2 * middle_y + to_y) / 4 - 3
        arrow = ' marker-end="url(#bindd-arrow)"' if directional else ""
        lines.append(f'<path class="bindd-e" d="{path}"{arrow}/>')
        lines.append(f'<text class="bindd-l" x="{text_x:.1f}" y="{text_y:.1f}">{escape(text)}</text>')
    for node, text in zip(copy.nodes, labels, strict=True):
        x, y, half = place[node]
        lines.append(
            f'<rect class="bindd-n" x="{x - half:.1f}" y="{y - NODE_HEIGHT / 2:.1f}" width="{2 * half:.1f}" '
            f'height="{NODE_HEIGHT}" rx="5"/>'
        )
        lines.append(f'<text class="bindd-t" x="{x:.1f}" y="{y + 4:.1f}">{escape(text)}</text>')
    return _document(width, height, lines)
