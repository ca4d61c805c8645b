"""The exception tree: classes, attributes, pickling, length of texts, and the words of a crash."""

from __future__ import annotations

import copy
import pickle
import re

import pytest
from bindd import _death, errors
from fake_daemon import ROOT

CLASSES = [getattr(errors, name) for name in errors.__all__]


def test_the_tree_is_the_declared_one() -> None:
    """docs/PROTOCOL.md is generated from the declarations of the daemon."""
    text = (ROOT / "docs/PROTOCOL.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (\w+) \| ([\w, ]+) \| [^|]+\|$", text.split("## Errors")[1].split("\n## ")[0], re.M)
    assert len(rows) >= 11
    for code, name, bases in rows:
        cls = getattr(errors, name)
        assert [base.__name__ for base in cls.__bases__] == bases.split(", ")
        assert errors._CODES[int(code)] is cls


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_pickles_with_its_attributes(cls: type[errors.BinddError]) -> None:
    error = cls("what happened", hint="do that", code=3, operation="x.y")
    error.lost = 5  # type: ignore[attr-defined]
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is cls
        assert again.__dict__ == error.__dict__
        assert str(again) == str(error) == "what happened\n  hint: do that"
        assert again.args == ("what happened",)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_attribute_can_be_read_on_a_bare_one(cls: type[errors.BinddError]) -> None:
    for error in (cls(), cls("text")):
        for name in dir(error):
            if name != "__abstractmethods__":  # of types, never there on these
                getattr(error, name)
        str(error), repr(error), bool(error), hash(error), error == error


def test_no_text_has_more_than_six_lines() -> None:
    error = errors.BinddError("\n".join(f"line {i}" for i in range(50)), hint="a hint")
    assert len(str(error).splitlines()) == 6 and "46 more lines" in str(error)


def test_a_hint_is_told_once() -> None:
    assert str(errors.SexpError("text\nhint: close it", hint="close it")) == "text\nhint: close it"


def known(**more: object) -> dict[str, object]:
    return {
        "pid": 7, "signal": 11, "signal_name": "SIGSEGV", "exit_code": 0, "operation": 35, "operation_name": "sexp.parse",
        "request": 88213, "slot": 0, "elapsed_ms": 3, "stderr_tail": "", "known": True, **more}


def test_words_of_a_crash() -> None:
    error = _death.crash_error(known(), "sexp.parse", 88213, 7, 31204)
    assert str(error) == (
        "the native core died with SIGSEGV during sexp.parse; your Python process is fine.\n"
        "  request 88,213  sexp.parse  after 3 ms  worker pid 7\n"
        "  lost    31,204 handles of this workspace; the next use gets a fresh one. Nothing is retried.")
    assert (error.signal, error.signal_name, error.pid, error.operation) == (11, "SIGSEGV", 7, "sexp.parse")
    assert (error.request_id, error.report, error.kept, error.lost, error.native_stack) == (88213, None, 0, 31204, ())
    assert error.exit_code is None
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_crash_that_another_request_caused_names_both() -> None:
    error = _death.crash_error(
        known(operation_name="GraphView.destroy", request=5, stderr_tail="one\ntwo: last words\n"), "sync", 9, 7, 1)
    assert error.operation == "GraphView.destroy" and error.call == "sync" and error.request_id == 5
    assert "seen by sync" in str(error) and "two: last words" in str(error)
    assert len(str(error).splitlines()) <= 6


def test_an_exit_without_a_signal() -> None:
    error = _death.crash_error(known(signal=0, signal_name="", exit_code=0), "debug.crash", 1, 7, 0)
    assert error.signal == 0 and error.signal_name is None and error.exit_code == 0
    assert "exited with status 0 during sexp.parse" in str(error)


def test_a_crash_of_which_nothing_is_known() -> None:
    for nothing in ({}, {"known": False, "text": "?"}):
        error = _death.crash_error(nothing, "sync", 4, 7, 2)
        assert error.signal is None and error.request_id == 4 and error.operation == "sync"
        assert "went away during sync; your Python process is fine" in str(error)


def test_a_worker_that_died_while_it_was_idle_blames_no_request() -> None:
    error = _death.crash_error(
        known(signal=9, signal_name="SIGKILL", operation=0, operation_name="", request=41), "GraphView.get_nodes", 42, 7, 3)
    assert error.operation is None and error.request_id is None and error.call == "GraphView.get_nodes"
    assert str(error).splitlines()[:2] == [
        "the native core died with SIGKILL; your Python process is fine.",
        "  while it was idle; seen by GraphView.get_nodes  worker pid 7"]


@pytest.mark.parametrize(
    ("more", "words"),
    [({"known": True, "stopped": True}, "the daemon was stopped during sync"),
     ({"known": False, "stopped": True}, "the daemon was stopped during sync"),
     ({"known": False, "gone": True}, "the daemon is gone, and the native core with it, during sync")])
def test_words_of_a_daemon_that_was_stopped_or_is_gone(more: dict[str, object], words: str) -> None:
    error = _death.crash_error(known(signal=15, signal_name="SIGTERM", **more), "sync", 4, 7, 2)
    assert str(error).splitlines()[0] == f"{words}; your Python process is fine."
    assert "native core went away" not in str(error) and error.call == "sync"


def test_a_named_workspace_is_fresh_for_everyone() -> None:
    error = _death.crash_error(known(workspace="shared"), "sexp.parse", 88213, 7, 5)
    assert str(error).splitlines()[-1] == (
        "  lost    5 handles of workspace 'shared'; it is fresh for everyone who uses it. Nothing is retried.")


def test_words_of_a_hang() -> None:
    error = _death.hung_error(known(signal=9, signal_name="SIGKILL"), "sexp.parse", 88213, 7, 1, 2.5)
    assert isinstance(error, errors.WorkerDied) and error.waited == 2.5
    assert str(error).startswith("the native core did not answer sexp.parse within 2.5 s and was killed")


def test_builtin_classes_come_as_themselves_and_nothing_else_does() -> None:
    make = lambda kind: errors.from_reply(0, kind, "m", "", {}, "x", 1)  # noqa: E731
    assert type(make("KeyError")) is KeyError
    for kind in ("SystemExit", "KeyboardInterrupt", "print", "UnicodeDecodeError", "annotations", "_CODES", ""):
        assert type(make(kind)) is errors.BinddError


def test_fields_cannot_break_an_exception() -> None:
    error = errors.from_reply(
        11, "SexpError", "m", "h", {"line": 3, "args": 5, "__class__": 1, "with_traceback": 2, "no name": 1}, "x", 1)
    assert error.line == 3 and error.args == ("m",) and type(error) is errors.SexpError  # type: ignore[attr-defined]
    error.with_traceback(None)
    assert error.fields["no name"] == 1  # type: ignore[attr-defined]
