import CLayout
import Testing

@testable import GraphCore

/// Random changes taken back: everything is as it was, the invariants hold, and nothing is left at the end.
@Suite struct BatchTests {
    private struct State: Equatable {
        var nodes: [UInt32: [UInt32]] = [:]
        var edges: [UInt32: [UInt32]] = [:]
        var adjacency: [[UInt32]] = []
        var counts: [Int] = []
    }

    private func state(_ graph: borrowing GraphStore) throws -> State {
        var state = State()
        for view in graph.liveViews.ids {
            let nodes = try graph.nodes(view: view)
            state.nodes[view] = nodes
            state.edges[view] = try graph.edges(view: view)
            for node in nodes {
                for type in UInt32(0)..<4 {
                    state.adjacency.append(try graph.edges(view: view, node: node, type: type).map(\.id))
                }
            }
        }
        state.counts = [graph.nodeCount, graph.edgeCount, graph.viewCount]
        return state
    }

    private struct Maker {
        var node: UInt32 = 1
        var edge: UInt32 = 1
        var view: UInt32 = 1

        mutating func step(
            _ graph: inout GraphStore, _ batch: GraphBatch?, _ nodes: inout [UInt32], _ edges: inout [UInt32],
            _ numbers: inout Numbers
        ) throws {
            let views = graph.liveViews.ids
            switch Int.random(in: 0..<9, using: &numbers) {
            case 0 where views.count < 6:
                try graph.createView(view, selfNode: node)
                batch?.views.append(view)
                view += 1
                node += 1
            case 1, 2:
                try graph.createNode(node, attributes: [("name", .string("n\(node)")), ("n", .int(Int64(node)))])
                batch?.nodes.append(node)
                nodes.append(node)
                node += 1
            case 3, 4:
                guard let source = nodes.randomElement(using: &numbers), let target = nodes.randomElement(using: &numbers)
                else { return }
                try graph.createEdge(
                    Edge(id: edge, source: source, target: target, bits: UInt32.random(in: 0..<4, using: &numbers)),
                    attributes: [("w", .float(0.5))])
                batch?.edges.append(edge)
                edges.append(edge)
                edge += 1
            default:
                guard let view = views.randomElement(using: &numbers) else { return }
                if let batch { try graph.remember(view: view, in: batch) }
                if Bool.random(using: &numbers) {
                    try graph.createAndInsertNode(view: view, node: node)
                    node += 1
                } else if let id = edges.randomElement(using: &numbers) {
                    let edge = try graph.edge(id)
                    try graph.insertNode(view: view, node: edge.source)
                    try graph.insertNode(view: view, node: edge.target)
                    try graph.insertEdge(view: view, edge: id)
                }
            }
        }
    }

    @Test(arguments: 0..<30) func whatWasDoneIsTakenBack(seed: Int) throws {
        var numbers = Numbers(seed: UInt64(seed) + 77)
        let memory = TestMemory(bytes: 1 << 28)
        let arena = memory.arena()
        var graph = GraphStore(arena: arena)
        var maker = Maker()
        var nodes: [UInt32] = []
        var edges: [UInt32] = []
        try graph.createView(maker.view, selfNode: maker.node)
        maker.view += 1
        maker.node += 1
        for round in 0..<12 {
            for _ in 0..<Int.random(in: 0..<30, using: &numbers) {
                try maker.step(&graph, nil, &nodes, &edges, &numbers)
            }
            let before = try state(graph)
            let batch = GraphBatch()
            var batchNodes = nodes
            var batchEdges = edges
            graph.beginBatch()
            #expect(arena.header.pointee.batches & 1 == 1)
            for _ in 0..<Int.random(in: 0..<200, using: &numbers) {
                try maker.step(&graph, batch, &batchNodes, &batchEdges, &numbers)
            }
            graph.checkInvariants()
            graph.rollBack(batch)
            graph.endBatch()
            #expect(arena.header.pointee.batches == UInt64(round + 1) * 2)
            graph.checkInvariants()
            #expect(try state(graph) == before)
        }
        for view in graph.liveViews.ids { try graph.destroyView(view) }
        for edge in edges { graph.releaseEdge(edge) }
        for node in nodes { graph.releaseNode(node) }
        #expect(graph.nodeCount == 0 && graph.edgeCount == 0)
        #expect(arena.usedBytes == 0)
    }
}
