"""Footprints, `.kicad_mod`, of KiCad 6 and later. The classes are made from the table of models; see footprint.pyi."""

from bindd.sexp import _models

__all__ = _models.fill(globals(), "footprint")
