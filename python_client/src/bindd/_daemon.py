"""Finding, starting and asking the daemon. Imported at the first connection, never by `import bindd`.

Where the socket is, and what makes its folder safe, is the same on both sides: see docs/ARCHITECTURE.md. Everything here has
a deadline. The extension calls `open_current`. What becomes of a workspace whose worker died is in `_death`.
"""

from __future__ import annotations

import atexit
import errno
import fcntl
import importlib.util
import json
import math
import os
import resource
import select
import signal as signals
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bindd import _bindd
from bindd._program import build_of, find_bindd_bin
from bindd.errors import BinddUnavailable, ProtocolError, StaleHandleError, from_reply

SOCKET_PATH_BYTES_MAX = 100
LOG_LINES_SHOWN = 20
HANG_LIMIT_S = 300.0
CONTROL_S = 3.0  # the supervisor answers at once, but it may wait up to 2 s for a worker to be reaped
INSPECT_S = 60.0  # a look takes milliseconds; `over` may ask for a wait
AGAIN_S = 0.01  # before connecting again, doubled each time up to …
AGAIN_S_MAX = 0.2
ENDING_S = 0.1  # between the end of its connections and that of a daemon
KILLED = (signals.SIGKILL, signals.SIGTERM)  # how others end a process, and no fault of its own
NAME_BYTES_MAX = _bindd.NAME_BYTES_MAX
FULL_HINT = "raise the limit (ulimit -n 1024), or close files that are not needed"

_lock = threading.RLock()
_finish_is_registered = False


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()  # another thread of the parent may have held it


os.register_at_fork(after_in_child=_after_fork)


# -- where the socket is --------------------------------------------------------------------------------------------------


def socket_name() -> str:
    """Each build has a daemon of its own: versions do not meet, let alone fight. The program names its socket alike."""
    try:
        build = build_of(find_bindd_bin())
    except BinddUnavailable:
        build = ""  # nothing could be started; that is told when it is tried
    return f"bindd-{_bindd.PROTOCOL_MAJOR}-{_bindd.DESCRIPTION_HASH}-{build or 'unknown'}.sock"


def socket_path() -> str:
    """The path of the daemon's socket. Raises BinddUnavailable when it cannot be one."""
    named = os.environ.get("BINDD_SOCKET")
    if named:
        path = os.path.abspath(named)
    else:
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        folder = os.path.join(runtime.rstrip("/") or "/", "bindd") if runtime.startswith("/") else f"/tmp/bindd-{os.getuid()}"
        path = os.path.join(folder, socket_name())
    size = len(os.fsencode(path))
    if size > SOCKET_PATH_BYTES_MAX:
        raise BinddUnavailable(
            f"the socket path has {size} bytes, the limit is {SOCKET_PATH_BYTES_MAX}: {path}", socket=path,
            hint="set BINDD_SOCKET to a shorter path in a folder of your own (mode 0700)")
    return path


def check_folder(path: str, *, create: bool) -> bool:
    """Whether the socket's folder is there, after looking that it is safe: who may write there decides whom we talk to."""
    folder = os.path.dirname(path)
    hint = "set BINDD_SOCKET to a path in a folder of your own (mode 0700)"
    if create:
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            pass
        except OSError as error:
            raise BinddUnavailable(f"cannot create the folder {folder}: {error.strerror}", socket=path, hint=hint) from None
    try:
        status = os.lstat(folder)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise BinddUnavailable(f"cannot look at the folder {folder}: {error.strerror}", socket=path, hint=hint) from None
    fault = ""
    if stat.S_ISLNK(status.st_mode):
        fault = "it is a symbolic link"
    elif not stat.S_ISDIR(status.st_mode):
        fault = "it is not a folder"
    elif status.st_uid != os.getuid():
        fault = f"it belongs to uid {status.st_uid}, you are uid {os.getuid()}"
    elif status.st_mode & 0o077:
        fault = f"its mode is {stat.S_IMODE(status.st_mode):04o}, others may enter"
    if fault:
        raise BinddUnavailable(f"the folder {folder} is not safe for the daemon's socket: {fault}", socket=path, hint=hint)
    return True


# -- connecting -----------------------------------------------------------------------------------------------------------


