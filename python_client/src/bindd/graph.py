"""Graphs in the daemon: views, nodes, edges. All arguments are keywords; see the docstrings of the methods.

Creating and inserting do not wait for the daemon; reading does. Two handles of the same object are two Python objects;
only BoundNodes compare by what they refer to.

``python -m bindd.graph`` builds and destroys a large graph 20 times, prints what it costs and fails when memory does not
come back.
"""

from bindd._bindd import BFSPath as BFSPath
from bindd._bindd import BoundEdge as BoundEdge
from bindd._bindd import BoundEdgeReference as BoundEdgeReference
from bindd._bindd import BoundNode as BoundNode
from bindd._bindd import BoundNodeReference as BoundNodeReference
from bindd._bindd import EdgeReference as EdgeReference
from bindd._bindd import GraphView as GraphView
from bindd._bindd import NodeReference as NodeReference

__all__ = [
    "BFSPath", "BoundEdge", "BoundEdgeReference", "BoundNode", "BoundNodeReference", "EdgeReference", "GraphView",
    "NodeReference",
]

if __name__ == "__main__":
    from bindd._smoke import main

    raise SystemExit(main())
