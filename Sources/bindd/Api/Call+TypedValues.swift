// Values of KiCad documents on the wire: u32 tag, then
//   0 none · 1 int i64 · 2 float f64 · 3 bool u32 · 4 str · 5 member of an enum u32
//   6 struct: u32 record, u32 type, a value for each of its fields · 7 list: u32 count, values
//   8 copy: u32 document, u32 count, count times (u32 record there, u32 record here)
// Must not hold what a value means. Cost: a box for each struct.

import CLayout
import SexpCore
import Wire

extension Call {
    mutating func typedValue(depth: Int = 0) throws -> TypedValue {
        guard depth < TypedValue.depthMax else { throw WireError("a value that nests deeper than \(TypedValue.depthMax)") }
        switch try arguments.u32() {
        case BD_TAG_NONE: return .none
        case BD_TAG_INT: return .int(try arguments.i64())
        case BD_TAG_FLOAT: return .float(try arguments.f64())
        case BD_TAG_BOOL: return .bool(try arguments.bool())
        case BD_TAG_STRING: return .string(try utf8())
        case BD_TAG_ENUM: return .member(Int(try arguments.u32()))
        case BD_TAG_RECORD:
            let number = try arguments.u32()
            let type = try structType()
            let count = KiCadSchema.shared.declarations[type].fields.count
            var fields: [TypedValue] = []
            fields.reserveCapacity(count)
            for _ in 0..<count { fields.append(try typedValue(depth: depth + 1)) }
            return .record(number: number, type: type, fields: fields)
        case BD_TAG_LIST: return .list(try typedValues(depth: depth + 1))
        case BD_VALUE_COPY:
            let document = try workspace.documents.typed(try arguments.u32())
            let count = try arguments.listCount(itemBytesMin: 8)
            var numbers: [(source: UInt32, number: UInt32)] = []
            numbers.reserveCapacity(count)
            for _ in 0..<count { numbers.append((try arguments.u32(), try arguments.u32())) }
            return .copy(of: document, numbers: numbers)
        case let tag: throw WireError("a value with tag \(tag)")
        }
    }

    mutating func typedValues(depth: Int = 0) throws -> [TypedValue] {
        let count = try arguments.listCount(itemBytesMin: 4)
        var values: [TypedValue] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try typedValue(depth: depth + 1)) }
        return values
    }

    /// A string's bytes: UTF-8 without NUL.
    private mutating func utf8() throws -> [UInt8] {
        let text = try arguments.text()
        guard !text.contains(0) else { throw WireError("a string with a NUL byte") }
        guard String(validating: text, as: UTF8.self) != nil else { throw WireError("a string that is not UTF-8") }
        return Array(text)
    }
}
