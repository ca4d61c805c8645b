"""What a crash leaves behind: the exception's fields, the report's folder, `bindd crash list` and `show`."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
from pathlib import Path

import pytest
from conftest import Home, alone

FATAL = {"SEGV": "SIGSEGV", "BUS": "SIGBUS", "ABRT": "SIGABRT", "ILL": "SIGILL", "TRAP": "SIGILL", "STACK": "SIGSEGV"}


def finished(home: Home) -> list[dict[str, object]]:
    """The reports, once all of them are written."""

    def crashes() -> list[dict[str, object]]:
        rows: list[dict[str, object]] = json.loads(home.command("crash", "list", "-o", "json").stdout)["crashes"]
        return rows

    assert home.wait_until(lambda: bool(crashes()) and all(row["finished"] for row in crashes())), crashes()
    return crashes()


def die(home: Home, how: str, code: str = "", **environment: str) -> dict[str, object]:
    """What the exception has, after `code` and a death; by name."""
    done = home.python(f"""
import json
from bindd import debug, errors
{code}
try:
    debug.crash({how!r})
except errors.WorkerDied as error:
    names = [name for name in dir(error) if not name.startswith("_") and name not in ("add_note", "with_traceback")]
    fields = {{name: getattr(error, name) for name in names}}
    print(json.dumps(dict(fields, kind=type(error).__name__, text=str(error)), default=str))
""", **environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("how", FATAL)
def test_a_death_tells_signal_place_and_report(home: Home, how: str) -> None:
    error = die(home, how)
    assert error["kind"] == "WorkerCrashed" and error["signal_name"] == FATAL[how]
    assert error["operation"] == "debug.crash" and error["request_id"] == 1
    stack = error["native_stack"]
    assert isinstance(stack, list) and any("Death" in frame for frame in stack), stack
    text = str(error["text"])
    assert len(text.splitlines()) <= 6 and "  native  Death." in text and "  report  " in text
    assert str(error["site"]).startswith("<string>:")
    if how == "STACK":
        assert int(str(error["frames"])) > 1000 and error["address"] and " frames" in text
    (row,) = finished(home)
    assert row["folder"] == error["report"] and row["pid"] == error["pid"] and row["cause"] == FATAL[how]
    assert "Api/Debug.swift:" in str(row["top"]), "files and lines are read from the program itself"


def test_want_of_memory_is_a_memory_limit(home: Home) -> None:
    error = die(home, "MEMORY")
    assert error["kind"] == "MemoryLimit" and error["memory_bytes"]
    assert "for want of memory" in str(error["text"])
    (row,) = finished(home)
    assert row["memory_exhausted"] is True and "failed to allocate" in str(row["reason"])
    listed = home.command("crash", "list").stdout
    assert "SIGABRT (memory)" in listed


def test_a_kill_has_a_report_without_a_stack(home: Home) -> None:
    error = die(home, "KILL")
    assert error["signal_name"] == "SIGKILL" and error["native_stack"] == [] and error["kind"] == "WorkerCrashed"
    finished(home)
    assert "no native stack" in home.command("crash", "show").stdout


def test_the_report_says_what_came_before(home: Home) -> None:
    die(home, "SEGV", """
from bindd import sexp
from bindd.graph import EdgeReference, GraphView, NodeReference
view = GraphView.create()
node = NodeReference.create(a=1, name="x")
view.insert_node(node=node)
other = view.create_and_insert_node()
view.insert_edge(edge=EdgeReference.create(source=node, target=other.node(), edge_type=7))
for _ in range(300):
    view.create_and_insert_node()
document = sexp.parse("(a (b c))" * 1)
""")
    finished(home)
    report = json.loads(home.command("crash", "show", "-o", "json").stdout)
    assert report["schema"] == 1 and report["operation"] == "debug.crash" and report["arguments"] == "how='SEGV'"
    requests = report["requests"]
    assert len(requests) == 256
    assert [request["request"] for request in requests] == list(range(requests[0]["request"], requests[0]["request"] + 256))
    assert requests[-1]["operation"] == "debug.crash" and requests[-1]["request"] == report["request"]
    assert requests[-2]["operation"] == "sexp.parse" and requests[-2]["arguments"].startswith("text=9 bytes")
    assert requests[0]["operation"] == "GraphView.create_and_insert_node"
    assert report["objects"]["Node"] == 303 and report["versions"]["bindd"] and report["memory"]["resident_bytes"]
    assert report["limits"].keys() == {"BINDD_MEMORY_LIMIT", "address_space", "stack", "descriptors"}
    assert report["clients"][0]["slot"] == 0 and report["clients"][0]["program"].startswith("python")
    saved = Path(home.environment["BINDD_STATE"]) / "crash"
    (folder,) = saved.iterdir()
    assert (folder / "request.bin").read_bytes() == b"\x04\0\0\0SEGV"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())
    text = home.command("crash", "show").stdout
    assert "SIGSEGV in debug.crash" in text and "native stack" in text and "sexp.parse text=9 bytes" in text


def test_a_long_request_is_saved_whole(home: Home) -> None:
    done = home.python("""
