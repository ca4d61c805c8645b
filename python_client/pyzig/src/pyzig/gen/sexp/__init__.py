"""The models of KiCad files; the module pyzig_sexp has them too."""

from pyzig.gen.sexp import footprint as footprint
from pyzig.gen.sexp import footprint_v5 as footprint_v5
from pyzig.gen.sexp import fp_lib_table as fp_lib_table
from pyzig.gen.sexp import netlist as netlist
from pyzig.gen.sexp import pcb as pcb
from pyzig.gen.sexp import schematic as schematic
from pyzig.gen.sexp import symbol as symbol
from pyzig.gen.sexp import symbol_v6 as symbol_v6
