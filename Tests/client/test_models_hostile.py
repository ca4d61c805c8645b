"""Whatever a snapshot of a model says, reading and editing it gives values and exceptions, and the interpreter lives."""

from __future__ import annotations

import copy
import os
import random
import struct
import tempfile
from pathlib import Path
from typing import Any

from conftest import alone
from fake_daemon import OP, Client, FakeDaemon, Message, pack_bytes, pack_u32
from model_snapshot import HEADER_BYTES, LIST, RECORD, snapshot, tables

CASES = 20_000 if os.environ.get("BINDD_TEST_LONG") else 1_200


def board() -> Any:
    from bindd.sexp import pcb

    at = pcb.Xyr(x=1, y=2, r=90)
    pad = pcb.Pad(name="1", type="smd", shape="rect", at=at, size=pcb.Wh(w=1, h=2), layers=["F.Cu", "ä"], net=pcb.Net(number=1, name="GND"))
    part = pcb.Footprint(name="R", layer="F.Cu", at=at, pads=[pad, pad], propertys=[
        pcb.Property(name="Reference", value="R1", at=at, layer="F.SilkS", effects=pcb.Effects(font=pcb.Font(size=pcb.Wh(w=1, h=1))))])
    return pcb.PcbFile(kicad_pcb=pcb.KicadPcb(
        generator="g", generator_version="9", nets=[pcb.Net(number=i, name=f"n{i}") for i in range(3)], footprints=[part, part],
        layers=[pcb.Layer(number=0, name="F.Cu", type="signal")]))


def walk(root: object, fields_max: int) -> int:
    """Reads everything, at most so many fields: a damaged list may be long."""
    stack, count = [root], 0
    while stack and count < fields_max:
        value = stack.pop()
        repr(value), hash(value)
        for name in value.__field_names__():  # type: ignore[attr-defined]
            count += 1
            try:
                found = getattr(value, name)
                items = list(found[:50]) if type(found).__name__ == "MutableList" else [found]
            except Exception as error:  # noqa: BLE001 - which it is, is asked at once
                assert type(error).__name__ in ("SnapshotError", "StaleHandleError"), repr(error)
                continue
            stack += [item for item in items if hasattr(type(item), "__field_names__")]
    return count


def edit(root: Any, chance: random.Random) -> None:
    from bindd import errors
    from bindd.sexp import pcb

    for _ in range(6):
        try:
            parts = root.kicad_pcb.footprints
            what = chance.randrange(8)
            if what == 0:
                parts.append(parts[0])
            elif what == 1:
                parts.sort(key=lambda part: chance.random())
            elif what == 2:
                root.kicad_pcb.nets = [pcb.Net(number=1, name="x"), *root.kicad_pcb.nets[:5]]
            elif what == 3:
                parts[0].at = parts[-1].at
            elif what == 4:
                parts[0].pads[0].layers.insert(1, "B.Cu")
            elif what == 5:
                repr(parts.pop()), pcb.KicadPcb(generator="g", generator_version="1", footprints=parts[:3])
            elif what == 6:
                parts[0].propertys[0].value = "changed"
            else:
                repr(copy.copy(pcb.Footprint(name="x", layer="y", at=parts[0].at, pads=parts[0].pads[:3])))
        except (errors.SnapshotError, errors.BinddError, IndexError, TypeError, ValueError, AttributeError):
            continue


def damaged(good: bytes, chance: random.Random) -> bytes:
    data = bytearray(good)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at = chance.randrange(max(8, len(data) - 8))
        what = chance.randrange(5)
        if what == 0:
            data[at] = chance.randrange(256)
        elif what == 1:
            struct.pack_into("<I", data, at // 4 * 4, chance.choice((0, 1, 2, 5, 100, 1 << 31, (1 << 32) - 1)))
        elif what == 2:
            struct.pack_into("<Q", data, at // 8 * 8, chance.choice((0, 1, 3 << 32, 1 << 63, (1 << 64) - 1, chance.getrandbits(64))))
        elif what == 3:
            tags = struct.unpack_from("<Q", good, 48)[0]
            slot = chance.randrange(struct.unpack_from("<I", good, 12)[0])
            if tags + slot < len(data):
                data[tags + slot] = chance.choice((RECORD, LIST, *range(8)))
        else:
            del data[chance.choice((at, len(data) - 1)) :]
            data += b"\0" * 16
    return bytes(data)


@alone
def test_damaged_snapshots() -> None:
    from bindd import errors
    from bindd.sexp import pcb

    kicad = tables()
    good = snapshot(board(), kicad)
    served: list[bytes] = []

    def answer(client: Client, message: Message) -> bool:
        if message.operation != OP["SEXP_LOAD"]:
            return False
        client.reply(message, pack_u32(message.number) + b"\0" * 16 + pack_bytes(served[-1]))
        return True

    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    refused = read = 0
    with tempfile.TemporaryDirectory() as folder, FakeDaemon(Path(folder), answer) as daemon:
        os.environ["BINDD_SOCKET"] = daemon.path
        served.append(good)
        file = pcb.loads("(kicad_pcb)")
        assert file.kicad_pcb.footprints[1].pads[0].layers == ["F.Cu", "ä"] and file.kicad_pcb.nets[2].name == "n2"
        assert walk(file, 10_000) > 150
        del file
        for _ in range(CASES):
            served.append(damaged(good, chance))
            try:
                file = pcb.loads("(kicad_pcb)")
            except errors.SnapshotError:
                refused += 1
                continue
            try:
                walk(file, 3_000)
                edit(file, chance)
                walk(file, 3_000)
                if chance.random() < 0.3:
                    file.free()
                    walk(file, 20)
            except BaseException:
                print(f"seed {seed}")
                raise
            read += 1
            del file, served[:]
        assert refused > CASES / 20 and read > CASES / 4, (refused, read)
        served.append(good)
        pcb.loads("(kicad_pcb)").free()
        import bindd

        bindd.close()


@alone
def test_every_word_of_the_header() -> None:
    from bindd import errors
    from bindd.sexp import pcb

    good = snapshot(board(), tables())
    served = b""

    def answer(client: Client, message: Message) -> bool:
        if message.operation == OP["SEXP_LOAD"]:
            client.reply(message, pack_u32(message.number) + b"\0" * 16 + pack_bytes(served))
        return message.operation == OP["SEXP_LOAD"]

    with tempfile.TemporaryDirectory() as folder, FakeDaemon(Path(folder), answer) as daemon:
        os.environ["BINDD_SOCKET"] = daemon.path
        for offset in range(0, HEADER_BYTES - 8, 4):
            for value in (0, 1, 7, 1 << 20, (1 << 31) + 4, (1 << 32) - 1):
                bad = bytearray(good)
                struct.pack_into("<I", bad, offset, value)
                served = bytes(bad)
                try:
                    walk(pcb.loads("(kicad_pcb)"), 2_000)
                except errors.SnapshotError:
                    continue
        for end in range(0, len(good), 37):
            served = good[:end]
            try:
                walk(pcb.loads("(kicad_pcb)"), 2_000)
            except errors.SnapshotError:
                continue
        import bindd

        bindd.close()
