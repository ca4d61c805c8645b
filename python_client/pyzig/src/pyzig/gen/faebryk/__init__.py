"""One module for each kind of edge, the builders, and the type graph, as far as bindd.faebryk has their classes: a module
whose classes are missing there is missing here, instead of being there and failing later.
"""


def _load() -> None:
    from importlib import import_module

    for name in (
        "composition", "edgebuilder", "interface", "linker", "next", "node_type", "nodebuilder", "operand", "pointer",
        "trait", "typegraph",
    ):
        try:
            globals()[name] = import_module(f"{__name__}.{name}")
        except ImportError as error:
            if error.name != "bindd.faebryk":  # anything but a name that is missing there
                raise


_load()
