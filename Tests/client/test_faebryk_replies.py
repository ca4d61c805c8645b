"""Results that say what they are, read as hostile: whatever bytes a worker answers, each call ends with values or with
ProtocolError, never with a fault, a hang or memory out of proportion."""

from __future__ import annotations

import random
import struct
from typing import Any

import bindd
import pytest
from bindd import errors
from bindd.faebryk import EdgeInterfaceConnection, TypeGraph
from bindd.graph import BFSPath, BoundNode, GraphView
from fake_daemon import OP, Client, FakeDaemon, Message, pack_str, pack_u32

pytestmark = pytest.mark.timeout(60)

NONE, INT, FLOAT, BOOL, STR, LIST, TUPLE, BOUND_NODE, BOUND_EDGE, PATH, DICT, NODE, EDGE, TYPE_GRAPH, LOOSE, CONNECTED = range(16)
VIEW = 0x57455649  # stands for the index of the view that is asked of


class Asked:
    """A typegraph whose every query is answered with `result`."""

    def __init__(self, daemon: FakeDaemon, workspace: bindd.Workspace) -> None:
        self.result = b""
        self.daemon = daemon
        daemon.answer = self._answer
        self.view = GraphView.create()
        self.node = self.view.get_self_node()
        self.types = TypeGraph.of(node=self.node)
        workspace.sync()
        self.index, self.id = daemon.of("GRAPH_VIEW_CREATE")[-1].words()

    def _answer(self, client: Client, message: Message) -> bool:
        if message.operation not in (OP["TYPE_GRAPH_VALIDATE_TYPE"], OP["EDGE_INTERFACE_CONNECTION_GET_CONNECTED"]):
            return False
        client.reply(message, self.result)
        return True

    def place(self, data: bytes) -> bytes:
        return data.replace(pack_u32(VIEW), pack_u32(self.index))

    def ask(self, result: bytes) -> Any:
        self.result = self.place(result)
        return self.types.validate_type(type_node=self.node)


@pytest.fixture
def asked(fake: FakeDaemon, workspace: bindd.Workspace) -> Asked:
    return Asked(fake, workspace)


def test_each_kind_of_value(asked: Asked) -> None:
    view, edge = pack_u32(VIEW), pack_u32(9, 2, 3, 130)
    for result, wanted in (
        (pack_u32(NONE), None), (pack_u32(INT) + struct.pack("<q", -5), -5), (pack_u32(FLOAT) + struct.pack("<d", 0.5), 0.5),
        (pack_u32(BOOL, 1), True), (pack_u32(STR) + pack_str("é"), "é"), (pack_u32(LIST, 2, NONE, BOOL, 0), [None, False]),
        (pack_u32(TUPLE, 1, TUPLE, 0), ((),)), (pack_u32(DICT, 1, BOOL, 1, NONE), {True: None}),
    ):
        found = asked.ask(result)
        assert found == wanted and type(found) is type(wanted)
    for result, shown in (
        (pack_u32(BOUND_NODE) + view + pack_u32(7), "BoundNode(node=0x7, graph=GRAPH)"),
        (pack_u32(LOOSE) + view + pack_u32(7), "BoundNode(node=0x7, graph=GRAPH)"),
        (pack_u32(TYPE_GRAPH) + view + pack_u32(7), "TypeGraph(id=0x7, g=GRAPH)"),
        (pack_u32(NODE, 7), "NodeReference(uuid=0x7)"),
        (pack_u32(EDGE) + edge, "EdgeReference(id=0x9, src=0x2, tgt=0x3, type=130)"),
        (pack_u32(BOUND_EDGE) + view + edge, "BoundEdge(src=0x2, tgt=0x3, graph=GRAPH)"),
        (pack_u32(PATH) + view + pack_u32(2, 3, 1) + edge, "BFSPath(start=0x2, end=0x3, length=1, graph=GRAPH)"),
    ):
        assert repr(asked.ask(result)) == shown.replace("GRAPH", hex(asked.id))


def test_connected_paths(asked: Asked) -> None:
    steps = pack_u32(0, 11, 2, 3, 85) + pack_u32(1, 12, 3, 4, 85) + pack_u32(0, 13, 2, 5, 85)
    paths = asked.ask(pack_u32(CONNECTED, VIEW, 2, 3) + steps + pack_u32(3, 2, 0, 4, 2, 5, 3))
    assert [(node.node().get_uuid(), path.get_length()) for node, path in paths.items()] == [(2, 0), (4, 2), (5, 1)]
    assert all(type(node) is BoundNode and type(path) is BFSPath for node, path in paths.items())
    longest = list(paths.values())[1]
    del paths
    assert [edge.target().get_uuid() for edge in longest.get_edges()] == [3, 4]


