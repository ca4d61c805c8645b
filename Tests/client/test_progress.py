"""`bindd.progress()`: reports of long calls are in order, never fall, and end with all of it or with the error."""

from __future__ import annotations

import threading

import pytest
from conftest import alone


def rises(reports: list[object]) -> None:
    fractions = [report.fraction for report in reports if report.fraction is not None]  # type: ignore[attr-defined]
    elapsed = [report.elapsed for report in reports]  # type: ignore[attr-defined]
    assert fractions == sorted(fractions) and elapsed == sorted(elapsed)
    assert all(0 <= fraction <= 1 for fraction in fractions)


@alone
def test_a_long_call_tells_how_far_it_is() -> None:
    import bindd
    from bindd import debug, errors

    reports: list[object] = []
    with bindd.progress(reports.append, after=0.1):
        debug.hang(seconds=1.0)
        first = list(reports)
        rises(first)
        assert len(first) >= 3 and {report.operation for report in first} == {"debug.hang"}
        assert len({report.request for report in first}) == 1
        assert [report.is_over for report in first] == [False] * (len(first) - 1) + [True]
        assert first[-1].fraction == 1.0 and 0 < first[0].fraction < first[-2].fraction <= 1
        del reports[:]
        bindd._bindd._current().sync()
        debug.hang(seconds=0.01)
        assert reports == [], "of what is quick nothing is told"
        bindd._bindd._current().call_timeout = 0.4
        with pytest.raises(errors.CallTimeout):
            debug.hang(seconds=30.0)
        rises(reports)
        assert reports and not any(report.is_over for report in reports) and reports[-1].fraction < 0.1
        bindd._bindd._current().call_timeout = None
    count = len(reports)
    debug.hang(seconds=0.3)
    assert len(reports) == count, "outside of the block nobody is told"


@alone
def test_what_the_told_function_raises_gives_the_call_up() -> None:
    import bindd
    from bindd import debug, errors
    from bindd.graph import GraphView

    view = GraphView.create()

    def stop(progress: object) -> None:
        raise KeyError(progress.operation)  # type: ignore[attr-defined]

    def ask(progress: object) -> None:
        with pytest.raises(errors.BinddError, match="in flight"):
            debug.hang(seconds=0.0)

    with bindd.progress(stop, after=0.1), pytest.raises(KeyError, match="debug.hang"):
        debug.hang(seconds=60.0)
    assert view.get_node_count() == 1, "the worker was told, and goes on"
    with bindd.progress(ask, after=0.1):
        debug.hang(seconds=0.3)


@alone
def test_documents_tell_and_bars_are_drawn() -> None:
    import bindd
    from bindd import sexp

    class Bar:
        made: list[Bar] = []

        def __init__(self, **settings: object) -> None:
            self.settings, self.n, self.is_closed = settings, 0, False
            self.made.append(self)

        def update(self, more: int) -> None:
            assert more >= 0
            self.n += more

        def close(self) -> None:
            self.is_closed = True

    text = "(board " + "(net 1 GND) " * 3_000_000 + ")"
    reports: list[object] = []
    with bindd.progress(reports.append, after=0.0):
        document = sexp.parse(text)
    rises(reports)
    assert reports[-1].is_over and reports[-1].operation == "sexp.parse" and reports[-1].steps > 100
    with bindd.progress(tqdm=Bar, after=0.0):
        sexp.dumps(document)
    (bar,) = Bar.made
    assert bar.settings["desc"] == "sexp.dumps" and bar.n == 100 and bar.is_closed
    import sys

    sys.modules["tqdm"] = None  # type: ignore[assignment]
    with pytest.raises(ImportError, match="pip install tqdm"), bindd.progress():
        pass


@alone
def test_a_told_function_that_closes_the_workspace_ends_the_call() -> None:
    import bindd
    from bindd import debug, errors
    from bindd.graph import GraphView

    for is_last in (False, True):
        GraphView.create()
        workspace = bindd._bindd._current()

        def close(report: object, is_last: bool = is_last, workspace: bindd.Workspace = workspace) -> None:
            if report.is_over is is_last:  # type: ignore[attr-defined]
                workspace.close()

        with bindd.progress(close, after=0.05), pytest.raises(errors.StaleHandleError):
            debug.hang(seconds=0.4)
        assert GraphView.create().get_node_count() == 1, "the next use gets a new one"


@alone
def test_the_told_functions_own_time_is_no_hang_of_the_worker() -> None:
    import time

    import bindd
    from bindd import debug

    slept: list[object] = []

    def sleep(report: object) -> None:
        if not slept:
            slept.append(report)
            time.sleep(1.5)

    with bindd.connect(hang_limit=1.0), bindd.progress(sleep, after=0.05):
        debug.hang(seconds=0.5)
    assert slept


@alone
def test_ctrl_c_in_the_last_report_is_not_swallowed() -> None:
    import bindd
    from bindd import debug

    seen: list[str] = []

    def stop(progress: object) -> None:
        if progress.is_over:  # type: ignore[attr-defined]
            seen.append("over")
            raise KeyboardInterrupt

    with bindd.progress(stop, after=0.0), pytest.raises(KeyboardInterrupt):
        debug.hang(seconds=0.3)
        for _ in range(1000):
            pass
    assert seen == ["over"]


def test_calls_that_share_a_block_are_told_each_for_itself() -> None:
    """Two workspaces, taking turns, with the same number of a request; and what the function itself calls."""
    from bindd._progress import Bars, Progress, Reporter

    reports: dict[str, list[Progress]] = {"a": [], "b": []}

    def told(report: Progress) -> None:
        reports[report.operation].append(report)
        reporter.take(3, "nested", 1, 100.0, 1, 2, False)

    reporter = Reporter(told, 0.0)
    for step in range(1, 6):
        reporter.take(1, "a", 7, float(step), step * 10, 100, False)
        reporter.take(2, "b", 7, float(step), step, 100, False)
    reporter.take(1, "a", 7, 6.0, 0, 0, True)
    reporter.take(2, "b", 7, 6.0, 6, 100, False)
    assert [report.fraction for report in reports["a"]] == [0.1, 0.2, 0.3, 0.4, 0.5, 1.0]
    assert [report.fraction for report in reports["b"]] == [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]
    assert [report.steps for report in reports["a"]] == [10, 20, 30, 40, 50, 50]
    reporter.take(2, "b", 8, 0.5, 1, 100, False)
    assert reports["b"][-1].fraction == 0.01, "the call before failed: this is another one"

    class Bar:
        def __init__(self, desc: str, **_: object) -> None:
            self.desc, self.n, self.is_closed = desc, 0, False
            made.append(self)

        def update(self, more: int) -> None:
            self.n += more

        def close(self) -> None:
            self.is_closed = True

    made: list[Bar] = []
    bars = Bars(Bar)
    bars(Progress("a", 1, 0.1, 0.5, 1, False))
    thread = threading.Thread(target=bars, args=(Progress("b", 1, 0.1, 0.1, 1, False),))
    thread.start()
    thread.join()
    bars(Progress("a", 1, 0.2, 0.6, 1, False))
    assert [(bar.desc, bar.n, bar.is_closed) for bar in made] == [("a", 60, False), ("b", 10, False)]
    bars(Progress("c", 2, 0.1, 0.1, 1, False))
    assert [(bar.desc, bar.is_closed) for bar in made] == [("a", True), ("b", False), ("c", False)], "that of a call that failed"
    bars.close()
    assert all(bar.is_closed for bar in made)
