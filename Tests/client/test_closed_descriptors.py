"""Programs that close descriptors which they did not open: bindd says so, and leaves alone what has the numbers now."""

from __future__ import annotations

import pytest
from conftest import Home

BEGIN = """
import atexit, gc, os, sys
import pytest
from forked import in_child
from own_numbers import OwnNumbers, used
own = []
atexit.register(lambda: own and own[0].check() or print("checked", flush=True))  # runs behind bindd's own, which is registered later
import bindd
from bindd.graph import GraphView
kind = sys.argv[1]
def closed(name="private workspace"):
    return pytest.raises(bindd.BinddUnavailable, match=f"the program closed the descriptor of bindd's connection .number [0-9]+.. Lost "
        f"are this process's [0-9]+ handles of .*{name}.*\\n  hint: whoever closes")
"""

KINDS = pytest.mark.parametrize("kind", ["sockets", "files", "none"])


def run(home: Home, kind: str, code: str, **environment: str) -> None:
    done = home.python(BEGIN + code, kind, **environment)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert done.stdout.endswith("checked\n"), "what has the numbers was looked at behind bindd's last act"


@KINDS
@pytest.mark.parametrize("arena", ["0", "1"])
def test_the_next_call_that_waits_says_so_and_the_one_behind_it_begins_anew(home: Home, kind: str, arena: str) -> None:
    run(home, kind, """
view = GraphView.create()
nodes = [view.create_and_insert_node() for _ in range(10)]
view.get_node_count()
workspace = bindd._bindd._current()
own.append(OwnNumbers(kind))
view.create_and_insert_node()  # waits in the buffer
handles = [nodes[0].node() for _ in range(70_000)]  # the ledger wants more of its file
with closed():
    workspace.sync()
for use in (view.get_node_count, view.create_and_insert_node, workspace.sync):
    with pytest.raises(bindd.StaleHandleError, match="lost with its worker.*the program closed the descriptor"):
        use()
repr(view), hash(nodes[0])
del handles, nodes
gc.collect()
again = GraphView.create()
assert again.get_node_count() == 1 and bindd._bindd._current().state == "alive"
del view, workspace
gc.collect()
""", BINDD_ARENA=arena, BINDD_SITES="full")


@KINDS
def test_what_is_shared_in_a_named_workspace_stays(home: Home, kind: str) -> None:
    run(home, kind, """
with bindd.connect("lab") as workspace:
    view = GraphView.create()
    view.create_and_insert_node()
    view.share(name="board")
    own.append(OwnNumbers(kind))
    with closed("workspace 'lab'; what is shared in it is still there"):
        workspace.sync()
with bindd.connect("lab"):
    found = GraphView.find_shared(name="board")
    assert found.get_node_count() == 2
    found.unshare()
""")


@KINDS
@pytest.mark.parametrize("end", ["bindd.close()", "workspace.close()", "del view, workspace; gc.collect()", "pass"])
def test_nothing_is_closed_or_told_at_the_end(home: Home, kind: str, end: str) -> None:
    """With a command in the buffer and with none, private and named."""
    for name in ("", "lab"):
        for command in ("pass", "view.create_and_insert_node()"):
            run(home, kind, f"""
workspace = bindd.connect({name!r}) if {name!r} else None
with workspace or bindd.connect() as inside:
    workspace = workspace or inside
    view = GraphView.create()
    view.get_node_count()
    own.append(OwnNumbers(kind))
    {command}
    {end}
""")


@KINDS
def test_the_buffer_runs_full(home: Home, kind: str) -> None:
    run(home, kind, """
view = GraphView.create()
view.get_node_count()
own.append(OwnNumbers(kind))
with closed():
    for _ in range(100_000):
        view.create_and_insert_node()
""")


@KINDS
def test_closed_by_one_thread_while_another_waits(home: Home, kind: str) -> None:
    run(home, kind, """
import threading
from bindd import debug
view = GraphView.create()
view.get_node_count()
said = []
def wait():
    try:
        debug.hang(60)
    except BaseException as error:
        said.append(error)
thread = threading.Thread(target=wait)
thread.start()
from bindd import _daemon
while _daemon.control(_daemon.socket_path(), "status")["workers"][0]["operation"] != "debug.hang":
    pass
own.append(OwnNumbers(kind))
thread.join()
assert type(said[0]) is bindd.BinddUnavailable and "debug.hang: the program closed" in str(said[0]), said
assert GraphView.create().get_node_count() == 1
""", BINDD_HANG_LIMIT="3600")


@KINDS
def test_in_a_child_of_fork(home: Home, kind: str) -> None:
    """Closed before the fork: the child leaves them alone, too. Closed behind it, as recipes for daemons do: the child has a
    connection of its own."""
    run(home, kind, """
def daemon():
    os.closerange(3, 256)
    assert GraphView.create().get_node_count() == 1
    bindd.close()
view = GraphView.create()
count = view.get_node_count()
in_child(daemon)
view.create_and_insert_node()
assert view.get_node_count() == count + 1, "the parent's stream is unharmed"
own.append(OwnNumbers(kind))
def behind():
    assert all(os.fstat(number).st_ino == about.st_ino for number, about in own[0].abouts.items())
    with pytest.raises(bindd.StaleHandleError, match="forked"):
        view.get_node_count()
    assert GraphView.create().get_node_count() == 1
    bindd.close()
    gc.collect()
    assert all(os.fstat(number).st_ino == about.st_ino for number, about in own[0].abouts.items())
in_child(behind)
with closed():
    bindd._bindd._current().sync()
""")


@KINDS
def test_events(home: Home, kind: str) -> None:
    run(home, kind, """
workspace = bindd.connect()
listening = [bindd.events(timeout=20) for _ in range(3)]
other = bindd.connect()
own.append(OwnNumbers(kind))
with pytest.raises(bindd.BinddUnavailable, match=r"the program closed the descriptor of bindd's events .number [0-9]+.; bindd.events.after="):
    next(listening[0])
with pytest.raises(StopIteration):
    next(listening[0])
listening[1].close()
del listening
gc.collect()
workspace.close()
""")
