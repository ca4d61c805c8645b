"""The models of KiCad files; the module pyzig_sexp has them too."""

from pyzig_sexp import footprint as footprint
from pyzig_sexp import footprint_v5 as footprint_v5
from pyzig_sexp import fp_lib_table as fp_lib_table
from pyzig_sexp import netlist as netlist
from pyzig_sexp import pcb as pcb
from pyzig_sexp import schematic as schematic
from pyzig_sexp import symbol as symbol
from pyzig_sexp import symbol_v6 as symbol_v6
