"""A board or a footprint as SVG: copper, silkscreen, courtyard and outline, enough to recognise it. Not a plot: texts have
no stroke font, masks and pastes are left out unless asked for.

Reads plain attributes. Bounded: SHAPES_MAX shapes, then it says that it stopped; in a notebook NOTEBOOK_SHAPES_MAX. Every
text is escaped. Cost: some microseconds per shape. Units are millimetres; y points down, as in KiCad; angles there turn
counter-clockwise.
"""

from __future__ import annotations

import fnmatch
import math
import os
from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape

SHAPES_MAX = 1_000_000
NOTEBOOK_SHAPES_MAX = 20_000
NOTEBOOK_BYTES_MAX = 4 << 20
MARGIN = 1.0
"""Millimetres around everything."""
WIDTH_LEAST = 0.05
"""A line of no width is drawn that wide."""
TEXT_CHARACTERS_MAX = 400
LINE_PITCH, CHARACTER_WIDTH = 1.62, 0.85
"""Of texts, in heights of a letter: from line to line as in KiCad, and about what a letter takes."""

DEFAULT_LAYERS = ("*.Cu", "*.SilkS", "*.CrtYd", "Edge.Cuts")
_COLOURS = {
    "F.Cu": "#c8453c", "B.Cu": "#3f76c4", "F.SilkS": "#efe6a0", "B.SilkS": "#d9a79e", "F.CrtYd": "#d94fd0", "B.CrtYd": "#3fc9d9",
    "Edge.Cuts": "#e2e2d6", "F.Fab": "#9aa0a8", "B.Fab": "#66707c", "F.Mask": "#8f3f86", "B.Mask": "#2f8f80",
}
_INNER = ("#6fb35a", "#c79a3e", "#8a6fc0", "#4fa7a0", "#b36f8a", "#7f9a4a")
_GROUND, _HOLE, _PLATED, _OTHER = "#11202b", "#0a1218", "#cfa94a", "#8a93a0"
_OLD_NAMES = {"F.Silkscreen": "F.SilkS", "B.Silkscreen": "B.SilkS", "F.Courtyard": "F.CrtYd", "B.Courtyard": "B.CrtYd"}


class _Full(Exception):
    """There are as many shapes as there may be."""


def _number(value: float) -> str:
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _points(xys: Iterable[Any]) -> list[tuple[float, float]]:
    return [(point.x, point.y) for point in xys]


def _has_fill(shape: Any) -> bool:
    return shape.fill in ("yes", "solid", "hatch")


