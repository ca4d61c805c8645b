// Text for people: units, tables, the reports of status and inspect, and the JSON that they come from.

import CLayout
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
        // Nothing that may leave: cut at the edge.
        #expect(
            table().render(width: 30, style: plain) == """
                CLIENT  PROGRAM   HANDLES  NOW
                c1      ato bui…   31,204  gr…
                c2      ipykern…      214

                """)
    }

    @Test func columnsLeaveOneAfterTheOther() {
        var table = TextTable([
            .init(title: "PID", leaves: 1), .init(title: "PROGRAM", isFlexible: true, widthMin: 10), .init(title: "USER", leaves: 2),
            .init(title: "N", isNumeric: true),
        ])
        table.add(["41790", "ato build (default)", "ruben", "12"])
        func text(_ width: Int) -> String { table.render(width: width, style: plain) }
        #expect(text(37) == "PID    PROGRAM              USER    N\n41790  ato build (default)  ruben  12\n")
        #expect(text(28) == "PID    PROGRAM     USER    N\n41790  ato build…  ruben  12\n")
        #expect(text(27) == "PID    PROGRAM            N\n41790  ato build (defa…  12\n")
        #expect(text(20) == "PROGRAM            N\nato build (defa…  12\n")
        #expect(text(8) == "PROGRAM…\nato bui…\n")
    }

    /// Characters that take two columns of a terminal.
    @Test func wideCharactersAreMeasured() {
        #expect(["abc", "é", "基板", "a📦b", ""].map(\.terminalWidth) == [3, 1, 4, 4, 0])
        #expect("基板設計".cut(columns: 5) == "基板…" && "基板設計".cutFront(columns: 6) == "…設計" && "基板".cut(columns: 4) == "基板")
        var table = TextTable([.init(title: "LABEL"), .init(title: "N", isNumeric: true)])
        table.add(["基板.kicad_pcb", "1"])
        table.add(["board", "22"])
        #expect(table.render(width: nil, style: plain) == "LABEL            N\n基板.kicad_pcb   1\nboard           22\n")
    }

    @Test func coloursOnlyWhenWanted() {
        #expect(!table().render(width: nil, style: plain).contains("\u{1B}"))
        #expect(table().render(width: nil, style: Style(isOn: true)).contains("\u{1B}[33m"))
    }

    private let head = """
        "version":"0.3.0","build":"9c1e","protocol":"1.4","pid":41820,"uptime_s":8040.5,"socket":"/run/b.sock",
        "rss_bytes":12582912,"crashes":2,
        "last_crash":{"at":"2026-11-22T09:41:07.000Z","pid":7,"cause":"SIGSEGV","operation":"debug.crash","report":"/state/crash/a"}
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
            statusText(report, width: 110, style: plain) == """
                bindd 0.3.0 (build 9c1e, protocol 1.4)  supervisor 41820  up 2h14m  rss 12 MiB
                socket /run/b.sock   crashes 2 (last 2026-11-22 09:41:07 SIGSEGV in debug.crash: `bindd crash show 7`)

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
            "state":"idle","handles":{"GraphView":2},"unread_replies":1,"handles_total":31204,"created_total":40000,"bytes":420478976,
            "age_s":7980.0,"idle_s":9.4,"operation":"","request":5,"elapsed_ms":0,"growth_1m":1212,"oldest_s":7980.0},
            {"id":"c3","pid":41990,"user":"ruben","program":"python t.py","workspace":"notebook","generation":1,
            "worker_pid":8,"state":"stopped","unread_replies":1,"handles":{},"handles_total":3,"created_total":3,"bytes":null,"age_s":0.25,
            "idle_s":1800.0,"operation":"","request":0,"elapsed_ms":0},
            {"id":"c4","pid":41991,"user":"ruben","program":"wait.py","workspace":"","generation":1,"worker_pid":10,"state":"idle",
            "handles":{},"handles_total":2,"bytes":80,"idle_s":1800.0,"operation":"","elapsed_ms":0}],
            "workspaces":[{"name":"","private":true,"worker_pid":10,"state":"stopped"},{"name":"","private":true,"worker_pid":9,"state":"idle","objects":{},"bytes":{},
            "memory_bytes":1,"clients":["c1"]},{"name":"notebook","private":false,"worker_pid":8,"state":"idle",
            "objects":{"Node":1200,"Edge":7},"bytes":{},"memory_bytes":2048,"clients":["c3"]}],
            "kinds":[{"kind":"GraphView","live":41,"created":45,"bytes":300,"growth_1m":0,"top_site":{"file":"/home/r/atopile/compiler/gen.py",
            "line":212,"function":"build","callers":[]},"top_site_share":0.954},
            {"kind":"BoundNode","live":24810,"created":30000,"bytes":100,"growth_1m":-3},
            {"kind":"nodes without handle","live":0,"created":0,"growth_1m":0,"bytes":100}],"handle":null,
            "lost_clients":[{"id":"c7","pid":42000,"user":"ruben","program":"old.py","workspace":"","cause":"SIGKILL","since_s":61.0,
            "handles_total":11}],
            "hints":[{"kind":"growing","text":"BoundNode grows","command":"bindd inspect handles --growing"}]}
            """)
        #expect(
            inspectionText(report, handle: nil, width: nil, style: plain) == """
                bindd 0.3.0 (build 9c1e, protocol 1.4)  supervisor 41820  up 2h14m  rss 12 MiB
                socket /run/b.sock   crashes 2 (last 2026-11-22 09:41:07 SIGSEGV in debug.crash: `bindd crash show 7`)

                CLIENT  PID    USER   PROGRAM                WORKSPACE  HANDLES     +1m    BYTES  OLDEST  NOW
                c1      41790  ruben  ato build              private     31,204  +1,212  401 MiB   2h13m  1 reply unread 9s  <- !
                c3      41990  ruben  python t.py (stopped)  notebook         3       0   shared       -  1 reply unread 30m  <- !
                c4      41991  ruben  wait.py                private          2       0     80 B       -  worker stopped  <- !
                c7      42000  ruben  old.py                 private         11       -        -       -  lost 1m ago: SIGKILL  <- !

                KIND                    LIVE  +1m  BYTES  SHARE  TOP CREATION SITE                  SITE%
                BoundNode             24,810   -3  100 B    20%  -                                      -
                GraphView                 41    0  300 B    60%  atopile/compiler/gen.py:212 build     95
                nodes without handle       -    -  100 B    20%  -                                      -

                WORKSPACE  WORKER  STATE  CLIENTS   MEMORY  OBJECTS
                notebook   8       idle         1  2.0 KiB  1,200 Node, 7 Edge

                hint  BoundNode grows  (bindd inspect handles --growing)

                """)
    }

    /// Below the width of a terminal nothing is longer than it, but the commands to copy.
    @Test(arguments: [30, 40, 60, 80]) func theHeadFits(_ width: Int) throws {
        let text = statusText(try JSONReader.read("{\(head),\"workers\":[]}"), width: width, style: plain)
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= max(width, 32) }, "\(text)")
        #expect(text.contains("`bindd crash show 7`"), "a command is one piece: \(text)")
    }

    /// Nodes' and edges' bytes stand at the kinds of handle that keep them, each object once.
    @Test func bytesOfObjectsAreSharedOnce() {
        func share(_ nodes: UInt64, bound: UInt64, references: UInt64) -> [UInt64] {
            var kinds = [UInt64](repeating: 0, count: Int(BD_KIND_COUNT))
            var bytes = kinds
            var handles = kinds
            kinds[Int(BD_KIND_NODE)] = nodes
            bytes[Int(BD_KIND_NODE)] = nodes * 16
            bytes[Int(BD_KIND_VIEW)] = 7
            handles[Int(BD_KIND_BOUND_NODE)] = bound
            handles[Int(BD_KIND_NODE)] = references
            var unheld = UnheldObjects()
            let shared = unheld.share(bytes, objects: kinds, handles: handles)
            #expect(shared.reduce(0, +) + unheld.nodeBytes == nodes * 16 + 7 && shared[Int(BD_KIND_VIEW)] == 7)
            return [shared[Int(BD_KIND_BOUND_NODE)], shared[Int(BD_KIND_NODE)], unheld.nodeBytes]
        }
        #expect(share(100, bound: 0, references: 0) == [0, 0, 1600])
        #expect(share(100, bound: 30, references: 0) == [480, 0, 1120])
        #expect(share(100, bound: 30, references: 10) == [480, 160, 960])
        #expect(share(100, bound: 100, references: 100) == [1600, 0, 0])
        #expect(share(100, bound: 900, references: 900) == [1600, 0, 0])
        #expect(share(100, bound: 0, references: 900) == [0, 1600, 0])
        #expect(share(0, bound: 5, references: 5) == [0, 0, 0])
    }

    /// What `top` shows where the text has more lines than the terminal.
    @Test func pagesOfATerminal() {
        let text = (1...10).map { "line \($0)\n" }.joined()
        #expect(Page(text, rows: 10, skipped: 5).lines == (1...10).map { "line \($0)" })
        #expect(Page(text, rows: 4, skipped: 0).lines == ["line 1", "line 2", "line 3", "… 7 below: arrows, page keys"])
        #expect(Page(text, rows: 4, skipped: 2).lines == ["line 3", "line 4", "line 5", "… 2 above, 5 below: arrows, page keys"])
        let last = Page(text, rows: 4, skipped: .max)
        #expect(last.lines == ["line 8", "line 9", "line 10", "… 7 above: arrows, page keys"] && last.skipped == 7)
        #expect(Page(text, rows: 0, skipped: 3).lines.count == 10, "a terminal that does not say its size")
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
