"""What `bindd inspect handles` says of the inside of KiCad files, against what a walk through the objects counts."""

from __future__ import annotations

import copy
import gc
import os
import random
import signal
from collections import Counter
from typing import Any

from conftest import ROOT, SHARED, Home, alone
from inspection import faults, inspect, run, schema, while_silent

BOARD = ROOT / "examples" / "divider.kicad_pcb"
Places = Counter[tuple[str, ...]]


def held_id(handle: Any) -> int:
    return handle.__zig_address__()


def walked(value: Any, path: tuple[str, ...] = (), places: Places | None = None) -> Places:
    """Structs by the fields that lead to them."""
    from bindd._bindd import Struct

    places = Counter() if places is None else places
    for name in type(value).__field_names__():
        inner = getattr(value, name)
        for each in inner if hasattr(inner, "append") else [inner]:
            if isinstance(each, Struct):
                places[(*path, name)] += 1
                walked(each, (*path, name), places)
    return places


def shown(branch: dict[str, Any], path: tuple[str, ...] = (), what: str = "count") -> Places:
    places: Places = Counter()
    for child in branch["children"]:
        inner = (*path, child["field"])
        places[inner] += child[what]
        places += shown(child, inner, what)
    return places


def tree(handle: Any, *words: str) -> dict[str, Any]:
    return inspect("--tree", hex(held_id(handle)), "--top", "0", "--depth", "16", *words)


def types(places: Places, root: Any) -> Counter[str]:
    """The same by type."""
    from bindd._bindd import Struct

    found: Counter[str] = Counter()

    def count(value: Any) -> None:
        for name in type(value).__field_names__():
            inner = getattr(value, name)
            for each in inner if hasattr(inner, "append") else [inner]:
                if isinstance(each, Struct):
                    found[type(each).__module__.removeprefix("bindd.sexp.") + "." + type(each).__name__] += 1
                    count(each)

    count(root)
    assert sum(found.values()) == sum(places.values())
    return found


@alone
def test_the_tree_is_what_a_walk_counts() -> None:
    """In files of each format."""
    from bindd.errors import BinddError

    formats = {"pcb": "kicad_pcb", "schematic": "kicad_sch", "symbol": "kicad_sym", "footprint": "kicad_mod", "netlist": "net"}
    for name, ending in formats.items():
        module = __import__(f"bindd.sexp.{name}", fromlist=["loads"])
        loaded = 0
        for path in sorted((SHARED / "corpus" / "open").rglob(f"*.{ending}"), key=os.path.getsize)[::7]:
            try:
                file = module.loads(path)
            except BinddError:  # a file of another era, or a broken one
                continue
            loaded += 1
            places = walked(file)
            branch = tree(file)
            assert shown(branch) == places, path
            found = inspect(hex(held_id(file)))["handle"]
            assert found["children"] == sum(places.values())
            if loaded == 3:
                break
        assert loaded, name


@alone
def test_edits_are_counted() -> None:
    from bindd.sexp import pcb

    numbers = random.Random(20261130)
    file, other = pcb.loads(BOARD), pcb.loads(BOARD.read_text())
    board = file.kicad_pcb
    for step in range(120):
        footprint = numbers.choice(list(board.footprints)) if len(board.footprints) else None
        choice = numbers.randrange(9)
        if choice == 0 or footprint is None:
            board.footprints.append(numbers.choice(list(other.kicad_pcb.footprints)))
        elif choice == 1:
            pads = list(other.kicad_pcb.footprints[0].pads)
            board.footprints.insert(numbers.randrange(3), pcb.Footprint(name="made", at=pcb.Xyr(x=1, y=2), pads=pads))
        elif choice == 2:
            board.footprints.remove(footprint)
        elif choice == 3 and len(footprint.pads):
            footprint.pads.pop()
        elif choice == 4:
            footprint.at = pcb.Xyr(x=step, y=0, r=90)
        elif choice == 5:
            board.footprints.sort(key=lambda one: one.at.x)
        elif choice == 6:
            footprint.pads = [*footprint.pads, *footprint.pads]
        elif choice == 7:
            footprint.pads.clear()
        else:
            board.setup = other.kicad_pcb.setup
            for pad in footprint.pads:
                pad.net = None if pad.net else pcb.Net(number=1, name="GND")
        if step % 10 == 9:
            assert shown(tree(file)) == walked(file), (step, choice)
            assert inspect(hex(held_id(file)))["handle"]["children"] == sum(walked(file).values())
            for i, place in {(0, "[0]"), (len(board.footprints) - 1, f"[{len(board.footprints) - 1}]")} if len(board.footprints) else ():
                one = board.footprints[i]
                at_the_end = f"kicad_pcb.footprints{place}"
                assert inspect(hex(held_id(one)))["handle"]["place"] == at_the_end, (step, choice)
                assert shown(tree(one)) == walked(one), (step, choice)
                if one.at:
                    assert inspect(hex(held_id(one.at)))["handle"]["place"] == f"{at_the_end}.at"
                for k in {0, len(one.pads) - 1} if len(one.pads) else ():
                    assert inspect(hex(held_id(one.pads[k])))["handle"]["place"] == f"{at_the_end}.pads[{k}]", (step, choice)
    duplicate = copy.copy(board.footprints[0])
    assert shown(tree(duplicate)) == walked(duplicate)
    again = pcb.loads(pcb.dumps(file))
    assert shown(tree(again)) == walked(again)


