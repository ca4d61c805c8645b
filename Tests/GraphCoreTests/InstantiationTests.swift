import CLayout
import Testing

@testable import GraphCore

@Suite struct InstantiationTests {
    let memory = TestMemory()

    /// An instance as text: names, types, attributes and links, in order, without ids.
    private func dump(_ world: World, _ node: UInt32) throws -> String {
        var text = ""
        var names = [node: "."]
        var stack = [(node: node, name: ".")]
        while let (node, name) = stack.popLast() {
            let bound = world.bound(node)
            let type = try world.graph.typeEdge(of: bound)?.source ?? 0
            text += "\(name):\(try world.graph.typeIdentifier(of: world.bound(type)))"
            for pair in try world.graph.nodeAttributes(node) { text += " \(pair.key)=\(pair.value)" }
            for edge in try world.graph.childEdges(of: bound).reversed() {
                let child = name + "/" + (try world.graph.compositionName(ofEdge: edge.id))
                names[edge.target] = child
                stack.append((edge.target, child))
            }
            text += ";"
        }
        for (node, name) in names.sorted(by: { $0.value < $1.value }) {
            for edge in try world.graph.connectedEdges(of: world.bound(node)) where edge.source == node {
                text += "\(name)~\(names[edge.target] ?? "?")"
                for pair in try world.graph.edgeAttributes(edge.id) { text += " \(pair.key)=\(pair.value)" }
                text += ";"
            }
        }
        return text
    }

