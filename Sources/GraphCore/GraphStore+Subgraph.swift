// Views made from other views. Cost: linear in the nodes given and the edges at them.

import CLayout

extension GraphStore {
    /// A new view of the listed nodes and of every edge of `source` whose two ends are among them (and the new self node).
    /// The list's order decides the order of edges at a node.
    public mutating func createSubgraph(
        of source: UInt32, view id: UInt32, selfNode: UInt32, nodes listed: [UInt32]
    ) throws(GraphError) {
        _ = try self.view(source)
        for node in listed { _ = try self.node(node) }
        try createView(id, selfNode: selfNode)
        do {
            for node in listed { try insertNode(view: id, node: node) }
            let from = try self.view(source)
            let target = try self.view(id)
            for node in listed {
                guard let member = members.find(from, node: node)?.pointee else { continue }
                for edge in edges(of: member) where try endsAreMembers(edge, target) {
                    try insertEdge(view: id, edge: edge)
                }
            }
        } catch {
            try destroyView(id)
            throw error
        }
    }

    /// Adds the nodes, then the edges of another view, in the order in which they entered it. All or nothing.
    public mutating func insertSubgraph(view id: UInt32, of other: UInt32) throws(GraphError) {
        _ = try self.view(id)
        let from = try self.view(other)
        guard id != other else { return }
        let mark = try self.mark(id)
        do {
            for node in members.nodes(from).map(\.node) { try insertNode(view: id, node: node) }
            for edge in Array(members.edges(from)) { try insertEdge(view: id, edge: edge) }
        } catch {
            rollBack(to: mark)
            throw error
        }
    }

    private func edges(of member: bd_member) -> [UInt32] {
        var result: [UInt32] = []
        members.forEachList(member) { _, edges in result.append(contentsOf: edges) }
        return result
    }

    private func endsAreMembers(
        _ id: UInt32, _ view: UnsafeMutablePointer<bd_view_record>
    ) throws(GraphError) -> Bool {
        let edge = try edgeRecord(id).pointee
        return members.find(view, node: edge.source) != nil && members.find(view, node: edge.target) != nil
    }
}
