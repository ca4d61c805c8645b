// Taking back what an operation put into a view, newest first, so that one that fails half-way leaves nothing behind.
// Views list members in order of insertion, so a mark is two counts. Must not be used across a call of anyone else.
// Cost: two words per operation; taking back is linear in what is taken back. Readers of the arena ask while it happens.

import CLayout

struct ViewMark {
    let view: UInt32
    let nodes: UInt32
    let edges: UInt32
}

extension GraphStore {
    func mark(_ view: UInt32) throws(GraphError) -> ViewMark {
        let record = try self.view(view)
        return ViewMark(view: view, nodes: record.pointee.member_count, edges: record.pointee.edge_count)
    }

    /// The view as it was at the mark. What nothing else holds dies.
    mutating func rollBack(to mark: ViewMark) {
        guard let record = views.find(mark.view), record.pointee.state == BD_VIEW_LIVE else { return }
        guard record.pointee.edge_count > mark.edges || record.pointee.member_count > mark.nodes else { return }
        let isOutermost = beginUnseen()
        defer { if isOutermost { endBatch() } }
        caches.edgeChanged()
        while record.pointee.edge_count > mark.edges {
            let id = members.edges(record)[Int(record.pointee.edge_count) - 1]
            members.removeLast(record, edge: id, member(id))
            releaseEdge(id)
        }
        while record.pointee.member_count > mark.nodes {
            let id = members.nodes(record)[Int(record.pointee.member_count) - 1].node
            members.removeLastNode(record)
            releaseNode(id)
        }
    }

    /// Runs an operation on a view that is taken back when it throws.
    mutating func atomically<Result>(
        _ view: UInt32, _ body: (inout GraphStore) throws -> Result
    ) throws -> Result {
        let mark = try self.mark(view)
        let leftovers = leftoverCount
        do { return try body(&self) } catch {
            rollBack(to: mark)
            leftoverCount = leftovers
            throw error
        }
    }

    /// The same, but for the caller's own mistakes: what was made up to one stays, as existing programs know it (their
    /// recorded counts of instances include it). What no caller can foresee, a limit or giving up, is taken back.
    mutating func mostlyAtomically<Result>(
        _ view: UInt32, _ body: (inout GraphStore) throws -> Result
    ) throws -> Result {
        let mark = try self.mark(view)
        do { return try body(&self) } catch {
            if GraphStore.isCallers(error) { leftoverCount += 1 } else { rollBack(to: mark) }
            throw error
        }
    }

    /// For an operation that makes much: readers of the arena see all that it did or nothing, as of a batch.
    mutating func unseen<Result>(_ body: (inout GraphStore) throws -> Result) rethrows -> Result {
        let isOutermost = beginUnseen()
        defer { if isOutermost { endBatch() } }
        return try body(&self)
    }

    /// False inside another one, or a batch, which ends it.
    private func beginUnseen() -> Bool {
        guard arena.header.pointee.batches & 1 == 0 else { return false }
        beginBatch()
        return true
    }

    // MARK: moving an edge that views contain

    /// Puts an edge's new source, target and bits into place, in every view that contains it. A new end becomes a member
    /// where it was none; in the lists of its new ends the edge is the last. All or nothing.
    mutating func replaceEdge(_ id: UInt32, with new: Edge) throws(GraphError) {
        let record = try edgeRecord(id)
        let old = record.pointee
        let newTarget = try node(new.target)
        check(old.source == new.source, "edge \(id) cannot leave its source")
        let containing = liveViews.ids.filter { view in
            views.find(view).map { members.contains($0, edge: id) } ?? false
        }
        var moved = old
        moved.target = new.target
        moved.bits = new.bits
        var marks: [ViewMark] = []
        do throws(GraphError) {
            for view in containing {
                marks.append(try mark(view))
                try insertNode(view: view, node: new.target)
                try members.reserve(unsafelyLive(view), edge: id, moved)
            }
        } catch {
            for mark in marks.reversed() { rollBack(to: mark) }
            throw error
        }
        // Nothing below asks for memory: each list has room for one edge more.
        for view in containing {
            let place = unsafelyLive(view)
            members.unlist(place, edge: id, old)
            try members.list(place, edge: id, moved)
        }
        record.pointee.bits = new.bits
        if new.target != old.target {
            newTarget.pointee.references += 1
            bd_store_release_u32(&record.pointee.target, new.target)
            releaseNode(old.target)
            bd_store_release_u64(&arena.header.pointee.retargets, arena.header.pointee.retargets + 1)
        }
        caches.edgeChanged()
    }
}

