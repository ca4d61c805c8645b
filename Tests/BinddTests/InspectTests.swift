// The pure parts of `inspect handles`: patterns, quantities, conditions, growth, changes, lines of a log, wrapped hints.

import CLayout
import CShim
import Glibc
import Testing
import Wire

@testable import bindd

private let plain = Style(isOn: false)

@Suite struct InspectTests {
    @Test(arguments: [
        ("leak", "a/leaky.py:7 leak", true), ("leak*", "leaky", true), ("leak*", "a leak", false), ("*.py:7*", "x.py:7 f", true),
        ("?", "a", true), ("?", "", false), ("*", "", true), ("a*b*c", "aXbYbZc", true), ("a*b*c", "aXbYbZ", false),
        ("größe*", "größe 1", true), ("**a", "bba", true),
    ]) func globs(_ pattern: String, _ text: String, _ isMatch: Bool) {
        #expect(Glob(pattern).matches(text) == isMatch)
    }

    @Test func aGlobOfManyStarsEnds() {
        let text = String(repeating: "a", count: 2_000)
        #expect(!Glob(String(repeating: "a*", count: 60) + "b").matches(text))
    }

    @Test func quantities() {
        #expect(["5m", "90", "1.5s", "2h", "250ms", "1d"].map(Quantities.milliseconds) == [300_000, 90_000, 1500, 7_200_000, 250, 86_400_000])
        #expect(["4096", "64KiB", "1.5MiB", "1G", "10 kb"].map(Quantities.bytes) == [4096, 65536, 1_572_864, 1 << 30, 10240])
        for bad in ["", "x", "5x", "-1", "1e999", "99999999999999999d"] { #expect(Quantities.milliseconds(bad) == nil) }
    }

    @Test func conditions() throws {
        let facts = FailCondition.Facts(count: 5, bytes: 2048, growth: -3, clients: 1)
        let expected = [
            "count>4": true, "count>5": false, "count>=5": true, "count==5 and clients==1": true, "count!=5": false,
            "bytes>1KiB": true, "bytes>1GiB": false, "growth<0": true, "count>9 or bytes<=2048": true,
            "count>9 or count>1 and bytes>1GiB": false, "count > 4": true,
        ]
        for (text, holds) in expected { #expect(try #require(FailCondition(text)).holds(facts) == holds, "\(text)") }
        for bad in ["", "count", "count>", ">1", "teapots>1", "count>1 and", "or", "count>x", "count>1 count>2"] {
            #expect(FailCondition(bad) == nil, "\(bad)")
        }
    }

    @Test func growthIsAgainstAMinuteAgo() {
        func ns(_ seconds: UInt64) -> UInt64 { (seconds + 1) * 1_000_000_000 }
        var history = GrowthHistory()
        #expect(history.growth(to: [7, 3], nowNs: ns(1)) == [0, 0], "what a program makes when it starts is no growth")
        for look in 0..<20 { history.add([UInt64(look) * 10, 100], nowNs: ns(UInt64(look) * 5)) }
        // The last look was at 95 s; the oldest within a minute of 100 s is that at 40 s.
        #expect(history.growth(to: [200, 90], nowNs: ns(100)) == [200 - 80, -10])
        #expect(history.growth(to: [200, 90], nowNs: ns(1000)) == [0, 0], "looks that are too old count for nothing")
    }

    @Test func changes() {
        let key = SavedSums.Key(kind: "Document", client: "c1", program: "t.py", site: "a/t.py:7 load <- a/t.py:9 main")
        let change = SavedSums.Change(key: key, before: 1200, after: 1500, bytes: -2048)
        #expect(
            changesText([change], top: 50, width: nil, style: plain) == """
                KIND      CLIENT  BEFORE  AFTER  CHANGE     BYTES  MADE AT
                Document  c1       1,200  1,500    +300  -2.0 KiB  a/t.py:7 load <- a/t.py:9 main

                """)
        #expect(changesText([], top: 50, width: nil, style: plain) == "nothing changed\n")
        #expect(change.csv == "Document,c1,t.py,a/t.py:7 load <- a/t.py:9 main,1200,1500,300,-2048\n")
    }

    @Test func csvFields() {
        #expect(["a", "a,b", "say \"x\"", "two\nlines"].map(csvField) == ["a", "\"a,b\"", "\"say \"\"x\"\"\"", "\"two\nlines\""])
    }

    @Test func placesAreShortInTables() {
        let site = CreationSite(places: [
            CodePlace(file: "/home/r/src/faebryk/core/node.py", line: 1976, function: "Node.traverse"),
            CodePlace(file: "t.py", line: 1, function: "<module>"),
        ])
        #expect(site.text == "faebryk/core/node.py:1976 Node.traverse")
        #expect(site.chainText == "faebryk/core/node.py:1976 Node.traverse <- t.py:1 <module>")
        #expect(CreationSite.unknown.text == "?")
    }

    @Test func hintsAreWrapped() {
        #expect(
            wrapped("hint  c1 still holds 31,204 handles of a workspace", width: 30)
                == ["hint  c1 still holds 31,204", "      handles of a workspace"])
        #expect(wrapped("hint  short", width: 30) == ["hint  short"])
    }

