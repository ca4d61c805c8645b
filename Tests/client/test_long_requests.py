"""Texts of megabytes, which are sent from where they lie: the same bytes arrive in the same order, also when somebody stops
waiting for them half-way."""

from __future__ import annotations

import os
import signal

import pytest
from conftest import alone

FRAME = 1 << 20
LENT = 256 << 10
"""From here on a text is not copied: BD_LONG_BYTES_MIN."""


@alone
def test_every_border_of_a_frame() -> None:
    from bindd import sexp

    for frames in (1, 2, 3):
        for more in range(-40, 24):
            letters = "".join(chr(97 + (i * 7 + frames) % 26) for i in range(26))
            text = f'(a "{(letters * (frames * FRAME // 26 + 4))[: frames * FRAME + more]}")\n'
            document = sexp.parse(text.encode())
            assert sexp.dumps(document) == text, (frames, more)
            document.free()
    for bytes_of in range(LENT - 24, LENT + 8):
        text = f'(a "{"x" * bytes_of}")\n'
        assert sexp.dumps(sexp.parse(text)) == text, bytes_of


@alone
def test_who_stops_waiting_half_way() -> None:
    """The worker is stopped, so that a text stays in the socket; what follows is in order, and the lost document is let go."""
    import bindd
    from bindd import errors, sexp
    from bindd.graph import GraphView, NodeReference

    view = GraphView.create()
    assert view.get_node_count() == 1
    workspace = bindd._bindd._current()
    long = ('(a "' + "0123456789abcdef" * (5 * FRAME // 16) + '")\n').encode()
    for turn in range(4):
        nodes = view.get_node_count()
        os.kill(workspace.pid, signal.SIGSTOP)
        try:
            if turn % 2:  # the socket is nearly full of commands already: the text waits behind them
                for _ in range(200):
                    view.insert_node(node=NodeReference.create(k="k" * 1000))
            with bindd.call_timeout(workspace, 0.1):
                for _ in range(1 + turn // 2):
                    with pytest.raises(errors.CallTimeout):
                        sexp.parse(long)
        finally:
            os.kill(workspace.pid, signal.SIGCONT)
        document = sexp.parse(long)
        assert sexp.dumps(document).encode() == long
        document.free()
        assert view.get_node_count() == nodes + (200 if turn % 2 else 0)
    del document
    workspace.sync()
    workspace.sync()
    (row,) = bindd.handles()["workspaces"]
    assert row["objects"].get("Document", 0) == 0 and bindd.statistics()["live"].get("Document", 0) == 0


@alone
def test_ctrl_c_half_way() -> None:
    import threading
    import time

    import bindd
    from bindd import sexp

    workspace = bindd.connect()
    with workspace:
        sexp.parse("(a)").free()
        long = ('(a "' + "z" * (8 * FRAME) + '")\n').encode()
        os.kill(workspace.pid, signal.SIGSTOP)

        def interrupt() -> None:
            time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt).start()
        try:
            with pytest.raises(KeyboardInterrupt):
                sexp.parse(long)
        finally:
            os.kill(workspace.pid, signal.SIGCONT)
        assert sexp.dumps(sexp.parse(long)).encode() == long


@alone
def test_commands_of_other_threads_meanwhile() -> None:
    """What another thread appends while a text is on its way comes behind it, none lost and none twice."""
    import threading

    import bindd
    from bindd import sexp
    from bindd.graph import GraphView

    view = GraphView.create()
    assert view.get_node_count() == 1
    long = ('(a "' + "y" * (3 * FRAME) + '")\n').encode()
    made = [0]
    done = threading.Event()

    def create() -> None:
        while not done.is_set():
            view.create_and_insert_node()
            made[0] += 1

    thread = threading.Thread(target=create)
    thread.start()
    for _ in range(30):
        document = sexp.parse(long)
        assert sexp.dumps(document).encode() == long
        document.free()
    done.set()
    thread.join()
    del document
    assert view.get_node_count() == 1 + made[0] and made[0] > 0
    assert bindd.statistics()["live"].get("Document", 0) == 0


@alone
def test_a_worker_that_dies_half_way() -> None:
    import threading
    import time

    import bindd
    from bindd import errors, sexp
    from bindd.graph import GraphView

    view = GraphView.create()
    view.create_and_insert_node()
    assert view.get_node_count() == 2
    workspace = bindd._bindd._current()
    long = ('(a "' + "x" * (8 * FRAME) + '")\n').encode()
    os.kill(workspace.pid, signal.SIGSTOP)
    pid = workspace.pid

    def kill() -> None:
        time.sleep(0.2)
        os.kill(pid, signal.SIGKILL)

    threading.Thread(target=kill).start()
    with pytest.raises(errors.WorkerCrashed):
        sexp.parse(long)
    assert view.get_node_count() == 2
    assert sexp.dumps(sexp.parse(long)).encode() == long
