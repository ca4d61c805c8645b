"""bindd.sexp.netlist under the names of the replaced layer."""

from bindd.sexp.netlist import *
from bindd.sexp.netlist import __all__ as __all__
