"""What the extension puts on the wire and takes from it: bytes, order, chunking, counting, late and hostile replies."""

from __future__ import annotations

import os
import re
import struct
import threading

import bindd
import pytest
from bindd import _bindd, errors, sexp
from bindd.graph import EdgeReference, GraphView, NodeReference
from fake_daemon import (
    NOTICE, OP, REPLY_WANTED, ROOT, SYNC, Client, FakeDaemon, Message, answer_parse, frame, frames, pack_bytes, pack_str,
    pack_u32,
)

pytestmark = pytest.mark.timeout(60)


def unescape(text: str) -> str:
    return text.replace("\\0", "\0").replace("\\n", "\n")


def encode_fields(fields: str) -> bytes:
    """The golden file's field notation, encoded with the fake daemon's own packers."""
    data = b""
    for field in filter(None, fields.split(";")):
        kind, value = field.split("=", 1)
        if kind == "u32":
            data += pack_u32(int(value))
        elif kind in ("u64", "i64"):
            data += struct.pack("<Q" if kind == "u64" else "<q", int(value))
        elif kind == "f64":
            data += struct.pack("<d", float(value))
        elif kind == "bool":
            data += pack_u32(int(value in ("1", "true")))
        elif kind == "str":
            data += pack_str(unescape(value))
        elif kind == "blob":
            data += pack_bytes(bytes.fromhex(value))
        elif kind == "literal":
            data += encode_literal(value)
        elif kind == "attributes":
            count, *pairs = value.split(",")
            data += pack_u32(int(count))
            for key, literal in zip(pairs[::2], pairs[1::2], strict=True):
                data += pack_str(unescape(key)) + encode_literal(literal)
        else:
            raise AssertionError(f"field kind {kind}")
    return data


def encode_literal(text: str) -> bytes:
    kind, _, value = text.partition(":")
    packed = {
        "none": lambda: b"", "int": lambda: struct.pack("<q", int(value)), "float": lambda: struct.pack("<d", float(value)),
        "bool": lambda: pack_u32(int(value)), "str": lambda: pack_str(unescape(value)),
    }[kind]()
    return pack_u32(["none", "int", "float", "bool", "str"].index(kind)) + packed


def test_golden_frames() -> None:
    """The packers that all tests here compare the extension with agree with the file that the Swift tests read."""
    lines = (ROOT / "Tests/fixtures/frames.tsv").read_text().splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    assert rows
    for name, operation, flags, fields, expected in rows:
        assert frames(int(operation), int(flags), encode_fields(fields)).hex() == expected, name


def test_hello(fake: FakeDaemon) -> None:
    with bindd.connect("shared name") as workspace:
        hello = fake.hellos[0]
        magic, major, minor, layout, digest, pid, generation = struct.unpack_from("<4IQ2I", hello)
        assert (magic, major, minor, layout) == (0x44444E42, 1, 0, 5)
        assert f"{digest:016x}".startswith(_bindd.DESCRIPTION_HASH)
        assert generation == workspace.generation and pid > 0
        assert hello[68:].startswith(pack_str("shared name"))
        assert workspace.pid == 4_000_000


