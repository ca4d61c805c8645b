// EdgeType: type → instance. A node has one effective type, the first; there is no subtyping.

public enum EdgeType {
    public static let tid: UInt32 = 0

    public static func build() -> EdgeCreationAttributes { EdgeCreationAttributes(tid, isDirectional: true) }
}

extension GraphStore {
    /// `EdgeType.add_instance`, in the type node's view.
    @discardableResult
    public mutating func addInstance(type: BoundNode, instance: UInt32, edge id: UInt32) throws(GraphError) -> Edge {
        try insertEdge(
            view: type.view, id, EdgeType.build(), source: type.node, target: instance,
            sourceMissing: "Type node not in graph", targetMissing: "Instance node not in graph")
    }

    /// `EdgeType.get_type_edge`: the first type edge into the node.
    public func typeEdge(of bound: BoundNode) throws(GraphError) -> Edge? {
        first(try view(bound.view), bound.node, EdgeType.tid, .incoming)
    }

    /// `EdgeType.visit_instance_edges`: outgoing type edges.
    public func instanceEdges(of type: BoundNode) throws(GraphError) -> [Edge] {
        all(try view(type.view), type.node, EdgeType.tid, .outgoing)
    }

    /// `EdgeType.is_node_instance_of`.
    public func isInstance(_ bound: BoundNode, of type: UInt32) throws(GraphError) -> Bool {
        isInstance(try view(bound.view), bound.node, of: type)
    }
}
