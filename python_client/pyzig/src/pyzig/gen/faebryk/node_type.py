"""Edges from a type to its instances."""

from bindd.faebryk import EdgeType as EdgeType
