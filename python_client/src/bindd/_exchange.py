"""GraphViews for other programs: networkx, graphviz, Mermaid, Arrow, pandas, a picture in a notebook.

The methods of GraphView of the same names come here. Each reads the view in a handful of requests, whatever its size, and
works on that copy. Libraries are imported when they are asked for: `pip install "bindd[exchange]"` brings them all.
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple

from bindd._files import is_replaced, look_like, mode_of_new_files

if TYPE_CHECKING:
    from bindd._columns import EdgeTable
    from bindd.graph import GraphView

__all__ = ["load", "needs", "repr_svg", "save", "to_arrow", "to_dot", "to_mermaid", "to_networkx", "to_pandas"]

READS_MAX = 5
"""Reading takes several requests; when another client changes the view between them, it starts over so often."""
DRAWN_NODES_MAX = 60
DRAWN_EDGES_MAX = 150
GRAPHVIZ_LIMIT_S = 5.0
LABEL_CHARACTERS_MAX = 40


def needs(module: str, wanted_by: str) -> Any:
    """The module, or an ImportError that says what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'{wanted_by} needs {module}, which cannot be imported ({error}); pip install "bindd[exchange]" brings it',
            name=module,
        ) from error


class Copy(NamedTuple):
    """A view as it was at one moment."""

    nodes: list[int]
    edges: EdgeTable
    node_attributes: list[dict[str, Any]]
    edge_attributes: list[dict[str, Any]]


def read(view: GraphView) -> Copy:
    for _ in range(READS_MAX):
        nodes = view.node_ids().tolist()
        edges = view.edge_table()
        copy = Copy(nodes, edges, view.attribute_rows(of="nodes"), view.attribute_rows(of="edges"))
        is_whole = (
            len(copy.node_attributes) == len(nodes)
            and len(copy.edge_attributes) == edges.row_count
            and set(nodes) >= {*edges.sources, *edges.targets}
        )
        if is_whole:
            return copy
    raise RuntimeError(f"another client changed the view {READS_MAX} times while it was read; try again when it is quiet")


# -- files -------------------------------------------------------------------------------------------------------------


