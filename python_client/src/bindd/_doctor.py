"""``python -m bindd doctor``: looks at everything that starting and using the daemon depends on, and says how to mend it.

Each check gives findings: what is so, whether it is good, and a fix, as a command where one does it. It changes nothing; to
see whether a daemon comes up it starts one with a socket in a temporary folder, and stops it. Takes about a second.
"""

from __future__ import annotations

import difflib
import fcntl
import json
import os
import platform
import resource
import shlex
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import bindd
from bindd import _bindd, _daemon, _environment, _program
from bindd.errors import BinddError, BinddUnavailable

RUN_S = 20.0
DISK_BYTES_MIN = 256 << 20
"""Logs, crash reports and journals take this much at most before they are cut."""
DESCRIPTORS_MIN = 256
ADDRESS_BYTES_MIN = 4 << 30
PROCESSES_MIN = 64
MACHINES = {62: ("x86_64",), 183: ("aarch64", "arm64")}


class Finding(NamedTuple):
    """state: "ok", "note" (worth knowing), "bad" (something will not work)."""

    check: str
    state: str
    text: str
    fix: str = ""


Check = Callable[[], Iterator[Finding]]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=RUN_S, stdin=subprocess.DEVNULL)


def command(*words: str | Path) -> str:
    return shlex.join(str(word) for word in words)


# -- what is installed --------------------------------------------------------------------------------------------------------


def python() -> Iterator[Finding]:
    yield Finding("python", "ok", f"{platform.python_version()} at {sys.executable}; extension {_bindd.BUILD} at {_bindd.__file__}")
    if os.environ.get("BINDD_NORECOMPILE", "") not in ("", "0") and _is_stale():
        yield Finding(
            "python", "note", "sources changed since the last build, and BINDD_NORECOMPILE keeps the old one",
            command(sys.executable, "-m", "bindd", "build"))


def _is_stale() -> bool:
    try:
        from bindd import _develop
    except ImportError:
        return False  # a wheel
    if not _develop.is_here():
        return False
    _, known = _develop.read_record()
    return bool(_develop.changed(known, _develop.sources()))


def program() -> Iterator[Finding]:
    """The daemon's program: there, of this machine, of the same API as the extension."""
    named = os.environ.get("BINDD_BIN")
    other = "unset BINDD_BIN" if named else command(sys.executable, "-m", "pip", "install", "--force-reinstall", "bindd")
    try:
        path = bindd.find_bindd_bin()
    except BinddUnavailable as error:
        yield Finding("program", "bad", error.message, other)
        return
    if not os.path.isfile(path):
        yield Finding("program", "bad", f"{path} is not there" + (" (BINDD_BIN names it)" if named else ""), other)
        return
    if not os.access(path, os.X_OK):
        yield Finding("program", "bad", f"{path} may not be executed", command("chmod", "+x", path))
        return
    fault = _wrong_machine(path)
    if fault:
        yield Finding("program", "bad", f"{path} {fault}", other)
        return
    try:
        version = run(path, "--version")
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Finding("program", "bad", f"{path} cannot be run: {error}", other)
        return
    if version.returncode != 0:
        yield from _does_not_run(path, version, other)
        return
    yield Finding("program", "ok", f"{version.stdout.strip()} at {path}")
    yield from _same_api(path, other)
    on_path = shutil.which("bindd")
    if on_path and _program.build_of(on_path) not in ("", _program.build_of(path)):
        yield Finding(
            "program", "note", f"`bindd` on PATH is another build ({_program.build_of(on_path)}, {on_path}): its `status` and "
            f"`stop` mean its own daemon", f"use {shlex.quote(path)}, or name the socket with --socket")


def _wrong_machine(path: str) -> str:
    with open(path, "rb") as file:
        head = file.read(20)
    if head[:2] == b"#!":
        return ""
    if head[:4] != b"\x7fELF" or len(head) < 20:
        return "is no program"
    (number,) = struct.unpack_from("<H", head, 18)
    if platform.machine() in MACHINES.get(number, (platform.machine(),)):
        return ""
    return f"is built for {MACHINES[number][0]}, this machine is {platform.machine()}"


