"""Symbol libraries, `.kicad_sym`. The classes are made from the table of models; see symbol.pyi."""

from bindd.sexp import _models

__all__ = _models.fill(globals(), "symbol")
