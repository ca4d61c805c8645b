// The attributes of a node or an edge: pairs in the order in which they were first set, a key once, any number of them.
// Setting a key that is there replaces its value. Must keep the count of each string. Cost: a scan over the pairs.

import CLayout

public enum AttributeValue: Equatable, Sendable {
    case int(Int64)
    case float(Double)
    case bool(Bool)
    case string(String)
}

/// One attribute as a request brings it: bytes that somebody else keeps alive. Kinds are those of bd_layout.h.
public struct AttributeInput {
    public var key: UnsafeRawBufferPointer
    public var kind: UInt32
    /// Of an int, float or bool.
    public var bits: UInt64
    /// Of a string, UTF-8.
    public var text: UnsafeRawBufferPointer

    public init(key: UnsafeRawBufferPointer, kind: UInt32, bits: UInt64, text: UnsafeRawBufferPointer) {
        self.key = key
        self.kind = kind
        self.bits = bits
        self.text = text
    }
}

struct AttributeLists {
    let arena: Arena
    private static let headerBytes = MemoryLayout<bd_attributes>.size
    private static let pairBytes = MemoryLayout<bd_attribute>.stride

    private static func bytes(capacity: Int) -> Int { headerBytes + capacity * pairBytes }

    func count(_ list: UInt32) -> Int { list == 0 ? 0 : Int(arena.record(list, as: bd_attributes.self).pointee.count) }

    func bytes(_ list: UInt32) -> Int {
        guard list != 0 else { return 0 }
        let capacity = Int(arena.record(list, as: bd_attributes.self).pointee.capacity)
        return Arena.blockBytes(AttributeLists.bytes(capacity: capacity))
    }

    func pairs(_ list: UInt32) -> UnsafeMutableBufferPointer<bd_attribute> {
        arena.array(list, after: AttributeLists.headerBytes, count: count(list), of: bd_attribute.self)
    }

    /// Sets pairs one after the other. Returns the list, which may be a new one; the caller publishes it and then frees
    /// the old one when it differs. When it throws, the old list is as it was.
    func setting(
        _ list: UInt32, _ values: [(key: String, value: AttributeValue)], strings: inout StringPool
    ) throws(GraphError) -> UInt32 {
        try setting(list, count: values.count, strings: &strings) { index, strings throws(GraphError) in
            let key = try strings.intern(values[index].key)
            do throws(GraphError) { return try encode(key, values[index].value, &strings) } catch {
                strings.release(key)
                throw error
            }
        }
    }

    /// The same for pairs that are bytes.
    func setting(
        _ list: UInt32, _ values: UnsafeBufferPointer<AttributeInput>, strings: inout StringPool
    ) throws(GraphError) -> UInt32 {
        try setting(list, count: values.count, strings: &strings) { index, strings throws(GraphError) in
            let input = values[index]
            let key = try strings.intern(input.key)
            guard input.kind == BD_LITERAL_STRING else {
                return bd_attribute(key: key, kind: input.kind, value: input.bits)
            }
            do throws(GraphError) {
                return bd_attribute(key: key, kind: input.kind, value: UInt64(try strings.intern(input.text)))
            } catch {
                strings.release(key)
                throw error
            }
        }
    }

    /// `make` gives the pair of an index, its strings counted once.
    @inline(__always)
    private func setting(
        _ list: UInt32, count added: Int, strings: inout StringPool,
        _ make: (Int, inout StringPool) throws(GraphError) -> bd_attribute
    ) throws(GraphError) -> UInt32 {
        guard added > 0 else { return list }
        let old = list == 0 ? UnsafeMutableBufferPointer(start: nil, count: 0) : pairs(list)
        let capacity = old.count + added
        let fresh = try arena.allocateAttribute(bytes: AttributeLists.bytes(capacity: capacity))
        let head = arena.record(fresh, as: bd_attributes.self)
        head.pointee.capacity = UInt32(capacity)
        let target = arena.array(fresh, after: AttributeLists.headerBytes, count: capacity, of: bd_attribute.self)
        var count = 0
        for pair in old {
            retain(pair, &strings)
            target[count] = pair
            count += 1
        }
        var index = 0
        while index < added {
            let pair: bd_attribute
            do throws(GraphError) { pair = try make(index, &strings) } catch {
                for at in 0..<count { release(target[at], &strings) }
                arena.freeAttribute(fresh, bytes: AttributeLists.bytes(capacity: capacity))
                throw error
            }
            var at = 0
            while at < count, target[at].key != pair.key { at += 1 }
            if at < count { release(target[at], &strings) } else { count += 1 }
            target[at] = pair
            index += 1
        }
        bd_store_release_u32(&head.pointee.count, UInt32(count))
        return fresh
    }

