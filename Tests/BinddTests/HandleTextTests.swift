// Tables of handles and groups as text, from a ledger that is written here word by word.

import CLayout
import CShim
import Glibc
import Testing
import SexpCore
import Wire

@testable import bindd

private let plain = Style(isOn: false)

/// A ledger of one client as its process would write it: two places, three documents, one node that stands for 256.
private final class WrittenLedger {
    let fd = bd_page_create("ledger", Int(BD_LEDGER_BYTES))
    private var start = UnsafeMutableRawPointer(bitPattern: 1)
    private let mappedBytes = Int(BD_LEDGER_CONTENTS_OFFSET) + 8192
    private var textEnd = 4
    private var frames: UInt32 = 1
    private var sites: UInt32 = 1
    private var records: UInt32 = 1
    private var places: UInt32 = 1

    init() {
        bd_page_map(fd, mappedBytes, true, &start)
        word(0, UInt32(truncatingIfNeeded: UInt64(BD_LEDGER_MAGIC)))
        word(4, UInt32(UInt64(BD_LEDGER_MAGIC) >> 32))
        word(8, BD_LAYOUT_VERSION)
        word(12, UInt32(getpid()))
        word(16, 1)  // generation
        word(20, 256)  // interval
    }

    deinit {
        if let start { bd_page_unmap(start, mappedBytes) }
        close(fd)
    }

    private func word(_ offset: Int, _ value: UInt32) { if let start { bd_word_store_u32(start, offset, value) } }
    private func long(_ offset: Int, _ value: UInt64) { if let start { bd_word_store_u64(start, offset, value) } }

    func text(_ text: String) -> UInt32 {
        let at = Int(BD_LEDGER_TEXTS_OFFSET) + textEnd
        let bytes = Array(text.utf8) + [0, 0, 0]
        word(at, UInt32(text.utf8.count))
        for place in stride(from: 0, to: bytes.count / 4 * 4, by: 4) { word(at + 4 + place, number(bytes, at: place)) }
        defer {
            textEnd += 4 + (text.utf8.count + 3) / 4 * 4
            word(24, UInt32(textEnd))
        }
        return UInt32(textEnd / 4)
    }

    func site(_ places: [(String, UInt32, String)]) -> UInt32 {
        for (index, place) in places.enumerated() {
            let at = Int(BD_LEDGER_FRAMES_OFFSET) + Int(frames) * 16
            word(at, text(place.0))
            word(at + 4, text(place.2))
            word(at + 8, place.1)
            word(Int(BD_LEDGER_SITES_OFFSET) + Int(sites) * 16 + index * 4, frames)
            frames += 1
        }
        sites += 1
        word(28, frames)
        word(32, sites)
        return sites - 1
    }

    /// `fields` lead from the struct of that type to the place.
    func place(_ parent: UInt32, _ type: String, _ field: String = "") -> UInt32 {
        let schema = KiCadSchema.shared
        let at = Int(BD_LEDGER_PLACES_OFFSET) + Int(places) * 8
        let number = schema.structNames.firstIndex(of: type) ?? 0
        var owner = BD_PLACE_NO_FIELD
        if parent != 0 {
            let typeOfParent = Int(types[Int(parent)])
            let first = schema.declarations[..<typeOfParent].reduce(0) { $0 + $1.fields.count }
            owner = UInt32(first + (schema.declarations[typeOfParent].fields.firstIndex { $0.name == field } ?? 0))
        }
        word(at, parent | owner << 16)
        word(at + 4, UInt32(number))
        types.append(UInt32(number))
        places += 1
        word(56, places)
        return places - 1
    }

    private var types: [UInt32] = [0]

    /// Of the first 8 KiB.
    func contents(_ kind: UInt32, _ index: UInt32, _ entries: [UInt32], isEdited: Bool = false) {
        let at = Int(BD_LEDGER_CONTENTS_OFFSET)
        long(at, UInt64(kind) << 56 | 1 << 32 | UInt64(index))
        word(at + 16, 8192)
        word(at + 20, UInt32(entries.count))
        word(at + 24, isEdited ? BD_CONTENTS_EDITED : 0)
        for (record, entry) in entries.enumerated() { word(at + 32 + record * 4, entry) }
        word(60, 8192)
    }

    func record(_ kind: UInt32, _ index: UInt32, ageMs: UInt64, site: UInt32, label: UInt32 = 0, place: UInt32 = 0, weight: UInt32 = 1) {
        let at = Int(BD_LEDGER_RECORDS_OFFSET) + Int(records) * MemoryLayout<bd_ledger_record>.stride
        long(at, UInt64(kind) << 56 | 1 << 32 | UInt64(index))
        long(at + 8, nowNs - ageMs * 1_000_000)
        for (offset, value) in [(16, site), (20, label), (24, place), (28, weight)] { word(at + offset, value) }
        records += 1
        word(36, records)
    }
}

