"""Attributes for nodes."""

from bindd.faebryk import NodeCreationAttributes as NodeCreationAttributes