def test_commands_have_the_agreed_bytes_and_wait_for_nothing(fake: FakeDaemon) -> None:
    with bindd.connect() as workspace:
        view = GraphView.create()
        first, second = view.create_and_insert_node(), view.create_and_insert_node()
        edge = EdgeReference.create(
            source=first.node(), target=second.node(), edge_type=7, directional=True, name="n", value=1, ratio=0.5,
            flag=True, text="a\0ä")
        view.insert_edge(edge=edge)
        assert workspace.statistics()["round_trips"] == 0
        workspace.sync()
        base = view.get_self_node().node().get_uuid()
        (created,) = fake.of("GRAPH_VIEW_CREATE")
        index = created.words()[0]
        assert created.words() == (index, base) and created.flags == 0
        assert [m.words() for m in fake.of("GRAPH_VIEW_CREATE_AND_INSERT_NODE")] == [(index, base + 1), (index, base + 2)]
        (made,) = fake.of("EDGE_REFERENCE_CREATE")
        number = made.words()[0]
        assert made.payload == (
            pack_u32(number, base + 1, base + 2, 7 | 0x100) + pack_u32(5) + pack_str("name") + encode_literal("str:n")
            + pack_str("value") + encode_literal("int:1") + pack_str("ratio") + encode_literal("float:0.5")
            + pack_str("flag") + encode_literal("bool:1") + pack_str("text") + encode_literal("str:a\\0ä"))
        assert fake.of("GRAPH_VIEW_INSERT_EDGE")[0].words() == (index, number)
        assert [m.number for m in fake.messages] == list(range(1, len(fake.messages) + 1))


def test_many_creations_need_few_round_trips(fake: FakeDaemon) -> None:
    with bindd.connect() as workspace:
        view = GraphView.create()
        ids = [view.create_and_insert_node().node().get_uuid() for _ in range(30_000)]
        workspace.sync()
        assert ids == sorted(set(ids))
        sent = [m.words()[1] for m in fake.of("GRAPH_VIEW_CREATE_AND_INSERT_NODE")]
        assert sent == ids
        assert workspace.statistics()["round_trips"] < 12