@alone
def test_objects_that_look_at_structs_are_counted() -> None:
    """Each keeps the whole file: where they are is how a leak of files is found."""
    from bindd.sexp import pcb

    file = pcb.loads(BOARD)
    held = list(file.kicad_pcb.footprints)[:3]
    pads = [pad for footprint in held for pad in footprint.pads]
    same = [pads[0]] + [held[0].pads[0] for _ in range(4)]
    part = held[0].pads
    made = pcb.PcbFile(kicad_pcb=file.kicad_pcb)
    del made
    gc.collect()
    objects = shown(tree(file), what="objects")
    # `part` is a list in the first footprint; same[0] is pads[0] itself
    assert +objects == Counter({("kicad_pcb", "footprints"): 4, ("kicad_pcb", "footprints", "pads"): len(pads) + 4})
    found = inspect(hex(held_id(file)))["handle"]
    assert found["objects"] == 1 + 4 + len(pads) + 4
    assert found["objects_at"] == {"pcb.PcbFile": 1, "pcb.Footprint": 4, "pcb.Pad": len(pads) + 4}
    assert f"{1 + 4 + len(pads) + 4} Python objects" in run("inspect", "handles", "--tree", hex(held_id(file))).stdout
    assert inspect(hex(held_id(pads[0])))["handle"]["objects"] == 5
    file.kicad_pcb.footprints.remove(held[2])
    gone = inspect(hex(held_id(held[2])))["handle"]
    assert (gone["kind"], gone["place"], gone["objects"]) == ("removed struct", None, 1)
    removed = 1 + len(held[2].pads)
    assert inspect(hex(held_id(file)))["handle"]["objects_at"]["what was removed"] == removed
    before = inspect(hex(held_id(file)))["handle"]["objects"]
    copied = pcb.PcbFile(kicad_pcb=file.kicad_pcb)  # remembers where each of its parts came from
    assert inspect(hex(held_id(file)))["handle"]["objects"] == before + sum(walked(copied).values())
    del held, pads, same, part, copied
    gc.collect()
    assert inspect(hex(held_id(file)))["handle"]["objects_at"] == {"pcb.PcbFile": 1}
    number = hex(held_id(file.kicad_pcb))
    file.free()
    done = run("inspect", "handles", number)
    assert done.returncode == 1 and "freed" in done.stderr


@alone
def test_a_struct_is_found_by_its_id() -> None:
    from bindd.sexp import pcb

    file = pcb.loads(BOARD)
    for where in ("file", "after a removal"):
        for i, footprint in enumerate(file.kicad_pcb.footprints):
            for k, pad in enumerate(footprint.pads):
                found = inspect(hex(held_id(pad)))["handle"]
                assert not faults(found, schema()["$defs"]["structs"])
                assert found["place"] == f"kicad_pcb.footprints[{i}].pads[{k}]", where
                assert found["kind"] == "pcb.Pad" and found["file"] == f"0x{held_id(file):016x}"
                assert found["children"] == sum(walked(pad).values()) and found["structs"] == types(walked(pad), pad)
            assert shown(tree(footprint)) == walked(footprint)
        assert found["at_this_place"] == sum(len(footprint.pads) for footprint in file.kicad_pcb.footprints)
        del file.kicad_pcb.footprints[0], file.kicad_pcb.footprints[-1].pads[0]
    pad = file.kicad_pcb.footprints[0].pads[0]
    text = run("inspect", "handles", hex(held_id(pad))).stdout
    assert "\nplace       kicad_pcb.footprints[0].pads[0] (one of " in text
    assert f"\nfile        PcbFile 0x{held_id(file):016x}\n" in text
    text = run("inspect", "handles", hex(held_id(pad.at))).stdout
    assert "\nheld by     0 Python objects\nchildren    0\nstructs     -\n" in text, text
    file.kicad_pcb.footprints.reverse()
    found = inspect(hex(held_id(pad)))["handle"]
    assert found["place"] == f"kicad_pcb.footprints[{len(file.kicad_pcb.footprints) - 1}].pads[0]", "where it stands now"
    assert found["children"] == sum(walked(pad).values()) and shown(tree(pad)) == walked(pad)
    other = pcb.loads(BOARD)
    assert run("inspect", "handles", hex(held_id(other)), "--client", "c9").returncode == 1
    assert run("inspect", "handles", "--tree", hex(held_id(other)), "--client", "c9").returncode == 1


