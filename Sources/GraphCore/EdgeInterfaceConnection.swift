// EdgeInterfaceConnection: an undirected edge between two interfaces of one type, deep or shallow. Who is connected to whom
// over any number of edges and levels is the path finder's business.

import CLayout

public enum EdgeInterfaceConnection {
    public static let tid: UInt32 = 85

    public static func build(isShallow: Bool) -> EdgeCreationAttributes {
        EdgeCreationAttributes(tid, isDirectional: false, dynamic: [("shallow", .bool(isShallow))])
    }
}

extension GraphStore {
    /// `EdgeInterfaceConnection.connect` and `connect_shallow`: an edge in the first node's view between two nodes of the
    /// same type, or of none.
    @discardableResult
    public mutating func connect(
        _ one: BoundNode, _ other: BoundNode, isShallow: Bool, edge id: UInt32
    ) throws(GraphError) -> Edge {
        let failed = isShallow ? "Failed to create shallow connection" : "Failed to connect interface nodes"
        guard type(try view(one.view), of: one.node) == type(try view(other.view), of: other.node) else {
            throw GraphError(.invalidValue, failed)
        }
        return try insertEdge(
            view: one.view, id, EdgeInterfaceConnection.build(isShallow: isShallow), source: one.node,
            target: other.node, sourceMissing: failed, targetMissing: failed)
    }

    /// `EdgeInterfaceConnection.get_other_connected_node`: nil when the node is neither end.
    public func otherConnectedNode(ofEdge id: UInt32, node: UInt32) throws(GraphError) -> UInt32? {
        let edge = try edge(id)
        if edge.source == node { return edge.target }
        return edge.target == node ? edge.source : nil
    }

    /// `EdgeInterfaceConnection.visit_connected_edges`.
    public func connectedEdges(of bound: BoundNode) throws(GraphError) -> [Edge] {
        all(try view(bound.view), bound.node, EdgeInterfaceConnection.tid, .any)
    }

    /// True for an edge whose attribute `shallow` is True.
    func isShallow(_ record: bd_edge, _ key: UInt32) -> Bool {
        guard record.attributes != 0, key != 0 else { return false }
        for pair in lists.pairs(record.attributes) where pair.key == key {
            return pair.kind == BD_LITERAL_BOOL && pair.value != 0
        }
        return false
    }
}
