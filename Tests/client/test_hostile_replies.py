"""One damaged reply costs its own workspace, never the next one: ids and leases that cannot be are not believed."""

from __future__ import annotations

import os
import resource
import struct
import tempfile
from pathlib import Path

import bindd
import pytest
from bindd import errors, sexp
from bindd.graph import BoundEdge, EdgeReference, GraphView
from conftest import alone
from fake_daemon import OP, REPLY, SYNC, Client, FakeDaemon, Message, frame, pack_bytes, pack_u32, snapshot

pytestmark = pytest.mark.timeout(60)


def edges(*infos: tuple[int, int, int, int]) -> bytes:
    return pack_u32(len(infos)) + b"".join(pack_u32(*info) for info in infos)


def visit(view: GraphView) -> list[BoundEdge]:
    found: list[BoundEdge] = []
    view.get_self_node().visit_edges_of_type(edge_type=1, ctx=None, f=lambda _, edge: found.append(edge))
    return found


@alone
def test_a_real_workspace_works_after_hostile_ids() -> None:
    def answer(client: Client, message: Message) -> bool:
        if message.operation == OP["BOUND_NODE_VISIT_EDGES_OF_TYPE"]:
            client.reply(message, edges((0xFFFFFFF0, 0xFFFFFFFF, 0xFFFFFFFE, 1), (0x7FFFFFFF, 0x7FFFFFFF, 0x80000000, 1)))
            return True
        if message.operation == OP["GRAPH_VIEW_GET_NODES"]:
            client.reply(message, pack_u32(3, 0xFFFFFFFF, 0xFFFF0000, 0x7FFFFFF0))
            return True
        if message.operation == OP["SEXP_PARSE"]:
            client.reply(message, pack_u32(0xFFFFFFFF) + pack_bytes(snapshot(b"(a)")))
            return True
        return False

    real = os.environ["BINDD_SOCKET"]
    with tempfile.TemporaryDirectory() as folder, FakeDaemon(Path(folder), answer) as daemon:
        os.environ["BINDD_SOCKET"] = daemon.path
        for name in (None, "shared"):
            with bindd.connect(name):
                view = GraphView.create()
                assert len(visit(view)) == 2 and len(view.get_nodes()) == 3
                sexp.parse("(a)").free()
        floors = struct.unpack_from("<4I", daemon.hellos[1], 32)
    assert max(floors) < 1 << 20, floors
    os.environ["BINDD_SOCKET"] = real
    with bindd.connect():
        view = GraphView.create()
        node = view.create_and_insert_node()
        edge = EdgeReference.create(source=view.get_self_node().node(), target=node.node(), edge_type=1)
        view.insert_edge(edge=edge)
        assert [found.edge().get_attr(key="x") for found in visit(view)] == [None]
        assert view.get_counts() == (2, 1) and sexp.dumps(sexp.parse("(a b)"))


def head(client: Client, message: Message, kind: int, lease: tuple[int, int]) -> bytes:
    leases = {**client.leases, kind: list(lease)}
    return struct.pack("<Q", message.number) + b"".join(pack_u32(*leases[each]) for each in (1, 2, 3))


LEASES = {
    "larger than was asked for": lambda next, end: (next, next + (1 << 16) + 1),
    "all ids": lambda next, end: (1, 0xFFFFFFFF),
    "ends before it did": lambda next, end: (next, end - 1),
    "ends before it begins": lambda next, end: (end + 1, end),
    "nothing": lambda next, end: (0, 0),
}


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("name", LEASES)
def test_leases_that_cannot_be_are_refused(fake: FakeDaemon, name: str, kind: int) -> None:
    def answer(client: Client, message: Message) -> bool:
        if message.operation != SYNC:
            return False
        client.link.sendall(frame(SYNC, REPLY, head(client, message, kind, LEASES[name](*client.leases[kind]))))
        return True

    fake.answer = answer
    with bindd.connect() as workspace:
        view = GraphView.create()
        with pytest.raises(errors.ProtocolError, match="sync.*lease"):
            workspace.sync()
        with pytest.raises(errors.StaleHandleError, match="lease"):
            view.get_node_count()
    fake.answer = lambda client, message: False
    with bindd.connect() as workspace:
        GraphView.create().create_and_insert_node()
        workspace.sync()
    floors = [struct.unpack_from("<3I", hello, 32) for hello in fake.hellos]
    assert max(floors[1]) - max(floors[0]) < 1000, floors


@alone
def test_a_lease_at_the_end_of_the_ids_leaves_room_for_other_workspaces() -> None:
    """In a shared workspace other clients may have used up to there; elsewhere nobody has."""
    answered: list[Client] = []

    def answer(client: Client, message: Message) -> bool:
        if message.operation == SYNC and not answered:
            answered.append(client)
            for kind in (1, 2, 3):
                client.leases[kind] = [0xFFFFFF00, 0xFFFFFF00 + 50]
        return False

    real = os.environ["BINDD_SOCKET"]
    with tempfile.TemporaryDirectory() as folder, FakeDaemon(Path(folder), answer) as daemon:
        os.environ["BINDD_SOCKET"] = daemon.path
        with bindd.connect("shared") as workspace:
            workspace.sync()
            assert GraphView.create().__zig_address__() & 0xFFFFFFFF == 0xFFFFFF00
            workspace.sync()
        with bindd.connect() as workspace:
            GraphView.create()
            workspace.sync()
        nodes, edge_ids, views = struct.unpack_from("<3I", daemon.hellos[1], 32)
    assert nodes <= 1 << 31 and edge_ids <= 1 << 31 and views <= 1 << 27
    os.environ["BINDD_SOCKET"] = real
    with bindd.connect():
        view = GraphView.create()
        view.create_and_insert_node()
        assert view.get_node_count() == 2


def test_leases_that_grow_while_requests_are_given_up(fake: FakeDaemon) -> None:
    """Each request for ids that nobody waited for any longer made the range larger: that is no damage."""
    mute = True
    fake.answer = lambda client, message: False

    def answer(client: Client, message: Message) -> bool:
        if message.operation == OP["LEASE"]:
            kind, wanted = message.words()
            client.leases[kind][1] += wanted
            if mute:
                return True
            client.reply(message)
            return True
        return False

    fake.answer = answer
    with bindd.connect(call_timeout=0.1) as workspace:
        view = GraphView.create()
        workspace.sync()
        made = 1
        for _ in range(4):
            with pytest.raises(errors.CallTimeout):
                while True:
                    view.create_and_insert_node()
                    made += 1
        mute = False
        workspace.call_timeout = 30
        for _ in range(9000):
            view.create_and_insert_node()
        workspace.sync()
        assert workspace.alive and made == 100


def test_scattered_ids_cost_little(fake: FakeDaemon) -> None:
    """Each id in a region of its own: memory follows what Python holds, not the distance between ids."""
    count = 20_000
    infos = [(i * 100_003 & 0xFFFFFFFF, i * 200_003 & 0xFFFFFFFF, i * 300_007 & 0xFFFFFFFF, 1) for i in range(1, count + 1)]
    reply = edges(*infos)
    fake.answer = lambda client, message: message.operation == OP["BOUND_NODE_VISIT_EDGES_OF_TYPE"] and not client.reply(
        message, reply)
    with bindd.connect() as workspace:
        view = GraphView.create()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        held = visit(view)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert len(held) == count
        assert grown < 64 * len(reply) // 1024, f"{len(reply)} bytes of reply cost {grown} KiB"
        held.clear()
        workspace.sync()