@alone
def test_a_plain_document_shows_its_lists_by_name() -> None:
    from bindd import sexp

    def lists(document: Any, *words: str) -> list[tuple[str, int, list[tuple[str, int]]]]:
        return [
            (branch["field"], branch["count"], [(leaf["field"], leaf["count"]) for leaf in branch["children"]])
            for branch in tree(document, *words)["children"]]

    text = "(kicad_pcb (version 1) " + "(net 1 a) " * 200 + '(footprint x (pad 1)) (pad) word "text" ((no) name) 7) ; done'
    document = sexp.parse(text, label="board")
    expected = [("net", 200), ("version", 1), ("footprint", 1), ("pad", 1), ("without a name", 1)]
    assert lists(document) == [("kicad_pcb", 1, expected)]
    assert lists(sexp.parse("(a (b)) (c) (a (b) (d)) ; e")) == [("a", 2, [("b", 2), ("d", 1)]), ("c", 1, [])]
    assert lists(sexp.parse("()")) == [("without a name", 1, [])]
    shown_text = run("inspect", "handles", "--tree", hex(held_id(document)), "--top", "2").stdout
    assert "board  0x" in shown_text and "\n└─ kicad_pcb\n   ├─ net 200\n   ├─ version\n   └─ … 3 more\n" in shown_text
    assert "more inside: --depth 2" in run("inspect", "handles", "--tree", hex(held_id(document)), "--depth", "1").stdout
    assert "l2 [label=\"version\"]" in run("inspect", "handles", "--tree", hex(held_id(document)), "-o", "dot").stdout
    assert inspect(hex(held_id(document)))["handle"]["lists"] == dict(expected)
    assert "\nlists       200 net, 1 footprint, 1 pad, 1 version, 1 without a name\n" in run("inspect", "handles", hex(held_id(document))).stdout
    many = sexp.parse("(a " + " ".join(f"({'n' * 40}{i} x)(m{i})" for i in range(100)) + ")")
    ((name, _, inner),) = lists(many)
    assert name == "a" and sum(count for _, count in inner) == 200 and ("n" * 32, 100) in inner and ("others", 39) in inner, inner
    import bindd

    for _ in while_silent(bindd._bindd._current().pid):
        assert lists(document) == [("kicad_pcb", 1, expected)]
    document.free()
    gone = held_id(many)
    many.free()
    assert "net" not in run("inspect", "handles", "--tree", hex(gone)).stdout, "what was said of it is taken back"


@alone
def test_contents_come_while_the_worker_is_stopped_loops_or_is_dead() -> None:
    import bindd
    from bindd.sexp import pcb

    file = pcb.loads(BOARD)
    pads = sum(len(footprint.pads) for footprint in file.kicad_pcb.footprints)
    pad = file.kicad_pcb.footprints[0].pads[0]
    places = walked(file)
    pid = bindd._bindd._current().pid

    def check() -> None:
        assert shown(tree(file)) == places
        found = inspect(hex(held_id(file)))["handle"]
        assert found["structs"]["pcb.Pad"] == pads and found["label"] == str(BOARD)
        assert inspect(hex(held_id(pad)))["handle"]["place"] == "kicad_pcb.footprints[0].pads[0]"

    check()
    for _ in while_silent(pid):
        check()
    check()
    pid = bindd._bindd._current().pid
    os.kill(pid, signal.SIGKILL)
    while not inspect()["lost_clients"]:
        pass
    check()


