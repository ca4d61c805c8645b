"""The daemon dies at any moment of somebody's connecting: who connects gets a new one within its limit, and nobody hangs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import bindd
import pytest
from bindd import _daemon, errors
from conftest import Home
from fake_daemon import FakeDaemon

CLIENT = """
import sys, time, bindd
from bindd import errors
from bindd.graph import GraphView
print("ready", flush=True)
done = died = 0
while not sys.stdin.closed and done < int(sys.argv[1]):
    with bindd.connect(timeout=20) as workspace:  # whatever dies: this raises nothing
        try:
            assert GraphView.create().get_counts() == (1, 0)
        except errors.WorkerDied:
            died += 1
        except errors.StaleHandleError as error:
            assert "daemon is gone" in str(error), error
        done += 1
print(done, died, flush=True)
"""


def test_connecting_while_the_daemon_is_killed_again_and_again(home: Home) -> None:
    """Four processes connect all the time while whatever holds the daemon's lock is killed: every connect gets one."""
    clients = [
        subprocess.Popen(
            [sys.executable, "-c", CLIENT, "60"], env=home.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    kills = 0
    killed: set[int] = set()
    while any(client.poll() is None for client in clients):
        pid = home.daemon_pid()
        if pid is not None and pid not in killed:
            time.sleep(0.01 * (kills % 8))
            os.kill(pid, signal.SIGKILL if kills % 4 else signal.SIGTERM)
            killed.add(pid)
            kills += 1
        time.sleep(0.01)
    for client in clients:
        out, words = client.communicate(timeout=30)
        assert client.returncode == 0, words
        assert out.splitlines()[-1].split()[0] == "60"
    assert kills >= 10, "or nothing was tried"
    done = home.python("import bindd; bindd.connect(timeout=20).close()")  # clears away what the last one killed left
    assert done.returncode == 0, done.stderr


def test_a_daemon_that_ends_inside_the_hello_is_replaced(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped daemon has taken the hello and will never answer; it is killed while the client waits."""
    assert home.python("import bindd; bindd.connect().close()").returncode == 0
    first = home.daemon_pid()
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    client = subprocess.Popen(
        [sys.executable, "-c", "import bindd; w = bindd.connect(timeout=20); w.sync(); print('served')"],
        env=home.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.5)
    os.kill(first, signal.SIGKILL)
    out, words = client.communicate(timeout=30)
    assert (client.returncode, out) == (0, "served\n"), words
    assert home.daemon_pid() not in (None, first)


def test_a_daemon_that_is_being_stopped_is_replaced(home: Home) -> None:
    """Stopping takes as long as its slowest worker, up to two seconds; who comes meanwhile waits for the next daemon."""
    done = home.python("""
import os, signal, subprocess, sys, threading, bindd
from bindd.graph import GraphView
with bindd.connect("slow") as workspace:
    workspace.sync()
    os.kill(workspace.pid, signal.SIGSTOP)  # does not hear that it is to end
    stop = subprocess.Popen([sys.argv[1], "stop"], stdout=subprocess.DEVNULL)
    threading.Event().wait(0.2)
    with bindd.connect(timeout=20) as other:
        other.sync()
    assert stop.wait(20) == 0
print("served")
""", home.binary)
    assert (done.returncode, done.stdout) == (0, "served\n"), done.stderr


def test_one_that_lives_and_closes_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever answers by hanging up will do so again: one attempt, and the error."""
    tmp_path.chmod(0o700)
    with FakeDaemon(tmp_path) as fake:
        monkeypatch.setenv("BINDD_SOCKET", fake.path)
        accepted: list[socket.socket] = []
        fake.on_accept = lambda link: bool(accepted.append(link) or link.recv(4096) and link.close() is None)
        with pytest.raises(errors.BinddUnavailable, match="closed the connection during the hello"):
            bindd.connect(timeout=5)
        assert len(accepted) == 1


def test_whether_a_process_is_over() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    assert not _daemon.is_over(child.pid) and not _daemon.is_over(0) and not _daemon.is_over(os.getpid())
    child.kill()
    waited = threading.Event()
    for _ in range(500):
        if _daemon.is_over(child.pid):  # nobody has waited for it yet
            break
        waited.wait(0.01)
    assert _daemon.is_over(child.pid)
    child.communicate()
    assert _daemon.is_over(child.pid)