    @Test func logLinesAreChosen() {
        let error = "2026-11-22T09:41:07.123Z error worker_crashed pid=7"
        let info = "2026-11-22T09:41:07.123Z info listening"
        let all = LogFilter(levels: Set(LogsCommand.Level.debug.names), text: nil)
        let errors = LogFilter(levels: Set(LogsCommand.Level.warning.names), text: "pid=7")
        #expect([error, info, "", "x"].map(all.takes) == [true, true, false, false])
        #expect([error, info].map(errors.takes) == [true, false])
    }

    @Test func aLogThatBeginsAnewIsReadOn() throws {
        try withFolder { folder in
            let path = "\(folder)/log"
            func write(_ text: String, _ flags: Int32) {
                let fd = open(path, O_WRONLY | O_CREAT | flags, 0o600)
                writeAll(fd, text)
                close(fd)
            }
            write("one\ntwo\nhal", O_TRUNC)
            let file = try #require(LogFile(path))
            #expect(file.newLines() == ["one", "two"])
            write("f\n", O_APPEND)
            #expect(file.newLines() == ["half"])
            write("new\n", O_TRUNC)
            #expect(file.newLines() == ["new"])
            rename(path, "\(path).1")
            write("another\n", O_TRUNC)
            #expect(file.newLines() == ["another"])
            #expect(file.newLines() == [])
        }
    }

    @Test func kindsAreFoundByName() {
        #expect(Selection.kind(named: "graphview") == BD_KIND_VIEW)
        #expect(Selection.kind(named: "Teapot") == nil)
        #expect(Selection.kind(named: "pcbfile") == BD_KIND_FILE)
        #expect(Selection.kindNames.count == 19 && Set(Selection.kindNames).count == 19)
        #expect(Selection.kindNames.contains("symbol_v6.SymbolFile") && Selection.kindNames.contains("SymbolFile"))
    }

