"""The typed layer's model under one name, as bindd.faebryk has it."""

from __future__ import annotations

from model_edges import EdgeCreationAttributes as EdgeCreationAttributes
from model_edges import NodeCreationAttributes as NodeCreationAttributes
from model_kinds import BFSPath as BFSPath
from model_kinds import EdgeComposition as EdgeComposition
from model_kinds import EdgeInterfaceConnection as EdgeInterfaceConnection
from model_kinds import EdgeNext as EdgeNext
from model_kinds import EdgeOperand as EdgeOperand
from model_kinds import EdgePointer as EdgePointer
from model_kinds import EdgeTrait as EdgeTrait
from model_kinds import EdgeType as EdgeType
from model_types import Linker as Linker
from model_types import Trait as Trait
from model_types import TypeGraph as TypeGraph