private let nowNs: UInt64 = 10_000_000_000_000

@Suite struct HandleTextTests {
    private let ledger = WrittenLedger()
    private let look: HandleLook

    init() throws {
        let load = ledger.site([("/home/r/app/board.py", 88, "load"), ("/home/r/app/main.py", 9, "main")])
        let walk = ledger.site([("/home/r/faebryk/core/node.py", 1976, "Node.traverse")])
        let label = ledger.text("board.kicad_pcb")
        for (index, age) in [(UInt32(1), UInt64(1_860_000)), (2, 61_000), (3, 500)] {
            ledger.record(BD_KIND_DOCUMENT, index, ageMs: age, site: load, label: label, place: 65_536 * index)
        }
        ledger.record(BD_KIND_BOUND_NODE, 7, ageMs: 120_000, site: walk, weight: 256)
        let report = try JSONReader.read(
            """
            {"schema":1,"supervisor":{"pid":\(getpid())},"clients":[{"id":"c1","pid":41790,"program":"ato build","workspace":"",
            "generation":1,"worker_pid":9,"state":"idle","handles":{"Document":3,"BoundNode":300},"growth_1m":4,
            "ledger_fd":\(ledger.fd)}],"lost_clients":[],"workspaces":[],"kinds":[
            {"kind":"Document","live":3,"created":9,"growth_1m":1,"bytes":6291456},
            {"kind":"BoundNode","live":300,"created":900,"growth_1m":290,"bytes":0}]}
            """)
        look = HandleLook(report)
    }

    /// With what was written since.
    private var lookAgain: HandleLook { HandleLook(look.report) }

    private func scan(
        _ look: HandleLook? = nil, _ change: (inout HandleScan.Plan) -> Void = { _ in }
    ) -> (HandleScan, FailCondition.Facts) {
        let look = look ?? self.look
        var plan = HandleScan.Plan()
        change(&plan)
        let scan = HandleScan(plan, holders: look.holders, nowNs: nowNs)
        let count = plan.selection.isAnsweredByPages ? scan.holders.reduce(0) { $0 + plan.selection.exactCount($1) } : scan.weighted
        return (scan, FailCondition.Facts(count: count, bytes: scan.bytes))
    }