def save(view: GraphView, path: str | os.PathLike[str]) -> None:
    """The new file is complete on the disk before it takes the old one's place."""
    target = os.path.realpath(os.fspath(path))  # a link stays a link
    is_there = is_replaced(target)
    data = view.to_bytes()
    folder = os.path.dirname(target)
    handle, temporary = tempfile.mkstemp(prefix=".bindd-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if is_there:
                look_like(file.fileno(), target)
            else:
                os.fchmod(file.fileno(), mode_of_new_files())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def load(path: str | os.PathLike[str]) -> GraphView:
    from bindd.graph import GraphView

    with open(os.fspath(path), "rb") as file:
        data = file.read()
    try:
        return GraphView.from_bytes(data=data)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error


def copy(view: GraphView) -> GraphView:
    return type(view).from_bytes(data=view.to_bytes())


# -- networkx ----------------------------------------------------------------------------------------------------------


def to_networkx(view: GraphView) -> Any:
    networkx = needs("networkx", "GraphView.to_networkx()")
    copy = read(view)
    graph = networkx.MultiDiGraph(self_node=copy.nodes[0])
    graph.add_nodes_from(zip(copy.nodes, copy.node_attributes, strict=True))
    graph.add_edges_from(
        (source, target, edge, {**attributes, "edge_type": edge_type, "directional": directional})
        for edge, source, target, edge_type, directional, attributes in zip(
            *copy.edges, copy.edge_attributes, strict=True
        )
    )
    return graph


# -- text --------------------------------------------------------------------------------------------------------------


def _shown(value: Any) -> str:
    """A label: one line per line of text, without characters that no drawing program takes, of bounded length."""
    text = "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in str(value))
    return text if len(text) <= LABEL_CHARACTERS_MAX else text[: LABEL_CHARACTERS_MAX - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _node_labels(copy: Copy, label: str) -> list[str]:
    labels = [_shown(attributes.get(label, node)) for node, attributes in zip(copy.nodes, copy.node_attributes, strict=True)]
    if label not in copy.node_attributes[0]:
        labels[0] = f"self {copy.nodes[0]}"
    return labels


def _edge_labels(copy: Copy, label: str) -> list[str]:
    return [
        _shown(attributes.get(label, edge_type))
        for edge_type, attributes in zip(copy.edges.types, copy.edge_attributes, strict=True)
    ]


def _dot_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _dot(copy: Copy, label: str) -> str:
    lines = ["digraph bindd {", "  node [shape=box];"]
    lines += [
        f"  n{node} [label={_dot_string(text)}];"
        for node, text in zip(copy.nodes, _node_labels(copy, label), strict=True)
    ]
    edges = zip(copy.edges.sources, copy.edges.targets, copy.edges.directional, _edge_labels(copy, label), strict=True)
    lines += [
        f"  n{source} -> n{target} [label={_dot_string(text)}{'' if directional else ', dir=none'}];"
        for source, target, directional, text in edges
    ]
    return "\n".join([*lines, "}", ""])


def to_dot(view: GraphView, label: str | None = None) -> str:
    return _dot(read(view), label or "name")


_MERMAID = {
    "#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;", "\\": "#92;", "\n": "<br/>",
}


def _mermaid_string(text: str) -> str:
    return '"' + ("".join(_MERMAID.get(character, character) for character in text) or " ") + '"'


def to_mermaid(view: GraphView, label: str | None = None) -> str:
    copy = read(view)
    lines = ["flowchart LR"]
    lines += [
        f"  n{node}[{_mermaid_string(text)}]"
        for node, text in zip(copy.nodes, _node_labels(copy, label or "name"), strict=True)
    ]
    edges = zip(
        copy.edges.sources, copy.edges.targets, copy.edges.directional, _edge_labels(copy, label or "name"), strict=True
    )
    lines += [
        f"  n{source} {'-->' if directional else '---'}|{_mermaid_string(text)}| n{target}"
        for source, target, directional, text in edges
    ]
    return "\n".join([*lines, ""])


# -- tables ------------------------------------------------------------------------------------------------------------


def _table(pa: Any, view: GraphView, rows: str, fixed: dict[str, Any]) -> Any:
    columns = dict(fixed)
    for key in view.attribute_keys(of=rows):
        name = key
        while name in columns:
            name = f"attribute {name}"
        columns[name] = view.attribute_column(key=key, of=rows).to_arrow()
    if len({len(column) for column in columns.values()}) > 1:
        return None
    return pa.table(columns)


def _numbers(pa: Any, kind: Any, column: memoryview) -> Any:
    return pa.Array.from_buffers(kind, len(column), [None, pa.py_buffer(column)], 0)


def to_arrow(view: GraphView) -> tuple[Any, Any]:
    pa = needs("pyarrow", "GraphView.to_arrow()")
    for _ in range(READS_MAX):
        edges = view.edge_table()
        nodes_table = _table(pa, view, "nodes", {"id": _numbers(pa, pa.uint32(), view.node_ids())})
        edges_table = _table(pa, view, "edges", {
            "id": _numbers(pa, pa.uint32(), edges.ids), "source": _numbers(pa, pa.uint32(), edges.sources),
            "target": _numbers(pa, pa.uint32(), edges.targets), "edge_type": _numbers(pa, pa.uint8(), edges.types),
            "directional": _numbers(pa, pa.uint8(), edges.directional).cast(pa.bool_()),
        })
        if nodes_table is not None and edges_table is not None:
            return nodes_table, edges_table
    raise RuntimeError(f"another client changed the view {READS_MAX} times while it was read; try again when it is quiet")


def to_pandas(view: GraphView) -> tuple[Any, Any]:
    pandas = needs("pandas", "GraphView.to_pandas()")
    pa = needs("pyarrow", "GraphView.to_pandas()")
    # Without these an int column with a missing value would become float, and lose digits.
    types = {pa.int64(): pandas.Int64Dtype(), pa.bool_(): pandas.BooleanDtype(), pa.large_string(): pandas.StringDtype()}
    nodes, edges = to_arrow(view)
    return nodes.to_pandas(types_mapper=types.get), edges.to_pandas(types_mapper=types.get)


# -- a picture ---------------------------------------------------------------------------------------------------------


def _graphviz(copy: Copy) -> str | None:
    """The drawing of `dot`; None where there is none, or when it fails."""
    program = shutil.which("dot")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "-Tsvg"], input=_dot(copy, "name").encode(), capture_output=True, timeout=GRAPHVIZ_LIMIT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    start = done.stdout.find(b"<svg")
    return done.stdout[start:].decode() if done.returncode == 0 and start >= 0 else None


def repr_svg(view: GraphView) -> str | None:
    from bindd import _svg
    from bindd.errors import BinddError

    try:
        nodes, edges = view.get_counts()
        if nodes > DRAWN_NODES_MAX or edges > DRAWN_EDGES_MAX:
            return _svg.note(f"GraphView: {nodes:,} nodes, {edges:,} edges", "too many to draw; see to_dot(), to_networkx()")
        copy = read(view)
    except (BinddError, RuntimeError):
        return None
    return _graphviz(copy) or _svg.draw(copy, _node_labels(copy, "name"), _edge_labels(copy, "name"))
