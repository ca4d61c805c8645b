"""Every operation of the API × every way to die, drawn from `bindd describe --json`: operations that come later are covered
without an edit, as long as their parameters are of kinds that are known here (an operation that cannot be called is a hole,
and a hole is a failure).

    python crash_matrix.py                          all, as `make crash-matrix`; prints a table operations × deaths
    python crash_matrix.py --cases 200 --seed 7     a sample
    python crash_matrix.py --only GraphView. --deaths SEGV,KILL

One interpreter for each death makes a small world (graph, typegraph, documents, a batch before), arms the worker
(`debug.die_at`), makes the call, and looks: exactly one exception of WorkerDied's family, the interpreter lives, the state
equals what it was before the call, the next call is right, and there are as many processes and descriptors as before.
In a cell: `.` was right, `-` cannot be (a worker that loops cannot die after its reply), anything else is a failure.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import copy
import gc
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DEATHS = ("SEGV", "BUS", "ABRT", "ILL", "KILL", "STOP", "EXIT", "MEMORY", "STACK", "HALF", "MUTE")
WHEN = ("before", "after")
HANG_LIMIT = 0.3
NEVER_OVER = {"debug.crash", "debug.cut_frame", "debug.freeze"}
"""These kill or loop: nothing comes after them."""
OF_THE_NEXT = {"advance", "foretell"}
"""These say something of the request behind them: alone they change nothing."""
NOT_OF_WORKERS = {"control": "answered by the supervisor", "crash": "sent by a dying worker"}
NAMED = (("MATRIX_WORKSPACE", "matrix"),)
SETTINGS = {"hello": NAMED, "pin": NAMED, "foretell": (("BINDD_ARENA", "1"),)}
"""Some requests are only sent where others can join, or where memory is shared."""

Case = tuple[str, str, str]


def describe(binary: str) -> dict[str, Any]:
    done = subprocess.run([binary, "describe", "--json"], capture_output=True, text=True, timeout=30, check=True)
    description: dict[str, Any] = json.loads(done.stdout)
    return description


def operations(description: dict[str, Any]) -> list[str]:
    """The name of each operation that a client can ask a worker for, the protocol's own first."""
    own = [each["name"] for each in description["operations"] if each["name"] not in NOT_OF_WORKERS]
    methods = [f"{c['name']}.{m['name']}" for c in description["classes"] for m in c["methods"] if m["operation"] is not None]
    functions = [f"{f['module']}.{f['name']}" for f in description["functions"] if f["operation"] is not None]
    return own + methods + functions


def cases(description: dict[str, Any]) -> list[Case]:
    return [
        (operation, death, when)
        for death in DEATHS
        for operation in operations(description)
        for when in WHEN
        if not (when == "after" and (operation in NEVER_OVER or operation == "hello"))
    ]


# -- what is there before a call ----------------------------------------------------------------------------------------------


TEXT = '(board (net 1 "GND") (net 2 "VCC"))'


def typed_text() -> str:
    return (
        '(kicad_pcb (version 20241229) (generator "pcbnew") (generator_version "9.0") (general (thickness 1.6)) (paper "A4")'
        ' (layers (0 "F.Cu" signal)) (setup) (net 0 "") (net 1 "GND") (net 2 "VCC"))')


