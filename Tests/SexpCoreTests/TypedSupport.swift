// Reading a typed snapshot as its clients do, and short ways to load and edit.
import CLayout
import Testing

@testable import SexpCore

/// A document and the records that were sent for it.
struct Loaded {
    let document: TypedDocument
    let snapshot: [UInt8]
    let header: bd_typed_header

    init(_ module: String, _ bytes: [UInt8], options: TypedDocument.LoadOptions = []) throws {
        let type = try #require(KiCadSchema.shared.formats.first { $0.name == module }?.file)
        (document, snapshot) = try TypedDocument.load(type: type, bytes, options: options)
        header = snapshot.withUnsafeBytes { $0.loadUnaligned(as: bd_typed_header.self) }
    }

    init(_ module: String, _ text: String) throws { try self.init(module, Array(text.utf8)) }

    var recordCount: Int { Int(header.record_count) }

    func record(_ number: Int) -> bd_typed_record {
        snapshot.withUnsafeBytes {
            $0.loadUnaligned(fromByteOffset: Int(header.records_offset) + 8 * number, as: bd_typed_record.self)
        }
    }

    func slot(_ index: Int) -> (tag: UInt32, bits: UInt64) {
        snapshot.withUnsafeBytes {
            (
                UInt32($0[Int(header.tags_offset) + index]),
                $0.loadUnaligned(fromByteOffset: Int(header.slots_offset) + 8 * index, as: UInt64.self)
            )
        }
    }

    /// The record at a path of field names and list positions: `["kicad_pcb", "nets", "0"]`.
    func find(_ path: String...) throws -> UInt32 { try find(path) }

    func find(_ path: [String]) throws -> UInt32 {
        var number: UInt32 = 1
        var index = 0
        while index < path.count {
            let slot = try field(number, path[index])
            index += 1
            switch slot.tag {
            case BD_TAG_RECORD: number = UInt32(slot.bits)
            case BD_TAG_LIST:
                let position = try #require(Int(path[index]))
                try #require(position < Int(slot.bits >> 32))
                index += 1
                number = UInt32(self.slot(Int(slot.bits & 0xFFFF_FFFF) + position).bits)
            default: throw EditFailure("\(path) leads nowhere")
            }
        }
        return number
    }

    func field(_ record: UInt32, _ name: String) throws -> (tag: UInt32, bits: UInt64) {
        let facts = self.record(Int(record))
        return slot(Int(facts.first_slot) + Int(try number(of: name, in: record)))
    }

    func number(of name: String, in record: UInt32) throws -> UInt32 {
        try #require(Int(record) < document.recordCount)
        let fields = document.schema.declarations[Int(document.types[Int(record)])].fields
        return UInt32(try #require(fields.firstIndex { $0.name == name }, "\(name)"))
    }

    /// A record with everything in it: `{name: "a", at: {x: 1.0, …}}`, lists in brackets.
    func text(_ number: UInt32 = 1) -> String {
        let facts = record(Int(number))
        let fields = document.schema.declarations[Int(facts.type)].fields
        let parts = fields.indices.map { fields[$0].name + ": " + value(Int(facts.first_slot) + $0, fields[$0]) }
        return "{" + parts.joined(separator: ", ") + "}"
    }

    private func value(_ index: Int, _ field: FieldDeclaration) -> String {
        let (tag, bits) = slot(index)
        switch tag {
        case BD_TAG_NONE: return "none"
        case BD_TAG_INT: return String(Int64(bitPattern: bits))
        case BD_TAG_FLOAT: return "\(Double(bitPattern: bits))"
        case BD_TAG_BOOL: return bits == 1 ? "true" : "false"
        case BD_TAG_STRING:
            let start = Int(header.strings_offset) + Int(bits & 0xFFFF_FFFF)
            return "\"" + String(decoding: snapshot[start..<start + Int(bits >> 32)], as: UTF8.self) + "\""
        case BD_TAG_ENUM: return "#\(bits)"
        case BD_TAG_RECORD: return text(UInt32(bits))
        default:
            let first = Int(bits & 0xFFFF_FFFF)
            return "[" + (first..<first + Int(bits >> 32)).map { value($0, field) }.joined(separator: ", ") + "]"
        }
    }

    var printed: String { get throws { String(decoding: try document.bytes(), as: UTF8.self) } }

    /// Checks what a client relies on: places inside the blocks, records that stand in one slot each.
    func checkSnapshot() throws {
        let slots = Int(header.slot_count)
        #expect(header.magic == UInt64(BD_TYPED_MAGIC))
        #expect(snapshot.count == Int(header.strings_offset) + (Int(header.string_bytes) + 7) / 8 * 8)
        var holders = [Int](repeating: 0, count: recordCount)
        for number in 1..<recordCount {
            let facts = record(number)
            try #require(Int(facts.type) < document.schema.structNames.count)
            let fields = document.schema.declarations[Int(facts.type)].fields
            try #require(Int(facts.first_slot) + fields.count <= slots)
            for index in fields.indices {
                let (tag, bits) = slot(Int(facts.first_slot) + index)
                try #require(tag <= BD_TAG_LIST, "\(fields[index].name) of record \(number)")
                if tag == BD_TAG_RECORD { holders[Int(bits)] += 1 }
                if tag == BD_TAG_STRING { try #require(bits & 0xFFFF_FFFF + bits >> 32 <= header.string_bytes) }
                guard tag == BD_TAG_LIST else { continue }
                let first = Int(bits & 0xFFFF_FFFF)
                try #require(first + Int(bits >> 32) <= slots)
                for element in first..<first + Int(bits >> 32) where slot(element).tag == BD_TAG_RECORD {
                    holders[Int(slot(element).bits)] += 1
                }
            }
        }
        #expect(holders[2...].allSatisfy { $0 == 1 }, "a record that stands in no slot, or in two")
    }
}

extension Loaded {
    func set(_ record: UInt32, _ name: String, _ value: TypedValue) throws {
        let field = try number(of: name, in: record)
        try document.apply("set") { (document) throws(EditFailure) in try document.set(record, field, value) }
    }

    func splice(_ record: UInt32, _ name: String, _ start: Int, _ removed: Int, _ values: [TypedValue] = []) throws {
        let field = try number(of: name, in: record)
        try document.apply("splice") { (document) throws(EditFailure) in
            try document.splice(record, field, start: start, removed: removed, values)
        }
    }

    func permute(_ record: UInt32, _ name: String, _ order: [UInt32]) throws {
        let field = try number(of: name, in: record)
        try document.apply("permute") { (document) throws(EditFailure) in try document.permute(record, field, order) }
    }

    /// A struct with these values and none for the others; numbers are given in the order of fields.
    func make(_ type: String, _ values: [String: TypedValue], number: UInt32) throws -> TypedValue {
        let type = try #require(document.schema.structNames.firstIndex(of: type))
        let fields = document.schema.declarations[type].fields
        return .record(
            number: number, type: type,
            fields: fields.map { field in
                if let value = values[field.name] { return value }
                if case .list = field.type { return .list([]) }
                return .none
            })
    }
}

/// Heads and atoms of a text with how often each stands there; strings by their values.
func tokens(_ bytes: [UInt8]) throws -> [String: Int] {
    let document = try SexpDocument.parse(bytes)
    var counts: [String: Int] = [:]
    for node in 0..<document.nodeCount {
        switch document.kind(of: node) {
        case .list: counts["(", default: 0] += 1
        case .string: counts["\"" + document.value(of: node), default: 0] += 1
        default: counts[document.sourceText(of: node), default: 0] += 1
        }
    }
    return counts
}
