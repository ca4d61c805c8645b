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

/// Reads values out of bytes that somebody else keeps alive: the reader's own copy, or the buffer that a message lies in.
/// Not to be kept beyond that. All methods are inlinable: they are the worker's hot path.
public struct PayloadReader {
    @usableFromInline let bytes: UnsafeRawBufferPointer
    @usableFromInline var at = 0
    /// Keeps a copy alive where there is one.
    private let owner: PayloadBytes?

    /// Reads a copy of `bytes`.
    public init(_ bytes: [UInt8]) {
        let owner = PayloadBytes(bytes)
        self.owner = owner
        self.bytes = UnsafeRawBufferPointer(owner.storage)
    }

    /// Reads `bytes` where they lie.
    @inlinable
    public init(inPlace bytes: UnsafeRawBufferPointer) {
        self.init(unowned: bytes)
    }

    @usableFromInline
    init(unowned bytes: UnsafeRawBufferPointer) {
        owner = nil
        self.bytes = bytes
    }

    @inlinable public var offset: Int { at }
    @inlinable public var remaining: Int { bytes.count - at }
    /// What has not been read yet.
    public var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[at...]) }

    @inlinable
    public mutating func u32() throws(WireError) -> UInt32 {
        guard remaining >= 4 else { throw short("u32") }
        defer { at += 4 }
        return UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
    }

    @inlinable
    public mutating func u64() throws(WireError) -> UInt64 {
        guard remaining >= 8 else { throw short("u64") }
        defer { at += 8 }
        return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
    }

    @inlinable public mutating func i64() throws(WireError) -> Int64 { Int64(bitPattern: try u64()) }
    @inlinable public mutating func f64() throws(WireError) -> Double { Double(bitPattern: try u64()) }

    @usableFromInline
    func short(_ what: String) -> WireError { WireError("\(what) at byte \(at): \(remaining) bytes are left") }

    public mutating func bool() throws(WireError) -> Bool {
        let value = try u32()
        guard value <= 1 else { throw WireError("a bool of \(value) at byte \(offset - 4)") }
        return value == 1
    }

    public mutating func string() throws(WireError) -> String {
        let from = at
        guard let text = String(validating: try text(), as: UTF8.self) else {
            throw WireError("a string at byte \(from) is not UTF-8")
        }
        return text
    }

    /// A string's bytes where they lie; whether they are UTF-8 was not looked at.
    @inlinable
    public mutating func text() throws(WireError) -> UnsafeRawBufferPointer { try take(Int(try u32())) }

    public mutating func blob() throws(WireError) -> UnsafeRawBufferPointer {
        let count = try u64()
        guard count <= UInt64(remaining) else {
            throw WireError("a blob of \(count) bytes, \(remaining) are left")
        }
        return try take(Int(count))
    }

    /// A reader of the next bytes alone, which this one goes past. It must not outlive this one.
    public mutating func part(_ count: Int) throws(WireError) -> PayloadReader {
        PayloadReader(inPlace: try take(count))
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
    @inlinable
    public mutating func listCount(itemBytesMin: Int) throws(WireError) -> Int {
        let count = Int(try u32())
        guard count <= Limits.listItemsMax, count <= remaining / itemBytesMin else {
            throw WireError("a list of \(count) items does not fit into the \(remaining) bytes left")
        }
        return count
    }

    /// Throws when bytes are left: a peer that sends more than was declared is broken.
    @inlinable
    public func finish() throws(WireError) {
        guard remaining == 0 else { throw WireError("\(remaining) bytes too many in the payload") }
    }

    @inlinable
    mutating func take(_ count: Int) throws(WireError) -> UnsafeRawBufferPointer {
        guard count <= remaining else { throw short("\(count) bytes") }
        let found = UnsafeRawBufferPointer(rebasing: bytes[at..<at + count])
        at = min(bytes.count, at + (count + 3) & ~3)
        return found
    }
}

/// A copy of a payload, freed with its last reader.
private final class PayloadBytes {
    let storage: UnsafeMutableRawBufferPointer

    init(_ bytes: [UInt8]) {
        storage = .allocate(byteCount: bytes.count, alignment: 8)
        storage.copyBytes(from: bytes)
    }

    deinit { storage.deallocate() }
}