class World:
    """Objects of each kind that a parameter can have."""

    def __init__(self) -> None:
        from bindd import sexp
        from bindd.faebryk import (
            EdgeComposition, EdgeCreationAttributes, EdgeInterfaceConnection, EdgeNext, EdgeOperand, EdgePointer, EdgeTrait,
            NodeCreationAttributes, Trait, TypeGraph,
        )
        from bindd.graph import EdgeReference, GraphView, NodeReference
        from bindd.sexp import pcb

        self.view = view = GraphView.create()
        self.other = GraphView.create()
        self.other.insert_node(node=NodeReference.create(other=1))
        with view.batch():
            self.a = view.insert_node(node=NodeReference.create(name="a", value=1, ratio=0.5, on=True))
            self.b = view.insert_node(node=NodeReference.create(name="b"))
        self.c = view.create_and_insert_node()
        self.edge = EdgeReference.create(source=self.a.node(), target=self.b.node(), edge_type=1, name="a to b", weight=3)
        self.bound_edge = view.insert_edge(edge=self.edge)
        self.operands = view.create_and_insert_node()
        EdgeComposition.add_child(bound_node=self.a, child=self.operands.node(), child_identifier="operands")
        self.operand = EdgeOperand.add_operand(bound_node=self.a, operand=self.c.node(), operand_identifier="a")
        EdgePointer.point_to(bound_node=self.a, target_node=self.b.node(), identifier="a", index=None)
        EdgeNext.add_next(previous_node=self.b, next_node=self.c)
        EdgeInterfaceConnection.connect(bn1=self.b, bn2=self.c)
        self.types = types = TypeGraph.create(g=view)
        self.type = types.add_type(identifier="Type")
        self.part = types.add_type(identifier="Part")
        self.trait = types.add_type(identifier="is_trait")
        Trait.mark_as_trait(trait_type=self.trait)
        for each in (self.type, self.part):
            types.mark_constructable(type_node=each)
        self.make_child = types.add_make_child(type_node=self.type, child_type=self.part, identifier="a", node_attributes=None)
        self.reference = types.ensure_child_reference(type_node=self.type, path=["a"])
        self.type_reference = types.add_type_reference(type_identifier="Part")
        self.recipe = EdgePointer.build(identifier="a", index=None)
        types.add_make_link(
            type_node=self.type, lhs_reference=self.reference, rhs_reference=self.reference, edge_attributes=self.recipe)
        # Two instances that were waited for: the third is foretold.
        self.instances = [types.instantiate(type_identifier="Type") for _ in range(3)]
        self.child = EdgeComposition.get_child_by_identifier(bound_node=self.instances[0], child_identifier="a")
        EdgeTrait.get_tid()
        self.edge_recipe = EdgeCreationAttributes.create(edge_type=9, directional=True, name=None, dynamic={"a": 1})
        self.node_recipe = NodeCreationAttributes.init(dynamic={"a": 2.5})
        self.document = sexp.parse(TEXT)
        self.board = pcb.loads(typed_text())
        self.board.kicad_pcb.paper = "A3"
        self.spare = GraphView.create()
        self.names = {
            "EdgeComposition": EdgeComposition.get_parent_edge(bound_node=self.operands).edge(),
            "EdgeOperand": self.operand.edge(),
        }
        # Its members are known to the worker alone: what is added to it is asked for.
        self.copy = GraphView.from_bytes(data=view.to_bytes())

    def state(self) -> dict[str, Any]:
        """All that can be asked for, with ids as ranks: that of a second world is the same."""
        from bindd import sexp
        from bindd.sexp import pcb

        return {
            "view": picture(self.view), "other": picture(self.other), "copy": picture(self.copy),
            "document": sexp.dumps(self.document),
            "board": pcb.dumps(self.board, force=True), "name": self.edge.name(), "weight": self.edge.get_attr(key="weight"),
            "node": self.a.node().get_dynamic_attrs(), "counts": list(self.view.get_counts()),
            "overview": len(self.types.get_type_instance_overview()),
            "children": len(self.types.collect_make_children(type_node=self.type)),
        }


def picture(view: Any) -> dict[str, Any]:
    """Nodes and edges of a view."""
    ids = list(view.node_ids())
    table = view.edge_table()
    assert view.get_node_count() == len(ids) == len(view.get_nodes())
    rank = {node: number for number, node in enumerate(sorted(ids))}
    rows = list(zip(table.sources, table.targets, table.types, table.directional, view.attribute_rows(of="edges"), strict=True))
    return {
        "nodes": sorted((rank[node], repr(row)) for node, row in zip(ids, view.attribute_rows(of="nodes"), strict=True)),
        "edges": sorted((rank[s], rank[t], kind, way, repr(row)) for s, t, kind, way, row in rows),
    }


# -- how each operation is called ---------------------------------------------------------------------------------------------


VARIANTS = 3
"""Ways to choose arguments. Where the client knows the outcome it sends other requests than the one that is meant."""


def argument(world: World, method: str, name: str, kind: str, variant: int = 0) -> Any:
    """A value for a parameter: a known object; one whose membership only the worker knows; one that is a stranger."""
    from bindd.graph import NodeReference

    if variant == 1 and kind in ("GraphView", "BoundNode", "NodeReference"):
        members = world.copy.get_nodes()
        at = -1 if name in ("child", "trait_instance", "target_node", "bound_instance_node", "next_node", "target") else -2
        return {"GraphView": world.copy, "BoundNode": members[at], "NodeReference": members[at].node()}[kind]
    if variant == 2 and kind == "NodeReference":
        return NodeReference.create()
    if variant == 2 and kind == "BoundNode" and name in ("bound_instance_node", "next_node", "trait_instance"):
        return world.copy.get_nodes()[-1]
    value = usual(world, method, name, kind)
    return value.node() if kind == "NodeReference" and hasattr(value, "node") else value


