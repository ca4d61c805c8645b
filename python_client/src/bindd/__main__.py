"""``python -m bindd``: where things are. ``… build``: builds an editable install. ``… doctor``: what is wrong and how to mend it."""

from __future__ import annotations

import os
import sys
import time
from importlib.util import find_spec

import bindd
from bindd import _bindd, _daemon, _program
from bindd.errors import BinddUnavailable

USAGE = "usage: python -m bindd [build [--mode release|debug|checked] | doctor [-o json] [--variables]]\n"


def build(words: list[str]) -> int:
    """Reached in a wheel; in an editable install the package builds before it is imported."""
    if find_spec("bindd._develop") is None:
        print("bindd was installed from a wheel; there is nothing here to build from", file=sys.stderr)
        return 1
    from bindd._develop import run_build_command

    return run_build_command(words)


def places() -> list[tuple[str, str]]:
    """What is where, in words for people."""
    try:
        program = bindd.find_bindd_bin()
    except BinddUnavailable as error:
        program = error.message
    try:
        path = _daemon.socket_path()
        link = _daemon._running(path, time.monotonic() + _daemon.CONTROL_S)
        if link is not None:
            link.close()
        state = "a daemon runs there" if link is not None else "no daemon runs; the first use starts one"
    except BinddUnavailable as error:
        path, state = error.socket or "", error.message
    return [
        ("bindd", f"{bindd.__version__} (API {_bindd.DESCRIPTION_HASH}, protocol {_bindd.PROTOCOL_MAJOR}.{_bindd.PROTOCOL_MINOR})"),
        ("package", os.path.dirname(os.path.abspath(bindd.__file__))),
        ("installed", installed()),
        ("extension", str(_bindd.__file__)),
        ("program", program),
        ("build", _program.build_of(program) or "unknown"),
        ("socket", path),
        ("", state),
        ("log", path + ".log" if path else ""),
        ("python", f"{sys.version.split()[0]} {sys.executable}"),
        *((name, text) for name, text in sorted(os.environ.items()) if name.startswith("BINDD_")),
    ]


def installed() -> str:
    if find_spec("bindd._develop") is None:
        return "from a wheel"
    from bindd import _develop

    return f"editable, {_develop.read_record()[0] or 'not yet built'}, from {_develop.ROOT}"


def main(words: list[str]) -> int:
    if words[:1] == ["build"]:
        return build(words[1:])
    if words[:1] == ["doctor"]:
        from bindd._doctor import main as doctor

        return doctor(words[1:])
    if words:
        sys.stderr.write(USAGE)
        return 0 if words[0] in ("-h", "--help") else 2
    for name, text in places():
        print(f"{name:<10} {text}")
    print("\n`python -m bindd doctor` looks whether all is well; docs/ENVIRONMENT.md explains the variables.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