from bindd import debug, errors, sexp
debug.plant("deep-text")
try:
    sexp.parse("(a " + "(b c) " * 400_000 + "(" * 20 + ")" * 21)
except errors.WorkerCrashed as error:
    print(error.operation)
""", BINDD_PLANTED="1")
    assert done.stdout == "sexp.parse\n", done.stderr
    row = finished(home)[0]
    report = json.loads(home.command("crash", "show", "-o", "json").stdout)
    assert report["request_saved"] == report["request_bytes"] > 2_400_000, "more than one frame"
    assert (Path(str(row["folder"])) / "request.bin").stat().st_size == report["request_bytes"]
    assert report["arguments"].startswith("text=2400044 bytes")
    assert home.command("crash", "replay").returncode == 0


def test_a_hang_tells_where_it_hung(home: Home) -> None:
    done = home.python("""
import json, bindd
from bindd import debug, errors
with bindd.connect(hang_limit=0.4):
    try:
        debug.freeze()
    except errors.WorkerHung as error:
        print(json.dumps([error.signal_name, error.operation, error.report, error.native_stack]))
""")
    name, operation, folder, stack = json.loads(done.stdout)
    assert name == "SIGKILL" and operation == "debug.freeze" and folder and any("debugFunctions" in frame for frame in stack)
    (row,) = finished(home)
    assert row["cause"] == "SIGKILL" and "Api/Debug.swift" in str(row["top"])


@pytest.mark.parametrize("sites", ["", "full", "off"])
def test_where_python_was_unless_sites_are_off(home: Home, sites: str) -> None:
    code = "from bindd import debug\ndef outer():\n    debug.crash('SEGV')\nouter()"
    done = home.python(code, BINDD_SITES=sites)
    assert "WorkerCrashed" in done.stderr
    (report,) = finished(home)
    notes = list((Path(home.environment["BINDD_STATE"]) / "crash").glob("*/python-*.txt"))
    assert ["in outer" in note.read_text() for note in notes] == ([] if sites == "off" else [True])
    assert ("in outer" in home.command("crash", "show", str(report["pid"])).stdout) == (sites != "off")


def test_few_reports_are_kept(home: Home) -> None:
    """Also when deaths come fast: then some have none, and the exception says so by having no folder."""
    done = home.python("""
from bindd import debug, errors
for _ in range(14):
    try:
        debug.crash("SEGV")
    except errors.WorkerCrashed as error:
        print(error.report)
""")
    told = done.stdout.split()
    assert len(told) == 14 and told[0] != "None", done.stderr
    assert len([line for line in told if line != "None"]) <= 10
    rows = finished(home)
    assert 1 <= len(rows) <= 10
    pids = [int(str(row["pid"])) for row in rows]
    assert home.command("crash", "show", str(pids[-1])).returncode == 0
    assert home.command("crash", "show", "1").stdout == home.command("crash", "show").stdout


def test_no_crash_no_daemon(home: Home) -> None:
    listed = home.command("crash", "list")
    assert listed.returncode == 0 and "no crash is recorded in" in listed.stdout
    shown = home.command("crash", "show")
    assert shown.returncode == 1 and "no crash is recorded" in shown.stderr
    assert json.loads(home.command("crash", "list", "-o", "json").stdout) == {"schema": 1, "crashes": []}
    assert home.processes() == []


def test_a_state_folder_that_cannot_be_written_costs_the_report_alone(home: Home, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    error = die(home, "SEGV", BINDD_STATE=str(blocked / "state"))
    assert error["report"] is None and error["signal_name"] == "SIGSEGV" and "  native  " in str(error["text"])
    assert "state_in_memory" in (home.folder / "t.sock.log").read_text()


def test_the_notice_alone_is_enough(home: Home) -> None:
    """The notice alone is enough for the client, also where no supervisor can be asked any more."""
    done = home.python("""
import os, signal, json
import bindd
from bindd import debug, errors
bindd.connect().__enter__().sync()
daemon = bindd.handles()["supervisor"]["pid"]
os.kill(daemon, signal.SIGSTOP)
try:
    debug.crash("SEGV")
except errors.WorkerCrashed as error:
    print(json.dumps([error.signal_name, error.operation, error.request_id]))
finally:
    os.kill(daemon, signal.SIGCONT)
