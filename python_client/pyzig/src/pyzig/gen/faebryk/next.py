"""Edges that put nodes in a row."""

from bindd.faebryk import EdgeNext as EdgeNext