def test_a_long_request_is_cut_into_frames_and_a_long_reply_put_together(fake: FakeDaemon) -> None:
    fake.answer = answer_parse
    text = b"(a" + b' "x"' * 900_000 + b")"
    with bindd.connect(), sexp.parse(text) as document:
        (message,) = fake.of("SEXP_PARSE")
        assert message.frame_count == -(-len(message.payload) // (1 << 20)) == 4
        assert message.payload == pack_bytes(text) + pack_str("") + pack_u32(0)
        assert len(document.root) == 900_001 and document.root[-1] == "x"


def test_a_message_of_exactly_one_frame_has_no_empty_one_behind_it(fake: FakeDaemon) -> None:
    fake.answer = answer_parse
    text = b"(" + b" " * ((1 << 20) - 8 - 8 - 2) + b")"
    with bindd.connect(), sexp.parse(text):
        (message,) = fake.of("SEXP_PARSE")
        assert len(message.payload) == 1 << 20 and message.frame_count == 1


def test_replies_to_given_up_requests_are_dropped(fake: FakeDaemon) -> None:
    held: list[Message] = []

    def answer(client: Client, message: Message) -> bool:
        if message.operation != OP["GRAPH_VIEW_GET_NODE_COUNT"]:
            return False
        held.append(message)
        if len(held) == 1:
            return True  # the first one is not answered …
        client.reply(held[0], struct.pack("<q", 111))  # … until the second one is there
        client.reply(message, struct.pack("<q", 222))
        return True

    fake.answer = answer
    with bindd.connect() as workspace:
        view = GraphView.create()
        with bindd.call_timeout(workspace, 0.2), pytest.raises(errors.CallTimeout):
            view.get_node_count()
        assert view.get_node_count() == 222
        page = struct.unpack("<QIIQQQ", os.pread(fake.pages[0], 40, 0))
        assert page[3] == held[0].number  # cancel_request
        assert workspace.alive


def test_a_document_that_comes_after_all_is_released(fake: FakeDaemon) -> None:
    held: list[Message] = []
    fake.answer = lambda client, message: message.operation == OP["SEXP_PARSE"] and not held.append(message)
    with bindd.connect() as workspace:
        with bindd.call_timeout(workspace, 0.1), pytest.raises(errors.CallTimeout):
            sexp.parse("(a)")
        answer_parse(fake.clients[0], held[0])
        workspace.sync()
        workspace.sync()
        assert [m.words() for m in fake.of("RELEASE")] == [(7, 1, held[0].number)]


def test_a_refused_command_is_told_at_the_next_wait(fake: FakeDaemon) -> None:
    def answer(client: Client, message: Message) -> bool:
        if message.operation == OP["GRAPH_VIEW_CREATE"]:
            client.link.sendall(frame(message.operation, NOTICE, pack_u32(10) + pack_str("request 1: no more views")))
            return True
        return False

    fake.answer = answer
    with bindd.connect() as workspace:
        GraphView.create()
        with pytest.raises(errors.LimitExceeded, match="no more views"):
            workspace.sync()
        workspace.sync()


def test_error_replies_become_their_class(fake: FakeDaemon) -> None:
    kinds = iter(["ValueError", "SexpError", "NoSuchThing", "SystemExit", "__import__"])

    def answer(client: Client, message: Message) -> bool:
        if message.operation == SYNC:
            fields = pack_u32(2) + pack_str("line") + encode_literal("int:3") + pack_str("args") + encode_literal("int:1")
            client.fail(message, next(kinds), "what", "do that", fields)
            return True
        return False

    fake.answer = answer
    with bindd.connect() as workspace:
        with pytest.raises(ValueError, match="what\n  hint: do that") as caught:
            workspace.sync()
        assert type(caught.value) is ValueError
        with pytest.raises(errors.SexpError) as sexp_error:
            workspace.sync()
        assert sexp_error.value.line == 3 and sexp_error.value.hint == "do that" and sexp_error.value.code == 1
        for _ in range(3):
            with pytest.raises(errors.BinddError) as other:
                workspace.sync()
            assert type(other.value) is errors.BinddError
        assert workspace.alive


@pytest.mark.parametrize(
    "result",
    [b"", b"\1", pack_u32(7), pack_u32(4, 5, 0), pack_u32(4, 0xFFFFFFFF), pack_u32(1, 1, 0, 9)],
    ids=["nothing", "a byte", "unknown kind", "cut string", "long string", "rest"],
)
def test_results_that_cannot_be_decoded_close_the_connection(fake: FakeDaemon, result: bytes) -> None:
    fake.answer = lambda client, message: message.operation == OP["NODE_REFERENCE_GET_ATTR"] and not client.reply(message, result)
    with bindd.connect() as workspace:
        node = NodeReference.create()
        with pytest.raises(errors.ProtocolError):
            node.get_attr(key="k")
        assert not workspace.alive
        with pytest.raises(errors.StaleHandleError, match="could not be decoded"):
            node.get_uuid()


def test_a_list_that_says_more_than_it_has(fake: FakeDaemon) -> None:
    fake.answer = lambda client, message: message.operation == OP["GRAPH_VIEW_GET_NODES"] and not client.reply(
        message, pack_u32(0x40000000, 1, 2))
    with bindd.connect():
        with pytest.raises(errors.ProtocolError):
            GraphView.create().get_nodes()


def test_sync_mode_waits_after_each_command(fake: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINDD_SYNC", "1")
    with bindd.connect() as workspace:
        GraphView.create().create_and_insert_node()
        assert workspace.statistics()["round_trips"] == 2
        assert all(message.flags & REPLY_WANTED for message in fake.messages)


def test_debug_prints_each_message_in_words(
    fake: FakeDaemon, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BINDD_DEBUG", "1")
    fake.answer = lambda client, message: message.operation == OP["NODE_REFERENCE_GET_ATTR"] and not client.reply(
        message, encode_literal("str:v"))
    with bindd.connect():
        node = NodeReference.create(key="va\x1blue")
        assert node.get_attr(key="key") == "v"
    text = capfd.readouterr().err
    assert re.search(r"bindd → w\d+ #1 NodeReference\.create \d+ bytes node \d+ 'key'='va\\x1blue'", text), text
    assert re.search(r"bindd → w\d+ #2 NodeReference\.get_attr \d+ bytes self \d+ key='key'", text), text
    assert re.search(r"bindd ← w\d+ #2 NodeReference\.get_attr \d+ bytes → 'v'", text), text


def test_debug_prints_what_nobody_waits_for_too(
    fake: FakeDaemon, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BINDD_DEBUG", "1")
    monkeypatch.setenv("BINDD_ARENA", "0")
    held: list[Message] = []
    results = {
        "EDGE_REFERENCE_NAME": pack_u32(1) + pack_str("née"),
        "NODE_REFERENCE_GET_ATTR": encode_literal("none:"),
        "NODE_REFERENCE_GET_DYNAMIC_ATTRS": pack_u32(2) + pack_str("a") + encode_literal("int:1") + pack_str("b") + encode_literal("bool:1"),
        "GRAPH_VIEW_GET_NODES": pack_u32(3, 1, 2, 3),
        "GRAPH_VIEW_GET_COUNTS": struct.pack("<QQ", 3, 1),
        "BOUND_NODE_VISIT_EDGES_OF_TYPE": pack_u32(1, 5, 1, 2, 7),
        "SEXP_DUMPS": pack_str("(a)\n"),
    }

    def answer(client: Client, message: Message) -> bool:
        for name, result in results.items():
            if message.operation == OP[name]:
                client.reply(message, result)
                return True
        if message.operation == SYNC and not held:
            held.append(message)
            return True
        if message.operation == SYNC and len(held) == 1:
            held.append(message)
            client.reply(held[0])
            client.link.sendall(frame(0, NOTICE, pack_u32(0) + pack_str("by the way")))
        return answer_parse(client, message)

    fake.answer = answer
    fake.on_control = lambda command, arguments: {"known": True, "signal": 9, "signal_name": "SIGKILL"}
    with bindd.connect("shared") as workspace:
        view = GraphView.create()
        node = view.get_self_node()
        edge = EdgeReference.create(source=node.node(), target=node.node(), edge_type=1)
        edge.name(), node.node().get_attr(key="k"), node.node().get_dynamic_attrs(), view.get_nodes(), view.get_counts()
        node.visit_edges_of_type(edge_type=7, ctx=None, f=lambda ctx, edge: None)
        document = sexp.parse("(a)", label="x" * 61)
        sexp.dumps(document)
        sexp.parse("(" + " " * 5000 + ")", label="long").free()
        held_node = edge.source()
        with view.batch():
            view.create_and_insert_node()
            view.create_and_insert_node()
        with bindd.call_timeout(workspace, 0.1), pytest.raises(errors.CallTimeout):
            workspace.sync()
        workspace.sync()
        del edge
        workspace.sync()
        fake.answer = lambda client, message: bool(client.link.shutdown(2)) or True
        with pytest.raises(errors.WorkerCrashed):
            workspace.sync()
        del held_node
    text = capfd.readouterr().err
    for line in (
        r"bindd → w\d+ #0 hello \d+ bytes major 1 minor 0 layout \d+ hash [0-9a-f]{16} pid \d+ generation \d+ node floor \d+ "
        r"edge floor \d+ view floor \d+ document floor \d+ session [0-9a-f]{16} workspace 'shared' program '.*'.* build '.*'",
        r"bindd ← w\d+ #0 hello \d+ bytes nodes \d+…\d+ edges \d+…\d+ views \d+…\d+ worker 4000000 slot 0 generation \d+ "
        r"client 1 workspace '' build 'fake'",
        r"bindd ← w\d+ #\d+ EdgeReference.name 44 bytes → 'née'",
        r"bindd ← w\d+ #\d+ NodeReference.get_attr 36 bytes → None",
        r"bindd ← w\d+ #\d+ NodeReference.get_dynamic_attrs \d+ bytes →  'a'=1, 'b'=True",
        r"bindd ← w\d+ #\d+ GraphView.get_nodes 48 bytes → 3 \[1, 2, 3\]",
        r"bindd ← w\d+ #\d+ GraphView.get_counts 48 bytes → 3 nodes, 1 edges",
        r"bindd ← w\d+ #\d+ BoundNode.visit_edges_of_type 52 bytes → 1 \[5 \(1 -> 2, type 7\)\]",
        r"bindd → w\d+ #\d+ sexp.parse \d+ bytes text=3 bytes label='x{60}'… \(61 bytes\) depth_limit=0",
        r"bindd → w\d+ #\d+ sexp.parse \d+ bytes text=5002 bytes label='long' depth_limit=0",
        r"bindd ← w\d+ #\d+ sexp.parse \d+ bytes document \d+ \d+ bytes",
        r"bindd → w\d+ #\d+ sexp.dumps 4 bytes document=\d+",
        r"bindd ← w\d+ #\d+ sexp.dumps \d+ bytes → '\(a\)\\x0a'",
        r"bindd → w\d+ #\d+ batch \d+ bytes 2 commands( \| GraphView.create_and_insert_node view \d+ node \d+){2}",
        r"bindd ← w\d+ #\d+ sync 32 bytes dropped: nobody waits for it any longer",
        r"bindd ← w\d+ notice 20 bytes code 0 'by the way'",
        r"bindd → w\d+ #\d+ pin \d+ bytes kind 1 1 handles: \d+",
        r"bindd → w\d+ #\d+ release \d+ bytes kind 2 1 handles: \d+",
        r"bindd → supervisor obituary pid=4000000",
        r'bindd ← supervisor obituary {"known": true, "signal": 9, "signal_name": "SIGKILL"}',
    ):
        assert re.search(f"^{line}$", text, re.M), f"{line}\n{text}"


def test_threads_share_a_connection(fake: FakeDaemon) -> None:
    fake.answer = lambda client, message: message.operation == OP["GRAPH_VIEW_GET_NODE_COUNT"] and not client.reply(
        message, struct.pack("<q", message.number))
    with bindd.connect() as workspace:
        view = GraphView.create()
        answers: list[int] = []

        def work() -> None:
            for _ in range(300):
                view.create_and_insert_node()
                answers.append(view.get_node_count())

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        workspace.sync()
        assert len(answers) == len(set(answers)) == 2400
        sent = [m.words()[1] for m in fake.of("GRAPH_VIEW_CREATE_AND_INSERT_NODE")]
        assert sent == sorted(set(sent)) and len(sent) == 2400  # ids rise in the order of the stream


def test_releases_ride_with_the_next_wait_and_tell_kinds(fake: FakeDaemon) -> None:
    with bindd.connect() as workspace:
        nodes = [NodeReference.create() for _ in range(5)]
        ids = [node.get_uuid() for node in nodes]
        kept = nodes.pop()
        nodes.clear()
        workspace.sync()
        (release,) = fake.of("RELEASE")
        assert release.words()[:2] == (1, 4) and sorted(release.words()[2:]) == ids[:4]
        del kept
        workspace.sync()
        assert fake.of("RELEASE")[1].words() == (1, 1, ids[4])
        assert workspace.statistics()["releases"] == 5


def test_a_node_that_gets_a_new_handle_before_its_release_is_sent_stays(fake: FakeDaemon) -> None:
    with bindd.connect() as workspace:
        node = NodeReference.create()
        edge = EdgeReference.create(source=node, target=node, edge_type=1)
        del node
        again = edge.source()
        workspace.sync()
        assert not fake.of("RELEASE")
        number = again.get_uuid()
        del again
        workspace.sync()
        assert [m.words() for m in fake.of("RELEASE")] == [(1, 1, number)]


def test_destroy_names_what_python_still_holds(fake: FakeDaemon) -> None:
    with bindd.connect() as workspace:
        view = GraphView.create()
        first, second = view.create_and_insert_node(), view.create_and_insert_node()
        node = first.node()
        edge = EdgeReference.create(source=node, target=second.node(), edge_type=1)
        view.insert_edge(edge=edge)
        number = node.get_uuid()
        del first, second
        view.destroy()
        view.destroy()
        workspace.sync()
        (message,) = fake.of("GRAPH_VIEW_DESTROY")
        index = fake.of("GRAPH_VIEW_CREATE")[0].words()[0]
        edge_number = fake.of("EDGE_REFERENCE_CREATE")[0].words()[0]
        assert message.words() == (index, 1, number, 1, edge_number)
        del node  # destroy pinned it for us: now it is released
        workspace.sync()
        assert fake.of("RELEASE")[-1].words() == (1, 1, number)


def test_a_view_that_nobody_holds_is_destroyed(fake: FakeDaemon) -> None:
    with bindd.connect() as workspace:
        view = GraphView.create()
        node = view.create_and_insert_node().node()
        del view
        workspace.sync()
        (message,) = fake.of("GRAPH_VIEW_DESTROY")
        assert message.words()[1:] == (1, node.get_uuid(), 0)


def test_a_shared_view_that_nobody_holds_is_let_go_of(fake: FakeDaemon) -> None:
    with bindd.connect("shared") as workspace:
        index = GraphView.create().__zig_address__() & 0xFFFFFFFF
        workspace.sync()
        assert fake.of("RELEASE")[0].words() == (3, 1, index)


def test_a_shared_view_that_is_destroyed_is_gone_for_all(fake: FakeDaemon) -> None:
    with bindd.connect("shared") as workspace:
        view = GraphView.create()
        index = view.__zig_address__() & 0xFFFFFFFF
        view.destroy()
        workspace.sync()
        (message,) = fake.of("GRAPH_VIEW_DESTROY")
        assert message.words()[0] == index
        del view
        workspace.sync()
        assert not [m for m in fake.of("RELEASE") if m.words()[0] == 3]


def test_leases_go_on_where_they_were_after_a_new_workspace(fake: FakeDaemon) -> None:
    with bindd.connect():
        first = GraphView.create().get_self_node().node().get_uuid()
    with bindd.connect():
        assert GraphView.create().get_self_node().node().get_uuid() > first
    assert struct.unpack_from("<I", fake.hellos[1], 32)[0] >= first


def test_destroy_does_not_wait_so_that_no_pin_is_lost(fake: FakeDaemon) -> None:
    """What is pinned for Python is decided in the moment in which the request is written: handles that other threads drop
    while a destroy waits for a full socket would be pinned for ever."""
    let_go = threading.Event()
    fake.answer = lambda client, message: bool(let_go.wait(20) and False)
    with bindd.connect(call_timeout=0.2) as workspace:
        view = GraphView.create()
        held = []
        with pytest.raises(errors.CallTimeout):
            while True:
                held.append(view.create_and_insert_node())
        view.destroy()
        with pytest.raises(errors.StaleHandleError, match="was destroyed at .*test_wire_client.py"):
            view.get_node_count()
        ids = [bound.__zig_address__() & 0xFFFFFFFF for bound in held]
        held.clear()
        let_go.set()
        workspace.call_timeout = None
        workspace.sync()
        (destroyed,) = fake.of("GRAPH_VIEW_DESTROY")
        pinned = destroyed.words()[2 : 2 + destroyed.words()[1]]
        assert sorted(pinned) == ids
        released = [id for m in fake.of("RELEASE") if m.number > destroyed.number for id in m.words()[2:]]
        assert sorted(released) == ids


def test_destroy_in_sync_mode_raises_what_the_worker_says(fake: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINDD_SYNC", "1")

    def answer(client: Client, message: Message) -> bool:
        if message.operation == OP["GRAPH_VIEW_DESTROY"]:
            client.link.sendall(frame(message.operation, NOTICE, pack_u32(7) + pack_str("request 2: no such view")))
            return True
        return False

    fake.answer = answer
    with bindd.connect() as workspace:
        view = GraphView.create()
        before = workspace.statistics()["round_trips"]
        with pytest.raises(errors.StaleHandleError, match="no such view"):
            view.destroy()
        assert workspace.statistics()["round_trips"] == before + 1
