// Whether the paths that a type's MakeLinks name exist, as far as the type alone can tell: walked over types, not
// instances. A child whose type is not linked yet ends the walk without a complaint: nothing is known below it.

import CLayout

/// How far a path can be followed over types.
enum TypeWalk: Equatable {
    case found
    /// Below here is a type that is not linked yet.
    case unknown
    case failed(index: Int, identifier: String, PathFailure.Kind)
}

extension GraphStore {
    /// `TypeGraph.validate_type`: duplicate children, then links that lead nowhere.
    public func validate(
        _ typeGraph: TypeGraph, type: BoundNode
    ) throws(GraphError) -> [(node: UInt32, message: String)] {
        var result: [(node: UInt32, message: String)] = []
        var seen: [String: Int] = [:]
        let named = try makeChildren(typeGraph, type: type).compactMap { child in
            child.identifier.map { (identifier: $0, node: child.makeChild) }
        }
        for child in named { seen[child.identifier, default: 0] += 1 }
        if seen.count < named.count {
            for (index, child) in named.enumerated() where seen[child.identifier, default: 0] > 1 {
                for later in named[(index + 1)...] where later.identifier == child.identifier {
                    result.append((later.node, "Field `\(child.identifier)` is already defined"))
                }
            }
        }
        guard let links = try? makeLinkTraversals(typeGraph, type: type) else { return result }
        for link in links {
            for path in [link.lhs, link.rhs] {
                guard let head = path.first, !path.contains(where: { $0.identifier.hasPrefix("<<") }),
                    !GraphStore.startsWithDigit(head.identifier)
                else { continue }
                guard case .failed = try walk(typeGraph, from: type, path) else { continue }
                let text = path.map(\.identifier).joined(separator: ".")
                result.append((link.makeLink, "Field `\(text)` could not be resolved"))
            }
        }
        return result
    }

    /// `TypeGraph.collect_pointer_members`: index and MakeChild of each member of a container that is filled by links.
    public func pointerMembers(
        _ typeGraph: TypeGraph, type: BoundNode, container: [String]
    ) throws -> [(index: UInt32, makeChild: UInt32)] {
        func notFound(_ index: Int, _ kind: PathFailure.Kind) -> TypeGraphError {
            .path(
                PathFailure(
                    kind: kind, message: "pointer sequence member not found", path: container,
                    failingSegment: container.indices.contains(index) ? container[index] : "", failingSegmentIndex: index))
        }
        guard !container.isEmpty else { throw notFound(0, .missingChild) }
        if case .failed(let index, _, let kind) = try walk(typeGraph, from: type, container.map { EdgeTraversal($0) }) {
            throw notFound(index, kind)
        }
        let links: [(makeLink: UInt32, lhs: [EdgeTraversal], rhs: [EdgeTraversal])]
        do { links = try makeLinkTraversals(typeGraph, type: type) } catch {
            guard error.kind == .invalidValue else { throw error }
            throw notFound(max(0, container.count - 1), .missingChild)
        }
        var result: [(index: UInt32, makeChild: UInt32)] = []
        for link in links {
            guard link.lhs.map(\.identifier) == container, link.rhs.count == 1,
                let recipe = try recipe(ofMakeLink: link.makeLink), recipe.edgeType == EdgePointer.tid,
                let child = try child(of: type, identifier: link.rhs[0].identifier)
            else { continue }
            guard let index = recipe.index else {
                throw GraphError(.invalidValue, "Pointer sequence member missing index (edge_specific is null)")
            }
            result.append((index, child))
        }
        return result
    }

    func walk(
        _ typeGraph: TypeGraph, from type: BoundNode, _ path: [EdgeTraversal]
    ) throws(GraphError) -> TypeWalk {
        let record = try view(type.view)
        var current = type.node
        for (index, item) in path.enumerated() {
            let failure = TypeWalk.failed(
                index: index, identifier: item.identifier,
                index > 0 && GraphStore.startsWithDigit(item.identifier) ? .invalidIndex : .missingChild)
            switch item.edgeType {
            case EdgeComposition.tid:
                var child = childEdge(type.view, record, current, item.identifier)?.target
                if child == nil, index == 0 {
                    child = try makeChildren(typeGraph, type: type).first { $0.identifier == item.identifier }?.makeChild
                }
                guard let child else { return failure }
                guard let reference = typeReference(record, type.view, child),
                    let resolved = pointed(record, reference, Linker.resolved)
                else { return .unknown }
                current = resolved
            case EdgeTrait.tid:
                guard let trait = try self.type(in: typeGraph, named: item.identifier) else { return failure }
                current = trait
            default: continue
            }
        }
        return .found
    }

    private static func startsWithDigit(_ text: String) -> Bool {
        text.utf8.first.map { 0x30...0x39 ~= $0 } ?? false
    }
}
