"""bindd.sexp.footprint under the names of the replaced layer."""

from bindd.sexp.footprint import *
from bindd.sexp.footprint import __all__ as __all__
