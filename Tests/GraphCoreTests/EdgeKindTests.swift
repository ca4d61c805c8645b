import CLayout
import Testing

@testable import GraphCore

/// What each edge kind promises beyond a plain edge.
@Suite struct EdgeKindTests {
    let memory = TestMemory()

    private func world(_ count: Int) throws -> (World, [BoundNode]) {
        let world = try World(memory)
        var nodes: [BoundNode] = []
        for _ in 0..<count {
            let node = world.bound(try world.lease.nextNode())
            try world.graph.createAndInsertNode(view: world.view, node: node.node)
            nodes.append(node)
        }
        return (world, nodes)
    }

    @Test func childrenAreFoundByNameAndTheFirstWins() throws {
        let (world, nodes) = try world(40)
        for (index, node) in nodes.dropFirst().enumerated() {
            try world.compose(nodes[0], node, index < 3 ? ["a", "", "a"][index] : "n\(index)")
        }
        #expect(try world.graph.child(of: nodes[0], identifier: "a") == nodes[1].node)
        #expect(try world.graph.child(of: nodes[0], identifier: "") == nodes[2].node)
        #expect(try world.graph.child(of: nodes[0], identifier: "n30") == nodes[31].node)
        #expect(try world.graph.child(of: nodes[0], identifier: "none") == nil)
        #expect(try world.graph.parentEdge(of: nodes[3])?.source == nodes[0].node)
        #expect(try world.graph.parentEdge(of: nodes[0]) == nil)
        // The index follows a list that grows, and a rename.
        try world.compose(nodes[0], nodes[5], "late")
        #expect(try world.graph.child(of: nodes[0], identifier: "late") == nodes[5].node)
        let edge = try #require(try world.graph.parentEdge(of: nodes[1]))
        try world.graph.setEdgeAttributes(edge.id, [("name", .string("renamed"))])
        #expect(try world.graph.child(of: nodes[0], identifier: "renamed") == nodes[1].node)
        #expect(try world.graph.child(of: nodes[0], identifier: "a") == nodes[3].node)
        #expect(try world.graph.compositionName(ofEdge: edge.id) == "renamed")
    }

