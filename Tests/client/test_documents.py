"""Documents of ``sexp.parse``: walking them, how long they live, texts and paths, snapshots that lie."""

from __future__ import annotations

import struct
from pathlib import Path

import bindd
import pytest
from bindd import errors, sexp
from fake_daemon import OP, Client, FakeDaemon, Message, answer_parse, pack_bytes, pack_u32, snapshot, snapshot_nodes

pytestmark = pytest.mark.timeout(60)

TEXT = '(board (layer "F.Cu" 0) (net 1 "a\\nb\\x41\\q") ; why\n  (ä) () -1.5 0603 +7)'


def test_walking_a_document(fake: FakeDaemon, workspace: bindd.Workspace) -> None:
    fake.answer = answer_parse
    before = workspace.statistics()["round_trips"]
    with sexp.parse(TEXT, label="b.kicad_pcb") as document:
        root = document.root
        assert isinstance(root, sexp.List) and root.head == "board" and len(root) == 9 and document.label == "b.kicad_pcb"
        layer = root.find("layer")
        assert layer is not None and layer[1] == "F.Cu" and layer[1].kind == "string" and layer[2].value == 0
        assert root.find("nothing") is None and [item.head for item in root.find_all("net")] == ["net"]
        assert root.find("net")[2].text == "a\nbA\\q" and root.find("net")[2].raw == 'a\\nb\\x41\\q'
        assert root[3].kind == "comment" and root[3].text == "; why"
        assert root[4].head == "ä" and (root[4].line, root[4].column) == (2, 3) and root[4][0].raw == "ä"
        assert len(root[5]) == 0 and root[5].head is None and root[5] and list(root[5]) == []
        assert [root[i].value for i in (6, 7, 8)] == [-1.5, 603, 7]
        assert (root[6].line, root[6].column) == (2, 10)
        assert root[-1].value == 7 and [str(x) for x in root[-2:]] == ["0603", "+7"] and len(root[::-1]) == 9
        with pytest.raises(IndexError):
            root[9]
        with pytest.raises(IndexError):
            root[-10]
        assert root.raw == TEXT and root[1].raw == '(layer "F.Cu" 0)'
        assert root == document.root and hash(root) == hash(document.root) and root != root[1]
        assert root[1][1] == layer[1] and root[1][1] != layer[0] and {layer[1]: 1}[root[1][1]] == 1
        assert len(document) == 1 and document.forms[0] == root
        assert workspace.statistics()["round_trips"] == before + 1
    with pytest.raises(errors.StaleHandleError, match="b.kicad_pcb was freed"):
        document.root  # noqa: B018
    with pytest.raises(errors.StaleHandleError):
        len(root)
    workspace.sync()
    assert fake.of("RELEASE")[-1].words()[:2] == (7, 1)


def test_the_document_lives_as_long_as_its_parts(fake: FakeDaemon, workspace: bindd.Workspace) -> None:
    fake.answer = answer_parse
    atom = sexp.parse("(a (b c))").root[1][1]
    workspace.sync()
    assert not fake.of("RELEASE") and atom.text == "c"
    del atom
    workspace.sync()
    assert len(fake.of("RELEASE")) == 1


def test_paths_and_texts(fake: FakeDaemon, workspace: bindd.Workspace, tmp_path: Path) -> None:
    fake.answer = answer_parse
    path = tmp_path / "x.kicad_sch"
    path.write_text("(from file)")
    for source in (path, str(path)):
        document = sexp.parse(source)
        assert document.root.head == "from" and document.label == str(path)
    for text in ("(from text)", b"(from bytes)", bytearray(b"(from more)"), memoryview(b"(from view)")):
        assert sexp.parse(text).root.head == "from"  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError) as caught:
        sexp.parse(tmp_path / "nothing")
    assert not getattr(caught.value, "__notes__", [])
    for text in ("hello", "h" * 5000):
        with pytest.raises(OSError) as noted:
            sexp.parse(text)
        assert "names a file" in noted.value.__notes__[0]
    with pytest.raises(errors.StaleHandleError, match="ééé"):
        document = sexp.parse("(a)", label="x" + "é" * 700)
        document.free()
        document.root  # noqa: B018
    with pytest.raises(TypeError):
        sexp.parse(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="lone surrogates"):
        sexp.parse("(\udcff)")


def walk(document: sexp.Document) -> int:
    """Touches everything, without recursion; counts nodes."""
    count, stack = 0, list(document.forms)
    len(document), repr(document)
    while stack and count < 10_000:
        node = stack.pop()
        count += 1
        repr(node), hash(node), node == node, node.line, node.column, node.raw
        if isinstance(node, sexp.List):
            node.head, node.find("b"), node.find_all("b"), len(node), node[-1:]
            stack += list(node)
        else:
            node.text, node.value, node.kind
    return count


def test_hostile_snapshots(fake: FakeDaemon, workspace: bindd.Workspace) -> None:
    good = snapshot(b'(a (b "c\\n" 1.5) ; x\n d)')
    current = good

    def answer(client: Client, message: Message) -> bool:
        if message.operation != OP["SEXP_PARSE"]:
            return False
        client.reply(message, pack_u32(message.number) + pack_bytes(current))
        return True

    fake.answer = answer
    assert walk(sexp.parse("()")) == 8
    outcomes = {"walked": 0, "refused": 0}
    values = (0, 1, 2, 7, 8, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFF)
    for at in range(0, len(good) - 3, 4):
        for value in values:
            current = good[:at] + struct.pack("<I", value) + good[at + 4 :]
            try:
                walk(sexp.parse("()"))
                outcomes["walked"] += 1
            except (errors.SnapshotError, LookupError):
                outcomes["refused"] += 1
    for size in range(len(good)):
        current = good[:size]
        with pytest.raises(errors.SnapshotError):
            walk(sexp.parse("()"))
    assert min(outcomes.values()) > 50 and workspace.alive


def test_a_list_with_a_false_count(fake: FakeDaemon, workspace: bindd.Workspace) -> None:
    nodes = snapshot_nodes(b"(a b)")
    nodes[0][2] = 1 << 28
    fake.answer = lambda client, message: message.operation == OP["SEXP_PARSE"] and not client.reply(
        message, pack_u32(1) + pack_bytes(snapshot(b"(a b)", nodes)))
    root = sexp.parse("()").root
    with pytest.raises(errors.SnapshotError):
        root[5]
    with pytest.raises(errors.SnapshotError):
        list(root)
