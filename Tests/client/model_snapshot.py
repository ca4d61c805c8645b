"""Flat snapshots of KiCad models, written a second time, out of objects: for fake daemons and for damage.

The layout is that of bd_layout.h (`bd_typed_header`); kinds and numbers come from `bindd describe --json`.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

MAGIC = 0x0000445059544442
NONE, INT, FLOAT, BOOL, STRING, ENUM, RECORD, LIST = range(8)
HEADER_BYTES = 64


def tables() -> dict[str, Any]:
    binary = os.environ.get("BINDD_BIN") or str(Path(sys.executable).with_name("bindd"))
    text = subprocess.run([binary, "describe", "--json"], capture_output=True, text=True, timeout=20, check=True).stdout
    return json.loads(text)["kicad"]  # type: ignore[no-any-return]


class Writer:
    """Records in the order in which a walk from the root meets them."""

    def __init__(self, kicad: dict[str, Any]) -> None:
        self.structs = {struct["name"]: (number, struct["fields"]) for number, struct in enumerate(kicad["structs"])}
        self.enums = {enum["name"]: [member["name"] for member in enum["members"]] for enum in kicad["enums"]}
        self.records: list[tuple[int, int, int]] = [(0, 0xFFFF, 0)]
        self.slots: list[int] = []
        self.tags: list[int] = []
        self.strings = b""

    def room(self, count: int) -> int:
        first = len(self.slots)
        self.slots += [0] * count
        self.tags += [NONE] * count
        return first

    def record(self, value: Any) -> int:
        number, fields = self.structs[f"{type(value).__module__}.{type(value).__name__}"]
        record = len(self.records)
        first = self.room(len(fields))
        self.records.append((first, number, 0))
        for index, field in enumerate(fields):
            found = getattr(value, field["name"])
            if field["list"]:
                items = list(found)
                start = self.room(len(items))
                self.slots[first + index], self.tags[first + index] = start | len(items) << 32, LIST
                for at, item in enumerate(items):
                    self.put(start + at, field, item)
            else:
                self.put(first + index, field, found)
        return record

    def put(self, slot: int, field: dict[str, Any], value: Any) -> None:
        kind = field["kind"]
        if value is None:
            return
        if kind == "struct":
            self.slots[slot], self.tags[slot] = self.record(value), RECORD
        elif kind == "str":
            data = value.encode()
            self.slots[slot], self.tags[slot] = len(self.strings) | len(data) << 32, STRING
            self.strings += data
        elif kind == "enum":
            self.slots[slot], self.tags[slot] = self.enums[field["of"]].index(value), ENUM
        elif kind == "bool":
            self.slots[slot], self.tags[slot] = int(value), BOOL
        elif isinstance(value, int):
            self.slots[slot], self.tags[slot] = value & (1 << 64) - 1, INT
        else:
            self.slots[slot], self.tags[slot] = struct.unpack("<Q", struct.pack("<d", value))[0], FLOAT

    def bytes(self) -> bytes:
        records = b"".join(struct.pack("<IHH", *record) for record in self.records)
        slots = struct.pack(f"<{len(self.slots)}Q", *self.slots)
        tags = bytes(self.tags) + b"\0" * (-len(self.tags) % 8)
        at = [HEADER_BYTES]
        for part in (records, slots, tags):
            at.append(at[-1] + len(part))
        header = struct.pack("<QIIQQQQQQ", MAGIC, len(self.records), len(self.slots), len(self.strings), *at, 0)
        return header + records + slots + tags + self.strings


def snapshot(root: Any, kicad: dict[str, Any]) -> bytes:
    writer = Writer(kicad)
    writer.record(root)
    return writer.bytes()
