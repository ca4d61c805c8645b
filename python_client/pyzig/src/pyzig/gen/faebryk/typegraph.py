"""Types, their making, and what can go wrong with it."""

from bindd.faebryk import MakeChildNode as MakeChildNode
from bindd.faebryk import TypeGraph as TypeGraph
from bindd.faebryk import TypeGraphInstantiationError as TypeGraphInstantiationError
from bindd.faebryk import TypeGraphPathError as TypeGraphPathError
from bindd.faebryk import TypeGraphResolveError as TypeGraphResolveError