def _does_not_run(path: str, done: subprocess.CompletedProcess[str], other: str) -> Iterator[Finding]:
    words = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
    said = f": {words[0]}" if words else ""
    if done.returncode == -signal.SIGILL:
        yield Finding("cpu", "bad", f"{path} uses instructions that this processor has not", "build it on this machine: make build")
    elif done.returncode < 0:
        yield Finding("program", "bad", f"{path} --version was ended by {_daemon.signal_name(-done.returncode)}", other)
    elif done.returncode == 127:
        yield Finding("program", "bad", f"{path}: a library is missing{said}", command("ldd", path))
    else:
        yield Finding("program", "bad", f"{path} --version exited with status {done.returncode}{said}", other)


def _same_api(path: str, other: str) -> Iterator[Finding]:
    try:
        told = json.loads(run(path, "describe", "--json").stdout)["hash"]
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired):
        yield Finding("versions", "bad", f"{path} does not describe itself: it is no bindd", other)
        return
    if not str(told).startswith(_bindd.DESCRIPTION_HASH):
        yield Finding(
            "versions", "bad", f"the extension has API {_bindd.DESCRIPTION_HASH}, the program {str(told)[:8]}: they are of "
            "different builds", other)
    else:
        yield Finding("versions", "ok", f"extension and program have the same API ({_bindd.DESCRIPTION_HASH})")


# -- where the socket is --------------------------------------------------------------------------------------------------------


def folder() -> Iterator[Finding]:
    try:
        path = _daemon.socket_path()
    except BinddUnavailable as error:
        yield Finding("folder", "bad", error.message, "unset BINDD_SOCKET" if "BINDD_SOCKET" in os.environ else error.hint)
        return
    place = os.path.dirname(path)
    try:
        is_there = _daemon.check_folder(path, create=False)
    except BinddUnavailable as error:
        yield Finding("folder", "bad", error.message, _fix_of_folder(place))
        return
    if not is_there:
        parent = os.path.dirname(place)
        if not os.path.isdir(parent):
            yield Finding("folder", "bad", f"{parent} is not there, so {place} cannot be made", command("mkdir", "-p", parent))
        elif not os.access(parent, os.W_OK | os.X_OK):
            yield Finding("folder", "bad", f"{place} cannot be made: {parent} is not writable", "export BINDD_SOCKET=/tmp/you/bindd.sock")
        else:
            yield Finding("folder", "ok", f"{place} will be made with the first start")
    elif not os.access(place, os.W_OK | os.X_OK):
        yield Finding("folder", "bad", f"{place} is not writable", command("chmod", "700", place))
    else:
        yield Finding("folder", "ok", f"{place} is yours alone")


def _fix_of_folder(place: str) -> str:
    status = os.lstat(place)
    if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid():
        return command("chmod", "700", place)
    if status.st_uid == os.getuid():
        return command("rm", place)
    return "export BINDD_SOCKET=/tmp/you/bindd.sock  # in a folder of your own"


def stale_files() -> Iterator[Finding]:
    """What dead daemons left. It disturbs nobody, but for a daemon whose socket somebody removed."""
    try:
        path = _daemon.socket_path()
        if not _daemon.check_folder(path, create=False):
            return
    except BinddUnavailable:
        return  # told by folder()
    place = Path(path).parent
    count = 0
    for entry in sorted(place.iterdir()):
        fault = _leftover(entry)
        if fault:
            count += 1
            yield Finding("stale files", "note", f"{entry}: {fault}", command("rm", entry))
    for lock in sorted(place.glob("*.lock")):
        pid = _holder(lock)
        if pid and not lock.with_suffix("").exists():
            count += 1
            yield Finding(
                "stale files", "bad", f"the daemon {pid} runs, but its socket {lock.with_suffix('')} is gone: nobody can reach it",
                command("kill", str(pid)))
    if not count:
        yield Finding("stale files", "ok", f"none in {place}")


