"""The property behind test_equivalence.py, in a process of its own: lists of calls played on bindd and on the model give
the same results, the same exceptions at the same call, and the same state at the end; afterwards nothing is left.

    equivalence.py EXAMPLES SEED            the process's own workspace; BINDD_SYNC and BINDD_ARENA say how it works
    equivalence.py EXAMPLES SEED WORKSPACE  a named one, in which a second process plays its own calls at the same time
    equivalence.py --other WORKSPACE        that second process: calls on stdin, outcomes on stdout

With --typed in front of these the lists are of the typed layer (play_typed.py, model_typed.py).
"""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import bindd
import bindd.faebryk
import bindd.graph
import model
import model_typed
import play
import play_typed
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

AT = st.integers(0, 6)
TYPE = st.sampled_from((1, 1, 1, 0, 2, 3))
VALUE = st.one_of(*[st.integers(0, play.GOOD_VALUES)] * 9, st.integers(0, len(play.VALUES) - 1))
ATTRIBUTES = st.dictionaries(st.sampled_from(play.KEYS), VALUE, max_size=8)
NAME = st.sampled_from(({}, {}, {"name": "n"}, {"directional": True}, {"name": "", "directional": False}, {"name": None}))
ACTION = st.sampled_from(("collect", "collect", "read", "raise", "destroy", "forget", "link", "nest", "none"))
DATA = st.integers(0, len(play.STORED) - 1)
POOL = st.sampled_from(("views", "nodes", "edges", "bounds", "bound_edges"))
PICKS = st.integers(0, 42**7 - 1).map(lambda number: tuple(number // 42**at % 42 for at in range(7)))
IS_TYPED = "--typed" in sys.argv[1:2]


def call(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[play.Call]:
    return st.tuples(st.just(name), *arguments)


CALLS = st.one_of(
    call("view"), call("destroy", AT), call("node", ATTRIBUTES), call("make", AT), call("make", AT), call("unbind", AT),
    call("insert_node", AT, AT), call("bind", AT, AT), call("edge", AT, AT, TYPE, NAME, ATTRIBUTES),
    call("insert_edge", AT, AT), call("insert_edge", AT, AT), call("link", AT, AT, TYPE, st.booleans(), st.booleans()),
    call("link", AT, AT, TYPE, st.booleans(), st.booleans()), call("fan", AT, TYPE, st.integers(1, 5)), call("count", AT), call("counts", AT), call("members", AT), call("self", AT),
    call("repr", AT), call("subgraph", AT, st.lists(AT, max_size=6)), call("merge", AT, AT),
    call("visit", AT, TYPE, st.integers(0, 2), ACTION), call("visit", AT, TYPE, st.integers(0, 2), ACTION),
    call("node_attr", AT, st.sampled_from(play.KEYS)), call("node_attrs", AT),
    call("edge_attr", AT, st.sampled_from(play.KEYS)), call("edge_name", AT), call("same", AT, AT, AT, AT),
    call("equal", AT, AT), call("unbind_edge", AT), call("ends", AT), call("store", AT, DATA), call("load", AT, DATA),
    call("try_load", AT, DATA), call("drop", POOL, AT), call("drop", POOL, AT), call("sync"), call("pause"),
    call("wrong", AT, st.integers(0, 99)),
)  # fmt: skip
TYPED = st.one_of(
    *[call("typed", st.sampled_from(sorted(play_typed.METHODS)), PICKS)] * 8,
    *[call("typed", st.sampled_from(play_typed.MAKING), PICKS)] * 8,
    *[call("again", st.integers(1, 3))] * 2, *[call("grow", PICKS, st.integers(0, 5))] * 2, call("view"), call("make", AT), call("bind", AT, AT), call("link", AT, AT, TYPE, st.booleans(), st.just(True)),
    call("visit", AT, TYPE, st.integers(0, 2), ACTION), call("node_attrs", AT), call("members", AT), call("counts", AT),
    call("merge", AT, AT), call("edge_name", AT), call("unbind_edge", AT), call("sync"), call("pause"),
    call("drop", st.sampled_from(("bounds", *play_typed.POOLS)), AT), call("drop", POOL, AT), call("destroy", AT),
)  # fmt: skip
# Lists of lists: hypothesis makes lists of five on average, too few calls to meet each other.
def lists(calls: st.SearchStrategy[play.Call]) -> st.SearchStrategy[list[play.Call]]:
    return st.lists(st.lists(calls, max_size=20), max_size=20).map(lambda parts: [one for part in parts for one in part])


# A little graph to begin with, so that short lists have something to pick from.
START: list[play.Call] = play_typed.START if IS_TYPED else [("view",), ("make", 0), ("make", 0), ("unbind", 0), ("unbind", 1), ("link", 0, 1, 1, True, True), ("fan", 1, 1, 3)]


def workspace() -> bindd.Workspace:
    current = bindd._bindd._current()
    assert current is not None, "no workspace was opened"
    return current


def new_player() -> play.Player:
    if IS_TYPED:
        return play_typed.TypedPlayer(bindd.graph, bindd.faebryk, lambda: workspace().sync())
    return play.Player(bindd.graph, lambda: workspace().sync())


def new_model() -> play.Player:
    return play_typed.TypedPlayer(model, model_typed, lambda: None) if IS_TYPED else play.Player(model, lambda: None)


def objects() -> dict[str, int]:
    current = workspace()
    current.sync()
    (entry,) = [one for one in bindd.handles()["workspaces"] if one["worker_pid"] == current.pid]
    return {kind: count for kind, count in entry["objects"].items() if count}


def left(before: dict[str, int] | None = None) -> dict[str, int]:
    """Objects that the worker still holds, once it has applied everything. Waits a second for as few as before."""
    end = time.monotonic() + 1
    while True:
        counts = objects()
        if counts == (before or {}) or time.monotonic() > end:
            return counts
        time.sleep(0.002)


def expect(step: object, wanted: play.Outcome, got: play.Outcome) -> None:
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):  # show where they differ
        wanted, got = next(([one], [two]) for one, two in [*zip(wanted, got, strict=True), (0, 0)] if one != two or one == 0)
    assert got == wanted, f"at {step}:\n  model {wanted!r}\n  bindd {got!r}"


def play_alone(calls: list[play.Call]) -> None:
    bindd.graph.GraphView.create().destroy()
    mine, theirs = new_player(), new_model()
    try:
        for at, one in enumerate([*START, *calls]):
            expect((at, one), theirs.play(one), mine.play(one))
        expect("the end", theirs.state(), mine.state())
        mine.clear()
        assert not (held := left()), f"the worker still holds {held}"
    except BaseException:
        mine.clear()  # the traceback holds the player
        bindd.close()
        raise


class Other:
    """The second process, played like a Player, but without waiting."""

    def __init__(self, name: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, *["--typed"] * IS_TYPED, "--other", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def send(self, what: Any) -> Callable[[], Any]:
        assert self.process.stdin and self.process.stdout
        write(self.process.stdin, what)
        return lambda: read(self.process.stdout)

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(20) == 0


def write(stream: Any, value: Any) -> None:
    data = pickle.dumps(value)
    stream.write(struct.pack("<I", len(data)) + data)
    stream.flush()


def read(stream: Any) -> Any:
    head = stream.read(4)
    return pickle.loads(stream.read(struct.unpack("<I", head)[0])) if len(head) == 4 else None


def play_beside(other: Other, calls: list[tuple[play.Call, play.Call]]) -> None:
    mine, models = new_player(), (new_model(), new_model())
    before = objects()
    try:
        for at, pair in enumerate([*zip(START, START, strict=True), *calls]):
            answer = other.send(pair[1])
            got = mine.play(pair[0])
            got_other = answer()
            expect((at, pair[0]), models[0].play(pair[0]), got)
            expect((at, "the second process", pair[1]), models[1].play(pair[1]), got_other)
        expect("the end", models[0].state(), mine.state())
        expect("the end of the second process", models[1].state(), other.send("state")())
    finally:
        mine.clear()
        other.send("clear")()
    assert (held := left(before)) == before, f"the worker held {before} before, {held} now"


def be_other(name: str) -> None:
    with bindd.connect(name):
        player = new_player()
        while (one := read(sys.stdin.buffer)) is not None:
            outcome: Any = None
            if one == "state":
                outcome = player.state()
            elif one == "clear":
                player.clear()
                player = new_player()
                workspace().sync()
            else:
                outcome = player.play(one)
            write(sys.stdout.buffer, outcome)


def main() -> None:
    arguments = sys.argv[2:] if IS_TYPED else sys.argv[1:]
    if arguments[0] == "--other":
        return be_other(arguments[1])
    examples, number, *shared = int(arguments[0]), int(arguments[1]), *arguments[2:]
    calls_of = lists(TYPED if IS_TYPED else CALLS)
    rules = settings(
        max_examples=examples, deadline=None, database=None, print_blob=False, phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
    )
    if not shared:
        seed(number)(rules(given(calls=calls_of)(play_alone)))()
    else:
        with bindd.connect(shared[0]):
            other = Other(shared[0])
            pairs = st.tuples(calls_of, calls_of).map(lambda both: list(zip_longest(*both, fillvalue=("sync",))))
            property_ = given(calls=pairs)(lambda calls: play_beside(other, calls))
            seed(number)(rules(property_))()
            other.end()
    live = {kind: count for kind, count in bindd.statistics()["live"].items() if count and kind != "Workspace"}
    assert not live, f"handles left: {live}"
    print(f"{examples} lists of calls, seed {number}")


if __name__ == "__main__":
    main()
