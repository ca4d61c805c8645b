import Testing

@testable import GraphCore

@Suite struct GraphStoreTests {
    let memory = TestMemory()

    private func bits(_ type: UInt32, directional: Bool = false) -> UInt32 { type | (directional ? 256 : 0) }

    @Test func aNewViewContainsItsSelfNode() throws {
        var graph = GraphStore(arena: memory.arena())
        try graph.createView(1, selfNode: 1)
        #expect(try graph.nodes(view: 1) == [1])
        #expect(try graph.nodeCount(view: 1) == 1)
        #expect(try graph.edgeCount(view: 1) == 0)
        graph.checkInvariants()
    }

    @Test func edgesAreVisitedInOrderOfInsertion() throws {
        var graph = GraphStore(arena: memory.arena())
        try graph.createView(1, selfNode: 1)
        for node in UInt32(2)...300 { try graph.createAndInsertNode(view: 1, node: node) }
        var expected: [UInt32] = []
        for edge in UInt32(1)...299 {
            let isOut = edge % 2 == 0
            try graph.createEdge(
                Edge(id: edge, source: isOut ? 1 : edge + 1, target: isOut ? edge + 1 : 1, bits: bits(7, directional: true)))
            try graph.insertEdge(view: 1, edge: edge)
            expected.append(edge)
        }
        #expect(try graph.edges(view: 1, node: 1, type: 7).map(\.id) == expected)
        #expect(try graph.edges(view: 1, node: 1, type: 7, direction: .outgoing).map(\.id) == expected.filter { $0 % 2 == 0 })
        #expect(try graph.edges(view: 1, node: 1, type: 7, direction: .incoming).map(\.id) == expected.filter { $0 % 2 == 1 })
        #expect(try graph.edges(view: 1, node: 1, type: 8) == [])
        graph.checkInvariants()
    }

    @Test func insertingTwiceChangesNothing() throws {
        var graph = GraphStore(arena: memory.arena())
        try graph.createView(1, selfNode: 1)
        try graph.createNode(2)
        try graph.insertNode(view: 1, node: 2)
        try graph.insertNode(view: 1, node: 2)
        try graph.createEdge(Edge(id: 1, source: 1, target: 2, bits: 0))
        try graph.insertEdge(view: 1, edge: 1)
        try graph.insertEdge(view: 1, edge: 1)
        #expect(try graph.nodeCount(view: 1) == 2)
        #expect(try graph.edgeCount(view: 1) == 1)
        #expect(try graph.edges(view: 1, node: 2, type: 0).count == 1)
        graph.checkInvariants()
    }

    @Test func aSelfLoopIsListedOnce() throws {
        var graph = GraphStore(arena: memory.arena())
        try graph.createView(1, selfNode: 1)
        try graph.createEdge(Edge(id: 1, source: 1, target: 1, bits: bits(3)))
        try graph.insertEdge(view: 1, edge: 1)
        #expect(try graph.edges(view: 1, node: 1, type: 3).map(\.id) == [1])
        graph.checkInvariants()
    }

