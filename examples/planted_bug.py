"""A program that crashes the native core, to try `bindd crash` on: the daemon must have been started with BINDD_PLANTED=1.

It builds a few hundred resistors, copies some of them into a view of their own, and joins two of those. The planted bug
waits for an edge of type 7 at a node with 3 attributes in a copied view. See docs/DEBUGGING.md.
"""

from bindd import debug
from bindd.graph import EdgeReference, GraphView, NodeReference

SERIES = 7


def main() -> None:
    debug.plant("edge-7-in-a-copy")
    board = GraphView.create()
    resistors = []
    for number in range(300):
        resistor = NodeReference.create(name=f"R{number}", ohms=number * 10.0, **({"critical": True} if number % 50 == 0 else {}))
        board.insert_node(node=resistor)
        resistors.append(resistor)
    for left, right in zip(resistors, resistors[1:]):
        board.insert_edge(edge=EdgeReference.create(source=left, target=right, edge_type=1))
    copy = board.get_subgraph_from_nodes(nodes=[board.bind(node=resistor) for resistor in resistors[90:110]])
    copy.insert_edge(edge=EdgeReference.create(source=resistors[91], target=resistors[100], edge_type=SERIES))
    print(copy.get_counts())
    board.get_subgraph_from_nodes(nodes=[board.bind(node=resistors[0])])


if __name__ == "__main__":
    main()
