"""Noise with a planted bug in it: a program that makes some hundred random calls and then does what the bug waits for.

Run as ``python planted.py BUG SEED [again | compacted]``; again: after another crash in the same workspace; compacted: the
journal begins with an image. It ends by the exception of the crash. Used by test_crash_reduce.py.
"""

from __future__ import annotations

import random
import sys
from typing import Any

from bindd import debug, errors, sexp
from bindd.faebryk import EdgePointer, NodeCreationAttributes, TypeGraph
from bindd.graph import EdgeReference, GraphView, NodeReference


class Noise:
    """Calls that no planted bug minds, and some objects to go on with."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.view = GraphView.create()
        self.nodes: list[Any] = []
        self.edges: list[Any] = []

    def node(self, **attributes: Any) -> Any:
        node = NodeReference.create(**attributes)
        self.view.insert_node(node=node)
        return node

    def edge(self, source: Any, target: Any, edge_type: int, view: Any = None) -> Any:
        edge = EdgeReference.create(source=source, target=target, edge_type=edge_type)
        (view or self.view).insert_edge(edge=edge)
        return edge

    def make(self, count: int) -> None:
        """Each node is joined to a new one at most twice, with other types: no loops, no rings, no stars."""
        for number in range(count):
            match self.random.randrange(6):
                case 0 | 1:
                    self.nodes.append(self.node(number=number, name=f"n{number}"))
                case 2 if self.nodes:
                    self.nodes.append(self.node())
                    self.edge(self.random.choice(self.nodes[:-1]), self.nodes[-1], 10 + number % 200)
                case 3:
                    self.view.create_and_insert_node()
                case 4 if self.nodes:
                    NodeReference.create(ratio=self.random.random(), on=False)
                case _:
                    self.view.get_node_count()


def edge_7_in_a_copy(noise: Noise) -> None:
    rich, poor = noise.node(a=1, b="x", c=True), noise.node(a=1)
    copy = noise.view.get_subgraph_from_nodes(nodes=[noise.view.bind(node=node) for node in (rich, poor, *noise.nodes[:5])])
    noise.make(20)
    noise.edge(poor, rich, 6, copy)
    noise.edge(poor, rich, 7, copy)


def copy_of_a_copy(noise: Noise) -> None:
    copy = noise.view.get_subgraph_from_nodes(nodes=[noise.view.bind(node=node) for node in noise.nodes[:5]])
    noise.make(20)
    copy.get_subgraph_from_nodes(nodes=[copy.bind(node=noise.nodes[0])])


def overlapping_union(noise: Noise) -> None:
    other = GraphView.create()
    node = noise.node()
    other.insert_node(node=node)
    noise.make(20)
    noise.view.insert_subgraph(subgraph=other)


def edge_in_two_views(noise: Noise) -> None:
    other = GraphView.create()
    source, target = noise.node(), noise.node()
    edge = noise.edge(source, target, 3)
    for node in (source, target):
        other.insert_node(node=node)
    noise.make(20)
    other.insert_edge(edge=edge)


def loop_of_type_9(noise: Noise) -> None:
    node = noise.node()
    noise.edge(node, node, 8)
    noise.edge(node, node, 9)


def triangle(noise: Noise) -> None:
    nodes = [noise.view.get_self_node().node(), noise.node(), noise.node()]
    noise.edge(nodes[0], nodes[1], 1)
    noise.edge(nodes[1], nodes[2], 2)
    noise.make(20)
    noise.edge(nodes[0], nodes[2], 3)


def third_of_a_type(noise: Noise) -> None:
    nodes = [noise.node() for _ in range(4)]
    for node in nodes[1:]:
        noise.make(7)
        noise.edge(nodes[0], node, 5)


def edge_from_the_self_node(noise: Noise) -> None:
    noise.edge(noise.view.get_self_node().node(), noise.node(), 4)


def destroy_with_twins(noise: Noise) -> None:
    view = GraphView.create()
    nodes = [NodeReference.create() for _ in range(2)]
    for node in nodes:
        view.insert_node(node=node)
    for _ in range(2):
        noise.edge(nodes[0], nodes[1], 2, view)
    noise.make(20)
    view.destroy()


def type_in_itself(noise: Noise) -> None:
    types = TypeGraph.create(g=noise.view)
    made = [types.add_type(identifier=f"T{number}") for number in range(4)]
    noise.make(20)
    attributes = NodeCreationAttributes.init(dynamic={"unit": "V"})
    types.add_make_child(type_node=made[1], child_type=made[2], identifier="other", node_attributes=attributes)
    types.add_make_child(type_node=made[2], child_type=made[2], identifier="self")


def second_pointer_of_a_child(noise: Noise) -> None:
    types = TypeGraph.create(g=noise.view)
    made = [types.add_type(identifier=f"T{number}") for number in range(3)]
    noise.make(20)
    target = noise.view.get_self_node().node()
    for index in range(2):
        EdgePointer.point_to(bound_node=made[0], target_node=target, identifier=f"p{index}", index=index)


def fourth_view(noise: Noise) -> None:
    kept = []
    for _ in range(3):
        noise.make(5)
        kept.append(GraphView.create())


def batch_of_three(noise: Noise) -> None:
    for count in (2, 5):
        with noise.view.batch():
            for _ in range(count):
                noise.view.create_and_insert_node()


def empty_name(noise: Noise) -> None:
    NodeReference.create(name="", a=1)
    NodeReference.create(name="", a=1, b=True)


def deep_text(noise: Noise) -> None:
    sexp.parse("(" * 20 + "a" + ")" * 20)
    sexp.parse("(" * 21 + "a" + ")" * 21)


def third_document(noise: Noise) -> None:
    kept = []
    for number in range(3):
        noise.make(5)
        kept.append(sexp.parse(f"(document {number})"))


def print_one_of_three(noise: Noise) -> None:
    kept = [sexp.parse(f"(document {number})") for number in range(3)]
    noise.make(5)
    sexp.dumps(kept[1])


BUGS = {
    function.__name__.replace("_", "-"): function
    for function in (
        edge_7_in_a_copy, copy_of_a_copy, overlapping_union, edge_in_two_views, loop_of_type_9, triangle, third_of_a_type,
        edge_from_the_self_node, destroy_with_twins, type_in_itself, second_pointer_of_a_child, fourth_view, batch_of_three, empty_name, deep_text, third_document, print_one_of_three)
}


def main() -> None:
    bug, seed = sys.argv[1], int(sys.argv[2])
    noise = Noise(seed)
    if sys.argv[3:] == ["again"]:
        noise.make(60)
        try:
            debug.crash("SEGV")
        except errors.WorkerCrashed:
            pass
    if sys.argv[3:] == ["compacted"]:
        noise.make(60)
        kept = sexp.parse("(kept)")
        for _ in range(40):
            NodeReference.create(text="x" * 1_000_000)  # gone at once: the journal becomes longer than the state
            noise.view.get_counts()
    debug.plant(bug)
    noise.make(120)
    BUGS[bug](noise)
    noise.view.get_counts()
    import bindd

    bindd._bindd._current().sync()


if __name__ == "__main__":
    main()