extension ViewMembers {
    /// Takes out the edge that came last.
    func removeLast(_ view: View, edge: UInt32, _ record: bd_edge) {
        unlist(view, edge: edge, record)
        tables.remove(view.pointee.edge_table, key: edge) { $0 }
        bd_store_release_u32(&view.pointee.edge_count, view.pointee.edge_count - 1)
    }

    /// Takes out the node that came last and has no edges left.
    func removeLastNode(_ view: View) {
        let index = Int(view.pointee.member_count) - 1
        let last = member(view, index)
        freeLists(last.pointee)
        tables.remove(view.pointee.member_table, key: last.pointee.node) { member(view, Int($0) - 1).pointee.node }
        last.pointee = bd_member()
        bd_store_release_u32(&view.pointee.member_count, UInt32(index))
    }

    /// Out of the lists of its two ends.
    func unlist(_ view: View, edge: UInt32, _ record: bd_edge) {
        unlist(view, edge, at: record.source, type: record.type)
        if record.target != record.source { unlist(view, edge, at: record.target, type: record.type) }
    }

    /// Into the lists of its two ends, which are members.
    func list(_ view: View, edge: UInt32, _ record: bd_edge) throws(GraphError) {
        let (atSource, atTarget) = try reserve(view, edge: edge, record)
        push(atSource, edge)
        if let atTarget { push(atTarget, edge) }
    }

    /// The lists of its two ends, with room for one edge more; one list for an edge from a node to itself.
    @discardableResult
    func reserve(
        _ view: View, edge: UInt32, _ record: bd_edge
    ) throws(GraphError) -> (source: UnsafeMutablePointer<bd_edge_list>, target: UnsafeMutablePointer<bd_edge_list>?) {
        let atSource = try reserve(view, edge: edge, at: record.source, type: record.type)
        guard record.target != record.source else { return (atSource, nil) }
        return (atSource, try reserve(view, edge: edge, at: record.target, type: record.type))
    }

    private func unlist(_ view: View, _ edge: UInt32, at node: UInt32, type: UInt32) {
        guard let member = find(view, node: node), let list = self.list(member, type: type) else { return }
        let edges = self.edges(list)
        guard let at = edges.lastIndex(of: edge) else { return }
        for index in at..<edges.count - 1 { edges[index] = edges[index + 1] }
        bd_store_release_u32(&list.pointee.count, list.pointee.count - 1)
    }

    private func freeLists(_ member: bd_member) {
        var granule = member.first_list
        while granule != 0 {
            let list = arena.record(granule, as: bd_edge_list.self)
            let next = list.pointee.next
            if list.pointee.block != 0 { arena.free(list.pointee.block, bytes: Int(list.pointee.capacity) * 4) }
            arena.free(granule, bytes: MemoryLayout<bd_edge_list>.size)
            granule = next
        }
    }
}

extension IdTable {
    /// Takes a key out and closes the gap, so that each later key is still found.
    func remove(_ table: UInt32, key: UInt32, keyOf: (UInt32) -> UInt32) {
        guard table != 0 else { return }
        let head = arena.record(table, as: bd_table.self)
        let mask = head.pointee.mask
        let slots = self.slots(table, count: Int(mask) + 1)
        var gap = bd_table_start(key, head.pointee.shift) & mask
        while slots[Int(gap)] != 0, keyOf(slots[Int(gap)]) != key { gap = (gap &+ 1) & mask }
        guard slots[Int(gap)] != 0 else { return }
        var next = (gap &+ 1) & mask
        while slots[Int(next)] != 0 {
            let home = bd_table_start(keyOf(slots[Int(next)]), head.pointee.shift) & mask
            if (next &- home) & mask >= (next &- gap) & mask {
                slots[Int(gap)] = slots[Int(next)]
                gap = next
            }
            next = (next &+ 1) & mask
        }
        slots[Int(gap)] = 0
        head.pointee.used -= 1
    }
}
