"""`bindd.events()` and `bindd events`: each event once, in order, with a number; what was missed is counted."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from conftest import ROOT, Home, alone


@alone
def test_crash_and_restart_are_told_in_order() -> None:
    import bindd
    from bindd import debug, errors
    from bindd.graph import GraphView

    view = GraphView.create()
    view.get_node_count()
    pid = bindd._bindd._current().pid
    with bindd.events(timeout=20) as events:
        with pytest.raises(errors.WorkerCrashed):
            debug.crash("SEGV")
        view.get_node_count()
        seen = [next(events)]
        while seen[-1]["event"] != "worker_restarted":
            seen.append(next(events))
        numbers = [event["number"] for event in seen]
        assert numbers == list(range(numbers[0], numbers[0] + len(seen))) and events.last == numbers[-1]
        seen = [event for event in seen if event["event"] != "handles"]  # told every five seconds
        assert [event["event"] for event in seen] == ["worker_crashed", "client_connected", "worker_restarted"]
        crash, came, again = seen
        assert crash["pid"] == pid and crash["cause"] == "SIGSEGV" and crash["operation"] == "debug.crash" and crash["report"]
        assert came["pid"] == os.getpid() and again["pid"] == bindd._bindd._current().pid and again["deaths"] == 1
    with bindd.events(["worker_crashed"], after=numbers[0] - 1, timeout=20) as events:
        assert next(events) == crash and events.lost == 0
        with bindd.connect():
            pass
        os.kill(bindd._bindd._current().pid, signal.SIGKILL)
        assert next(events)["cause"] == "SIGKILL", "what is not wanted is passed over"
    with bindd.events(after=0) as events:
        first = next(events)
        assert first["event"] == "client_connected" and first["number"] == 1 and first["client"] == "c1"
    events.close()
    with pytest.raises(StopIteration):
        next(events)
    with bindd.events(timeout=0.05) as events, pytest.raises(TimeoutError):
        next(events)


@alone
def test_names_and_paths_are_looked_at_before_anything_is_asked() -> None:
    import bindd
    from bindd._events import NAMES
    from bindd.graph import GraphView

    GraphView.create().get_node_count()
    page = (ROOT / "docs" / "WATCHING.md").read_text().split("| event | tells |")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", "".join(row.split("|")[1] for row in page.splitlines()[2:]))) == NAMES
    binary = os.environ.get("BINDD_BIN") or str(Path(sys.executable).with_name("bindd"))
    known = subprocess.run([binary, "events", "--only", "x"], capture_output=True, text=True).stderr.split("  hint: ")[1]
    assert known.strip().split(", ") == sorted(NAMES)
    with pytest.raises(ValueError, match="there is no event 'worker_crash'\n  hint: known: client_connected, "):
        bindd.events(["worker_crash", "handles"])
    with pytest.raises(ValueError, match="is not UTF-8"):
        bindd.events(files=[os.fsdecode(b"\xff")])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "board.kicad_pcb"
        for files in (path, str(path), [path]):
            path.unlink(missing_ok=True)
            with bindd.events("file_changed", files=files, timeout=20) as events:
                path.write_text("(kicad_pcb)")
                assert next(events)["path"] == str(path)


@alone
def test_handles_and_files_are_told() -> None:
    import bindd
    from bindd.graph import NodeReference
    from bindd.sexp import pcb

    board = Path(tempfile.mkdtemp()) / "board.kicad_pcb"
    board.write_text("(kicad_pcb (version 20241229))\n")
    other = board.with_name("other.kicad_pcb")
    NodeReference.create()
    with bindd.events(["handles", "file_changed"], files=[board], timeout=30) as events:
        other.write_text("x")
        file = pcb.loads(board)
        file.kicad_pcb.paper = "A3"
        pcb.dumps(file, board)  # another file of the same name
        event = next(event for event in events if event["event"] == "file_changed")
        assert event["path"] == str(board) and event["exists"] is True
        board.unlink()
        event = next(event for event in events if event["event"] == "file_changed")
        assert event["path"] == str(board) and event["exists"] is False
        nodes = [NodeReference.create() for _ in range(40)]
        event = next(event for event in events if event["event"] == "handles" and event["handles"] >= 40)
        assert event["client"] == "c1" and event["handles"] == 40 + 1
        del nodes
    for wrong in ("relative/../x", "/no/such/folder/x"):
        if wrong.startswith("/"):
            with pytest.raises(ValueError, match="cannot be watched"):
                bindd.events(files=[wrong])
    with pytest.raises(ValueError, match="with its 200 arguments has .* bytes, the supervisor takes 8192"):
        bindd.events(files=[board.with_name("x" * 200 + str(number)) for number in range(200)])


def test_who_does_not_read_is_cut_and_goes_on_with_what_is_left(home: Home) -> None:
    """A subscriber that sleeps while 6,000 things happen; beside it, one that reads is told of each."""
    home.environment["BINDD_IDLE_EXIT"] = "60"
    done = home.python("""