def usual(world: World, method: str, name: str, kind: str) -> Any:
    """By its name where that says more than its type."""
    from bindd.graph import EdgeReference, NodeReference

    if method == "GraphView.insert_node":
        return NodeReference.create()
    if method == "GraphView.insert_edge":
        return EdgeReference.create(source=world.a.node(), target=world.c.node(), edge_type=8)
    if name == "edge" and method.endswith("get_name"):
        return world.names[method.partition(".")[0]]
    by_name: dict[str, Any] = {
        "seconds": 0.0, "bytes": 4096, "how": "KILL", "bug": "none", "type_identifier": "Type", "identifier": "a",
        "child_type_identifier": "Part", "key": "name", "path": ["a"], "container_path": ["a"], "of": "nodes",
        "type_node": world.type, "child_type": world.part, "make_child": world.make_child, "base_node": world.instances[0],
        "reference": world.reference, "reference_node": world.reference, "lhs_reference": world.reference,
        "rhs_reference": world.reference, "type_reference": world.type_reference, "target_type_node": world.part,
        "start_type": world.type, "trait_type": world.trait, "instance_node": world.instances[0], "g": world.view,
        "bound_type_node": world.type, "bound_instance_node": world.c, "target_graph": world.other,
        "child": world.c.node(), "child_identifier": "b", "operation": "control", "when": "before",
        "directional": None, "ctx": None, "f": lambda *_: None, "bound_edge": world.operand, "index": None,
        "data": world.other.to_bytes() if name == "data" else None, "edge_type": 1, "subgraph": world.other,
        "start_node": world.c, "attributes": {"a": 1}, "edge_attributes": world.edge_recipe, "document": world.document,
    }
    if method == "TypeGraph.add_type":
        return "New"
    if name in by_name:
        return by_name[name]
    by_kind: dict[str, Any] = {
        "NodeReference": world.a.node(), "BoundNode": world.a, "EdgeReference": world.edge, "BoundEdge": world.bound_edge,
        "GraphView": world.view, "TypeGraph": world.types, "str": "a", "bytes": b"(a b)", "int": 1, "u8": 1, "u32": 0,
        "float": 1.0, "bool": True, "any": None, "callable": lambda *_: None, "literal": 1, "dict": {},
        "EdgeCreationAttributes": world.edge_recipe, "NodeCreationAttributes": world.node_recipe, "EdgeTraversal": "a",
        "Document": world.document,
    }
    if kind.startswith("list["):
        return [usual(world, method, "", kind[5:-1])]
    if kind.startswith("optional["):
        return usual(world, method, "", kind[9:-1])
    if kind not in by_kind:
        raise LookupError(f"{method}: no value for the parameter {name!r} of type {kind!r}: add one to {__file__}")
    return by_kind[kind]


def receiver(world: World, name: str, method: str) -> Any:
    found = {
        "NodeReference": world.a.node(), "EdgeReference": world.edge, "BoundNode": world.a, "BoundEdge": world.bound_edge,
        "GraphView": world.view, "TypeGraph": world.types, "EdgeCreationAttributes": world.edge_recipe,
        "NodeCreationAttributes": world.node_recipe,
    }
    if name not in found:
        raise LookupError(f"no object of class {name!r}: add one to {__file__}")
    return world.spare if method == "destroy" else found[name]


def indirect(world: World) -> dict[str, Callable[[], object]]:
    """Operations that Python does not call by name, through what uses them."""
    from bindd import sexp
    from bindd.graph import GraphView, NodeReference
    from bindd.sexp import pcb

    board = world.board.kicad_pcb

    def batch() -> None:
        with world.view.batch():
            world.view.create_and_insert_node()

    def advance() -> None:
        with world.view.batch():
            world.view.create_and_insert_node()
            on_a_thread(lambda: world.types.add_type(identifier="New"))

    def lease() -> None:
        for _ in range(70_000):
            NodeReference.create()

    def release() -> None:
        for _ in range(3):
            NodeReference.create()
        gc.collect()

    def pin() -> None:
        view = GraphView.create()
        keep = view.create_and_insert_node().node()
        del view
        workspace().sync()
        keep.get_dynamic_attrs()

    def save() -> None:
        with tempfile.TemporaryDirectory() as folder:
            pcb.dumps(world.board, Path(folder) / "a.kicad_pcb")

    def permute() -> None:
        board.nets.reverse()

    def splice() -> None:
        del board.nets[1]

    return {
        "sync": lambda: workspace().sync(), "release": release, "lease": lease, "pin": pin, "batch": batch,
        "advance": advance, "foretell": lambda: world.types.instantiate(type_identifier="Type"),
        "hello": hello, "sexp.load": lambda: pcb.loads(typed_text()), "sexp.set": lambda: setattr(board, "paper", "A2"),
        "sexp.splice": splice, "sexp.permute": permute, "sexp.dump": lambda: pcb.dumps(world.board), "sexp.save": save,
        "sexp.text": lambda: copy.copy(board.nets[1]), "sexp.unknown": lambda: sexp.unknown_parts(board),
        "sexp.parse": lambda: sexp.parse("(a b)"), "sexp.dumps": lambda: sexp.dumps(world.document),
    }


