import Testing

@testable import GraphCore

@Suite struct ArenaTests {
    /// Filled with small blocks and emptied again, a region has room for its largest block: free neighbours become one.
    @Test(arguments: [1, 3, 7, 12]) func smallPiecesBecomeLargeOnes(order: Int) throws {
        let memory = TestMemory(bytes: Arena.regionBytes(limit: 64 * Arena.segmentBytes))
        let arena = memory.arena()
        let bytes = 16 << (order - 1)
        for _ in 0..<3 {
            var blocks: [UInt32] = []
            while let block = try? arena.allocate(bytes: bytes) { blocks.append(block) }
            #expect(blocks.count == 64 * Arena.segmentBytes / bytes)
            for block in blocks.enumerated().filter({ $0.offset % 3 != 0 }).map(\.element) { arena.free(block, bytes: bytes) }
            for block in blocks.enumerated().filter({ $0.offset % 3 == 0 }).map(\.element) { arena.free(block, bytes: bytes) }
            #expect(arena.usedBytes == 0)
            var large = try arena.allocate(bytes: 64 * Arena.segmentBytes)
            #expect(throws: GraphError.self) { try arena.allocate(bytes: 16) }
            arena.free(large, bytes: 64 * Arena.segmentBytes)
            let half = try arena.allocate(bytes: 32 * Arena.segmentBytes)
            large = try arena.allocate(bytes: 32 * Arena.segmentBytes)
            #expect(throws: GraphError.self) { try arena.allocate(bytes: 16) }
            arena.free(half, bytes: 32 * Arena.segmentBytes)
            arena.free(large, bytes: 32 * Arena.segmentBytes)
        }
    }
}
