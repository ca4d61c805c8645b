// The supervisor's memory of what happened: log lines, obituaries, tails, datagrams of workers.

import Glibc
import Testing
import Wire

@testable import bindd

@Suite struct RecordsTests {
    private func obituary(pid: Int32, isExpected: Bool = false) -> Obituary {
        Obituary(
            pid: pid, workspace: "", signal: SIGSEGV, exitCode: 0, operation: 16, operationName: "GraphView.create",
            request: 5, slot: 1, client: "c1", elapsedMs: 3, stderrTail: "last words", isTheEnd: false, isExpected: isExpected, endedRealtimeNs: 0)
    }

    @Test func obituaryIsTheContractsJSON() {
        #expect(
            obituary(pid: 7).json.text
                == #"{"pid":7,"signal":11,"signal_name":"SIGSEGV","exit_code":0,"operation":16,"#
                + #""operation_name":"GraphView.create","request":5,"slot":1,"elapsed_ms":3,"stderr_tail":"last words","#
                + #""known":true,"address":0,"sender":0,"resident_bytes":0,"frames":0,"stack":[],"top":"","code":0,"#
                + #""memory_exhausted":false,"report":null}"#)
        #expect(Obituary.unknownJSON(pid: 7)["known"] == .bool(false))
        #expect(Obituary.unknownJSON(pid: 7).members.map(\.0) == obituary(pid: 7).json.members.map(\.0))
    }

    @Test func theNewest64AreKept() {
        var kept = Obituaries()
        for pid in 1...100 { kept.add(obituary(pid: Int32(pid), isExpected: pid % 2 == 0)) }
        #expect(kept.find(pid: 36) == nil)
        #expect(kept.find(pid: 37)?.pid == 37)
        #expect(kept.find(pid: 100)?.pid == 100)
        #expect(kept.crashes == 50)
        #expect(kept.lastCrash?.pid == 99)
    }

    @Test func eventsAreKeptByNumberAndByBytes() {
        for (path, wanted) in [("short", DaemonLimits.eventsKept), (String(repeating: "x", count: 8000), 129)] {
            var board = EventBoard(beganNs: 0)
            for _ in 0..<2000 { _ = board.add("file_changed", at: 0, [("path", .string(path))]) }
            let (lost, events) = board.since(0)
            #expect(events.count == wanted && lost == UInt64(2000 - wanted))
            #expect(events.reduce(0) { $0 + $1.utf8.count } <= DaemonLimits.eventBytesKept)
            #expect(events.first?.hasPrefix(#"{"number":\#(lost + 1),"#) == true)
            #expect(board.since(1999).lost == 0 && board.since(1999).events == [events[wanted - 1]])
        }
    }

    @Test func tailKeepsTheLastBytes() {
        var tail = ByteTail(bytesMax: 4)
        tail.append(Array("abc".utf8))
        #expect(tail.text == "abc")
        tail.append(Array("def".utf8))
        #expect(tail.text == "cdef")
        tail.append(Array("0123456789".utf8))
        #expect(tail.text == "6789")
        tail.append(Array("é".utf8).suffix(1) + Array("xyz".utf8))
        #expect(tail.text == "\u{FFFD}xyz")
    }

    @Test func logValuesStayOnOneLine() {
        #expect(quotedForLog("/run/b.sock") == "/run/b.sock")
        #expect(quotedForLog("") == "\"\"")
        #expect(quotedForLog("a b") == "\"a b\"")
        #expect(quotedForLog("a\nb\"\u{1B}") == #""a\nb\"?""#)
        #expect(quotedForLog("a=b") == "\"a=b\"")
        #expect(isoText(realtimeNs: 1_795_340_467_123_999_999) == "2026-11-22T09:41:07.123Z")
    }

    @Test func lineBudgetCountsWhatItSwallows() {
        var budget = LineBudget(linesMax: 2)
        let second: UInt64 = 1_000_000_000
        #expect(budget.take(nowNs: 100 * second) == 0)
        #expect(budget.take(nowNs: 101 * second) == 0)
        #expect(budget.take(nowNs: 102 * second) == nil)
        #expect(budget.take(nowNs: 103 * second) == nil)
        #expect(budget.take(nowNs: 110 * second) == 2)
        #expect(budget.take(nowNs: 111 * second) == 0)
    }

    @Test func operationNames() {
        #expect(testIdentity().name(ofOperation: 0) == "")
        #expect(testIdentity().name(ofOperation: 16) == "GraphView.create")
        #expect(testIdentity().name(ofOperation: 17) == "operation 17")
        #expect(testIdentity().name(ofOperation: .max) == "operation 4294967295")
    }

    @Test func hostileClocksGiveZero() {
        #expect(milliseconds(from: 5, to: 4) == 0)
        #expect(milliseconds(from: .max, to: 4) == 0)
        #expect(milliseconds(from: 0, to: 4_000_000) == 0)
        #expect(milliseconds(from: 1_000_000, to: 4_000_000) == 3)
    }

    @Test func workerDatagrams() throws {
        var writer = PayloadWriter()
        writer.u32(ControlCode.handleInfo)
        writer.u64(9)
        writer.string("null")
        #expect(try WorkerDatagram(decoding: writer.bytes) == .handleInfo(token: 9, json: "null"))
        for count in 0..<writer.bytes.count {
            #expect(throws: WireError.self) { try WorkerDatagram(decoding: Array(writer.bytes[..<count])) }
        }
        #expect(throws: WireError.self) { try WorkerDatagram(decoding: [5, 0, 0, 0, 0]) }  // ready, and more
        #expect(throws: WireError.self) { try WorkerDatagram(decoding: [1, 0, 0, 0]) }  // ours alone
    }
}
