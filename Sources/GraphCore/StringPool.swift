// Strings of attributes, each kept once and counted: names repeat by the million. The index is this process's own; the
// text lies in the arena, where readers find it. Must not forget a count: the last user frees the text.
// Cost: one hash of the bytes and one probe per string.

import CLayout
import Glibc

struct StringPool: ~Copyable {
    private let arena: Arena
    private static let headerBytes = MemoryLayout<bd_string>.size
    private var slots: UnsafeMutableBufferPointer<UInt32>  // granules, 0: empty, tombstone: deleted
    private var used = 0
    private var live = 0
    private static let tombstone = UInt32.max

    init(arena: Arena) {
        self.arena = arena
        slots = .allocate(capacity: 1024)
        slots.initialize(repeating: 0)
    }

    deinit { slots.deallocate() }

    /// The text's granule, its count one higher.
    mutating func intern(_ text: String) throws(GraphError) -> UInt32 {
        var text = text
        let result: Result<UInt32, GraphError> = text.withUTF8 { bytes in
            do throws(GraphError) { return .success(try intern(UnsafeRawBufferPointer(bytes))) } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// The same for bytes. They should be UTF-8; reading repairs what is not.
    mutating func intern(_ bytes: UnsafeRawBufferPointer) throws(GraphError) -> UInt32 {
        guard bytes.count <= Int(UInt32.max) else {
            throw GraphError(.limitExceeded, "a string of \(bytes.count) bytes exceeds \(UInt32.max)")
        }
        if used * 2 >= slots.count { rehash() }
        let mask = slots.count - 1
        var at = StringPool.hash(bytes) & mask
        var free: Int?
        while slots[at] != 0 {
            if slots[at] == StringPool.tombstone {
                if free == nil { free = at }
            } else if equals(slots[at], bytes) {
                arena.record(slots[at], as: bd_string.self).pointee.references += 1
                return slots[at]
            }
            at = (at + 1) & mask
        }
        let granule = try arena.allocateAttribute(bytes: StringPool.headerBytes + bytes.count)
        let record = arena.record(granule, as: bd_string.self)
        record.pointee.references = 1
        if bytes.count > 0, let source = bytes.baseAddress {
            (arena.pointer(granule, bytes: StringPool.headerBytes + bytes.count) + StringPool.headerBytes)
                .copyMemory(from: source, byteCount: bytes.count)
        }
        record.pointee.byte_count = UInt32(bytes.count)
        if free == nil { used += 1 }
        slots[free ?? at] = granule
        live += 1
        return granule
    }

    /// The text's granule when the pool has it, else 0: then nothing anywhere carries this text.
    func find(_ text: String) -> UInt32 {
        var text = text
        return text.withUTF8 { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            let mask = slots.count - 1
            var at = StringPool.hash(bytes) & mask
            while slots[at] != 0 {
                if slots[at] != StringPool.tombstone, equals(slots[at], bytes) { return slots[at] }
                at = (at + 1) & mask
            }
            return 0
        }
    }

    // MARK: images

    func writeTable(to image: ImageWriter) throws {
        try image.word(used)
        try image.word(live)
        try image.list(Array(slots))
    }

    mutating func readTable(from image: inout ImageReader) throws(GraphError) {
        let used = try image.word()
        let live = try image.word()
        let table = try image.list(of: UInt32.self)
        guard table.count.nonzeroBitCount == 1, live <= used, used < table.count else {
            throw ImageReader.broken("a table of \(table.count) strings")
        }
        slots.deallocate()
        slots = .allocate(capacity: table.count)
        _ = slots.initialize(fromContentsOf: table)
        self.used = used
        self.live = live
    }

    func retain(_ granule: UInt32) { arena.record(granule, as: bd_string.self).pointee.references += 1 }

    mutating func release(_ granule: UInt32) {
        let record = arena.record(granule, as: bd_string.self)
        check(record.pointee.references > 0, "string \(granule) released once too often")
        record.pointee.references -= 1
        guard record.pointee.references == 0 else { return }
        let mask = slots.count - 1
        var at = StringPool.hash(bytes(granule)) & mask
        while slots[at] != granule {
            check(slots[at] != 0, "string \(granule) is not in the pool")
            at = (at + 1) & mask
        }
        slots[at] = StringPool.tombstone
        live -= 1
        arena.freeAttribute(granule, bytes: StringPool.headerBytes + Int(record.pointee.byte_count))
    }

    func isEmpty(_ granule: UInt32) -> Bool { arena.record(granule, as: bd_string.self).pointee.byte_count == 0 }

    func text(_ granule: UInt32) -> String { String(decoding: bytes(granule), as: UTF8.self) }

    func equals(_ granule: UInt32, _ other: UnsafeRawBufferPointer) -> Bool {
        let own = bytes(granule)
        guard own.count == other.count, let a = own.baseAddress, let b = other.baseAddress else {
            return own.count == other.count
        }
        return memcmp(a, b, own.count) == 0
    }

    /// Bytes that a pooled string takes in the arena.
    func blockBytes(_ granule: UInt32) -> Int { Arena.blockBytes(StringPool.headerBytes + bytes(granule).count) }

    private func bytes(_ granule: UInt32) -> UnsafeRawBufferPointer {
        let count = Int(arena.record(granule, as: bd_string.self).pointee.byte_count)
        let start = arena.pointer(granule, bytes: StringPool.headerBytes + count) + StringPool.headerBytes
        return UnsafeRawBufferPointer(start: start, count: count)
    }

    private mutating func rehash() {
        let old = slots
        var capacity = 1024
        while capacity < live * 4 { capacity *= 2 }
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: 0)
        for granule in old where granule != 0 && granule != StringPool.tombstone {
            var at = StringPool.hash(bytes(granule)) & (capacity - 1)
            while slots[at] != 0 { at = (at + 1) & (capacity - 1) }
            slots[at] = granule
        }
        used = live
        old.deallocate()
    }

    /// FNV-1a over the bytes, folded. Fixed, so that the same requests give the same state.
    private static func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
        var value: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: (value ^ value >> 32) & 0x7FFF_FFFF_FFFF_FFFF)
    }
}
