"""Files of KiCad models: nothing lost whatever stands where, few round trips, saving in one step, memory that comes back."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from conftest import ROOT, Home, alone
from test_models import BOARD

PLANTED = {
    "pcb": ["open/pcb/**/*.kicad_pcb"], "footprint": ["open/footprint/**/*SO*.kicad_mod"],
    "schematic": ["open/schematic/**/*.kicad_sch"], "symbol": ["open/symbol/**/*.kicad_sym"], "netlist": ["open/netlist/**/*.net"],
    "fp_lib_table": ["open/fp_lib_table/**/*"], "footprint_v5": ["open/footprint_v5/**/*.kicad_mod"],
}
BYTES_MAX = 30_000


def planted(text: str) -> tuple[str, int]:
    """An unknown list behind each opening word of a list that holds lists, and before each list's end; and their number."""
    tokens = re.findall(r'"(?:[^"\\]|\\.)*"|[()]|[^\s()"]+|\s+', text, re.DOTALL)
    out, count, holds = [], 0, []
    for token in tokens:
        if token == "(":
            if holds:
                holds[-1] = True
            holds.append(False)
        if token == ")" and holds.pop():
            out.append(f' (planted_{count} "a b" 1.50 (x y))')
            count += 1
        out.append(token)
    return "".join(out), count


