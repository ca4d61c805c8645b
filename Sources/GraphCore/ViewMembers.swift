// What belongs to one view: its nodes and edges in the order in which they came, and for each node the edges of each type
// in that order. Works on a view's record; who owns nodes and edges is the store's business. Cost: insertion is amortised
// constant; a list that grows moves to a block twice as large.

import CLayout

struct ViewMembers {
    let arena: Arena
    let tables: IdTable
    typealias View = UnsafeMutablePointer<bd_view_record>

    init(arena: Arena) {
        self.arena = arena
        tables = IdTable(arena: arena)
    }

    // MARK: nodes

    @inline(__always)
    func member(_ view: View, _ index: Int) -> UnsafeMutablePointer<bd_member> {
        let list = arena.array(view.pointee.members, count: index + 1, of: bd_member.self)
        return list.baseAddress.unsafelyUnwrapped + index
    }

    @inline(__always)
    func find(_ view: View, node: UInt32) -> UnsafeMutablePointer<bd_member>? {
        let slot = tables.find(view.pointee.member_table, key: node) { member(view, Int($0) - 1).pointee.node }
        return slot == 0 ? nil : member(view, Int(slot) - 1)
    }

    func nodes(_ view: View) -> UnsafeMutableBufferPointer<bd_member> {
        let count = Int(view.pointee.member_count)
        return count == 0
            ? UnsafeMutableBufferPointer(start: nil, count: 0)
            : arena.array(view.pointee.members, count: count, of: bd_member.self)
    }

    /// Adds a node that is not a member yet.
    func append(_ view: View, node: UInt32) throws(GraphError) {
        let count = Int(view.pointee.member_count)
        if count == Int(view.pointee.members_capacity) {
            try grow(
                view, count: count, list: \.members, capacity: \.members_capacity,
                stride: MemoryLayout<bd_member>.stride)
        }
        let place = member(view, count)
        place.pointee = bd_member(node: node, first_list: 0, reserved: (0, 0))
        let table = view.pointee.member_table
        let larger = try tables.reserving(table, fullQuarters: 2) { slot in member(view, Int(slot) - 1).pointee.node }
        replaceTable(view, \.member_table, table, larger)
        tables.place(larger, key: node, value: UInt32(count + 1))
        bd_store_release_u32(&view.pointee.member_count, UInt32(count + 1))
    }

    // MARK: edges

    func contains(_ view: View, edge: UInt32) -> Bool { tables.find(view.pointee.edge_table, key: edge) { $0 } != 0 }

    func edges(_ view: View) -> UnsafeMutableBufferPointer<UInt32> {
        let count = Int(view.pointee.edge_count)
        return count == 0
            ? UnsafeMutableBufferPointer(start: nil, count: 0)
            : arena.array(view.pointee.edges, count: count, of: UInt32.self)
    }

    /// Adds an edge that is not a member yet to the view and to the lists of its ends, which are members. All memory is
    /// found first, so that nothing is half inserted when there is none.
    func append(_ view: View, edge: UInt32, _ record: bd_edge) throws(GraphError) {
        guard let source = find(view, node: record.source), let target = find(view, node: record.target) else {
            fatalError("edge \(edge) ends at nodes \(record.source) and \(record.target), which are not both members")
        }
        try append(view, edge: edge, record, source, target)
    }

    /// The same, for a caller that knows where its ends are.
    func append(
        _ view: View, edge: UInt32, _ record: bd_edge, _ source: UnsafeMutablePointer<bd_member>,
        _ target: UnsafeMutablePointer<bd_member>
    ) throws(GraphError) {
        let count = Int(view.pointee.edge_count)
        if count == Int(view.pointee.edges_capacity) {
            try grow(view, count: count, list: \.edges, capacity: \.edges_capacity, stride: 4)
        }
        let type = record.bits & BD_EDGE_TYPE_MASK
        let atSource = try reserve(source, type: type)
        let atTarget = record.target == record.source ? nil : try reserve(target, type: type)
        let table = view.pointee.edge_table
        let larger = try tables.reserving(table, fullQuarters: 3) { $0 }
        replaceTable(view, \.edge_table, table, larger)
        arena.array(view.pointee.edges, count: count + 1, of: UInt32.self)[count] = edge
        push(atSource, edge)
        if let atTarget { push(atTarget, edge) }
        // Last: a reader that finds the edge in the table finds it in the lists as well.
        tables.place(larger, key: edge, value: edge)
        bd_store_release_u32(&view.pointee.edge_count, UInt32(count + 1))
    }

    /// The edges of one type at a node, in order of insertion.
    @inline(__always)
    func edges(_ view: View, node: UInt32, type: UInt32) -> UnsafeMutableBufferPointer<UInt32> {
        guard let member = find(view, node: node), let list = list(member, type: type) else {
            return UnsafeMutableBufferPointer(start: nil, count: 0)
        }
        return edges(list)
    }

    /// Every list of a node.
    func forEachList(_ member: bd_member, _ body: (UInt32, UnsafeMutableBufferPointer<UInt32>) -> Void) {
        var granule = member.first_list
        while granule != 0 {
            let list = arena.record(granule, as: bd_edge_list.self)
            body(list.pointee.edge_type, edges(list))
            granule = list.pointee.next
        }
    }

    @inline(__always)
    func list(_ member: UnsafeMutablePointer<bd_member>, type: UInt32) -> UnsafeMutablePointer<bd_edge_list>? {
        var granule = member.pointee.first_list
        while granule != 0 {
            let list = arena.record(granule, as: bd_edge_list.self)
            if list.pointee.edge_type == type { return list }
            granule = list.pointee.next
        }
        return nil
    }