    @Test func insertingNamesTheMissingEnd() throws {
        let (world, nodes) = try world(2)
        let loose = try world.lease.nextNode()
        try world.graph.createNode(loose)
        let edges = try world.graph.edgeCount(view: world.view)
        let free = world.bound(loose)
        func message(_ body: () throws -> Void) -> String {
            do { try body() } catch { return (error as? GraphError)?.description ?? "\(error)" }
            return "nothing thrown"
        }
        #expect(message { try world.compose(nodes[0], free, "x") } == "Child node not in graph")
        #expect(message { try world.compose(free, nodes[0], "x") } == "Parent node not in graph")
        #expect(
            message { try world.graph.point(free, to: nodes[0].node, identifier: nil, index: nil, edge: 900) }
                == "Source node not in graph")
        #expect(
            message { try world.graph.point(nodes[0], to: loose, identifier: nil, index: 32768, edge: 900) }
                == "Index out of range")
        #expect(
            message { try world.graph.addNext(previous: nodes[0], next: loose, edge: 900) } == "Next node not in graph")
        #expect(
            message { try world.graph.addInstance(type: free, instance: nodes[0].node, edge: 900) }
                == "Type node not in graph")
        #expect(
            message { try world.graph.addTraitInstance(nodes[0], instance: loose, edge: 900) }
                == "Trait instance node not in graph")
        #expect(message { try world.connect(free, nodes[0]) } == "Failed to connect interface nodes")
        #expect(message { try world.connect(nodes[0], free, shallow: true) } == "Failed to create shallow connection")
        #expect(
            message { try world.graph.addOperand(nodes[0], operand: nodes[1].node, identifier: nil, edge: 900) }
                == "node \(nodes[0].node) has no operand set")
        #expect(try world.graph.edgeCount(view: world.view) == edges)
        #expect(world.graph.hasEdge(900) == false)
        world.graph.checkInvariants()
    }

    @Test func pointersKeepTheirIndexAndName() throws {
        let (world, nodes) = try world(4)
        for (offset, index) in [nil, 0, 255, 256, 32767].enumerated() as EnumeratedSequence<[Int64?]> {
            let edge = try world.graph.point(
                nodes[0], to: nodes[1 + offset % 3].node, identifier: offset == 0 ? nil : "p\(offset)", index: index,
                edge: try world.lease.nextEdge())
            #expect(EdgePointer.index(bits: edge.bits) == UInt32(index ?? 0))
        }
        #expect(try world.graph.referencedNode(from: nodes[0]) == nodes[1].node)
        #expect(try world.graph.pointedNode(of: nodes[0], identifier: "p2") == nodes[3].node)
        #expect(try world.graph.pointedEdges(of: nodes[0], identifier: "").count == 0)
        #expect(try world.graph.pointedEdges(of: nodes[0]).count == 5)
    }

    @Test func operandsHangOffTheSet() throws {
        let (world, nodes) = try world(4)
        try world.compose(nodes[0], nodes[1], "operands")
        let edge = try world.graph.addOperand(
            nodes[0], operand: nodes[2].node, identifier: "x", edge: try world.lease.nextEdge())
        #expect(edge.source == nodes[1].node)
        #expect(try world.graph.operand(of: nodes[0], identifier: "x") == nodes[2].node)
        #expect(try world.graph.operand(of: nodes[3], identifier: "x") == nil)
        #expect(try world.graph.expression(view: world.view, ofEdge: edge.id) == nodes[0].node)
        #expect(try world.graph.expression(view: world.view, ofEdge: edge.id, node: nodes[1].node) == nil)
        #expect(try world.graph.expressionEdges(of: nodes[2]).map(\.id) == [edge.id])
        #expect(try world.graph.operandEdges(ofSet: nodes[1]).map(\.id) == [edge.id])
        #expect(throws: GraphError.self) { try world.graph.operandEdges(ofExpression: nodes[2], type: 1) }
        #expect(throws: GraphError(.wrongType, "edge is not an EdgeComposition edge")) {
            try world.graph.compositionName(ofEdge: edge.id)
        }
    }

    @Test func aRecipeMovesAnInsertedEdgeToItsNewType() throws {
        let (world, nodes) = try world(2)
        let id = try world.lease.nextEdge()
        let recipe = try EdgeCreationAttributes(edgeType: 9, isDirectional: nil, name: "n", dynamic: [("k", .int(1))])
        try world.graph.insertEdge(view: world.view, id, recipe, source: nodes[0].node, target: nodes[1].node)
        try world.graph.apply(EdgeNext.build(), toEdge: id)
        #expect(try world.graph.edges(view: world.view, node: nodes[0].node, type: 9).count == 0)
        #expect(try world.graph.nextEdge(of: nodes[0])?.id == id)
        #expect(try world.graph.edgeAttribute(id, key: "name") == .string("n"))
        #expect(throws: GraphError(.invalidValue, "Edge type out of range")) {
            try EdgeCreationAttributes(edgeType: 256, isDirectional: nil, name: nil, dynamic: [])
        }
        world.graph.checkInvariants()
    }

    @Test func childrenQueriesWalkInPreOrder() throws {
        let (world, nodes) = try world(6)
        try world.compose(nodes[0], nodes[1], "b")
        try world.compose(nodes[0], nodes[2], "a")
        try world.compose(nodes[1], nodes[3], "x")
        try world.compose(nodes[2], nodes[3], "x")
        var query = ChildrenQuery()
        #expect(try world.graph.children(of: nodes[0], query) == [nodes[1], nodes[3], nodes[2], nodes[3]].map(\.node))
        query.sort = true
        query.includeRoot = true
        #expect(
            try world.graph.children(of: nodes[0], query)
                == [nodes[0], nodes[2], nodes[3], nodes[1], nodes[3]].map(\.node))
        query.directOnly = true
        #expect(try world.graph.children(of: nodes[0], query) == [nodes[0], nodes[2], nodes[1]].map(\.node))
        query.types = [world.element.node]
        #expect(try world.graph.children(of: nodes[0], query).count == 0)
        try world.compose(nodes[3], nodes[0], "round")
        #expect(throws: GraphError.self) { try world.graph.children(of: nodes[0], ChildrenQuery()) }
        #expect(throws: GraphError(.cancelled, "the caller gave up")) {
            _ = try world.graph.children(of: world.bound(world.types.selfNode), ChildrenQuery(), isCancelled: { true })
            for _ in 0..<2000 { _ = try world.interface() }
            let root = world.bound(try world.lease.nextNode())
            try world.graph.createAndInsertNode(view: world.view, node: root.node)
            for node in try world.graph.nodes(view: world.view).suffix(3000) where node != root.node {
                try world.compose(root, world.bound(node), "")
            }
            _ = try world.graph.children(of: root, ChildrenQuery(), isCancelled: { true })
        }
    }

    @Test func traitsAreInstancesAndEdges() throws {
        let world = try World(memory)
        let owner = try world.instance(world.element)
        let first = try world.graph.addTrait(to: owner, type: world.interfaceTrait, world.ids)
        _ = try world.graph.addTrait(to: owner, type: world.interfaceTrait, world.ids)
        #expect(try world.graph.traitInstance(of: owner, type: world.interfaceTrait.node) == first)
        #expect(try world.graph.implementers(of: world.interfaceTrait) == [owner.node, owner.node])
        #expect(try world.graph.ownerEdge(of: world.bound(first))?.source == owner.node)
        #expect(try world.graph.traitInstances(of: owner, types: [world.element.node, world.interfaceTrait.node]) == [nil, first])
        let counts = (try world.graph.nodeCount(view: world.view), try world.graph.edgeCount(view: world.view))
        #expect(throws: GraphError(.invalidValue, "add_trait_to failed")) {
            try world.graph.addTrait(to: owner, type: owner, world.ids)
        }
        // The target is in another view only: the instance that was made for it goes again.
        try world.graph.createView(9, selfNode: try world.lease.nextNode())
        let elsewhere = BoundNode(view: 9, node: try world.graph.selfNode(view: 9))
        #expect(throws: GraphError(.invalidValue, "add_trait_to failed")) {
            try world.graph.addTrait(to: elsewhere, type: world.interfaceTrait, world.ids)
        }
        #expect((try world.graph.nodeCount(view: world.view), try world.graph.edgeCount(view: world.view)) == counts)
        try world.graph.markAsTrait(world.interfaceTrait, world.ids)
        world.graph.checkInvariants()
    }
}
