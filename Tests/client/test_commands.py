"""The companions of `inspect handles`: logs, top, trace, restart, completion; and tables in terminals of any width."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
from fcntl import ioctl
from pathlib import Path

import pytest
from conftest import Home

HOLDER = """
import sys
from bindd import sexp
from bindd.graph import GraphView
view = GraphView.create()
nodes = [view.create_and_insert_node() for _ in range(1234)]
documents = [sexp.parse("(a)", label="a/long/path/of/a/board/that/has/a/name.kicad_pcb") for _ in range(3)]
view.get_node_count()
print("ready", flush=True)
for text in sys.stdin:
    nodes.append(view.create_and_insert_node())
    view.get_node_count()
    print("done", flush=True)
"""


class Holder:
    """A program that holds handles, and makes a request for each line it is told."""

    def __init__(self, home: Home) -> None:
        import sys

        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER], env={**home.environment, "BINDD_SITES": "full", "BINDD_SYNC": ""}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None and self.process.stdout.readline() == "ready\n"

    def ask(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def __enter__(self) -> Holder:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.process.kill()
        self.process.communicate()


def in_terminal(home: Home, columns: int, *words: str, keys: bytes = b"", **environment: str) -> str:
    """What a terminal of that width gets to see."""
    child, fd = pty.fork()
    if not child:
        os.execve(home.binary, [home.binary, *words], {**home.environment, "TERM": "xterm", **environment})
    ioctl(fd, termios.TIOCSWINSZ, struct.pack("4H", 40, columns, 0, 0))
    os.write(fd, keys)
    out = b""
    try:
        while piece := os.read(fd, 65536):
            out += piece
    except OSError:
        pass  # the terminal's other end is closed
    os.close(fd)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, out
    return out.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_tables_fit_the_terminal(home: Home, columns: int) -> None:
    with Holder(home):
        seen = ""
        # The width is set just after the start: a first look may come too early for it.
        def fits() -> bool:
            nonlocal seen
            seen = in_terminal(home, columns, "inspect", "handles", NO_COLOR="1")
            return all(len(line) <= columns or line.startswith("      (bindd ") for line in seen.splitlines())

        assert home.wait_until(fits), seen
        assert "\x1b" not in seen and "1,234" in seen and "BoundNode" in seen
        assert "\x1b[1m" in in_terminal(home, columns, "inspect", "handles")
        for words in (["--top", "5"], ["--group-by", "kind,site,label"]):
            assert home.wait_until(lambda: all(
                len(line) <= columns for line in in_terminal(home, columns, "inspect", "handles", *words, NO_COLOR="1").splitlines()))


def test_top_is_live_and_leaves_the_terminal_as_it_was(home: Home) -> None:
    with Holder(home) as holder:
        done = home.command("top", "-n", "2", "-d", "0.05")
        assert done.returncode == 0 and done.stdout.count("CLIENT") == 2 and "\x1b" not in done.stdout
        seen = in_terminal(home, 120, "top", "-d", "0.05", keys=b"q")
        assert seen.removeprefix("q").startswith("\x1b[?1049h\x1b[?25l\x1b[?7l") and seen.endswith("\x1b[?7h\x1b[?25h\x1b[?1049l")
        assert "BoundNode" in seen
        home.command("inspect", "handles", "--watch=0.05", "--looks", "2")
        holder.ask()


class Terminal:
    """A program in a terminal of its own, which is driven and looked at."""

    def __init__(self, home: Home, *words: str, rows: int = 12, columns: int = 100) -> None:
        self.child, self.fd = pty.fork()
        if not self.child:
            for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGTSTP):
                signal.signal(number, signal.SIG_DFL)
            os.execve(home.binary, [home.binary, *words], {**home.environment, "TERM": "xterm", "NO_COLOR": "1"})
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.fd)
        self.seen = ""

    def resize(self, rows: int, columns: int) -> None:
        ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def write(self, keys: bytes) -> None:
        self.seen = ""
        os.write(self.fd, keys)

    def until(self, text: str) -> str:
        """What came since the last key, once the text is in it."""
        while text not in self.seen:
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                raise AssertionError((text, self.seen)) from None
            self.seen += piece.decode("utf-8", "replace")
        return self.seen

    def end(self) -> tuple[int, bool]:
        """How it ended, and whether the terminal is as it was."""
        self.until("\x1b[?7h\x1b[?25h\x1b[?1049l")
        status = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        is_as_before = termios.tcgetattr(self.fd) == self.before
        os.close(self.fd)
        return status, is_as_before


@pytest.mark.parametrize(("how", "status"), [("q", 0), ("\x03", 0), ("SIGTERM", -15), ("SIGINT", -2), ("SIGHUP", -1)])
def test_top_gives_the_terminal_back_however_it_ends(home: Home, how: str, status: int) -> None:
    with Holder(home):
        terminal = Terminal(home, "top", "-d", "3600")
        terminal.until("page keys")
        if how.startswith("SIG"):
            os.kill(terminal.child, getattr(signal, how))
        else:
            terminal.write(how.encode())
        assert terminal.end() == (status, True)


def test_top_moves_stops_and_follows_the_terminals_size(home: Home) -> None:
    with Holder(home) as holder:
        terminal = Terminal(home, "top", "-d", "3600", rows=6, columns=100)
        assert "supervisor" in terminal.until("page keys")
        terminal.write(b"\x1b[B")
        assert "\x1b[Hsocket" in terminal.until("1 above"), "down by a line"
        terminal.write(b"\x1b[F")
        assert "below" not in terminal.until(" above: "), "the end"
        terminal.write(b"k")
        terminal.until("1 below: ")
        terminal.write(b"\x1b[H")
        assert "above" not in terminal.until(" below: "), "the beginning"
        terminal.seen = ""
        terminal.resize(60, 100)
        assert "1,234" in terminal.until("hint"), "all of it, at once"
        holder.ask()
        terminal.write(b" ")
        terminal.until("1,235")
        terminal.write(b"\x1a")
        terminal.until("\x1b[?7h\x1b[?25h\x1b[?1049l")
        assert os.WIFSTOPPED(os.waitpid(terminal.child, os.WUNTRACED)[1])
        assert termios.tcgetattr(terminal.fd) == terminal.before
        terminal.seen = ""
        os.kill(terminal.child, signal.SIGCONT)
        terminal.until("hint")
        terminal.write(b"q")
        assert terminal.end() == (0, True)


def test_top_says_why_it_ended(home: Home) -> None:
    with Holder(home):
        terminal = Terminal(home, "top", "-d", "3600")
        terminal.until("page keys")
        assert home.command("stop").returncode == 0
        terminal.write(b" ")
        assert "\x1b[?1049l" in terminal.until("no daemon is running").split("no daemon")[0], "not on the page that is gone"
        assert terminal.end() == (3, True)


WRONG = [
    ["top", "-n", "0"], ["top", "-n", "-3"], ["top", "-d", "0"], ["logs", "-n", "-1"], ["events", "--count", "0"],
    ["events", "--only", "worker_startd"], ["trace", "--seconds", "-1"], ["trace", "-o", "csv"], ["events", "-o", "json"],
    *(["inspect", "handles", *words] for words in (
        ["--top", "-1"], ["--top=-1", "--group-by", "kind"], ["--looks", "2"], ["-w", "--looks", "0"], ["--depth", "2"],
        ["--fail-if", "count>0", "0x0300000100000001"], ["--fail-if", "count>0", "--tree", "0x0300000100000001"],
        ["--save", "f", "0x0300000100000001"], ["0x0300000100000001", "--tree", "0x0300000100000001"],
        ["--tree", "0x0300000100000001", "--depth", "0"], ["--diff", "a", "b", "-w"], ["--diff", "a", "--label", "x"],
        ["--diff", "a", "--growing"], ["--group-by", "kind,colour"], ["--sort", "colour"], ["--kind", "Colour"],
        ["--older-than", "soon"], ["--min-bytes", "many"], ["--fail-if", "count"], ["-o", "dot"], ["-w", "0"])),
]


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_what_cannot_be_is_said(home: Home, words: list[str]) -> None:
    """No flag is passed over in silence, and no daemon is asked or missed for it."""
    done = home.command(*words)
    assert done.returncode in (1, 64) and not done.stdout, done
    named = [word.split("=")[0] for word in words if word.startswith("-")] + [words[-1].split(",")[-1]]
    assert any(word in done.stderr for word in named if len(word) > 2) or "--" in done.stderr, done.stderr


def test_differences_are_chosen_and_counted(home: Home, tmp_path: Path) -> None:
    with Holder(home) as holder:
        saved = str(tmp_path / "saved")
        assert home.command("inspect", "handles", "--save", saved).returncode == 0
        holder.ask()
        for words, status in (
            (["growth>0"], 4), (["growth>1"], 0), (["growth>0", "--kind", "Document"], 0), (["count>=1235 and growth==1", "--kind", "BoundNode"], 4),
            (["growth>0", "--client", "c1"], 4), (["growth>0", "--client", "c7"], 0), (["growth>0", "--site", "*<module>*"], 4),
        ):
            done = home.command("inspect", "handles", "--diff", saved, "--fail-if", *words)
            assert done.returncode == status, (words, done)
        assert "nothing changed" in home.command("inspect", "handles", "--diff", saved, "--kind", "Document").stdout


def test_names_that_nobody_has_are_told(home: Home) -> None:
    with Holder(home):
        for words, text in (
            (["--client", "c77"], "no client c77 (there are c1)"), (["--workspace", "notbook"], "no workspace notbook (none has a name)"),
        ):
            done = home.command("inspect", "handles", *words, "-o", "json")
            assert done.returncode == 0 and json.loads(done.stdout)["count"] == 0 and text in done.stderr, done


def test_a_trace_has_every_request_in_order(home: Home) -> None:
    with Holder(home) as holder:
        trace = subprocess.Popen(
            [home.binary, "trace", "-o", "jsonl", "--client", "c1"], env=home.environment, stdout=subprocess.PIPE, text=True)
        assert trace.stdout is not None
        try:
            events: list[dict[str, object]] = []
            os.set_blocking(trace.stdout.fileno(), False)

            def came(count: int) -> bool:
                events.extend(json.loads(line) for line in trace.stdout.readlines())  # type: ignore[union-attr]
                return len(events) >= count

            def begun() -> bool:
                holder.ask()
                return came(1)

            assert home.wait_until(begun), "no request was traced"
            holder.ask()
            home.wait_until(lambda: came(10), 0.3)
            start = len(events)
            for _ in range(20):
                holder.ask()
            assert home.wait_until(lambda: came(start + 40)), len(events)
            events = events[start:]
            numbers = [event["request"] for event in events]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
            assert {event["operation"] for event in events} >= {"GraphView.create_and_insert_node"}
            assert all(event["error"] is False and event["request_bytes"] in (0, 4, 8) for event in events)
            assert [event["reply"] for event in events].count(True) == 20
        finally:
            trace.kill()
            os.set_blocking(trace.stdout.fileno(), True)
            trace.communicate()
        words = home.command("trace", "--seconds", "0.1")
        assert words.returncode == 0 and words.stderr == ""


TYPES = """
import sys
from bindd import debug, errors
from bindd.graph import GraphView, NodeReference
from bindd.faebryk import TypeGraph
sys.stdin.readline()
view = GraphView.create()
types = TypeGraph.create(g=view)
resistor = types.add_type(identifier="Resistor")
view.insert_node(node=NodeReference.create(name="R" * 300, value=10))
print(view.get_self_node().node().get_uuid(), types.get_self_node().node().get_uuid(), resistor.node().get_uuid(), flush=True)
try: types.add_type(identifier="Resistor")
except ValueError: pass
view.get_node_count()
"""


def test_a_trace_and_the_debug_lines_have_the_values(home: Home) -> None:
    """What a typegraph is asked has its view and its self node in front: on both ends."""
    import sys

    program = subprocess.Popen(
        [sys.executable, "-c", TYPES.replace("sys.stdin.readline()", "GraphView.create().get_node_count(); sys.stdin.readline()", 1)],
        env={**home.environment, "BINDD_DEBUG": "1", "BINDD_ARENA": "0"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    assert home.wait_until(lambda: home.command("status").returncode == 0)
    traces = [
        subprocess.Popen([home.binary, "trace", "-o", kind], env=home.environment, stdout=subprocess.PIPE, text=True)
        for kind in ("table", "jsonl")]
    assert home.wait_until(lambda: home.command("trace", "--seconds", "0.05").returncode == 0)
    time.sleep(0.5)  # until both look; were one late, lines would be missing and the test fail, not pass
    out, debug = program.communicate("go\n", timeout=60)
    time.sleep(0.2)
    lines, events = [], []
    for trace in traces:
        trace.terminate()
        lines.append(trace.communicate()[0])
    text, events = lines[0], [json.loads(line) for line in lines[1].splitlines()]
    view_node, types, resistor = out.split()
    words = rf"view (\d+) self {types} identifier='Resistor'"
    assert re.search(rf"→ w1 #\d+ TypeGraph\.add_type \d+ bytes {words}", debug), debug
    assert re.search(rf"← w1 #\d+ TypeGraph\.add_type \d+ bytes → view \d+ node {resistor}", debug), debug
    assert re.search(rf" c1 #\d+ TypeGraph\.add_type {words} -> \(view \1, {resistor}\) \d+us\n", text), text
    assert re.search(rf" TypeGraph\.add_type {words} -> error .*already exists.* \d+us\n", text), text
    assert re.search(r" NodeReference\.create node \d+ name='R+'… \(300 bytes\) … \d+ B \d+us\n", text), text
    assert re.search(r" GraphView\.get_node_count self \d+ -> \d+ \d+us\n", text), text
    (made,) = [event for event in events if event.get("operation") == "TypeGraph.add_type" and not event["error"]]
    assert re.fullmatch(words, made["arguments"]) and made["answer"].endswith(f", {resistor})") and made["reply_bytes"] == 12
    assert all(len(event["arguments"]) < 600 for event in events)


def test_the_number_of_a_request_finds_both_sides(home: Home) -> None:
    """The exception of the client and the daemon's log name the same request; the log names the client."""
    done = home.python("""
from bindd import debug, errors
from bindd.graph import NodeReference
nodes = [NodeReference.create() for _ in range(1700)]
try: debug.crash("SEGV")
except errors.WorkerCrashed as error: print(error.request_id, error.pid); print(error)
""")
    (request, pid), said = done.stdout.splitlines()[0].split(), done.stdout
    assert f"request {int(request):,}  debug.crash" in said
    (line,) = home.command("logs", "--grep", f" request={request} ").stdout.splitlines()
    assert " error worker_crashed " in line and " client=c1 " in line and f" pid={pid} " in line and " operation=debug.crash " in line
    assert home.command("logs", "--level", "error").stdout.splitlines() == [line]
    connected = home.command("logs", "--grep", "client=c1 ").stdout
    assert " client_connected " in connected and " worker_crashed " in connected


