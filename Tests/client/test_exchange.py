"""Views for other programs: each output is read back by the program or library that it is for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import Any
from xml.etree import ElementTree

import pytest
from conftest import Home, alone

NASTY = 'a "q" <b> & \\ back\nline `t` #1; {x|y} [z] \t\0 \u202e größe'


def make() -> Any:
    from bindd.graph import EdgeReference, GraphView, NodeReference

    view = GraphView.create()
    a = view.insert_node(node=NodeReference.create(name=NASTY, id=7, count=1)).node()
    b = view.insert_node(node=NodeReference.create(name="b", ratio=0.5, flag=True)).node()
    c = view.create_and_insert_node().node()
    for source, target, directional, name in ((a, b, True, NASTY), (a, b, False, None), (b, a, True, "back"), (c, c, True, "")):
        edge = EdgeReference.create(source=source, target=target, edge_type=5, directional=directional, name=name, weight=2)
        view.insert_edge(edge=edge)
    return view


@alone
def test_networkx() -> None:
    import bindd
    import networkx

    view = make()
    before = bindd.statistics()["round_trips"]
    graph = view.to_networkx()
    assert bindd.statistics()["round_trips"] - before <= 4
    assert isinstance(graph, networkx.MultiDiGraph)
    assert (graph.number_of_nodes(), graph.number_of_edges()) == view.get_counts()
    assert list(graph.nodes) == view.node_ids().tolist() and graph.graph["self_node"] == 1
    assert dict(graph.nodes(data=True)) == dict(zip(view.node_ids(), view.attribute_rows(), strict=True))
    keys = {key: (source, target, data) for source, target, key, data in graph.edges(keys=True, data=True)}
    assert set(keys) == set(view.edge_table().ids)
    assert keys[1] == (2, 3, {"name": NASTY, "weight": 2, "edge_type": 5, "directional": True})
    assert keys[2][2] == {"weight": 2, "edge_type": 5, "directional": False}


@alone
def test_dot_is_read_by_a_parser_of_dot() -> None:
    import pydot

    view = make()
    text = view.to_dot()
    (graph,) = pydot.graph_from_dot_data(text)
    nodes = [node for node in graph.get_nodes() if node.get_name() not in ("node", '"\\n"')]
    assert (len(nodes), len(graph.get_edges())) == view.get_counts()
    assert [edge.get("dir") for edge in graph.get_edges()] == [None, "none", None, None]
    assert "[label=\"b\"]" in text and "label=\"5\"" in text
    assert "[label=\"7\"]" in view.to_dot(label="id")
    if shutil.which("dot"):  # where graphviz is, it has the last word
        done = subprocess.run(["dot", "-Tsvg"], input=text.encode(), capture_output=True, timeout=30)
        assert done.returncode == 0 and not done.stderr, done.stderr.decode()


@alone
def test_mermaid_keeps_to_its_grammar() -> None:
    import re

    view = make()
    head, *lines = view.to_mermaid().rstrip("\n").split("\n")
    assert head == "flowchart LR"
    string = r'"(?:[^"#<>&`\\\n\x00-\x1f]|#\w+;|<br/>)+"'
    nodes = [line for line in lines if re.fullmatch(rf"  n\d+\[{string}\]", line)]
    edges = [line for line in lines if re.fullmatch(rf"  n\d+ (?:-->|---)\|{string}\| n\d+", line)]
    assert (len(nodes), len(edges)) == view.get_counts() and len(lines) == len(nodes) + len(edges), lines


@alone
def test_tables() -> None:
    import pyarrow

    view = make()
    nodes, edges = view.to_arrow()
    assert (nodes.num_rows, edges.num_rows) == view.get_counts()
    nodes.validate(full=True)
    edges.validate(full=True)
    assert nodes.column_names == ["id", "name", "attribute id", "count", "ratio", "flag"]
    assert nodes["id"].to_pylist() == view.node_ids().tolist()
    assert nodes["attribute id"].to_pylist() == [None, 7, None, None]
    assert edges.column_names == ["id", "source", "target", "edge_type", "directional", "name", "weight"]
    assert edges.schema.field("directional").type == pyarrow.bool_()
    assert edges["name"].to_pylist() == [NASTY, None, "back", ""]
    frames = view.to_pandas()
    assert [len(frame) for frame in frames] == [nodes.num_rows, edges.num_rows]
    assert str(frames[0]["count"].dtype) == "Int64", "missing values do not turn integers into floats"
    assert frames[1]["directional"].tolist() == [True, False, True, True]


@alone
def test_a_mixed_column_loses_nothing() -> None:
    from bindd.graph import GraphView, NodeReference

    view = GraphView.create()
    for value in (1, 2.5, True):
        view.insert_node(node=NodeReference.create(v=value))
    assert view.attribute_column(key="v").to_arrow().to_pylist() == [None, "1", "2.5", "True"]
    numbers = GraphView.create()
    numbers.insert_node(node=NodeReference.create(v=1, w=(1 << 53) + 1))
    numbers.insert_node(node=NodeReference.create(v=2.5, w=0.5))
    assert numbers.attribute_column(key="v").to_arrow().to_pylist() == [None, 1.0, 2.5]
    assert numbers.attribute_column(key="w").to_arrow().to_pylist() == [None, str((1 << 53) + 1), "0.5"]


@alone
def test_the_picture_is_small_and_well_formed() -> None:
    import os

    from bindd.graph import EdgeReference, GraphView

    os.environ["PATH"] = "/nonexistent"  # no graphviz: our own drawing
    view = make()
    picture = view._repr_svg_()
    root = ElementTree.fromstring(picture)
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{space}svg"
    assert len(root.findall(f"{space}rect")) == 4
    assert len([path for path in root.findall(f"{space}path")]) == 4
    assert len([path for path in root.findall(f"{space}path") if path.get("marker-end")]) == 3
    assert len(ElementTree.fromstring(GraphView.create()._repr_svg_()).findall(f"{space}rect")) == 1
    hub = view.get_self_node().node()
    for _ in range(80):
        node = view.create_and_insert_node().node()
        view.insert_edge(edge=EdgeReference.create(source=hub, target=node, edge_type=1))
    picture = view._repr_svg_()
    assert len(picture) < 2000 and "84 nodes, 84 edges" in picture
    ElementTree.fromstring(picture)
    view.destroy()
    assert view._repr_svg_() is None, "a notebook shows repr() instead"


def test_graphviz_draws_where_it_is_installed(home: Home) -> None:
    """A stand-in for `dot` that answers with an SVG, or fails."""
    folder = home.folder.parent / "bin"
    folder.mkdir()
    program = folder / "dot"
    code = "from test_exchange import make; print(make()._repr_svg_())"
    for body, expected in (("cat >/dev/null; echo '<?xml?>'; echo '<svg>drawn</svg>'", "<svg>drawn</svg>"),
                           ("cat >/dev/null; exit 1", "<svg xmlns")):
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
        done = home.python(code, PATH=f"{folder}:/usr/bin:/bin")
        assert done.returncode == 0 and done.stdout.startswith(expected), done.stdout + done.stderr


@alone
def test_a_missing_library_is_told_with_what_to_install() -> None:
    view = make()
    for library, methods in (("networkx", ["to_networkx"]), ("pyarrow", ["to_arrow", "to_pandas"]), ("pandas", ["to_pandas"])):
        sys.modules[library] = None  # type: ignore[assignment]
        try:
            for method in methods:
                with pytest.raises(ImportError, match=r"bindd\[exchange\]") as caught:
                    getattr(view, method)()
                assert library in str(caught.value)
        finally:
            del sys.modules[library]
