"""One module for each kind of edge, the builders, the linker and the type graph."""

from pyzig.gen.faebryk import composition as composition
from pyzig.gen.faebryk import edgebuilder as edgebuilder
from pyzig.gen.faebryk import interface as interface
from pyzig.gen.faebryk import linker as linker
from pyzig.gen.faebryk import module as module
from pyzig.gen.faebryk import next as next
from pyzig.gen.faebryk import node_type as node_type
from pyzig.gen.faebryk import nodebuilder as nodebuilder
from pyzig.gen.faebryk import operand as operand
from pyzig.gen.faebryk import pointer as pointer
from pyzig.gen.faebryk import trait as trait
from pyzig.gen.faebryk import typegraph as typegraph
