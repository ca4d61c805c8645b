"""A crash of the native side costs one exception: the interpreter lives, others notice nothing, all handles work on."""

from __future__ import annotations

import pickle
import signal

import pytest
from conftest import Home, alone

DEATHS = {"SEGV": "SIGSEGV", "BUS": "SIGBUS", "ABRT": "SIGABRT", "ILL": "SIGILL", "TRAP": None, "KILL": "SIGKILL", "STACK": "SIGSEGV"}


@alone
def test_every_death_is_one_exception_and_the_next_use_works() -> None:
    import bindd
    from bindd import debug, errors
    from bindd.graph import GraphView

    for how in [*DEATHS, "EXIT"]:
        view = GraphView.create()
        node = view.create_and_insert_node()
        reference = node.node()
        last = reference.get_uuid()
        with pytest.raises(errors.WorkerCrashed) as caught:
            debug.crash(how=how)
        error = caught.value
        assert error.operation == "debug.crash" and error.request_id and error.pid
        assert "debug.crash" in str(error) and len(str(error).splitlines()) <= 6
        if how == "EXIT":
            assert not error.signal
        elif DEATHS[how]:
            assert error.signal_name == DEATHS[how] and error.signal == getattr(signal, DEATHS[how])
        again = pickle.loads(pickle.dumps(error))
        assert str(again) == str(error) and again.signal == error.signal and again.request_id == error.request_id
        assert error.kept >= 3 and error.unapplied == ("debug.crash",) and error.lost == 0
        assert view.get_node_count() == 2 and reference.get_dynamic_attrs() == {}
        assert view.create_and_insert_node().node().get_uuid() > last, "ids are never reused"
        repr(view), repr(node), hash(node), node == node
        fresh = GraphView.create()
        assert fresh.get_node_count() == 1
        assert fresh.get_self_node().node().get_uuid() > last, "ids are never reused"
        assert fresh.__zig_address__() != view.__zig_address__()
        del caught, error, again
    del view, node, reference, fresh
    assert bindd.handles()["supervisor"]["crashes"] >= 7


@alone
def test_ways_to_die_are_named_as_signals_are() -> None:
    import signal
    from typing import Any

    from bindd import debug, errors

    for how in ("segv", "SIGSEGV", signal.SIGSEGV):
        with pytest.raises(errors.WorkerCrashed, match="SIGSEGV"):
            debug.crash(how)
    wrong: Any
    for wrong in (5, 11, None, b"SEGV"):
        for use in (debug.crash, lambda how: debug.die_at("sync", how)):
            with pytest.raises(TypeError, match="how must be a str such as .SEGV., or a signal such as signal.SIGSEGV, not"):
                use(wrong)
    with pytest.raises(ValueError, match="no such way to die"):
        debug.crash("SIGNAL")


@alone
def test_a_frame_cut_in_half() -> None:
    from bindd import debug, errors
    from bindd.graph import GraphView

    view = GraphView.create()
    with pytest.raises(errors.WorkerCrashed):
        debug.cut_frame()
    assert GraphView.create().get_node_count() == 1
    assert view.get_node_count() == 1


@alone
def test_a_worker_that_hangs_is_killed_after_the_limit() -> None:
    import bindd
    from bindd import debug, errors
    from bindd.graph import GraphView

    with bindd.connect(hang_limit=0.5):
        GraphView.create().get_node_count()
        with pytest.raises(errors.WorkerHung) as caught:
            debug.freeze()
        assert caught.value.operation == "debug.freeze"
        del caught
    assert GraphView.create().get_node_count() == 1


@alone
def test_a_call_timeout_cancels_and_the_connection_stays() -> None:
    import time

    import bindd
    from bindd import debug, errors
    from bindd.graph import GraphView

    view = GraphView.create()
    view.get_node_count()
    workspace = bindd._bindd._current()
    pid = workspace.pid
    with bindd.call_timeout(workspace, 0.2), pytest.raises(errors.CallTimeout):
        debug.hang(seconds=30)
    start = time.monotonic()
    assert view.get_node_count() == 1
    assert time.monotonic() - start < 5, "the worker must have stopped what was cancelled"
    assert workspace.pid == pid