    /// A new list of pairs whose texts are pooled already and live.
    func copy(_ values: [bd_attribute], strings: borrowing StringPool) throws(GraphError) -> UInt32 {
        guard !values.isEmpty else { return 0 }
        let list = try arena.allocateAttribute(bytes: AttributeLists.bytes(capacity: values.count))
        let head = arena.record(list, as: bd_attributes.self)
        head.pointee.capacity = UInt32(values.count)
        let target = arena.array(list, after: AttributeLists.headerBytes, count: values.count, of: bd_attribute.self)
        for (at, pair) in values.enumerated() {
            strings.retain(pair.key)
            if pair.kind == BD_LITERAL_STRING { strings.retain(UInt32(pair.value)) }
            target[at] = pair
        }
        bd_store_release_u32(&head.pointee.count, UInt32(values.count))
        return list
    }

    func free(_ list: UInt32, strings: inout StringPool) {
        guard list != 0 else { return }
        for pair in pairs(list) { release(pair, &strings) }
        let capacity = Int(arena.record(list, as: bd_attributes.self).pointee.capacity)
        arena.freeAttribute(list, bytes: AttributeLists.bytes(capacity: capacity))
    }

    func value(_ list: UInt32, key: String, strings: borrowing StringPool) -> AttributeValue? {
        guard list != 0 else { return nil }
        var key = key
        return key.withUTF8 { bytes in
            for pair in pairs(list) where strings.equals(pair.key, UnsafeRawBufferPointer(bytes)) {
                return decode(pair, strings)
            }
            return nil
        }
    }

    func all(_ list: UInt32, strings: borrowing StringPool) -> [(key: String, value: AttributeValue)] {
        guard list != 0 else { return [] }
        var result: [(key: String, value: AttributeValue)] = []
        for pair in pairs(list) { result.append((strings.text(pair.key), decode(pair, strings))) }
        return result
    }

    private func encode(
        _ key: UInt32, _ value: AttributeValue, _ strings: inout StringPool
    ) throws(GraphError) -> bd_attribute {
        switch value {
        case .int(let number):
            bd_attribute(key: key, kind: BD_LITERAL_INT, value: UInt64(bitPattern: number))
        case .float(let number): bd_attribute(key: key, kind: BD_LITERAL_FLOAT, value: number.bitPattern)
        case .bool(let flag): bd_attribute(key: key, kind: BD_LITERAL_BOOL, value: flag ? 1 : 0)
        case .string(let text):
            bd_attribute(key: key, kind: BD_LITERAL_STRING, value: UInt64(try strings.intern(text)))
        }
    }

    private func decode(_ pair: bd_attribute, _ strings: borrowing StringPool) -> AttributeValue {
        switch pair.kind {
        case BD_LITERAL_INT: return .int(Int64(bitPattern: pair.value))
        case BD_LITERAL_FLOAT: return .float(Double(bitPattern: pair.value))
        case BD_LITERAL_BOOL: return .bool(pair.value != 0)
        default:
            check(pair.kind == BD_LITERAL_STRING, "attribute kind \(pair.kind)")
            return .string(strings.text(UInt32(pair.value)))
        }
    }

    private func retain(_ pair: bd_attribute, _ strings: inout StringPool) {
        strings.retain(pair.key)
        if pair.kind == BD_LITERAL_STRING { strings.retain(UInt32(pair.value)) }
    }

    private func release(_ pair: bd_attribute, _ strings: inout StringPool) {
        strings.release(pair.key)
        if pair.kind == BD_LITERAL_STRING { strings.release(UInt32(pair.value)) }
    }
}
