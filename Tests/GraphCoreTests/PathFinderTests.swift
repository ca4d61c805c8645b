import CLayout
import Testing

@testable import GraphCore

@Suite struct PathFinderTests {
    let memory = TestMemory()

    @Test func aShallowEdgeJoinsItsTwoEndsOnly() throws {
        let world = try World(memory)
        let parents = [try world.interface(), try world.interface()]
        let children = [try world.interface(), try world.interface()]
        for (parent, child) in zip(parents, children) { try world.compose(parent, child, "x") }
        try world.connect(parents[0], parents[1], shallow: true)
        #expect(try world.connected(parents[0]).count == 2)
        #expect(try world.connected(children[0]).count == 1)
        try world.connect(parents[0], parents[1])
        #expect(try world.connected(children[0])[children[1].node]?.count == 3)
    }

    /// Word for word the rules enumerate all simple paths here: they would never come to an end.
    @Test(.timeLimit(.minutes(1))) func aShallowGridAnswers() throws {
        let world = try World(memory)
        var nodes: [BoundNode] = []
        for index in 0..<900 {
            nodes.append(try world.interface())
            if index % 30 > 0 { try world.connect(nodes[index - 1], nodes[index], shallow: true) }
            if index >= 30 { try world.connect(nodes[index - 30], nodes[index], shallow: index % 2 == 0) }
        }
        let paths = try world.connected(nodes[0])
        #expect(paths.count == 900)
        #expect(paths[nodes[899].node]?.count == 58)
    }

    @Test(.timeLimit(.minutes(1))) func aDeepHierarchyIsClimbedAndACycleIsAnError() throws {
        let world = try World(memory)
        var nodes = [try world.interface()]
        for _ in 0..<2000 {
            nodes.append(try world.interface())
            try world.compose(nodes[nodes.count - 1], nodes[nodes.count - 2], "x")
        }
        #expect(try world.connected(nodes[0]).count == 1)
        try world.compose(nodes[0], nodes[2000], "round")
        #expect(throws: GraphError.self) { try world.connected(nodes[0]) }
        // A child connected to its own parent climbs for ever as well.
        let parent = try world.interface()
        let child = try world.interface()
        try world.compose(parent, child, "x")
        try world.connect(parent, child)
        #expect(throws: GraphError.self) { try world.connected(child) }
    }

    @Test func untypedNodesAreErrors() throws {
        let world = try World(memory)
        let untyped = world.bound(try world.lease.nextNode())
        try world.graph.createAndInsertNode(view: world.view, node: untyped.node)
        #expect(throws: GraphError.self) { try world.connected(untyped) }
        let child = try world.interface()
        try world.compose(untyped, child, "x")
        #expect(throws: GraphError.self) { try world.connected(child) }
    }

    @Test func aCallerCanGiveUp() throws {
        let world = try World(memory)
        var nodes = [try world.interface()]
        for index in 1..<2000 {
            nodes.append(try world.interface())
            try world.connect(nodes[index - 1], nodes[index])
        }
        var polls = 0
        #expect(throws: GraphError(.cancelled, "the caller gave up")) {
            try world.graph.connected(
                to: nodes[0],
                isCancelled: {
                    polls += 1
                    return polls == 2
                })
        }
        #expect(try world.graph.path(from: nodes[0], to: nodes[1999].node).count == 1999)
        #expect(try world.graph.path(from: nodes[0], to: nodes[0].node).count == 0)
    }
}
