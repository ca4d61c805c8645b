"""Pickling of what can be sent elsewhere: a view and a document by value, a named workspace and what it shares by name.

Another process, or another machine, gets a view of its own with the same nodes, edges and attributes, in its own workspace and
with ids of its own. What `BoundNode.store()` keeps is Python's and does not travel. Handles of nodes and edges mean something
in one workspace only and refuse; so does a private workspace. A view that a named workspace shares (GraphView.share) travels
by the two names: it is the same view, for processes of the same machine. copy.copy and copy.deepcopy always make another one.
Cost: that of to_bytes() and from_bytes(), or of dumps() and parse(); by name a round trip on each side.
"""

from __future__ import annotations

import copyreg
from typing import Any

from bindd import _bindd
from bindd._bindd import Document, GraphView, Workspace

__all__: list[str] = []


def _view(data: bytes) -> GraphView:
    return GraphView.from_bytes(data=data)


_opened: dict[str, Workspace] = {}
"""Workspaces that views were found in, where the current one was another."""


def _shared_view(workspace: str, name: str) -> GraphView:
    current = _bindd._current()
    if current is None or not current.alive or current.name != workspace:
        current = _opened.get(workspace)
        if current is None or not current.alive:
            current = _opened[workspace] = _workspace(workspace)
    return GraphView.find_shared(name=name, workspace=current)


def _document(text: str, label: str) -> Document:
    from bindd import sexp

    return sexp.parse(text.encode(), label=label)


def _workspace(name: str) -> Workspace:
    import bindd

    return bindd.connect(name)


def _reduce_view(view: GraphView) -> tuple[Any, ...]:
    workspace = _bindd._workspace_name(view)
    name = view.get_shared_name() if workspace else None
    return (_view, (view.to_bytes(),)) if name is None else (_shared_view, (workspace, name))


def _reduce_document(document: Document) -> tuple[Any, ...]:
    from bindd import sexp

    return _document, (sexp.dumps(document), document.label)


def _reduce_workspace(workspace: Workspace) -> tuple[Any, ...]:
    if workspace.private:
        raise TypeError("a private workspace cannot be copied or pickled: it is this process's own; one with a name can")
    return _workspace, (workspace.name,)


def register() -> None:
    """Tells pickle and copy, once."""
    copyreg.pickle(GraphView, _reduce_view)
    copyreg.pickle(Document, _reduce_document)
    copyreg.pickle(Workspace, _reduce_workspace)
