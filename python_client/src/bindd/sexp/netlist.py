"""Netlists, `(export …)`. The classes are made from the table of models; see netlist.pyi."""

from bindd.sexp import _models

__all__ = _models.fill(globals(), "netlist")
