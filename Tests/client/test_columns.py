"""Many nodes and edges at once: columns that numpy and Arrow take as they are, in a counted number of round trips."""

from __future__ import annotations

import random
from typing import Any

import pytest
from conftest import Home, alone


def make(nodes: int, seed: int = 1) -> tuple[Any, list[Any], list[Any]]:
    """A view with all kinds of attributes; its nodes and edges as (handle, attributes)."""
    from bindd.graph import EdgeReference, GraphView, NodeReference

    rng = random.Random(seed)
    values = (
        lambda: rng.randrange(-(1 << 63), 1 << 63), lambda: rng.choice((0.0, -0.0, 1e300, float("inf"), rng.random())),
        lambda: rng.random() < 0.5, lambda: rng.choice(("", "x", "größe", "\N{GRINNING FACE}" * 3, "a\0b")),
    )
    view = GraphView.create()
    made = []
    for number in range(nodes):
        attributes = {
            "int": number, "float": number / 3, "bool": number % 3 == 0, "str": f"n{number}",
            **{f"any{n}": rng.choice(values)() for n in range(2) if rng.random() < 0.6},
        }
        if rng.random() < 0.1:
            attributes = {}
        made.append((view.insert_node(node=NodeReference.create(**attributes)).node(), attributes))
    edges = []
    for number in range(nodes * 2):
        one, two = rng.choice(made)[0], rng.choice(made)[0]
        attributes = {"weight": rng.random()} if rng.random() < 0.5 else {}
        name = rng.choice((None, f"e{number}"))
        directional = rng.random() < 0.5
        edge = EdgeReference.create(
            source=one, target=two, edge_type=number & 255, directional=directional, name=name, **attributes
        )
        view.insert_edge(edge=edge)
        edges.append((edge, ({"name": name} if name else {}) | attributes))
    return view, made, edges


def check(nodes: int) -> None:
    view, made, edges = make(nodes)
    ids = [view.get_self_node().node().get_uuid()] + [node.get_uuid() for node, _ in made]
    assert view.node_ids().tolist() == ids and view.node_ids().format == "I" and view.node_ids().readonly
    table = view.edge_table()
    assert table.row_count == len(edges)
    assert table.sources.tolist() == [edge.source().get_uuid() for edge, _ in edges]
    assert table.targets.tolist() == [edge.target().get_uuid() for edge, _ in edges]
    assert table.types.tolist() == [edge.edge_type() for edge, _ in edges]
    assert table.directional.tolist() == [edge.directional() for edge, _ in edges]
    assert table.ids.tolist() == sorted(table.ids)
    rows = [{}] + [attributes for _, attributes in made]
    assert view.attribute_rows() == rows and [list(row) for row in view.attribute_rows()] == [list(row) for row in rows]
    assert view.attribute_rows(of="edges") == [attributes for _, attributes in edges]
    for of, wanted in (("nodes", rows), ("edges", view.attribute_rows(of="edges"))):
        keys = list(dict.fromkeys(key for row in wanted for key in row))
        assert view.attribute_keys(of=of) == keys
        for key in (*keys, "none"):
            column = view.attribute_column(key=key, of=of)
            values = [row.get(key) for row in wanted]
            assert column.tolist() == values and [type(v) for v in column] == [type(v) for v in values], key
            assert len(column) == len(values) and column[-1] == values[-1] and column.null_count == values.count(None)
            assert [column.validity[row // 8] >> row % 8 & 1 for row in range(len(column))] == [v is not None for v in values]
    assert [view.attribute_column(key=key).kind for key in ("int", "float", "bool", "str", "x")] == [
        "int", "float", "bool", "str", "null",
    ]


@alone
def test_columns_say_what_single_reads_say() -> None:
    check(300)


def test_columns_without_the_arena(home: Home) -> None:
    done = home.python("import test_columns; test_columns.check(300)", BINDD_ARENA="0")
    assert done.returncode == 0, done.stderr


@alone
def test_an_empty_view_has_columns_too() -> None:
    from bindd.errors import StaleHandleError
    from bindd.graph import GraphView

    view = GraphView.create()
    assert len(view.node_ids()) == 1 and view.edge_table().row_count == 0 and view.attribute_keys() == []
    assert view.attribute_column(key="x", of="edges").tolist() == []
    for wrong in ("node", "", "edgesx"):
        with pytest.raises(ValueError, match="of must be"):
            view.attribute_column(key="x", of=wrong)
        with pytest.raises(ValueError, match="of must be"):
            view.attribute_rows(of=wrong)
    with pytest.raises(TypeError):
        view.attribute_column()
    kept = view.node_ids()
    view.destroy()
    assert len(kept) == 1, "a column outlives its view"
    for read in (view.node_ids, view.edge_table, view.attribute_rows, lambda: view.attribute_column(key="x")):
        with pytest.raises(StaleHandleError):
            read()


@alone
def test_numpy_and_arrow_take_columns_without_copying() -> None:
    import numpy
    import pyarrow

    view, _, _ = make(100)
    ids = view.node_ids()
    array = numpy.asarray(ids)
    assert array.dtype == numpy.uint32 and array.tolist() == ids.tolist() and not array.flags.owndata
    address = array.__array_interface__["data"][0]
    assert pyarrow.py_buffer(ids).address == address, "the same memory"
    assert numpy.asarray(view.edge_table().directional).dtype == bool
    for key, kind in (("int", numpy.int64), ("float", numpy.float64), ("bool", bool)):
        assert numpy.asarray(view.attribute_column(key=key).values).dtype == kind
    column = view.attribute_column(key="int")
    assert column.to_arrow().buffers()[1].address == numpy.asarray(column.values).__array_interface__["data"][0]
    text = view.attribute_column(key="str")
    assert text.to_arrow().buffers()[2].address == pyarrow.py_buffer(text.text).address
    for key in view.attribute_keys():
        column = view.attribute_column(key=key)
        column.to_arrow().validate(full=True)
        if column.kind != "mixed":
            assert column.to_arrow().to_pylist() == column.tolist()
        else:
            with pytest.raises(TypeError, match="no single buffer"):
                _ = column.values


def count_trips(arena: str) -> None:
    import bindd
    from bindd.graph import GraphView, NodeReference

    view = GraphView.create()
    for number in range(10_000):
        view.insert_node(node=NodeReference.create(number=number))
    before = bindd.statistics()["round_trips"]
    assert view.attribute_column(key="number").tolist() == [None, *range(10_000)]
    trips = bindd.statistics()["round_trips"] - before
    assert trips <= 1, f"{trips} round trips for 10,000 attributes (arena={arena})"
    before = bindd.statistics()["round_trips"]
    for read in (view.node_ids, view.edge_table, view.attribute_rows, view.attribute_keys):
        read()
    trips = bindd.statistics()["round_trips"] - before
    assert trips <= 4, f"{trips} round trips"


@pytest.mark.parametrize("arena", ["0", "1"])
def test_ten_thousand_attributes_in_one_round_trip(home: Home, arena: str) -> None:
    done = home.python(f"import test_columns; test_columns.count_trips({arena!r})", BINDD_ARENA=arena)
    assert done.returncode == 0, done.stderr