@pytest.mark.parametrize(
    "result",
    [
        b"", pack_u32(99), pack_u32(LIST, 1), pack_u32(LIST, 0xFFFFFFFF), pack_u32(TUPLE, 1 << 20), pack_u32(DICT, 1, NONE),
        pack_u32(*(LIST, 1) * 9, NONE), pack_u32(*(LIST, 1) * 100_000, NONE), pack_u32(NONE, NONE), pack_u32(STR, 8, 0),
        pack_u32(STR) + b"\1\0\0\0\xff\0\0\0", pack_u32(INT, 0), pack_u32(BOUND_NODE, 77, 1), pack_u32(TYPE_GRAPH, 0, 1),
        pack_u32(BOUND_EDGE, VIEW, 1, 2, 3), pack_u32(PATH, VIEW, 2, 3, 0x0FFFFFFF), pack_u32(CONNECTED, VIEW, 2, 0x0CCCCCCC),
        pack_u32(CONNECTED, VIEW, 2, 1, 1, 11, 2, 3, 85, 0), pack_u32(CONNECTED, VIEW, 2, 1, 7, 11, 2, 3, 85, 0),
        pack_u32(CONNECTED, VIEW, 2, 1, 0, 11, 2, 3, 85, 1, 3, 2), pack_u32(CONNECTED, VIEW, 2, 0, 0x10000000),
    ],
    ids=str,
)
def test_what_is_no_value_ends_the_connection(asked: Asked, result: bytes) -> None:
    with pytest.raises(errors.ProtocolError):
        asked.ask(result)
    with pytest.raises(errors.StaleHandleError):
        asked.ask(pack_u32(NONE))
    assert repr(asked.types) == f"TypeGraph(id={asked.id:#x}, g={asked.id:#x})"


def test_damaged_replies(fake: FakeDaemon) -> None:
    draw = random.Random(20)
    steps = b"".join(pack_u32(max(0, n - 1), 100 + n, n + 1, n + 2, 85) for n in range(20))
    ends = pack_u32(20) + b"".join(pack_u32(n + 2, n + 1) for n in range(20))
    good = pack_u32(LIST, 3, TUPLE, 2, BOUND_NODE, VIEW, 5, STR) + pack_str("text")
    good += pack_u32(CONNECTED, VIEW, 1, 20) + steps + ends + pack_u32(BOUND_EDGE, VIEW, 9, 2, 3, 130)
    read = 0
    for _ in range(400):
        damaged = bytearray(good)
        for _ in range(draw.randint(0, 3)):
            at = draw.randrange(len(damaged) // 4) * 4
            damaged[at : at + 4] = pack_u32(draw.choice((0, 1, 2, 15, 16, 255, 0x7FFFFFFF, 0xFFFFFFFF, draw.getrandbits(32))))
        if draw.random() < 0.3:
            del damaged[draw.randrange(len(damaged)) :]
        with bindd.connect() as workspace:
            asked = Asked(fake, workspace)
            try:
                found = asked.ask(bytes(damaged))
                repr(found)
                for path in found[1].values() if isinstance(found, list) and isinstance(found[1], dict) else ():
                    path.get_edges()
                read += 1
            except errors.ProtocolError:
                pass
    assert 100 < read < 400


def test_errors_with_fields_that_make_no_node(asked: Asked) -> None:
    def fields(*pairs: tuple[str, bytes]) -> bytes:
        return pack_u32(len(pairs)) + b"".join(pack_str(key) + value for key, value in pairs)

    def number(value: int) -> bytes:
        return pack_u32(1) + struct.pack("<q", value)

    for told, wanted in (
        (fields(("node", number(5)), ("view", number(VIEW))), "BoundNode(node=0x5, graph=GRAPH)"),
        (fields(("node", number(5)), ("view", number(99))), "5"),
        (fields(("node", number(-5)), ("view", number(VIEW))), "-5"),
        (fields(("node", number(1 << 40)), ("view", number(VIEW))), str(1 << 40)),
        (fields(("node", pack_u32(4) + pack_str("x")), ("view", number(VIEW))), "'x'"),
        (fields(("node", number(5))), "5"),
        (fields(), "None"),
    ):
        def refuse(client: Client, message: Message, told: bytes = told) -> bool:
            if message.operation != OP["EDGE_INTERFACE_CONNECTION_GET_CONNECTED"]:
                return False
            client.fail(message, "TypeGraphResolveError", "no", fields=asked.place(told))
            return True

        asked.daemon.answer = refuse
        with pytest.raises(errors.TypeGraphResolveError) as caught:
            EdgeInterfaceConnection.get_connected(source=asked.node)
        assert repr(caught.value.node) == wanted.replace("GRAPH", hex(asked.id))
    for path in ('["a", "b"]', "{}", "[1]", "no json", "[" * 100_000):
        def break_path(client: Client, message: Message, path: str = path) -> bool:
            client.fail(message, "TypeGraphPathError", "no", fields=fields(("path", pack_u32(4) + pack_str(path))))
            return True

        asked.daemon.answer = break_path
        with pytest.raises(errors.BinddError) as broken:
            asked.types.validate_type(type_node=asked.node)
        assert getattr(broken.value, "path", []) == (["a", "b"] if path.startswith('["a"') else [])