    @inline(__always)
    func edges(_ list: UnsafeMutablePointer<bd_edge_list>) -> UnsafeMutableBufferPointer<UInt32> {
        let count = Int(list.pointee.count)
        guard list.pointee.block != 0 else {
            let start = UnsafeMutableRawPointer(list) + ViewMembers.inlineOffset
            return UnsafeMutableBufferPointer(start: start.assumingMemoryBound(to: UInt32.self), count: count)
        }
        return arena.array(list.pointee.block, count: count, of: UInt32.self)
    }

    private static let inlineOffset = MemoryLayout<bd_edge_list>.size - Int(BD_EDGE_LIST_INLINE) * 4

    /// The list of a type at a member, with room for one edge more.
    func reserve(
        _ view: View, edge: UInt32, at node: UInt32, type: UInt32
    ) throws(GraphError) -> UnsafeMutablePointer<bd_edge_list> {
        guard let member = find(view, node: node) else {
            fatalError("edge \(edge) ends at node \(node), which is no member")
        }
        return try reserve(member, type: type)
    }

    @inline(__always)
    func reserve(
        _ member: UnsafeMutablePointer<bd_member>, type: UInt32
    ) throws(GraphError) -> UnsafeMutablePointer<bd_edge_list> {
        guard let list = self.list(member, type: type) else {
            let granule = try arena.allocate(bytes: MemoryLayout<bd_edge_list>.size)
            let list = arena.record(granule, as: bd_edge_list.self)
            list.pointee.edge_type = type
            list.pointee.capacity = BD_EDGE_LIST_INLINE
            chain(member, granule)
            return list
        }
        let count = Int(list.pointee.count)
        guard count == Int(list.pointee.capacity) else { return list }
        let capacity = (count + 1) * 2
        let block = try arena.allocate(bytes: capacity * 4)
        let target = arena.array(block, count: capacity, of: UInt32.self)
        for (at, value) in edges(list).enumerated() { target[at] = value }
        let old = list.pointee.block
        bd_store_release_u32(&list.pointee.block, block)
        list.pointee.capacity = UInt32(capacity)
        if old != 0 { arena.free(old, bytes: count * 4) }
        return list
    }

    func push(_ list: UnsafeMutablePointer<bd_edge_list>, _ edge: UInt32) {
        let count = Int(list.pointee.count)
        if list.pointee.block != 0 {
            arena.array(list.pointee.block, count: count + 1, of: UInt32.self)[count] = edge
        } else {
            let start = UnsafeMutableRawPointer(list) + ViewMembers.inlineOffset
            start.storeBytes(of: edge, toByteOffset: count * 4, as: UInt32.self)
        }
        bd_store_release_u32(&list.pointee.count, UInt32(count + 1))
    }

    /// Lists of a node are chained in the order in which their types appeared.
    private func chain(_ member: UnsafeMutablePointer<bd_member>, _ granule: UInt32) {
        guard member.pointee.first_list != 0 else {
            bd_store_release_u32(&member.pointee.first_list, granule)
            return
        }
        var last = arena.record(member.pointee.first_list, as: bd_edge_list.self)
        while last.pointee.next != 0 { last = arena.record(last.pointee.next, as: bd_edge_list.self) }
        bd_store_release_u32(&last.pointee.next, granule)
    }

    // MARK: memory

    /// Frees all that the view holds; the record is left for the caller.
    func free(_ view: View) {
        for member in nodes(view) {
            var granule = member.first_list
            while granule != 0 {
                let list = arena.record(granule, as: bd_edge_list.self)
                let next = list.pointee.next
                if list.pointee.block != 0 { arena.free(list.pointee.block, bytes: Int(list.pointee.capacity) * 4) }
                arena.free(granule, bytes: MemoryLayout<bd_edge_list>.size)
                granule = next
            }
        }
        tables.free(view.pointee.member_table)
        tables.free(view.pointee.edge_table)
        if view.pointee.members != 0 {
            arena.free(view.pointee.members, bytes: Int(view.pointee.members_capacity) * MemoryLayout<bd_member>.stride)
        }
        if view.pointee.edges != 0 { arena.free(view.pointee.edges, bytes: Int(view.pointee.edges_capacity) * 4) }
    }

    private func grow(
        _ view: View, count: Int, list: WritableKeyPath<bd_view_record, UInt32>,
        capacity: WritableKeyPath<bd_view_record, UInt32>, stride: Int
    ) throws(GraphError) {
        let old = view.pointee[keyPath: list]
        if old != 0, let bytes = arena.extend(bytes: count * stride) {
            view.pointee[keyPath: capacity] = UInt32(bytes / stride)
            return
        }
        // Small blocks are powers of two: take all of the next one.
        let bytes = Arena.blockBytes(max(64, (count + 1) * stride))
        let fresh = try arena.allocate(bytes: bytes)
        if old != 0 {
            arena.pointer(fresh, bytes: bytes).copyMemory(
                from: arena.pointer(old, bytes: count * stride), byteCount: count * stride)
        }
        bd_fence_release()
        view.pointee[keyPath: list] = fresh
        view.pointee[keyPath: capacity] = UInt32(bytes / stride)
        if old != 0 { arena.free(old, bytes: count * stride) }
    }

    func replaceTable(
        _ view: View, _ table: WritableKeyPath<bd_view_record, UInt32>, _ old: UInt32, _ new: UInt32
    ) {
        guard old != new else { return }
        bd_fence_release()
        view.pointee[keyPath: table] = new
        tables.free(old)
    }
}