def _circle_through(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> tuple[float, float, float] | None:
    """Centre and radius, None for three points on a line."""
    ax, ay, bx, by, cx, cy = *a, *b, *c
    d = 2 * (ax * (by - cy) + bx * (cy - ay) + cx * (ay - by))
    if abs(d) < 1e-9:
        return None
    a2, b2, c2 = ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy
    x = (a2 * (by - cy) + b2 * (cy - ay) + c2 * (ay - by)) / d
    y = (a2 * (cx - bx) + b2 * (ax - cx) + c2 * (bx - ax)) / d
    return x, y, math.hypot(ax - x, ay - y)


def _arc_path(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> str:
    """From a to c through b; a bent line where no circle goes through them."""
    circle = _circle_through(a, b, c)
    if circle is None:
        return _path([a, b, c])
    x, y, radius = circle
    angles = [math.atan2(py - y, px - x) for px, py in (a, b, c)]
    sweep = (angles[2] - angles[0]) % (2 * math.pi)
    is_clockwise = (angles[1] - angles[0]) % (2 * math.pi) <= sweep  # on the screen, where y points down
    is_large = (sweep if is_clockwise else 2 * math.pi - sweep) > math.pi
    return (f"M{_number(a[0])} {_number(a[1])}A{_number(radius)} {_number(radius)} 0 {int(is_large)} {int(is_clockwise)} "
            f"{_number(c[0])} {_number(c[1])}")


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_number(x)} {_number(y)}" for x, y in points)


def _curve_path(points: list[tuple[float, float]]) -> str:
    (a, b), *rest = points
    return f"M{_number(a)} {_number(b)}C" + " ".join(f"{_number(x)} {_number(y)}" for x, y in rest)


class _Primitive:
    """A shape of a pad that the models do not know, out of its text."""

    def __init__(self, form: Any) -> None:
        self.kind = form.head
        self.entries = {entry.head: entry for entry in form if hasattr(entry, "head")}

    def numbers(self, name: str) -> list[float]:
        entry = self.entries.get(name)
        return [float(atom.text) for atom in list(entry)[1:]] if entry is not None else []

    def point(self, name: str) -> tuple[float, float]:
        x, y = self.numbers(name)
        return x, y

    @property
    def width(self) -> float:
        return (self.numbers("width") or [0.0])[0]

    @property
    def is_filled(self) -> bool:
        entry = self.entries.get("fill")
        return entry is not None and any(getattr(word, "text", "") in ("yes", "solid") for word in entry)

    def drawn(self) -> tuple[str, list[tuple[float, float]]]:
        """Path or circle, and points that it reaches; ValueError or LookupError for what it is not."""
        fill = ' class="f"' if self.is_filled else ""
        stroke = f'{fill} stroke-width="{_number(self.width if fill else max(self.width, WIDTH_LEAST))}"/>'
        if self.kind == "gr_circle":
            (x, y), (ex, ey) = self.point("center"), self.point("end")
            radius = math.hypot(ex - x, ey - y)
            return (f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius)}"{stroke}',
                    [(x - radius, y - radius), (x + radius, y + radius)])
        if self.kind == "gr_curve":
            points = [(float(xy[1].text), float(xy[2].text)) for xy in list(self.entries["pts"])[1:]]
            if len(points) != 4:
                raise ValueError("a curve has four points")
            return f'<path d="{_curve_path(points)}"{stroke}', points
        start, end = self.point("start"), self.point("end")
        if self.kind == "gr_line":
            return f'<path d="{_path([start, end])}"{stroke}', [start, end]
        if self.kind == "gr_rect":
            (x1, y1), (x2, y2) = start, end
            return f'<path d="{_path([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])}Z"{stroke}', [start, end]
        if self.kind != "gr_arc":
            raise ValueError(self.kind)
        if "angle" in self.entries:  # until KiCad 5: the centre, a start, and how far from there
            (cx, cy), (sx, sy) = start, end
            turn = math.radians(self.numbers("angle")[0])
            start, middle, end = (
                (cx + (sx - cx) * math.cos(part) - (sy - cy) * math.sin(part), cy + (sx - cx) * math.sin(part) + (sy - cy) * math.cos(part))
                for part in (0.0, turn / 2, turn))
        else:
            middle = self.point("mid")
        return f'<path d="{_arc_path(start, middle, end)}"{stroke}', [start, middle, end]


