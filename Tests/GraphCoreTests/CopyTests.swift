import CLayout
import Testing

@testable import GraphCore

@Suite struct CopyTests {
    let memory = TestMemory()

    private func target(_ world: World, _ view: UInt32) throws -> UInt32 {
        try world.graph.createView(view, selfNode: try world.lease.nextNode())
        return view
    }

    @Test func aMinimalCopyListsTheLayersTypes() throws {
        let world = try World(memory)
        let view = try target(world, 2)
        let copy = try world.graph.copy(world.types, into: view, minimal: true, world.ids)
        #expect(copy == TypeGraph(view: 2, selfNode: world.types.selfNode))
        #expect(
            try world.graph.typeInstanceOverview(copy).map(\.name) == [
                "ImplementsTrait", "ImplementsType", "MakeChild", "MakeLink", "Reference", "TypeReference",
                "is_constructable",
            ])
        let counts = (try world.graph.nodeCount(view: view), try world.graph.edgeCount(view: view))
        _ = try world.graph.copy(world.types, into: view, minimal: true, world.ids)
        #expect((try world.graph.nodeCount(view: view), try world.graph.edgeCount(view: view)) == counts)
        world.graph.checkInvariants()
    }

    @Test func aNodeComesWithItsTypeAndWhatIsBelowIt() throws {
        let world = try World(memory)
        let type = try world.type("T")
        try world.child(type, world.element, "x")
        let node = try world.instance(type)
        let other = try world.instance(type)
        let view = try target(world, 2)
        try world.graph.copy(node: node, into: view, world.ids)
        let copied = BoundNode(view: view, node: node.node)
        #expect(try world.graph.child(of: copied, identifier: "x") != nil)
        #expect(try world.graph.typeEdge(of: copied)?.source == type.node)
        #expect(try world.graph.contains(view: view, node: other.node) == false)
        let types = try #require(try world.graph.typeGraph(ofInstance: copied))
        #expect(try world.graph.type(in: types, named: "T") == type.node)
        // Instances can be made in the copy.
        _ = try world.graph.instantiate(types, typeNode: BoundNode(view: view, node: type.node), attributes: [], world.ids)
        world.graph.checkInvariants()
    }

    @Test func aTypeOfTheSameNameStandsIn() throws {
        let world = try World(memory)
        let view = try target(world, 2)
        let copy = try world.graph.copy(world.types, into: view, minimal: true, world.ids)
        let own = try world.graph.addType(copy, identifier: "T", world.ids)
        let type = try world.type("T")
        let node = try world.instance(type)
        try world.graph.copy(node: node, into: view, world.ids)
        #expect(try world.graph.typeEdge(of: BoundNode(view: view, node: node.node))?.source == own)
        #expect(try world.graph.typeEdge(of: node)?.source == type.node)
        world.graph.checkInvariants()
    }

    @Test func aTypeReferenceIsNoType() throws {
        let world = try World(memory)
        let type = try world.type("T")
        let make = try world.child(type, world.element, "x")
        let reference = world.bound(try world.graph.typeReference(ofMakeChild: world.bound(make)))
        let view = try target(world, 2)
        try world.graph.copy(node: reference, into: view, world.ids)
        #expect(try world.graph.contains(view: view, node: reference.node) == true)
        #expect(try world.graph.contains(view: view, node: make) == false)
        world.graph.checkInvariants()
    }

    @Test func aFailedCopyLeavesNothing() throws {
        let world = try World(memory)
        let view = try target(world, 2)
        let wide = try world.type("Wide")
        for index in 0..<600 { try world.child(wide, world.element, "c\(index)") }
        let node = try world.instance(wide)
        #expect(throws: GraphError(.cancelled, "the caller gave up")) {
            try world.graph.copy(node: node, into: view, world.ids, isCancelled: { true })
        }
        #expect(try world.graph.nodeCount(view: view) == 1)
        // A type of the target stands in: that takes a new edge, and there is no id for it.
        let copy = try world.graph.copy(world.types, into: view, minimal: true, world.ids)
        _ = try world.graph.addType(copy, identifier: "Wide", world.ids)
        let counts = (try world.graph.nodeCount(view: view), try world.graph.edgeCount(view: view))
        world.lease.left = 0
        #expect(throws: GraphError(.limitExceeded, "no ids left")) {
            try world.graph.copy(node: node, into: view, world.ids)
        }
        #expect((try world.graph.nodeCount(view: view), try world.graph.edgeCount(view: view)) == counts)
        #expect(throws: GraphError.self) { try world.graph.copy(world.types, into: 77, minimal: true, world.ids) }
        world.graph.checkInvariants()
    }
}
