import CLayout

@testable import GraphCore

/// Ids as a client's lease would give them, in order; an id can be made to run out.
final class Lease {
    private(set) var node: UInt32
    private(set) var edge: UInt32
    var left = Int.max

    init(firstNode: UInt32 = 1, firstEdge: UInt32 = 1) {
        node = firstNode - 1
        edge = firstEdge - 1
    }

    private func take() throws(GraphError) {
        guard left > 0 else { throw GraphError(.limitExceeded, "no ids left") }
        left -= 1
    }

    func nextNode() throws(GraphError) -> UInt32 {
        try take()
        node += 1
        return node
    }

    func nextEdge() throws(GraphError) -> UInt32 {
        try take()
        edge += 1
        return edge
    }

    var ids: IdAllocator {
        IdAllocator(
            nextNode: { [self] () throws(GraphError) -> UInt32 in try nextNode() },
            nextEdge: { [self] () throws(GraphError) -> UInt32 in try nextEdge() })
    }
}

/// A view with a typegraph, a plain type and the trait that makes interfaces.
final class World {
    var graph: GraphStore
    let lease: Lease
    let view: UInt32
    let types: TypeGraph
    let element: BoundNode
    let interfaceTrait: BoundNode
    var ids: IdAllocator { lease.ids }

    init(_ memory: TestMemory, view: UInt32 = 1) throws {
        var graph = GraphStore(arena: memory.arena())
        let lease = Lease()
        try graph.createView(view, selfNode: try lease.nextNode())
        let types = try graph.createTypeGraph(view: view, lease.ids)
        element = BoundNode(view: view, node: try graph.addType(types, identifier: "Element", lease.ids))
        interfaceTrait = BoundNode(
            view: view, node: try graph.addType(types, identifier: InterfaceFacts.traitName, lease.ids))
        for type in [element, interfaceTrait] { try graph.markConstructable(types, type: type, lease.ids) }
        self.graph = graph
        self.lease = lease
        self.view = view
        self.types = types
    }

    func bound(_ node: UInt32) -> BoundNode { BoundNode(view: view, node: node) }

    func type(_ name: String, isConstructable: Bool = true) throws -> BoundNode {
        let type = bound(try graph.addType(types, identifier: name, ids))
        if isConstructable { try graph.markConstructable(types, type: type, ids) }
        return type
    }

    @discardableResult
    func child(_ type: BoundNode, _ childType: BoundNode, _ name: String?) throws -> UInt32 {
        try graph.addMakeChild(types, type: type, childType: childType, identifier: name, attributes: nil, ids)
    }

    func instance(_ type: BoundNode) throws -> BoundNode {
        bound(try graph.instantiate(types, typeNode: type, attributes: [], ids))
    }

    func interface(_ type: BoundNode? = nil) throws -> BoundNode {
        let node = try instance(type ?? element)
        _ = try graph.addTrait(to: node, type: interfaceTrait, ids)
        return node
    }

    func connect(_ one: BoundNode, _ other: BoundNode, shallow: Bool = false) throws {
        try graph.connect(one, other, isShallow: shallow, edge: try lease.nextEdge())
    }

    func compose(_ parent: BoundNode, _ child: BoundNode, _ name: String) throws {
        try graph.addChild(parent, child: child.node, identifier: name, edge: try lease.nextEdge())
    }

    /// Ends with their paths, as edges.
    func connected(_ source: BoundNode) throws -> [UInt32: [UInt32]] {
        let paths = try graph.connected(to: source)
        return Dictionary(uniqueKeysWithValues: paths.ends.map { ($0.node, paths.edges(to: $0.step)) })
    }
}