class Drawing:
    """Shapes by layer. `place` is where the footprint that is being drawn stands: x, y, angle in degrees."""

    def __init__(self, layers: Iterable[str] | None, shapes_max: int) -> None:
        self.wanted = tuple(layers) if layers is not None else DEFAULT_LAYERS
        self.left = shapes_max
        self.is_cut = False
        self.layers: dict[str, list[str]] = {}
        self.box = [math.inf, math.inf, -math.inf, -math.inf]
        self.edge_box = [math.inf, math.inf, -math.inf, -math.inf]
        self.place = (0.0, 0.0, 0.0)
        self.known: dict[str, bool] = {}

    # -- where things go -------------------------------------------------------------------------------------------

    def shows(self, layer: str | None) -> bool:
        if layer is None:
            return False
        if layer not in self.known:
            self.known[layer] = any(fnmatch.fnmatchcase(_OLD_NAMES.get(layer, layer), wanted) for wanted in self.wanted)
        return self.known[layer]

    def see(self, points: Iterable[tuple[float, float]], layer: str, around: float = 0.0) -> None:
        x0, y0, angle = self.place
        turn = math.radians(angle)
        cos, sin = math.cos(turn), math.sin(turn)
        for box in (self.box, self.edge_box) if layer == "Edge.Cuts" else (self.box,):
            for x, y in points:
                px, py = x0 + x * cos + y * sin, y0 - x * sin + y * cos
                box[0], box[1] = min(box[0], px - around), min(box[1], py - around)
                box[2], box[3] = max(box[2], px + around), max(box[3], py + around)

    def add(self, layer: str, text: str) -> None:
        if self.left <= 0:
            self.is_cut = True
            raise _Full
        self.left -= 1
        x, y, angle = self.place
        if x or y or angle:
            turned = f" rotate({_number(-angle)})" if angle else ""
            text = f'<g transform="translate({_number(x)} {_number(y)}){turned}">{text}</g>'
        self.layers.setdefault(layer, []).append(text)

    # -- shapes ----------------------------------------------------------------------------------------------------

    def line(self, points: list[tuple[float, float]], width: float, layer: str) -> None:
        self.see(points, layer, width / 2)
        self.add(layer, f'<path d="{_path(points)}" stroke-width="{_number(max(width, WIDTH_LEAST))}"/>')

    def polygon(self, points: list[tuple[float, float]], width: float, is_filled: bool, layer: str, opacity: str = "") -> None:
        if not points:
            return
        self.see(points, layer, width / 2)
        d = _path(points) + "Z"
        fill = ' class="f"' if is_filled else ""
        stroke = f' stroke-width="{_number(width)}"' if is_filled or width > 0 else f' stroke-width="{WIDTH_LEAST}"'
        self.add(layer, f'<path d="{d}"{fill}{stroke}{opacity}/>')

    def arc(self, start: Any, middle: Any, end: Any, width: float, layer: str) -> None:
        points = _points([start, middle, end])
        self.see(points, layer, width / 2)
        self.add(layer, f'<path d="{_arc_path(*points)}" stroke-width="{_number(max(width, WIDTH_LEAST))}"/>')

    def circle(self, x: float, y: float, radius: float, width: float, is_filled: bool, layer: str) -> None:
        self.see([(x, y)], layer, radius + width / 2)
        fill = ' class="f"' if is_filled else ""
        self.add(layer, f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius)}"{fill} '
                        f'stroke-width="{_number(width if is_filled else max(width, WIDTH_LEAST))}"/>')

    def text(self, words: str, at: Any, effects: Any, layer: str) -> None:
        """Lines of a text, from where `at` is to the side that it is justified to."""
        lines = words[:TEXT_CHARACTERS_MAX].split("\n")
        if not words:
            return
        size = (effects.font.size.h if effects is not None else None) or 1.0
        justify = effects.justify if effects is not None else None
        sides = {justify.justify1, justify.justify2, justify.justify3} if justify is not None else set()
        is_mirrored = "mirror" in sides
        turn = (at.r or 0.0) % 360  # as seen on the board: KiCad keeps texts upright there
        is_turned = 90 < turn <= 270
        turn -= self.place[2] + (180 if is_turned else 0)
        across = ("left" in sides) - ("right" in sides)  # where the text is of its place: 1 behind, -1 before
        down = ("top" in sides) - ("bottom" in sides)
        if is_turned:
            across, down = -across, -down
        anchor = {1: ' text-anchor="start"', -1: ' text-anchor="end"', 0: ""}[across]
        pitch = size * LINE_PITCH
        top = ((down - 1) * (len(lines) - 1) * pitch + down * size) / 2

        wide, high = size * CHARACTER_WIDTH * max(map(len, lines)), pitch * len(lines)
        left, upper = wide * (across - 1) / 2, top - pitch / 2
        cos, sin = math.cos(math.radians(-turn)), math.sin(math.radians(-turn))
        corners = ((-px if is_mirrored else px, py) for px in (left, left + wide) for py in (upper, upper + high))
        self.see([(at.x + px * cos - py * sin, at.y + px * sin + py * cos) for px, py in corners], layer)
        place = f"translate({_number(at.x)} {_number(at.y)})" + (f" rotate({_number(-turn)})" if turn % 360 else "")
        place += " scale(-1 1)" if is_mirrored else ""
        self.add(layer, f'<g transform="{place}">' + "".join(
            f'<text y="{_number(top + index * pitch)}" font-size="{_number(size * 1.4)}"{anchor}>{escape(line)}</text>'
            for index, line in enumerate(lines)) + "</g>")

    # -- what models hold ------------------------------------------------------------------------------------------

    def graphics(self, owner: Any, prefix: str) -> None:
        def each(*names: str) -> Iterable[tuple[Any, str, float]]:
            for name in names:
                for shape in getattr(owner, prefix + name, ()):
                    for layer in [shape.layer] if shape.layer is not None else list(shape.layers):
                        if self.shows(layer):
                            yield shape, _OLD_NAMES.get(layer, layer), shape.stroke.width if shape.stroke is not None else 0.1

        for shape, layer, width in each("lines"):
            self.line(_points([shape.start, shape.end]), width, layer)
        for shape, layer, width in each("arcs"):
            self.arc(shape.start, shape.mid, shape.end, width, layer)
        for shape, layer, width in each("circles"):
            radius = math.hypot(shape.end.x - shape.center.x, shape.end.y - shape.center.y)
            self.circle(shape.center.x, shape.center.y, radius, width, _has_fill(shape), layer)
        for shape, layer, width in each("rects"):
            (x1, y1), (x2, y2) = _points([shape.start, shape.end])
            self.polygon([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], width, _has_fill(shape), layer)
        for shape, layer, width in each("polys", "poly"):
            self.polygon(_points(shape.pts.xys), width, _has_fill(shape), layer)
        for shape, layer, width in each("curves"):
            points = _points(shape.pts.xys)
            if len(points) == 4:
                self.see(points, layer, width / 2)
                self.add(layer, f'<path d="{_curve_path(points)}" stroke-width="{_number(max(width, WIDTH_LEAST))}"/>')
        for shape in getattr(owner, prefix + "texts", ()):
            layer = shape.layer.layer
            if self.shows(layer) and not getattr(shape, "hide", None) and not (shape.effects is not None and shape.effects.hide):
                words = shape.text.replace("${REFERENCE}", self.reference)
                self.text(words, shape.at, shape.effects, _OLD_NAMES.get(layer, layer))

    reference = ""

    def footprint(self, footprint: Any, x: float = 0.0, y: float = 0.0, angle: float = 0.0) -> None:
        self.place = (x, y, angle)
        self.reference = next((p.value for p in footprint.propertys if p.name == "Reference"), "")
        for item in footprint.propertys:
            layer = item.layer
            hidden = item.hide or (item.effects is not None and item.effects.hide)
            if item.name == "Reference" and item.at is not None and not hidden and self.shows(layer):
                self.text(item.value, item.at, item.effects, _OLD_NAMES.get(layer, layer))
        self.graphics(footprint, "fp_")
        for pad in footprint.pads:
            self.pad(pad, angle)
        self.place = (0.0, 0.0, 0.0)

    def pad(self, pad: Any, angle: float) -> None:
        copper = [layer for layer in pad.layers if layer.endswith(".Cu")]
        shown = [layer for layer in ("F.Cu", "B.Cu", *copper) if self.shows(layer)]
        is_through = pad.drill is not None and pad.type in ("thru_hole", "np_thru_hole")
        layer = "pads" if is_through else next((layer for layer in copper if layer in shown), None)
        if layer is None or not shown:
            return
        x, y, turn = pad.at.x, pad.at.y, (pad.at.r or 0.0) - angle
        width, height = pad.size.w, pad.size.h if pad.size.h is not None else pad.size.w
        reach = math.hypot(width, height) / 2
        self.see([(x, y)], layer, reach if pad.shape != "circle" else width / 2)
        radius = {"oval": min(width, height) / 2, "circle": width / 2, "roundrect": min(width, height) * (pad.roundrect_rratio or 0.0)}
        parts = []
        if pad.type != "np_thru_hole":
            is_round = pad.shape == "circle" or pad.shape == "custom" and pad.options is not None and pad.options.anchor == "circle"
            if is_round:
                height = width
                radius["custom"] = width / 2
            round_ = f' rx="{_number(radius[pad.shape])}"' if radius.get(pad.shape) else ""
            parts.append(f'<rect class="f" x="{_number(-width / 2)}" y="{_number(-height / 2)}" width="{_number(width)}" '
                         f'height="{_number(height)}"{round_} stroke-width="0"/>')
            for polygon in pad.primitives.gr_polys if pad.primitives is not None else ():
                points = _points(polygon.pts.xys)
                if points:
                    parts.append(f'<path class="f" d="{_path(points)}Z" stroke-width="0"/>')
                    self.see_turned(points, x, y, turn, layer)
            for text, points in _unknown_shapes(pad):
                parts.append(text)
                self.see_turned(points, x, y, turn, layer)
        if is_through and pad.drill.size_x:
            across = pad.drill.size_x
            down = pad.drill.size_y if pad.drill.size_y is not None else across
            parts.append(f'<rect class="h" x="{_number(-across / 2)}" y="{_number(-down / 2)}" width="{_number(across)}" '
                         f'height="{_number(down)}" rx="{_number(min(across, down) / 2)}"/>')
        rotate = f" rotate({_number(-turn)})" if turn else ""
        self.add(layer, f'<g transform="translate({_number(x)} {_number(y)}){rotate}">{"".join(parts)}</g>')

    def see_turned(self, points: list[tuple[float, float]], x: float, y: float, turn: float, layer: str) -> None:
        cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        self.see([(x + px * cos + py * sin, y - px * sin + py * cos) for px, py in points], layer)

    def board(self, board: Any) -> None:
        self.graphics(board, "gr_")
        for segment in board.segments:
            if self.shows(segment.layer):
                self.line(_points([segment.start, segment.end]), segment.width, segment.layer)
        for arc in board.arcs:
            if self.shows(arc.layer):
                self.arc(arc.start, arc.mid, arc.end, arc.width, arc.layer)
        for footprint in board.footprints:
            at = footprint.at
            if at is not None:
                self.footprint(footprint, at.x, at.y, at.r or 0.0)
        if self.shows("F.Cu") or self.shows("B.Cu"):
            for via in board.vias:
                self.see([(via.at.x, via.at.y)], "vias", via.size / 2)
                x, y = _number(via.at.x), _number(via.at.y)
                self.add("vias", f'<circle class="f" cx="{x}" cy="{y}" r="{_number(via.size / 2)}" stroke="none"/>'
                                 f'<circle class="h" cx="{x}" cy="{y}" r="{_number((via.drill or 0) / 2)}"/>')
        for zone in board.zones:
            for filled in zone.filled_polygon:
                if self.shows(filled.layer):
                    self.polygon(_points(filled.pts.xys), 0.0, True, filled.layer, ' fill-opacity="0.35"')

    # -- the whole -------------------------------------------------------------------------------------------------

    def document(self, title: str) -> str:
        box = self.edge_box if math.isfinite(self.edge_box[0]) else self.box
        if not math.isfinite(box[0]):
            box = [0.0, 0.0, 40.0, 10.0]
        x, y = box[0] - MARGIN, box[1] - MARGIN
        width, height = box[2] - box[0] + 2 * MARGIN, box[3] - box[1] + 2 * MARGIN
        scale = min(1200 / width, 900 / height, 40.0)
        out = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * scale:.0f}" height="{height * scale:.0f}" '
            f'viewBox="{_number(x)} {_number(y)} {_number(width)} {_number(height)}">',
            f"<title>{escape(title)}</title>",
            f'<rect x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}" fill="{_GROUND}"/>',
        ]
        for layer in sorted(self.layers, key=_rank):
            colour = _colour(layer)
            hole = f'<style>#{_identifier(layer)} .h{{fill:{_HOLE};stroke:none}}#{_identifier(layer)} .f{{fill:{colour}}}</style>'
            out.append(f'<g id="{_identifier(layer)}" fill="none" stroke="{colour}" stroke-linecap="round" stroke-linejoin="round" '
                       f'font-family="sans-serif" text-anchor="middle" dominant-baseline="central">{hole}')
            out += [text.replace("<text ", f'<text fill="{colour}" stroke="none" ') if "<text " in text else text for text in self.layers[layer]]
            out.append("</g>")
        if self.is_cut:
            out.append(f'<text x="{_number(x + width / 2)}" y="{_number(y + height - MARGIN / 2)}" fill="#fff" text-anchor="middle" '
                       f'font-family="sans-serif" font-size="{_number(height / 30)}">drawn in part: too many shapes</text>')
        out.append("</svg>")
        return "\n".join(out)