def on_a_thread(call: Callable[[], object]) -> None:
    """The batch of one thread does not bind another. Raises what the call raises."""
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        threads.submit(call).result()


def hello() -> None:
    """Another client of the workspace comes."""
    code = "import bindd; bindd.connect('matrix').sync()"
    subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30)


def workspace() -> Any:
    import bindd

    return bindd._bindd._current()


class Caller:
    def __init__(self, description: dict[str, Any]) -> None:
        self.methods: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        for owner in description["classes"]:
            for method in owner["methods"]:
                self.methods[f"{owner['name']}.{method['name']}"] = owner, method
        self.functions = {f"{f['module']}.{f['name']}": f for f in description["functions"]}

    def call(self, world: World, operation: str, variant: int) -> Callable[[], object]:
        """The call, with its arguments made."""
        indirectly = indirect(world)
        if operation in indirectly:
            return indirectly[operation]
        import bindd

        if operation in self.functions:
            function = self.functions[operation]
            target = getattr(bindd._bindd, f"{function['module']}_{function['name']}")
            parameters = function["parameters"]
        elif operation in self.methods:
            owner, method = self.methods[operation]
            module = __import__(f"bindd.{owner['module']}", fromlist=["x"])
            holder = getattr(module, owner["outer"]) if owner["outer"] else module
            kind = getattr(holder, owner["python_name"])
            target = getattr(kind if method["static"] else receiver(world, owner["name"], method["name"]), method["name"])
            parameters = method["parameters"]
        else:
            raise LookupError(f"{operation} is called by nothing: add what uses it to {__file__}")
        arguments = {
            each["name"]: argument(world, operation, each["name"], each["type"], variant)
            for each in parameters
            if each["type"] != "attributes"
        }
        if any(each["type"] == "attributes" for each in parameters):
            arguments["more"] = 1
        return lambda: target(**arguments)


# -- one case -----------------------------------------------------------------------------------------------------------------


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def children(pid: int) -> list[int]:
    return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit() and parent_of(int(each.name)) == pid]


def descriptors(pid: int | str) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def until_equal(wanted: object, measure: Callable[[], object], seconds: float = 5) -> object:
    """What is measured, once it is what is wanted, or after so long."""
    end = time.monotonic() + seconds
    while (found := measure()) != wanted and time.monotonic() < end:
        time.sleep(0.005)
    return found


@contextmanager
def killer_of_the_stopped(pid: int, is_wanted: bool) -> Iterator[None]:
    """Kills that process when it is stopped."""
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.002):
            if state_of(pid) == "T":
                os.kill(pid, signal.SIGKILL)
                return

    thread = threading.Thread(target=watch)
    if is_wanted:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        if is_wanted:
            thread.join()


