"""The graph module is one level further down, as in the replaced layer."""

from pyzig.gen.graph import graph as graph
