// Copying between views: nothing is cloned, the same nodes and edges become members of the target as well. What is followed
// from a start is a fixed choice of edge kinds; types come along with their typegraph, those that the target has by name
// stand in. The source view is unchanged. All or nothing. Cost: linear in what is reached; one look-up per edge.

import CLayout

extension GraphStore {
    /// `TypeGraph.copy_node_into`. A start that the target knows already changes nothing.
    public mutating func copy(
        node start: BoundNode, into target: UInt32, _ ids: IdAllocator, isCancelled: @escaping () -> Bool = { false }
    ) throws {
        _ = try node(start.node)
        var copying = try Copying(self, from: start.view, into: target, isCancelled)
        copying.add(self, start.node)
        try copying.run(self)
        try apply(copying, to: target, ids)
    }

    /// `TypeGraph.copy_into`. Minimal: just what the type MakeChild needs.
    public mutating func copy(
        _ typeGraph: TypeGraph, into target: UInt32, minimal: Bool, _ ids: IdAllocator,
        isCancelled: @escaping () -> Bool = { false }
    ) throws -> TypeGraph {
        let makeChild = try builtinType(typeGraph, TypeGraph.makeChild)
        if minimal {
            try copy(
                node: BoundNode(view: typeGraph.view, node: makeChild), into: target, ids, isCancelled: isCancelled)
        } else {
            var copying = try Copying(self, from: typeGraph.view, into: target, isCancelled)
            if !copying.add(self, typeGraph.selfNode) { copying.enqueue(typeGraph.selfNode) }
            try copying.run(self)
            try apply(copying, to: target, ids)
        }
        return TypeGraph(view: target, selfNode: typeGraph.selfNode)
    }

    private mutating func apply(_ copying: Copying, to target: UInt32, _ ids: IdAllocator) throws {
        let (nodes, edges) = (copying.newNodes, copying.newEdges)
        try atomically(target) { graph in
            for node in nodes { try graph.insertNode(view: target, node: node) }
            for edge in edges {
                switch edge {
                case .existing(let id): try graph.insertEdge(view: target, edge: id)
                case .type(let type, let instance):
                    try graph.link(target, EdgeType.build(), type, instance, ids)
                }
            }
        }
    }
}

/// What a copy has found so far.
private struct Copying {
    enum NewEdge {
        case existing(UInt32)
        /// A type edge that only the target gets: its own type of the same name → node.
        case type(UInt32, UInt32)
    }

    let sourceId: UInt32
    let source: GraphStore.ViewRecord
    let target: GraphStore.ViewRecord
    let targetId: UInt32
    private var patience: Patience
    private(set) var newNodes: [UInt32] = []
    private(set) var newEdges: [NewEdge] = []
    private var addedNodes = IdSet()
    private var addedEdges = IdSet()
    private var queue: [UInt32] = []
    private var visitedTypeGraphs = IdSet()
    private var collisions: [UInt32: UInt32] = [:]  // type of the source → the target's type of its name

    init(
        _ graph: borrowing GraphStore, from source: UInt32, into target: UInt32, _ isCancelled: @escaping () -> Bool
    ) throws(GraphError) {
        sourceId = source
        targetId = target
        self.source = try graph.view(source)
        self.target = try graph.view(target)
        patience = Patience(isCancelled)
    }

    private func isKnown(_ graph: borrowing GraphStore, _ node: UInt32) -> Bool {
        addedNodes.contains(node) || graph.members.find(target, node: node) != nil
    }

    /// Makes a node a member without looking at its edges. False when it was one.
    private mutating func know(_ graph: borrowing GraphStore, _ node: UInt32) -> Bool {
        guard !isKnown(graph, node) else { return false }
        _ = addedNodes.insert(node)
        newNodes.append(node)
        return true
    }

    mutating func enqueue(_ node: UInt32) { queue.append(node) }

    @discardableResult
    mutating func add(_ graph: borrowing GraphStore, _ node: UInt32) -> Bool {
        guard know(graph, node) else { return false }
        queue.append(node)
        return true
    }

    /// False when the edge was a member.
    @discardableResult
    private mutating func add(_ graph: borrowing GraphStore, edge id: UInt32) -> Bool {
        guard !graph.members.contains(target, edge: id), addedEdges.insert(id) else { return false }
        newEdges.append(.existing(id))
        return true
    }

