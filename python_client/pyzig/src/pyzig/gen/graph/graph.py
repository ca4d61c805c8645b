"""bindd.graph under the name that programs import. BoundNode and BoundEdge are second names of the Reference classes."""

from bindd.graph import BFSPath as BFSPath
from bindd.graph import BoundEdge as BoundEdge
from bindd.graph import BoundEdgeReference as BoundEdgeReference
from bindd.graph import BoundNode as BoundNode
from bindd.graph import BoundNodeReference as BoundNodeReference
from bindd.graph import EdgeReference as EdgeReference
from bindd.graph import GraphView as GraphView
from bindd.graph import NodeReference as NodeReference
