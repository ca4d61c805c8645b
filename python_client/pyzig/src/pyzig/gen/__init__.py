"""Graphs, and what faebryk builds from them."""

from pyzig.gen import faebryk as faebryk
from pyzig.gen import graph as graph
