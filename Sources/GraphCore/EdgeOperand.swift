// EdgeOperand: operand set → operand. An expression has its operand set as the composition child "operands"; some methods
// take the expression, some the set: their comments say which.

import CLayout

public enum EdgeOperand {
    public static let tid: UInt32 = 193
    static let setIdentifier = "operands"

    public static func build(operandIdentifier: String?) -> EdgeCreationAttributes {
        EdgeCreationAttributes(tid, isDirectional: true, name: operandIdentifier)
    }
}

extension GraphStore {
    /// `EdgeOperand.get_operands_set_node` of an expression.
    public func operandSet(of expression: BoundNode) throws(GraphError) -> UInt32? {
        try child(of: expression, identifier: EdgeOperand.setIdentifier)
    }

    private func existingOperandSet(of expression: BoundNode) throws(GraphError) -> UInt32 {
        guard let set = try operandSet(of: expression) else {
            throw GraphError(.invalidValue, "node \(expression.node) has no operand set")
        }
        return set
    }

    /// `EdgeOperand.add_operand` of an expression: the edge starts at its operand set.
    @discardableResult
    public mutating func addOperand(
        _ expression: BoundNode, operand: UInt32, identifier: String?, edge id: UInt32
    ) throws(GraphError) -> Edge {
        let record = try view(expression.view)
        guard members.find(record, node: expression.node) != nil else {
            throw GraphError(.sourceNotMember, "Expression node not in graph")
        }
        return try insertEdge(
            view: expression.view, id, EdgeOperand.build(operandIdentifier: identifier),
            source: try existingOperandSet(of: expression), target: operand,
            sourceMissing: "Expression node not in graph", targetMissing: "Operand node not in graph")
    }

    /// `EdgeOperand.get_name`.
    public func operandName(ofEdge id: UInt32) throws(GraphError) -> String? {
        guard try edge(id).type == EdgeOperand.tid else {
            throw GraphError(.wrongType, "edge is not an EdgeOperand edge")
        }
        return name(id)
    }

    /// `EdgeOperand.get_expression_node`: the composition parent of the edge's source.
    public func expression(view id: UInt32, ofEdge edgeId: UInt32) throws(GraphError) -> UInt32 {
        let set = try edge(edgeId).source
        guard let expression = parent(try view(id), set) else {
            throw GraphError(.invalidValue, "node \(set) is the operand set of no expression")
        }
        return expression
    }

    /// `EdgeOperand.get_expression_of`: nil when the node is the edge's operand set.
    public func expression(view: UInt32, ofEdge edgeId: UInt32, node: UInt32) throws(GraphError) -> UInt32? {
        try edge(edgeId).source == node ? nil : try expression(view: view, ofEdge: edgeId)
    }

    /// `EdgeOperand.get_expression_edge`: the first operand edge into the node.
    public func expressionEdge(of operand: BoundNode) throws(GraphError) -> Edge? {
        first(try view(operand.view), operand.node, EdgeOperand.tid, .incoming)
    }

    /// `EdgeOperand.visit_operand_edges` of an operand set.
    public func operandEdges(ofSet set: BoundNode) throws(GraphError) -> [Edge] {
        all(try view(set.view), set.node, EdgeOperand.tid, .outgoing) { $0.target != set.node }
    }

    /// `EdgeOperand.visit_operands_of_type` of an expression.
    public func operandEdges(ofExpression expression: BoundNode, type: UInt32) throws(GraphError) -> [Edge] {
        let record = try view(expression.view)
        let set = try existingOperandSet(of: expression)
        return all(record, set, EdgeOperand.tid, .outgoing) {
            $0.target != set && isInstance(record, $0.target, of: type)
        }
    }

    /// `EdgeOperand.visit_expression_edges`.
    public func expressionEdges(of operand: BoundNode) throws(GraphError) -> [Edge] {
        all(try view(operand.view), operand.node, EdgeOperand.tid, .incoming)
    }

    /// `EdgeOperand.visit_expression_edges_of_type`.
    public func expressionEdges(of operand: BoundNode, type: UInt32) throws(GraphError) -> [Edge] {
        let record = try view(operand.view)
        var result: [Edge] = []
        for edge in try expressionEdges(of: operand) {
            let expression = try expression(view: operand.view, ofEdge: edge.id)
            if isInstance(record, expression, of: type) { result.append(edge) }
        }
        return result
    }

    /// `EdgeOperand.get_operand_by_identifier` of an expression: nil without an operand set.
    public func operand(of expression: BoundNode, identifier: String) throws(GraphError) -> UInt32? {
        guard let set = try operandSet(of: expression) else { return nil }
        let record = try view(expression.view)
        let (key, text) = (strings.find("name"), strings.find(identifier))
        guard text != 0 else { return nil }
        return first(record, set, EdgeOperand.tid, .outgoing) {
            $0.isDirectional && pooledAttribute($0.attributes, key) == text
        }?.target
    }
}