@alone
def test_ctrl_c_ends_a_wait() -> None:
    import os
    import signal
    import threading
    import time

    import bindd
    from bindd import debug
    from bindd.graph import GraphView

    view = GraphView.create()
    view.get_node_count()
    fired: list[float] = []

    def interrupt() -> None:
        time.sleep(0.3)
        fired.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        debug.hang(seconds=30)
    late = time.monotonic() - fired[0]
    thread.join()
    assert late < 2, f"{late:.3f} s after the signal"
    assert view.get_node_count() == 1
    assert bindd._bindd._current().alive


@alone
def test_eight_threads_wait_and_the_worker_is_killed() -> None:
    import os
    import signal
    import threading
    import time

    import bindd
    from bindd import debug, errors
    from bindd.graph import GraphView

    view = GraphView.create()
    view.get_node_count()
    caught: list[BaseException] = []

    def wait() -> None:
        try:
            debug.hang(seconds=60)
        except BaseException as error:
            caught.append(error)

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    os.kill(bindd._bindd._current().pid, signal.SIGKILL)
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert [type(error) for error in caught] == [errors.WorkerCrashed] * 8
    assert all(error.signal_name == "SIGKILL" for error in caught)
    assert len({id(error) for error in caught}) == 8
    caught.clear()
    assert GraphView.create().get_node_count() == 1


def test_other_processes_do_not_notice(home: Home) -> None:
    import subprocess
    import sys

    bystander = subprocess.Popen(
        [sys.executable, "-c", """
import sys
from bindd.graph import GraphView
view = GraphView.create()
print(view.get_node_count(), flush=True)
for line in sys.stdin:
    view.create_and_insert_node()
    print(view.get_node_count(), flush=True)
"""],
        env=home.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    assert bystander.stdin and bystander.stdout
    assert bystander.stdout.readline() == "1\n"
    for count, how in enumerate(("SEGV", "KILL", "EXIT"), 2):
        done = home.python(f"from bindd import debug; debug.crash(how={how!r})")
        assert done.returncode == 1 and "WorkerCrashed" in done.stderr, done.stderr
        bystander.stdin.write("\n")
        bystander.stdin.flush()
        assert bystander.stdout.readline() == f"{count}\n"
    bystander.stdin.close()
    assert bystander.wait(10) == 0


def test_a_crash_of_every_operation_with_a_reply(home: Home) -> None:
    """The worker is killed between any two calls: whatever the next call is, it raises one ordinary exception."""
    done = home.python("""
import os, signal, time, bindd
from bindd import errors, sexp
from bindd.graph import EdgeReference, GraphView, NodeReference
calls = {
    "create": lambda o: GraphView.create().get_node_count(),
    "count": lambda o: o["view"].get_node_count(),
    "nodes": lambda o: o["view"].get_nodes(),
    "attr": lambda o: o["node"].get_attr(key="a"),
    "attrs": lambda o: o["node"].get_dynamic_attrs(),
    "name": lambda o: o["edge"].name(),
    "visit": lambda o: o["bound"].visit_edges_of_type(edge_type=1, ctx=None, f=print),
    "insert_node": lambda o: o["view"].insert_node(node=o["node"]),
    "insert_edge": lambda o: o["view"].insert_edge(edge=o["edge"]),
    "subgraph": lambda o: o["view"].get_subgraph_from_nodes(nodes=[o["bound"]]),
    "insert_subgraph": lambda o: o["view"].insert_subgraph(subgraph=o["other"]),
    "destroy": lambda o: o["view"].destroy(),
    "parse": lambda o: sexp.parse("(a)"),
    "dumps": lambda o: sexp.dumps(o["document"]),
    "sync": lambda o: bindd._bindd._current().sync(),
}
for name, call in calls.items():
    view = GraphView.create()
    bound = view.create_and_insert_node()
    node = bound.node()
    objects = dict(view=view, other=GraphView.create(), bound=bound, node=node, document=sexp.parse("(a b)"),
                   edge=EdgeReference.create(source=node, target=node, edge_type=1, name="n"))
    workspace = bindd._bindd._current()
    workspace.sync()
    os.kill(workspace.pid, signal.SIGKILL)
    caught = []
    for _ in range(2):
        try:
            call(objects)
            workspace.sync()  # reads need no worker: they go on until somebody has to ask it
        except errors.BinddError as error:
            caught.append(type(error).__name__)
    assert caught and caught[0] == "WorkerCrashed", (name, caught)
    assert caught.count("WorkerCrashed") == 1, (name, caught)
    assert GraphView.create().get_node_count() == 1, name
print("alive")
""")
    assert done.stdout == "alive\n" and done.returncode == 0, done.stderr
