// What must hold between any two calls; the tests ask after each step. Cost: linear in everything.

import CLayout

extension GraphStore {
    public func checkInvariants() {
        check(
            (0...arena.usedBytes).contains(arena.attributeBytes),
            "\(arena.attributeBytes) bytes of attributes in an arena of which \(arena.usedBytes) are used")
        for id in liveViews.ids {
            guard let record = views.find(id) else {
                check(false, "live view \(id) has no record")
                continue
            }
            check(record.pointee.state == BD_VIEW_LIVE, "live view \(id) has state \(record.pointee.state)")
            let nodeIds = members.nodes(record).map(\.node)
            check(Set(nodeIds).count == nodeIds.count, "view \(id) lists a node twice")
            check(nodeIds.first == record.pointee.self_node, "view \(id) does not begin with its self node")
            for node in nodeIds {
                check(hasNode(node), "view \(id) contains node \(node), which does not exist")
                check(members.find(record, node: node)?.pointee.node == node, "view \(id) does not find node \(node)")
            }
            var incidences = 0
            for member in members.nodes(record) {
                members.forEachList(member) { type, edgeIds in
                    incidences += edgeIds.count
                    for edgeId in edgeIds {
                        guard let edge = edges.find(edgeId)?.pointee else {
                            check(false, "view \(id) lists edge \(edgeId), which does not exist")
                            continue
                        }
                        check(edge.bits & BD_EDGE_TYPE_MASK == type, "edge \(edgeId) is in a list of type \(type)")
                        check(
                            edge.source == member.node || edge.target == member.node,
                            "edge \(edgeId) is listed at node \(member.node)")
                        check(members.contains(record, edge: edgeId), "view \(id) does not find edge \(edgeId)")
                    }
                }
            }
            let edgeIds = members.edges(record)
            check(Set(edgeIds).count == edgeIds.count, "view \(id) has an edge twice")
            let loops = edgeIds.filter { edges.find($0).map { $0.pointee.source == $0.pointee.target } ?? false }.count
            check(incidences == edgeIds.count * 2 - loops, "view \(id): \(incidences) incidences")
        }
    }
}