def test_logs_follow_the_file_when_it_begins_anew(home: Home) -> None:
    assert home.command("serve", "--detach", "--socket", str(home.socket)).returncode == 0
    log = Path(f"{home.socket}.log")
    done = home.command("logs")
    assert done.returncode == 0 and " info listening " in done.stdout
    assert home.command("logs", "--level", "error").stdout == ""
    assert home.command("logs", "--grep", "listening", "-n", "1").stdout.count("\n") == 1
    follow = subprocess.Popen(
        [home.binary, "logs", "-f", "-n", "1", "--grep", "mark="], env=home.environment, stdout=subprocess.PIPE, text=True)
    assert follow.stdout is not None
    try:
        def say(text: str, mode: str = "a") -> None:
            with log.open(mode) as file:
                file.write(f"2026-11-25T00:00:00.000Z info test mark={text}\n")

        say("one")
        assert follow.stdout.readline().endswith("mark=one\n")
        say("two\x1b[31m")
        assert follow.stdout.readline().endswith("mark=two\ufffd[31m\n"), "no escape reaches the terminal"
        say("three", "w")
        assert follow.stdout.readline().endswith("mark=three\n")
        log.rename(f"{log}.1")
        say("four", "w")
        assert follow.stdout.readline().endswith("mark=four\n")
    finally:
        follow.kill()
        follow.communicate()