    mutating func run(_ graph: borrowing GraphStore) throws(GraphError) {
        var next = 0
        while next < queue.count {
            try patience.step()
            let node = queue[next]
            next += 1
            addTypes(graph, of: node)
            try follow(graph, node, EdgeComposition.tid)
            try follow(graph, node, EdgePointer.tid)
            try follow(graph, node, EdgeNext.tid)
            try follow(graph, node, EdgeTrait.tid)
            try follow(graph, node, EdgeOperand.tid)
        }
    }

    private mutating func follow(_ graph: borrowing GraphStore, _ node: UInt32, _ type: UInt32) throws(GraphError) {
        for id in graph.members.edges(source, node: node, type: type) {
            try patience.step()
            let edge = graph.member(id)
            switch type {
            case EdgeComposition.tid, EdgeOperand.tid:
                guard edge.passes(.outgoing, at: node), edge.target != node else { continue }
            case EdgePointer.tid, EdgeNext.tid: guard edge.passes(.outgoing, at: node) else { continue }
            default: guard !isSourceChunk(graph, edge.target) else { continue }
            }
            if add(graph, edge: id) { add(graph, edge.other(than: node)) }
            if type == EdgeNext.tid { return }
        }
    }

    private func isSourceChunk(_ graph: borrowing GraphStore, _ instance: UInt32) -> Bool {
        guard let type = graph.type(source, of: instance) else { return false }
        return graph.nodeText(type, TypeGraph.typeIdentifier) == TypeGraph.sourceChunk
    }

    // MARK: types

    private mutating func addTypes(_ graph: borrowing GraphStore, of node: UInt32) {
        if graph.nodeText(node, TypeGraph.typeIdentifier) != nil,
            let edge = graph.first(source, node, EdgeComposition.tid, .incoming), isTypeGraph(graph, edge.source)
        {
            if !visit(graph, edge.source), collisions[node] != nil { return }
            add(graph, edge: edge.id)
        }
        guard let typeEdge = graph.first(source, node, EdgeType.tid, .incoming) else { return }
        let type = typeEdge.source
        let owner = graph.first(source, type, EdgeComposition.tid, .incoming)
        if let owner { _ = visit(graph, owner.source) }
        if isKnown(graph, type) {
            add(graph, edge: typeEdge.id)
        } else if let standIn = collisions[type] {
            newEdges.append(.type(standIn, node))
        } else {
            add(graph, type)
            if let owner { add(graph, edge: owner.id) }
            add(graph, edge: typeEdge.id)
        }
    }

    /// Only children of a real typegraph are types; type references look like types otherwise.
    private func isTypeGraph(_ graph: borrowing GraphStore, _ node: UInt32) -> Bool {
        guard let list = graph.nodes.find(node)?.pointee.attributes else { return false }
        return graph.lists.value(list, key: TypeGraph.initialized, strings: graph.strings) == .bool(true)
    }

    /// True on the first visit of a typegraph.
    private mutating func visit(_ graph: borrowing GraphStore, _ selfNode: UInt32) -> Bool {
        guard visitedTypeGraphs.insert(selfNode) else { return false }
        guard know(graph, selfNode) else {
            findCollisions(graph, selfNode)
            return true
        }
        let builtins = [
            TypeGraph.implementsTrait, TypeGraph.implementsType, TypeGraph.makeChild, TypeGraph.makeLink,
            TypeGraph.reference, TypeGraph.typeReference,
        ]
        for name in builtins {
            guard let edge = graph.childEdge(sourceId, source, selfNode, name) else { continue }
            add(graph, edge.target)
            add(graph, edge: edge.id)
        }
        return true
    }

    private mutating func findCollisions(_ graph: borrowing GraphStore, _ selfNode: UInt32) {
        for edge in graph.all(source, selfNode, EdgeComposition.tid, .outgoing) where edge.target != selfNode {
            guard let name = graph.name(edge.id),
                let own = graph.childEdge(targetId, target, selfNode, name), own.target != edge.target,
                graph.childEdge(sourceId, source, selfNode, name)?.target == edge.target
            else { continue }
            collisions[edge.target] = own.target
        }
    }
}
