"""Views as files: what was saved comes back in the same order; what is damaged is an error, never a crash."""

from __future__ import annotations

import os
import random
import stat
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Home, alone

FIXTURE = ROOT / "Tests" / "fixtures" / "view-1.bdgv"


def make() -> Any:
    """A small view with everything that a file can hold. The fixture was made by this, and must stay what it is."""
    from bindd.graph import EdgeReference, GraphView, NodeReference

    rng = random.Random(1)
    view = GraphView.create()
    nodes = [view.get_self_node().node()]
    for number in range(12):
        attributes: dict[str, Any] = {"name": f"n{number}", "großes": number * 1.5} if number % 3 else {}
        attributes |= {"flag": bool(number & 1)} if number % 2 else {"big": -(1 << 63) + number, "": "", "e\u0301": "é", "é": "x\0y"}
        nodes.append(view.insert_node(node=NodeReference.create(**attributes)).node())
    for number in range(30):
        one, two = rng.choice(nodes), rng.choice(nodes)
        view.insert_edge(edge=EdgeReference.create(
            source=one, target=two, edge_type=rng.randrange(256), directional=rng.random() < 0.5,
            name=rng.choice((None, "edge")), weight=rng.choice((1, 0.5)),
        ))
    return view


def contents(view: Any) -> Any:
    """All but the ids, which are replaced by their places."""
    place = {node: number for number, node in enumerate(view.node_ids())}
    table = view.edge_table()
    edge_place = {edge: number for number, edge in enumerate(table.ids)}
    adjacency = []
    for node in view.get_nodes():
        for edge_type in sorted(set(table.types)):
            row: list[int] = []
            node.visit_edges_of_type(
                edge_type=edge_type, ctx=row,
                f=lambda ctx, edge: ctx.append(edge_place[edge.edge().__zig_address__() & 0xFFFFFFFF]),
            )
            adjacency.append(row)
    return (
        len(place), [(place[s], place[t]) for s, t in zip(table.sources, table.targets, strict=True)], list(table.types),
        list(table.directional), [list(row.items()) for row in view.attribute_rows()],
        [list(row.items()) for row in view.attribute_rows(of="edges")], adjacency,
    )


@alone
def test_a_view_comes_back_as_it_was() -> None:
    import tempfile

    from bindd.graph import EdgeReference, GraphView, NodeReference

    view = make()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "view.bdgv"
        view.save(path=path)
        assert path.read_bytes() == view.to_bytes() == view.to_bytes(), "the same view gives the same bytes"
        assert os.listdir(folder) == ["view.bdgv"], "no temporary file is left"
        loaded = GraphView.load(path=str(path))
    assert contents(loaded) == contents(view)
    assert not set(loaded.node_ids()) & set(view.node_ids()) and not set(loaded.edge_table().ids) & set(view.edge_table().ids)
    assert list(loaded.node_ids()) == sorted(loaded.node_ids())
    again = GraphView.from_bytes(data=bytearray(loaded.to_bytes()))
    assert contents(again) == contents(view)
    node = loaded.insert_node(node=NodeReference.create(name="later"))
    loaded.insert_edge(edge=EdgeReference.create(source=node.node(), target=loaded.get_nodes()[3].node(), edge_type=1))
    assert loaded.get_counts() == (14, 31) and view.get_counts() == (13, 30)
    empty = GraphView.from_bytes(data=GraphView.create().to_bytes())
    assert empty.get_counts() == (1, 0) and len(empty.to_bytes()) == 40 + 5 * 24 + 8 + 8 + 8


@alone
def test_a_file_of_version_1_is_read() -> None:
    from bindd.graph import GraphView

    view = GraphView.load(path=FIXTURE)
    assert contents(view) == contents(make())
    assert FIXTURE.stat().st_size == len(FIXTURE.read_bytes()) > 1000


@alone
def test_every_damaged_byte_is_an_error() -> None:
    from bindd.graph import GraphView

    good = FIXTURE.read_bytes()
    rng = random.Random(3)
    before = GraphView.create()
    for at in range(len(good)):
        for value in {good[at] ^ 1, good[at] ^ 0x80, rng.randrange(256)} - {good[at]}:
            with pytest.raises(ValueError, match="file"):
                GraphView.from_bytes(data=good[:at] + bytes([value]) + good[at + 1 :])
    for end in range(len(good)):
        with pytest.raises(ValueError, match="file"):
            GraphView.from_bytes(data=good[:end])
    for more in (b"\0", b"\0" * 8, good):
        with pytest.raises(ValueError, match="file"):
            GraphView.from_bytes(data=good + more)
    assert before.get_counts() == (1, 0)


def checksum(data: bytes) -> bytes:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & (1 << 64) - 1
    return value.to_bytes(8, "little")


def sections(data: bytes) -> list[tuple[int, int]]:
    """Start and end of each."""
    found, at = [], 40
    while at < len(data):
        end = at + 24 + int.from_bytes(data[at + 8 : at + 16], "little")
        end += -end % 8
        found.append((at, end))
        at = end
    return found