import socket, threading, time
import bindd
from bindd import _daemon
first = bindd.connect("shared")
link = _daemon._running(_daemon.socket_path(), time.monotonic() + 5)
_daemon._question(link, "", "subscribe", {}, time.monotonic() + 5)
seen = []
events = bindd.events(timeout=30)
start = events.last
def read():
    for event in events:
        seen.append(event["number"])
        if len(seen) == 6000: return
thread = threading.Thread(target=read)
thread.start()
done = 0
while done < 3000:   # each: connected, gone
    try:
        bindd.connect("shared").close()
        done += 1
    except bindd.LimitExceeded:  # the worker has not yet heard of 63 that are gone
        time.sleep(0.01)
thread.join()
assert seen == list(range(start + 1, start + 6001)), (start, seen[:3], len(seen))
numbers = []
try:
    while True:
        numbers.append(_daemon._control_answer(link, time.monotonic() + 5)["number"])
except bindd.BinddUnavailable as error:
    said = str(error)
assert numbers and numbers == list(range(numbers[0], numbers[0] + len(numbers))) and len(numbers) < 6000, "it was not told of everything"
assert said.startswith(("this process does not read its events: ", "this process did not take its answer ")), said
assert link.recv(1) == b"", "behind that nothing comes"
late = bindd.events(after=start)
assert late.lost >= 6000 - 1024 and next(late)["number"] == start + late.lost + 1
assert bindd.events(after=start + 5990).lost == 0
first.sync()
""", timeout=100)
    assert done.returncode == 0, done.stderr
    lines = home.command("logs", "-n", "0", "--grep", " peer_cut ").stdout.splitlines()
    assert len(lines) == 1, lines
    line = lines[0]
    assert "does not read its events" in line or "did not take its answer" in line


def test_the_command_tells_and_ends_with_the_daemon(home: Home) -> None:
    assert home.command("events").returncode == 3 and home.processes() == []
    assert home.command("serve", "--detach", "--socket", str(home.socket)).returncode == 0
    watch = [
        subprocess.Popen([home.binary, "events", *words], env=home.environment, stdout=subprocess.PIPE, text=True)
        for words in (["-o", "jsonl", "--after", "0"], ["--after", "0"], ["--count", "1", "--only", "worker_crashed", "--after", "0"])]
    done = home.python("from bindd import debug\ndebug.crash('ABRT')")
    assert "WorkerCrashed" in done.stderr
    assert watch[2].wait(20) == 0
    assert home.command("stop").returncode == 0
    lines, table, one = (each.communicate(timeout=20)[0] for each in watch)
    assert [each.returncode for each in watch] == [0, 0, 0]
    events = [json.loads(line) for line in lines.splitlines()]
    assert [event["number"] for event in events] == list(range(1, len(events) + 1))
    names = [event["event"] for event in events]
    assert names[:3] == ["client_connected", "worker_started", "worker_crashed"] and names[-1] == "daemon_stopping"
    assert len(table.splitlines()) == len(events) and " worker_crashed pid=" in one and " cause=SIGABRT " in one
    assert one.count("\n") == 1


def test_the_command_says_that_the_daemon_died(home: Home) -> None:
    assert home.command("serve", "--detach", "--socket", str(home.socket)).returncode == 0
    watch = subprocess.Popen(
        [home.binary, "events", "--after", "0"], env=home.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert home.python("import bindd\nbindd.connect().close()").returncode == 0
    assert watch.stdout is not None
    while " worker_ended " not in (line := watch.stdout.readline()):
        assert line
    pid = home.daemon_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    said = watch.communicate(timeout=20)[1]
    last = line.split()[1]
    assert watch.returncode == 1 and re.fullmatch(
        rf"bindd: the daemon \(pid {pid}\) ended; event {last} is the last one that it told\n  hint: `bindd logs` may tell why; .*\n",
        said), said
    home.command("serve", "--detach", "--socket", str(home.socket))  # takes away what the dead one left


def test_more_than_can_be_watched_is_an_error_that_says_so(home: Home, tmp_path: Path) -> None:
    assert home.command("serve", "--detach", "--socket", str(home.socket)).returncode == 0
    long = [str(tmp_path / ("x" * 200 + str(number))) for number in range(200)]
    done = home.command("events", *(word for path in long for word in ("--file", path)))
    assert done.returncode == 64 and not done.stdout
    assert re.fullmatch(
        r'bindd: "subscribe" with its 200 arguments has \d+ bytes, the daemon takes 8192\n  hint: ask with fewer or shorter ones\n',
        done.stderr), done.stderr
    done = home.command("events", *(word for number in range(257) for word in ("--file", f"/{number}")))
    assert done.returncode == 64 and "at most 256 files can be watched" in done.stderr and "--after" not in done.stderr, done.stderr
    assert "peer_cut" not in home.command("logs").stdout


@alone
def test_what_happens_within_a_tenth_of_a_second_is_one_change() -> None:
    """One file is written again and again, and the daemon has its turn after each: never more than an event for each 100 ms."""
    import time

    import bindd
    from bindd import _daemon

    folder = Path(tempfile.mkdtemp())
    board, mark = folder / "board.kicad_pcb", folder / "mark"
    workspace = bindd.connect()  # starts the daemon
    path = _daemon.socket_path()
    with bindd.events(["file_changed"], files=[board, mark], timeout=30) as events, board.open("a") as file:
        began = time.monotonic()
        for _ in range(60):
            file.write("more")
            file.flush()
            os.utime(board)  # tells of a change
            for _ in range(3):
                _daemon.control(path, "status")
        mark.touch()
        told = [next(events)["path"]]
        while told[-1] != str(mark):
            told.append(next(events)["path"])
        most = (time.monotonic() - began) // 0.1 + 1
        assert 1 <= told.count(str(board)) <= most, (told.count(str(board)), most)
    workspace.close()


HUNG_MOUNT = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A folder "hung" answers nothing while there is a FIFO that nobody writes to. */
int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
    int (*real)(int, const char *, uint32_t) = dlsym(RTLD_NEXT, "inotify_add_watch");
    if (strstr(path, "/hung")) {
        int fifo = open(getenv("HUNG_FIFO"), O_RDONLY);
        if (fifo >= 0)
            close(fifo);
    }
    return real(fd, path, mask);
}
"""


