"""What can be sent to another process, and what refuses: views and documents by value, named workspaces by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Home, alone


@alone
def test_a_view_travels_by_value() -> None:
    import copy
    import pickle

    from bindd.errors import StaleHandleError
    from bindd.graph import EdgeReference, GraphView, NodeReference

    view = GraphView.create()
    one = view.insert_node(node=NodeReference.create(name="R1", value=4.5, fitted=True, pins=2))
    other = view.create_and_insert_node()
    for kind in (1, 2, 1):
        view.insert_edge(edge=EdgeReference.create(source=one.node(), target=other.node(), edge_type=kind, name=f"e{kind}"))
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(view, protocol))
        assert again.get_counts() == view.get_counts() == (3, 3) and again is not view
        assert again.attribute_rows() == view.attribute_rows() and again.attribute_rows(of="edges") == view.attribute_rows(of="edges")
        assert list(again.edge_table().types) == [1, 2, 1]
    for copied in (copy.copy(view), copy.deepcopy(view)):
        copied.create_and_insert_node()
        assert copied.get_node_count() == 4 and view.get_node_count() == 3, "a copy is another view"
    assert pickle.loads(pickle.dumps({"v": [view, view]}))["v"][1].get_node_count() == 3
    view.destroy()
    with pytest.raises(StaleHandleError):
        pickle.dumps(view)
    for handle in (one, other.node()):
        with pytest.raises(TypeError, match="^a (Bound)?Node.* cannot be copied or pickled"):
            pickle.dumps(handle)
    with pytest.raises(TypeError, match="^an EdgeReference refers to an object in the daemon"):
        pickle.dumps(EdgeReference.create(source=one.node(), target=other.node(), edge_type=1))


@alone
def test_a_document_travels_by_value() -> None:
    import pickle

    from bindd import sexp

    text = '(board (version 20240108) (net 1 "GND ä") (unknown token 0.10))\n'
    with sexp.parse(text, label="b.kicad_pcb") as document:
        again = pickle.loads(pickle.dumps(document))
        assert again.label == "b.kicad_pcb" and sexp.dumps(again) == sexp.dumps(document)
        assert [form.raw for form in again.forms] == [form.raw for form in sexp.parse(sexp.dumps(document)).forms]
        with pytest.raises(TypeError, match="cannot be copied or pickled"):
            pickle.dumps(document.root)


@alone
def test_a_workspace_travels_by_name() -> None:
    import pickle

    import bindd

    with bindd.connect("shop") as workspace:
        with pickle.loads(pickle.dumps(workspace)) as again:
            assert again.pid == workspace.pid and again.name == "shop"
    with bindd.connect() as private, pytest.raises(TypeError, match="private workspace"):
        pickle.dumps(private)


def test_a_shared_view_travels_by_name(home: Home) -> None:
    """One process makes it and ends; others find it, by name or by pickle; it outlives a worker, and ends when told to."""
    made = home.python("""
import bindd, pickle
from bindd.graph import GraphView
with bindd.connect("lab"):
    view = GraphView.create()
    unnamed = GraphView.create()
    node = view.create_and_insert_node()
    for name, other in (("", "1 to"), ("x" * 300, "300")):
        try: view.share(name=name)
        except ValueError as error: assert other in str(error), error
    view.share(name="first")
    view.share(name="board")
    assert GraphView.get_shared_names() == ["board"] and view.get_shared_name() == "board"
    try: unnamed.share(name="board")
    except ValueError as error: assert "has another view named 'board'" in str(error), error
    assert GraphView.find_shared(name="board").get_counts() == (2, 0)
    print(pickle.dumps(view).hex(), node.node().get_uuid())
""")
    assert made.returncode == 0, made.stderr
    data, node = made.stdout.split()
    unopened = home.python(f"import pickle; print(pickle.loads(bytes.fromhex({data!r})).get_counts())")
    assert unopened.stdout == "(2, 0)\n", unopened.stderr
    found = home.python(f"""
import bindd, copy, pickle
from bindd.graph import EdgeReference, GraphView
with bindd.connect("lab") as lab:
    view = pickle.loads(bytes.fromhex({data!r}))
    assert GraphView.get_shared_names() == ["board"]
    try: GraphView.find_shared(name="bored")
    except ValueError as error: assert "there are 'board'" in str(error), error
    same = GraphView.find_shared(name="board")
    try: bindd.debug.crash()
    except bindd.WorkerCrashed: pass
    (self_node, node) = view.get_nodes()
    assert node.node().get_uuid() == {node} and view.get_counts() == (2, 0)
    added = view.create_and_insert_node()
    view.insert_edge(edge=EdgeReference.create(source=node.node(), target=added.node(), edge_type=1))
    other = copy.copy(same)
    other.create_and_insert_node()
    assert (other.get_counts(), view.get_counts()) == ((4, 1), (3, 1)), "a copy is another view"
    assert bindd.handles()["workspaces"][0]["objects"]["GraphView"] == 2, "what nobody shares ended with its process"
    holder = bindd.connect("lab")
    held = GraphView.find_shared(name="board", workspace=holder)
    view.destroy()
    lab.sync()
    assert GraphView.get_shared_names() == [] and held.get_counts() == (3, 1), "who holds it keeps it"
    del held
    holder.sync()
    assert bindd.handles()["workspaces"][0]["objects"]["GraphView"] == 1
    print("good")
""")
    assert found.stdout == "good\n", found.stderr


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_views_through_a_pool(home: Home, method: str, tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(f"""
import multiprocessing, os
import bindd
from bindd.graph import GraphView

def grow(view):
    before = view.get_node_count()
    view.create_and_insert_node()
    return view, before, os.getpid()

def where(workspace):
    with workspace:
        return workspace.pid, workspace.name

if __name__ == "__main__":
    views = []
    for count in range(4):
        view = GraphView.create()
        for _ in range(count):
            view.create_and_insert_node()
        views.append(view)
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        for count, (grown, before, process) in enumerate(pool.map(grow, views)):
            assert (before, grown.get_node_count(), views[count].get_node_count()) == (count + 1, count + 2, count + 1)
            assert process != os.getpid()
        with bindd.connect("shop") as shared:
            assert set(pool.map(where, [shared] * 3)) == {{(shared.pid, "shop")}}
    print("good")
""")
    done = subprocess.run([sys.executable, script], env=home.environment, capture_output=True, text=True, timeout=60)
    assert done.stdout == "good\n", done.stderr
