// Arguments and results of the typed layer. A result says of each value what it is, by the tags of bd_layout.h, BD_RESULT_….
// Views are those that the arguments mention. Values nest at most eight deep. Must not hold what a method does.
// Cost: a few bytes for each value.

import CLayout
import GraphCore
import Wire

extension Call {
    // MARK: arguments

    mutating func boundNode() throws -> BoundNode { BoundNode(view: try arguments.u32(), node: try arguments.u32()) }

    mutating func boundEdge() throws -> (view: UInt32, edge: UInt32) { (try arguments.u32(), try arguments.u32()) }

    mutating func typeGraph() throws -> TypeGraph {
        TypeGraph(view: try arguments.u32(), selfNode: try arguments.u32())
    }

    private mutating func optional<Value>(_ value: (inout Call) throws -> Value) throws -> Value? {
        try arguments.bool() ? try value(&self) : nil
    }

    mutating func optionalString() throws -> String? { try optional { try $0.arguments.string() } }

    mutating func optionalInt() throws -> Int64? { try optional { try $0.arguments.i64() } }

    mutating func pairs() throws -> [GraphStore.AttributePair] {
        try arguments.attributes().compactMap { attribute in AttributeValue(attribute.value).map { (attribute.key, $0) } }
    }

    mutating func nodeRecipe() throws -> NodeCreationAttributes { NodeCreationAttributes(dynamic: try pairs()) }

    mutating func optionalNodeRecipe() throws -> NodeCreationAttributes? { try optional { try $0.nodeRecipe() } }

    /// u32 edge type, u32 direction (0 unset, 1 none, 2 directional), optional str name, optional u32 index, attributes.
    mutating func edgeRecipe() throws -> EdgeCreationAttributes {
        let type = try arguments.u32()
        let direction = try arguments.u32()
        let name = try optionalString()
        let index = try optional { Int64(try $0.arguments.u32()) }
        return try EdgeCreationAttributes(
            edgeType: Int64(type), isDirectional: direction == 0 ? nil : direction == 2, name: name, index: index,
            dynamic: try pairs())
    }

    mutating func strings() throws -> [String] {
        let count = try arguments.listCount(itemBytesMin: 4)
        var result: [String] = []
        result.reserveCapacity(count)
        for _ in 0..<count { result.append(try arguments.string()) }
        return result
    }

    /// Each: str identifier, u32 edge type.
    mutating func traversals() throws -> [EdgeTraversal] {
        let count = try arguments.listCount(itemBytesMin: 8)
        var result: [EdgeTraversal] = []
        result.reserveCapacity(count)
        for _ in 0..<count {
            let identifier = try arguments.string()
            result.append(try EdgeTraversal(identifier, edgeType: Int64(try arguments.u32())))
        }
        return result
    }

    /// Each: u32 view, u32 node.
    mutating func boundNodes() throws -> [BoundNode] {
        let count = try arguments.listCount(itemBytesMin: 8)
        var result: [BoundNode] = []
        result.reserveCapacity(count)
        for _ in 0..<count { result.append(try boundNode()) }
        return result
    }

    // MARK: results

    mutating func answerNone() { result.u32(BD_RESULT_NONE) }

    mutating func answer(_ value: Bool) {
        result.u32(BD_RESULT_BOOL)
        result.bool(value)
    }

    mutating func answer(_ value: Int) {
        result.u32(BD_RESULT_INT)
        result.i64(Int64(value))
    }

    mutating func answer(_ value: String?) {
        guard let value else { return answerNone() }
        result.u32(BD_RESULT_STR)
        result.string(value)
    }

    /// The node is a member of the view.
    mutating func answer(_ view: UInt32, _ node: UInt32?) {
        guard let node else { return answerNone() }
        result.u32(BD_RESULT_BOUND_NODE)
        result.u32(view)
        result.u32(node)
    }

    /// Nobody looked whether the node is a member of the view.
    mutating func answerLoose(_ view: UInt32, _ node: UInt32?) {
        guard let node else { return answerNone() }
        result.u32(BD_RESULT_LOOSE_BOUND_NODE)
        result.u32(view)
        result.u32(node)
    }

    mutating func answer(node: UInt32?) {
        guard let node else { return answerNone() }
        result.u32(BD_RESULT_NODE)
        result.u32(node)
    }

    mutating func answer(_ view: UInt32, _ edge: Edge?) {
        guard let edge else { return answerNone() }
        result.u32(BD_RESULT_BOUND_EDGE)
        result.u32(view)
        write(edge)
    }

    mutating func answer(_ typeGraph: TypeGraph?) {
        guard let typeGraph else { return answerNone() }
        result.u32(BD_RESULT_TYPE_GRAPH)
        result.u32(typeGraph.view)
        result.u32(typeGraph.selfNode)
    }

    /// Values follow, `count` of them.
    mutating func answerList(_ count: Int) {
        result.u32(BD_RESULT_LIST)
        result.u32(UInt32(count))
    }

    mutating func answerTuple(_ count: Int) {
        result.u32(BD_RESULT_TUPLE)
        result.u32(UInt32(count))
    }

    mutating func answer(_ view: UInt32, _ edges: [Edge]) {
        answerList(edges.count)
        for edge in edges { answer(view, edge) }
    }

    mutating func answer(_ view: UInt32, _ nodes: [UInt32?]) {
        answerList(nodes.count)
        for node in nodes { answer(view, node) }
    }

    mutating func answer(tuple strings: [String]) {
        answerTuple(strings.count)
        for string in strings { answer(string) }
    }

    mutating func answer(path edges: [UInt32], from source: BoundNode, to end: UInt32) throws {
        result.u32(BD_RESULT_PATH)
        result.u32(source.view)
        result.u32(source.node)
        result.u32(end)
        result.u32(UInt32(edges.count))
        for edge in edges { write(try workspace.graph.edge(edge)) }
    }

    /// A dict of BoundNode to BFSPath. Paths share their beginnings: u32 view, u32 source, list of steps (u32 step before,
    /// edge info; the first is the empty path and is left out, so that 0 means the source and n the n-th of the list), list
    /// of ends (u32 node, u32 step).
    mutating func answer(_ connected: ConnectedPaths, includesSource: Bool) throws {
        result.u32(BD_RESULT_CONNECTED)
        result.u32(connected.source.view)
        result.u32(connected.source.node)
        result.u32(UInt32(connected.steps.count - 1))
        for step in connected.steps.dropFirst() {
            result.u32(UInt32(step.previous))
            write(try workspace.graph.edge(step.edge))
        }
        let ends = includesSource ? connected.ends[...] : connected.ends.dropFirst()
        result.u32(UInt32(ends.count))
        for end in ends {
            result.u32(end.node)
            result.u32(UInt32(end.step))
        }
    }
}