def test_a_mount_that_hangs_keeps_only_its_own_files_waiting(home: Home, tmp_path: Path) -> None:
    source, library, fifo = tmp_path / "hung.c", tmp_path / "hung.so", tmp_path / "fifo"
    source.write_text(HUNG_MOUNT)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    boards = [tmp_path / name / "board.kicad_pcb" for name in ("hung", "well")]
    for board in boards:
        board.parent.mkdir()
        board.write_text("1")
    hung, well = boards
    started = subprocess.run(
        [home.binary, "serve", "--detach", "--socket", str(home.socket)], capture_output=True, text=True,
        env={**home.environment, "LD_PRELOAD": str(library), "HUNG_FIFO": str(fifo)})
    assert started.returncode == 0, started.stderr
    done = home.python(f"""
import os
from pathlib import Path
import pytest
import bindd
from bindd import _daemon
from bindd.graph import GraphView
fifo, hung, well = map(Path, {[str(path) for path in (fifo, *boards)]!r})
path = _daemon.socket_path()
view = GraphView.create()
count = view.get_node_count()
def hangs():
    os.mkfifo(fifo)
    hung.write_text(hung.read_text() + "more")
    return next(events)
with bindd.events(["file_changed", "folder_hangs"], files=[hung, well], timeout=30) as events:
    told = hangs()
    assert (told["event"], told["path"], told["hangs"]) == ("folder_hangs", str(hung.parent), True), told
    assert told["reason"] == "did not answer within 2000 ms"
    for _ in range(3):
        well.with_name("new").write_text(well.read_text() + "more")
        well.with_name("new").rename(well)
        assert next(events)["path"] == str(well)
    assert _daemon.control(path, "status")["workers"] and view.get_node_count() == count
    GraphView.create().get_node_count()
    for files in ([hung], [well, hung.with_name("other")]):
        with pytest.raises(ValueError, match="/hung did not answer within 2000 ms\\n  hint: is it on a mount that hangs"):
            bindd.events(files=files)
    writer = os.open(fifo, os.O_WRONLY)
    fifo.unlink()
    os.close(writer)
    told = next(events)
    assert (told["event"], told["hangs"], told["reason"]) == ("folder_hangs", False, ""), told
    assert next(events)["path"] == str(hung)
    os.mkfifo(fifo)
    with pytest.raises(ValueError, match="/hung did not answer within 2000 ms"):
        bindd.events(files=[hung.with_name("third")])
    assert next(events)["hangs"]
""", timeout=100)
    assert done.returncode == 0, done.stderr
    assert re.findall(r" (folder_\w+) ", home.command("logs").stdout) == ["folder_hangs", "folder_answers", "folder_hangs"]
    # The daemon ends, though a look never does.
    assert home.command("stop").returncode == 0
    assert home.wait_until(lambda: not home.processes())


