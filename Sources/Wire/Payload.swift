// Values inside a payload: a plain sequence, four-byte aligned, little-endian. The reader checks each length against the
// bytes that are left before it uses it. Must not know operations. Cost: one copy of each string.

public enum Literal: Equatable, Sendable {
    case none
    case int(Int64)
    case float(Double)
    case bool(Bool)
    case string(String)
}

public struct Attribute: Equatable, Sendable {
    public var key: String
    public var value: Literal
    public init(key: String, value: Literal) {
        self.key = key
        self.value = value
    }
}

public struct PayloadWriter: Sendable {
    public private(set) var bytes: [UInt8]

    public init(reserving capacity: Int = 0) {
        bytes = []
        if capacity > 0 { bytes.reserveCapacity(capacity) }
    }

    public mutating func u32(_ value: UInt32) { bytes.appendLittleEndian(value) }
    public mutating func u64(_ value: UInt64) { bytes.appendLittleEndian(value) }
    public mutating func i64(_ value: Int64) { bytes.appendLittleEndian(value) }
    public mutating func f64(_ value: Double) { bytes.appendLittleEndian(value.bitPattern) }
    public mutating func bool(_ value: Bool) { u32(value ? 1 : 0) }

    public mutating func string(_ value: String) {
        var value = value
        value.withUTF8 { text in
            u32(UInt32(text.count))
            bytes.append(contentsOf: text)
        }
        pad()
    }

    /// Text that is UTF-8 already.
    public mutating func string(utf8 text: UnsafeRawBufferPointer) {
        u32(UInt32(text.count))
        bytes.append(contentsOf: text)
        pad()
    }

    public mutating func blob(_ value: [UInt8]) {
        u64(UInt64(value.count))
        bytes.append(contentsOf: value)
        pad()
    }

    public mutating func literal(_ value: Literal) {
        switch value {
        case .none: u32(0)
        case .int(let number): u32(1); i64(number)
        case .float(let number): u32(2); f64(number)
        case .bool(let flag): u32(3); bool(flag)
        case .string(let text): u32(4); string(text)
        }
    }

    public mutating func attributes(_ values: [Attribute]) {
        u32(UInt32(values.count))
        for attribute in values {
            string(attribute.key)
            literal(attribute.value)
        }
    }

    public mutating func raw(_ value: [UInt8]) { bytes.append(contentsOf: value) }

    private mutating func pad() { bytes.append(contentsOf: repeatElement(0, count: -bytes.count & 3)) }
}

public struct PayloadReader: Sendable {
    /// Shared with whoever gave it: reading copies nothing.
    private let bytes: [UInt8]
    private let end: Int
    public private(set) var offset: Int

    public init(_ bytes: [UInt8]) { self.init(bytes, in: 0..<bytes.count) }

    /// Reads a part of `bytes`.
    public init(_ bytes: [UInt8], in range: Range<Int>) {
        self.bytes = bytes
        offset = min(max(range.lowerBound, 0), bytes.count)
        end = min(max(range.upperBound, offset), bytes.count)
    }

    public var remaining: Int { end - offset }
    /// What has not been read yet.
    public var rest: ArraySlice<UInt8> { bytes[offset..<end] }

    public mutating func u32() throws(WireError) -> UInt32 { try integer("u32") }
    public mutating func u64() throws(WireError) -> UInt64 { try integer("u64") }
    public mutating func i64() throws(WireError) -> Int64 { try integer("i64") }
    public mutating func f64() throws(WireError) -> Double { Double(bitPattern: try integer("f64")) }

    public mutating func bool() throws(WireError) -> Bool {
        let value = try u32()
        guard value <= 1 else { throw WireError("a bool of \(value) at byte \(offset - 4)") }
        return value == 1
    }

    public mutating func string() throws(WireError) -> String {
        let at = offset
        let range = try take(Int(try u32()), "string")
        guard let text = String(validating: bytes[range], as: UTF8.self) else {
            throw WireError("a string at byte \(at) is not UTF-8")
        }
        return text
    }

    public mutating func blob() throws(WireError) -> ArraySlice<UInt8> {
        let count = try u64()
        guard count <= UInt64(remaining) else {
            throw WireError("a blob of \(count) bytes, \(remaining) are left")
        }
        return bytes[try take(Int(count), "blob")]
    }

    public mutating func literal() throws(WireError) -> Literal {
        let kind = try u32()
        switch kind {
        case 0: return .none
        case 1: return .int(try i64())
        case 2: return .float(try f64())
        case 3: return .bool(try bool())
        case 4: return .string(try string())
        default: throw WireError("literal kind \(kind) is unknown")
        }
    }

    public mutating func attributes() throws(WireError) -> [Attribute] {
        let count = try listCount(itemBytesMin: 8)
        var values: [Attribute] = []
        values.reserveCapacity(count)
        for _ in 0..<count {
            let key = try string()
            values.append(Attribute(key: key, value: try literal()))
        }
        return values
    }

    public mutating func u32List() throws(WireError) -> [UInt32] {
        let count = try listCount(itemBytesMin: 4)
        var values: [UInt32] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try u32()) }
        return values
    }

    /// A list's count, checked against the bytes that its items need at least.
    public mutating func listCount(itemBytesMin: Int) throws(WireError) -> Int {
        let count = Int(try u32())
        guard count <= Limits.listItemsMax, count <= remaining / itemBytesMin else {
            throw WireError("a list of \(count) items does not fit into the \(remaining) bytes left")
        }
        return count
    }

    /// Throws when bytes are left: a peer that sends more than was declared is broken.
    public func finish() throws(WireError) {
        guard remaining == 0 else { throw WireError("\(remaining) bytes too many in the payload") }
    }

    private mutating func integer<T: FixedWidthInteger>(_ what: String) throws(WireError) -> T {
        let width = MemoryLayout<T>.size
        guard remaining >= width else { throw WireError("\(what) at byte \(offset): \(remaining) bytes are left") }
        let from = offset
        offset += width
        return bytes.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: from, as: T.self)) }
    }

    private mutating func take(_ count: Int, _ what: String) throws(WireError) -> Range<Int> {
        guard count >= 0, count <= remaining else {
            throw WireError("a \(what) of \(count) bytes at byte \(offset), \(remaining) are left")
        }
        let range = offset..<offset + count
        offset = min(end, range.upperBound + (-count & 3))
        return range
    }
}
