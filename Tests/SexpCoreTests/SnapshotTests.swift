// The flat block, walked the way a client walks it: by offsets, with nothing but bytes.
import SexpCore
import Testing

@Suite struct SnapshotTests {
    private func word(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
        bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
    }

    private func half(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
    }

    @Test func layout() throws {
        let text = "(a (b \"c\\n\") 12)\n# d\n"
        let document = try parse(text)
        var snapshot: [UInt8] = []
        document.appendSnapshot(to: &snapshot)
        #expect(snapshot.count == document.snapshotBytes && snapshot.count == 40 + 7 * 16 + text.utf8.count)
        #expect(word(snapshot, 0) == 0x504E_5350_5845_5342)
        #expect(word(snapshot, 8) == 7 && word(snapshot, 16) == UInt64(text.utf8.count))
        #expect(word(snapshot, 24) == 40 && word(snapshot, 32) == 40 + 7 * 16)
        #expect(Array(snapshot[(40 + 7 * 16)...]) == Array(text.utf8))
        // end, kind, children, start, length of each node
        let nodes = (0..<7).map { node in
            let at = 40 + node * 16
            let kind = UInt64(half(snapshot, at + 4))
            return [UInt64(half(snapshot, at)), kind & 7, kind >> 3, UInt64(half(snapshot, at + 8)), UInt64(half(snapshot, at + 12))]
        }
        let expected: [[UInt64]] = [
            [6, 0, 3, 0, 16], [2, 1, 0, 1, 1], [5, 0, 2, 3, 9], [4, 1, 0, 4, 1], [5, 3, 0, 7, 3], [6, 2, 0, 13, 2],
            [7, 4, 0, 17, 3],
        ]
        #expect(nodes == expected)
    }

    @Test func writingNeedsRoom() throws {
        let document = try parse("(a)")
        var appended: [UInt8] = []
        document.appendSnapshot(to: &appended)
        var target = [UInt8](repeating: 7, count: document.snapshotBytes + 1)
        target.withUnsafeMutableBytes { bytes in
            #expect(document.writeSnapshot(into: UnsafeMutableRawBufferPointer(rebasing: bytes.dropLast(2))) == nil)
            #expect(bytes.allSatisfy { $0 == 7 })
            #expect(document.writeSnapshot(into: bytes) == document.snapshotBytes)
        }
        #expect(Array(target.dropLast()) == appended && target.last == 7)
    }

    @Test func memoryIsCounted() throws {
        let document = try parse("(a b)")
        #expect(document.memoryBytes >= document.textBytes + 16 * document.nodeCount)
        #expect(document.memoryBytes < 4_096)
    }
}