    /// What was compiled on the way to a type must not show when it is the one that is asked for.
    @Test func typesThatContainEachOtherFailAlikeEachTime() throws {
        let world = try World(memory)
        let (a, b) = (try world.type("A"), try world.type("B"))
        let inA = try world.graph.addMakeChild(
            world.types, type: a, childType: b, identifier: "b", attributes: nil, world.ids)
        let inB = try world.graph.addMakeChild(
            world.types, type: b, childType: a, identifier: "a", attributes: nil, world.ids)
        for (name, node) in [("A", inB), ("B", inA), ("A", inB), ("B", inA)] {
            #expect {
                _ = try world.graph.instantiate(world.types, typeIdentifier: name, world.ids)
            } throws: { error in
                guard case TypeGraphError.instantiation(let failure) = error else { return false }
                return failure.identifier == name && failure.node.node == node && failure.message == "Type contains itself"
            }
        }
    }

    @Test func childrenAttributesAndLinks() throws {
        let world = try World(memory)
        let inner = try world.type("Inner")
        _ = try world.graph.addMakeChild(
            world.types, type: inner, childType: world.element, identifier: "e",
            attributes: NodeCreationAttributes(value: "5"), world.ids)
        let outer = try world.type("Outer")
        for name in ["a", "b"] { try world.child(outer, inner, name) }
        let ends = try ["a", "b"].map {
            world.bound(
                try world.graph.ensureChildReference(
                    world.types, path: [EdgeTraversal($0), EdgeTraversal("e")], world.ids))
        }
        let recipe = EdgeCreationAttributes(
            EdgeInterfaceConnection.tid, isDirectional: false, name: "link", dynamic: [("k", .int(3))])
        _ = try world.graph.addMakeLink(world.types, type: outer, lhs: ends[0], rhs: ends[1], recipe, world.ids)
        let node = try world.graph.instantiate(
            world.types, typeNode: outer, attributes: [("top", .bool(true))], world.ids)
        #expect(
            try dump(world, node) == """
                .:Outer top=bool(true);./a:Inner;./a/e:Element value=string("5");./b:Inner;./b/e:Element value=string("5");\
                ./a/e~./b/e name=string("link") k=int(3);
                """)
        world.graph.checkInvariants()
    }

    @Test(.timeLimit(.minutes(1))) func aTypeThatContainsItselfIsAnError() throws {
        let world = try World(memory)
        let (one, other) = (try world.type("One"), try world.type("Other"))
        try world.child(one, other, "other")
        try world.child(other, world.element, "fine")
        try world.child(other, one, "one")
        for type in [one, other] {
            #expect {
                try world.instance(type)
            } throws: { error in
                guard case TypeGraphError.instantiation(let failure) = error else { return false }
                return failure.kind == .other && failure.message == "Type contains itself"
            }
        }
        // A source chunk whose own type has a source.
        let chunk = try world.type("has_source_chunk")
        let make = try world.child(chunk, world.element, "source_ptr")
        try world.graph.point(
            world.bound(make), to: world.element.node, identifier: "source", index: nil,
            edge: try world.lease.nextEdge())
        #expect(throws: TypeGraphError.self) { try world.instance(chunk) }
        world.graph.checkInvariants()
    }

    @Test func aLimitTakesEverythingBack() throws {
        let world = try World(memory)
        let type = try world.type("T")
        for index in 0..<5 { try world.child(type, world.element, "c\(index)") }
        let before = (try world.graph.nodeCount(view: world.view), try world.graph.edgeCount(view: world.view))
        let bytes = (world.graph.nodeCount, world.graph.edgeCount)
        for left in 0..<17 {
            world.lease.left = left
            #expect(throws: GraphError.self) { try world.instance(type) }
        }
        world.lease.left = .max
        #expect(throws: GraphError(.cancelled, "the caller gave up")) {
            let wide = try world.type("Wide")
            for index in 0..<2000 { try world.child(wide, world.element, "c\(index)") }
            _ = try world.graph.instantiate(
                world.types, typeNode: wide, attributes: [], world.ids, isCancelled: { true })
        }
        #expect(try world.graph.instanceEdges(of: type) == [])
        #expect(try world.graph.instanceEdges(of: world.element) == [])
        world.graph.checkInvariants()
        #expect(before.0 > 0 && bytes.0 > 0)
        _ = try world.instance(type)
        world.graph.checkInvariants()
    }

    /// A mistake that is met after much was made: what was made stays where that is recorded, and is counted; where it is
    /// not, nodes, edges and their order are as they were.
    @Test func whatAMistakeLeaves() throws {
        let world = try World(memory)
        let dangling = try world.type("Dangling")
        try world.child(dangling, world.element, "part")
        let ends = try ["part", "missing"].map { name in
            world.bound(try world.graph.ensureChildReference(world.types, path: [EdgeTraversal(name)], world.ids))
        }
        let recipe = EdgeInterfaceConnection.build(isShallow: false)
        _ = try world.graph.addMakeLink(world.types, type: dangling, lhs: ends[0], rhs: ends[1], recipe, world.ids)
        let given = try world.type("Given")
        try world.child(given, world.element, "own")
        try world.child(given, dangling, "part")
        let fine = try world.instance(world.element)
        func state() throws -> [[UInt32]] {
            [
                try world.graph.nodes(view: world.view), try world.graph.edges(view: world.view),
                try world.graph.instanceEdges(of: world.element).map(\.id),
                [UInt32(world.graph.nodeCount), UInt32(world.graph.edgeCount)],
            ]
        }
        let before = try state()
        #expect(throws: GraphError(.invalidValue, "add_trait_to failed")) {
            try world.graph.addTrait(to: fine, type: given, world.ids)
        }
        #expect(throws: GraphError(.invalidValue, "add_make_child failed")) {
            try world.child(world.bound(9999), world.element, "part")
        }
        #expect(try state() == before)
        #expect(world.graph.leftoverCount == 0)
        #expect(throws: TypeGraphError.self) { try world.instance(given) }
        #expect(throws: GraphError(.invalidValue, "add_make_link failed")) {
            try world.graph.addMakeLink(
                world.types, type: given, lhs: fine, rhs: world.bound(9999), recipe, world.ids)
        }
        #expect(world.graph.leftoverCount == 2)
        let after = try state()
        #expect(after[0].count == before[0].count + 5 && after[0].starts(with: before[0]))
        world.graph.checkInvariants()
        let batches = world.graph.arena.header.pointee.batches
        #expect(batches & 1 == 0 && batches > 0, "readers of the arena are told when to ask, and when no longer")
    }

    /// What is remembered of a type must never show: after each change, instances are as if it had been read anew.
    @Test(arguments: 0..<60) func plansFollowTheirTypes(seed: Int) throws {
        var numbers = Numbers(seed: UInt64(seed) + 99)
        let world = try World(memory)
        var types = [world.element]
        for index in 0..<4 { types.append(try world.type("T\(index)")) }
        var makers: [UInt32] = []
        for step in 0..<40 {
            let at = Int.random(in: 1..<types.count, using: &numbers)
            let below = types[Int.random(in: 0..<at, using: &numbers)]
            switch Int.random(in: 0..<7, using: &numbers) {
            case 0, 1: makers.append(try world.child(types[at], below, "c\(Int.random(in: 0..<4, using: &numbers))"))
            case 2:
                let ends = try (0..<2).map { _ in
                    world.bound(
                        try world.graph.ensureChildReference(
                            world.types, path: [EdgeTraversal("c\(Int.random(in: 0..<2, using: &numbers))")], world.ids))
                }
                _ = try world.graph.addMakeLink(
                    world.types, type: types[at], lhs: ends[0], rhs: ends[1],
                    EdgeInterfaceConnection.build(isShallow: false), world.ids)
            case 3:
                if let make = makers.randomElement(using: &numbers) {
                    try world.graph.setNodeAttributes(make, [("v", .int(Int64(step)))])
                }
            case 4:
                if let make = makers.randomElement(using: &numbers) {
                    let reference = world.bound(try world.graph.typeReference(ofMakeChild: world.bound(make)))
                    try world.graph.updateTypeReference(
                        view: world.view, reference, to: world.element, edge: try world.lease.nextEdge())
                }
            case 5: makers.append(try world.graph.addMakeChildDeferred(
                world.types, type: types[at], childTypeIdentifier: "Later", identifier: "l", attributes: nil, world.ids))
            default: types.append(try world.type("N\(step)", isConstructable: step % 3 > 0))
            }
            let type = types[Int.random(in: 0..<types.count, using: &numbers)]
            let results = try (0..<2).map { round in
                if round == 1 { world.graph.caches.edgeChanged() }
                do { return try dump(world, try world.instance(type).node) } catch let error as TypeGraphError {
                    return "\(error)"
                }
            }
            #expect(results[0] == results[1], "seed \(seed), step \(step)")
        }
        world.graph.checkInvariants()
    }
}
