// TypeGraph: types as part of the graph. A self node whose composition children are the type nodes, named by type
// identifier; the types that the layer itself needs are made with it. This file: making one, adding and finding types.
// Cost: a look-up by name uses the index of the self node's children.

import CLayout

public struct TypeGraph: Hashable, Sendable {
    public let view: UInt32
    public let selfNode: UInt32

    public init(view: UInt32, selfNode: UInt32) {
        self.view = view
        self.selfNode = selfNode
    }

    public var bound: BoundNode { BoundNode(view: view, node: selfNode) }

    static let implementsType = "ImplementsType"
    static let implementsTrait = "ImplementsTrait"
    static let makeChild = "MakeChild"
    static let makeLink = "MakeLink"
    static let reference = "Reference"
    static let typeReference = "TypeReference"
    static let isConstructable = "is_constructable"
    static let sourceChunk = "has_source_chunk"

    static let typeIdentifier = "type_identifier"
    static let childIdentifier = "child_identifier"
    static let edgeTypeTid = "edge_type_tid"
    static let initialized = "initialized"
}

extension GraphStore {
    // MARK: making

    /// `TypeGraph.create`: 22 nodes and 49 edges.
    public mutating func createTypeGraph(view: UInt32, _ ids: IdAllocator) throws -> TypeGraph {
        try atomically(view) { graph in
            let selfNode = try graph.makeMember(view, [(TypeGraph.initialized, .bool(true))], ids)
            let typeGraph = TypeGraph(view: view, selfNode: selfNode)
            func give(_ owner: UInt32, _ trait: UInt32) throws {
                try graph.giveBootstrapTrait(view, owner: owner, trait: trait, ids)
            }
            let type = try graph.makeTypeNode(typeGraph, TypeGraph.implementsType, ids)
            let trait = try graph.makeTypeNode(typeGraph, TypeGraph.implementsTrait, ids)
            for owner in [type, trait] {
                for given in [type, trait] { try give(owner, given) }
            }
            let makeChild = try graph.makeTypeNode(typeGraph, TypeGraph.makeChild, ids)
            try give(makeChild, type)
            let makeLink = try graph.makeTypeNode(typeGraph, TypeGraph.makeLink, ids)
            let reference = try graph.makeTypeNode(typeGraph, TypeGraph.reference, ids)
            let typeReference = try graph.makeTypeNode(typeGraph, TypeGraph.typeReference, ids)
            let isConstructable = try graph.makeTypeNode(typeGraph, TypeGraph.isConstructable, ids)
            try give(isConstructable, type)
            try give(isConstructable, trait)
            for owner in [type, trait, makeChild, makeLink, reference, typeReference, isConstructable] {
                try give(owner, isConstructable)
            }
            return typeGraph
        }
    }

    private mutating func giveBootstrapTrait(
        _ view: UInt32, owner: UInt32, trait: UInt32, _ ids: IdAllocator
    ) throws(GraphError) {
        let instance = try makeMember(view, [], ids)
        try link(view, EdgeType.build(), trait, instance, ids)
        try link(view, EdgeComposition.build(childIdentifier: ""), owner, instance, ids)
        try link(view, EdgeTrait.build(), owner, instance, ids)
    }

    private mutating func makeTypeNode(
        _ typeGraph: TypeGraph, _ identifier: String, _ ids: IdAllocator
    ) throws(GraphError) -> UInt32 {
        let node = try makeMember(typeGraph.view, [(TypeGraph.typeIdentifier, .string(identifier))], ids)
        try link(
            typeGraph.view, EdgeComposition.build(childIdentifier: identifier), typeGraph.selfNode, node, ids)
        return node
    }

    // MARK: finding

    /// `TypeGraph.of_type`: the node's composition parent, whatever it is.
    public func typeGraph(ofType type: BoundNode) throws(GraphError) -> TypeGraph? {
        try parent(of: type).map { TypeGraph(view: type.view, selfNode: $0) }
    }

    /// `TypeGraph.of_instance`.
    public func typeGraph(ofInstance instance: BoundNode) throws(GraphError) -> TypeGraph? {
        let record = try view(instance.view)
        guard let type = type(record, of: instance.node), let selfNode = parent(record, type) else { return nil }
        return TypeGraph(view: instance.view, selfNode: selfNode)
    }

    /// `TypeGraph.get_type_by_name`.
    public func type(in typeGraph: TypeGraph, named identifier: String) throws(GraphError) -> UInt32? {
        childEdge(typeGraph.view, try view(typeGraph.view), typeGraph.selfNode, identifier)?.target
    }

    /// A type that every typegraph has.
    func builtinType(_ typeGraph: TypeGraph, _ identifier: String) throws(GraphError) -> UInt32 {
        guard let type = try type(in: typeGraph, named: identifier) else {
            throw GraphError(.invalidValue, "node \(typeGraph.selfNode) is no TypeGraph: it has no type \(identifier)")
        }
        return type
    }

