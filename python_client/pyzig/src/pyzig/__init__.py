"""The module tree of the replaced layer, filled with bindd's classes: the same objects under second names.

Programs walk ``dir(pyzig)`` and register what are modules, so a module here has no name without an underscore but those of
the tree. bindd itself does not know of this distribution. Importing does no I/O and starts nothing.
"""

from pyzig import gen as gen
