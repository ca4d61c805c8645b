// Text for people: units, tables, the reports of status and inspect, and the JSON that they come from.

import Testing
import Wire

@testable import bindd

private let plain = Style(isOn: false)

@Suite struct ReportTests {
    @Test func units() {
        #expect([0, 7, 999, 1000, 31204, 1_234_567].map(Units.count) == ["0", "7", "999", "1,000", "31,204", "1,234,567"])
        #expect(
            [0, 1023, 1024, 3_250_586, 420_478_976, 1 << 40].map(Units.bytes)
                == ["0 B", "1023 B", "1.0 KiB", "3.1 MiB", "401 MiB", "1.0 TiB"])
        #expect(Units.bytes(1_048_575) == "1.0 MiB")
        #expect(Units.bytes(.max) == "16 EiB")
        #expect(
            [0, 12, 44_000, 1_860_000, 8_040_000, 7_200_000, 273_600_000].map { Units.duration(milliseconds: $0) }
                == ["0ms", "12ms", "44s", "31m", "2h14m", "2h", "3d4h"])
    }

    private func table() -> TextTable {
        var table = TextTable([
            .init(title: "CLIENT"), .init(title: "PROGRAM", isFlexible: true), .init(title: "HANDLES", isNumeric: true),
            .init(title: "NOW"),
        ])
        table.add(["c1", "ato build (default)", "31,204", "graph.edges_of 12ms"])
        table.add(["c2", "ipykernel\u{1B}[31m_launcher", "214"], isMarked: true)
        return table
    }

    @Test func tableIsAligned() {
        #expect(
            table().render(width: nil, style: plain) == """
                CLIENT  PROGRAM                  HANDLES  NOW
                c1      ato build (default)       31,204  graph.edges_of 12ms
                c2      ipykernel\u{FFFD}[31m_launcher      214

                """)
    }

    @Test func narrowTableCutsTheFlexibleColumn() {
        #expect(
            table().render(width: 54, style: plain) == """
                CLIENT  PROGRAM           HANDLES  NOW
                c1      ato build (defa…   31,204  graph.edges_of 12ms
                c2      ipykernel\u{FFFD}[31m_…      214

                """)
        var paths = TextTable([
            .init(title: "PATH", isFlexible: true, cutsFront: true), .init(title: "WORDS", isFlexible: true),
            .init(title: "N", isNumeric: true),
        ])
        paths.add(["/home/r/project/board.kicad_pcb", "some words here", "1,000"])
        #expect(
            paths.render(width: 40, style: plain) == """
                PATH              WORDS                N
                …board.kicad_pcb  some words here  1,000

                """)
        // Narrower than what is left to cut: whole numbers matter more than the width.
        #expect(table().render(width: 10, style: plain).contains("31,204"))
    }

    @Test func coloursOnlyWhenWanted() {
        #expect(!table().render(width: nil, style: plain).contains("\u{1B}"))
        #expect(table().render(width: nil, style: Style(isOn: true)).contains("\u{1B}[33m"))
    }

    private let head = """
        "version":"0.3.0","build":"9c1e","protocol":"1.4","pid":41820,"uptime_s":8040.5,"socket":"/run/b.sock",
        "rss_bytes":12582912,"crashes":2,
        "last_crash":{"at":"2026-11-22T09:41:07.000Z","pid":7,"cause":"SIGSEGV","operation":"debug.crash"}
        """

    @Test func status() throws {
        let report = try JSONReader.read(
            """
            {\(head),"workers":[
            {"pid":41790,"workspace":"","clients":1,"state":"busy","operation":"GraphView.create","request":5,
            "elapsed_ms":12,"heartbeat_age_ms":90,"memory_bytes":420478976},
            {"pid":41791,"workspace":"notebook","clients":0,"state":"stopped","operation":"","request":0,"elapsed_ms":0,
            "heartbeat_age_ms":61000,"memory_bytes":100}]}
            """)
        #expect(
            statusText(report, width: 100, style: plain) == """
                bindd 0.3.0 (build 9c1e, protocol 1.4)  supervisor 41820  up 2h14m  rss 12 MiB
                socket /run/b.sock   crashes 2 (last 2026-11-22T09:41:07.000Z SIGSEGV in debug.crash)

                PID    WORKSPACE  CLIENTS  STATE     MEMORY  HEARTBEAT  NOW
                41790  private          1  busy     401 MiB       90ms  GraphView.create 12ms
                41791  notebook         0  stopped    100 B         1m  stopped

                """)
    }

    @Test func inspection() throws {
        let report = try JSONReader.read(
            """
            {"schema":1,"supervisor":{\(head)},"clients":[
            {"id":"c1","pid":41790,"user":"ruben","program":"ato build","workspace":"","generation":1,"worker_pid":9,
            "state":"idle","handles":{"GraphView":2},"handles_total":31204,"created_total":40000,"bytes":420478976,
            "age_s":7980.0,"idle_s":9.4,"operation":"","request":5,"elapsed_ms":0,"growth_1m":1212,"oldest_s":7980.0},
            {"id":"c3","pid":41990,"user":"ruben","program":"python t.py","workspace":"notebook","generation":1,
            "worker_pid":8,"state":"stopped","handles":{},"handles_total":3,"created_total":3,"bytes":null,"age_s":0.25,
            "idle_s":0.2,"operation":"","request":0,"elapsed_ms":0}],
            "workspaces":[{"name":"","private":true,"worker_pid":9,"state":"idle","objects":{},"bytes":{},
            "memory_bytes":1,"clients":["c1"]},{"name":"notebook","private":false,"worker_pid":8,"state":"idle",
            "objects":{"Node":1200,"Edge":7},"bytes":{},"memory_bytes":2048,"clients":["c3"]}],
            "kinds":[{"kind":"GraphView","live":41,"created":45,"bytes":300,"growth_1m":0,"top_site":{"file":"/home/r/atopile/compiler/gen.py",
            "line":212,"function":"build","callers":[]},"top_site_share":0.954},
            {"kind":"BoundNode","live":24810,"created":30000,"bytes":100,"growth_1m":-3}],"handle":null,
            "hints":[{"kind":"growing","text":"BoundNode grows","command":"bindd inspect handles --growing"}]}
            """)
        #expect(
            inspectionText(report, handle: nil, width: nil, style: plain) == """
                bindd 0.3.0 (build 9c1e, protocol 1.4)  supervisor 41820  up 2h14m  rss 12 MiB
                socket /run/b.sock   crashes 2 (last 2026-11-22T09:41:07.000Z SIGSEGV in debug.crash)

                CLIENT  PID    USER   PROGRAM                WORKSPACE  HANDLES     +1m    BYTES  OLDEST  NOW
                c1      41790  ruben  ato build              private     31,204  +1,212  401 MiB   2h13m  idle 9s
                c3      41990  ruben  python t.py (stopped)  notebook         3       0   shared       -  stopped

                KIND         LIVE  +1m  BYTES  SHARE  TOP CREATION SITE                  SITE%
                BoundNode  24,810   -3  100 B    25%  -                                      -
                GraphView      41    0  300 B    75%  atopile/compiler/gen.py:212 build     95

                WORKSPACE  WORKER  STATE  CLIENTS   MEMORY  OBJECTS
                notebook   8       idle         1  2.0 KiB  1,200 Node, 7 Edge

                hint  BoundNode grows  (bindd inspect handles --growing)

                """)
    }

    @Test func oneHandle() throws {
        let report = try JSONReader.read(
            """
            {"handle":null,"handles":[{"id":216172786408751105,"kind":"GraphView","nodes":31204,"bytes":2048,
            "worker_pid":41790,"pinned_by":["c1"],"label":"a\\u001b[31mb","owner":"c1 pid 7","handles":2,"held_by":12945,
            "views":[3,4],"uses":5,"used_s":1.5,"used_by":"GraphView.bind","last_used":"1s ago  GraphView.bind (5 uses)"}]}
            """)
        #expect(
            inspectionText(report, handle: 0x0300_0001_0000_0001, width: nil, style: plain) == """
                handle      0x0300000100000001   GraphView
                nodes       31,204
                bytes       2.0 KiB
                worker pid  41790
                pinned by   c1
                label       a\u{FFFD}[31mb
                owner       c1 pid 7
                held by     2 handles; 12,945 in the worker (views, ends of edges, clients)
                views       3, 4
                last used   1s ago  GraphView.bind (5 uses)

                """)
    }

    /// Whatever the daemon answers, the tables show what they can.
    @Test(arguments: ["null", "{}", "[]", #"{"workers":[{}],"clients":[{}],"kinds":[{}],"handles":[{}]}"#])
    func strangeAnswers(_ text: String) throws {
        let report = try JSONReader.read(text)
        #expect(!statusText(report, width: 40, style: plain).isEmpty)
        #expect(!inspectionText(report, handle: nil, width: 40, style: plain).isEmpty)
        _ = inspectionText(report, handle: 1, width: 40, style: plain)
    }

    @Test func handleIds() {
        #expect(handleId("0x0300000100000001") == 0x0300_0001_0000_0001)
        #expect(handleId("18446744073709551615") == .max)
        #expect(handleId("-1") == .max)
        for bad in ["", "0x", "c1", "1.5", "0x10000000000000000"] { #expect(handleId(bad) == nil) }
    }

    // -- JSON

    @Test(arguments: [
        "null", "true", "false", "0", "-7", "9223372036854775807", "18446744073709551615", "1.5", "[]", "{}", "\"\"",
        #"{"a":[1,[2,{"b":null}],""],"c":"x\ny\"\\"}"#, #"["\u0001"]"#, "\"größe 🐟\"",
    ]) func jsonGoesRound(_ text: String) throws {
        #expect(try JSONReader.read(text).text == text)
        #expect(try JSONReader.read(" \n\t\(text) ").text == text)
    }

    @Test func jsonEscapes() throws {
        #expect(try JSONReader.read(#""\u00e9\ud83d\udc1f\/""#) == .string("é🐟/"))
        #expect(try JSONReader.read("1e3") == .double(1000))
    }

    @Test(arguments: [
        "", " ", "nul", "tru e", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "01", "-", "1.", "1e", "+1",
        "\"", "\"\\x\"", "\"\\u12\"", "\"\\u+123\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\u{1}\"", "1 2", "]", "}",
        "[1}", "{\"a\":1]", "\u{FEFF}1",
    ]) func brokenJSONIsAnError(_ text: String) {
        #expect(throws: JSONError.self) { try JSONReader.read(text) }
    }

    @Test func jsonDepthIsLimited() throws {
        let depth = JSONReader.depthMax
        let deepest = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        #expect(try JSONReader.read(deepest).text == deepest)
        #expect(throws: JSONError.self) { try JSONReader.read(String(repeating: "[", count: depth + 1)) }
        #expect(throws: JSONError.self) { try JSONReader.read(String(repeating: "{\"a\":", count: 1_000_000)) }
    }
}
