// EdgeComposition: parent → child; the edge's name is the child's identifier, "" that of an anonymous one. Nothing is
// checked for uniqueness or cycles when an edge is made. Cost: a look-up by name compares pooled texts; a parent of many
// children has an index that grows with its list.

import CLayout

public enum EdgeComposition {
    public static let tid: UInt32 = 130

    public static func build(childIdentifier: String) -> EdgeCreationAttributes {
        EdgeCreationAttributes(tid, isDirectional: true, name: childIdentifier)
    }
}

/// The first edge of each name among a parent's composition edges, as far as they were read.
final class ChildIndex {
    /// Shorter lists are read through.
    static let edgesMin = 24
    /// More wide parents than this are not remembered at a time.
    static let indexesMax = 4096
    var count = 0
    var edges: [UInt32: UInt32] = [:]  // pooled name → edge
}

extension GraphStore {
    /// `EdgeComposition.add_child`; `add_anon_child` is the same with "".
    @discardableResult
    public mutating func addChild(
        _ parent: BoundNode, child: UInt32, identifier: String, edge id: UInt32
    ) throws(GraphError) -> Edge {
        try insertEdge(
            view: parent.view, id, EdgeComposition.build(childIdentifier: identifier), source: parent.node,
            target: child, sourceMissing: "Parent node not in graph", targetMissing: "Child node not in graph")
    }

    /// `EdgeComposition.get_parent_edge`: the first into the node. Its source is `get_parent_node_of`.
    public func parentEdge(of bound: BoundNode) throws(GraphError) -> Edge? {
        first(try view(bound.view), bound.node, EdgeComposition.tid, .incoming)
    }

    public func parent(of bound: BoundNode) throws(GraphError) -> UInt32? { try parentEdge(of: bound)?.source }

    /// `EdgeComposition.get_child_by_identifier`.
    public func child(of bound: BoundNode, identifier: String) throws(GraphError) -> UInt32? {
        childEdge(bound.view, try view(bound.view), bound.node, identifier)?.target
    }

    /// `EdgeComposition.visit_children_edges`: outgoing edges, but for those that end at the node itself.
    public func childEdges(of bound: BoundNode) throws(GraphError) -> [Edge] {
        all(try view(bound.view), bound.node, EdgeComposition.tid, .outgoing) { $0.target != bound.node }
    }

    /// `EdgeComposition.visit_children_of_type`; the first's target is `try_get_single_child_of_type`.
    public func childEdges(of bound: BoundNode, type: UInt32) throws(GraphError) -> [Edge] {
        let record = try view(bound.view)
        return all(record, bound.node, EdgeComposition.tid, .outgoing) { isInstance(record, $0.target, of: type) }
    }

    /// `EdgeComposition.get_name`: "" for a nameless edge.
    public func compositionName(ofEdge id: UInt32) throws(GraphError) -> String {
        guard try edge(id).type == EdgeComposition.tid else {
            throw GraphError(.wrongType, "edge is not an EdgeComposition edge")
        }
        return name(id) ?? ""
    }

    // MARK: inside

    func parent(_ view: ViewRecord, _ node: UInt32) -> UInt32? {
        first(view, node, EdgeComposition.tid, .incoming)?.source
    }

    func childEdge(_ viewId: UInt32, _ view: ViewRecord, _ node: UInt32, _ identifier: String) -> Edge? {
        let text = strings.find(identifier)
        return text == 0 ? nil : childEdge(viewId, view, node, pooled: text, nameKey: strings.find("name"))
    }

    func childEdge(
        _ viewId: UInt32, _ view: ViewRecord, _ node: UInt32, pooled text: UInt32, nameKey: UInt32
    ) -> Edge? {
        let list = members.edges(view, node: node, type: EdgeComposition.tid)
        if list.count >= ChildIndex.edgesMin { return indexedChildEdge(viewId, node, list, text, nameKey) }
        for id in list {
            let record = member(id)
            if record.passes(.outgoing, at: node), pooledAttribute(record.attributes, nameKey) == text {
                return edge(id, record)
            }
        }
        return nil
    }

    private func indexedChildEdge(
        _ viewId: UInt32, _ node: UInt32, _ list: UnsafeMutableBufferPointer<UInt32>, _ text: UInt32, _ nameKey: UInt32
    ) -> Edge? {
        let key = GraphCaches.key(viewId, node)
        let index: ChildIndex
        if let known = caches.childIndexes[key] {
            index = known
        } else {
            index = ChildIndex()
            if caches.childIndexes.count >= ChildIndex.indexesMax { caches.childIndexes.removeAll() }
            caches.childIndexes[key] = index
        }
        while index.count < list.count {
            let id = list[index.count]
            let record = member(id)
            if record.passes(.outgoing, at: node) {
                let name = pooledAttribute(record.attributes, nameKey)
                if name != 0, index.edges[name] == nil { index.edges[name] = id }
            }
            index.count += 1
        }
        return index.edges[text].map { edge($0, member($0)) }
    }
}
