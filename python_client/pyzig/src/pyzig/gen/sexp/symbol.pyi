"""bindd.sexp.symbol under the names of the replaced layer."""

from bindd.sexp.symbol import *
from bindd.sexp.symbol import __all__ as __all__
