"""Schematics, `.kicad_sch`. The classes are made from the table of models; see schematic.pyi."""

from bindd.sexp import _models

__all__ = _models.fill(globals(), "schematic")