def _leftover(entry: Path) -> str:
    try:
        is_socket = stat.S_ISSOCK(entry.lstat().st_mode)
    except OSError:
        return ""
    if is_socket and entry.name[1:].isdecimal() and entry.name[0] == ".":
        return "" if Path(f"/proc/{entry.name[1:]}").exists() else "a daemon died while it started"
    if is_socket and not _is_listening(entry):
        return "nobody listens there"
    if entry.name.endswith(".lock") and not entry.with_suffix("").exists() and not _holder(entry):
        return "the lock of a daemon that is gone"
    return ""


def _is_listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as link:
        link.setblocking(False)
        try:
            link.connect(str(path))
        except BlockingIOError:
            return True  # its queue is full
        except OSError:
            return False
    return True


def _holder(lock: Path) -> int:
    """The process that holds the lock; 0 when nobody does."""
    try:
        fd = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return 0
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return 0
    except OSError:
        text = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
        return int(text) if text.isdecimal() else 0
    finally:
        os.close(fd)


# -- the daemon ------------------------------------------------------------------------------------------------------------------


def daemon() -> Iterator[Finding]:
    """The one that runs, if one does: it answers, and it is of this build."""
    try:
        path = _daemon.socket_path()
        link = _daemon._running(path, time.monotonic() + _daemon.CONTROL_S)
    except BinddUnavailable as error:
        yield Finding("daemon", "bad", error.message, error.hint or "bindd stop")
        return
    if link is None:
        yield Finding("daemon", "ok", f"none runs at {path}; the first use starts one")
        return
    link.close()
    try:
        told: dict[str, Any] = _daemon.control(path, "status")
    except BinddError as error:
        pid = _holder(Path(path + ".lock"))
        yield Finding(
            "daemon", "bad", f"the daemon {pid or '?'} at {path} does not answer: {error.message}",
            f"kill -CONT {pid}; sleep 1; {command(sys.executable, '-m', 'bindd', 'doctor')} || kill -9 {pid}" if pid else "bindd stop")
        return
    yield Finding(
        "daemon", "ok", f"bindd {told.get('version')} (build {told.get('build')}), pid {told.get('pid')}, "
        f"{len(told.get('workers', ()))} workspaces, {told.get('crashes')} crashes")
    try:
        mine = _program.build_of(bindd.find_bindd_bin())
    except BinddUnavailable:
        return
    if mine and told.get("build") != mine:
        yield Finding(
            "versions", "note", f"the daemon that runs at {path} is build {told.get('build')}, your program is build {mine}: you talk "
            "to the older one until it is stopped", command(bindd.find_bindd_bin(), "stop", "--socket", path))


def start() -> Iterator[Finding]:
    """Whether a daemon comes up here, answers and goes."""
    try:
        path = bindd.find_bindd_bin()
    except BinddUnavailable:
        return  # told by program()
    with tempfile.TemporaryDirectory(prefix="bindd-") as place:
        at = os.path.join(place, "d.sock")
        try:
            up = run(path, "serve", "--detach", "--socket", at, "--idle-exit", "5")
            if up.returncode != 0:
                yield Finding(
                    "start", "bad", f"a daemon does not come up: {up.stderr.strip() or 'it says nothing'}",
                    "see the other findings; " + command(path, "serve", "--socket", at) + " in a terminal may tell more")
                return
            asked = run(path, "status", "--socket", at)
            down = run(path, "stop", "--socket", at)
        except (OSError, subprocess.TimeoutExpired) as error:
            yield Finding("start", "bad", f"a daemon does not come up: {error}", "see the other findings")
            return
    if asked.returncode or down.returncode:
        yield Finding("start", "bad", f"a daemon came up and did not answer: {(asked.stderr + down.stderr).strip()}", "see the other findings")
    else:
        yield Finding("start", "ok", "a daemon comes up, answers and goes")


# -- the machine -------------------------------------------------------------------------------------------------------------------


