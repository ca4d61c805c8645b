"""The S-expression module of the replaced layer: bindd's KiCad models under its names.

Each submodule has loads(str), dumps(file), the structs, and the enums as namespaces of plain str. Programs walk the
modules here and register each under further names, so they are modules of their own. Importing does no I/O.
"""

from pyzig_sexp import footprint as footprint
from pyzig_sexp import footprint_v5 as footprint_v5
from pyzig_sexp import fp_lib_table as fp_lib_table
from pyzig_sexp import netlist as netlist
from pyzig_sexp import pcb as pcb
from pyzig_sexp import schematic as schematic
from pyzig_sexp import symbol as symbol
from pyzig_sexp import symbol_v6 as symbol_v6
