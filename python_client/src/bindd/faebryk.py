"""What programs build from graphs: kinds of edges, types with their children and links, and the linker.

The edge kinds are places of static methods. All arguments are keywords; see the docstrings of the methods.
"""

from bindd._bindd import EdgeComposition as EdgeComposition
from bindd._bindd import EdgeCreationAttributes as EdgeCreationAttributes
from bindd._bindd import EdgeInterfaceConnection as EdgeInterfaceConnection
from bindd._bindd import EdgeNext as EdgeNext
from bindd._bindd import EdgeOperand as EdgeOperand
from bindd._bindd import EdgePointer as EdgePointer
from bindd._bindd import EdgeTrait as EdgeTrait
from bindd._bindd import EdgeType as EdgeType
from bindd._bindd import Linker as Linker
from bindd._bindd import MakeChildNode as MakeChildNode
from bindd._bindd import NodeCreationAttributes as NodeCreationAttributes
from bindd._bindd import Trait as Trait
from bindd._bindd import TypeGraph as TypeGraph
from bindd.errors import TypeGraphInstantiationError as TypeGraphInstantiationError
from bindd.errors import TypeGraphPathError as TypeGraphPathError
from bindd.errors import TypeGraphResolveError as TypeGraphResolveError

__all__ = [
    "EdgeComposition", "EdgeCreationAttributes", "EdgeInterfaceConnection", "EdgeNext", "EdgeOperand", "EdgePointer",
    "EdgeTrait", "EdgeType", "Linker", "MakeChildNode", "NodeCreationAttributes", "Trait", "TypeGraph",
    "TypeGraphInstantiationError", "TypeGraphPathError", "TypeGraphResolveError",
]
