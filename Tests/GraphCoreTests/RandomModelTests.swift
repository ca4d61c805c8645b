import Testing

@testable import GraphCore

/// Random calls against a plain model: same answers, invariants after each batch, nothing left at the end.
@Suite struct RandomModelTests {
    struct Model {
        var views: [UInt32: (nodes: [UInt32], edges: [UInt32])] = [:]
        var edges: [UInt32: Edge] = [:]
        var nodes: Set<UInt32> = []
    }

    @Test(arguments: 0..<40) func randomCallsAgreeWithAModel(seed: Int) throws {
        var numbers = Numbers(seed: UInt64(seed) + 1)
        let memory = TestMemory(bytes: 1 << 28)
        let arena = memory.arena()
        var graph = GraphStore(arena: arena)
        var model = Model()
        var nextNode: UInt32 = 1
        var nextEdge: UInt32 = 1
        var nextView: UInt32 = 1
        for step in 0..<400 {
            switch Int.random(in: 0..<10, using: &numbers) {
            case 0:
                try graph.createView(nextView, selfNode: nextNode)
                model.views[nextView] = ([nextNode], [])
                nextView += 1
                nextNode += 1
            case 1, 2:
                try graph.createNode(nextNode)
                model.nodes.insert(nextNode)
                nextNode += 1
            case 3, 4:
                guard let view = model.views.keys.sorted().randomElement(using: &numbers),
                    let node = model.nodes.sorted().randomElement(using: &numbers)
                else { continue }
                try graph.insertNode(view: view, node: node)
                if !model.views[view, default: ([], [])].nodes.contains(node) { model.views[view]?.nodes.append(node) }
            case 5, 6:
                guard let source = model.nodes.sorted().randomElement(using: &numbers),
                    let target = model.nodes.sorted().randomElement(using: &numbers)
                else { continue }
                let edge = Edge(
                    id: nextEdge, source: source, target: target, bits: UInt32.random(in: 0..<512, using: &numbers) & 0x103)
                try graph.createEdge(edge)
                model.edges[nextEdge] = edge
                nextEdge += 1
            case 7, 8:
                guard let view = model.views.keys.sorted().randomElement(using: &numbers),
                    let edge = model.edges.values.sorted(by: { $0.id < $1.id }).randomElement(using: &numbers),
                    let members = model.views[view]
                else { continue }
                if members.edges.contains(edge.id) {
                    try graph.insertEdge(view: view, edge: edge.id)
                } else if !members.nodes.contains(edge.source) {
                    #expect(throws: GraphError.self) { try graph.insertEdge(view: view, edge: edge.id) }
                } else if !members.nodes.contains(edge.target) {
                    #expect(throws: GraphError.self) { try graph.insertEdge(view: view, edge: edge.id) }
                } else {
                    try graph.insertEdge(view: view, edge: edge.id)
                    model.views[view]?.edges.append(edge.id)
                }
            default:
                guard step % 7 == 0, let view = model.views.keys.sorted().randomElement(using: &numbers) else { continue }
                try graph.destroyView(view)
                model.views[view] = nil
            }
            if step % 20 == 0 { try compare(graph, model, seed) }
        }
        try compare(graph, model, seed)
        for view in model.views.keys.sorted() { try graph.destroyView(view) }
        for edge in model.edges.keys { graph.releaseEdge(edge) }
        for node in model.nodes { graph.releaseNode(node) }
        #expect(arena.usedBytes == 0, "seed \(seed)")
    }

    private func compare(_ graph: borrowing GraphStore, _ model: Model, _ seed: Int) throws {
        graph.checkInvariants()
        for (view, members) in model.views {
            #expect(try graph.nodes(view: view) == members.nodes, "seed \(seed)")
            #expect(try graph.edges(view: view) == members.edges, "seed \(seed)")
            for node in members.nodes {
                for type: UInt32 in 0..<4 {
                    let expected = members.edges.filter { id in
                        guard let edge = model.edges[id] else { return false }
                        return edge.type == type && (edge.source == node || edge.target == node)
                    }
                    #expect(try graph.edges(view: view, node: node, type: type).map(\.id) == expected, "seed \(seed)")
                }
            }
        }
    }
}
