"""The native build: daemon, generated files, extension. One way for all who build.

`python -m bindd build`, the import of an editable install and setup.py (wheel) call this; `make build` calls the first.
Knows how to build, not whether it is needed: swift and the extension's own time stamps decide what is compiled anew. The
caller holds the lock (bindd/_develop.py) where two could meet. Needs nothing but Python, swift and a C compiler.
Cost: a minute from nothing, one or two seconds when nothing changed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLIENT = ROOT / "python_client"
PACKAGE = CLIENT / "src" / "bindd"
MODES = ("release", "debug", "checked")
"""release: as shipped. debug: unoptimised, all of Swift's checks. checked: optimised, with bindd's invariants looked at."""

C_WARNINGS = ["-Wall", "-Wextra", "-Werror"]
C_FLAGS = {
    "release": ["-O2", "-g"],
    "debug": ["-O0", "-g"],
    "checked": ["-O2", "-g", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong"],
    "sanitized": ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined"],  # tools/test_sanitized
}
C_JOBS = 2
OUTPUT_KEPT = 32 << 10
"""Bytes of a failing tool's output that the error carries: its last ones."""

Write = Callable[[str], None]


class BuildFailed(Exception):
    """A step of the build failed; the text is the tool's own output."""


def run(words: Sequence[str], write: Write, folder: Path = ROOT, **variables: str) -> None:
    """Runs a tool and passes on what it says while it says it. Raises BuildFailed with the end of that."""
    try:
        process = subprocess.Popen(
            words, cwd=folder, env={**os.environ, **variables}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace")
    except OSError as error:
        raise BuildFailed(f"cannot run {words[0]}: {error.strerror}\n  {needed(words[0])}") from None
    kept = ""
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            write(line)
            kept = (kept + line)[-OUTPUT_KEPT:]
    if process.wait() != 0:
        how = f"signal {-process.returncode}" if process.returncode < 0 else f"exit status {process.returncode}"
        raise BuildFailed(f"{' '.join(words)}\n{kept.rstrip()}\n({how})")


def needed(tool: str) -> str:
    if tool == "swift":
        return "the daemon needs Swift 6.2 or later on PATH (swift.org/install)"
    return "the extension needs a C compiler: apt-get install build-essential libpython3-dev"


# -- the daemon -----------------------------------------------------------------------------------------------------------


def scratch(mode: str) -> str:
    return ".build-checked" if mode == "checked" else ".build"


def build_daemon(mode: str, write: Write) -> Path:
    """The program, statically linked with Swift's library. Package.swift reads the mode, too."""
    configuration = "debug" if mode == "debug" else "release"
    run(["swift", "build", "-c", configuration, "--static-swift-stdlib", "--product", "bindd", "--scratch-path", scratch(mode)],
        write, BINDD_RELEASEMODE=mode)
    return ROOT / scratch(mode) / configuration / "bindd"


def install(program: Path, target: Path) -> None:
    """A copy under a new inode: a daemon that runs the old one is not disturbed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(program, fresh)
        fresh.chmod(0o755)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


# -- what is generated from the declarations -------------------------------------------------------------------------------


def generate(program: Path, write: Write) -> None:
    """The extension's table, the stubs, the protocol's document, from what the program says of itself."""
    run([sys.executable, str(ROOT / "tools" / "generate.py"), "--binary", str(program), "--root", str(ROOT)], write)


# -- the extension ----------------------------------------------------------------------------------------------------------


def build_extension(mode: str, write: Write, target: Path | None = None) -> Path:
    """Compiles what changed, links, and puts it in place in one step."""
    compiler = os.environ.get("CC", "cc").split()
    objects = CLIENT / "build" / f"objects-{mode}"
    objects.mkdir(parents=True, exist_ok=True)
    flags = [
        "-std=gnu11", "-fPIC", "-pthread", "-fvisibility=hidden", "-DPy_LIMITED_API=0x030B0000", *C_WARNINGS, *C_FLAGS[mode],
        "-Icsrc", f"-I{os.path.relpath(ROOT / 'Sources' / 'CLayout' / 'include', CLIENT)}",
        *(f"-I{folder}" for folder in dict.fromkeys((sysconfig.get_path("include"), sysconfig.get_path("platinclude")))),
        *os.environ.get("CFLAGS", "").split(),
    ]
    command = json.dumps([*compiler, *flags])
    stamp = objects / "command.json"
    is_other = not stamp.is_file() or stamp.read_text() != command
    sources = sorted((CLIENT / "csrc").glob("*.c"))
    stale = [source for source in sources if is_other or is_stale(objects / f"{source.stem}.o")]
    lock = threading.Lock()

    def say(text: str) -> None:
        with lock:
            write(text)

    def compile_one(source: Path) -> None:
        target = objects / f"{source.stem}.o"
        say(f"cc {source.name}\n")
        run([*compiler, *flags, "-MMD", "-c", f"csrc/{source.name}", "-o", str(target)], say, CLIENT)

    if stale:
        if is_other:
            stamp.unlink(missing_ok=True)  # until all are compiled so, none counts
        with ThreadPoolExecutor(C_JOBS) as pool:
            list(pool.map(compile_one, stale))
        stamp.write_text(command)
    library = target or PACKAGE / "_bindd.abi3.so"
    inputs = [objects / f"{source.stem}.o" for source in sources]
    if stale or not library.is_file() or any(is_newer(path, library) for path in inputs) or linked(objects) != str(library):
        fresh = library.with_name(f".{library.name}.{os.getpid()}")
        library.parent.mkdir(parents=True, exist_ok=True)
        try:
            run([*compiler, "-shared", "-pthread", *(flag for flag in C_FLAGS[mode] if flag.startswith("-fsanitize=")),
                 *map(str, inputs), "-o", str(fresh), *os.environ.get("LDFLAGS", "").split()], write, CLIENT)
            fresh.replace(library)
            (objects / "linked").write_text(str(library))
        finally:
            fresh.unlink(missing_ok=True)
    return library


def linked(objects: Path) -> str:
    """Where the last link of these objects went; another mode's library may lie there since, but not under this name."""
    others = [path for path in objects.parent.glob("objects-*/linked") if path.parent != objects]
    mine = objects / "linked"
    if not mine.is_file() or any(is_newer(other, mine) for other in others):
        return ""
    return mine.read_text()


def is_newer(path: Path, than: Path) -> bool:
    return path.stat().st_mtime_ns > than.stat().st_mtime_ns


def is_stale(target: Path) -> bool:
    """Whether an object is missing or older than one of the files that the compiler read for it."""
    notes = target.with_suffix(".d")
    if not target.is_file() or not notes.is_file():
        return True
    words = notes.read_text().replace("\\\n", " ").split()[1:]
    try:
        return any(is_newer(CLIENT / word, target) for word in words)
    except OSError:
        return True  # a header is gone


# -- all of it ----------------------------------------------------------------------------------------------------------------


def build(mode: str, write: Write) -> None:
    """Daemon, generated files, extension; in place for an editable install."""
    program = build_daemon(mode, write)
    generate(program, write)
    build_extension(mode, write)
    target = PACKAGE / "_bin" / "bindd"
    if not target.is_file() or is_newer(program, target) or target.stat().st_size != program.stat().st_size:
        install(program, target)


def licences(mode: str = "release") -> dict[str, Path]:
    """The licences of what is linked into the program, by the name under which the wheel carries them."""
    checkouts = ROOT / scratch(mode) / "checkouts"
    swift = shutil.which("swift")
    toolchain = Path(swift).resolve().parent.parent if swift else Path("/usr")
    wanted = {
        "bindd.txt": [ROOT / "LICENSE"],
        "swift-argument-parser.txt": [checkouts / "swift-argument-parser" / "LICENSE.txt"],
        "swift-log.txt": [checkouts / "swift-log" / "LICENSE.txt"],
        "swift-log-notice.txt": [checkouts / "swift-log" / "NOTICE.txt"],
        "swift.txt": [toolchain / "share" / "swift" / "LICENSE.txt"],
        "libuv.txt": [Path("/usr/share/doc/libuv1-dev/copyright"), Path("/usr/share/licenses/libuv/LICENSE")],
    }
    found = {name: next((path for path in paths if path.is_file()), None) for name, paths in wanted.items()}
    missing = [f"{name} (looked at {', '.join(map(str, wanted[name]))})" for name, path in found.items() if path is None]
    if missing:
        raise BuildFailed("a wheel must carry the licences of what it contains; not found: " + "; ".join(missing))
    return {name: path for name, path in found.items() if path is not None}
