"""bindd.sexp.symbol_v6 under the names of the replaced layer."""

from pyzig_sexp import _fill as _fill

__all__ = _fill.fill(globals(), "symbol_v6")
