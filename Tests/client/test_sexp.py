"""Documents: nothing lost over the whole corpus, errors at the right place, and no text that kills anything."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from conftest import Home, alone

# What the manifest calls ill-formed because the replaced layer refused it, but KiCad's own lexer reads: several forms in
# a row, a quote or a non-ASCII letter inside a bare word.
READABLE = {
    "ee8179-cynthion.kicad_dru", "bd6774-example-medium.clipboard.kicad_sch", "b7b92e-example-small.clipboard.kicad_sch",
    "ba1304-fragment.kicad_sch", "0935bd-st7789.kicad_mod", "301d1b-oled_13xx.kicad_mod", "516342-font.kicad_pcb",
}
BROKEN = {"93c191-keyboard.net": (95, 1), "10898e-keyboard.net": (105, 31)}


def tokens(document: object) -> list[str]:
    found: list[str] = []
    stack = list(reversed(document.forms))  # type: ignore[attr-defined]
    while stack:
        node = stack.pop()
        if hasattr(node, "head"):
            found.append("(")
            stack.extend(reversed(list(node)))
        else:
            found.append(f"{node.kind} {node.raw}")
    return found


def check_corpus(shared: str) -> None:
    from bindd import errors, sexp

    with open(Path(shared, "corpus", "MANIFEST.tsv"), newline="") as manifest:
        rows = list(csv.DictReader(manifest, delimiter="\t"))
    assert len(rows) >= 336
    identical = 0
    for row in rows:
        path = Path(shared, "corpus", row["path"])
        if path.name in BROKEN:
            with pytest.raises(errors.SexpError) as caught:
                sexp.parse(path)
            assert (caught.value.line, caught.value.column) == BROKEN[path.name]
            assert str(path) in str(caught.value)
            continue
        assert row["canonical_text"] != "-" or path.name in READABLE, path
        with sexp.parse(path) as document:
            text = sexp.dumps(document)
            if row["canonical_text"] in ("yes", "yes-nonl"):
                assert text.encode() == path.read_bytes(), path
                identical += 1
            with sexp.parse(text) as again:
                assert tokens(again) == tokens(document), path
                assert sexp.dumps(again) == text, path
    assert identical >= 148


def test_every_file_of_the_corpus(home: Home, shared: Path) -> None:
    done = home.python("import sys, test_sexp; test_sexp.check_corpus(sys.argv[1])", str(shared), timeout=110)
    assert done.returncode == 0, done.stderr[-4000:]


@alone
def test_walking() -> None:
    from bindd import sexp
    from bindd.sexp import Atom, List

    text = '(board (version 20241229) (at 1.5 -2 .5) (name "a \\"b\\" ä\\n") (net 1 "GND") (net 2 "V CC") () word)\n'
    with sexp.parse(text) as document:
        root = document.root
        assert isinstance(root, List) and root.head == "board" and len(root) == 8
        version = root.find("version")
        assert version is not None and version[1].value == 20241229 and version[1].kind == "number"
        at = root.find("at")
        assert at is not None and [atom.value for atom in at[1:]] == [1.5, -2, 0.5]
        name = root.find("name")
        assert name is not None and name[1].text == 'a "b" ä\n' and name[1].raw == 'a \\"b\\" ä\\n'
        assert [net[2].text for net in root.find_all("net")] == ["GND", "V CC"]
        assert root.find("missing") is None and root.find_all("missing") == []
        assert root[-1].text == "word" and isinstance(root[-1], Atom)
        assert [len(node) for node in root if isinstance(node, List)][-1] == 0
        with pytest.raises(IndexError):
            root[8]
        assert (root.line, root.column) == (1, 1) and name.column == text.index("(name") + 1
        kept = name[1]
        ids = {root.__zig_address__(), name.__zig_address__(), kept.__zig_address__(), document.__zig_address__()}
        assert len(ids) == 4
    with pytest.raises(ReferenceError, match="freed"):
        kept.text
    assert repr(kept) and repr(root) and repr(document)
    for source in (b"(a", b"(a))", b'(a "b)', b"a", b""):
        with pytest.raises(ValueError):
            sexp.parse(source)


@alone
def test_errors_say_where_and_what() -> None:
    from bindd import sexp
    from bindd.errors import SexpError

    with pytest.raises(SexpError) as caught:
        sexp.parse("(kicad_pcb\n\t(setup\n\t\t(tenting front", label="x.kicad_pcb")
    error = caught.value
    assert (error.line, error.column) == (3, 3)
    assert "x.kicad_pcb:3:3" in str(error) and "kicad_pcb > setup" in str(error)
    lines = str(error).splitlines()
    assert lines[1] == "\t\t(tenting front" and lines[2] == "\t\t^"
    with pytest.raises(TypeError):
        sexp.parse(3)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        sexp.parse("no-such-file.kicad_pcb")
    document = sexp.parse("(a)")
    document.free()
    document.free()
    with pytest.raises(ReferenceError):
        sexp.dumps(document)
    for value in (None, 1, "(a)", [document]):
        with pytest.raises(TypeError):
            sexp.dumps(value)  # type: ignore[arg-type]
    del caught, error, value


def test_depth_bombs(home: Home) -> None:
    code = """
import threading
from bindd import sexp
threading.stack_size(256 * 1024)
def run():
    for text in ("(" * 10**6, "(" * 10**6 + ")" * 10**6, "(a " * 1001 + ")" * 1001):
        try:
            sexp.parse(text)
        except ValueError as error:
            assert "1000" in str(error), error
        else:
            raise SystemExit("no error")
    with sexp.parse("(a " * 1000 + ")" * 1000) as document:
        assert sexp.parse(sexp.dumps(document)).root.head == "a"
    deep = sexp.parse("(a " * 20000 + ")" * 20000, depth_limit=30000)
    repr(deep), repr(deep.root), deep.free()
    print("alive")
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""
    import subprocess
    import sys

    done = subprocess.run(
        ["bash", "-c", 'ulimit -s 256 && exec "$@"', "bash", sys.executable, "-c", code],
        env=home.environment, capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0 and done.stdout == "alive\n", done.stderr


@alone
def test_truncation_and_damage_at_every_byte() -> None:
    from bindd import sexp

    text = b'(kicad_pcb (version 20241229)\n\t(net 1 "A\\"\xc3\xa4")\n\t# comment\n\t(at 1 -2.5))\n'
    for end in range(len(text) + 1):
        for changed in (text[:end], text[:end] + b"\0" + text[end:], text[:end] + b"\xff" + text[end:], text[:end] + b")" + text[end:]):
            try:
                with sexp.parse(changed) as document:
                    sexp.dumps(document)
            except ValueError as error:
                assert error.line >= 0  # type: ignore[attr-defined]
