// A growing set of u32 keys in the arena: which nodes, which edges are members of a view. Readers in other processes
// probe it in place. Linear probing, at most half full, or three quarters where a slot is its own key; see bd_table_start for the order of slots. Cost: one cache line
// per look-up as a rule; growing copies the slots.

import CLayout

struct IdTable {
    let arena: Arena
    private static let headerBytes = MemoryLayout<bd_table>.size
    private static let slotsMin = 16

    static func bytes(slots: Int) -> Int { headerBytes + slots * 4 }

    func bytes(_ table: UInt32) -> Int {
        table == 0 ? 0 : Arena.blockBytes(IdTable.bytes(slots: Int(arena.record(table, as: bd_table.self).pointee.mask) + 1))
    }

    /// The slot value found for `key`, 0 when there is none. `keyOf` turns a slot value into its key.
    @inline(__always)
    func find(_ table: UInt32, key: UInt32, keyOf: (UInt32) -> UInt32) -> UInt32 {
        guard table != 0 else { return 0 }
        let head = arena.record(table, as: bd_table.self)
        let mask = head.pointee.mask
        let slots = arena.array(table, after: IdTable.headerBytes, count: Int(mask) + 1, of: UInt32.self)
        var at = bd_table_start(key, head.pointee.shift) & mask
        while true {
            let value = slots[Int(at)]
            if value == 0 || keyOf(value) == key { return value }
            at = (at &+ 1) & mask
        }
    }

    /// A table with room for one value more: the same one or a new one, which the caller publishes, then frees the old
    /// one with `free`. `fullQuarters` quarters of the slots may be taken.
    func reserving(_ table: UInt32, fullQuarters: Int, keyOf: (UInt32) -> UInt32) throws(GraphError) -> UInt32 {
        guard table != 0 else { return try make(slots: IdTable.slotsMin) }
        let head = arena.record(table, as: bd_table.self)
        let isFull = Int(head.pointee.used) * 4 >= (Int(head.pointee.mask) + 1) * fullQuarters
        return isFull ? try grown(table, keyOf: keyOf) : table
    }

    func slots(_ table: UInt32, count: Int) -> UnsafeMutableBufferPointer<UInt32> {
        arena.array(table, after: IdTable.headerBytes, count: count, of: UInt32.self)
    }

    func free(_ table: UInt32) {
        guard table != 0 else { return }
        let slots = Int(arena.record(table, as: bd_table.self).pointee.mask) + 1
        arena.free(table, bytes: IdTable.bytes(slots: slots))
    }

    private func make(slots: Int) throws(GraphError) -> UInt32 {
        let table = try arena.allocate(bytes: IdTable.bytes(slots: slots), willFill: true)
        let head = arena.record(table, as: bd_table.self)
        head.pointee.mask = UInt32(slots - 1)
        // The multiply's high bits choose one of slots/16 lines.
        head.pointee.shift = UInt32(32 - (slots / 16).trailingZeroBitCount)
        return table
    }

    private func grown(_ table: UInt32, keyOf: (UInt32) -> UInt32) throws(GraphError) -> UInt32 {
        let slots = Int(arena.record(table, as: bd_table.self).pointee.mask) + 1
        let larger = try make(slots: slots * 2)
        for value in arena.array(table, after: IdTable.headerBytes, count: slots, of: UInt32.self) where value != 0 {
            place(larger, key: keyOf(value), value: value)
        }
        return larger
    }

    /// Adds a value whose key is not in the table yet, where there is room.
    @inline(__always)
    func place(_ table: UInt32, key: UInt32, value: UInt32) {
        let head = arena.record(table, as: bd_table.self)
        let mask = head.pointee.mask
        let slots = arena.array(table, after: IdTable.headerBytes, count: Int(mask) + 1, of: UInt32.self)
        var at = bd_table_start(key, head.pointee.shift) & mask
        while slots[Int(at)] != 0 { at = (at &+ 1) & mask }
        bd_store_release_u32(slots.baseAddress.unsafelyUnwrapped + Int(at), value)
        head.pointee.used += 1
    }
}
