"""Graphs, what faebryk builds from them, and KiCad files."""

from pyzig.gen import faebryk as faebryk
from pyzig.gen import graph as graph
from pyzig.gen import sexp as sexp