def test_restart_is_another_daemon(home: Home) -> None:
    first = home.command("restart")
    assert first.returncode == 0 and re.fullmatch(r"started \(pid \d+\)\n", first.stdout), first
    pid = home.daemon_pid()
    again = home.command("restart")
    assert again.returncode == 0, again.stderr
    assert re.fullmatch(rf"stopped \(pid {pid}\)\nstarted \(pid \d+\)\n", again.stdout), again.stdout
    assert home.daemon_pid() not in (pid, None)
    assert home.command("status").returncode == 0


def test_completion_scripts_know_the_commands(home: Home) -> None:
    for shell in ("bash", "zsh", "fish"):
        script = home.command("completion", shell).stdout
        for word in ("inspect", "restart", "group-by", "GraphView"):
            assert word in script, (shell, word)
    done = subprocess.run(["bash", "-n"], input=home.command("completion", "bash").stdout, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    done = home.command("completion", "tcsh")
    assert done.returncode == 64 and "bash, zsh or fish" in done.stderr


def test_wrong_words_have_one_exit_status(home: Home) -> None:
    """Those that the parser refuses and those that a command looks at itself; before a daemon is asked, and there is none."""
    look = ["inspect", "handles"]
    for words in (
        ["statu"], ["status", "-o", "csv"], ["top", "--delay", "soon"], ["top", "--delay", "0"], ["top", "--delay", "nan"],
        ["events", "-o", "csv"], ["events", "--only", "handles,teapots"], ["events", "--file", "folder/"],
        ["events", *(word for number in range(257) for word in ("--file", f"/{number}"))],
        ["trace", "-o", "dot"], ["trace", "--seconds", "-1"], ["trace", "--seconds", "nan"], ["trace", "--seconds", "inf"], ["completion", "tcsh"],
        ["status", "--socket", "folder/"], ["logs", "--socket", "x" * 200], ["stop", "--socket", "folder/"],
        ["restart", "--socket", "folder/"], ["serve", "--socket", "folder/"], [*look, "--kind", "Teapot"], [*look, "x"],
        [*look, "-o", "dot"], [*look, "5", "-o", "csv"], [*look, "--tree", "x"], [*look, "--tree", "5", "-o", "csv"],
        [*look, "--tree", "5", "--kind", "Teapot"], [*look, "--diff", "a", "b", "c"], [*look, "--diff", "a", "-o", "dot"],
        [*look, "--older-than", "soon"], [*look, "--min-bytes", "x"], [*look, "--over", "2s"], [*look, "--growing", "--over", "x"],
        [*look, "--group-by", "x"], [*look, "--fail-if", "x"], [*look, "--watch=x"],
    ):
        done = home.command(*words)
        assert done.returncode == 64 and done.stderr and not done.stdout, (words, done)
    assert not home.processes()


COMPLETE = """
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMPREPLY=()
_bindd bindd "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


def test_bash_completes_flags_and_their_values(home: Home) -> None:
    script = home.command("completion", "bash").stdout + COMPLETE
    path = f"{Path(home.binary).parent}:{os.environ['PATH']}"

    def completed(*words: str) -> set[str]:
        done = subprocess.run(
            ["bash", "-c", script, "bash", "bindd", *words], capture_output=True, text=True, env={**home.environment, "PATH": path})
        assert done.returncode == 0, done.stderr
        return set(done.stdout.split())

    assert completed("ins") == {"inspect"} and completed("inspect", "han") == {"handles"}
    assert completed("inspect", "handles", "--client", "") == set(), "no daemon: nothing, and none is started"
    assert home.command("status").returncode == 3
    flags = {"--client", "--kind", "--group-by", "--sort", "--tree", "--save", "--diff", "--fail-if", "--growing", "--watch", "--top"}
    assert flags <= completed("inspect", "handles", "--")
    assert "PcbFile" in completed("inspect", "handles", "--kind", "P")
    assert completed("inspect", "handles", "--sort", "c") == {"count", "client"}
    assert completed("inspect", "handles", "--group-by", "kind,") >= {"kind,site", "kind,label"}
    assert completed("trace", "-o", "") == completed("events", "-o", "") == {"table", "jsonl"}
    assert completed("events", "--only", "worker_s") == {"worker_started"}
    assert completed("describe", "GraphView.inse") == {"GraphView.insert_node", "GraphView.insert_edge", "GraphView.insert_subgraph"}
    assert completed("completion", "") == {"bash", "zsh", "fish"} and completed("logs", "--level", "w") == {"warning"}
    with Holder(home) as holder:
        assert completed("inspect", "handles", "--client", "") == {"c1", str(holder.process.pid)}
        assert completed("inspect", "handles", "--workspace", "p") == {"private"}


def test_unread_replies_are_told(home: Home) -> None:
    """A client that is stopped with an answer on its way."""
    with Holder(home) as holder:
        assert holder.process.stdin is not None
        report = json.loads(home.command("inspect", "handles", "-o", "json").stdout)
        assert report["clients"][0]["unread_replies"] == 0
        worker = report["clients"][0]["worker_pid"]
        os.kill(worker, signal.SIGSTOP)
        holder.process.stdin.write("go\n")
        holder.process.stdin.flush()
        time.sleep(0.2)  # until the client waits; were it late, the reply would be read and the test fail, not pass
        os.kill(holder.process.pid, signal.SIGSTOP)
        os.kill(worker, signal.SIGCONT)

        def unread() -> bool:
            row = json.loads(home.command("inspect", "handles", "-o", "json").stdout)
            return row["clients"][0]["unread_replies"] == 1 and any(hint["kind"] == "unread" for hint in row["hints"])

        assert home.wait_until(unread)
        os.kill(holder.process.pid, signal.SIGCONT)
        assert holder.process.stdout is not None and holder.process.stdout.readline() == "done\n"


def test_bytes_by_kind_add_up_to_the_workers_memory(home: Home, shared: Path) -> None:
    """Graph and board: what is accounted for, with what the process had at its start, is within 15 % of its memory."""
    board = max((shared / "corpus" / "open" / "pcb").rglob("*.kicad_pcb"), key=lambda path: path.stat().st_size)
    done = home.python("""
import sys, time, bindd
from pathlib import Path
from bindd import sexp
from bindd.graph import EdgeReference, GraphView
from bindd.sexp import pcb
def check(what):
    workspace = bindd._bindd._current()
    workspace.sync()
    for turn in range(100):  # what a parse left is given back when the worker rests
        (row,) = bindd.handles()["workspaces"]
        kinds = sum(row["bytes"].values()) + row["attribute_bytes"]
        assert kinds == row["memory_bytes"], (what, row)
        share = (kinds + row["process_bytes"]) / row["rss_bytes"]
        if 0.85 < share < 1.15: return row
        time.sleep(0.05)
    raise AssertionError((what, share, row))
view = GraphView.create()
nodes = [view.create_and_insert_node() for _ in range(50_000)]
for number in range(49_999):
    view.insert_edge(edge=EdgeReference.create(
        source=nodes[number].node(), target=nodes[number + 1].node(), edge_type=number % 4, name=f"p{number % 100}"))
row = check("graph")
(found,) = bindd.handles(kind="GraphView", top=1)["rows"]
assert abs(found["bytes"] / row["bytes"]["GraphView"] - 1) < 0.15, (found, row["bytes"])
text = Path(sys.argv[1]).read_text()
documents = [sexp.parse(text, label="board") for _ in range(6)]
row = check("board")
rows = bindd.handles(kind="Document", top=0)["rows"]
assert abs(sum(one["bytes"] for one in rows) / row["bytes"]["Document"] - 1) < 0.15
boards = [pcb.loads(sys.argv[1]) for _ in range(6)]
row = check("board as a file")
rows = bindd.handles(kind="PcbFile", top=0)["rows"]
assert len(rows) == 6 and abs(sum(one["bytes"] for one in rows) / row["bytes"]["PcbFile"] - 1) < 0.01
documents.clear()
boards.clear()
view.get_node_count()
check("board gone")
""", str(board), BINDD_SITES="full")
    assert done.returncode == 0, done.stderr