    /// Places that lead in circles or nowhere, contents that say they are longer than their room, and without end.
    @Test func hostileContents() throws {
        let fd = bd_page_create("ledger", Int(BD_LEDGER_BYTES))
        defer { close(fd) }
        let mapped = Int(BD_LEDGER_CONTENTS_OFFSET) + 8192
        var map: UnsafeMutableRawPointer?
        #expect(bd_page_map(fd, mapped, true, &map) == 0)
        let start = try #require(map)
        defer { bd_page_unmap(start, mapped) }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            bd_word_store_u64(start, 0, UInt64(BD_LEDGER_MAGIC))
            bd_word_store_u32(start, 8, BD_LAYOUT_VERSION)
            bd_word_store_u32(start, 16, 1)  // generation
            bd_word_store_u32(start, 56, 64)
            bd_word_store_u32(start, 60, .random(in: 0...8192, using: &random))
            for place in 0..<64 * 2 {
                bd_word_store_u32(start, Int(BD_LEDGER_PLACES_OFFSET) + place * 4, .random(in: 0...0x40_0040, using: &random))
            }
            for word in stride(from: 0, to: 8192, by: 4) {
                bd_word_store_u32(start, Int(BD_LEDGER_CONTENTS_OFFSET) + word, .random(in: 0...80, using: &random))
            }
            for at in stride(from: 0, to: 8192, by: 256) {
                // Every second one is about who holds what in the one before.
                let kind = UInt64(at % 512 == 0 ? BD_KIND_FILE : BD_KIND_ORDER)
                bd_word_store_u64(start, Int(BD_LEDGER_CONTENTS_OFFSET) + at, kind << 56 | 1 << 32 | UInt64(at / 512))
                bd_word_store_u32(
                    start, Int(BD_LEDGER_CONTENTS_OFFSET) + at + 16, at % 512 == 0 ? 256 : .random(in: 0...512, using: &random))
            }
            let file = try #require(SharedFile(pid: Int64(getpid()), fd: Int64(fd)))
            let ledger = try #require(Ledger(file: file))
            var seen = 0
            ledger.forEachContents { head, _ in
                seen += 1
                guard let contents = ledger.contents(of: head.id) else { return true }
                #expect(contents.isEdited == (head.flags & BD_CONTENTS_EDITED != 0))
                #expect(contents.groups(in: 0..<1000).reduce(0) { $0 + $1.count } <= 64)
                for record in 0..<80 where contents.contains(record) {
                    #expect(contents.records(in: record).map { $0.allSatisfy((0..<64).contains) } ?? true)
                    #expect(contents.path(of: record).count < 4096)
                }
                return true
            }
            #expect(seen <= 64)
        }
    }

    /// Files that are no ledger, or lie about what is in them, are shown as what can be made of them.
    @Test func hostileLedgers() throws {
        let size = Int(BD_LEDGER_BYTES)
        let fd = bd_page_create("ledger", size)
        defer { close(fd) }
        #expect(SharedFile(pid: Int64(getpid()), fd: Int64(fd)).flatMap(Ledger.init) == nil)
        var map: UnsafeMutableRawPointer?
        #expect(bd_page_map(fd, Int(BD_LEDGER_RECORDS_OFFSET) + 4096, true, &map) == 0)
        let start = try #require(map)
        defer { bd_page_unmap(start, Int(BD_LEDGER_RECORDS_OFFSET) + 4096) }
        bd_word_store_u64(start, 0, UInt64(BD_LEDGER_MAGIC))
        bd_word_store_u32(start, 8, BD_LAYOUT_VERSION)
        for offset in stride(from: 12, to: 64, by: 4) { bd_word_store_u32(start, offset, .max) }
        bd_word_store_u32(start, 36, 100_000)  // records: all would be half a gigabyte of zeros
        for offset in stride(from: Int(BD_LEDGER_TEXTS_OFFSET), to: Int(BD_LEDGER_TEXTS_OFFSET) + 64, by: 4) {
            bd_word_store_u32(start, offset, .max)
        }
        for offset in stride(from: 0, to: 4096, by: 4) {
            bd_word_store_u32(start, Int(BD_LEDGER_RECORDS_OFFSET) + offset, .max)
            bd_word_store_u32(start, Int(BD_LEDGER_SITES_OFFSET) + offset, .max)
        }
        let file = try #require(SharedFile(pid: Int64(getpid()), fd: Int64(fd)))
        let ledger = try #require(Ledger(file: file))
        var records = 0
        ledger.forEach { record in
            records += 1
            _ = ledger.text(record.label)
            #expect(ledger.site(record.site).places.isEmpty)
        }
        let recordBytes = MemoryLayout<bd_ledger_record>.stride
        #expect(records == (4096 + recordBytes - 1) / recordBytes, "also the one that the file's end cuts")
        #expect(ledger.text(1) == "" && ledger.text(.max >> 1) == "" && ledger.site(1).places.isEmpty)
        #expect(ArenaReader(file: file) == nil)
        #expect(ledger.contents { _ in true } == nil && ledger.places.count == Int(BD_LEDGER_PLACES_MAX))
        #expect(SharedFile(pid: Int64(getpid()), fd: 1 << 20) == nil)
    }
}