class Bench:
    """An interpreter with a worker, in which cases are tried one after the other."""

    def __init__(self, description: dict[str, Any], name: str = "") -> None:
        import bindd

        self.caller = Caller(description)
        self.workspace = bindd.connect(name, hang_limit=HANG_LIMIT)
        self.variants: dict[str, int] = {}
        self.supervisor = bindd.handles()["supervisor"]["pid"]
        World().state()
        self.workspace.sync()
        time.sleep(0.1)  # the question for the supervisor's number is over
        self.before = self.rest()

    def rest(self) -> tuple[int, int, int, int]:
        """Descriptors here and of the supervisor, workers, threads."""
        gc.collect()
        return descriptors("self"), descriptors(self.supervisor), len(children(self.supervisor)), threading.active_count()

    def run(self, operation: str, death: str, when: str) -> str:
        """What was wrong, "" when nothing was. Where the request is not sent, the arguments are chosen in another way."""
        first = self.variants.get(operation, 0)
        for variant in range(first, VARIANTS):
            fault = self.run_variant(operation, death, when, variant)
            if fault is not None:
                self.variants[operation] = variant
                return fault
        return "the call does not send the request"

    def run_variant(self, operation: str, death: str, when: str, variant: int) -> str | None:
        after = self.after(operation, variant) if when == "after" and operation not in OF_THE_NEXT else None
        world = World()
        call = self.caller.call(world, operation, variant)
        before = world.state()
        self.workspace.sync()
        wanted = after or before
        fault = self.die(call, operation, death, when)
        if fault is None:
            return None
        if not fault and (found := world.state()) != wanted:
            different = {key: (wanted[key], found[key]) for key in wanted if wanted[key] != found[key]}
            fault = f"state: {str(different)[:1500]}"
        if not fault:
            fault = self.next_call(world)
        del call, world
        if not fault and (left := until_equal(self.before, self.rest)) != self.before:
            fault = f"(descriptors, of the supervisor, workers, threads) were {self.before}, are {left}"
        return fault

    def after(self, operation: str, variant: int) -> dict[str, Any]:
        """The state of another world after the call."""
        twin = World()
        try:
            self.caller.call(twin, operation, variant)()
        except Exception:
            pass  # what fails changes nothing
        return twin.state()

    def die(self, call: Callable[[], object], operation: str, death: str, when: str) -> str | None:
        """Arms, calls, and counts the exceptions."""
        from bindd import debug, errors

        pid = self.workspace.pid
        debug.die_at(operation, how=death, when=when)
        caught: list[BaseException] = []
        with killer_of_the_stopped(pid, death == "STOP"):
            for step in (call, gc.collect, self.workspace.sync):
                try:
                    step()
                except errors.WorkerDied as error:
                    caught.append(error)
                except Exception as error:
                    if not caught:
                        continue  # refused by what is here; the worker is still to be asked
                    return f"after {type(caught[0]).__name__}: {type(error).__name__}: {error}"
        if not caught and self.workspace.pid == pid:
            return None  # it was not sent
        kinds = [type(error).__name__ for error in caught]
        allowed = {"MUTE": ["WorkerHung"], "MEMORY": ["MemoryLimit"]}.get(death, ["WorkerCrashed"])
        if operation == "hello":  # whoever comes hears it, and the first client
            allowed = ["WorkerHung", "WorkerCrashed"] if death == "MUTE" else allowed
        if len(kinds) != 1 or kinds[0] not in allowed:
            return f"exceptions: {kinds}, not one of {allowed}" + "".join(f"\n{error}" for error in caught)
        error = caught[0]
        assert isinstance(error, errors.WorkerDied)
        if len(str(error).splitlines()) > 6:
            return f"more than six lines: {error}"
        if error.operation != operation and when == "before" and operation != "hello":
            return f"blames {error.operation}: {error}"
        if self.workspace.pid == pid:
            return "the same worker goes on"
        if error.lost:
            return f"{error.lost} handles lost: {error}"
        return ""

    def next_call(self, world: World) -> str:
        """Old and new handles work on."""
        from bindd import sexp

        count = world.view.get_node_count()
        made = world.view.create_and_insert_node()
        if world.view.get_node_count() != count + 1 or made.node().get_dynamic_attrs() != {}:
            return "the next call is wrong"
        if sexp.dumps(sexp.parse("(next 1)")).split() != ["(next", "1)"]:
            return "the next parse is wrong"
        fresh = World()
        try:
            fresh.state()
        finally:
            del fresh
        return ""


def child() -> int:
    """Runs the cases that come on stdin, a line of JSON each; a line for each goes out."""
    description = describe(os.environ["BINDD_BIN"])
    bench = Bench(description, os.environ.get("MATRIX_WORKSPACE", ""))
    with bench.workspace:
        for line in sys.stdin:
            operation, death, when = json.loads(line)
            try:
                fault = bench.run(operation, death, when)
            except Exception as error:
                import traceback

                fault = f"{type(error).__name__}: {error}\n" + "".join(traceback.format_tb(error.__traceback__)[-3:])
            print(json.dumps([operation, death, when, fault]), flush=True)
    return 0


# -- all of them --------------------------------------------------------------------------------------------------------------