def limits() -> Iterator[Finding]:
    wanted = (
        ("descriptors", resource.RLIMIT_NOFILE, DESCRIPTORS_MIN, "ulimit -n 1024"),
        ("address space", resource.RLIMIT_AS, ADDRESS_BYTES_MIN, "ulimit -v unlimited"),
        ("processes", resource.RLIMIT_NPROC, PROCESSES_MIN, "ulimit -u 1024"),
    )
    good = True
    for name, number, least, fix in wanted:
        soft, _ = resource.getrlimit(number)
        if soft != resource.RLIM_INFINITY and soft < least:
            good = False
            yield Finding("limits", "bad", f"the limit of {name} is {soft:,}, at least {least:,} are needed", fix)
    if _number("/proc/sys/vm/overcommit_memory") == 2:
        good = False
        yield Finding(
            "limits", "note", "the system hands out no memory that it does not have (vm.overcommit_memory is 2): the address range "
            "of a graph is smaller then", "sysctl vm.overcommit_memory=0")
    try:
        os.close(os.memfd_create("bindd-doctor", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
    except OSError as error:
        good = False
        yield Finding("limits", "bad", f"memory files are not allowed here: {error.strerror}", "allow memfd_create in the container's profile")
    if good:
        yield Finding("limits", "ok", "descriptors, processes, address space and memory files suffice")


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):
        return None


def disk() -> Iterator[Finding]:
    try:
        place = os.path.dirname(_daemon.socket_path())
    except BinddUnavailable:
        return
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    free = os.statvfs(place)
    left = free.f_bavail * free.f_frsize
    if left < DISK_BYTES_MIN:
        yield Finding("disk", "bad", f"{place} has {left >> 20} MiB left; logs and reports may need {DISK_BYTES_MIN >> 20} MiB",
                      "free some, or export BINDD_SOCKET=… on another disk")
    elif free.f_files and not free.f_favail:
        yield Finding("disk", "bad", f"{place} has no room for another file (inodes)", "remove files, or export BINDD_SOCKET=… elsewhere")
    else:
        yield Finding("disk", "ok", f"{place} has {left >> 20:,} MiB left")


def environment() -> Iterator[Finding]:
    known = {variable.name: variable for variable in _environment.VARIABLES}
    good = True
    for name, text in sorted(os.environ.items()):
        if not name.startswith("BINDD_"):
            continue
        if name not in known:
            close = difflib.get_close_matches(name, known, 1, 0.8)
            good = False
            hint = f"did you mean {close[0]}?" if close else f"unset {name}"
            yield Finding("environment", "note", f"{name} is no variable of bindd", hint)
        elif text and known[name].fault(text):
            good = False
            yield Finding("environment", "bad", f"{name} is {text!r}: {known[name].fault(text)}", f"unset {name}")
        else:
            yield Finding("environment", "ok", f"{name}={text}")
    if good:
        yield Finding("environment", "ok", "variables are understood")


CHECKS: tuple[Check, ...] = (python, program, folder, stale_files, daemon, limits, disk, environment, start)


def findings() -> list[Finding]:
    """All of them. A check that fails is a finding, too."""
    found: list[Finding] = []
    for check in CHECKS:
        try:
            found += check()
        except Exception as error:
            found.append(Finding(check.__name__, "bad", f"the check itself failed: {type(error).__name__}: {error}", "please report it"))
    return found


def report(found: list[Finding]) -> str:
    lines = []
    for finding in found:
        first, *rest = finding.text.splitlines() or [""]
        lines.append(f"{finding.state:<5}{finding.check:<13}{first}")
        lines += [" " * 18 + line for line in rest]
        if finding.fix:
            lines.append(" " * 18 + f"fix: {finding.fix}")
    bad = sum(finding.state == "bad" for finding in found)
    notes = sum(finding.state == "note" for finding in found)
    lines.append(f"{bad} bad, {notes} to note, {len(found) - bad - notes} good")
    return "\n".join(lines) + "\n"


def main(words: list[str]) -> int:
    from argparse import ArgumentParser

    parser = ArgumentParser(
        prog="python -m bindd doctor", description="Looks at what bindd depends on. Exit status 1 when something is bad.")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    parser.add_argument("--variables", action="store_true", help="list the environment variables that bindd reads")
    options = parser.parse_args(words)
    if options.variables:
        sys.stdout.write(_environment.table())
        return 0
    found = findings()
    if options.output == "json":
        json.dump([finding._asdict() for finding in found], sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        sys.stdout.write(report(found))
    return 1 if any(finding.state == "bad" for finding in found) else 0
