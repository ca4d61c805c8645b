"""bindd.sexp.schematic under the names of the replaced layer."""

from bindd.sexp.schematic import *
from bindd.sexp.schematic import __all__ as __all__