def test_who_only_listens_keeps_no_daemon(home: Home) -> None:
    home.environment["BINDD_IDLE_EXIT"] = "1"
    assert home.command("serve", "--detach", "--socket", str(home.socket), "--idle-exit", "1").returncode == 0
    watch = subprocess.run([home.binary, "events"], env=home.environment, capture_output=True, text=True, timeout=60)
    assert watch.returncode == 0 and watch.stdout.endswith("\n") and "daemon_stopping" in watch.stdout.splitlines()[-1]


def test_the_page_as_it_is_written(home: Home, tmp_path: Path) -> None:
    """docs/WATCHING.md: its programs, run."""
    events, progress = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "WATCHING.md").read_text(), re.DOTALL)
    board = tmp_path / "board.kicad_pcb"
    board.write_text((ROOT / "examples" / "blinker.kicad_pcb").read_text())
    done = home.python(f"import os\nos.chdir({str(tmp_path)!r})\n{progress}")
    assert done.returncode == 0 and done.stdout == "", "it takes no time worth a word"
    program = subprocess.Popen(
        [sys.executable, "-u", "-c", events], env=home.environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    os.set_blocking(program.stdout.fileno(), False)
    said: list[str] = []

    def is_told() -> bool:
        """Once it listens, a change is told."""
        board.write_text(board.read_text() + "\n")
        said.extend(program.stdout.readlines())  # type: ignore[union-attr]
        return bool(said)

    assert home.wait_until(is_told, 20)
    assert re.match(r"\d+ file_changed \{'number': ", said[0]), said
    assert home.command("stop").returncode == 0
    assert program.wait(20) == 0


def test_a_number_of_another_daemon_hides_nothing(home: Home) -> None:
    """The next daemon counts from 1 again: behind a number of the one before, or a number that nobody gave, all of it is new."""
    done = home.python(f"""
import subprocess
import bindd
def command(*words):
    subprocess.run([{home.binary!r}, *words], check=True, capture_output=True)
command("serve", "--detach")
events = bindd.events(timeout=20)
for _ in range(2):
    bindd.connect().close()
while next(events)["event"] != "worker_ended": pass
same = bindd.events(after=events, timeout=20)
assert (same.last, same.lost, same.daemon) == (events.last, 0, events.daemon), "of the same one nothing is told again"
assert bindd.events(after=0).last == 0 and bindd.events().last >= events.last
beyond = bindd.events(after=events.last + 1000, timeout=20)
assert beyond.last == 0 and next(beyond)["number"] == 1
command("stop")
command("serve", "--detach")
for _ in range(20):
    bindd.connect().close()
again = bindd.events(after=events, timeout=20)
assert again.daemon != events.daemon and again.lost == 0
assert next(again)["number"] == 1 and again.last == 1, "it is another one's number"
command("stop")
""", timeout=60)
    assert done.returncode == 0, done.stderr


@alone
def test_a_change_is_told_once_whoever_watches() -> None:
    import bindd

    folder = Path(tempfile.mkdtemp())
    board, mark = folder / "board.kicad_pcb", folder / "mark"

    def put(path: Path, text: str) -> None:
        new = folder / "new"
        new.write_text(text)
        new.rename(path)

    put(board, "1")
    workspace = bindd.connect()  # starts the daemon
    with bindd.events(["file_changed"], files=[board, mark], timeout=30) as first, bindd.events(
        ["file_changed"], files=[board], timeout=30
    ) as second:
        third = bindd.events(files=[board, mark, board], timeout=30)
        put(board, "23")
        told = [next(first)]
        third.close()
        put(mark, "4")
        while told[-1]["path"] != str(mark):
            told.append(next(first))
        assert [event["path"] for event in told] == [str(board), str(mark)]
        while next(second)["path"] != str(mark):
            pass
        assert second.last == first.last, "each hears of all"
        put(board, "567")
        assert next(second)["path"] == str(board), "it is watched on"
    workspace.close()


@alone
def test_links_and_folders_that_come_and_go_are_seen() -> None:
    import bindd

    top = Path(tempfile.mkdtemp())
    folder, elsewhere = top / "up" / "project", top / "elsewhere"
    folder.mkdir(parents=True)
    elsewhere.mkdir()
    board, link, real = folder / "board", folder / "link", elsewhere / "real"
    board.write_text("1")
    real.write_text("1")
    link.symlink_to(real)
    workspace = bindd.connect()  # starts the daemon
    with bindd.events(["file_changed"], files=[board, link], timeout=30) as events:

        def told(*paths: Path) -> list[bool]:
            """Of each of these the next that is told is whether it is there."""
            found: dict[str, bool] = {}
            while len(found) < len(paths):
                event = next(events)
                assert event["path"] in map(str, paths)
                found[event["path"]] = event["exists"]
            return [found[str(path)] for path in paths]

        with real.open("a") as file:
            file.write("2")
        assert told(link) == [True], "what a link leads to was written"
        other = elsewhere / "other"
        other.write_text("other")
        new = folder / "new"
        new.symlink_to(other)
        new.rename(link)
        assert told(link) == [True], "the link leads elsewhere"
        for moved in (folder, folder.parent):
            moved.rename(top / "away")
            assert told(board, link) == [False, False]
            (top / "away").rename(moved)
            assert told(board, link) == [True, True]
        shutil.rmtree(folder.parent)
        assert told(board, link) == [False, False]
        folder.mkdir(parents=True)
        board.write_text("again")
        assert told(board) == [True], "the folder was made again"
        board.unlink()
        assert told(board) == [False]
    workspace.close()


@alone
def test_events_come_on_a_high_descriptor_and_end_with_ctrl_c() -> None:
    import resource

    import bindd
    from bindd import _daemon

    workspace = bindd.connect()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096) if hard > 0 else 4096, hard))
    low = [os.open("/dev/null", os.O_RDONLY)]
    while low[-1] < 1100:
        low.append(os.dup(low[0]))
    events = bindd.events(after=0, timeout=20)
    assert events._link is not None and events._link.fileno() > 1100
    for descriptor in low:
        os.close(descriptor)
    assert next(events)["number"] == 1
    real = _daemon._control_answer

    def interrupted(link: object, deadline: float) -> None:
        _daemon._receive(link, 5, deadline)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    _daemon._control_answer = interrupted  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        next(events)
    _daemon._control_answer = real
    with pytest.raises(StopIteration):
        next(events)  # not the middle of an answer
    workspace.close()


