"""Fills a module of the replaced layer from bindd's module of the same name."""

from __future__ import annotations

import importlib
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

from bindd.errors import SexpError
from bindd.sexp import _models


def plain(error: SexpError) -> ValueError:
    """A ValueError and no subclass, as programs for the replaced layer test for; what bindd knows is in its attributes."""
    same = ValueError(str(error))
    same.__dict__.update(error.__dict__)
    return same


def fill(namespace: dict[str, Any], name: str) -> list[str]:
    """The structs are the same classes; an enum is a namespace with each word, also in upper case, as a plain str."""
    file = _models.FILES[name]
    source = importlib.import_module(f"bindd.sexp.{name}")

    def loads(text: str, /) -> Any:
        """Reads a text."""
        if not isinstance(text, str):
            raise TypeError("loads() requires a string argument")
        try:
            return _models.load_text(file, text)
        except SexpError as error:
            raise plain(error) from error

    def dumps(file: Any, /) -> str:
        """The text of a file."""
        text: str = source.dumps(file)
        return text

    found: dict[str, Any] = {"loads": loads, "dumps": dumps}
    for own in source.__all__:
        value = getattr(source, own)
        if isinstance(value, type) and issubclass(value, StrEnum):
            words = {word: str(member.value) for word, member in value.__members__.items()}
            value = SimpleNamespace(**words)
        found.setdefault(own, value)
    namespace |= found
    return sorted(found)
