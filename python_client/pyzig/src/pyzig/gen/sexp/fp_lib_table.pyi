"""bindd.sexp.fp_lib_table under the names of the replaced layer."""

from bindd.sexp.fp_lib_table import *
from bindd.sexp.fp_lib_table import __all__ as __all__
