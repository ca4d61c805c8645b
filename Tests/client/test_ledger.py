"""The list of handles and the places that made them, against what Python holds."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Home, alone
from inspection import inspect, run, while_silent

LONG = bool(os.environ.get("BINDD_TEST_LONG"))


def line() -> int:
    """Of the caller."""
    return sys._getframe(1).f_lineno


def sited(home: Home, mode: str = "full") -> None:
    home.environment["BINDD_SITES"] = mode


def full(function: Any) -> Any:
    """`@alone`, with every handle recorded."""
    test = alone(function)

    def run_full(home: Home) -> None:
        sited(home)
        test(home)

    run_full.__name__ = function.__name__
    run_full.__doc__ = function.__doc__
    run_full.body = function  # type: ignore[attr-defined]
    return run_full


@full
def test_rows_are_what_python_holds_at_every_step() -> None:
    from bindd import sexp
    from bindd.graph import EdgeReference, GraphView, NodeReference

    numbers = random.Random(20261125)
    made: dict[object, tuple[str, int]] = {}
    held: list[object] = []

    def keep(handle: object, kind: str, at: int) -> None:
        held.append(handle)
        made[id(handle)] = (kind, at)

    view = GraphView.create()
    keep(view, "GraphView", line() - 1)
    for step in range(40):
        for _ in range(25):
            choice = numbers.randrange(6)
            if choice == 0 and len(held) > 1:
                made.pop(id(held[-1]))
                del held[-1]
            elif choice == 1:
                handle = NodeReference.create(step=step)
                keep(handle, "NodeReference", line() - 1)
            elif choice == 2:
                bound = view.create_and_insert_node()
                keep(bound, "BoundNode", line() - 1)
            elif choice == 3:
                node = NodeReference.create()
                edge = EdgeReference.create(source=node, target=node, edge_type=2)
                keep(edge, "EdgeReference", line() - 1)
                del node
            elif choice == 4:
                document = sexp.parse("(a b)", label=f"board {step}")
                keep(document, "Document", line() - 1)
            else:
                other = GraphView.create()
                keep(other, "GraphView", line() - 1)
            handle = bound = edge = document = other = None
        if step % 8 == 7:
            rows = inspect("--top", "0")["rows"]
            expected = Counter((held_id(one), *made[id(one)]) for one in held)
            shown = Counter((row["id"], row["kind"], row["site"]["line"]) for row in rows)
            assert shown == expected, (step, shown - expected, expected - shown)
            assert {row["site"]["file"] for row in rows} == {__file__}
            assert {row["site"]["function"] for row in rows} == {"test_rows_are_what_python_holds_at_every_step"}
            assert all(row["weight"] == 1 and row["state"] == "live" for row in rows)


def held_id(handle: Any) -> int:
    return handle.__zig_address__()


@full
def test_two_callers_are_kept_and_frames_of_bindd_itself_are_not() -> None:
    from bindd.graph import GraphView

    class Deep:
        def inner(self) -> object:
            return GraphView.create()

        def middle(self) -> object:
            return self.inner()

    def outer() -> object:
        return Deep().middle()

    view = outer()
    (row,) = inspect("--kind", "graphview")["rows"]
    names = [row["site"]["function"], *(caller["function"] for caller in row["site"]["callers"])]
    prefix = "test_two_callers_are_kept_and_frames_of_bindd_itself_are_not.<locals>."
    assert names == [f"{prefix}Deep.inner", f"{prefix}Deep.middle", f"{prefix}outer"]
    made = [GraphView.create() for _ in range(3)]  # noqa: F841
    assert inspect("--kind", "GraphView", "--group-by", "site")["groups"][0]["count"] == 3


@full
def test_a_million_handles_are_counted_in_little_memory() -> None:
    """300,000 in the short form; by kind and place as Python counts them. The command's memory is the kernel's figure."""
    from bindd.graph import GraphView

    count = 1_000_000 if LONG else 300_000
    view = GraphView.create()
    first = [view.create_and_insert_node() for _ in range(count - 1000)]
    second = [view.create_and_insert_node() for _ in range(1000)]
    answer = inspect("--group-by", "kind,site")
    assert answer["count"] == count + 1 and answer["recorded"] == count + 1 and not answer["estimated"]
    assert sorted(group["count"] for group in answer["groups"]) == [1, 1000, count - 1000]
    for words in ([], ["--kind", "BoundNode", "--sort", "age", "--top", "5"], ["--group-by", "site"]):
        mib = peak_mib("inspect", "handles", *words)
        assert 1 < mib < 50, f"{words}: the command took {mib:.0f} MiB"
    del first, second
    assert inspect("--group-by", "kind")["count"] == 1


def peak_mib(*words: str) -> float:
    """Most memory that a command had. Started by a small process: what a starter had counts as its child's."""
    code = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
    done = subprocess.run([sys.executable, "-S", "-c", code, run("x").args[0], *words], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


@alone
def test_a_sample_stands_for_all() -> None:
    from bindd.graph import GraphView

    view = GraphView.create()
    count = 200_000
    nodes = [view.create_and_insert_node() for _ in range(count)]
    answer = inspect("--kind", "BoundNode", "--group-by", "site")
    assert answer["count"] == count, "counts by kind come from the page, not from the sample"
    assert answer["estimated"] and 200 < answer["recorded"] < 4000
    assert abs(sum(group["count"] for group in answer["groups"]) - count) < count / 4
    assert inspect("--kind", "GraphView")["recorded"] == 1, "of what is rare, every one"
    del nodes
    assert inspect("--kind", "BoundNode")["recorded"] == 0, "what is gone leaves no record"


def test_off_records_nothing_and_says_so(home: Home) -> None:
    sited(home, "off")
    done = home.python("""
from inspection import inspect, run
from bindd.graph import GraphView
view = GraphView.create()
nodes = [view.create_and_insert_node() for _ in range(10)]
answer = inspect("--kind", "BoundNode")
assert answer["count"] == 10 and answer["rows"] == []
assert "BINDD_SITES=off" in run("inspect", "handles", "--kind", "BoundNode").stdout
assert inspect()["clients"][0]["sites"] == "off"
""")
    assert done.returncode == 0, done.stderr
    done = home.python("from bindd.graph import GraphView; GraphView.create()", BINDD_SITES="some")
    assert "BINDD_SITES" in done.stderr and "off, sample or full" in done.stderr


@full
def test_filters_choose_and_orders_hold() -> None:
    import bindd
    from bindd import sexp
    from bindd.graph import GraphView, NodeReference

    def leak() -> list[object]:
        return [NodeReference.create() for _ in range(7)]

    view = GraphView.create()
    big = view.insert_node(node=NodeReference.create(**{f"key{i}": i for i in range(60)}))
    inside = [view.create_and_insert_node() for _ in range(5)]
    loose = leak()
    documents = [sexp.parse("(a " + "b " * size + ")", label=f"board{size}.kicad_pcb") for size in (1, 100, 10_000)]
    bindd._bindd._current().sync()
    assert inspect("--site", "*leak*", "--kind", "NodeReference")["count"] == 7
    assert inspect("--site", f"test_ledger.py:{leak.__code__.co_firstlineno + 1}")["count"] == 7
    assert inspect("--site", "nowhere")["count"] == 0
    assert {row["label"] for row in inspect("--label", "board1*")["rows"]} == {f"board{n}.kicad_pcb" for n in (1, 100, 10_000)}
    assert [row["id"] for row in inspect("--label", "board100.*")["rows"]] == [documents[1].__zig_address__()]
    assert [row["id"] for row in inspect("--min-bytes", "100KiB")["rows"]] == [documents[2].__zig_address__()]
    orphans = inspect("--orphans")["rows"]
    assert {row["id"] for row in orphans} == {held_id(node) for node in loose}
    assert [row["id"] for row in inspect("--min-bytes", "900", "--kind", "BoundNode")["rows"]] == [held_id(big)]
    sizes = [row["bytes"] for row in inspect("--sort", "bytes", "--top", "4")["rows"]]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > 100_000 and len(sizes) == 4
    ages = [row["age_s"] for row in inspect("--sort", "age")["rows"]]
    assert ages == sorted(ages, reverse=True)
    assert inspect("--older-than", "1h")["count"] == 0
    assert inspect("--workspace", "private")["count"] == inspect("--client", "c1")["count"] == 1 + 1 + 5 + 7 + 3
    assert inspect("--client", str(os.getpid()), "--kind", "Document")["count"] == 3
    assert inspect("--client", "c9")["count"] == 0
    assert bindd.handles(kind="Document", sort="bytes", top=1)["rows"][0]["label"] == "board10000.kicad_pcb"
    assert bindd.handles(group_by="kind", site="*leak*")["groups"][0]["count"] == 7
    with pytest.raises(ValueError, match="no kind of handle"):
        bindd.handles(kind="Teapot")
    doomed = GraphView.create()
    gone = doomed.create_and_insert_node()
    doomed.destroy()
    bindd._bindd._current().sync()
    stale = inspect("--stale")["rows"]
    assert {row["id"] for row in stale} == {held_id(doomed), held_id(gone)} and {row["state"] for row in stale} == {"destroyed"}
    del inside


@alone
def test_a_file_that_is_opened_again_and_again_is_told() -> None:
    """A board is a row with the line that loaded it, its path and its bytes; by default, without BINDD_SITES."""
    import bindd
    from bindd.sexp import pcb

    path = str(ROOT / "examples" / "divider.kicad_pcb")

    def load(source: Any) -> Any:
        return pcb.loads(source)

    held = [load(path) for _ in range(11)]
    text = load(Path(path).read_text())
    made = pcb.PcbFile(kicad_pcb=held[0].kicad_pcb)
    rows = inspect("--kind", "PcbFile", "--top", "0")["rows"]
    assert {row["id"] for row in rows} == {held_id(file) for file in (*held, text)}, "a constructed object is no worker's"
    of_text = f"text of {len(Path(path).read_bytes()):,} bytes"
    assert sorted(row["label"] for row in rows) == [*[path] * 11, of_text]
    assert {(row["site"]["file"], row["site"]["line"]) for row in rows} == {(__file__, load.__code__.co_firstlineno + 1)}
    size = len(Path(path).read_bytes())
    assert all(size < row["bytes"] < 8 * size for row in rows)
    (hint,) = [hint for hint in inspect()["hints"] if hint["kind"] == "opened_again"]
    assert hint["text"] == f"12 PcbFile live, 11 of the same path {path}: opened again and not freed?"
    words = hint["command"].split()
    assert words[:3] == ["bindd", "inspect", "handles"]
    groups = inspect(*words[3:])["groups"]
    assert [(group["label"], group["count"]) for group in groups] == [(path, 11), (of_text, 1)]
    assert "hint  12 PcbFile live, 11 of the same path" in run("inspect", "handles", COLUMNS="400").stdout
    bindd._bindd._current().sync()
    (workspace,) = inspect()["workspaces"]
    assert workspace["objects"]["PcbFile"] == 12 and "Document" not in workspace["objects"]
    assert abs(sum(row["bytes"] for row in rows) / workspace["bytes"]["PcbFile"] - 1) < 0.01
    assert bindd.statistics()["live"]["PcbFile"] == 12
    for file in held[1:]:
        file.free()
    assert [row["id"] for row in inspect("--kind", "pcbfile", "--label", "*divider*")["rows"]] == [held_id(held[0])]
    copy = held[0].kicad_pcb.footprints[0].__copy__()
    (row,) = inspect("--kind", "Struct")["rows"]
    assert row["id"] == held_id(copy) and row["label"] == path
    del held, text, made, copy
    assert inspect("--kind", "PcbFile")["count"] == inspect("--kind", "Struct")["count"] == 0


@alone
def test_lines_of_the_modules_of_the_replaced_layer_are_no_places() -> None:
    import bindd
    from pyzig_sexp import pcb

    file = pcb.loads((ROOT / "examples" / "divider.kicad_pcb").read_text()); here = line()
    (row,) = inspect("--kind", "PcbFile")["rows"]
    assert (row["site"]["file"], row["site"]["line"]) == (__file__, here) and row["label"].startswith("text of ")
    with pytest.raises(bindd.WorkerCrashed) as caught:
        bindd.debug.die_at("sexp.load")
        pcb.loads("(kicad_pcb)")
    assert __file__ in caught.value.site, caught.value.site
    del file


@alone
def test_addresses_inside_of_a_file() -> None:
    """Only the whole file is a handle; what is inside of it has numbers that stay and that nothing else has."""
    import bindd
    from bindd import sexp
    from bindd.sexp import pcb

    path = ROOT / "examples" / "divider.kicad_pcb"
    one, two, plain = pcb.loads(path), pcb.loads(path), sexp.parse("(a (b))")
    board = one.kicad_pcb

    def numbers(file: Any) -> list[int]:
        board = file.kicad_pcb
        return [held_id(each) for each in (file, board, *board.footprints, *board.footprints[0].pads, board.setup)]

    seen = [*numbers(one), *numbers(two), held_id(plain), held_id(plain.root), held_id(pcb.PcbFile(kicad_pcb=board))]
    assert len(set(seen)) == len(seen) and numbers(one) == seen[: len(numbers(one))]
    generation = bindd._bindd._current().generation
    assert held_id(one) >> 32 & 0xFFFFFF == generation and held_id(one) & 0xFFFFFFFF == 1
    found = bindd.handles(held_id(one))["handle"]
    assert found["kind"] == "PcbFile" and found["type"] == "pcb.PcbFile" and found["label"] == str(path)
    assert found["children"] > 10 and found["site"]["file"] == __file__
    assert found["structs"]["pcb.Pad"] == sum(len(footprint.pads) for footprint in board.footprints)
    assert sum(found["structs"].values()) == found["children"]
    text = run("inspect", "handles", hex(held_id(one))).stdout
    assert re.search(r"^structs +\d+ pcb\.\w+, ", text, re.MULTILINE), text
    assert re.search(r"^last used   \d+m?s ago  pcb\.\w+\.\w+ \(\d+ uses\)$", text, re.MULTILINE), text
    assert bindd.handles(held_id(one) - (6 << 56))["handle"] is None, "no Document has its number"
    (inside,) = inspect(hex(held_id(board)))["handles"]
    assert (inside["kind"], inside["place"], inside["label"]) == ("pcb.KicadPcb", "kicad_pcb", str(path))
    done = run("inspect", "handles", hex(held_id(board) | 0xFFFFFF))
    assert done.returncode == 1 and "a struct inside of document 1" in done.stderr and "hint" in done.stderr
    done = run("inspect", "handles", hex(held_id(pcb.PcbFile(kicad_pcb=board))))
    assert done.returncode == 1 and "constructed in Python" in done.stderr and "hint" in done.stderr
    del board


@alone
def test_uses_are_counted_and_the_last_is_named() -> None:
    """Of views, typegraphs and documents: each call once, whoever answers it; reading nodes uses their view."""
    import bindd
    from bindd import sexp
    from bindd.faebryk import TypeGraph
    from bindd.graph import GraphView
    from bindd.sexp import pcb

    def used(handle: Any) -> tuple[int, str]:
        found = bindd.handles(held_id(handle))["handle"]
        assert found["last_used"].startswith("never") == (not found["uses"]) and (found["used_s"] is None) == (not found["uses"])
        (row,) = [row for row in inspect("--top", "0")["rows"] if row["id"] == held_id(handle)]
        assert (row["uses"], row["used_by"]) == (found["uses"], found["used_by"])
        return found["uses"], found["used_by"]

    view = GraphView.create()
    assert used(view) == (0, "")
    nodes = [view.create_and_insert_node() for _ in range(10)]
    assert used(view) == (10, "GraphView.create_and_insert_node")
    for _ in range(7):
        view.get_node_count()
    assert used(view) == (17, "GraphView.get_node_count")
    view.get_subgraph_from_nodes(nodes=[nodes[0]])  # asked of the worker
    assert used(view) == (18, "GraphView.get_subgraph_from_nodes")
    nodes[1].visit_edges_of_type(edge_type=3, ctx=None, f=print)
    assert used(view) == (19, "BoundNode.visit_edges_of_type")
    assert held_id(nodes[1]) and used(view)[0] == 19, "what asks nobody uses nothing"
    for _ in range(400):
        view.bind(node=nodes[0].node())
    assert used(view) == (419, "GraphView.bind")
    types = TypeGraph.create(g=view)
    assert used(types) == (0, "") and used(view)[0] == 420
    types.add_type(identifier="Resistor")
    types.get_self_node()
    assert used(types) == (2, "TypeGraph.get_self_node") and used(view)[0] == 421
    document = sexp.parse("(a (b c))")
    assert used(document) == (0, "")
    document.root[1]
    assert used(document)[0] == 2
    sexp.dumps(document)
    assert used(document) == (3, "sexp.dumps")
    file = pcb.loads(ROOT / "examples" / "divider.kicad_pcb")
    board = file.kicad_pcb
    board.footprints[0].at.x  # noqa: B018
    board.paper = "A3"
    assert used(file) == (5, "pcb.KicadPcb.paper")
    pcb.dumps(file)
    assert used(file) == (6, "sexp.dump")
    copy = view.bind(node=nodes[0].node())
    del view, copy
    assert used(types)[0] == 2, "a view without a handle of its own counts nothing, and breaks nothing"
    nodes[0].visit_edges_of_type(edge_type=3, ctx=None, f=print)


@full
def test_a_handle_names_the_request_that_it_came_of() -> None:
    """As trace and crash reports number them; none where it was read here, or made in a batch."""
    import bindd
    from bindd import errors, sexp
    from bindd.graph import GraphView
    from bindd.sexp import pcb

    def origin(handle: Any) -> tuple[int | None, str | None, bool]:
        found = bindd.handles(held_id(handle))["handle"]
        (row,) = [row for row in inspect("--top", "0")["rows"] if row["id"] == held_id(handle)]
        assert all(row[name] == found[name] for name in ("request", "made_by", "made_s"))
        assert ("request" in found["created"]) == (found["request"] is not None)
        return found["request"], found["made_by"], found["made_s"] is not None

    def sent() -> int:
        return int(bindd.handles()["clients"][0]["sent_requests"])

    path = ROOT / "examples" / "divider.kicad_pcb"
    file = pcb.loads(path)
    loaded = origin(file)
    assert loaded == (sent(), "sexp.load", True), "an answer was waited for"
    text = run("inspect", "handles", hex(held_id(file))).stdout
    assert re.search(rf"^created  .* ago\)  request {sent()} sexp\.load [\d.]+(us|ms)$", text, re.MULTILINE), text
    view = GraphView.create()
    assert origin(view) == (sent(), "GraphView.create", False), "nobody waited"
    node = view.create_and_insert_node()
    assert origin(node) == (sent(), "GraphView.create_and_insert_node", False)
    view.get_node_count()
    reference = node.node()
    assert origin(reference) == (None, None, False), "it was read here"
    document = sexp.parse("(a (b))")
    asked = sent()
    assert origin(document) == (asked, "sexp.parse", True) and origin(document.root) == (None, None, False)
    with view.batch():
        in_batch = view.create_and_insert_node()
    assert origin(in_batch) == (None, None, False)
    with pytest.raises(errors.WorkerCrashed) as death:
        bindd.debug.crash(how="ABRT")
    after = view.create_and_insert_node()
    number, operation, _ = origin(after)
    assert number is not None and number > death.value.request_id, "numbers go on over a death"
    assert (number, operation) == (sent(), "GraphView.create_and_insert_node")
    assert origin(file) == loaded


@alone
def test_an_error_about_a_destroyed_view_says_where_it_was_made() -> None:
    from bindd import errors
    from bindd.graph import GraphView

    view = GraphView.create(); made = line()
    node = view.create_and_insert_node()
    view.destroy(); gone = line()
    for call in (view.get_node_count, view.get_nodes):
        with pytest.raises(errors.StaleHandleError, match=rf"made at .*test_ledger\.py:{made} was destroyed at .*test_ledger\.py:{gone}"):
            call()
    del view, call
    with pytest.raises(errors.StaleHandleError, match=r"\) was destroyed at "):
        node.visit_edges_of_type(edge_type=1, ctx=None, f=print)


def test_a_child_counts_no_uses_of_its_parents_handles(home: Home) -> None:
    done = home.python("""
import os
from bindd.graph import GraphView
from bindd.sexp import pcb
view, file = GraphView.create(), pcb.loads("(kicad_pcb (version 20241229))")
view.get_node_count()
child = os.fork()
if not child:
    for _ in range(1000): file.kicad_pcb.version
    try: view.get_node_count()
    except Exception as error: assert "fork" in str(error), error
    os._exit(7)
assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 7
import bindd
assert bindd.handles(file.__zig_address__())["handle"]["uses"] == 0
""")
    assert done.returncode == 0, done.stderr


@full
def test_every_format_and_status() -> None:
    import csv
    import io
    import json
    import tempfile

    from bindd import sexp
    from bindd.graph import GraphView

    views = [GraphView.create() for _ in range(3)]
    document = sexp.parse("(a)", label='a "quoted", label')
    rows = inspect("--top", "0")["rows"]
    lines = [json.loads(text) for text in run("inspect", "handles", "-o", "jsonl").stdout.splitlines()]
    assert [row["id"] for row in lines] == [row["id"] for row in rows] and len(rows) == 4
    table = list(csv.DictReader(io.StringIO(run("inspect", "handles", "-o", "csv").stdout)))
    assert [row["address"] for row in table] == [row["address"] for row in rows]
    assert [row["label"] for row in table if row["kind"] == "Document"] == [document.label]
    groups = list(csv.DictReader(io.StringIO(run("inspect", "handles", "--group-by", "kind", "-o", "csv").stdout)))
    assert {(row["kind"], row["count"]) for row in groups} == {("GraphView", "3"), ("Document", "1")}
    for condition, status in {
        "count>0": 4, "count>4": 0, "count==4": 4, "bytes>1GiB": 0, "count>4 or clients==1": 4, "count>0 and bytes>1GiB": 0,
        "count": 64, "teapots>0": 64, "count>x": 64,
    }.items():
        assert run("inspect", "handles", "--fail-if", condition).returncode == status, condition
    assert run("inspect", "handles", "--kind", "Document", "--fail-if", "count>1").returncode == 0
    for words in (["--older-than", "soon"], ["--min-bytes", "x"], ["--group-by", "x"], ["--over", "1s"], ["-o", "dot"],
                  ["--watch=x"], ["--diff", "/nowhere"], ["--tree", "x"], ["--tree", "0x0700000000ffffff"]):
        done = run("inspect", "handles", *words)
        status = 1 if words[-1] in ("/nowhere", "0x0700000000ffffff") else 64
        assert done.returncode == status and done.stderr.startswith("bindd: ") and not done.stdout, (words, done)
    watched = run("inspect", "handles", "--kind", "GraphView", "-o", "json", "--watch=0.05", "--looks", "3").stdout.splitlines()
    assert [json.loads(text)["count"] for text in watched] == [3, 3, 3]
    reader = subprocess.Popen([run("x").args[0], "inspect", "handles", "-o", "jsonl", "-w"], stdout=subprocess.PIPE)
    assert reader.stdout is not None
    reader.stdout.readline()
    reader.stdout.close()  # a broken pipe is no error
    assert reader.wait(20) == 0
    with tempfile.TemporaryDirectory() as folder:
        assert run("inspect", "handles", "--save", f"{folder}/a").returncode == 0
        more = [GraphView.create() for _ in range(5)]; here = line()
        document.free()
        del document
        assert run("inspect", "handles", "--save", f"{folder}/b").returncode == 0
        for words in ([f"{folder}/a", f"{folder}/b"], [f"{folder}/a"]):
            changes = inspect("--diff", *words)["changes"]
            assert [(one["kind"], one["count"]) for one in changes] == [("GraphView", 5), ("Document", -1)]
            assert f"test_ledger.py:{here} " in changes[0]["site"]
        assert inspect("--diff", f"{folder}/b")["changes"] == []
        assert "+5" in run("inspect", "handles", "--diff", f"{folder}/a").stdout
    del views, more


@alone
def test_arguments_of_handles_are_checked_by_name() -> None:
    import bindd
    from bindd.graph import GraphView

    views = [GraphView.create() for _ in range(3)]
    nodes = [views[0].create_and_insert_node() for _ in range(2)]
    bindd._bindd._current().sync()
    assert bindd.handles().keys() == inspect().keys() and bindd.handles()["kinds"] == inspect()["kinds"]
    for arguments, word, kind in (
        ({"id": "x"}, "id", TypeError), ({"id": views[0]}, "__zig_address__", TypeError), ({"id": -1}, "id", ValueError),
        ({"id": True}, "id", TypeError), ({"id": 1.5}, "id", TypeError), ({"id": 1 << 64}, "64 bits", ValueError),
        ({"tree": "0x3"}, "tree", TypeError), ({"tree": -1}, "tree", ValueError), ({"top": -1}, "top", ValueError),
        ({"top": 1.0}, "top", TypeError), ({"min_bytes": -1}, "min_bytes", ValueError), ({"min_bytes": "1K"}, "min_bytes", TypeError),
        ({"older_than": -1e-7}, "older_than", ValueError), ({"older_than": "5m"}, "older_than", TypeError),
        ({"older_than": float("nan")}, "older_than", ValueError), ({"older_than": float("inf")}, "older_than", ValueError),
        ({"over": 1}, "growing", ValueError), ({"growing": True, "over": -1}, "over", ValueError), ({"growing": 1}, "growing", TypeError),
        ({"orphans": "no"}, "orphans", TypeError), ({"kind": 3}, "kind", TypeError), ({"kind": []}, "kind", ValueError),
        ({"kind": "Teapot"}, "Teapot", ValueError), ({"kind": ["GraphView", 4]}, "kind", TypeError), ({"site": 7}, "site", TypeError),
        ({"label": "a\0b"}, "label", ValueError), ({"client": 1.5}, "client", TypeError), ({"workspace": True}, "workspace", TypeError),
        ({"group_by": "colour"}, "colour", ValueError), ({"group_by": 1}, "group_by", TypeError), ({"sort": "colour"}, "colour", ValueError),
        ({"id": 1, "tree": 1}, "--tree", ValueError), ({"id": 1, "sort": "age"}, "--sort", ValueError),
    ):
        with pytest.raises(kind, match=re.escape(word)):
            bindd.handles(**arguments)
    assert len(bindd.handles(older_than=1e-7, kind="GraphView")["rows"]) == 3, "shorter than a millisecond is one"
    assert len(bindd.handles(kind=("GraphView", "BoundNode"), client=os.getpid(), top=0)["rows"]) in (3, 4, 5)
    assert bindd.handles(client=["c1", "c2"], group_by=["kind", "client"])["groups"][0].keys() >= {"kind", "client"}
    assert bindd.handles(client=("c7",), group_by="kind")["groups"] == []
    del nodes


@full
def test_a_tree_shows_what_is_held() -> None:
    import bindd
    from bindd import sexp
    from bindd.graph import EdgeReference, GraphView, NodeReference

    view = GraphView.create()
    nodes = [view.insert_node(node=NodeReference.create(name=f"n{i}")) for i in range(4)]
    for source, target in ((0, 1), (1, 2), (2, 0), (0, 3)):
        view.insert_edge(edge=EdgeReference.create(
            source=nodes[source].node(), target=nodes[target].node(), edge_type=3, name=f"e{source}{target}"))
    bindd._bindd._current().sync()
    tree = inspect("--tree", hex(held_id(nodes[0])))
    assert tree["id"] == held_id(nodes[0])
    first, second = tree["children"]
    assert (first["id"], first["edge"]) == (held_id(nodes[1]), "type 3 e01") and second["id"] == held_id(nodes[3])
    assert [child["id"] for child in first["children"]] == [held_id(nodes[2])]
    assert first["children"][0]["children"] == [], "what is above is not shown again"
    assert inspect("--tree", str(held_id(nodes[0])), "--depth", "1")["children"][0]["children"] == []
    assert len(inspect("--tree", hex(held_id(view)), "--top", "2")["children"]) == 2
    dot = run("inspect", "handles", "--tree", hex(held_id(nodes[0])), "-o", "dot").stdout
    assert dot.startswith("digraph") and dot.count("->") == 3 and 'label="type 3 e01"' in dot and dot.endswith("}\n")
    text = run("inspect", "handles", "--tree", hex(held_id(view))).stdout
    assert "GraphView" in text and "name=n3" in text
    document = sexp.parse("(a (b c) (d))")
    places = [document.root, document.root[1]]
    tree = inspect("--tree", hex(held_id(document)))
    assert {child["id"] for child in tree["children"]} == {None, *(held_id(place) for place in places)}
    assert [child["field"] for child in tree["children"] if child["id"] is None] == ["a"], "its lists by name stand beside"


@full
def test_stopped_looping_or_dead_workers_keep_no_answer_back() -> None:
    """The rows come although nobody answers: from memory that was shared before."""
    import signal

    import bindd
    from bindd.graph import GraphView

    view = GraphView.create()
    nodes = [view.create_and_insert_node() for _ in range(10)]
    view.get_node_count()
    pid = bindd._bindd._current().pid

    def check(state: str) -> None:
        answer = inspect("--kind", "BoundNode")
        assert answer["count"] == 10 and {row["id"] for row in answer["rows"]} == {held_id(node) for node in nodes}
        assert all(row["bytes"] >= 16 for row in answer["rows"]), "the graph's memory is read as well"
        report = inspect()
        assert report["workspaces"][0]["state"] == state
        assert f" {state} " in run("status").stdout
        assert len(inspect("--tree", hex(held_id(view)))["children"]) == 11

    for state in while_silent(pid):
        check(state)
        if state == "stopped":
            assert [hint["command"] for hint in inspect()["hints"]] == [f"kill -CONT {pid}"]
        else:
            assert "Debug.hang" in run("status").stdout or "debug.hang" in run("status").stdout
    # This process has heard of the death, and went on with another worker.
    assert inspect("--stale")["count"] == 0 and inspect("--kind", "BoundNode")["count"] == 10
    pid = bindd._bindd._current().pid
    os.kill(pid, signal.SIGKILL)  # while nobody asks anything
    while not inspect()["lost_clients"]:
        pass
    lost = inspect("--stale")
    assert lost["count"] == 11 and {row["state"] for row in lost["rows"]} == {"lost"}
    (entry,) = inspect()["lost_clients"]
    assert entry["cause"] == "SIGKILL" and entry["handles_total"] == 11 and entry["worker_pid"] == pid
    (hint,) = [hint for hint in inspect()["hints"] if hint["kind"] == "lost"]
    assert "11 handles" in hint["text"] and "--stale" in hint["command"]
    found = bindd.handles(held_id(view))["handle"]
    assert found["state"] == "lost" and found["site"]["file"] == __file__
    del view, nodes
    assert inspect()["lost_clients"] == [], "what Python let go of is nobody's"


@full
def test_a_collection_never_runs_inside_the_making_of_a_handle() -> None:
    """Frames are made for each recorded place; their making must not let finalizers in."""
    import gc

    from bindd.graph import GraphView, NodeReference

    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            finalized.append(making)

    finalized: list[bool] = []
    making = False

    def inner() -> None:
        create()

    def outer() -> None:
        inner()

    view, create = GraphView.create(), NodeReference.create
    gc.set_threshold(1)
    for _ in range(200):
        Cycle()
        making = True
        outer()
        making = False
    gc.set_threshold(700)
    gc.collect()
    assert len(finalized) == 200 and not any(finalized)
    assert inspect("--kind", "NodeReference")["recorded"] == 0
    assert gc.isenabled()
    del view


def test_inspecting_starts_nothing_and_needs_no_daemon(home: Home) -> None:
    for words in (["inspect", "handles"], ["inspect", "handles", "--growing"], ["top"], ["trace"], ["logs"],
                  ["inspect", "handles", "--tree", "0x0300000100000001"]):
        done = home.command(*words)
        assert done.returncode == 3, (words, done.returncode, done.stderr)
    assert home.processes() == []


def test_a_forked_child_writes_nothing_into_its_parents_list(home: Home) -> None:
    sited(home)
    done = home.python("""
import os
from inspection import inspect
from bindd.graph import GraphView, NodeReference
view = GraphView.create()
nodes = [NodeReference.create() for _ in range(5)]
child = os.fork()
if not child:
    nodes.clear()
    mine = [GraphView.create() for _ in range(2)]
    assert inspect("--client", str(os.getpid()))["count"] == 2
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
answer = inspect("--client", str(os.getpid()))
assert answer["count"] == 6 and len(answer["rows"]) == 6
""")
    assert done.returncode == 0, done.stderr