""")
    assert json.loads(done.stdout) == ["SIGSEGV", "debug.crash", 2], done.stderr


@alone
def test_no_notice_where_a_reply_is_half_sent() -> None:
    """A reply that is too long for the socket, and a death in the middle of it: one exception, no wrong answer."""
    import os
    import signal
    import threading

    import bindd
    from bindd import errors, sexp

    text = "(a " + "(b c) " * 400_000 + ")"
    document = sexp.parse(text)
    expected = sexp.dumps(document)
    seen = {"right": 0, "crashed": 0}
    for attempt in range(12):
        pid = bindd._bindd._current().pid
        timer = threading.Timer(0.002 * attempt, os.kill, (pid, signal.SIGABRT))
        timer.start()
        try:
            for _ in range(200):
                assert sexp.dumps(document) == expected
                seen["right"] += 1
        except errors.WorkerCrashed as error:
            seen["crashed"] += 1
            assert error.signal_name == "SIGABRT"
        timer.join()
        del document
        document = sexp.parse(text)
    assert seen["crashed"] == 12, seen


@alone
def test_a_traceback_with_locals_over_handles_of_every_kind_and_state() -> None:
    """rich, and traceback's own capture_locals, in the error path: every repr is local, whatever became of the handle."""
    import io
    import traceback
    from typing import Any

    import bindd
    from bindd import sexp
    from bindd.faebryk import TypeGraph
    from bindd.sexp import pcb
    from forked import in_child
    from one_of_each import make_all
    from rich.console import Console
    from test_recovery import kill_idle

    def fail(view: Any, bound: Any, node: Any, edge: Any, bound_edge: Any, types: Any, document: Any, root: Any, atom: Any,
             board: Any, layers: Any, layer: Any, workspace: Any) -> None:
        raise RuntimeError("in the middle")

    def shown(state: str, handles: dict[str, Any]) -> None:
        before = bindd.statistics()
        try:
            fail(**handles)
        except RuntimeError as error:
            pretty = io.StringIO()
            Console(file=pretty, width=300).print_exception(show_locals=True)
            plain = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        for told in (pretty.getvalue(), plain):
            missing = [name for name in handles if not re.search(rf"\b{name} = ", told)]
            assert not missing and "<repr-error" not in told and "repr() failed>" not in told, (state, missing, told)
        assert bindd.statistics()["requests"] == before["requests"], f"{state}: a repr asked the worker"

    for state in ("alive", "stopped", "dead", "freed", "closed", "forked"):
        with bindd.connect() as workspace:
            handles = make_all()
            document = sexp.parse("(a (b c))")
            board = pcb.loads('(kicad_pcb (version 20241229) (generator "t") (layers (0 "F.Cu" signal)))')
            handles |= {
                "types": TypeGraph.create(g=handles["view"]), "document": document, "root": document.root,
                "atom": document.root[0], "board": board, "layers": board.kicad_pcb.layers,
                "layer": board.kicad_pcb.layers[0], "workspace": workspace}
            workspace.sync()
            pid = workspace.pid
            if state == "stopped":
                os.kill(pid, signal.SIGSTOP)
            elif state == "dead":
                kill_idle(workspace)
            elif state == "freed":
                handles["view"].destroy()
                document.free()
                board.free()
            elif state == "closed":
                workspace.close()
            elif state == "forked":
                in_child(lambda: shown(state, handles))
            shown(state, handles)
            if state == "stopped":
                os.kill(pid, signal.SIGCONT)


def test_every_attribute_of_every_error_can_be_read() -> None:
    from bindd import errors

    for name in errors.__all__:
        cls = getattr(errors, name)
        for error in (cls(), cls("text"), cls("text", hint="do this", code=3)):
            again = pickle.loads(pickle.dumps(error))
            for one in (error, again):
                for attribute in dir(one):
                    getattr(one, attribute)
                assert isinstance(str(one), str) and isinstance(repr(one), str) and len(str(one).splitlines()) <= 6
            assert type(again) is type(error) and str(again) == str(error) and again.__dict__ == error.__dict__
    for cls in (errors.WorkerCrashed, errors.WorkerHung, errors.MemoryLimit):
        error = cls("m", signal=int(signal.SIGSEGV), native_stack=("a", "b"), kept=3, lost=1, behind=("x",), report=os.curdir)
        again = pickle.loads(pickle.dumps(error))
        assert (again.signal, again.native_stack, again.kept, again.lost, again.behind, again.report) == (
            11, ("a", "b"), 3, 1, ("x",), os.curdir)
        for field in ("signal", "pid", "operation", "request_id", "native_stack", "report", "kept", "lost"):
            assert hasattr(error, field)
