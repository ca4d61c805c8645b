"""bindd more than once in a process: imported again after a purge of sys.modules, loaded twice, in sub-interpreters."""

from __future__ import annotations

from conftest import Home

PURGE = """
import sys

def purge(*prefixes):
    for name in [name for name in sys.modules if name.startswith(prefixes)]:
        del sys.modules[name]

def refused(call):
    try:
        call()
    except TypeError as error:
        return str(error)
    raise SystemExit("not refused")

import bindd
from bindd.graph import GraphView, NodeReference
from bindd.sexp import pcb
view, node, net = GraphView.create(), NodeReference.create(name="n"), pcb.Net(number=1, name="x")
file = pcb.loads("(kicad_pcb (version 1) (generator g))")
"""


def test_imported_again_after_a_purge(home: Home) -> None:
    """The native classes are those of before: what the old modules made goes into what the new ones make, and back."""
    done = home.python(PURGE + """
purge("bindd")
import bindd as again
from bindd import graph
from bindd.sexp import pcb as models
assert again is not bindd and graph.GraphView is GraphView and models.Net is pcb.Net and isinstance(view, graph.GraphView)
view.insert_node(node=graph.NodeReference.create())
graph.GraphView.create().insert_node(node=node)
board = models.KicadPcb(generator="g", generator_version="v", nets=[net])
assert board.nets[0].name == "x" and models.dumps(file) == pcb.dumps(file) and view.get_node_count() == 2
""")
    assert done.returncode == 0, done.stderr


def test_loaded_twice(home: Home) -> None:
    """Two extensions do not know each other's objects, and say so; each goes on with its own."""
    done = home.python(PURGE + """
purge("bindd", "_bindd_extension")
from bindd import graph
from bindd.sexp import pcb as models
assert graph.GraphView is not GraphView and models.Net is not pcb.Net and not isinstance(view, graph.GraphView)
other = graph.GraphView.create()
assert refused(lambda: other.insert_node(node=node)) == refused(lambda: view.insert_node(node=other)) == "Invalid object"
assert "nets must be a pcb.Net of this bindd, not of another copy" in refused(
    lambda: models.KicadPcb(generator="g", generator_version="v", nets=[net]))
assert "dumps() takes a PcbFile, not one of another copy of bindd" in refused(lambda: models.dumps(file))
assert other.get_node_count() == view.get_node_count() == 1 and pcb.dumps(file)
""")
    assert done.returncode == 0, done.stderr


def test_in_a_sub_interpreter(home: Home) -> None:
    """Where the daemon runs already it works as anywhere; where it cannot, the error says what to do instead."""
    done = home.python("""
import sys
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    shared, own, run = interpreters.create("legacy"), interpreters.create("isolated"), interpreters.exec
else:
    import _xxsubinterpreters as interpreters
    shared, own, run = interpreters.create(isolated=False), interpreters.create(), interpreters.run_string
count = '''
from bindd.graph import GraphView
view = GraphView.create()
view.create_and_insert_node()
assert view.get_node_count() == 2
print("counted", flush=True)
'''
refused = '''
try:
    from bindd.graph import GraphView
    GraphView.create()
except Exception as error:
    print(type(error).__name__, error, flush=True)
'''
run(own, refused)
run(shared, count)
if sys.version_info < (3, 12):
    run(own, count)
import bindd.graph
assert bindd.graph.GraphView.create().get_node_count() == 1
""")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "counted" in lines, done.stdout
    if lines[0].startswith("ImportError"):
        assert "make one that shares it" in lines[0]
    else:
        assert lines[0].startswith("BinddUnavailable no daemon runs, and a sub-interpreter may not start one"), done.stdout
        assert "use bindd in the main interpreter first" in done.stdout
