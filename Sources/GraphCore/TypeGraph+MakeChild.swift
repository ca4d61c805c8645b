// MakeChild nodes: which children an instance of a type gets. A composition child of the type node, with the attribute
// child_identifier and those to give to the child; it refers to the child's type by a TypeReference, its composition child
// type_ref, which is linked at once or later. Must not look whether an identifier is taken: validation does.
// Cost: two nodes, five or six edges.

import CLayout

extension GraphStore {
    private static let typeRef = "type_ref"

    /// `TypeGraph.add_make_child`: linked to the child's type at once.
    public mutating func addMakeChild(
        _ typeGraph: TypeGraph, type: BoundNode, childType: BoundNode, identifier: String?,
        attributes: NodeCreationAttributes?, _ ids: IdAllocator
    ) throws -> UInt32 {
        let name = try typeIdentifier(of: childType)
        return try addMakeChild(
            typeGraph, type: type, childType: childType, named: name, identifier: identifier,
            attributes: attributes, failure: "add_make_child failed", ids)
    }

    /// `TypeGraph.add_make_child_deferred`: the type reference is linked later.
    public mutating func addMakeChildDeferred(
        _ typeGraph: TypeGraph, type: BoundNode, childTypeIdentifier: String, identifier: String?,
        attributes: NodeCreationAttributes?, _ ids: IdAllocator
    ) throws -> UInt32 {
        try addMakeChild(
            typeGraph, type: type, childType: nil, named: childTypeIdentifier, identifier: identifier,
            attributes: attributes, failure: "add_make_child_deferred failed", ids)
    }

    private mutating func addMakeChild(
        _ typeGraph: TypeGraph, type: BoundNode, childType: BoundNode?, named name: String, identifier: String?,
        attributes: NodeCreationAttributes?, failure: String, _ ids: IdAllocator
    ) throws -> UInt32 {
        let makeChildType = try builtinType(typeGraph, TypeGraph.makeChild)
        let typeReferenceType = try builtinType(typeGraph, TypeGraph.typeReference)
        let view = typeGraph.view
        var pairs: [AttributePair] = []
        if let identifier { pairs.append((TypeGraph.childIdentifier, .string(identifier))) }
        for pair in attributes?.dynamic ?? [] where identifier == nil || pair.key != TypeGraph.childIdentifier {
            pairs.append(pair)
        }
        do {
            return try atomically(view) { graph in
                let makeChild = try graph.makeInstance(view, of: makeChildType, pairs, ids)
                let reference = try graph.makeInstance(
                    view, of: typeReferenceType, [(TypeGraph.typeIdentifier, .string(name))], ids)
                let typeRef = EdgeComposition.build(childIdentifier: GraphStore.typeRef)
                try graph.link(view, typeRef, makeChild, reference, ids)
                try graph.link(view, EdgePointer.build(identifier), makeChild, reference, ids)
                let child = EdgeComposition.build(childIdentifier: identifier ?? "")
                try graph.link(view, child, type.node, makeChild, ids)
                if let childType {
                    try graph.linkTypeReference(
                        view: view, BoundNode(view: view, node: reference), to: childType, edge: try ids.nextEdge())
                }
                return makeChild
            }
        } catch {
            throw GraphStore.isCallers(error) ? GraphError(.invalidValue, failure) : error
        }
    }

    /// `TypeGraph.add_type_reference`: a free-standing one.
    public mutating func addTypeReference(
        _ typeGraph: TypeGraph, identifier: String, _ ids: IdAllocator
    ) throws -> UInt32 {
        let type = try builtinType(typeGraph, TypeGraph.typeReference)
        return try atomically(typeGraph.view) { graph in
            try graph.makeInstance(
                typeGraph.view, of: type, [(TypeGraph.typeIdentifier, .string(identifier))], ids)
        }
    }

    /// `TypeGraph.get_make_child_type_reference`.
    public func typeReference(ofMakeChild makeChild: BoundNode) throws(GraphError) -> UInt32 {
        guard let reference = typeReference(try view(makeChild.view), makeChild.view, makeChild.node) else {
            throw GraphError(.invalidValue, "node \(makeChild.node) is no MakeChild: it has no type reference")
        }
        return reference
    }

    /// `TypeGraph.get_make_child_type_reference_by_identifier`.
    public func typeReference(ofType type: BoundNode, child identifier: String) throws(GraphError) -> UInt32? {
        guard let makeChild = try child(of: type, identifier: identifier) else { return nil }
        return try typeReference(ofMakeChild: BoundNode(view: type.view, node: makeChild))
    }

    func typeReference(_ view: ViewRecord, _ viewId: UInt32, _ makeChild: UInt32) -> UInt32? {
        childEdge(viewId, view, makeChild, GraphStore.typeRef)?.target
    }

    /// `TypeGraph.collect_make_children`, in composition order.
    public func makeChildren(
        _ typeGraph: TypeGraph, type: BoundNode
    ) throws(GraphError) -> [(identifier: String?, makeChild: UInt32)] {
        let makeChildType = try builtinType(typeGraph, TypeGraph.makeChild)
        return try childEdges(of: type, type: makeChildType).map {
            (nodeText($0.target, TypeGraph.childIdentifier), $0.target)
        }
    }

    /// `TypeGraph.resolve_child_path`: child by name, its type reference, its type, again and again. nil as soon as
    /// something is missing or not linked. An empty path gives the start.
    public func resolveChildPath(
        _ typeGraph: TypeGraph, from start: BoundNode, path: [String]
    ) throws(GraphError) -> UInt32? {
        let record = try view(start.view)
        var current = start.node
        for segment in path {
            guard let makeChild = childEdge(start.view, record, current, segment)?.target,
                let reference = typeReference(record, start.view, makeChild),
                let resolved = pointed(record, reference, Linker.resolved)
            else { return nil }
            current = resolved
        }
        return current
    }
}
