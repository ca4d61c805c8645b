"""Live lists against Python's own: the same calls give the same answers, the same exceptions and, after each, the same file."""

from __future__ import annotations

import os
from typing import Any

from conftest import alone

EXAMPLES = 3_000 if os.environ.get("BINDD_TEST_LONG") else 100
WORDS = ["F.Cu", "B.Cu", "F.Mask", 'a "b"', "", "ä"]

TEXT = """(kicad_pcb (version 20241229) (generator "g") (generator_version "9.0")
 (layers (0 "F.Cu" signal) (2 "B.Cu" signal))
 (net 0 "F.Cu") (net 1 "B.Cu") (planted "stays")
 (footprint "x" (layer "F.Cu") (at 0 0) (pad "1" smd rect (at 0 0) (size 1 1) (layers "F.Cu" "B.Cu"))))"""


class Strings:
    """A list of texts: `(layers "F.Cu" "B.Cu")`."""

    initial = ["F.Cu", "B.Cu"]

    @staticmethod
    def of(file: Any) -> Any:
        return file.kicad_pcb.footprints[0].pads[0].layers

    @staticmethod
    def make(word: str) -> Any:
        return word

    @staticmethod
    def name(element: Any) -> str:
        assert type(element) is str
        return element


class Entries:
    """A list of structs, each an entry of its own: `(net 0 "F.Cu")`."""

    initial = ["F.Cu", "B.Cu"]

    @staticmethod
    def of(file: Any) -> Any:
        return file.kicad_pcb.nets

    @staticmethod
    def make(word: str) -> Any:
        from bindd.sexp import pcb

        return pcb.Net(number=3, name=word)

    @staticmethod
    def name(element: Any) -> str:
        return element.name


class Elements(Entries):
    """A list of structs inside of one entry: `(layers (0 "F.Cu" signal))`."""

    @staticmethod
    def of(file: Any) -> Any:
        return file.kicad_pcb.layers

    @staticmethod
    def make(word: str) -> Any:
        from bindd.sexp import pcb

        return pcb.Layer(number=1, name=word, type="user")


def behind(index: int, plain: list[str]) -> int:
    """Programs for the replaced layer rely on it: inserting at any negative index appends."""
    return len(plain) if index < 0 else index


def answer(call: Any) -> tuple[Any, type[BaseException] | None]:
    try:
        return call(), None
    except (IndexError, ValueError, TypeError) as error:
        return None, type(error)


def run(kind: Any, live: Any, plain: list[str], step: tuple[Any, ...]) -> None:
    """One call on both."""
    what, first, second, third, words = step
    make, name = kind.make, kind.name
    cut, times = slice(first, second, third), (first or 0) % 4 - 1
    made = [make(word) for word in words]
    pairs: dict[str, tuple[Any, Any]] = {
        "append": (lambda: live.append(make(words[0])), lambda: plain.append(words[0])),
        "insert": (lambda: live.insert(first or 0, make(words[0])), lambda: plain.insert(behind(first or 0, plain), words[0])),
        "extend": (lambda: live.extend(iter(made)), lambda: plain.extend(words)),
        "extend itself": (lambda: live.extend(live), lambda: plain.extend(plain)) if len(plain) < 40 else (len, len),
        "+=": (lambda: live.__iadd__(made) is live, lambda: plain.__iadd__(words) is plain),
        "+": (lambda: [name(one) for one in live + made], lambda: plain + words),
        "*": (lambda: [name(one) for one in live * times + times * live], lambda: plain * times + times * plain),
        "*=": (lambda: live.__imul__(times) is live, lambda: plain.__imul__(times) is plain) if len(plain) < 40 else (len, len),
        "wrong times": (lambda: live * words, lambda: plain * words),  # type: ignore[operator]
        "pop": (lambda: name(live.pop()), lambda: plain.pop()),
        "pop at": (lambda: name(live.pop(first or 0)), lambda: plain.pop(first or 0)),
        "get": (lambda: name(live[first or 0]), lambda: plain[first or 0]),
        "get slice": (lambda: [name(one) for one in live[cut]], lambda: plain[cut]),
        "set": (lambda: live.__setitem__(first or 0, made[0]), lambda: plain.__setitem__(first or 0, words[0])),
        "set slice": (lambda: live.__setitem__(cut, made), lambda: plain.__setitem__(cut, words)),
        "set slice to itself": (lambda: live.__setitem__(cut, live), lambda: plain.__setitem__(cut, plain)),
        "del": (lambda: live.__delitem__(first or 0), lambda: plain.__delitem__(first or 0)),
        "del slice": (lambda: live.__delitem__(cut), lambda: plain.__delitem__(cut)),
        "reverse": (lambda: live.reverse(), lambda: plain.reverse()),
        "reversed": (lambda: [name(one) for one in reversed(live)], lambda: list(reversed(plain))),
        "sort": (lambda: live.sort(key=name, reverse=bool(third)), lambda: plain.sort(reverse=bool(third))),
        "sort by nothing": (lambda: live.sort(key=lambda one: 0, reverse=bool(third)), lambda: plain.sort(key=lambda one: 0, reverse=bool(third))),
        "clear": (lambda: live.clear(), lambda: plain.clear()),
        "copy": (lambda: [name(one) for one in live.copy()], lambda: plain.copy()),
        "truth": (lambda: (bool(live), len(live)), lambda: (bool(plain), len(plain))),
        "wrong index": (lambda: live[1.5], lambda: plain[1.5]),  # type: ignore[call-overload]
        "wrong value": (lambda: live.__setitem__(slice(first, second), 7), lambda: plain.__setitem__(slice(first, second), 7)),  # type: ignore[call-overload]
    }
    if kind is Strings:
        pairs |= {
            "in": (lambda: words[0] in live, lambda: words[0] in plain),
            "index": (lambda: live.index(words[0], first or 0), lambda: plain.index(words[0], first or 0)),
            "index between": (
                lambda: live.index(words[0], first or 0, second or 0), lambda: plain.index(words[0], first or 0, second or 0)),
            "count": (lambda: live.count(words[0]), lambda: plain.count(words[0])),
            "remove": (lambda: live.remove(words[0]), lambda: plain.remove(words[0])),
            "==": (lambda: (live == words, live != words, live == plain), lambda: (plain == words, plain != words, True)),
        }
    else:
        # By identity: an element is where it is.
        pairs |= {
            "in": (lambda: [one in live for one in live], lambda: [True for _ in plain]),
            "index": (lambda: [live.index(one) for one in live], lambda: list(range(len(plain)))),
            "count": (lambda: [live.count(one) for one in live], lambda: [1 for _ in plain]),
            "remove": (lambda: live.remove(live[first or 0]), lambda: (plain.pop(first or 0), None)[1]),
            "==": (lambda: (live == list(live), live == made), lambda: (True, not plain and not words)),
        }
    for_live, for_plain = pairs[what]
    if for_live is len:
        return
    got, wanted = answer(for_live), answer(for_plain)
    assert got == wanted, (step, got, wanted)


