import Testing

@testable import GraphCore

@Suite struct ViewFileTests {
    private func load(_ graph: inout GraphStore, _ bytes: [UInt8], view: UInt32, node: UInt32, edge: UInt32) throws {
        let ids = LoadedIds(view: view, firstNode: node, firstEdge: edge)
        _ = try bytes.withUnsafeBytes { file in try graph.load(file: file) { _, _, _ in ids } }
    }

    /// An edge that was moved is the last in the lists of its new ends, whenever it came; a loaded view has it there as well.
    @Test func theOrderAtANodeIsKeptWhereEdgesWereMoved() throws {
        let memory = TestMemory()
        let arena = memory.arena()
        var graph = GraphStore(arena: arena)
        try graph.createView(1, selfNode: 1)
        for node in UInt32(2)...6 { try graph.createAndInsertNode(view: 1, node: node) }
        for edge in UInt32(1)...8 {
            try graph.createEdge(Edge(id: edge, source: 1, target: 2 + edge % 5, bits: 3))
            try graph.insertEdge(view: 1, edge: edge)
        }
        try graph.replaceEdge(1, with: Edge(id: 1, source: 1, target: 6, bits: 3))
        let atSource = try graph.edges(view: 1, node: 1, type: 3).map(\.id)
        let atTarget = try graph.edges(view: 1, node: 6, type: 3).map(\.id)
        #expect(atTarget.last == 1 && atTarget.count > 1)
        let bytes = try graph.fileBytes(view: 1)
        try load(&graph, bytes, view: 2, node: 101, edge: 201)
        #expect(try graph.edges(view: 2, node: 101, type: 3).map { $0.id - 200 } == atSource)
        #expect(try graph.edges(view: 2, node: 106, type: 3).map { $0.id - 200 } == atTarget)
        #expect(try graph.edges(view: 2).map { $0 - 200 } == (try graph.edges(view: 1)))
        graph.checkInvariants()
        try graph.destroyView(2)
        #expect(graph.nodeCount == 6 && graph.edgeCount == 8)
    }

    /// Whatever the memory is used up by, nothing is left of a view that did not fit.
    @Test func aViewThatDoesNotFitLeavesNothing() throws {
        let large = TestMemory()
        let largeArena = large.arena()
        var source = GraphStore(arena: largeArena)
        try source.createView(1, selfNode: 1)
        for node in UInt32(2)...3000 {
            try source.createNode(node, attributes: [("text", .string("node \(node)"))])
            try source.insertNode(view: 1, node: node)
        }
        let bytes = try source.fileBytes(view: 1)
        for segments in [16, 17, 18] {
            let memory = TestMemory(bytes: Arena.regionBytes(limit: segments * Arena.segmentBytes))
            let arena = memory.arena()
            var graph = GraphStore(arena: arena)
            var view: UInt32 = 1
            do {
                while view < 100 {
                    try load(&graph, bytes, view: view, node: view * 4096, edge: view * 4096)
                    view += 1
                }
                Issue.record("a hundred views fit into \(segments) segments")
            } catch let error as GraphError { #expect(error.kind == .limitExceeded) }
            #expect(graph.viewCount == Int(view) - 1 && graph.nodeCount == 3000 * (Int(view) - 1))
            graph.checkInvariants()
            for id in 1..<view { try graph.destroyView(id) }
            #expect(arena.usedBytes == 0)
        }
    }
}
