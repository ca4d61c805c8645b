"""Edges between interfaces, and the paths along them."""

from bindd.faebryk import EdgeInterfaceConnection as EdgeInterfaceConnection
