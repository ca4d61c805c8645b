"""What the getters of a KiCad file say, all of it, as plain values: to compare two files, or a file with itself later."""

from __future__ import annotations


def tree(value: object) -> object:
    if hasattr(type(value), "__field_names__"):
        return [(name, tree(getattr(value, name))) for name in value.__field_names__()]  # type: ignore[attr-defined]
    return [tree(item) for item in value] if type(value).__name__ == "MutableList" else value  # type: ignore[attr-defined]
