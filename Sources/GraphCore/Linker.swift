// Linker: ties type references to types by a pointer named "resolved"; the first one counts.

import CLayout

public enum Linker {
    static let resolved = "resolved"
}

extension GraphStore {
    /// `Linker.link_type_reference`. Linking twice adds a second pointer; the first goes on winning.
    public mutating func linkTypeReference(
        view: UInt32, _ reference: BoundNode, to type: BoundNode, edge id: UInt32
    ) throws(GraphError) {
        try checkLink(view, reference, type)
        try insertEdge(
            view: view, id, EdgePointer.build(Linker.resolved), source: reference.node, target: type.node,
            sourceMissing: "Source node not in graph", targetMissing: "Target node not in graph")
    }

    /// `Linker.update_type_reference`: an existing pointer gets a new target, in every view that has it. The edge id is
    /// used when there is none.
    public mutating func updateTypeReference(
        view: UInt32, _ reference: BoundNode, to type: BoundNode, edge id: UInt32
    ) throws(GraphError) {
        try checkLink(view, reference, type)
        let record = try self.view(view)
        let (key, text) = (strings.find("name"), strings.find(Linker.resolved))
        guard
            let old = first(
                record, reference.node, EdgePointer.tid, .outgoing,
                where: { text != 0 && pooledAttribute($0.attributes, key) == text })
        else { return try linkTypeReference(view: view, reference, to: type, edge: id) }
        guard members.find(record, node: type.node) != nil else {
            throw GraphError(.targetNotMember, "Target node not in graph")
        }
        guard old.target != type.node else { return }
        var new = old
        new.target = type.node
        try replaceEdge(old.id, with: new)
    }

    /// `Linker.get_resolved_type`.
    public func resolvedType(of reference: BoundNode) throws(GraphError) -> UInt32? {
        try pointedNode(of: reference, identifier: Linker.resolved)
    }

    /// `Linker.collect_unresolved_type_references`: for all types, all their MakeChildren. Free-standing references are not
    /// among them.
    public func unresolvedTypeReferences(
        _ typeGraph: TypeGraph
    ) throws(GraphError) -> [(type: UInt32, reference: UInt32)] {
        let record = try view(typeGraph.view)
        let makeChildType = try builtinType(typeGraph, TypeGraph.makeChild)
        var result: [(type: UInt32, reference: UInt32)] = []
        for type in try childEdges(of: typeGraph.bound) {
            let bound = BoundNode(view: typeGraph.view, node: type.target)
            for edge in try childEdges(of: bound, type: makeChildType) {
                guard let reference = typeReference(record, typeGraph.view, edge.target),
                    pointed(record, reference, Linker.resolved) == nil
                else { continue }
                result.append((type.target, reference))
            }
        }
        return result
    }

    private func checkLink(_ view: UInt32, _ reference: BoundNode, _ type: BoundNode) throws(GraphError) {
        _ = try self.view(view)
        guard reference.view == view else {
            throw GraphError(.invalidValue, "Type reference does not belong to provided GraphView")
        }
        guard type.view == view else {
            throw GraphError(.invalidValue, "Target type does not belong to provided GraphView")
        }
    }
}
