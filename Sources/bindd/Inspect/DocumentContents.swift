// What is in a KiCad document: its structs by the place where they stand, and the Python objects that look at them, as its
// client wrote them down (bd_contents in bd_layout.h). Believes nothing: a number that leads nowhere counts for nothing.
// Cost: a pass over the entries, a nanosecond for each struct.

import CLayout
import SexpCore
import Wire

/// Names of structs and fields by the numbers that client and command share.
enum StructNames {
    static let types = KiCadSchema.shared.structNames
    static let fields: [(name: String, isList: Bool)] = KiCadSchema.shared.declarations.flatMap { declaration in
        declaration.fields.map { field in
            if case .list = field.type { (field.name, true) } else { (field.name, false) }
        }
    }

    /// Pad of pcb.Pad.
    static func short(_ type: String) -> String { String(type.split(separator: ".").last ?? "") }
}

struct DocumentContents {
    /// Structs that stand at one place.
    struct Group {
        let place: Int
        let field: String
        let isList: Bool
        /// pcb.Pad
        let type: String
        var count: UInt64 = 0
        /// Python objects that look at one of them, or at a list in one of them.
        var objects: UInt64 = 0
        /// The one with the lowest number.
        var record = 0

        /// footprints 2,779 Footprint, 3 Python objects
        var text: String {
            let counted = isList || count != 1 ? "\(Units.count(count)) " : ""
            let held = objects == 0 ? "" : ", \(DocumentContents.objectsText(objects))"
            return (field.isEmpty ? "" : "\(field) ") + counted + StructNames.short(type) + held
        }
    }

    static func objectsText(_ count: UInt64) -> String { "\(Units.count(count)) Python \(count == 1 ? "object" : "objects")" }

    /// Of the document's handle.
    let id: UInt64
    /// Its records no longer stand in the order of their numbers.
    let isEdited: Bool
    private let entries: [UInt32]
    private let places: [bd_contents_place]
    /// Of an edited document: two numbers for each record, who holds it and at which index. Empty: not told.
    private let order: [UInt32]

    init(_ head: bd_contents, entries: [UInt32], places: [bd_contents_place], order: [UInt32] = []) {
        self.order = order
        id = head.id
        isEdited = head.flags & BD_CONTENTS_EDITED != 0
        self.entries = entries
        self.places = places
    }

    static let root = 1

    private func place(_ record: Int) -> Int {
        guard entries.indices.contains(record) else { return 0 }
        let place = Int(entries[record] & BD_ENTRY_PLACE_MASK)
        return place < places.count && Int(places[place].type) < StructNames.types.count ? place : 0
    }

    /// 0: it has none, also where the file says what cannot be.
    func parent(of place: Int) -> Int {
        let parent = Int(places[place].parent)
        return parent < place ? parent : 0
    }

    /// Places from this one up to the whole document, this one first.
    private func way(up place: Int) -> [Int] {
        Array(sequence(first: place) { parent(of: $0) == 0 ? nil : parent(of: $0) })
    }

    func contains(_ record: Int) -> Bool { place(record) != 0 }

    func type(of record: Int) -> String { StructNames.types[Int(places[place(record)].type)] }

    func objects(of record: Int) -> UInt64 {
        entries.indices.contains(record) ? UInt64(entries[record] / BD_ENTRY_OBJECT) : 0
    }

    /// It was there, and is in its list or field no more.
    func isRemoved(_ record: Int) -> Bool { entries.indices.contains(record) && record > 0 && !contains(record) }

    /// The record that holds it, and its index there; nil: not told, or not so.
    private func standing(_ record: Int) -> (owner: Int, index: Int)? {
        guard order.indices.contains(record * 2 + 1) else { return nil }
        let owner = Int(order[record * 2])
        guard place(record) != 0, place(owner) != 0, place(owner) == parent(of: place(record)) else { return nil }
        return (owner, Int(order[record * 2 + 1]))
    }

    /// The record and what is in it; nil where an edited document's client does not tell who holds what.
    func records(in record: Int) -> [Int]? {
        guard record != Self.root else { return Array(record..<max(entries.count, record)) }
        guard place(record) != 0 else { return nil }
        return isEdited ? heldRecords(in: record) : followingRecords(in: record)
    }

    /// They stand behind it.
    private func followingRecords(in record: Int) -> [Int] {
        let outer = place(record)
        var isInside: [Int: Bool] = [:]
        var end = record + 1
        while end < entries.count {
            let inner = place(end)
            let known = isInside[inner] ?? (inner == 0 || way(up: inner).dropFirst().contains(outer))  // 0: removed
            isInside[inner] = known
            guard known else { break }
            end += 1
        }
        return Array(record..<end)
    }

    /// Those from which holders lead to it: each record is gone over once.
    private func heldRecords(in record: Int) -> [Int]? {
        guard !order.isEmpty, entries.count > 1 else { return nil }
        var isInside = [Bool?](repeating: nil, count: entries.count)
        isInside[0] = false
        isInside[Self.root] = false
        isInside[record] = true
        var way: [Int] = []
        for start in entries.indices where place(start) != 0 {
            var at = start
            while isInside[at] == nil {
                isInside[at] = false  // should holders lead round in a circle
                way.append(at)
                at = standing(at)?.owner ?? 0
            }
            for one in way { isInside[one] = isInside[at] }
            way.removeAll(keepingCapacity: true)
        }
        return entries.indices.filter { isInside[$0] == true }
    }

