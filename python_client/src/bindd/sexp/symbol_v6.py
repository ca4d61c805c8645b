"""Symbol libraries of KiCad 6. The classes are made from the table of models; see symbol_v6.pyi."""

from bindd.sexp import _models

__all__ = _models.fill(globals(), "symbol_v6")
