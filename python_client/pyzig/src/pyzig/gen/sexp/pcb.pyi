"""bindd.sexp.pcb under the names of the replaced layer."""

from bindd.sexp.pcb import *
from bindd.sexp.pcb import __all__ as __all__