    @Test func aFailedInsertLeavesNothingBehind() throws {
        var graph = GraphStore(arena: memory.arena())
        try graph.createView(1, selfNode: 1)
        try graph.createNode(2)
        try graph.createEdge(Edge(id: 1, source: 1, target: 2, bits: 0))
        try graph.createEdge(Edge(id: 2, source: 2, target: 1, bits: 0))
        #expect(throws: GraphError(.targetNotMember, "Edge target node not in graph")) {
            try graph.insertEdge(view: 1, edge: 1)
        }
        #expect(throws: GraphError(.sourceNotMember, "Edge source node not in graph")) {
            try graph.insertEdge(view: 1, edge: 2)
        }
        #expect(try graph.edgeCount(view: 1) == 0)
        #expect(try graph.contains(view: 1, edge: 1) == false)
        graph.checkInvariants()
    }

    @Test func attributesKeepOrderKindAndEveryByte() throws {
        var graph = GraphStore(arena: memory.arena())
        let values: [GraphStore.AttributePair] = [
            ("z", .int(.min)), ("a", .float(-0.0)), ("nul\0inside", .string("x\0y")), ("flag", .bool(true)),
            ("empty", .string("")), ("f", .float(.nan)), ("seventh", .int(.max)), ("ü", .string("ä€😀")),
        ]
        try graph.createNode(1, attributes: values)
        let read = try graph.nodeAttributes(1)
        #expect(read.map(\.key) == values.map(\.key))
        #expect(try graph.nodeAttribute(1, key: "nul\0inside") == .string("x\0y"))
        #expect(try graph.nodeAttribute(1, key: "nul") == nil)
        if case .float(let zero)? = try graph.nodeAttribute(1, key: "a") { #expect(zero.sign == .minus) }
        try graph.setNodeAttributes(1, [("z", .string("new")), ("last", .int(1))])
        #expect(try graph.nodeAttributes(1).map(\.key) == values.map(\.key) + ["last"])
        #expect(try graph.nodeAttribute(1, key: "z") == .string("new"))
    }

    @Test func nothingDiesWhileItIsHeldAndEverythingAfter() throws {
        let arena = memory.arena()
        var graph = GraphStore(arena: arena)
        try graph.createView(1, selfNode: 1)
        try graph.createNode(2, attributes: [("k", .string("a long enough text to take a block of its own"))])
        try graph.insertNode(view: 1, node: 2)
        try graph.createEdge(Edge(id: 1, source: 1, target: 2, bits: 0), attributes: [("name", .string("n"))])
        try graph.insertEdge(view: 1, edge: 1)
        graph.releaseNode(2)
        #expect(graph.hasNode(2) == true)
        try graph.destroyView(1)
        #expect(graph.hasNode(1) && graph.hasNode(2), "the pinned edge holds its ends")
        #expect(try graph.edgeAttribute(1, key: "name") == .string("n"))
        graph.releaseEdge(1)
        #expect(!graph.hasNode(1) && !graph.hasNode(2))
        #expect(graph.nodeCount == 0 && graph.edgeCount == 0 && graph.viewCount == 0)
        #expect(arena.usedBytes == 0)
    }

    @Test func destroyingGivesMemoryBack() throws {
        let arena = memory.arena()
        var graph = GraphStore(arena: arena)
        var next: UInt32 = 1
        var edge: UInt32 = 1
        for round in UInt32(1)...5 {
            let first = next
            try graph.createView(round, selfNode: next)
            next += 1
            for _ in 0..<20_000 {
                try graph.createAndInsertNode(view: round, node: next)
                try graph.createEdge(Edge(id: edge, source: first, target: next, bits: 1))
                try graph.insertEdge(view: round, edge: edge)
                graph.releaseEdge(edge)
                next += 1
                edge += 1
            }
            try graph.destroyView(round)
            #expect(arena.usedBytes == 0)
        }
        #expect(memory.reclaimedBytes > 5 * 20_000 * 40)
    }

    @Test func idsAreCheckedAndUnknownOnesTold() throws {
        var graph = GraphStore(arena: memory.arena())
        try graph.createNode(5)
        #expect(throws: GraphError.self) { try graph.createNode(5) }
        #expect(throws: GraphError.self) { try graph.createNode(0) }
        #expect(throws: GraphError.self) { try graph.createEdge(Edge(id: 1, source: 5, target: 6, bits: 0)) }
        for id: UInt32 in [0, 6, .max] {
            #expect(throws: GraphError.self) { try graph.nodeAttributes(id) }
            #expect(throws: GraphError.self) { try graph.edge(id) }
            #expect(throws: GraphError.self) { try graph.nodes(view: id) }
        }
        try graph.createNode(.max)
        #expect(graph.hasNode(.max) == true)
    }

    @Test func aFullArenaIsAnErrorAndChangesNothing() throws {
        let small = TestMemory(bytes: Arena.bytesMin)
        var graph = GraphStore(arena: small.arena())
        try graph.createView(1, selfNode: 1)
        var node: UInt32 = 2
        while true {
            do { try graph.createAndInsertNode(view: 1, node: node) } catch {
                #expect(error.kind == .limitExceeded)
                break
            }
            node += 1
        }
        #expect(node > 1000)
        #expect(try graph.nodeCount(view: 1) == Int(node - 1))
        graph.checkInvariants()
    }

    /// However little memory is missing: what touches several lists or several views is done in all of them or in none.
    @Test func aFullArenaTakesBackWhatWasBegun() throws {
        let small = TestMemory(bytes: Arena.bytesMin)
        var graph = GraphStore(arena: small.arena())
        let views = UInt32(1)...40
        for view in views { try graph.createView(view, selfNode: view) }
        for node in UInt32(50)..<1000 { try graph.createAndInsertNode(view: 1, node: node) }
        for view in views { try graph.insertSubgraph(view: view, of: 2) }
        try graph.createEdge(Edge(id: 1, source: 2, target: 2, bits: bits(9)))
        for view in views {
            try graph.insertNode(view: view, node: 2)
            try graph.insertEdge(view: view, edge: 1)
        }
        var fillers: [UInt32] = []
        var filler: UInt32 = 1000
        while true {
            do { try graph.createNode(filler, attributes: [("key", .int(Int64(filler)))]) } catch { break }
            fillers.append(filler)
            filler += 1
        }
        func state(_ graph: borrowing GraphStore) throws -> [[UInt32]] {
            var state = [[UInt32(graph.nodeCount), UInt32(graph.edgeCount), try graph.edge(1).bits]]
            state.append(try graph.edgeAttributes(1).map { UInt32($0.key.utf8.count) })
            for view in views {
                state.append(try graph.nodes(view: view))
                state.append(try graph.edges(view: view))
                for type in [UInt32(9), 77] {
                    state.append(try graph.edges(view: view, node: 2, type: type).map(\.id))
                }
            }
            return state
        }
        var refusals = 0
        var isMoved = false
        var isInserted = false
        while !(isMoved && isInserted), let last = fillers.popLast() {
            graph.releaseNode(last)
            guard refusals < 64 || fillers.count % 64 == 0 else { continue }
            var before = try state(graph)
            if !isMoved {
                do {
                    let recipe = EdgeCreationAttributes(77, isDirectional: true, name: "moved")
                    try graph.apply(recipe, toEdge: 1)
                    isMoved = true
                    before = try state(graph)
                } catch { refusals += 1 }
            }
            #expect(try state(graph) == before)
            do {
                if !isInserted { try graph.insertSubgraph(view: 3, of: 1) }
                isInserted = true
            } catch {
                refusals += 1
                #expect(try state(graph) == before)
            }
        }
        #expect(isMoved && isInserted && refusals > 0)
        graph.checkInvariants()
    }

    @Test func subgraphsKeepTheListsOrder() throws {
        var graph = GraphStore(arena: memory.arena())
        try graph.createView(1, selfNode: 1)
        for node in UInt32(2)...5 { try graph.createAndInsertNode(view: 1, node: node) }
        for (edge, ends) in [(2, 3), (3, 4), (4, 2), (2, 5)].enumerated() {
            try graph.createEdge(
                Edge(id: UInt32(edge + 1), source: UInt32(ends.0), target: UInt32(ends.1), bits: bits(9)))
            try graph.insertEdge(view: 1, edge: UInt32(edge + 1))
        }
        try graph.createSubgraph(of: 1, view: 2, selfNode: 6, nodes: [4, 2, 3, 4])
        #expect(try graph.nodes(view: 2) == [6, 4, 2, 3])
        #expect(try graph.edges(view: 2) == [2, 3, 1])
        try graph.insertSubgraph(view: 1, of: 2)
        #expect(try graph.nodes(view: 1) == [1, 2, 3, 4, 5, 6])
        try graph.createView(3, selfNode: 7)
        try graph.insertSubgraph(view: 3, of: 1)
        #expect(try graph.edges(view: 3) == [1, 2, 3, 4])
        graph.checkInvariants()
    }
}
