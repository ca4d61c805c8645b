// The growing text that the printer writes into.
//
// For: many appends of a few bytes each. Must not: read outside the source it is given, also where it copies more than
// it was asked for. Cost: a short atom is two 8-byte loads and stores; growth moves pages, not bytes.
import Glibc

struct ByteSink: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    private(set) var count = 0
    private var capacity = 0

    /// Room that is always left behind the last byte, so that a short copy may write a whole block.
    private static let slack = 16

    init() { base = nil }

    deinit { free(base) }

    /// False when there is no memory for it.
    @inline(__always)
    mutating func reserve(_ more: Int) -> Bool {
        if _fastPath(capacity - count >= more + Self.slack) { return true }
        return grow(more)
    }

    @inline(never)
    private mutating func grow(_ more: Int) -> Bool {
        let wanted = max(count + more + Self.slack, capacity + capacity / 2)
        guard let moved = realloc(base, wanted) else { return false }
        base = moved
        capacity = wanted
        return true
    }

    /// Needs one reserved byte.
    @inline(__always)
    mutating func put(_ byte: UInt8) {
        guard let base, count < capacity else { Self.notReserved() }
        base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    /// Needs `number` reserved bytes.
    @inline(__always)
    mutating func put(_ byte: UInt8, times number: Int) {
        guard let base, number >= 0, capacity - count >= number else { Self.notReserved() }
        memset(base + count, Int32(byte), number)
        count += number
    }

    /// Copies `source[start ..< start + length]`. Needs `length` reserved bytes.
    @inline(__always)
    mutating func put(_ source: Span<UInt8>, start: Int, length: Int) {
        guard let base, capacity - count >= length else { Self.notReserved() }
        check(start >= 0 && length >= 0 && start <= source.count - length, "text outside of the source")
        let target = base + count
        source.withUnsafeBytes { bytes in
            guard let first = bytes.baseAddress else { return }
            if length <= 16 && start <= source.count - 16 && capacity - count >= 16 {
                let low = first.loadUnaligned(fromByteOffset: start, as: UInt64.self)
                let high = first.loadUnaligned(fromByteOffset: start + 8, as: UInt64.self)
                target.storeBytes(of: low, as: UInt64.self)
                target.storeBytes(of: high, toByteOffset: 8, as: UInt64.self)
            } else {
                memcpy(target, first + start, length)
            }
        }
        count += length
    }

    /// The last byte that was put; 0 before the first.
    var last: UInt8 {
        guard let base, count > 0 else { return 0 }
        return base.load(fromByteOffset: count - 1, as: UInt8.self)
    }

    /// Bytes behind the last line end, at most `max`.
    func columnOfEnd(max: Int) -> Int {
        guard let base else { return 0 }
        var column = 0
        while column < max, column < count, base.load(fromByteOffset: count - 1 - column, as: UInt8.self) != 0x0A { column += 1 }
        return column
    }

    /// The pointer is valid inside `body` only.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(start: base, count: base == nil ? 0 : count))
    }

    /// A copy of what was written.
    func array() -> [UInt8] {
        guard let base else { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            if let target = buffer.baseAddress { memcpy(target, base, count) }
            used = count
        }
    }

    @inline(never)
    private static func notReserved() -> Never { fatalError("write without reserved room") }
}
