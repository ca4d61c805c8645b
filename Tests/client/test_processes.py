"""Who starts, who lives, who ends: sockets, auto-start, status, stop, fork."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Client, Home, alone

COUNT = "from bindd.graph import GraphView; print(GraphView.create().get_node_count())"


def test_status_and_stop_are_honest(home: Home) -> None:
    for words in (["status"], ["stop"], ["inspect", "handles"]):
        done = home.command(*words)
        assert done.returncode == 3 and "no daemon" in done.stderr, words
    assert not home.processes(), "asking must not start a daemon"
    assert home.python(COUNT).stdout == "1\n"
    status = json.loads(home.command("status", "-o", "json").stdout)
    assert status["socket"] == str(home.socket) and status["workers"] == [] and status["crashes"] == 0
    done = home.command("stop")
    assert done.returncode == 0
    assert not home.processes() and not home.socket.exists(), "stop returns when it is true"
    assert home.command("status").returncode == 3


def test_a_private_workspace_ends_with_its_process_also_when_killed(home: Home) -> None:
    code = COUNT + "; import sys; sys.stdout.flush(); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], env=home.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout and child.stdout.readline() == "1\n"
    workers = json.loads(home.command("status", "-o", "json").stdout)["workers"]
    assert len(workers) == 1
    child.kill()
    child.communicate()
    assert home.wait_until(lambda: not Path(f"/proc/{workers[0]['pid']}").exists(), 2), "worker outlived its client"
    assert home.wait_until(lambda: json.loads(home.command("status", "-o", "json").stdout)["workers"] == [])


@pytest.mark.parametrize("how", ["stopped", "loops"])
def test_a_private_worker_that_cannot_end_by_itself_ends_with_its_process(home: Home, how: str) -> None:
    """Beside it another one is stopped whose client lives, and a named workspace: both stay."""
    code = "import bindd\nfrom bindd import debug\nworkspace = bindd.connect({0!r})\nworkspace.__enter__()\nprint(workspace.pid, flush=True)\ninput()\n"
    with Client(home, code.format("")) as living, Client(home, code.format("name")) as named:
        stay = [int(living.says()), int(named.says())]
        for pid in stay:
            os.kill(pid, signal.SIGSTOP)
        named.process.kill()
        with Client(home, code.format("") + "debug.freeze()") as client:
            pid = int(client.says())
            if how == "stopped":
                os.kill(pid, signal.SIGSTOP)
            else:
                client.go_on()
                assert home.wait_until(lambda: "debug.freeze" in home.command("status").stdout)
            client.process.kill()  # and nobody reaps it
            assert home.wait_until(lambda: not Path(f"/proc/{pid}").exists(), 10), "the worker outlived its client"
        status = json.loads(home.command("status", "-o", "json").stdout)
        assert status["crashes"] == 0 and sorted(worker["pid"] for worker in status["workers"]) == sorted(stay)
        told = json.loads(home.command("events", "--after", "0", "--count", "1", "--only", "worker_ended", "-o", "jsonl").stdout)
        assert (told["pid"], told["reason"]) == (pid, "the client's process is gone, and the worker did not end")
        for pid in stay:
            os.kill(pid, signal.SIGCONT)
        assert json.loads(home.command("crash", "list", "-o", "json").stdout)["crashes"] == [], "nobody is to blame"
    assert home.wait_until(lambda: home.workers() == (1, 0))


IS_LONG = os.environ.get("BINDD_TEST_LONG") == "1"


def test_many_processes_start_at_once_and_find_one_daemon(home: Home) -> None:
    """40 at once; BINDD_TEST_LONG=1: 200, ten times, each time without a daemon at first."""
    for _ in range(10 if IS_LONG else 1):
        start_at_once(home, 200 if IS_LONG else 40)
        home.command("stop")


def start_at_once(home: Home, count: int) -> None:
    log_before = len((home.folder / "t.sock.log").read_text()) if (home.folder / "t.sock.log").exists() else 0
    children = [
        subprocess.Popen([sys.executable, "-c", COUNT], env=home.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    for child in children:
        out, err = child.communicate(timeout=110)
        assert child.returncode == 0 and out == "1\n", err
    log = (home.folder / "t.sock.log").read_text()[log_before:]
    assert log.count("listening") == 1 or log.count("started") == 1, log
    daemons = [pid for pid in home.processes() if b"serve" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(daemons) == 1


def test_a_start_that_is_killed_at_any_step_leaves_nothing_in_the_way(home: Home) -> None:
    """The starter and what it started are killed 0, 1, 2 … ms after the start; each time the next use works, with one daemon."""
    for step in range(0, 60, 1 if IS_LONG else 10):
        starter = subprocess.Popen(
            [home.binary, "serve", "--detach", "--socket", str(home.socket)], env=home.environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        time.sleep(step / 1000)
        starter.kill()
        starter.wait()

        def are_gone() -> bool:
            for pid in home.processes():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return not home.processes()

        assert home.wait_until(are_gone, 5)
        done = home.python(COUNT)
        assert done.stdout == "1\n", (step, done.stderr)
        daemons = [pid for pid in home.processes() if b"serve" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        assert len(daemons) == 1
        assert home.command("stop").returncode == 0
    for left in home.folder.glob(".*"):  # a socket under its first name, which its daemon had no time to rename
        assert left.name[1:].isdecimal()
        left.unlink()


@pytest.mark.parametrize("how", ["stale socket", "killed daemon"])
def test_what_a_dead_daemon_leaves_is_replaced(home: Home, how: str) -> None:
    if how == "stale socket":
        import socket

        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(home.socket))
    else:
        assert home.python(COUNT).stdout == "1\n"
        os.kill(json.loads(home.command("status", "-o", "json").stdout)["pid"], signal.SIGKILL)
        assert home.wait_until(lambda: not home.processes(), 2)
    done = home.python(COUNT)
    assert done.stdout == "1\n", done.stderr


def test_sockets_are_refused_where_others_could_interfere(home: Home, tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(real)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "file").write_text("")
    for folder, word in (("link", "symbolic link"), ("open", "mode"), ("file", "not a "), ("x" * 120, "bytes")):
        done = home.python(COUNT, BINDD_SOCKET=str(tmp_path / folder / "s.sock"))
        assert done.returncode == 1 and "BinddUnavailable" in done.stderr and word in done.stderr, (folder, done.stderr)
        status = subprocess.run(
            [home.binary, "status"], env={**home.environment, "BINDD_SOCKET": str(tmp_path / folder / "s.sock")},
            capture_output=True, text=True,
        )
        assert status.returncode != 0 and word in status.stderr, status.stderr
    assert home.python(COUNT).returncode == 0
    assert stat.S_IMODE(home.socket.stat().st_mode) & 0o077 == 0


def test_why_it_did_not_start(home: Home, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho the reason stands here >&2\nexit 7\n")
    for binary, words in (
        (tmp_path / "missing", ["missing", "BINDD_BIN"]), (broken, ["broken"]),
    ):
        done = home.python(COUNT, BINDD_BIN=str(binary))
        assert done.returncode == 1 and "BinddUnavailable" in done.stderr
        assert all(word in done.stderr for word in words), done.stderr
    broken.chmod(0o755)
    done = home.python(COUNT, BINDD_BIN=str(broken))
    assert "BinddUnavailable" in done.stderr and "7" in done.stderr and "the reason stands here" in done.stderr, done.stderr


@alone
def test_fork_gives_the_child_a_connection_of_its_own() -> None:
    import gc

    from bindd.errors import StaleHandleError
    from bindd.graph import GraphView

    view = GraphView.create()
    nodes = [view.create_and_insert_node() for _ in range(10)]
    view.get_node_count()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with pytest.raises(StaleHandleError, match="fork|parent"):
                view.get_node_count()
            repr(view), repr(nodes), hash(nodes[0])
            nodes.clear()
            gc.collect()
            mine = GraphView.create()
            mine.create_and_insert_node()
            status = 0 if mine.get_node_count() == 2 else 2
        finally:
            os.write(writer, b"%d" % status)
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        assert pipe.read() == "0"
    assert os.waitpid(child, 0)[1] == 0
    assert view.get_node_count() == 11, "the parent's stream is unharmed"
    assert nodes[0].node().get_attr(key="x") is None


def test_the_parent_dies_and_its_worker_goes_though_a_child_lives(home: Home) -> None:
    code = """
