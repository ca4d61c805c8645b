"""Runs the body of one test marked with ``alone`` (see conftest) and counts what it leaves behind."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import threading


def descriptors() -> set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return found


def main() -> int:
    module_name, function_name = sys.argv[1:]
    module = importlib.import_module(module_name)
    before = len(os.listdir("/proc/self/fd"))
    threads = threading.active_count()
    getattr(module, function_name).body()
    import bindd

    gc.collect()
    current = bindd._bindd._current()
    if current is not None:
        current.close()
        del current
    gc.collect()
    live = {kind: count for kind, count in bindd.statistics()["live"].items() if count and kind != "Workspace"}
    assert not live, f"handles left: {live}"
    after = len(os.listdir("/proc/self/fd"))
    assert after == before, f"{before} descriptors before, {after} after: {sorted(descriptors())}"
    assert threading.active_count() == threads, threading.enumerate()
    return 0


if __name__ == "__main__":
    sys.exit(main())
