"""Tables of footprint libraries. The classes are made from the table of models; see fp_lib_table.pyi."""

from bindd.sexp import _models

__all__ = _models.fill(globals(), "fp_lib_table")
