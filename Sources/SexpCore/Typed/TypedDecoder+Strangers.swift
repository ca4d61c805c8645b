// Which nodes of a list count, and which are parts that no field reads.
//
// For: forms of another version among the values of a field, kept where they stand. Must not: decide what a value means. Cost:
// a load for each node that is skipped.
internal import CLayout

extension TypedDecoder {
    /// The first node that is no comment; `end` when there is none.
    @inline(__always)
    static func value(_ nodes: borrowing NodeColumn, _ first: Int, _ end: Int) -> Int {
        var node = first
        while node < end, nodes[node].kind_and_count & 7 == BD_SEXP_COMMENT { node += 1 }
        return node
    }

    /// A list alone where one value should stand, of a field that can do without.
    func isUnknownPart(
        _ field: KiCadSchema.Field, _ nodes: borrowing NodeColumn, _ text: Span<UInt8>, _ list: Int
    ) -> Bool {
        if field.reading.contains(.notLists) { return true }
        guard Self.isForm(nodes, list) else { return false }
        if field.kind == .bool { return Int(nodes[list].end) > list + 1 && boolean(nodes, text, list + 1) == nil }
        return !field.isRequired
    }

    /// A list that starts with a bare word, or an empty one.
    static func isForm(_ nodes: borrowing NodeColumn, _ list: Int) -> Bool {
        Int(nodes[list].end) == list + 1 || nodes[list + 1].kind_and_count & 7 == BD_SEXP_WORD
    }

    /// An element that starts with a word where its struct has a number: another version's.
    func isStranger(_ field: KiCadSchema.Field, _ nodes: borrowing NodeColumn, _ list: Int) -> Bool {
        schema.startsWithNumber(field.target) && Int(nodes[list].end) > list + 1 && Self.isForm(nodes, list)
    }

    /// The first node that is a list; nil when there is none.
    @inline(__always)
    static func firstList(_ nodes: borrowing NodeColumn, _ first: Int, _ end: Int) -> Int? {
        var node = first
        while node < end {
            if nodes[node].kind_and_count & 7 == BD_SEXP_LIST { return node }
            node += 1
        }
        return nil
    }

    /// The first node that is an atom; `end` when there is none.
    @inline(__always)
    static func atom(_ nodes: borrowing NodeColumn, _ first: Int, _ end: Int) -> Int {
        var node = first
        while node < end {
            let kind = nodes[node].kind_and_count & 7
            if kind != BD_SEXP_COMMENT && kind != BD_SEXP_LIST { return node }
            node = Int(nodes[node].end)
        }
        return end
    }
}
