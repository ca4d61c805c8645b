// EdgeComposition.get_children_query: the composition subtree in pre-order, filtered by types and required traits. A node
// that is reachable twice appears twice; a cycle is the caller's error. Cost: linear in the subtree as it is walked, sorting
// n log n per node.

import CLayout

public struct ChildrenQuery: Sendable {
    public var directOnly = false
    /// Instances of any of these match; none given: every node does.
    public var types: [UInt32] = []
    public var includeRoot = false
    /// Each node's children by name, as bytes, otherwise as they came.
    public var sort = false
    /// A match owns a trait instance of each of these.
    public var requiredTraits: [UInt32] = []

    public init() {}
}

extension GraphStore {
    /// A subtree whose walk finds more nodes than this is refused: nodes shared by many parents multiply.
    public static let childrenQueryMax = 1 << 24

    public func children(
        of bound: BoundNode, _ query: ChildrenQuery, isCancelled: @escaping () -> Bool = { false }
    ) throws(GraphError) -> [UInt32] {
        let view = try self.view(bound.view)
        var patience = Patience(isCancelled)
        var result: [UInt32] = []
        if query.includeRoot, matches(view, bound.node, query) { result.append(bound.node) }
        // Each frame: a node, its children, and the next of them to take.
        var frames = [(node: bound.node, children: childNodes(view, bound.node, sort: query.sort), next: 0)]
        var open = IdSet()
        _ = open.insert(bound.node)
        var walked = 0
        while let last = frames.indices.last {
            try patience.step()
            guard frames[last].next < frames[last].children.count else {
                _ = open.remove(frames[last].node)
                frames.removeLast()
                continue
            }
            let child = frames[last].children[frames[last].next]
            frames[last].next += 1
            walked += 1
            guard walked <= GraphStore.childrenQueryMax else {
                throw GraphError(.limitExceeded, "a children query walks more than \(GraphStore.childrenQueryMax) nodes")
            }
            if matches(view, child, query) { result.append(child) }
            guard !query.directOnly else { continue }
            let children = childNodes(view, child, sort: query.sort)
            guard !children.isEmpty else { continue }
            guard open.insert(child) else {
                throw GraphError(.invalidValue, "composition cycle: node \(child) contains itself")
            }
            frames.append((child, children, 0))
        }
        return result
    }

    private func matches(_ view: ViewRecord, _ node: UInt32, _ query: ChildrenQuery) -> Bool {
        if !query.types.isEmpty, !query.types.contains(where: { isInstance(view, node, of: $0) }) { return false }
        return query.requiredTraits.allSatisfy { traitInstance(view, node, of: $0) != nil }
    }

    private func childNodes(_ view: ViewRecord, _ node: UInt32, sort: Bool) -> [UInt32] {
        let list = members.edges(view, node: node, type: EdgeComposition.tid)
        var result: [UInt32] = []
        guard sort else {
            for id in list {
                let record = member(id)
                if record.passes(.outgoing, at: node), record.target != node { result.append(record.target) }
            }
            return result
        }
        var named: [(name: [UInt8], node: UInt32)] = []
        for id in list {
            let record = member(id)
            guard record.passes(.outgoing, at: node), record.target != node else { continue }
            named.append((Array((name(id) ?? "").utf8), record.target))
        }
        // Swift's sort is stable since 5.8 by promise of the implementation only: the place decides between equals.
        return named.enumerated().sorted { left, right in
            if left.element.name != right.element.name {
                return left.element.name.lexicographicallyPrecedes(right.element.name)
            }
            return left.offset < right.offset
        }.map(\.element.node)
    }
}
