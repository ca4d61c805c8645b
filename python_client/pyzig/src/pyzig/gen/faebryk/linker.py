"""Ties references to types."""

from bindd.faebryk import Linker as Linker
