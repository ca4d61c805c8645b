// TypeGraph.merge_types: inheritance. The target gets the source's children that it does not have, and the links that it
// does not have. Constructability stays the target's own. All or nothing.

import CLayout

extension GraphStore {
    public mutating func mergeTypes(
        _ typeGraph: TypeGraph, target: BoundNode, source: BoundNode, _ ids: IdAllocator,
        isCancelled: @escaping () -> Bool = { false }
    ) throws {
        do {
            var patience = Patience(isCancelled)
            try atomically(typeGraph.view) { graph in
                try graph.mergeChildren(typeGraph, target, source, ids, &patience)
                try graph.mergeLinks(typeGraph, target, source, ids, &patience)
            }
        } catch {
            throw GraphStore.isCallers(error) ? GraphError(.invalidValue, "merge_types failed") : error
        }
    }

    private mutating func mergeChildren(
        _ typeGraph: TypeGraph, _ target: BoundNode, _ source: BoundNode, _ ids: IdAllocator, _ patience: inout Patience
    ) throws {
        guard try contains(view: typeGraph.view, node: target.node) else {
            throw GraphError(.invalidValue, "merge_types failed")
        }
        let record = try view(source.view)
        let known = Set(try makeChildren(typeGraph, type: target).compactMap(\.identifier))
        for child in try makeChildren(typeGraph, type: source) {
            try patience.step()
            if let identifier = child.identifier, known.contains(identifier) { continue }
            guard let reference = typeReference(record, source.view, child.makeChild),
                let type = pointed(record, reference, Linker.resolved)
            else { continue }
            let attributes = try nodeAttributes(child.makeChild).filter { $0.key != TypeGraph.childIdentifier }
            let copy = try addMakeChild(
                typeGraph, type: target, childType: BoundNode(view: typeGraph.view, node: type),
                identifier: child.identifier, attributes: NodeCreationAttributes(dynamic: attributes), ids)
            try carrySource(typeGraph, from: BoundNode(view: source.view, node: child.makeChild), to: copy, ids)
        }
    }

    private mutating func mergeLinks(
        _ typeGraph: TypeGraph, _ target: BoundNode, _ source: BoundNode, _ ids: IdAllocator, _ patience: inout Patience
    ) throws {
        let known = try makeLinkTraversals(typeGraph, type: target).map { link in
            (type: try recipe(ofMakeLink: link.makeLink)?.edgeType, lhs: link.lhs, rhs: link.rhs)
        }
        for link in try makeLinkTraversals(typeGraph, type: source) {
            try patience.step(1 + known.count)
            guard let recipe = try recipe(ofMakeLink: link.makeLink) else {
                throw GraphError(.invalidValue, "merge_types failed")
            }
            let isKnown = known.contains { $0.type == recipe.edgeType && $0.lhs == link.lhs && $0.rhs == link.rhs }
            if isKnown { continue }
            func copy(_ path: [EdgeTraversal]) throws -> BoundNode {
                let head = try addReference(typeGraph, path: path.isEmpty ? [EdgeTraversal("")] : path, ids)
                return BoundNode(view: typeGraph.view, node: head)
            }
            let made = try addMakeLink(
                typeGraph, type: target, lhs: try copy(link.lhs), rhs: try copy(link.rhs), recipe, ids)
            try carrySource(typeGraph, from: BoundNode(view: source.view, node: link.makeLink), to: made, ids)
        }
    }

    private mutating func carrySource(
        _ typeGraph: TypeGraph, from old: BoundNode, to new: UInt32, _ ids: IdAllocator
    ) throws {
        guard let source = try pointedNode(of: old, identifier: "source") else { return }
        try link(typeGraph.view, EdgePointer.build("source"), new, source, ids)
    }
}
