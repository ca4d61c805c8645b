"""bindd.sexp.fp_lib_table under the names of the replaced layer."""

from pyzig_sexp import _fill as _fill

__all__ = _fill.fill(globals(), "fp_lib_table")