CALLS = [
    "append", "insert", "extend", "extend itself", "+=", "+", "*", "*=", "wrong times", "pop", "pop at", "get", "get slice", "set", "set slice",
    "set slice to itself", "del", "del slice", "reverse", "reversed", "sort", "sort by nothing", "clear", "copy", "truth",
    "wrong index", "wrong value", "in", "index", "index between", "count", "remove", "==",
]


def check(kind: Any) -> None:
    from bindd.sexp import pcb
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    near = st.one_of(st.none(), st.integers(-5, 5), st.sampled_from([-(10**30), 10**30, -100, 100]))
    step = st.tuples(
        st.sampled_from([call for call in CALLS if kind is Strings or call != "index between"]), near, near,
        st.one_of(st.none(), st.integers(-3, 3)), st.lists(st.sampled_from(WORDS), min_size=1, max_size=4))

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True)
    @given(st.lists(step, min_size=1, max_size=12))
    def agrees(steps: list[tuple[Any, ...]]) -> None:
        with pcb.loads(TEXT.encode()) as file:
            live, plain = kind.of(file), list(kind.initial)
            for step in steps:
                # Past what a Py_ssize_t holds both refuse in their own words; slices are cut.
                if "slice" not in step[0]:
                    step = (step[0], *(max(-200, min(200, n)) if n is not None else None for n in step[1:3]), *step[3:])
                run(kind, live, plain, step)
                assert [kind.name(one) for one in live] == plain, step
                text = pcb.dumps(file)
                assert '(planted "stays")' in text
                with pcb.loads(text.encode()) as again:
                    assert [kind.name(one) for one in kind.of(again)] == plain, (step, text)

    agrees()


@alone
def test_lists_of_texts() -> None:
    import test_models_lists as t

    t.check(t.Strings)


@alone
def test_lists_of_entries() -> None:
    import test_models_lists as t

    t.check(t.Entries)


@alone
def test_lists_of_elements() -> None:
    import test_models_lists as t

    t.check(t.Elements)


@alone
def test_a_live_list_is_a_sequence() -> None:
    """To whoever asks collections.abc, and to `match`."""
    from collections.abc import MutableSequence, Sequence

    import test_models_lists as t
    from bindd.sexp import pcb

    file = pcb.loads(t.TEXT)
    for live in (file.kicad_pcb.nets, file.kicad_pcb.layers, t.Strings.of(file)):
        assert isinstance(live, MutableSequence) and issubclass(type(live), Sequence) and not isinstance(live, list)
        match live:
            case [first, *rest]:
                assert first == live[0] and rest == live[1:]
            case _:
                raise AssertionError("no sequence")
    try:
        hash(file.kicad_pcb.nets)
    except TypeError:
        return
    raise AssertionError("it has a hash")
