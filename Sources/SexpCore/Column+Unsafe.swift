// A growing block of plain values, as NodeColumn but for any of them.
//
// For: what decoding a document makes: records, slots, tags. Must not: hand out its pointer except for the length of a
// closure; trust an index. Cost: one comparison for each access; growing
// by half moves pages.
import Glibc

struct Column<Element: BitwiseCopyable>: ~Copyable {
    private var base: UnsafeMutablePointer<Element>?
    private(set) var count = 0
    private(set) var capacity = 0

    init() { base = nil }

    deinit { free(base) }

    var bytes: Int { capacity * MemoryLayout<Element>.stride }

    subscript(index: Int) -> Element {
        @inline(__always) get {
            guard let base, index >= 0, index < count else { Self.outOfRange(index, count) }
            return base[index]
        }
        @inline(__always) set {
            guard let base, index >= 0, index < count else { Self.outOfRange(index, count) }
            base[index] = newValue
        }
    }

    /// False when there is no memory for it.
    @inline(__always)
    mutating func append(_ value: Element) -> Bool {
        if _slowPath(count == capacity), !grow(to: count + 1) { return false }
        guard let base else { return false }
        base[count] = value
        count += 1
        return true
    }

    /// False when there is no memory for it.
    @inline(__always)
    mutating func append(_ value: Element, times: Int) -> Bool {
        if times == 0 { return true }
        if count + times > capacity, !grow(to: count + times) { return false }
        guard let base else { return false }
        (base + count).update(repeating: value, count: times)
        count += times
        return true
    }

    @inline(never)
    mutating func grow(to wanted: Int) -> Bool {
        let wanted = max(wanted, capacity + capacity / 2, 16)
        guard let moved = realloc(base, wanted * MemoryLayout<Element>.stride) else { return false }
        base = moved.bindMemory(to: Element.self, capacity: wanted)
        capacity = wanted
        return true
    }

    /// Gives back what is not used.
    mutating func trim() {
        guard count > 0, count < capacity, let moved = realloc(base, count * MemoryLayout<Element>.stride) else { return }
        base = moved.bindMemory(to: Element.self, capacity: count)
        capacity = count
    }

    mutating func removeLast(_ number: Int) {
        guard number >= 0, number <= count else { Self.outOfRange(count - number, count) }
        count -= number
    }

    /// The pointer is valid inside `body` only.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(UnsafeBufferPointer(start: base, count: count)))
    }

    /// A column with these bytes; nil when they are no whole number of elements, or there is no memory for them.
    init?(bytes: UnsafeRawBufferPointer) {
        let stride = MemoryLayout<Element>.stride
        self.init()
        guard bytes.count % stride == 0, grow(to: bytes.count / stride + 1) else { return nil }
        if let base, let source = bytes.baseAddress { memcpy(base, source, bytes.count) }
        count = bytes.count / stride
    }

    @inline(never)
    private static func outOfRange(_ index: Int, _ count: Int) -> Never {
        fatalError("element \(index) of a column with \(count)")
    }
}

/// Comparing short texts by their first eight bytes.
enum TextKey {
    /// The first eight bytes, the first in the low byte, zeros behind the end.
    @inline(__always)
    static func key(_ text: Span<UInt8>, _ start: Int, _ length: Int) -> UInt64 {
        check(start >= 0 && length >= 0 && start <= text.count - length, "text outside of the source")
        if start <= text.count - 8 {
            let word = text.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: start, as: UInt64.self) }
            return length >= 8 ? word : word & ((1 << UInt64(length * 8)) &- 1)
        }
        var word: UInt64 = 0
        var index = min(length, 8)
        while index > 0 {
            index -= 1
            word = word << 8 | UInt64(text[start + index])
        }
        return word
    }

    static func key(_ bytes: [UInt8]) -> UInt64 { key(bytes.span, 0, bytes.count) }
}

/// Looking at eight bytes of a text at once. Places are counted from the first of them; eight: none.
struct EightBytes {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highs: UInt64 = 0x8080_8080_8080_8080
    private let word: UInt64

    /// `text[start ..< start + 8]`.
    @inline(__always)
    init(_ text: Span<UInt8>, at start: Int) {
        check(start >= 0 && start <= text.count - 8, "eight bytes outside of the source")
        word = text.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: start, as: UInt64.self)) }
    }

    /// How many of this byte stand at the beginning.
    @inline(__always)
    func run(of byte: UInt8) -> Int { (word ^ Self.ones &* UInt64(byte)).trailingZeroBitCount >> 3 }

    /// The first of either byte.
    @inline(__always)
    func first(_ one: UInt8, or other: UInt8) -> Int {
        let (left, right) = (word ^ Self.ones &* UInt64(one), word ^ Self.ones &* UInt64(other))
        // What is zero is lifted to a high bit; behind the first one bits may be wrong.
        let found = ((left &- Self.ones) & ~left) | ((right &- Self.ones) & ~right)
        return (found & Self.highs).trailingZeroBitCount >> 3
    }

    /// The first byte below a bound of at most 128.
    @inline(__always)
    func first(below bound: UInt8) -> Int {
        ((word &- Self.ones &* UInt64(bound)) & ~word & Self.highs).trailingZeroBitCount >> 3
    }
}