def _unknown_shapes(pad: Any) -> Iterable[tuple[str, list[tuple[float, float]]]]:
    """Of a pad's own shape what the models do not read: all but polygons. What it takes is one request for such a pad."""
    from bindd import sexp

    parts = sexp.unknown_parts(pad.primitives) if pad.primitives is not None else []
    if not parts:
        return
    with sexp.parse("\n".join(parts).encode()) as document:
        for form in document.forms:
            try:
                yield _Primitive(form).drawn()
            except (ValueError, LookupError, AttributeError):
                continue  # of a kind that nobody knows


def _identifier(layer: str) -> str:
    return "bindd-" + "".join(c if c.isalnum() and c.isascii() else "-" for c in layer)


def _rank(layer: str) -> tuple[int, str]:
    """From the back to the front."""
    order = ("B.Fab", "B.CrtYd", "B.SilkS", "B.Mask", "B.Cu", "*", "F.Cu", "vias", "pads", "F.Mask", "F.SilkS", "F.CrtYd", "F.Fab", "Edge.Cuts")
    return (order.index(layer) if layer in order else order.index("*"), layer)


def _colour(layer: str) -> str:
    if layer in ("vias", "pads"):
        return _PLATED
    if layer.startswith("In") and layer.endswith(".Cu"):
        digits = "".join(c for c in layer if c.isdigit())
        return _INNER[int(digits or "0") % len(_INNER)]
    return _COLOURS.get(layer, _OTHER)


def draw(value: Any, layers: Iterable[str] | None = None, shapes_max: int = SHAPES_MAX) -> str:
    """The SVG of a board, a footprint, or the file of one."""
    if isinstance(layers, str):
        layers = [layers]
    for name in ("kicad_pcb", "footprint"):
        if hasattr(value, name):
            value = getattr(value, name)
    drawing = Drawing(layers, shapes_max)
    try:
        if hasattr(value, "footprints"):
            title = "board"
            drawing.board(value)
        else:
            title = value.name
            drawing.footprint(value)
    except _Full:
        pass
    return drawing.document(title)


def to_svg(self: Any, path: str | os.PathLike[str] | None = None, *, layers: Iterable[str] | None = None) -> str:
    """The drawing as SVG; also written to `path`. layers: names, patterns with * too; by default what shows the board."""
    text = draw(self, layers)
    if path is not None:
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
    return text


def repr_svg(self: Any) -> str | None:
    """For notebooks; None when it would be too large for a page, or the document was freed."""
    try:
        text = draw(self, shapes_max=NOTEBOOK_SHAPES_MAX)
    except ReferenceError:
        return None
    return text if len(text) <= NOTEBOOK_BYTES_MAX else None
