// The first message of a connection, from peers of every kind.

import CLayout
import CShim
import Glibc
import Testing
import Wire

@testable import bindd

@Suite struct HelloGateTests {
    /// Feeds the gate as a socket would: `chunk` bytes at most, never more than it wants.
    private func feed(
        _ gate: inout MessageGate, _ bytes: [UInt8], chunk: Int, taken: inout Int
    ) throws(WireError) -> Message? {
        while taken < bytes.count {
            let count = min(chunk, gate.wantedBytes, bytes.count - taken)
            let part = Array(bytes[taken..<taken + count])
            taken += count
            let result: Result<Message?, WireError> = part.withUnsafeBytes { raw in
                do throws(WireError) { return .success(try gate.take(raw)) } catch { return .failure(error) }
            }
            if let message = try result.get() { return message }
        }
        return nil
    }

    private func helloBytes() -> [UInt8] {
        var bytes: [UInt8] = []
        encodeMessage(
            operation: Operation.hello, flags: .replyWanted, payload: testHello(workspace: "w").encode(), into: &bytes)
        return bytes
    }

    @Test func readsTheHelloAndNotAByteMore() throws {
        let hello = helloBytes()
        for chunk in 1...hello.count + 8 {
            var gate = MessageGate(stage: .first)
            var taken = 0
            let message = try feed(&gate, hello + [1, 2, 3, 4, 5, 6, 7, 8], chunk: chunk, taken: &taken)
            #expect(message?.payload == testHello(workspace: "w").encode())
            #expect(taken == hello.count)
        }
    }

    @Test func cutHelloIsNoMessage() throws {
        let hello = helloBytes()
        for count in 0..<hello.count {
            var gate = MessageGate(stage: .first)
            var taken = 0
            #expect(try feed(&gate, Array(hello[..<count]), chunk: 64, taken: &taken) == nil)
            #expect(gate.isMidway == (count > 0))
            #expect(gate.wantedBytes > 0)
        }
    }

