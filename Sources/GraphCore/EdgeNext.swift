// EdgeNext: previous → next, the links of a chain.

public enum EdgeNext {
    public static let tid: UInt32 = 41

    public static func build() -> EdgeCreationAttributes { EdgeCreationAttributes(tid, isDirectional: true) }
}

extension GraphStore {
    /// `EdgeNext.add_next`, in the view of the previous node.
    @discardableResult
    public mutating func addNext(previous: BoundNode, next: UInt32, edge id: UInt32) throws(GraphError) -> Edge {
        try insertEdge(
            view: previous.view, id, EdgeNext.build(), source: previous.node, target: next,
            sourceMissing: "Previous node not in graph", targetMissing: "Next node not in graph")
    }

    /// `EdgeNext.get_previous_node`: nil for an edge without direction.
    public func previousNode(ofEdge id: UInt32) throws(GraphError) -> UInt32? {
        let edge = try edge(id)
        return edge.isDirectional ? edge.source : nil
    }

    /// `EdgeNext.get_next_node`: nil for an edge without direction.
    public func nextNode(ofEdge id: UInt32) throws(GraphError) -> UInt32? {
        let edge = try edge(id)
        return edge.isDirectional ? edge.target : nil
    }

    /// `EdgeNext.get_next_edge`; its target is `get_next_node_from_node`.
    public func nextEdge(of bound: BoundNode) throws(GraphError) -> Edge? {
        first(try view(bound.view), bound.node, EdgeNext.tid, .outgoing)
    }

    /// `EdgeNext.get_previous_edge`; its source is `get_previous_node_from_node`.
    public func previousEdge(of bound: BoundNode) throws(GraphError) -> Edge? {
        first(try view(bound.view), bound.node, EdgeNext.tid, .incoming)
    }
}
