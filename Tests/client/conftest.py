"""Each integration test has a socket folder, an interpreter and a time limit of its own, and leaves nothing behind.

The body of a test that is marked with ``@alone`` runs in a fresh interpreter. When it returns, that interpreter closes
what it opened and must have as many descriptors and threads as before; then the daemon must have as many descriptors as
one that never had a client, it is stopped, and no process that knew the socket may be left.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bindd
import pytest
from fake_daemon import FakeDaemon

# A runner started in the background ignores Ctrl-C, and so would every interpreter that the tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SHARED = ROOT.parent / "shared"


class Home:
    """A socket folder and the daemon that is started in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700)
        self.socket = folder / "t.sock"
        self.environment = {
            **os.environ,
            "BINDD_SOCKET": str(self.socket),
            "BINDD_STATE": str(folder.parent / f"{folder.name}-state"),
            "BINDD_IDLE_EXIT": "60",
            "BINDD_NORECOMPILE": "1",
            "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "PYTHONFAULTHANDLER": "1",
        }

    @property
    def binary(self) -> str:
        return os.environ.get("BINDD_BIN") or str(Path(sys.executable).with_name("bindd"))

    def command(self, *words: str, timeout: float = 20) -> subprocess.CompletedProcess[str]:
        """Runs ``bindd WORDS``."""
        return subprocess.run(
            [self.binary, *words], env=self.environment, capture_output=True, text=True, timeout=timeout
        )

    def python(
        self, code: str, *arguments: str, timeout: float = 60, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs code in a fresh interpreter that uses this home's daemon."""
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def processes(self) -> list[int]:
        """Every process that was started with this home's socket."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                if str(self.socket).encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def wait_until(self, condition: Callable[[], bool], seconds: float = 5) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            time.sleep(0.02)
        return condition()

    def daemon_pid(self) -> int | None:
        """Of the daemon that runs here; its lock file names it."""
        try:
            pid = int((self.folder / "t.sock.lock").read_text())
        except (OSError, ValueError):
            return None
        return pid if pid in self.processes() else None

    def workers(self) -> tuple[int, int]:
        """How many workers the daemon has, and how many clients they have."""
        workers = json.loads(self.command("status", "-o", "json").stdout)["workers"]
        return len(workers), sum(worker["clients"] for worker in workers)

    def check_descriptors(self) -> None:
        """Clients that left have left no descriptor in the daemon. Workers of shared workspaces stay."""
        pid = self.daemon_pid()
        if pid is None or self.command("status").returncode != 0:
            return
        bare, each = idle_descriptors()

        def is_as_before() -> bool:
            workers, clients = self.workers()
            return clients == 0 and len(os.listdir(f"/proc/{pid}/fd")) == bare + each * workers

        assert self.wait_until(is_as_before), (
            f"the daemon has {len(os.listdir(f'/proc/{pid}/fd'))} descriptors; (workers, clients) are {self.workers()}; one "
            f"that never had a client has {bare}, and {each} for each worker")

    def end(self) -> None:
        self.check_descriptors()
        self.command("stop")
        assert self.wait_until(lambda: not self.processes()), f"still running: {self.processes()}"
        left = {path.name for path in self.folder.iterdir()} - {"t.sock.log", "t.sock.log.1", "t.sock.start"}
        assert not left, f"left in the socket folder: {left}"


class Client:
    """A program that is told to go on by a line, and says what it did in lines."""

    def __init__(self, home: Home, code: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], env={**home.environment, **environment}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def says(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def go_on(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()


def fewest_descriptors(pid: int) -> int:
    """A connection that just ended, a question for the status say, may still be there for a moment."""
    counts = []
    for _ in range(30):
        counts.append(len(os.listdir(f"/proc/{pid}/fd")))
        time.sleep(0.01)
    return min(counts)


@functools.cache
def idle_descriptors() -> tuple[int, int]:
    """Descriptors of a daemon that never had a client, and what the worker of a shared workspace adds."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "h")
        started = home.command("serve", "--detach", "--socket", str(home.socket))
        pid = home.daemon_pid()
        assert started.returncode == 0 and pid is not None, started.stderr
        try:
            bare = fewest_descriptors(pid)
            done = home.python("import bindd; bindd.connect('shared').close()")
            assert done.returncode == 0, done.stderr
            assert home.wait_until(lambda: home.workers() == (1, 0))
            return bare, fewest_descriptors(pid) - bare
        finally:
            home.command("stop")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "h")
    yield home
    home.end()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDaemon]:
    """A daemon of the test's own words; nothing else can be started."""
    tmp_path.chmod(0o700)
    with FakeDaemon(tmp_path) as daemon:
        monkeypatch.setenv("BINDD_SOCKET", daemon.path)
        monkeypatch.setenv("BINDD_BIN", "/nonexistent/bindd")
        yield daemon
        bindd.close()


@pytest.fixture
def workspace(fake: FakeDaemon) -> Iterator[bindd.Workspace]:
    """A connection to the fake daemon."""
    with bindd.connect() as workspace:
        yield workspace


def alone(function: Callable[[], None]) -> Callable[[Home], None]:
    """The test's body runs in an interpreter of its own, with its own daemon."""

    def test(home: Home) -> None:
        done = subprocess.run(
            [sys.executable, str(HERE / "run_alone.py"), Path(function.__code__.co_filename).stem, function.__name__],
            env=home.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.returncode != 0:
            pytest.fail(f"exit status {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-8000:]}", pytrace=False)

    functools.update_wrapper(test, function)
    del test.__wrapped__  # pytest would look at the body's parameters
    test.body = function  # type: ignore[attr-defined]
    return test


@pytest.fixture(scope="session")
def shared() -> Path:
    """The recorded behaviour and files that the tests compare with; they are part of the tests, not optional."""
    assert SHARED.is_dir(), f"{SHARED} is missing: the tests need the folder 'shared' beside the project"
    return SHARED
