"""Traits of nodes and types."""

from bindd.faebryk import EdgeTrait as EdgeTrait
from bindd.faebryk import Trait as Trait