    /// `TypeGraph.get_type_name`, `get_type_reference_identifier`.
    public func typeIdentifier(of bound: BoundNode) throws(GraphError) -> String {
        _ = try view(bound.view)
        _ = try node(bound.node)
        guard let identifier = nodeText(bound.node, TypeGraph.typeIdentifier) else {
            throw GraphError(.invalidValue, "node \(bound.node) is no type and no type reference: no type_identifier")
        }
        return identifier
    }

    /// `TypeGraph.get_type_instance_overview`: each child of the self node with the count of its instances.
    public func typeInstanceOverview(
        _ typeGraph: TypeGraph
    ) throws(GraphError) -> [(name: String, instanceCount: Int)] {
        let record = try view(typeGraph.view)
        var result: [(name: String, instanceCount: Int)] = []
        for edge in try childEdges(of: typeGraph.bound) {
            let instances = members.edges(record, node: edge.target, type: EdgeType.tid)
                .filter { member($0).passes(.outgoing, at: edge.target) }
            let name = nodeText(edge.target, TypeGraph.typeIdentifier) ?? name(edge.id) ?? ""
            result.append((name, instances.count))
        }
        return result
    }

    // MARK: adding

    /// `TypeGraph.add_type`: two nodes, four edges.
    public mutating func addType(
        _ typeGraph: TypeGraph, identifier: String, _ ids: IdAllocator
    ) throws -> UInt32 {
        let implementsType = try builtinType(typeGraph, TypeGraph.implementsType)
        guard try type(in: typeGraph, named: identifier) == nil else {
            throw GraphError(.invalidValue, "Type with this name already exists")
        }
        return try atomically(typeGraph.view) { graph in
            let node = try graph.makeTypeNode(typeGraph, identifier, ids)
            let instance = try graph.giveTrait(typeGraph.view, owner: node, trait: implementsType, ids)
            try graph.link(
                typeGraph.view, EdgeComposition.build(childIdentifier: ""), node, instance, ids)
            return node
        }
    }

    /// `TypeGraph.get_or_create_type`.
    public mutating func getOrCreateType(
        _ typeGraph: TypeGraph, identifier: String, _ ids: IdAllocator
    ) throws -> UInt32 {
        if let type = try type(in: typeGraph, named: identifier) { return type }
        return try addType(typeGraph, identifier: identifier, ids)
    }

    /// `TypeGraph.mark_constructable`. Repeatable.
    public mutating func markConstructable(
        _ typeGraph: TypeGraph, type: BoundNode, _ ids: IdAllocator
    ) throws {
        let isConstructable = try builtinType(typeGraph, TypeGraph.isConstructable)
        guard try contains(view: type.view, node: type.node) else {
            throw GraphError(.invalidValue, "mark_constructable failed")
        }
        do {
            try atomically(type.view) { graph in
                _ = try graph.giveTrait(type.view, owner: type.node, trait: isConstructable, ids)
            }
        } catch {
            throw GraphStore.isCallers(error) ? GraphError(.invalidValue, "mark_constructable failed") : error
        }
    }

    /// `TypeGraph.is_constructable`.
    public func isConstructable(_ typeGraph: TypeGraph, type: BoundNode) throws(GraphError) -> Bool {
        let isConstructable = try builtinType(typeGraph, TypeGraph.isConstructable)
        return traitInstance(try view(type.view), type.node, of: isConstructable) != nil
    }

    // MARK: inside

    /// A new instance of a trait type with its trait edge, without a composition edge.
    mutating func giveTrait(
        _ view: UInt32, owner: UInt32, trait: UInt32, _ ids: IdAllocator
    ) throws(GraphError) -> UInt32 {
        let instance = try makeMember(view, [], ids)
        try link(view, EdgeType.build(), trait, instance, ids)
        try link(view, EdgeTrait.build(), owner, instance, ids)
        return instance
    }

    mutating func makeMember(
        _ view: UInt32, _ attributes: [AttributePair], _ ids: IdAllocator
    ) throws(GraphError) -> UInt32 {
        let id = try ids.nextNode()
        try createAndInsertNode(view: view, node: id, attributes: attributes)
        return id
    }

    /// A new edge that the view alone holds.
    @discardableResult
    mutating func link(
        _ view: UInt32, _ recipe: EdgeCreationAttributes, _ source: UInt32, _ target: UInt32, _ ids: IdAllocator
    ) throws(GraphError) -> Edge {
        try insertEdge(view: view, try ids.nextEdge(), recipe, source: source, target: target)
    }

    /// A new node of a type: the node and its type edge.
    mutating func makeInstance(
        _ view: UInt32, of type: UInt32, _ attributes: [AttributePair], _ ids: IdAllocator
    ) throws(GraphError) -> UInt32 {
        let id = try makeMember(view, attributes, ids)
        try link(view, EdgeType.build(), type, id, ids)
        return id
    }
}
