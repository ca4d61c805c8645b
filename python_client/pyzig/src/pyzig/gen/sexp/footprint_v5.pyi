"""bindd.sexp.footprint_v5 under the names of the replaced layer."""

from bindd.sexp.footprint_v5 import *
from bindd.sexp.footprint_v5 import __all__ as __all__
