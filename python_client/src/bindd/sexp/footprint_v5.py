"""Footprints of KiCad 5, `(module …)`. The classes are made from the table of models; see footprint_v5.pyi."""

from bindd.sexp import _models

__all__ = _models.fill(globals(), "footprint_v5")
