"""Edges from an expression to its operands."""

from bindd.faebryk import EdgeOperand as EdgeOperand