def _beyond_standard(fd: int) -> int:
    """The descriptor under a number above 2. Whoever closed standard descriptors opens them anew some day, as a daemon does, or
    writes there what is no message of ours; and a program that is started has its own at those numbers."""
    if fd > 2:
        return fd
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(fd)


def identity(fd: int) -> tuple[int, int] | None:
    """Which file is behind the number; None where there is none. What is kept for long is looked at before it is used or
    closed: a program may close numbers that it did not open, and have them anew for files of its own."""
    try:
        about = os.fstat(fd)
    except OSError:
        return None
    return about.st_dev, about.st_ino


@contextmanager
def _room(path: str) -> Iterator[None]:
    """Says in our words that there is no descriptor left."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EMFILE, errno.ENFILE):
            raise
        raise BinddUnavailable(
            f"no descriptor is left for the daemon at {path}: {_full(error.errno)}", socket=path, hint=FULL_HINT) from None


def _full(number: int) -> str:
    if number == errno.ENFILE:
        return "the system has given out all that it has (fs.file-max)"
    return f"this process may have {resource.getrlimit(resource.RLIMIT_NOFILE)[0]} (ulimit -n), and has them all"


def _left(deadline: float) -> float:
    return deadline - time.monotonic()


def try_connect(path: str, deadline: float) -> socket.socket | None:
    """A connected socket whose other end is ours; None when nobody listens there."""
    while True:
        with _room(path):
            link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            if link.fileno() < 3:
                link = socket.socket(fileno=_beyond_standard(link.detach()))
        try:
            link.settimeout(max(_left(deadline), 0.01))
            link.connect(path)
            _check_peer(link, path)
            return link
        except BinddUnavailable:  # an OSError too, and it says more than those below
            link.close()
            raise
        except (FileNotFoundError, ConnectionRefusedError):
            link.close()
            return None
        except (BlockingIOError, TimeoutError):  # the backlog is full: somebody is there, but busy
            link.close()
            if _left(deadline) <= 0:
                raise BinddUnavailable(
                    f"the daemon at {path} does not accept connections: its queue is full", socket=path,
                    hint="`bindd status` shows whether it lives; `bindd stop` ends it") from None
            time.sleep(0.01)
        except OSError as error:
            link.close()
            raise BinddUnavailable(f"cannot connect to {path}: {error.strerror}", socket=path) from None
        except BaseException:
            link.close()
            raise


def _peer(link: socket.socket) -> tuple[int, int]:
    """Pid and uid of the process that listens."""
    data = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", data)
    return pid, uid


def is_over(pid: int) -> bool:
    """Whether the process has ended, reaped or not: the link to its program goes before its sockets do. Never true of one
    that cannot be seen (0: it lives in another container)."""
    try:
        os.readlink(f"/proc/{pid}/exe")
    except (FileNotFoundError, ProcessLookupError):
        return pid > 0 and os.path.isdir("/proc/self")
    except OSError:
        pass
    return False


def _check_peer(link: socket.socket, path: str) -> None:
    _, uid = _peer(link)
    if uid != os.getuid():
        raise BinddUnavailable(
            f"the process that listens at {path} belongs to uid {uid}, not to you (uid {os.getuid()})", socket=path,
            hint="set BINDD_SOCKET to a path in a folder of your own (mode 0700)")


def _connect_or_start(path: str, deadline: float) -> socket.socket:
    if check_folder(path, create=True):
        link = try_connect(path, deadline)
        if link is not None:
            return link
    with _starter_lock(path, deadline):
        link = try_connect(path, deadline)  # another process may have started it meanwhile
        if link is not None:
            return link
        _start(path, deadline)
        link = try_connect(path, deadline)
    if link is None:
        raise BinddUnavailable(
            f"the daemon came up and is gone again ({path})", socket=path, log=_log_tail(path), passing=True,
            hint=_start_hint(0, _log_tail(path)))
    return link


class Attempts:
    """Connecting again while it is worth it: the daemon that was there is ending, and the next one is a moment away."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.pause = AGAIN_S
        self.peer = 0

    def connect(self, path: str) -> socket.socket:
        """Connected to a daemon that lives; started, where there is none."""
        while True:
            try:
                self.peer = 0
                link = _connect_or_start(path, self.deadline)
                self.peer = _peer(link)[0]
                return link
            except BinddUnavailable as error:
                if not self.again(error):
                    raise

    def _peer_ends(self) -> bool:
        """A daemon that ends in order closes its connections a moment before it is gone."""
        end = min(time.monotonic() + ENDING_S, self.deadline)
        while self.peer and not is_over(self.peer):
            if _left(end) <= 0:
                return False
            time.sleep(AGAIN_S)
        return self.peer > 0

    def again(self, error: BaseException) -> bool:
        """Whether to connect again after that error, which came before or in answer to the hello. Waits a little first."""
        if not isinstance(error, BinddUnavailable) or _left(self.deadline) <= self.pause:
            return False
        if not error.passing and not (error.code == 0 and self._peer_ends()):
            return False
        time.sleep(self.pause)
        self.pause = min(self.pause * 2, AGAIN_S_MAX)
        return True


