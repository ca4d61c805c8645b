// EdgePointer: from → to, with an identifier (the edge's name) or none, and a 15-bit index or none.

public enum EdgePointer {
    public static let tid: UInt32 = 78

    public static func build(identifier: String?, index: Int64?) throws(GraphError) -> EdgeCreationAttributes {
        EdgeCreationAttributes(
            tid, isDirectional: true, name: identifier, index: try EdgeCreationAttributes.checked(index))
    }

    /// Without an index; cannot fail.
    static func build(_ identifier: String?) -> EdgeCreationAttributes {
        EdgeCreationAttributes(tid, isDirectional: true, name: identifier)
    }

    /// `get_index`, from an edge's bits. 0 when there is none: an edge does not tell the two apart.
    public static func index(bits: UInt32) -> UInt32 { (bits >> 9 & 0x7F) << 8 | bits >> 16 & 0xFF }
}

extension GraphStore {
    /// `EdgePointer.point_to`.
    @discardableResult
    public mutating func point(
        _ from: BoundNode, to target: UInt32, identifier: String?, index: Int64?, edge id: UInt32
    ) throws(GraphError) -> Edge {
        try insertEdge(
            view: from.view, id, try EdgePointer.build(identifier: identifier, index: index), source: from.node,
            target: target, sourceMissing: "Source node not in graph", targetMissing: "Target node not in graph")
    }

    /// `EdgePointer.visit_pointed_edges`: outgoing pointers. The target of the first is `get_referenced_node_from_node`.
    public func pointedEdges(of bound: BoundNode) throws(GraphError) -> [Edge] {
        all(try view(bound.view), bound.node, EdgePointer.tid, .outgoing)
    }

    /// `EdgePointer.get_referenced_node_from_node`.
    public func referencedNode(from bound: BoundNode) throws(GraphError) -> UInt32? {
        first(try view(bound.view), bound.node, EdgePointer.tid, .outgoing)?.target
    }

    /// `EdgePointer.visit_pointed_edges_with_identifier`. A pointer without name never matches, not even "".
    public func pointedEdges(of bound: BoundNode, identifier: String) throws(GraphError) -> [Edge] {
        let record = try view(bound.view)
        let (key, text) = (strings.find("name"), strings.find(identifier))
        guard text != 0 else { return [] }
        return all(record, bound.node, EdgePointer.tid, .outgoing) { pooledAttribute($0.attributes, key) == text }
    }

    /// `EdgePointer.get_pointed_node_by_identifier`.
    public func pointedNode(of bound: BoundNode, identifier: String) throws(GraphError) -> UInt32? {
        pointed(try view(bound.view), bound.node, identifier)
    }

    func pointed(_ view: ViewRecord, _ node: UInt32, _ identifier: String) -> UInt32? {
        let (key, text) = (strings.find("name"), strings.find(identifier))
        guard text != 0 else { return nil }
        return first(view, node, EdgePointer.tid, .outgoing) { pooledAttribute($0.attributes, key) == text }?.target
    }
}