@alone
def test_texts_have_their_size_for_a_label() -> None:
    import bindd
    from bindd import sexp
    from bindd.sexp import pcb

    text = BOARD.read_text()
    size = len(text.encode())
    held = [pcb.loads(text) for _ in range(5)] + [pcb.loads(text.encode()) for _ in range(6)]
    other = pcb.loads(text.replace("0", "1", 1))  # as long, but another one
    named = pcb.loads(text, label="main board")
    short = pcb.loads("(kicad_pcb (version 20241229))")
    plain = sexp.parse("(a é)")
    duplicate = copy.copy(held[0].kicad_pcb.footprints[0])
    label = f"text of {size:,} bytes"
    rows = {row["id"]: row["label"] for row in inspect("--top", "0")["rows"]}
    assert {rows[held_id(file)] for file in (*held, other)} == {label}
    assert rows[held_id(named)] == "main board" and rows[held_id(short)] == "text of 30 bytes"
    assert rows[held_id(plain)] == "text of 6 bytes" and rows[held_id(duplicate)] == label, "a copy is called as its source"
    assert inspect("--label", "text of *")["count"] == 15 and inspect("--label", label)["count"] == 13
    groups = inspect("--kind", "PcbFile", "--group-by", "label")["groups"]
    assert {group["label"]: group["count"] for group in groups} == {label: 12, "main board": 1, "text of 30 bytes": 1}
    (hint,) = [hint for hint in inspect()["hints"] if hint["kind"] == "opened_again"]
    assert hint["text"] == f"14 PcbFile live, 11 of the same {label}: opened again and not freed?"
    assert inspect(*hint["command"].split()[3:])["groups"][0]["label"] == label
    assert inspect(hex(held_id(held[0])))["handle"]["label"] == label
    assert inspect(hex(held_id(held[0].kicad_pcb)))["handle"]["label"] == label
    assert label in run("inspect", "handles", "--tree", hex(held_id(held[0]))).stdout
    assert bindd.handles(label="text of *", kind="Struct")["rows"][0]["label"] == label
    assert inspect("--kind", "PcbFile", "--label", "board*")["count"] == 0


def test_a_child_looks_at_its_parents_files(home: Home) -> None:
    """And the parent's counts stay what they were."""
    done = home.python(f"""
import os, bindd
from bindd.sexp import pcb
from pathlib import Path
file = pcb.loads(Path({str(BOARD)!r}))
held = list(file.kicad_pcb.footprints)
child = os.fork()
if not child:
    more = [pad for footprint in file.kicad_pcb.footprints for pad in footprint.pads] * 3
    del held, more
    own = pcb.loads("(kicad_pcb (version 20241229))")
    assert bindd.handles(own.__zig_address__())["handle"]["objects"] == 1
    file.free()
    del file
    os._exit(7)
assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 7
found = bindd.handles(file.__zig_address__())["handle"]
assert found["objects_at"] == {{"pcb.Footprint": len(held), "pcb.PcbFile": 1}}, found
""", BINDD_BIN=home.binary)
    assert done.returncode == 0, done.stderr


def test_without_a_ledger_the_worker_counts(home: Home) -> None:
    done = home.python(f"""
import bindd
from bindd.sexp import pcb
from pathlib import Path
file = pcb.loads(Path({str(BOARD)!r}))
found = bindd.handles(file.__zig_address__())["handle"]
assert found["structs"]["pcb.Pad"] > 3 and "objects" not in found
""", BINDD_BIN=home.binary, BINDD_SITES="off")
    assert done.returncode == 0, done.stderr


@alone
def test_room_of_documents_that_are_gone_is_used_again() -> None:
    """Many more than there is room for at once, of all sizes."""
    import bindd
    from bindd.sexp import pcb

    numbers = random.Random(7)
    nets = [f"(net {index} N{index})" for index in range(3000)]
    held: list[Any] = []
    for step in range(300):
        size = int(10 ** numbers.uniform(0, 3.4))
        held.append(pcb.loads("(kicad_pcb (version 20241229) " + "".join(nets[:size]) + ")"))
        if len(held) > 12:
            held.pop(numbers.randrange(12)).free()
        if step % 60 == 59:
            for file in held:
                assert shown(tree(file)) == walked(file)
    file = held[0]
    for _ in range(3):  # grows out of its room, again and again
        file.kicad_pcb.nets.extend(list(file.kicad_pcb.nets)[:2000])
    assert shown(tree(file)) == walked(file)
    assert bindd.statistics()["live"]["PcbFile"] == len(held)
