// EdgeInterfaceConnection.get_connected and is_connected_to: who is connected to a node over any number of connections,
// going up to parents while remembering by which name, and down again by the same name.
//
// The rules (docs: typegraph, "path finder") are told as a search over paths. What makes this one near linear:
// - The first path that a breadth-first search reports at a node is the first it ever reports there, whatever lies on
//   the way. So a plain search over nodes replaces the one over simple paths, which is factorial behind shallow edges.
// - What is remembered (the level) and the node decide all that can follow, but for one bit: whether a shallow edge lies
//   on the way. Above the starting level such a path leads nowhere at all.
// - At a level, a second path into a part that was explored before finds the same ends again. Above the starting level
//   that changes nothing; on it, ends may get a shorter path: one search from all such paths at once finds them.
//
// Must keep the order in which levels and paths are taken (the newest first): it decides which path wins.
// Cost: linear in nodes and edges met, per level at which they are met.

import CLayout

/// One edge further on a path; paths share their beginnings.
public struct PathStep: Equatable, Sendable {
    /// The step before, -1 for the empty path.
    public let previous: Int32
    /// 0 for the empty path.
    public let edge: UInt32
    public let node: UInt32
    /// Edges up to here.
    public let length: UInt32
}

/// What a source is connected to, each end with its path.
public struct ConnectedPaths: Sendable {
    public let source: BoundNode
    /// A step comes after the one before it on the path; step 0 is the empty path at the source.
    public let steps: [PathStep]
    /// In order of discovery; the source first.
    public let ends: [(node: UInt32, step: Int32)]

    public func edges(to step: Int32) -> [UInt32] {
        var result: [UInt32] = []
        var at = Int(step)
        while steps[at].previous >= 0 {
            result.append(steps[at].edge)
            at = Int(steps[at].previous)
        }
        return result.reversed()
    }
}

extension GraphStore {
    /// `EdgeInterfaceConnection.get_connected`; the caller leaves the first end out for `include_self=False`.
    public func connected(
        to source: BoundNode, isCancelled: @escaping () -> Bool = { false }
    ) throws(GraphError) -> ConnectedPaths {
        var search = try search(from: source, isCancelled)
        try search.run(self)
        return search.paths()
    }

    /// `EdgeInterfaceConnection.is_connected_to`: the edges of the path, none when there is no path or the target is the
    /// source.
    public func path(
        from source: BoundNode, to target: UInt32, isCancelled: @escaping () -> Bool = { false }
    ) throws(GraphError) -> [UInt32] {
        var search = try search(from: source, isCancelled)
        try search.run(self)
        return search.edges(to: target)
    }

    private func search(
        from source: BoundNode, _ isCancelled: @escaping () -> Bool
    ) throws(GraphError) -> PathSearch {
        let view = try self.view(source.view)
        let facts: InterfaceFacts
        if let known = caches.interfaces[source.view] {
            facts = known
        } else {
            facts = InterfaceFacts()
            caches.interfaces[source.view] = facts
        }
        guard type(view, of: source.node) != nil else {
            throw GraphError(.invalidValue, "node \(source.node) has no type: it cannot be connected as an interface")
        }
        return PathSearch(facts: facts, source: source, view: view, Patience(isCancelled))
    }
}