def mended(data: bytes) -> bytes:
    """With all checksums right: only the checks behind them are left to notice."""
    data = data[:32] + checksum(data[:32]) + data[40:]
    for start, end in sections(FIXTURE.read_bytes()):
        zeroed = data[start : start + 16] + bytes(8) + data[start + 24 : end]
        data = data[: start + 16] + checksum(zeroed) + data[start + 24 :]
    return data


@alone
def test_lies_with_right_checksums_never_crash() -> None:
    """Any content may come back as an error or as another graph; the worker lives, and what came to be is whole."""
    import bindd
    from bindd.graph import GraphView

    good = FIXTURE.read_bytes()
    assert mended(good) == good
    pid = GraphView.create() and bindd._bindd._current().pid
    rng = random.Random(5)
    loaded = refused = 0
    for number in range(1500):
        data = bytearray(good)
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.randrange(len(good)) & ~3
            data[at : at + 4] = rng.choice((0, 1, 2, 12, 13, 29, 30, 255, 1 << 16, (1 << 31) - 1, (1 << 32) - 1)).to_bytes(4, "little")
        try:
            view = GraphView.from_bytes(data=mended(bytes(data)))
        except (ValueError, MemoryError):
            refused += 1
            continue
        loaded += 1
        if number % 5 == 0:
            contents(view)
    assert bindd._bindd._current().pid == pid
    assert loaded > 50 and refused > 500


@alone
def test_errors_name_the_file_and_the_fault() -> None:
    import tempfile

    from bindd.graph import GraphView

    good = FIXTURE.read_bytes()
    newer = good[:8] + (2).to_bytes(4, "little") + good[12:32]
    newer += checksum(newer) + good[40:]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        for data, text in (
            (b"", "does not begin as one"), (b"(kicad_pcb)" * 9, "does not begin as one"), (newer, "version 2.*newer"),
            (good[:-8], "cut off"), (good[:60] + b"?" + good[61:], "strings.*checksum"),
        ):
            path.write_bytes(data)
            with pytest.raises(ValueError, match=f"{path}: .*{text}"):
                GraphView.load(path=path)
        with pytest.raises(FileNotFoundError):
            GraphView.load(path=Path(folder) / "none")
        with pytest.raises(TypeError):
            GraphView.load(path=3.5)
        with pytest.raises(TypeError):
            GraphView.from_bytes(data="text")


@alone
def test_saving_replaces_a_file_whole_or_not_at_all() -> None:
    import tempfile

    from bindd.errors import StaleHandleError
    from bindd.graph import GraphView

    view = make()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, link = folder / "view", folder / "link"
        path.write_bytes(b"old")
        path.chmod(0o640)
        link.symlink_to("view")
        view.save(path=link)
        assert link.is_symlink() and path.read_bytes() == view.to_bytes() and stat.S_IMODE(path.stat().st_mode) == 0o640
        replace = os.replace
        os.replace = lambda *_: (_ for _ in ()).throw(OSError("no"))  # type: ignore[assignment]
        try:
            with pytest.raises(OSError, match="no"):
                GraphView.create().save(path=path)
        finally:
            os.replace = replace
        assert path.read_bytes() == view.to_bytes() and sorted(os.listdir(folder)) == ["link", "view"]
        view.destroy()
        with pytest.raises(StaleHandleError):
            view.save(path=path)
        assert len(path.read_bytes()) > 3


@alone
def test_only_files_are_replaced() -> None:
    """A device or a pipe would be gone, with a file in its place."""
    import tempfile

    view = make()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.mkfifo(folder / "pipe")
        (folder / "link").symlink_to("pipe")
        for target in ("pipe", "link"):
            with pytest.raises(OSError, match="no regular file.*pipe"):
                view.save(path=folder / target)
        with pytest.raises(IsADirectoryError, match="cannot save to a folder"):
            view.save(path=folder)
        assert stat.S_ISFIFO((folder / "pipe").stat().st_mode)
        longest = folder / ("n" * 255)
        view.save(path=longest)
        old = os.umask(0o027)
        view.save(path=folder / "new")
        os.umask(old)
        assert stat.S_IMODE((folder / "new").stat().st_mode) == 0o640
        assert sorted(os.listdir(folder)) == sorted(["link", "pipe", "new", longest.name])


def test_a_large_view_and_a_full_memory_of_ids(home: Home) -> None:
    code = """
import bindd
from bindd.graph import GraphView, EdgeReference, NodeReference
view = GraphView.create()
hub = view.get_self_node().node()
with view.batch():
    for number in range(50_000):
        node = NodeReference.create(number=number, text=f"text {number}")
        view.insert_node(node=node)
        view.insert_edge(edge=EdgeReference.create(source=hub, target=node, edge_type=1, w=number))
data = view.to_bytes()
loaded = GraphView.from_bytes(data=data)
assert loaded.get_counts() == view.get_counts() == (50_001, 50_000)
assert loaded.attribute_rows() == view.attribute_rows()
assert loaded.attribute_rows(of="edges") == view.attribute_rows(of="edges")
for _ in range(10_000):  # ids of the client's own after ids of the worker's
    loaded.create_and_insert_node()
assert loaded.get_node_count() == 60_001
assert len(set(loaded.node_ids())) == 60_001
loaded.destroy()
view.destroy()
"""
    done = home.python(code)
    assert done.returncode == 0, done.stderr
