"""The arguments of `bindd.handles()` as words of `bindd inspect handles`, checked before the command is run."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

SHORTEST_S = 0.001


def words(id: object, *, orphans: object, stale: object, growing: object, **flags: Any) -> list[str]:
    """ValueError and TypeError say which argument it is."""
    out = [] if id is None else [_id("id", id)]
    for name, value in flags.items():
        if value is not None:
            flag = f"--{name.replace('_', '-')}"
            out += [f"{flag}={text}" for text in _CHECKS[name](name, value)]
    for name, is_wanted in {"orphans": orphans, "stale": stale, "growing": growing}.items():
        if not isinstance(is_wanted, bool):
            raise TypeError(f"{name} must be True or False, not {is_wanted!r}")
        if is_wanted:
            out.append(f"--{name}")
    if flags["over"] is not None and not growing:
        raise ValueError("over goes with growing=True")
    return out


def _id(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, Integral):
        address = " (its __zig_address__() is one)" if hasattr(value, "__zig_address__") else ""
        raise TypeError(f"{name} must be the id of a handle, an int as __zig_address__() returns it, not {value!r}{address}")
    number = int(value)
    if not 0 <= number < 1 << 64:
        raise ValueError(f"{name} must be an id of 64 bits that is not negative, not {value!r}")
    return str(number)


def _ids(name: str, value: object) -> list[str]:
    return [_id(name, value)]


def _count(name: str, value: object) -> list[str]:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    number = int(value)
    if not 0 <= number < 1 << 63:
        raise ValueError(f"{name} must be 0 or more, not {value!r}")
    return [str(number)]


def _seconds(name: str, value: object) -> list[str]:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number of seconds, not {value!r}")
    number = float(value)
    if not 0 <= number < 1e11:
        raise ValueError(f"{name} must be a number of seconds from 0 on, not {value!r}")
    return [f"{math.ceil(number / SHORTEST_S)}ms"]  # what is shorter than a millisecond is one


def _text(name: str, value: object) -> list[str]:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {value!r}")
    if "\0" in value:
        raise ValueError(f"{name} must not have a NUL in it: {value!r}")
    return [value]


def _texts(name: str, value: object) -> list[str]:
    if isinstance(value, str):
        return _text(name, value)
    if not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a str or several, not {value!r}")
    texts = [text for item in value for text in _text(f"each of {name}", item)]
    if not texts:
        raise ValueError(f"{name} is empty: None means all")
    return texts


def _clients(name: str, value: object) -> list[str]:
    """Names, or pids."""
    items = [value] if isinstance(value, str | int) or not isinstance(value, Iterable) else list(value)
    return _texts(name, [str(item) if isinstance(item, int) and not isinstance(item, bool) else item for item in items])


def _dimensions(name: str, value: object) -> list[str]:
    return [",".join(_texts(name, value))]


_CHECKS = {
    "client": _clients, "workspace": _texts, "kind": _texts, "site": _text, "label": _text, "older_than": _seconds,
    "min_bytes": _count, "over": _seconds, "group_by": _dimensions, "sort": _text, "top": _count, "tree": _ids,
}