    @Test func rows() {
        let (scan, facts) = scan {
            $0.selection.kinds = [BD_KIND_DOCUMENT]
            $0.rowsMax = 2
            $0.sort = .age
        }
        #expect(
            rowsText(scan, facts, nowNs: nowNs, width: nil, style: plain) == """
                HANDLE              KIND      CLIENT  AGE    BYTES  LABEL            MADE AT
                0x0700000100000001  Document  c1      31m  1.0 MiB  board.kicad_pcb  r/app/board.py:88 load
                0x0700000100000002  Document  c1       1m  2.0 MiB  board.kicad_pcb  r/app/board.py:88 load
                1 more (--top 0 shows all)
                3 handles, 6.0 MiB; places from a sample (BINDD_SITES=full records each)

                """)
        let narrow = rowsText(scan, facts, nowNs: nowNs, width: 72, style: plain)
        #expect(narrow.contains("0x0700000100000001  Document  c1      1.0 MiB  …d.kicad_pcb  …oard.py:88"), "\(narrow)")
    }

    @Test func groups() {
        let dimensions: [GroupDimension] = [.kind, .site]
        var (scan, facts) = scan { $0.dimensions = dimensions }
        facts.bytes = scan.bytes
        var groups = scan.groups
        HandleGroup.sort(&groups, by: nil)
        #expect(
            groupsText(groups, dimensions, all: 2, scan: scan, facts, nowNs: nowNs, width: nil, style: plain) == """
                KIND       MADE AT                                         LIVE  +1m    BYTES  OLDEST  ONE OF THEM
                BoundNode  faebryk/core/node.py:1976 Node.traverse          300    0      0 B      2m  0x0400000100000007
                Document   r/app/board.py:88 load <- r/app/main.py:9 main     3   +1  6.0 MiB     31m  0x0700000100000001
                303 handles, 6.0 MiB; places from a sample (BINDD_SITES=full records each)

                """)
        #expect(
            groupsText(groups, dimensions, all: 2, scan: scan, facts, nowNs: nowNs, width: 80, style: plain) == """
                KIND       MADE AT                LIVE  +1m    BYTES  OLDEST  ONE OF THEM
                BoundNode  node.py:1976 Node.tr…   300    0      0 B      2m  0x0400000100000007
                Document   board.py:88 load <- …     3   +1  6.0 MiB     31m  0x0700000100000001
                303 handles, 6.0 MiB; places from a sample (BINDD_SITES=full records each)

                """)
        let wide = groupsText(groups, dimensions, all: 2, scan: scan, facts, nowNs: nowNs, width: 200, style: plain)
        #expect(wide == groupsText(groups, dimensions, all: 2, scan: scan, facts, nowNs: nowNs, width: nil, style: plain))
    }

    /// Where no places are asked for, counts are those of the pages: 300 bound nodes, of which one record stands for 256.
    @Test func groupsWithoutPlacesAreExact() {
        func text(_ dimensions: [GroupDimension], _ kinds: Set<UInt32> = []) -> String {
            let (scan, facts) = scan {
                $0.dimensions = dimensions
                $0.selection.kinds = kinds
            }
            var groups = scan.groups
            HandleGroup.sort(&groups, by: nil)
            return groupsText(
                groups, dimensions, all: groups.count, scan: scan, facts, nowNs: nowNs, width: nil, style: plain)
        }
        #expect(
            text([.kind]) == """
                KIND       LIVE  +1m    BYTES  OLDEST  ONE OF THEM
                BoundNode   300    0      0 B      2m  0x0400000100000007
                Document      3   +1  6.0 MiB     31m  0x0700000100000001
                303 handles, 6.0 MiB

                """)
        #expect(
            text([.client, .workspace]) == """
                CLIENT        WORKSPACE  LIVE  +1m    BYTES  OLDEST  ONE OF THEM
                c1 ato build  private     303   +1  6.0 MiB     31m  0x0700000100000001
                303 handles, 6.0 MiB

                """)
        #expect(text([.kind], [BD_KIND_DOCUMENT]).hasSuffix("3 handles, 6.0 MiB\n"))
    }

    @Test func overviewAtWidths() {
        let (scan, _) = scan()
        let report = look.enriched(scan)
        for width in [80, 200] {
            let lines = inspectionText(report, handle: nil, width: width, style: plain).split(separator: "\n")
            #expect(lines.allSatisfy { $0.count <= width || $0.contains("bindd inspect handles --kind") }, "\(lines)")
        }
        let narrow = inspectionText(report, handle: nil, width: 80, style: plain)
        let wide = inspectionText(report, handle: nil, width: 200, style: plain)
        #expect(
            wide.contains(
                """
                KIND       LIVE   +1m    BYTES  SHARE  TOP CREATION SITE                        SITE%
                BoundNode   300  +290      0 B     0%  faebryk/core/node.py:1976 Node.traverse    100
                Document      3    +1  6.0 MiB   100%  r/app/board.py:88 load                     100
                """), "\(wide)")
        #expect(
            narrow.contains(
                """
                KIND       LIVE   +1m    BYTES  SHARE  TOP CREATION SITE                   SITE%
                BoundNode   300  +290      0 B     0%  …k/core/node.py:1976 Node.traverse    100
                """), "\(narrow)")
    }

    /// A file with two footprints of three pads each, one of them and a removed one held.
    private func treeOfAFile(isEdited: Bool = false) throws -> HandleTree {
        let file = ledger.place(0, "pcb.PcbFile")
        let board = ledger.place(file, "pcb.KicadPcb", "kicad_pcb")
        let footprint = ledger.place(board, "pcb.Footprint", "footprints")
        let at = ledger.place(footprint, "pcb.Xyr", "at")
        let pad = ledger.place(footprint, "pcb.Pad", "pads")
        let size = ledger.place(pad, "pcb.Wh", "size")
        let pads = [pad, size, pad + BD_ENTRY_OBJECT, size, pad, size]
        let entries = [0, file + BD_ENTRY_OBJECT, board] + [footprint, at] + pads + [footprint, at] + pads + [2 * BD_ENTRY_OBJECT]
        ledger.contents(BD_KIND_FILE, 9, entries, isEdited: isEdited)
        let label = ledger.text("/home/r/boards/power/main board.kicad_pcb")
        ledger.record(BD_KIND_FILE, 9, ageMs: 5_000, site: 1, label: label, place: 65_536)
        return try #require(HandleTree(0x0D00_0001_0000_0009, lookAgain, depth: 3, childrenMax: 20))
    }

    @Test func treesOfFiles() throws {
        let tree = try treeOfAFile()
        let inside = """
            └─ kicad_pcb KicadPcb
               └─ footprints 2 Footprint
                  ├─ pads 6 Pad, 2 Python objects
                  └─ at 2 Xyr
            more inside: --depth 4

            """
        let head = "PcbFile 9 /home/r/boards/power/main board.kicad_pcb, 1.0 MiB, 17 structs, 5 Python objects"
        for width in [nil, 200] {
            #expect(tree.text(width: width, style: plain) == head + "  0x0d00000100000009\n" + inside)
        }
        #expect(
            tree.text(width: 80, style: plain)
                == "PcbFile 9 …rds/power/main board.kicad_pcb, 1.0 MiB, 17 structs, 5 Python objects\n0x0d00000100000009\n" + inside)
        #expect(
            tree.text(width: 20, style: plain).split(separator: "\n").dropFirst(2).dropLast().allSatisfy { $0.count <= 20 })
        #expect(tree.text(width: 200, style: Style(isOn: true)).hasPrefix("\u{1B}[1mPcbFile 9"))
        let board = try #require(tree.root.children.first)
        #expect(board.id == 0x7E00_0009_0000_0002 && board.children.first?.id == 0)
        #expect(tree.dot.contains("hs3 [label=\"footprints 2 Footprint\"];\n  hs3 -> hs5;\n  hs3 -> hs4;\n"))
        let shallow = try #require(HandleTree(0x0D00_0001_0000_0009, lookAgain, depth: 16, childrenMax: 1))
        #expect(
            shallow.text(width: 80, style: plain).hasSuffix(
                """
                   └─ footprints 2 Footprint
                      ├─ pads 6 Pad, 2 Python objects
                      │  └─ size 6 Wh
                      └─ … 1 more
                more of each: --top 0

                """))
    }

    @Test func treesOfStructsInFiles() throws {
        _ = try treeOfAFile()
        let tree = try #require(HandleTree(0x7E00_0009_0000_000B, lookAgain, depth: 3, childrenMax: 20))
        #expect(
            tree.text(width: 200, style: plain) == """
                pcb.Footprint kicad_pcb.footprints[1] of PcbFile 9 /home/r/boards/power/main board.kicad_pcb, 7 structs  0x7e0000090000000b
                ├─ pads 3 Pad, 1 Python object
                │  └─ size 3 Wh
                └─ at Xyr

                """)
        #expect(HandleTree(0x7E00_0009_0000_0013, lookAgain, depth: 3, childrenMax: 20) == nil, "it was removed")
        #expect(HandleTree(0x7E00_0009_0000_0100, lookAgain, depth: 3, childrenMax: 20) == nil)
        #expect(HandleTree(0x7E00_0008_0000_000B, lookAgain, depth: 3, childrenMax: 20) == nil)
    }

    @Test func treesOfEditedFiles() throws {
        let whole = try treeOfAFile(isEdited: true)
        #expect(whole.text(width: 80, style: plain).contains("pads 6 Pad"))
        let tree = try #require(HandleTree(0x7E00_0009_0000_000B, lookAgain, depth: 3, childrenMax: 20))
        let text = tree.text(width: nil, style: plain)
        #expect(text.hasPrefix("pcb.Footprint kicad_pcb.footprints of PcbFile 9 ") && text.contains("was edited"), "\(text)")
    }

    @Test func rowsAtWidths() {
        ledger.record(
            BD_KIND_DOCUMENT, 4, ageMs: 200, site: 1, label: BD_LABEL_IS_TEXT | 2_512_331, place: 4096)
        let (scan, facts) = scan(lookAgain) {
            $0.selection.kinds = [BD_KIND_DOCUMENT]
            $0.rowsMax = 50
            $0.sort = .age
        }
        #expect(
            rowsText(scan, facts, nowNs: nowNs, width: 200, style: plain) == """
                HANDLE              KIND      CLIENT    AGE    BYTES  LABEL                    MADE AT
                0x0700000100000001  Document  c1        31m  1.0 MiB  board.kicad_pcb          r/app/board.py:88 load
                0x0700000100000002  Document  c1         1m  2.0 MiB  board.kicad_pcb          r/app/board.py:88 load
                0x0700000100000003  Document  c1      500ms  3.0 MiB  board.kicad_pcb          r/app/board.py:88 load
                0x0700000100000004  Document  c1      200ms   64 KiB  text of 2,512,331 bytes  r/app/board.py:88 load
                3 handles, 6.1 MiB; places from a sample (BINDD_SITES=full records each)

                """)
        #expect(
            rowsText(scan, facts, nowNs: nowNs, width: 80, style: plain) == """
                HANDLE              KIND      CLIENT    AGE    BYTES  LABEL         MADE AT
                0x0700000100000001  Document  c1        31m  1.0 MiB  …d.kicad_pcb  board.py:88…
                0x0700000100000002  Document  c1         1m  2.0 MiB  …d.kicad_pcb  board.py:88…
                0x0700000100000003  Document  c1      500ms  3.0 MiB  …d.kicad_pcb  board.py:88…
                0x0700000100000004  Document  c1      200ms   64 KiB  …2,331 bytes  board.py:88…
                3 handles, 6.1 MiB; places from a sample (BINDD_SITES=full records each)

                """)
        var labels = HandleScan.Plan()
        labels.selection.kinds = [BD_KIND_DOCUMENT]
        labels.selection.label = Glob("text of *")
        #expect(HandleScan(labels, holders: lookAgain.holders, nowNs: nowNs).records == 1)
    }

    @Test func overviewKnowsTopSitesAndHints() {
        let (scan, _) = scan()
        let report = look.enriched(scan)
        let kinds = report["kinds"]?.items ?? []
        #expect(kinds.first?["top_site"]?.text("function") == "load")
        #expect(kinds.last?["top_site"]?.unsigned("line") == 1976)
        #expect(report["clients"]?.items.first?["ledger_fd"] == nil)
        let hints = (report["hints"]?.items ?? []).map { "\($0.text("kind")): \($0.text("text")) (\($0.text("command")))" }
        #expect(
            hints == [
                "opened_again: 3 Document live, 3 of the same label board.kicad_pcb: opened again and not freed? "
                    + "(bindd inspect handles --kind Document --group-by site,label)",
                "growing: BoundNode grows: 290 more than a minute ago, 300 now "
                    + "(bindd inspect handles --kind BoundNode --group-by site --sort growth)",
            ])
    }

    /// What waits, and what waits in vain.
    @Test func hintsAboutWaiting() throws {
        let report = try JSONReader.read(
            """
            {"schema":1,"supervisor":{"pid":1},"lost_clients":[{"id":"c9","pid":19,"program":"old.py","workspace":"","generation":1,
            "worker_pid":29,"cause":"SIGKILL","handles":{"GraphView":1}}],"workspaces":[{"worker_pid":22,"state":"stopped"}],"kinds":[],"clients":[
            {"id":"c1","pid":11,"program":"loop.py","worker_pid":21,"state":"busy","operation":"debug.freeze","elapsed_ms":61000},
            {"id":"c2","pid":12,"program":"short.py","worker_pid":23,"state":"busy","operation":"sexp.load","elapsed_ms":9000},
            {"id":"c3","pid":13,"program":"t.py","worker_pid":24,"state":"stopped","unread_replies":1,"idle_s":0.2},
            {"id":"c4","pid":14,"program":"u.py","worker_pid":25,"state":"idle","unread_replies":2,"idle_s":4.0},
            {"id":"c5","pid":15,"program":"v.py","worker_pid":26,"state":"idle","unread_replies":2,"idle_s":66.0}]}
            """)
        let look = HandleLook(report)
        let hints = Hints.find(look, HandleScan(HandleScan.Plan(), holders: look.holders, nowNs: nowNs))
        #expect(
            hints.map { "\($0.kind): \($0.text) (\($0.command))" } == [
                "lost: c9 old.py (pid 19) still holds 1 handle of a workspace whose worker ended (SIGKILL): every use of them raises "
                    + "StaleHandleError (bindd inspect handles --client c9 --stale)",
                "unread: c3 t.py (pid 13, stopped) has not read 1 reply for 200ms (bindd inspect handles --client c3)",
                "unread: c5 v.py (pid 15, idle) has not read 2 replies for 1m (bindd inspect handles --client c5)",
                "stopped: the worker of pid 22 is stopped: its clients wait (kill -CONT 22)",
                "long: c1 loop.py (pid 11) has waited for debug.freeze for 1m: does its worker, pid 21, loop? (bindd status)",
            ])
    }

    @Test func selections() {
        func count(_ change: (inout Selection) -> Void) -> UInt64 { scan { change(&$0.selection) }.0.records }
        #expect(count { $0.site = Glob("*traverse") } == 1)
        #expect(count { $0.site = Glob("board.py:88") } == 3)
        #expect(count { $0.label = Glob("*.kicad_pcb") } == 3)
        #expect(count { $0.olderThanMs = 60_000 } == 3)
        #expect(count { $0.minBytes = 2 << 20 } == 2)
        #expect(count { $0.clients = ["c2"] } == 0)
        #expect(count { $0.workspaces = ["private"] } == 4)
        #expect(count { $0.onlyStale = true } == 0)
    }
}