    @Test(arguments: [
        (UInt32(Limits.helloBytesMax + 1), UInt16(0), UInt16(0)),  // too large
        (.max, 0, 0), (8, 2, 0), (8, 16, 8), (8, .max, 0),  // no first operation
        (8, 0, 1), (8, 0, 2), (8, 0, 16), (8, 1, 0x8000),  // flags that no request has
    ]) func wrongHeadersAreRefused(_ payloadBytes: UInt32, _ operation: UInt16, _ flags: UInt16) {
        let bytes = [
            UInt8(truncatingIfNeeded: payloadBytes), UInt8(truncatingIfNeeded: payloadBytes >> 8),
            UInt8(truncatingIfNeeded: payloadBytes >> 16), UInt8(truncatingIfNeeded: payloadBytes >> 24),
            UInt8(truncatingIfNeeded: operation), UInt8(operation >> 8), UInt8(truncatingIfNeeded: flags),
            UInt8(flags >> 8),
        ]
        #expect(throws: WireError.self) {
            var gate = MessageGate(stage: .first)
            var taken = 0
            _ = try feed(&gate, bytes, chunk: 8, taken: &taken)
        }
    }

    @Test func helloIsRefusedOnAControlConnection() {
        #expect(throws: WireError.self) {
            var gate = MessageGate(stage: .control)
            var taken = 0
            _ = try feed(&gate, helloBytes(), chunk: 8, taken: &taken)
        }
    }

    /// Garbage ends in an error or in a wait for bytes that the limits bound; never in a trap or in much memory.
    @Test func garbageIsBounded() {
        let seed = UInt64(getpid())
        var random = SeededRandom(state: seed)
        for _ in 0..<20_000 {
            var bytes = (0..<Int.random(in: 0...96, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            // Half of them get a header that passes, so that the payload is reached.
            if bytes.count > 8, Bool.random(using: &random) {
                bytes.replaceSubrange(0..<8, with: [UInt8(bytes.count - 8), 0, 0, 0, 0, 0, 8, 0])
            }
            var gate = MessageGate(stage: .first)
            var taken = 0
            do throws(WireError) {
                if let message = try feed(&gate, bytes, chunk: 16, taken: &taken) {
                    #expect(throws: HelloRefusal.self, "seed \(seed)") {
                        try HelloCheck.check(message.payload, identity: testIdentity())
                    }
                }
            } catch { continue }
            #expect(gate.wantedBytes <= Limits.helloBytesMax + 8, "seed \(seed)")
        }
    }

    /// Each byte of a good hello changed in turn: accepted or refused, never a trap.
    @Test func damagedHelloesAreAnswered() throws {
        let good = testHello(workspace: "w").encode()
        #expect(try HelloCheck.check(good, identity: testIdentity()).workspace == "w")
        for index in good.indices {
            for value in [UInt8(0), 0x7F, 0xFF, good[index] ^ 1] {
                var bytes = good
                bytes[index] = value
                _ = try? HelloCheck.check(bytes, identity: testIdentity())
            }
        }
    }

    private func refusal(_ change: (inout Hello) -> Void) -> String {
        var hello = testHello()
        change(&hello)
        do throws(HelloRefusal) {
            _ = try HelloCheck.check(hello.encode(), identity: testIdentity())
            return "accepted"
        } catch {
            guard case .answer(let answer) = error else { return "broken" }
            return "\(answer.pythonType): \(answer.message)"
        }
    }

    @Test func mismatchesNameBothSides() {
        #expect(refusal { _ in } == "accepted")
        #expect(
            refusal { $0.protocolMajor = 2 }
                == "VersionMismatch: the client speaks protocol 2.0, the daemon 0.0.1 (build 00c0ffee) speaks protocol 1.0")
        #expect(refusal { $0.layoutVersion = 7 }.contains("memory layout 7 (build 00c0ffee)"))
        #expect(refusal { $0.descriptionHash = 5 }.contains("API 0000000000000005"))
        #expect(refusal { $0.protocolMinor = 9 } == "accepted")
    }

    @Test func workspaceNames() {
        #expect(refusal { $0.workspace = "größe 1" } == "accepted")
        #expect(refusal { $0.workspace = String(repeating: "x", count: 64) } == "accepted")
        #expect(refusal { $0.workspace = String(repeating: "x", count: 65) }.contains("65 bytes, the limit is 64"))
        #expect(refusal { $0.workspace = "a\u{1B}[31m" }.contains("control characters"))
    }

    private func pageRefusal(_ fds: [Int32]) -> String {
        do throws(HelloRefusal) {
            _ = try HelloCheck.mapPage(fds, layoutVersion: BD_LAYOUT_VERSION)
            return "accepted"
        } catch {
            switch error {
            case .broken(let why): return "broken: \(why)"
            case .answer(let answer): return answer.message
            }
        }
    }

    @Test func pages() throws {
        let size = Int(BD_CLIENT_PAGE_BYTES)
        let good = bd_page_create("good", size)
        let other = bd_page_create("other", size * 2)
        let file = open("/proc/self/exe", O_RDONLY)
        let pipe = open("/dev/null", O_RDONLY)
        defer { for fd in [good, other, file, pipe] { close(fd) } }
        #expect(pageRefusal([]) == "broken: a hello carries 1 or 2 descriptors, this one carried 0")
        #expect(pageRefusal([good, good, good]).hasPrefix("broken"))
        #expect(pageRefusal([good]).contains("does not begin with this layout's magic"))
        #expect(pageRefusal([other]).contains("has not exactly 4096 bytes"))
        #expect(pageRefusal([file]).contains("is no memory file"))
        #expect(pageRefusal([pipe]).contains("is no memory file"))

        #expect(throws: HelloRefusal.self) { try HelloCheck.ledger([good, other]) }
        #expect(throws: HelloRefusal.self) { try HelloCheck.ledger([good, pipe]) }
        #expect(try HelloCheck.ledger([good]) == nil)
        let ledger = bd_page_create("ledger", Int(BD_LEDGER_BYTES))
        #expect(try HelloCheck.ledger([good, ledger])?.fd ?? -1 >= 0)
        close(ledger)

        var map: UnsafeMutableRawPointer?
        #expect(bd_page_map(good, size, true, &map) == 0)
        let start = try #require(map)
        defer { bd_page_unmap(start, size) }
        bd_word_store_u64(start, 0, UInt64(BD_CLIENT_PAGE_MAGIC))
        bd_word_store_u32(start, 8, BD_LAYOUT_VERSION)
        #expect(pageRefusal([good]) == "accepted")

        let live = try #require(MemoryLayout<bd_client_page>.offset(of: \.live))
        bd_word_store_u64(start, live + 3 * 8, 42)
        bd_word_store_u64(start, live + 4 * 8, .max)
        let page = try HelloCheck.mapPage([good], layoutVersion: BD_LAYOUT_VERSION)
        #expect(KindCounters.live(page.clientPage())[3] == 42)
        #expect(KindCounters.live(page.clientPage())[4] == KindCounters.valueMax)
        #expect(ftruncate(good, 0) == -1)  // sealed
    }
}
