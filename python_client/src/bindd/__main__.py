"""``python -m bindd``: where things are. ``python -m bindd build``: builds an editable install. ``… doctor``: what is wrong."""

from __future__ import annotations

import sys
from importlib.util import find_spec


def build(words: list[str]) -> int:
    if find_spec("bindd._develop") is None:
        print("bindd was installed from a wheel; there is nothing here to build from", file=sys.stderr)
        return 1
    from bindd._develop import run_build_command

    return run_build_command(words)


def main(words: list[str]) -> int:
    if words[:1] == ["build"]:
        return build(words[1:])
    return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
