import CLayout
import Testing

@testable import GraphCore

@Suite struct TypeGraphTests {
    let memory = TestMemory()

    private func path(_ items: String...) -> [EdgeTraversal] { items.map { EdgeTraversal($0) } }

    private func reference(_ world: World, _ path: [EdgeTraversal]) throws -> BoundNode {
        world.bound(try world.graph.ensureChildReference(world.types, path: path, world.ids))
    }

    @Test func bootstrapMakes22NodesAnd49Edges() throws {
        var graph = GraphStore(arena: memory.arena())
        let lease = Lease()
        try graph.createView(1, selfNode: try lease.nextNode())
        let types = try graph.createTypeGraph(view: 1, lease.ids)
        #expect(try graph.nodeCount(view: 1) == 23)
        #expect(try graph.edgeCount(view: 1) == 49)
        let counts = try graph.typeInstanceOverview(types).map(\.instanceCount)
        #expect(counts == [4, 3, 0, 0, 0, 0, 7])
        graph.checkInvariants()
    }

    @Test func typeNamesAreUnique() throws {
        let world = try World(memory)
        let type = try world.type("T")
        let nodes = try world.graph.nodeCount(view: world.view)
        #expect(throws: GraphError(.invalidValue, "Type with this name already exists")) { try world.type("T") }
        #expect(try world.graph.getOrCreateType(world.types, identifier: "T", world.ids) == type.node)
        #expect(try world.graph.nodeCount(view: world.view) == nodes)
        #expect(try world.graph.typeIdentifier(of: type) == "T")
        #expect(try world.graph.typeGraph(ofType: type) == world.types)
        #expect(try world.graph.typeGraph(ofInstance: try world.instance(world.element)) == world.types)
        let plain = world.bound(try world.graph.selfNode(view: world.view))
        #expect(throws: GraphError.self) { try world.graph.typeIdentifier(of: plain) }
        #expect(throws: GraphError.self) {
            try world.graph.addType(TypeGraph(view: world.view, selfNode: plain.node), identifier: "X", world.ids)
        }
    }

    @Test func aFailedMakeChildLeavesNothing() throws {
        let world = try World(memory)
        let type = try world.type("T")
        try world.graph.createView(7, selfNode: try world.lease.nextNode())
        try world.graph.insertNode(view: 7, node: world.element.node)
        let before = (try world.graph.nodeCount(view: world.view), try world.graph.edgeCount(view: world.view))
        #expect(throws: GraphError(.invalidValue, "add_make_child failed")) {
            try world.child(type, BoundNode(view: 7, node: world.element.node), "x")
        }
        for ids in 0..<8 {
            world.lease.left = ids
            #expect(throws: GraphError.self) { try world.child(type, world.element, "x") }
        }
        world.lease.left = .max
        #expect((try world.graph.nodeCount(view: world.view), try world.graph.edgeCount(view: world.view)) == before)
        world.graph.checkInvariants()
        try world.child(type, world.element, "x")
        #expect(try world.graph.makeChildren(world.types, type: type).map(\.identifier) == ["x"])
        #expect(try world.graph.resolveChildPath(world.types, from: type, path: ["x"]) == world.element.node)
        #expect(try world.graph.resolveChildPath(world.types, from: type, path: ["y"]) == nil)
    }

    @Test func referencesAreFollowedOrSayWhereTheyFail() throws {
        let world = try World(memory)
        let type = try world.type("T")
        try world.child(type, world.element, "x")
        let instance = try world.instance(type)
        let child = try #require(try world.graph.child(of: instance, identifier: "x"))
        _ = try world.graph.addTrait(to: world.bound(child), type: world.interfaceTrait, world.ids)
        let deep = try reference(
            world, [EdgeTraversal("x"), EdgeTraversal(InterfaceFacts.traitName, edgeType: Int64(EdgeTrait.tid))])
        let trait = try world.graph.resolve(reference: deep, from: instance)
        #expect(try world.graph.isInstance(world.bound(trait), of: world.interfaceTrait.node) == true)
        #expect(try world.graph.referencePath(of: deep) == ["x", InterfaceFacts.traitName])
        #expect(try world.graph.referencePath(of: try reference(world, path(""))) == [])
        #expect(try world.graph.resolve(reference: try reference(world, path("")), from: instance) == instance.node)
        let missing = try reference(world, path("x", "nope"))
        #expect {
            try world.graph.resolve(reference: missing, from: instance)
        } throws: { error in
            guard case TypeGraphError.resolve(let failure) = error else { return false }
            return failure.kind == .compositionChildNotFound && failure.identifier == "nope"
                && failure.node.node != missing.node
        }
        #expect(throws: GraphError.self) { try world.graph.referencePath(of: try reference(world, path("", "x"))) }
        #expect {
            try reference(world, [])
        } throws: { error in
            guard case TypeGraphError.path(let failure) = error else { return false }
            return failure.kind == .missingChild && failure.message == "path resolution failed"
        }
        // A chain that bites its tail ends.
        let tail = try #require(try world.graph.nextEdge(of: missing)?.target)
        try world.graph.addNext(
            previous: world.bound(tail), next: missing.node, edge: try world.lease.nextEdge())
        #expect(throws: GraphError.self) { try world.graph.referencePath(of: missing) }
        #expect(throws: GraphError.self) { try world.graph.resolve(reference: missing, from: instance) }
    }

    @Test func validationTellsDuplicatesAndDeadLinks() throws {
        let world = try World(memory)
        let inner = try world.type("Inner")
        try world.child(inner, world.element, "e")
        let type = try world.type("T")
        let children = [try world.child(type, inner, "a"), try world.child(type, inner, "a")]
        func link(_ lhs: [EdgeTraversal], _ rhs: [EdgeTraversal]) throws -> UInt32 {
            try world.graph.addMakeLink(
                world.types, type: type, lhs: try reference(world, lhs), rhs: try reference(world, rhs),
                EdgeInterfaceConnection.build(isShallow: false), world.ids)
        }
        _ = try link(path("a", "e"), path("a"))
        let dead = try link(path("a", "nope"), path("b"))
        let found = try world.graph.validate(world.types, type: type)
        #expect(found.map(\.node) == [children[1], dead, dead])
        #expect(
            found.map(\.message) == [
                "Field `a` is already defined", "Field `a.nope` could not be resolved", "Field `b` could not be resolved",
            ])
        #expect(try world.graph.makeLinkPaths(world.types, type: type).map(\.lhs) == [["a", "e"], ["a", "nope"]])
    }

    @Test func pointerMembersComeWithTheirIndex() throws {
        let world = try World(memory)
        let type = try world.type("T")
        try world.child(type, world.element, "list")
        let members = [try world.child(type, world.element, "m0"), try world.child(type, world.element, "m1")]
        for (index, name) in ["m0", "m1"].enumerated() {
            _ = try world.graph.addMakeLink(
                world.types, type: type, lhs: try reference(world, path("list")), rhs: try reference(world, path(name)),
                try EdgePointer.build(identifier: "e", index: Int64(300 + index)), world.ids)
        }
        let found = try world.graph.pointerMembers(world.types, type: type, container: ["list"])
        #expect(found.map(\.index) == [300, 301])
        #expect(found.map(\.makeChild) == members)
        #expect {
            try world.graph.pointerMembers(world.types, type: type, container: ["nope"])
        } throws: { error in
            guard case TypeGraphError.path(let failure) = error else { return false }
            return failure.failingSegment == "nope" && failure.failingSegmentIndex == 0 && failure.path == ["nope"]
        }
    }

    @Test func mergingTakesWhatIsNotThere() throws {
        let world = try World(memory)
        let source = try world.type("Source")
        let target = try world.type("Target")
        for name in ["a", "b"] { try world.child(source, world.element, name) }
        try world.child(target, world.element, "a")
        _ = try world.graph.addMakeLink(
            world.types, type: source, lhs: try reference(world, path("a")), rhs: try reference(world, path("b")),
            EdgeInterfaceConnection.build(isShallow: true), world.ids)
        for _ in 0..<2 { try world.graph.mergeTypes(world.types, target: target, source: source, world.ids) }
        #expect(try world.graph.makeChildren(world.types, type: target).map(\.identifier) == ["a", "b"])
        #expect(try world.graph.makeLinkPaths(world.types, type: target).count == 1)
        let instance = try world.instance(target)
        let a = world.bound(try #require(try world.graph.child(of: instance, identifier: "a")))
        let edge = try #require(try world.graph.connectedEdges(of: a).first)
        #expect(try world.graph.edgeAttribute(edge.id, key: "shallow") == .bool(true))
        #expect(try world.graph.edgeAttributes(edge.id).map(\.key) == ["shallow"])
    }

    @Test func relinkingMovesThePointerInEveryView() throws {
        let world = try World(memory)
        let (one, other) = (try world.type("One"), try world.type("Other"))
        let reference = world.bound(try world.graph.addTypeReference(world.types, identifier: "X", world.ids))
        try world.graph.linkTypeReference(
            view: world.view, reference, to: one, edge: try world.lease.nextEdge())
        try world.graph.createView(5, selfNode: try world.lease.nextNode())
        for node in [reference.node, one.node] { try world.graph.insertNode(view: 5, node: node) }
        let pointer = try #require(try world.graph.pointedEdges(of: reference).first)
        try world.graph.insertEdge(view: 5, edge: pointer.id)
        try world.graph.updateTypeReference(
            view: world.view, reference, to: other, edge: try world.lease.nextEdge())
        for view in [world.view, 5] {
            #expect(try world.graph.resolvedType(of: BoundNode(view: view, node: reference.node)) == other.node)
            #expect(try world.graph.edges(view: view, node: one.node, type: EdgePointer.tid).count == 0)
            #expect(try world.graph.edges(view: view, node: other.node, type: EdgePointer.tid).map(\.id) == [pointer.id])
        }
        world.graph.checkInvariants()
        #expect(throws: GraphError(.invalidValue, "Target type does not belong to provided GraphView")) {
            try world.graph.linkTypeReference(view: world.view, reference, to: BoundNode(view: 5, node: one.node), edge: 999)
        }
        let type = try world.type("Open")
        let open = try world.graph.addMakeChildDeferred(
            world.types, type: type, childTypeIdentifier: "Later", identifier: "x", attributes: nil, world.ids)
        let unresolved = try world.graph.unresolvedTypeReferences(world.types)
        #expect(unresolved.map(\.type) == [type.node])
        #expect(unresolved.map(\.reference) == [try world.graph.typeReference(ofMakeChild: world.bound(open))])
    }
}
