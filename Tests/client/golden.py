"""Runs recorded cases of the replaced layer in this process and prints one JSON line for each; see test_golden.py.

    golden.py FOLDER_OF_replay.py [CASE ...]        cases also from stdin, one a line

replay.py looks up three classes of the typegraph before it runs a case. While those do not exist, its look-up answers with
a class here that nothing is an instance of; the package itself gets no stand-ins. A case that calls what does not exist
still fails.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

OPTIONAL = ("TypeGraph", "EdgeCreationAttributes", "NodeCreationAttributes")


class NotThereYet:
    """Stands where replay.py wants a class for isinstance. Nothing is one."""


def api(replay: Any) -> Any:
    class Api(replay.Api):
        def cls(self, short: str) -> type:
            try:
                return super().cls(short)
            except AttributeError:
                if short not in OPTIONAL:
                    raise
                return NotThereYet

    return Api("pyzig.gen")


def main() -> int:
    sys.path.insert(0, sys.argv[1])
    import replay  # type: ignore[import-not-found]

    options = argparse.Namespace(paths="full", quirks="lenient", keep_going=False)
    shared = api(replay)
    for case in sys.argv[2:] or sys.stdin.read().split("\n"):
        if not case:
            continue
        _, errors, steps = replay.run_case(shared, case, options)
        print(json.dumps({"case": Path(case).name, "steps": steps, "errors": errors}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
