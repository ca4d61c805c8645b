"""bindd.sexp.symbol_v6 under the names of the replaced layer."""

from bindd.sexp.symbol_v6 import *
from bindd.sexp.symbol_v6 import __all__ as __all__
