"""Edges from a parent to its children."""

from bindd.faebryk import EdgeComposition as EdgeComposition
from bindd.faebryk import EdgeOperand as EdgeOperand
