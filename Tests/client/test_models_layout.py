"""Edits in files of any layout: what is new goes where its neighbours stand, what was there stays byte for byte."""

from __future__ import annotations

from conftest import alone

OLD = """(kicad_pcb (version 4) (host pcbnew 4)

  (page A4)
  (net 0 "")
  (net 1 a)

  (gr_line (start 0 0) (end 1.500 1) (layer Edge.Cuts) (width 0.1))
)
"""
TABLE = """(fp_lib_table
  (lib (name a)(type KiCad)(uri x)(options "")(descr ""))
)
"""
COMMENTED = """# head
(kicad_pcb
(version 20241229)
# of whoever reads this
(generator "g")
(net 0 "")
# tail
)
# end"""


@alone
def test_new_lists_go_where_their_neighbours_stand() -> None:
    import test_models_layout as t

    from bindd.sexp import fp_lib_table, pcb

    def edited(text: str) -> str:
        with pcb.loads(text.encode()) as file:
            nets = file.kicad_pcb.nets
            nets.append(pcb.Net(number=5, name="n"))
            nets.insert(0, pcb.Net(number=6, name="m"))
            out = pcb.dumps(file)
            nets.pop(0)
            nets.pop()
            assert pcb.dumps(file) == text
        return out

    assert edited(t.OLD) == t.OLD.replace('(net 0 "")\n', '(net 6 "m")\n  (net 0 "")\n').replace("(net 1 a)\n", '(net 1 a)\n  (net 5 "n")\n')
    # With other line ends, with a mark, on one line, without indents and with comments around.
    windows = "\ufeff" + t.OLD.replace("\n", "\r\n")
    assert edited(windows) == "\ufeff" + edited(t.OLD).replace("\n", "\r\n")
    assert edited('(kicad_pcb (version 4) (net 0 "") (net 1 a))') == '(kicad_pcb (version 4) (net 6 "m") (net 0 "") (net 1 a) (net 5 "n"))'
    assert edited(t.COMMENTED) == t.COMMENTED.replace('(net 0 "")', '(net 6 "m")\n(net 0 "")\n(net 5 "n")')
    with pcb.loads(t.OLD.encode()) as file:
        board = file.kicad_pcb
        board.gr_lines.append(board.gr_lines[0])
        board.gr_lines[0].end.y = 2.25
        board.zones.append(pcb.Zone(
            net=1, net_name="a", layer="F.Cu", hatch=pcb.Hatch(mode="edge", pitch=0.5),
            polygon=pcb.Polygon(pts=pcb.Pts(xys=[pcb.Xy(x=i, y=i) for i in range(12)]))))
        out = pcb.dumps(file)
    line = "  (gr_line (start 0 0) (end 1.500 1) (layer Edge.Cuts) (width 0.1))\n"
    zone = """  (zone
    (net 1)
    (net_name "a")
    (layer "F.Cu")
    (hatch edge 0.5)
    (polygon
      (pts
        (xy 0 0) (xy 1 1) (xy 2 2) (xy 3 3) (xy 4 4) (xy 5 5) (xy 6 6) (xy 7 7) (xy 8 8) (xy 9 9) (xy 10 10)
        (xy 11 11)
      )
    )
  )
"""
    assert out == t.OLD.replace(line, line.replace("1.500 1)", "1.500 2.25)") + line + zone)
    with fp_lib_table.loads(t.TABLE.encode()) as table:
        table.fp_lib_table.libs.append(fp_lib_table.FpLibEntry(name="b", type="KiCad", uri="y", options="", descr=""))
        assert fp_lib_table.dumps(table) == t.TABLE[:-2] + '  (lib (name "b")(type "KiCad")(uri "y")(options "")(descr ""))\n)\n'
