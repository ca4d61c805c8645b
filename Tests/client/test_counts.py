"""What operations cost in round trips, messages and bytes: the gates of CI. Times are for benchmarks/graph.py.

A round trip costs 10-100 us on any machine, so a program is as fast as in process exactly when these counts are small.
"""

from __future__ import annotations

from conftest import alone


@alone
def test_a_large_graph_takes_few_round_trips_and_reading_it_one() -> None:
    import bindd
    from bindd.graph import EdgeReference, GraphView

    nodes_wanted, edges_wanted = 100_000, 300_000
    view = GraphView.create()
    before = bindd.statistics()
    nodes = [view.create_and_insert_node() for _ in range(nodes_wanted)]
    references = [node.node() for node in nodes]
    for at in range(edges_wanted):
        view.insert_edge(
            edge=EdgeReference.create(
                source=references[at % nodes_wanted], target=references[(at * 7 + 1) % nodes_wanted], edge_type=at % 3))
    built = bindd.statistics()
    trips = built["round_trips"] - before["round_trips"]
    print(f"{nodes_wanted} nodes and {edges_wanted} edges: {trips} round trips")
    assert trips < 200

    seen = [0]

    def count(seen: list[int], _: object) -> None:
        seen[0] += 1

    for node in nodes:
        for edge_type in range(3):
            node.visit_edges_of_type(edge_type=edge_type, ctx=seen, f=count)
    assert len(view.get_nodes()) == nodes_wanted + 1
    assert view.get_counts() == (nodes_wanted + 1, edges_wanted)
    trips = bindd.statistics()["round_trips"] - built["round_trips"]
    loops = sum((at * 7 + 1) % nodes_wanted == at % nodes_wanted for at in range(edges_wanted))
    assert seen[0] == 2 * edges_wanted - loops
    print(f"visiting everything: {trips} round trip")
    assert trips <= 1


@alone
def test_create_link_visit_waits_for_ids_only() -> None:
    import bindd
    from bindd.graph import EdgeReference, GraphView

    turns = 10_000
    view = GraphView.create()
    before_node = view.create_and_insert_node()
    before = bindd.statistics()
    seen = [0]

    def count(seen: list[int], _: object) -> None:
        seen[0] += 1

    for _ in range(turns):
        node = view.create_and_insert_node()
        view.insert_edge(edge=EdgeReference.create(source=before_node.node(), target=node.node(), edge_type=1))
        node.visit_edges_of_type(edge_type=1, ctx=seen, f=count)
        before_node = node
    after = bindd.statistics()
    assert seen[0] == turns
    trips = after["round_trips"] - before["round_trips"]
    print(f"{turns} turns of create, link, visit: {trips} round trips, all of them for new ids")
    # Leases grow fourfold: from the hello's to BD_LIMIT_LEASE_IDS_MAX. Ten thousand ids take a handful, for two kinds.
    assert trips <= 8
    releases = after["messages"] - before["messages"] - trips - 3 * turns
    print(f"beside three commands a turn: {releases} messages")
    assert 0 <= releases <= turns / 50, "handles that ended, and ends of edges to keep, are told by the hundred"


@alone
def test_bytes_per_operation() -> None:
    """Header of 8 bytes, words of 4, padded to 8."""
    import bindd
    from bindd.graph import EdgeReference, GraphView, NodeReference

    workspace = bindd._bindd._current
    view = GraphView.create()
    a = view.create_and_insert_node()
    b = view.create_and_insert_node()
    source, target = a.node(), b.node()
    keep: list[object] = [EdgeReference.create(source=source, target=target, edge_type=1), NodeReference.create()]

    def create_edge() -> object:
        return EdgeReference.create(source=source, target=target, edge_type=1)

    edges = [create_edge() for _ in range(20)]
    fresh = [NodeReference.create() for _ in range(20)]

    def bytes_of(operation: object, count: int = 20) -> float:
        workspace().sync()
        before = bindd.statistics()
        for _ in range(count):
            keep.append(operation())  # type: ignore[operator]
        workspace().sync()
        after = bindd.statistics()
        assert after["round_trips"] - before["round_trips"] == 1, "ids at hand"
        return (after["bytes_sent"] - before["bytes_sent"] - 8) / count  # the sync itself is a bare header

    measured = {
        "create and insert node": bytes_of(view.create_and_insert_node),
        "insert node": bytes_of(lambda: view.insert_node(node=fresh.pop())),
        "insert edge": bytes_of(lambda: view.insert_edge(edge=edges.pop())),
        "create node": bytes_of(NodeReference.create),
        "create edge": bytes_of(create_edge),
        "create edge with one attribute": bytes_of(
            lambda: EdgeReference.create(source=source, target=target, edge_type=1, name="abc")),
        "read": bytes_of(lambda: (source.get_attr(key="x"), a.node(), repr(a), view.get_nodes(), view.get_counts())),
    }
    print(measured)
    assert measured == {
        "create and insert node": 16, "insert node": 16, "insert edge": 16,
        "create node": 16, "create edge": 32, "create edge with one attribute": 48, "read": 0,
    }