def test_a_finder_that_fails_breaks_nothing() -> None:
    import bindd
    from bindd import _daemon

    class Finder:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "pyzig_sexp":
                raise RuntimeError("a finder of somebody else's")

    there = sys.modules.pop("pyzig_sexp", None)
    sys.meta_path.insert(0, Finder())  # type: ignore[arg-type]
    _daemon._folders = ()
    try:
        assert _daemon._own_folders() == (os.path.dirname(os.path.abspath(bindd.__file__)) + os.sep,)
    finally:
        del sys.meta_path[0]
        _daemon._folders = ()
        if there is not None:
            sys.modules["pyzig_sexp"] = there


@alone
def test_a_long_backlog_is_told() -> None:
    """More bytes than may wait for one who does not read: they are asked for, and the limit is for what comes behind them."""
    import time

    import bindd
    from bindd import _daemon

    folder = Path(tempfile.mkdtemp()).joinpath(*["x" * 200] * 18)
    folder.mkdir(parents=True)
    workspace = bindd.connect()  # starts the daemon
    start, size = bindd.events().last, 0
    for turn in range(8):
        files = [folder / f"{turn}.{number}" for number in range(20)]
        watching = [
            bindd.events(["file_changed"], files=files[number : number + 2], timeout=30) for number in range(0, 20, 2)]  # 8 KiB each
        for file in files:
            file.touch()
        assert {next(watching[0])["path"] for _ in files} == set(map(str, files))
        end = watching[0].last
        for events in watching:
            events.close()
    path, deadline = _daemon.socket_path(), time.monotonic() + 30
    answer = _daemon._control_answer
    _daemon._control_answer = lambda link, deadline: None  # it reads nothing …
    link = _daemon._running(path, deadline)
    assert link is not None
    _daemon._question(link, path, "subscribe", {"after": start}, deadline)
    _daemon._control_answer = answer
    for _ in range(2):
        _daemon.control(path, "status")  # … until all is on its way
    assert answer(link, deadline)["lost"] == 0
    number = start
    while number < end:
        event = answer(link, deadline)
        number += 1
        size += len(json.dumps(event))
        assert event["number"] == number
    assert size > 560_000
    link.close()
    workspace.close()