@contextmanager
def _starter_lock(path: str, deadline: float) -> Iterator[None]:
    """One starter at a time: flock on SOCKET.start, which the kernel takes back when a starter dies."""
    name = path + ".start"
    try:
        with _room(path):
            fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except BinddUnavailable:  # an OSError too
        raise
    except OSError as error:
        raise BinddUnavailable(
            f"cannot open {name}: {error.strerror}", socket=path,
            hint="the disk may be full or the folder read-only; BINDD_SOCKET names another place") from None
    try:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise BinddUnavailable(f"cannot lock {name}: {error.strerror}", socket=path) from None
            if _left(deadline) <= 0:
                raise BinddUnavailable(
                    f"another process is starting the daemon and does not get on ({name})", socket=path,
                    hint="`bindd status` shows whether one runs")
            time.sleep(0.01)
        yield
    finally:
        os.close(fd)


# -- starting ---------------------------------------------------------------------------------------------------------------


def _start(path: str, deadline: float) -> None:
    binary = find_bindd_bin()
    with _room(path):
        ready_read, ready_write = map(_beyond_standard, os.pipe())
    try:
        try:
            process = subprocess.Popen(
                [binary, "serve", "--detach", "--socket", path, "--ready-fd", str(ready_write)], pass_fds=[ready_write],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        except RuntimeError as error:
            if "subinterpreter" not in str(error):
                raise
            raise BinddUnavailable(
                "no daemon runs, and a sub-interpreter may not start one", binary=binary, socket=path,
                hint="use bindd in the main interpreter first, or start the daemon with `bindd serve --detach`") from None
        except OSError as error:
            raise BinddUnavailable(
                f"cannot run {binary}: {error.strerror}", binary=binary, socket=path, hint=_spawn_hint(error)) from None
        os.close(ready_write)
        ready_write = -1
        _wait_ready(process, ready_read, binary, path, deadline)
    finally:
        os.close(ready_read)
        if ready_write >= 0:
            os.close(ready_write)


def _spawn_hint(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "BINDD_BIN names the program; it is not there"
    if error.errno == errno.EACCES:
        return "make it executable (chmod +x), or look at the mount options"
    if error.errno == errno.ENOEXEC:
        return "it is no program for this machine: another architecture, or a cut file"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return FULL_HINT
    return ""


def _wait_ready(process: subprocess.Popen[bytes], ready: int, binary: str, path: str, deadline: float) -> None:
    """Until the byte comes, the starter ends, or time is up. Its errors are what the user gets to see."""
    assert process.stderr is not None
    words = bytearray()
    is_ready = False
    streams = {ready, process.stderr.fileno()}
    poll = select.poll()  # which knows descriptors beyond 1,023
    for stream in streams:
        poll.register(stream, select.POLLIN)
    try:
        while streams and not is_ready and _left(deadline) > 0:
            for fd, _ in poll.poll(max(_left(deadline), 0) * 1000):
                data = os.read(fd, 4096)
                if not data:
                    streams.discard(fd)
                    poll.unregister(fd)
                elif fd == ready:
                    is_ready = True
                else:
                    words += data
                    del words[:-8192]
        if is_ready:
            return
        status = _end_of(process, max(_left(deadline), 0) if not streams else 0)
    finally:
        process.stderr.close()
        if process.poll() is None and is_ready:
            _end_of(process, 1.0)
        elif process.poll() is None:
            process.kill()
            process.wait()
    if status == 3:  # it runs already: our connection was refused in the moment of its start
        return
    text = words.decode("utf-8", "replace").strip()
    log = text or _log_tail(path)
    raise BinddUnavailable(
        _start_failure(binary, status, text, path), binary=binary, socket=path,
        exit_status=status if status is not None and status >= 0 else None,
        signal=-status if status is not None and status < 0 else None, log=log, hint=_start_hint(status, log),
        passing=status is not None and (-status in KILLED or status - 128 in KILLED))


def _end_of(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def _start_failure(binary: str, status: int | None, words: str, path: str) -> str:
    if status is None:
        how = "was not ready in time"
    elif status < 0:
        how = f"was ended by {signal_name(-status)}"
    else:
        how = f"exited with status {status}"
    lines = (words or _log_tail(path)).splitlines()
    shown = "".join(f"\n  {line.strip()}" for line in lines[-3:])
    return f"the daemon did not start: {binary} {how}{shown}"


def _start_hint(status: int | None, log: str) -> str:
    if status == -signals.SIGILL:
        return "the program was built for a newer processor"
    if status == 127:
        return "a library of the program is missing (ldd shows which)"
    if os.strerror(errno.EMFILE).lower() in log.lower():
        return FULL_HINT
    if log:
        return "the attribute .log of this exception holds its last lines"
    if os.environ.get("BINDD_BIN"):
        return "it said nothing: is the program that BINDD_BIN names a bindd?"
    return "it said nothing; `bindd serve` in a terminal may tell more"


def _log_tail(path: str) -> str:
    try:
        with open(path + ".log", "rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(log.tell() - 8192, 0))
            return "\n".join(log.read().decode("utf-8", "replace").splitlines()[-LOG_LINES_SHOWN:])
    except OSError:
        return ""


def signal_name(number: int) -> str:
    try:
        return signals.Signals(number).name
    except ValueError:
        return f"signal {number}"


# -- workspaces ---------------------------------------------------------------------------------------------------------------


def _flag(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


def _hang_limit() -> float:
    text = os.environ.get("BINDD_HANG_LIMIT", "")
    try:
        seconds = float(text) if text else HANG_LIMIT_S
    except ValueError:
        seconds = -1.0
    if not seconds > 0:
        raise ValueError(f"BINDD_HANG_LIMIT is {text!r}; it must be a number of seconds above 0")
    return seconds


def _sites() -> int:
    """One of how many handles is written down with the place where it was made; 0: none."""
    text = os.environ.get("BINDD_SITES", "") or "sample"
    intervals = {"off": 0, "sample": _bindd.SITES_INTERVAL, "sampled": _bindd.SITES_INTERVAL, "full": 1}
    if text not in intervals:
        raise ValueError(f"BINDD_SITES is {text!r}; it must be off, sample or full")
    return intervals[text]


_folders: tuple[str, ...] = ()


def _own_folders() -> tuple[str, ...]:
    """Whose lines are no places where a program made something: this package's, and those of bindd-pyzig in front of it. They
    are looked for once."""
    global _folders
    if _folders:
        return _folders
    folders = [os.path.dirname(os.path.abspath(__file__))]
    try:
        spec = importlib.util.find_spec("pyzig_sexp")
        others = list(spec.submodule_search_locations or ()) if spec else []
    except Exception:  # a finder is anybody's
        others = []
    for folder in others:
        if os.path.exists(os.path.join(folder, "_fill.py")):  # not the layer that it stands for
            folders.append(os.path.abspath(folder))
    _folders = tuple(folder + os.sep for folder in folders)
    return _folders


def _program() -> str:
    """How the daemon's lists call this process."""
    name = os.path.basename(sys.argv[0]) if sys.argv and sys.argv[0] else ""
    name = f"python {name}".strip() if name in ("", "-c", "-m") else name
    text = " ".join([name, *sys.argv[1:]])[:120]
    return text.encode("utf-8", "replace")[:NAME_BYTES_MAX].decode("utf-8", "ignore").replace("\0", " ")


def _check_name(workspace: str) -> None:
    """The daemon refuses the same names in the same words (HelloCheck.swift)."""
    size, limit = len(workspace.encode("utf-8", "replace")), _bindd.WORKSPACE_NAME_BYTES_MAX
    fault = ""
    if size > limit:
        fault = f"has {size} bytes, the limit is {limit}"
    elif any(character < " " or "\x7f" <= character <= "\x9f" for character in workspace):
        fault = "holds control characters"
    if fault:
        raise ValueError(f"the workspace name {fault}\n  hint: use letters, digits, - and _")


def connect(
    workspace: str, *, timeout: float = 5.0, call_timeout: float | None = None, hang_limit: float | None = None
) -> _bindd.Workspace:
    global _finish_is_registered
    if not isinstance(workspace, str):
        raise TypeError(f"a workspace name must be a str, not {type(workspace).__name__}")
    for name, value in (("timeout", timeout), ("call_timeout", call_timeout), ("hang_limit", hang_limit)):
        if not isinstance(value, (int, float)) and (value is not None or name == "timeout"):
            raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}")
    if not (timeout > 0 and math.isfinite(timeout)):
        raise ValueError(f"timeout must be a number of seconds above 0, not {timeout}")
    _check_name(workspace)
    if call_timeout is not None and not call_timeout > 0:
        raise ValueError("call_timeout must be above 0 seconds")
    deadline = time.monotonic() + timeout
    limit = _hang_limit() if hang_limit is None else hang_limit
    if not limit > 0:
        raise ValueError("hang_limit must be above 0 seconds")
    path = socket_path()
    attempts = Attempts(deadline)
    while True:
        link = attempts.connect(path)
        link.settimeout(None)  # the extension's waits have their own slices
        if not _finish_is_registered:
            _finish_is_registered = True
            atexit.register(_bindd._finish)
        try:
            with _room(path):
                return _bindd._open(
                    link.detach(), path, workspace, _program(), max(_left(deadline), 0.1), limit, call_timeout or 0.0,
                    _flag("BINDD_SYNC"), _flag("BINDD_DEBUG"), _sites(), "\n".join(_own_folders()))
        except BinddUnavailable as error:
            if not attempts.again(error):
                raise


def open_current() -> _bindd.Workspace:
    """The workspace for whoever has no handle to go by; opened, or opened anew after a crash or fork. Called by the extension."""
    with _lock:
        current = _bindd._current()
        name = ""
        if current is not None:
            if current.alive:
                return current
            if current.state == "closed" and _bindd._is_entered():
                what = "private workspace" if current.private else f"workspace {current.name!r}"
                raise StaleHandleError(f"the current {what} was closed inside its `with`")
            name = "" if current.private else current.name
        workspace = connect(name)
        _bindd._replace(workspace)
        return workspace


# -- asking the supervisor ----------------------------------------------------------------------------------------------------


def _pack_str(text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    return struct.pack("<I", len(data)) + data + b"\0" * (-len(data) % 4)


def _read_str(data: bytes, at: int) -> tuple[str, int]:
    (size,) = struct.unpack_from("<I", data, at)
    if size > len(data) - at - 4:
        raise ProtocolError("a string in a control answer is longer than the answer")
    end = at + 4 + size
    return data[at + 4 : end].decode("utf-8", "replace"), end + (-size % 4)


def _receive(link: socket.socket, count: int, deadline: float) -> bytes:
    data = bytearray()
    while len(data) < count:
        if _left(deadline) <= 0:
            raise TimeoutError("the supervisor does not answer")
        link.settimeout(max(_left(deadline), 0.01))
        piece = link.recv(min(count - len(data), 1 << 20))
        if not piece:
            raise ConnectionResetError("the supervisor closed the connection")
        data += piece
    return bytes(data)


def control(path: str, command: str, arguments: dict[str, int | str] | None = None, *, timeout: float = CONTROL_S) -> Any:
    """One question to the supervisor. Starts nothing. Raises BinddUnavailable, ProtocolError, or what the answer says."""
    deadline = time.monotonic() + timeout
    link = _running(path, deadline)
    if link is None:
        raise BinddUnavailable(f"no daemon runs at {path}", socket=path)
    return _ask(link, path, command, arguments, deadline)


def _running(path: str, deadline: float) -> socket.socket | None:
    return try_connect(path, deadline) if check_folder(path, create=False) else None


def _ask(
    link: socket.socket, path: str, command: str, arguments: dict[str, int | str] | None, deadline: float
) -> Any:
    with link:
        return _question(link, path, command, arguments, deadline)


def _question(
    link: socket.socket, path: str, command: str, arguments: dict[str, int | str] | None, deadline: float
) -> Any:
    """Asks and waits for the answer, the first one where there are many."""
    if _flag("BINDD_DEBUG"):
        words = "".join(f" {key}={value!r}" for key, value in (arguments or {}).items())
        print(f"bindd → supervisor {command}{words}", file=sys.stderr)
    payload = _pack_str(command) + struct.pack("<I", len(arguments or {}))
    for key, value in (arguments or {}).items():
        payload += _pack_str(key)
        payload += struct.pack("<Iq", 1, value) if isinstance(value, int) else struct.pack("<I", 4) + _pack_str(value)
    if len(payload) > _bindd.HELLO_BYTES_MAX:
        raise ValueError(
            f"{command!r} with its {len(arguments or {})} arguments has {len(payload)} bytes, the supervisor takes "
            f"{_bindd.HELLO_BYTES_MAX}; ask with fewer or shorter ones")
    try:
        link.settimeout(max(_left(deadline), 0.01))
        link.sendall(struct.pack("<IHH", len(payload), 1, 8) + payload + b"\0" * (-len(payload) % 8))
        answer = _control_answer(link, deadline)
        if _flag("BINDD_DEBUG"):
            print(f"bindd ← supervisor {command} {json.dumps(answer)[:400]}", file=sys.stderr)
        return answer
    except (OSError, TimeoutError) as error:
        if isinstance(error, BinddUnavailable):
            raise
        raise BinddUnavailable(f"the supervisor at {path} did not answer {command!r}: {error}", socket=path) from None


def _control_answer(link: socket.socket, deadline: float) -> Any:
    """One whole answer of the supervisor's."""
    data, flags = b"", 1
    while flags & 1:
        size, operation, flags = struct.unpack("<IHH", _receive(link, 8, deadline))
        if operation != 1 or not flags & 2 or size > _bindd.FRAME_BYTES_MAX or len(data) + size > _bindd.CONTROL_BYTES_MAX:
            raise ProtocolError("what answers is no bindd supervisor")
        data += _receive(link, size + (-size % 8), deadline)[:size]
    try:
        if not flags & 4:
            text, _ = _read_str(data, 32)
            return json.loads(text)
        (code,) = struct.unpack_from("<I", data, 32)
        kind, at = _read_str(data, 36)
        message, at = _read_str(data, at)
        hint, _ = _read_str(data, at)
    except (struct.error, ValueError) as error:
        raise ProtocolError(f"the supervisor's answer cannot be read: {error}") from None
    raise from_reply(code, kind, message, hint, {}, "control", 0)


def inspect_handles(words: list[str], over: float = 0.0) -> dict[str, Any]:
    """The answer of `bindd inspect handles WORDS`. The command reads what clients and workers share; it starts no daemon.
    over: seconds that it waits between two looks."""
    path = socket_path()
    command = [find_bindd_bin(), "inspect", "handles", "-o", "json", f"--socket={path}", *words]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=INSPECT_S + over)
    except subprocess.TimeoutExpired as error:
        raise BinddUnavailable(f"`bindd inspect handles` did not end within {error.timeout:g} s", socket=path) from None
    except OSError as error:
        raise BinddUnavailable(f"cannot run {command[0]}: {error.strerror}", socket=path) from None
    text = done.stderr.decode("utf-8", "replace").removeprefix("bindd: ").strip()
    if done.returncode == 3:
        raise BinddUnavailable(f"no daemon runs at {path}", socket=path)
    try:
        answer: dict[str, Any] | None = json.loads(done.stdout) if done.stdout else None
    except ValueError:
        raise BinddUnavailable(f"{command[0]} answered what is no JSON; is it bindd?", socket=path) from None
    if answer is not None:  # an unknown id is told by status 1, and its answer says null
        return answer
    if done.returncode in (1, 64) and words:
        raise ValueError(text)
    raise BinddUnavailable(f"`bindd inspect handles` ended with status {done.returncode}: {text}", socket=path)
