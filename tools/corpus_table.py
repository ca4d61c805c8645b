#!/usr/bin/env python3
"""Prints the table of docs/KICAD.md: a folder of KiCad's files by format and version, and how they fare.

usage: corpus_table.py MANIFEST.tsv [--failures]

The manifest's columns path, kind and era say what each file is; paths are relative to its folder. Columns of the table: files;
loaded; same tokens: the multiset of words, numbers and strings (by value) that dumps() gives is that of the file; same bytes:
dumps() gives the file. Needs the bindd package; talks to the daemon that it finds or starts.
"""

from __future__ import annotations

import argparse
import collections
import importlib
import sys
from pathlib import Path

from bindd import sexp

MODULES = ["pcb", "footprint", "footprint_v5", "netlist", "fp_lib_table", "schematic", "symbol", "symbol_v6"]


def tokens(text: bytes) -> collections.Counter[tuple[str, str]]:
    """Atoms by kind and value, and lists."""
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    with sexp.parse(text) as document:
        stack = list(document.forms)
        while stack:
            node = stack.pop()
            if isinstance(node, sexp.List):
                counts["list", ""] += 1
                stack.extend(node)
            else:
                counts[node.kind, node.text] += 1
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description="How KiCad files of a folder fare.")
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--failures", action="store_true", help="name each file that does not load or loses tokens")
    arguments = parser.parse_args()
    lines = arguments.manifest.read_text(encoding="utf-8").splitlines()
    names = lines[0].split("\t")
    table: dict[tuple[str, str], list[int]] = {}
    for line in lines[1:]:
        row = dict(zip(names, line.split("\t")))
        if row["kind"] not in MODULES:
            continue
        module = importlib.import_module(f"bindd.sexp.{row['kind']}")
        counts = table.setdefault((row["kind"], row.get("era", "")), [0, 0, 0, 0])
        counts[0] += 1
        source = (arguments.manifest.parent / row["path"]).read_bytes()
        try:
            file = module.loads(source)
        except ValueError as error:
            if arguments.failures:
                print(f"{row['path']}: {str(error).splitlines()[0]}", file=sys.stderr)
            continue
        text = module.dumps(file).encode()
        counts[1] += 1
        counts[2] += text == source or tokens(text) == tokens(source)
        counts[3] += text == source
        if arguments.failures and text != source and tokens(text) != tokens(source):
            print(f"{row['path']}: other tokens", file=sys.stderr)
    print("| format | era | files | loaded | same tokens | same bytes |\n| --- | --- | ---: | ---: | ---: | ---: |")
    for (kind, era), counts in sorted(table.items()):
        print(f"| {kind} | {era} | " + " | ".join(map(str, counts)) + " |")
    print("| all | | " + " | ".join(str(sum(column)) for column in zip(*table.values())) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