def run(chosen: list[Case], environment: dict[str, str], workers: int = 2) -> dict[Case, str]:
    """What was wrong in each case; a case whose interpreter died or was silent for a minute says so."""
    found: dict[Case, str] = {}
    settings = [(), *dict.fromkeys(SETTINGS.values())]
    queue = [
        [case for case in chosen if case[1] == death and SETTINGS.get(case[0], ()) == setting]
        for death in DEATHS for setting in settings
    ]
    # New interpreters now and then: what a lease takes makes a journal long, and replaying it at each death slow.
    # Who lost something foretells nothing any more: each of those cases has an interpreter of its own.
    def size(some: list[Case]) -> int:
        return 1 if some[0][0] == "foretell" else 60

    queue = [each[at : at + size(each)] for each in queue if each for at in range(0, len(each), size(each))]
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                if not queue:
                    return
                todo = queue.pop()
            while todo:
                done = run_some(todo, environment, found)
                todo = todo[done + 1 :]

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def run_some(todo: list[Case], environment: dict[str, str], found: dict[Case, str]) -> int:
    """Until all are done or the interpreter is gone; how many were."""
    name = f"{os.getpid()}-{threading.get_ident()}"
    with tempfile.TemporaryDirectory(prefix="bindd-matrix-") as folder, open(f"{folder}/{name}", "w+") as said:
        environment = {
            **environment, "BINDD_SOCKET": f"{folder}/m.sock", "BINDD_STATE": f"{folder}/state", "BINDD_IDLE_EXIT": "30",
            "BINDD_NORECOMPILE": "1", "BINDD_ARENA": "0",  # reads are requests, too
            **dict(SETTINGS.get(todo[0][0], ())),
        }
        started = subprocess.Popen(
            [sys.executable, __file__, "--child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
            text=True, env=environment)
        assert started.stdin and started.stdout
        done = 0
        try:
            for case in todo:
                watchdog = threading.Timer(60, started.kill)
                watchdog.start()
                try:
                    started.stdin.write(json.dumps(case) + "\n")
                    started.stdin.flush()
                    line = started.stdout.readline()
                except OSError:
                    line = ""
                finally:
                    watchdog.cancel()
                if not line:
                    status = started.wait(10)
                    said.seek(0)
                    found[case] = f"the interpreter ended with status {status}: {said.read()[-2000:]}"
                    return done
                found[case] = json.loads(line)[3]
                done += 1
            started.stdin.close()
            started.wait(30)
        finally:
            started.kill()
            started.wait()
            started.stdout.close()
            subprocess.run([environment["BINDD_BIN"], "stop"], env=environment, capture_output=True, timeout=20)
    return done


def table(found: dict[Case, str]) -> str:
    """Operations × deaths. Two marks in each cell: death before it is applied, and after."""
    names = list(dict.fromkeys(case[0] for case in found))
    wide = max(len(name) for name in names)
    lines = [" " * wide + "  " + " ".join(f"{death:6}" for death in DEATHS)]

    def mark(case: Case) -> str:
        if case in found:
            return "X" if found[case] else "."
        return "-" if case[2] == "after" and (case[0] in NEVER_OVER or case[0] == "hello") else " "

    for name in names:
        cells = ("".join(mark((name, death, when)) for when in WHEN) for death in DEATHS)
        lines.append(f"{name:{wide}}  " + " ".join(f"{cell:6}" for cell in cells).rstrip())
    return "\n".join(lines)


def sample(every: list[Case], count: int, seed: int) -> list[Case]:
    return sorted(random.Random(seed).sample(every, min(count, len(every))))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--cases", type=int, default=0, help="a sample of so many; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="operations whose names begin so")
    parser.add_argument("--deaths", default=",".join(DEATHS))
    options = parser.parse_args()
    if options.child:
        return child()
    os.environ.setdefault("BINDD_BIN", str(Path(sys.executable).with_name("bindd")))
    every = [
        case for case in cases(describe(os.environ["BINDD_BIN"]))
        if case[0].startswith(options.only) and case[1] in options.deaths.split(",")
    ]
    chosen = sample(every, options.cases, options.seed) if options.cases else every
    started = time.monotonic()
    found = run(chosen, dict(os.environ))
    print(table(found))
    wrong = {case: fault for case, fault in found.items() if fault}
    for (operation, death, when), fault in list(wrong.items())[:40]:
        print(f"\n{operation} × {death} {when}: {fault}")
    missing = set(chosen) - set(found)
    print(f"\n{len(found)} cases, {len(wrong)} wrong, {len(missing)} not tried, {time.monotonic() - started:.0f} s")
    return 1 if wrong or missing else 0


if __name__ == "__main__":
    sys.exit(main())
