"""Columns: what GraphView.edge_table() and .attribute_column() return. Read-only memory that numpy and Arrow take as it is.

    table = view.edge_table()
    sources = numpy.asarray(table.sources)                   # uint32, no copy
    weights = view.attribute_column(key="weight", of="edges")
    numpy.asarray(weights.values)                            # int64 or float64, no copy; 0 where a row has no value
    weights.to_arrow()                                       # with the missing ones as nulls, no copy

A column is a copy of the graph's state at the call; it lives on when the view or the worker is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

__all__ = ["AttributeColumn", "EdgeTable"]

_NAMES = ("null", "int", "float", "bool", "str")
_NULL, _INT, _FLOAT, _BOOL, _STR = range(5)


class EdgeTable(NamedTuple):
    """Every edge of a view, a row for each, in order of insertion."""

    ids: memoryview
    """uint32"""
    sources: memoryview
    """uint32, node ids"""
    targets: memoryview
    """uint32, node ids"""
    types: memoryview
    """uint8, edge types"""
    directional: memoryview
    """bool"""

    @property
    def row_count(self) -> int:
        """Count of edges (len() of the table is that of its columns, as of any tuple)."""
        return len(self.ids)


class AttributeColumn:
    """One attribute of all nodes or edges of a view. A sequence of Python values, None where a row has none.

    kind: "int", "float", "bool", "str" when all values are of that type; "null" when there is none; "mixed" otherwise.
    kinds: uint8 per row: 0 none, 1 int, 2 float, 3 bool, 4 str.
    validity: a bit per row, lowest first, 1 where there is a value (Arrow's bitmap).
    offsets, text: of str values: UTF-8 of row i is text[offsets[i]:offsets[i + 1]] (int64, one more than rows).
    """

    __slots__ = ("_words", "kind", "kinds", "null_count", "offsets", "text", "validity")

    def __init__(
        self, kinds: memoryview, validity: memoryview, words: memoryview, offsets: memoryview, text: memoryview
    ) -> None:
        self.kinds, self.validity, self.offsets, self.text = kinds, validity, offsets, text
        self._words = words
        seen = sorted(set(kinds.tobytes()) - {_NULL})
        self.kind = "null" if not seen else _NAMES[seen[0]] if len(seen) == 1 else "mixed"
        self.null_count = kinds.tobytes().count(_NULL)

    @property
    def values(self) -> memoryview[Any]:
        """int64, float64 or bool per row, 0 where there is no value. TypeError for str and mixed columns: use to_arrow(),
        tolist(), or text and offsets."""
        if self.kind in ("int", "null"):
            return self._words
        if self.kind == "float":
            return self._words.cast("B").cast("d")
        if self.kind == "bool":
            return memoryview(self._words.cast("B")[::8].tobytes()).cast("?")
        raise TypeError(f"a column of kind {self.kind!r} has no single buffer of values; use to_arrow() or tolist()")

    def __len__(self) -> int:
        return len(self.kinds)

    def __getitem__(self, row: int) -> int | float | bool | str | None:
        row = range(len(self.kinds))[row]
        kind = self.kinds[row]
        if kind == _INT:
            return int(self._words[row])
        if kind == _FLOAT:
            return float(self._words.cast("B").cast("d")[row])
        if kind == _BOOL:
            return bool(self._words[row])
        if kind == _STR:
            return bytes(self.text[self.offsets[row] : self.offsets[row + 1]]).decode()
        return None

    def __iter__(self) -> Iterator[int | float | bool | str | None]:
        return iter(self.tolist())

    def tolist(self) -> list[int | float | bool | str | None]:
        """Every value as a Python object."""
        if self.kind in ("int", "float") and not self.null_count:
            return list(self.values.tolist())
        floats = self._words.cast("B").cast("d")
        text = self.text.tobytes()
        result: list[int | float | bool | str | None] = []
        for row, kind in enumerate(self.kinds):
            if kind == _INT:
                result.append(self._words[row])
            elif kind == _FLOAT:
                result.append(floats[row])
            elif kind == _BOOL:
                result.append(bool(self._words[row]))
            elif kind == _STR:
                result.append(text[self.offsets[row] : self.offsets[row + 1]].decode())
            else:
                result.append(None)
        return result

    def __repr__(self) -> str:
        return f"<AttributeColumn of {len(self)} rows, kind {self.kind}, {self.null_count} null>"

    def to_arrow(self) -> Any:
        """A pyarrow.Array, missing values as nulls: int64, double and large_string share this memory, bool is packed. A mixed
        column becomes double when that loses nothing, else a string of each value."""
        from bindd._exchange import needs

        pa = needs("pyarrow", "attribute_column().to_arrow()")
        rows = len(self)
        valid = pa.py_buffer(self.validity) if self.null_count else None
        if self.kind == "null":
            return pa.nulls(rows)
        if self.kind in ("int", "float"):
            kind = pa.int64() if self.kind == "int" else pa.float64()
            return pa.Array.from_buffers(kind, rows, [valid, pa.py_buffer(self._words)], self.null_count)
        if self.kind == "bool":
            numbers = pa.py_buffer(self.values)
            return pa.Array.from_buffers(pa.uint8(), rows, [valid, numbers], self.null_count).cast(pa.bool_())
        if self.kind == "str":
            buffers = [valid, pa.py_buffer(self.offsets), pa.py_buffer(self.text)]
            return pa.Array.from_buffers(pa.large_string(), rows, buffers, self.null_count)
        values = self.tolist()
        if set(self.kinds.tobytes()) <= {_NULL, _INT, _FLOAT}:
            as_floats = [None if value is None else float(value) for value in values]
            if all(one is None or one == other or one != one for one, other in zip(as_floats, values, strict=True)):
                return pa.array(as_floats, pa.float64())
        return pa.array([None if value is None else str(value) for value in values], pa.large_string())
