"""Boards, `.kicad_pcb`, of KiCad 5 to 10. The classes are made from the table of models; see pcb.pyi."""

from bindd.sexp import _models

__all__ = _models.fill(globals(), "pcb")
