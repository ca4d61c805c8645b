"""Edges that refer to a node elsewhere."""

from bindd.faebryk import EdgePointer as EdgePointer