    /// By place, in the order in which places were first seen. A record that is in nothing any more is in none of them.
    func groups(in records: some Sequence<Int>) -> [Group] {
        var groups: [Group] = []
        var numbers = [Int](repeating: -1, count: places.count)
        for record in records {
            let place = place(record)
            guard place != 0 else { continue }
            if numbers[place] < 0 {
                numbers[place] = groups.count
                var group = self.group(place)
                group.record = record
                groups.append(group)
            }
            groups[numbers[place]].count += 1
            groups[numbers[place]].objects += objects(of: record)
        }
        return groups
    }

    private func group(_ place: Int) -> Group {
        let number = Int(places[place].field)
        let field = number < StructNames.fields.count ? StructNames.fields[number] : (name: "", isList: false)
        return Group(place: place, field: field.name, isList: field.isList, type: StructNames.types[Int(places[place].type)])
    }

    /// All Python objects that keep the document, those too that look at what is in nothing any more.
    var objects: UInt64 { entries.reduce(0) { $0 + UInt64($1 / BD_ENTRY_OBJECT) } }

    /// kicad_pcb.footprints[12].pads[3]; without numbers where an edited document's client does not tell them.
    func path(of record: Int) -> String {
        var parts: [String] = []
        var inner = record
        for place in way(up: place(record)) where parent(of: place) != 0 {
            let group = group(place)
            guard let standing = isEdited ? standing(inner) : standingByNumber(inner, place) else {
                parts.append(group.field)
                inner = 0
                continue
            }
            parts.append(group.field + (group.isList ? "[\(standing.index)]" : ""))
            inner = standing.owner
        }
        return parts.reversed().joined(separator: ".")
    }

    /// Where records stand in the order of their numbers.
    private func standingByNumber(_ record: Int, _ place: Int) -> (owner: Int, index: Int)? {
        let owner = (0..<record).last { self.place($0) == parent(of: place) } ?? 0
        return (owner, (owner..<record).count { self.place($0) == place })
    }

    /// How many stand where the record does.
    func count(at record: Int) -> UInt64 {
        let wanted = place(record)
        return UInt64(entries.indices.count { place($0) == wanted })
    }
}

extension Ledger {
    /// Heads of all contents, with their offsets, until `body` answers false. Cost: a system call for each 16 KiB of
    /// contents, at most one for each document.
    func forEachContents(_ body: (bd_contents, Int) -> Bool) {
        let end = min(Int(header.contents_bytes), Int(BD_LEDGER_CONTENTS_BYTES))
        let headBytes = MemoryLayout<bd_contents>.size
        var window: [bd_contents] = []
        var windowStart = 0
        var at = 0
        while at + headBytes <= end {
            if at - windowStart >= window.count * headBytes || at < windowStart {
                windowStart = at
                window = file.values(
                    at: Int(BD_LEDGER_CONTENTS_OFFSET) + at, count: min(512, (end - at) / headBytes), of: bd_contents.self)
            }
            let head = window[(at - windowStart) / headBytes]
            let bytes = Int(head.bytes)
            guard bytes >= Int(BD_CONTENTS_BYTES_MIN), bytes & (bytes - 1) == 0, bytes <= end - at else { return }
            if head.id != 0, UInt32(head.id >> 32) & 0xFF_FFFF == generation, headBytes + Int(head.count) * 4 <= bytes,
                !body(head, at)
            { return }
            at += bytes
        }
    }

    /// nil when the document is gone or was never shown.
    func contents(where isWanted: (UInt64) -> Bool) -> DocumentContents? {
        var found: DocumentContents?
        forEachContents { head, at in
            guard isWanted(head.id), let entries = entries(head, at) else { return true }
            found = DocumentContents(
                head, entries: entries, places: places,
                order: head.flags & BD_CONTENTS_EDITED != 0
                    ? numbers(BD_KIND_ORDER, of: head.id, atMost: entries.count * 2) : [])
            return false
        }
        return found
    }

    /// What stands behind a head, at most so much; nil when it is another one's by now.
    private func entries(_ head: bd_contents, _ at: Int, atMost: Int = .max) -> [UInt32]? {
        let offset = Int(BD_LEDGER_CONTENTS_OFFSET) + at
        let entries = file.values(
            at: offset + MemoryLayout<bd_contents>.size, count: min(Int(head.count), atMost), of: UInt32.self)
        return file.value(at: offset, of: bd_contents()).id == head.id ? entries : nil
    }

    /// What else is told of a document, under a kind of its own; nothing when it is not.
    func numbers(_ kind: UInt32, of document: UInt64, atMost: Int) -> [UInt32] {
        let id = UInt64(kind) << 56 | document & 0xFF_FFFF_FFFF_FFFF
        var found: [UInt32] = []
        forEachContents { head, at in
            guard head.id == id, let entries = entries(head, at, atMost: atMost) else { return true }
            found = entries
            return false
        }
        return found
    }

    func contents(of id: UInt64) -> DocumentContents? { contents { $0 == id } }

    /// Of the document with that number, as the ids of what is in it have it.
    func contents(ofDocument number: UInt64) -> DocumentContents? {
        contents { $0 & 0xFF_FFFF == number && HandleKind.documents.contains(UInt32($0 >> 56)) }
    }
}

extension JSONValue {
    /// By name, most first.
    static func counts(_ counts: [String: UInt64]) -> JSONValue {
        .object(counts.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.map { ($0.key, .uint($0.value)) })
    }
}