import os, time
from bindd.graph import GraphView
view = GraphView.create(); view.get_node_count()
if os.fork() == 0:
    time.sleep(4); os._exit(0)
print("forked", flush=True); time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], env=home.environment, stdout=subprocess.PIPE, text=True)
    assert parent.stdout and parent.stdout.readline() == "forked\n"
    worker = json.loads(home.command("status", "-o", "json").stdout)["workers"][0]["pid"]
    parent.kill()
    assert home.wait_until(lambda: not Path(f"/proc/{worker}").exists(), 2)
    parent.stdout.close()
    parent.wait()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(home: Home, method: str, tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(f"""
import multiprocessing
def count(n):
    from bindd.graph import GraphView
    view = GraphView.create()
    for _ in range(n):
        view.create_and_insert_node()
    return view.get_node_count()
if __name__ == "__main__":
    print(count(2))
    with multiprocessing.get_context({method!r}).Pool(3) as pool:
        print(sorted(pool.map(count, range(6))))
    print(count(3))
""")
    done = subprocess.run([sys.executable, script], env=home.environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["3", "[1, 2, 3, 4, 5, 6]", "4"], done.stderr


def test_idle_daemons_leave(home: Home) -> None:
    home.environment["BINDD_IDLE_EXIT"] = "1"
    assert home.python(COUNT).stdout == "1\n"
    assert home.wait_until(lambda: not home.processes(), 6)
    assert not home.socket.exists()


def test_a_stopped_worker_stops_nobody_else(home: Home) -> None:
    code = COUNT + "; import sys; sys.stdout.flush(); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], env=home.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout and child.stdin and child.stdout.readline() == "1\n"
    worker = json.loads(home.command("status", "-o", "json").stdout)["workers"][0]["pid"]
    os.kill(worker, signal.SIGSTOP)
    try:
        start = time.monotonic()
        rows = json.loads(home.command("inspect", "handles", "-o", "json").stdout)
        assert time.monotonic() - start < 2
        assert rows["clients"][0]["handles"] == {} or rows["clients"][0]["pid"] == child.pid
        assert home.python(COUNT).stdout == "1\n"
    finally:
        os.kill(worker, signal.SIGCONT)
    child.stdin.close()
    assert child.wait(10) == 0
    child.stdout.close()


@alone
def test_names_are_refused_in_the_daemons_words() -> None:
    import bindd
    from bindd import _daemon

    def refusal(name: str) -> str:
        with pytest.raises(ValueError) as caught:
            bindd.connect(name)
        return str(caught.value)

    names = ("x" * 65, "é" * 33, "a\nb", "\x80")
    here = [refusal(name) for name in names]
    _daemon._check_name = lambda name: None
    assert [refusal(name) for name in names] == here
    with bindd.connect("é" * 32) as workspace:
        assert workspace.name == "é" * 32


@pytest.mark.parametrize("runs", [False, True])
def test_too_few_descriptors_are_told(home: Home, runs: bool) -> None:
    """With any number of them: it works, or it is an error of bindd that says why; nothing is left open."""
    code = """
import os, resource, sys
import bindd, bindd.graph
from bindd import _daemon, _bindd
if sys.argv[1] == "True":
    bindd.connect("runs").close()
before, worked = len(os.listdir("/proc/self/fd")), []
for limit in (*range(4, 24), 64):
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, 64))
    try:
        with bindd.connect() as workspace:
            assert bindd.graph.GraphView.create().get_node_count() == 1
            worked.append(limit)
    except bindd.BinddUnavailable as error:
        assert "hint: raise the limit (ulimit -n 1024), or close files that are not needed" in str(error), str(error)
        assert "this process may have" in str(error) or "oo many open files" in str(error), str(error)
        if limit == 4:
            assert f"this process may have {limit} (ulimit -n), and has them all" in str(error), str(error)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    assert len(os.listdir("/proc/self/fd")) == before, (limit, os.listdir("/proc/self/fd"))
assert worked and worked[-1] == 64 and worked == sorted(worked)
print(worked)
"""
    done = home.python(code, str(runs), timeout=100)
    assert done.returncode == 0, done.stderr


def test_standard_descriptors_are_left_to_the_program(home: Home) -> None:
    """Whoever closed some of them can use bindd, which takes none of their numbers: they are opened anew later."""
    code = """
import os, sys
closed = [int(number) for number in sys.argv[1]]
for number in closed:
    os.close(number)
from bindd.graph import GraphView
view = GraphView.create()
try:
    assert view.get_node_count() == 1
    for number in closed:
        assert not os.path.exists(f"/proc/self/fd/{number}"), os.readlink(f"/proc/self/fd/{number}")
        assert os.open("/dev/null", os.O_RDWR) == number
        os.write(number, b"what a program says")
    view.create_and_insert_node()
    assert view.get_node_count() == 2
except BaseException as error:
    with open(sys.argv[2], "w") as stream:
        stream.write(repr(error))
    raise
"""
    for closed in ("0", "1", "2", "01", "02", "12", "012"):
        words = home.folder / "words"
        done = home.python(code, closed, str(words))
        assert done.returncode == 0, (closed, done, words.read_text() if words.exists() else "")
        home.command("stop")
