// NodeCreationAttributes: attributes to give to a node. A value; it knows no graph.

public struct NodeCreationAttributes: Sendable {
    public let dynamic: [GraphStore.AttributePair]

    public init(dynamic: [GraphStore.AttributePair] = []) { self.dynamic = dynamic }

    /// `TypeGraph.MakeChildNode.build`.
    public init(value: String?) { self.init(dynamic: value.map { [("value", .string($0))] } ?? []) }
}

extension GraphStore {
    public mutating func apply(_ attributes: NodeCreationAttributes, toNode id: UInt32) throws(GraphError) {
        try setNodeAttributes(id, attributes.dynamic)
    }
}
