// What the engine remembers between calls: compiled types, facts of interfaces, names of the children of wide nodes. All of
// it can be dropped at any time without changing an answer. Must not hold anything that keeps a node or an edge alive.
//
// A cache marks the nodes that it depends on (`bd_node.watched`); an edge that enters a view at a marked node is told to
// it. Lists of edges only grow, so "the first edge with …" can change only where there was none. What breaks that rule
// (a rename, a new target, a rolled back operation) drops everything. Cost: two loads per inserted edge.

import CLayout

final class GraphCaches {
    /// Bits of `bd_node.watched`.
    static let planBit: UInt32 = 1
    static let interfaceBit: UInt32 = 2

    private let arena: Arena
    /// By view and type node.
    var plans: [UInt64: InstancePlan] = [:]
    /// By view.
    var interfaces: [UInt32: InterfaceFacts] = [:]
    /// By view and parent node.
    var childIndexes: [UInt64: ChildIndex] = [:]

    private var isEmpty: Bool { plans.isEmpty && interfaces.isEmpty && childIndexes.isEmpty }

    static func key(_ view: UInt32, _ node: UInt32) -> UInt64 { UInt64(view) << 32 | UInt64(node) }

    init(arena: Arena) { self.arena = arena }

    /// Clients know how many objects an instance of a type has for as long as its plan stands.
    func dropPlans() {
        guard !plans.isEmpty else { return }
        plans.removeAll()
        bd_store_release_u64(&arena.header.pointee.plans_dropped, arena.header.pointee.plans_dropped &+ 1)
    }

    /// An edge has another name, type or target, or left a view.
    func edgeChanged() {
        if isEmpty { return }
        dropPlans()
        interfaces.removeAll()
        childIndexes.removeAll()
    }

    func viewDestroyed(_ view: UInt32) {
        if isEmpty { return }
        interfaces[view] = nil
        plans = plans.filter { UInt32(truncatingIfNeeded: $0.key >> 32) != view }
        childIndexes = childIndexes.filter { UInt32(truncatingIfNeeded: $0.key >> 32) != view }
    }
}

extension GraphStore {
    @inline(__always)
    func noteInsertion(view: UInt32, _ edge: bd_edge) {
        let source = nodes.find(edge.source)?.pointee.watched ?? 0
        let target = nodes.find(edge.target)?.pointee.watched ?? 0
        if source | target != 0 { noteInsertion(view: view, edge, source: source, target: target) }
    }

    private func noteInsertion(view: UInt32, _ edge: bd_edge, source: UInt32, target: UInt32) {
        let type = edge.bits & BD_EDGE_TYPE_MASK
        let isDirectional = edge.bits & BD_EDGE_DIRECTIONAL != 0
        let plannedEnds = isDirectional ? source : source | target
        if plannedEnds & GraphCaches.planBit != 0, type != EdgeType.tid { caches.dropPlans() }
        guard (source | target) & GraphCaches.interfaceBit != 0, let facts = caches.interfaces[view] else { return }
        let typedLate =
            type == EdgeType.tid
            && !members.edges(unsafelyLive(view), node: edge.target, type: EdgeTrait.tid).isEmpty
        if typedLate || !facts.edgeInserted(type: type, source: edge.source, target: edge.target) {
            caches.interfaces[view] = nil
        }
    }

    /// The record of a view that is known to live.
    func unsafelyLive(_ view: UInt32) -> UnsafeMutablePointer<bd_view_record> {
        guard let record = views.find(view) else { fatalError("live view \(view) has no record") }
        return record
    }

    /// Has an insertion at this node told to the caches.
    func watch(_ node: UInt32, _ bit: UInt32) { nodes.find(node)?.pointee.watched |= bit }
}