def check_planted(folder: str) -> None:
    import importlib

    import bindd

    checked = 0
    for module, patterns in PLANTED.items():
        models = importlib.import_module(f"bindd.sexp.{module}")
        paths = [path for pattern in patterns for path in sorted(Path(folder, "corpus").glob(pattern)) if path.is_file()]
        chosen = [path for path in sorted(paths, key=lambda path: path.stat().st_size) if path.stat().st_size <= BYTES_MAX]
        done = 0
        for path in chosen[:: max(1, len(chosen) // 5)][:6]:
            text = path.read_bytes().decode()
            try:
                models.loads(text.encode()).free()
            except bindd.errors.SexpError:
                continue  # of another format, in the same folder
            strange, count = planted(text)
            left = set(range(count))
            file = models.loads(strange.encode())
            with file:
                out = models.dumps(file)
            found = re.findall(r"planted_(\d+)", out)
            assert sorted(map(int, found)) == sorted(left), (path, count, len(found))
            assert len(re.findall(r'planted_\d+\s+"a b"\s+1\.50\s+\(x\s+y\)', out)) == len(left), path
            done += 1
            checked += count
        assert done >= 1, (module, len(chosen))
    assert checked > 300, checked


def test_unknown_tokens_at_every_list(home: Home, shared: Path) -> None:
    done = home.python("import sys, test_models_files as t; t.check_planted(sys.argv[1])", str(shared), timeout=100)
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_table_of_real_files_is_current(home: Home, shared: Path) -> None:
    """docs/KICAD.md shows what the command prints now; every file that loads comes back byte for byte."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "corpus_table.py"), str(shared / "corpus" / "MANIFEST.tsv")],
        env=home.environment, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() in (ROOT / "docs" / "KICAD.md").read_text("utf-8")
    files, loaded, same_tokens, same_bytes = map(int, done.stdout.strip().splitlines()[-1].split("|")[3:7])
    assert files > 300 and loaded == same_tokens == same_bytes and files - loaded <= 2


@alone
def test_round_trips() -> None:
    import bindd
    from bindd.sexp import pcb

    footprints = "".join(
        f'(footprint "f{i}" (layer "F.Cu") (at {i} 0) (property "Reference" "R{i}" (at 0 0) (layer "F.SilkS")))' for i in range(2779)
    )
    tracks = "".join(
        f'(segment (start {i}.125 {i % 90}.5) (end {i}.125 1) (width 0.2) (layer "F.Cu") (net 1) (uuid "5f3c2c1a-0000-4000-8000-{i:012}"))\n'
        for i in range(20_000)
    )
    text = BOARD.rstrip()[:-1] + footprints + tracks + ")"
    assert 2_800_000 < len(text) < 3_000_000
    pcb.loads(BOARD).free()
    before = bindd.statistics()["round_trips"]
    file = pcb.loads(text)
    stack: list[object] = [file]
    fields = 0
    while stack:
        value = stack.pop()
        for name in value.__field_names__():  # type: ignore[attr-defined]
            found = getattr(value, name)
            fields += 1
            items = found if type(found).__name__ == "MutableList" else [found]
            stack += [item for item in items if hasattr(type(item), "__field_names__")]
    assert fields > 250_000 and bindd.statistics()["round_trips"] - before == 1
    board = file.kicad_pcb
    for footprint in board.footprints:
        footprint.propertys[0].value += "x"
    board.footprints.sort(key=lambda footprint: -footprint.at.x)
    board.footprints.pop()
    out = pcb.dumps(file)
    assert bindd.statistics()["round_trips"] - before == 2 and out.count('x"\n') >= 2779 and '"R2778x"' in out
    made = pcb.PcbFile(kicad_pcb=pcb.KicadPcb(generator="g", generator_version="1", nets=[pcb.Net(number=0, name="")]))
    made.kicad_pcb.nets[0].name = "x"
    assert bindd.statistics()["round_trips"] - before == 2
    pcb.dumps(made)
    assert bindd.statistics()["round_trips"] - before == 3
    file.free()


def test_saving(home: Home, tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
import bindd
from bindd import errors
from bindd.sexp import pcb
from test_models import BOARD
folder = Path(sys.argv[1])
path, link = folder / "a.kicad_pcb", folder / "link.kicad_pcb"
text = pcb.dumps(pcb.loads(BOARD)).replace("\\n", "\\r\\n").encode()[:-2]  # as KiCad writes it elsewhere, without the last line's end
path.write_bytes(text)
path.chmod(0o640)
link.symlink_to(path)
file = pcb.loads(path)
assert pcb.dumps(file, path) is None and path.read_bytes() == text, path.read_bytes()[:200]
file.kicad_pcb.nets[1].name = "EARTH"
before = bindd.statistics()["bytes_received"]
pcb.dumps(file, link)
assert bindd.statistics()["bytes_received"] - before < 300
assert b"EARTH" in path.read_bytes() and link.is_symlink() and path.stat().st_mode & 0o777 == 0o640
pcb.dumps(file, path)

path.write_bytes(path.read_bytes() + b" ")
changed = path.read_bytes()
for target in (path, link, str(path)):
    try:
        pcb.dumps(file, target)
    except errors.FileChanged as error:
        assert isinstance(error, OSError) and str(path) in str(error), error
    else:
        raise SystemExit("overwritten")
    assert path.read_bytes() == changed
pcb.dumps(file, path, force=True)
assert path.read_bytes() != changed
pcb.dumps(file, path)
os.utime(path, ns=(1, 1))  # touched, and the same all the same
pcb.dumps(file, path)

other = folder / "b.kicad_pcb"
pcb.dumps(file, other)
assert other.read_bytes() == path.read_bytes()
for bad in (folder / "none" / "x", folder):
    try:
        pcb.dumps(file, bad)
    except OSError as error:
        assert str(folder) in str(error), error
    else:
        raise SystemExit("saved")
made = pcb.PcbFile(kicad_pcb=pcb.KicadPcb(generator="g", generator_version="1"))
pcb.dumps(made, folder / "c.kicad_pcb")
assert pcb.loads(folder / "c.kicad_pcb").kicad_pcb.generator == "g"
left = sorted(entry.name for entry in folder.iterdir() if entry.suffix)
assert left == ["a.kicad_pcb", "b.kicad_pcb", "c.kicad_pcb", "link.kicad_pcb"], left
"""
    done = home.python(code, str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]


def test_paths_that_are_not_utf8(home: Home, tmp_path: Path) -> None:
    """Reading takes any path. A save there says what is wrong, and the workspace goes on with what it holds."""
    code = """
import os, sys
from pathlib import Path
from bindd import sexp
from bindd.graph import GraphView
from bindd.sexp import pcb
from test_models import BOARD
view = GraphView.create()
os.mkdir(sys.argv[1] + "/own")
os.chdir(sys.argv[1] + "/own")
odd = os.fsdecode(b"\\xff.kicad_pcb")
Path(odd).write_text(BOARD)
for source in (Path(odd), odd, *(entry for entry in os.scandir(b"."))):
    assert pcb.loads(source).kicad_pcb.footprints and sexp.parse(source).label.removeprefix("./") == "\\ufffd.kicad_pcb"
file = pcb.loads(Path(odd))
file.kicad_pcb.footprints[0].name = "edited"
os.mkdir(b"\\xfe")
for target in (Path(odd), os.fsencode(odd), os.fsdecode(b"\\xfe/new")):
    try:
        pcb.dumps(file, target)
    except OSError as error:
        assert "not UTF-8" in str(error) and error.filename == target, error
    else:
        raise SystemExit("saved")
assert Path(odd).read_text() == BOARD and os.listdir(b"\\xfe") == []
assert view.get_node_count() == 1 and "edited" in pcb.dumps(file)
pcb.dumps(file, b"plain.kicad_pcb")
assert pcb.loads(Path("plain.kicad_pcb")).kicad_pcb.footprints[0].name == "edited"
"""
    done = home.python(code, str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]


def test_memory_comes_back(home: Home) -> None:
    """A board loaded, read and dropped again and again: neither here nor in the worker does anything stay."""
    code = """
import bindd
from bindd.sexp import pcb
from test_models import BOARD
pads = "".join(f'(segment (start {i}.125 {i}) (end {i} 1) (width 0.2) (layer "F.Cu") (net {i % 4}) (uuid "u-{i}"))' for i in range(3600))
text = (BOARD.rstrip()[:-1] + pads + ")").encode()
assert 300_000 < len(text) < 400_000

def resident(pid):
    with open(f"/proc/{pid}/statm") as stream:
        return int(stream.read().split()[1]) * 4096

workspace = bindd.connect()
with workspace:
    marks = []
    for i in range(1000):
        file = pcb.loads(text)
        board = file.kicad_pcb
        if i % 10 == 0:
            for segment in board.segments:
                segment.start.x, segment.uuid
            board.segments.append(board.segments[0])
            board.nets[0].name = f"n{i}"
            assert board.nets[0].name == f"n{i}"
        del file, board
        if i in (9, 999):
            workspace.sync()
            marks.append((resident("self"), resident(workspace.pid)))
    for first, last in zip(*marks):
        assert last < first * 1.2, marks
    del segment
    assert bindd.statistics()["live"]["PcbFile"] == 0
"""
    done = home.python(code, timeout=100)
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_worker_that_rests_gives_memory_back(home: Home) -> None:
    """What a loaded board takes in the worker, by what the system sees; and after free() nothing of it stays."""
    code = """
import time
import bindd
from bindd.sexp import pcb
from test_memory import resident, until

segments = "".join(
    f'(segment (start {i}.125 {i}) (end {i} 1) (width 0.2) (layer "F.Cu") (net {i % 4}) (uuid "5f3c2c1a-0000-4000-8000-{i:012}"))\\n'
    for i in range(20_000))
text = ('(kicad_pcb (version 20241229) (generator "g") (generator_version "9.0")' + segments + ")").encode()
workspace = bindd.connect()
with workspace:
    for file in [pcb.loads(text) for _ in range(10)]:
        file.free()  # pages of the program itself that are touched for the first time are no part of it
    workspace.sync()
    time.sleep(0.5)
    before = resident(workspace.pid)
    files = [pcb.loads(text) for _ in range(10)]
    per_byte = lambda: (resident(workspace.pid) - before) / (10 * len(text))
    assert until(lambda: per_byte() <= 6.3), per_byte()
    for file in files:
        file.free()
    workspace.sync()
    assert until(lambda: resident(workspace.pid) - before < len(text) / 2), (before, resident(workspace.pid))
"""
    done = home.python(code, timeout=100)
    assert done.returncode == 0, done.stderr[-3000:]


@alone
def test_pictures() -> None:
    import os
    import tempfile
    import xml.etree.ElementTree as ElementTree

    from bindd.sexp import footprint, pcb

    shapes = """(segment (start 0 0) (end 5 5) (width 0.2) (layer "F.Cu") (net 1)) (via (at 5 5) (size 0.8) (drill 0.4) (layers "F.Cu" "B.Cu") (net 1))
     (gr_line (start 0 0) (end 30 0) (stroke (width 0.1) (type solid)) (layer "Edge.Cuts"))
     (gr_arc (start 0 0) (mid 1 2) (end 4 4) (stroke (width 0.1) (type solid)) (layer "Edge.Cuts"))
     (gr_text "a < b & \\"c\\"" (at 3 3) (layer "F.SilkS") (effects (font (size 1 1))))"""
    with tempfile.TemporaryDirectory() as folder, pcb.loads(BOARD.rstrip()[:-1] + shapes + ")") as file:
        path = os.path.join(folder, "x.svg")
        text = file.to_svg(path)
        assert Path(path).read_text("utf-8") == text == file._repr_svg_() == file.kicad_pcb.to_svg()
        root = ElementTree.fromstring(text)
        groups = {group.get("id"): len(group) for group in root.iter("{http://www.w3.org/2000/svg}g") if group.get("id")}
        assert set(groups) == {"bindd-F-Cu", "bindd-F-SilkS", "bindd-Edge-Cuts", "bindd-vias"} and "a &lt; b &amp;" in text
        alone = file.to_svg(layers=["Edge.Cuts"])
        assert "bindd-Edge-Cuts" in alone and "bindd-F-Cu" not in alone
        part = file.kicad_pcb.footprints[0]
        assert 'rotate(-90)' in text and len(ElementTree.fromstring(part.to_svg())) >= 4
    assert file._repr_svg_() is None
    made = footprint.Footprint(name="empty")
    assert ElementTree.fromstring(made.to_svg()).tag.endswith("svg")
    from bindd.sexp import _picture

    many = pcb.KicadPcb(generator="g", generator_version="1", segments=[
        pcb.Segment(start=pcb.Xy(x=i, y=0), end=pcb.Xy(x=i, y=1), width=0.1, layer="F.Cu", net=0) for i in range(300)])
    assert "drawn in part" in _picture.draw(many, shapes_max=100) and "drawn in part" not in many.to_svg()


@alone
def test_pictures_of_texts_and_own_pad_shapes() -> None:
    """Texts start where they are justified to, also on the back; what a pad of its own shape is made of is drawn and counted in."""
    import re

    from bindd.sexp import footprint

    def text(words: str, justify: str, angle: int = 0) -> str:
        return (f'(fp_text user "{words}" (at 1 2 {angle}) (layer "F.SilkS") (effects (font (size 2 2)) {justify}))')

    with footprint.loads(
        '(footprint "x" (layer "F.Cu")'
        + text("left", "(justify left)") + text("right", "(justify right)") + text("middle", "")
        + text("turned", "(justify left)", 180) + text("back", "(justify left mirror)") + text("one\\ntwo", "(justify top)")
        + """(pad "1" smd custom (at 10 0 90) (size 1 1) (layers "F.Cu") (options (clearance outline) (anchor circle)) (primitives
              (gr_poly (pts (xy 0 0) (xy 1 0) (xy 1 1)) (width 0.1)) (gr_line (start 0 0) (end 50 0) (width 0.3))
              (gr_arc (start 0 0) (mid 1 1) (end 2 0) (width 0.2)) (gr_arc (start 0 0) (end 3 0) (angle 90) (width 0.2))
              (gr_circle (center 0 0) (end 4 0) (width 0.4) (fill yes)) (gr_rect (start 0 0) (end 1 2) (width 0.5) (fill no))
              (gr_curve (pts (xy 0 0) (xy 1 0) (xy 1 1) (xy 2 2)) (width 0.6)) (gr_novel 1) (gr_line (start 0 x) (end 1 1)))))"""
    ) as file:
        drawn = file.to_svg()
        found = re.findall(r'<text [^>]*?font-size="2.8"(?: text-anchor="(start|end)")?>(\w+)', drawn)
        anchors = {words: anchor for anchor, words in found}
        assert anchors == {"left": "start", "right": "end", "middle": "", "turned": "end", "back": "start", "one": "", "two": ""}
        assert drawn.count("scale(-1 1)") == 1
        pad = drawn[drawn.index('id="bindd-F-Cu"') :]
        assert 'rx="0.5"' in pad and '<path d="M0 0L50 0" stroke-width="0.3"/>' in pad and "A1 1 0 0 0 2 0" in pad
        assert "M3 0A3 3 0 0 1 0 3" in pad and '<circle cx="0" cy="0" r="4" class="f" stroke-width="0.4"/>' in pad
        assert "M0 0L1 0L1 2L0 2Z" in pad and "M0 0C1 0 1 1 2 2" in pad
        y = float(re.search(r'viewBox="\S+ (\S+) ', drawn)[1])  # type: ignore[index]
        assert y < -50  # the line of 50 mm, turned upwards
