// A typed document as text.
//
// For: the whole file, one record, and the parts that no field reads. A file that nobody edited comes back byte for byte,
// whatever its layout; of one that was edited the edits alone are laid out. Must not: change the document. Cost: that of
// SourcePrinter, and of SexpPrinter for a text that is no file's.
internal import CLayout

extension TypedDocument {
    public func bytes(isCancelled: (() -> Bool)? = nil) throws(SexpError) -> [UInt8] {
        let text = source.text
        do {
            guard options.contains(.isVerbatim) else {
                return try SexpPrinter(printedBytesMax: source.limits.printedBytesMax, isPlain: true)
                    .print(source.nodes, text: text.span, edits: edits, isCancelled: isCancelled)
            }
            if edits.isEmpty { return text }
            let root = rootNode ?? 0
            let start = edits.marks.first { $0.node == root }?.start ?? source.nodes[root].text_start
            return try SourcePrinter(
                layout: SourceLayout(text.span, root: Int(start)), root: root, marks: edits.marks,
                printedBytesMax: source.limits.printedBytesMax)
                .print(source.nodes, text: text.span, edits: edits, isCancelled: isCancelled)
        } catch {
            throw source.printingError(error)
        }
    }

    /// One record alone. Empty for a default that is not in the text.
    public func text(of record: UInt32) throws(SexpError) -> [UInt8] {
        guard let item = item(of: record) else { return [] }
        return try print(item)
    }

    /// Parts of a record that no field reads, in their order.
    public func unknownParts(of record: UInt32) throws(SexpError) -> [[UInt8]] {
        guard let item = item(of: record) else { return [] }
        let items = children(item)
        let type = Int(types[Int(record)])
        let isHeadless = isHeadless(Int(record), items)
        let roles = roles(type, items, isHeadless: isHeadless)
        var parts: [[UInt8]] = []
        for index in items.indices.dropFirst(isHeadless ? 0 : 1)
        where kind(items[index]) != BD_SEXP_COMMENT {
            if roles[index] == Role.none || roles[index] & Role.again != 0
                || isSurplus(type, roles[index], items[index])
            {
                parts.append(try print(items[index]))
            }
        }
        return parts
    }

    /// An entry of a field that has more in it than the field reads.
    private func isSurplus(_ type: Int, _ role: UInt16, _ item: Item) -> Bool {
        guard kind(item) == BD_SEXP_LIST, let index = Role.field(role) else { return false }
        let field = schema.fields[schema.structs[type].firstField + index]
        let values = values(item)
        switch field.encoding {
        case .value: return field.kind != .record && values.count != 1 && bytesText(field, item) == nil
        case .presence: return values.count > 1 || values.first.map { kind($0) == BD_SEXP_LIST } ?? false
        case .elements:
            return values.isEmpty
                || values.contains { field.kind == .record ? isStranger(field, $0) : kind($0) == BD_SEXP_LIST }
        default: return false
        }
    }

    private func item(of record: UInt32) -> Item? {
        guard record > 0, Int(record) < places.count else { return nil }
        switch RecordPlace(bits: places[Int(record)]) {
        case .node(let node): return .node(node)
        case .made(let list): return .list(list)
        case .initial: return nil
        case .nowhere: return record == 1 ? rootNode.map { .node($0) } : nil
        }
    }

    private func print(_ item: Item) throws(SexpError) -> [UInt8] {
        let text = source.text
        do {
            return try SexpPrinter(printedBytesMax: source.limits.printedBytesMax)
                .print(item: item, source.nodes, text: text.span, edits: edits)
        } catch {
            throw source.printingError(error)
        }
    }
}

extension TypedDocument {
    /// A document of a file that was made and never read.
    public static func make(
        file type: Int, _ value: TypedValue, schema: KiCadSchema = .shared
    ) throws -> TypedDocument {
        guard let format = schema.format(file: type) else {
            throw EditFailure("type \(type) is no file")
        }
        guard case .record(_, type, let fields) = value, fields.count == 1 else {
            throw EditFailure("no value for a file")
        }
        let source = try SexpDocument.parse(
            [0x28] + schema.wordText(format.rootTokens[0]) + [0x29, 0x0A])
        var decoder = TypedDecoder(schema, nodes: 0)
        _ = try decoder.add(type, place: RecordPlace.nowhere.bits, flags: 0, node: 0)
        let document = TypedDocument(source, type, [], schema, &decoder)
        document.isMade = true
        try document.set(1, 0, document.renumbered(fields[0]))
        return document
    }

    /// The value with numbers from 2 on, whatever it came with.
    private func renumbered(_ value: TypedValue) -> TypedValue {
        var next: UInt32 = 2
        func renumber(_ value: TypedValue) -> TypedValue {
            switch value {
            case .record(_, let type, let fields):
                let number = next
                next += 1
                return .record(number: number, type: type, fields: fields.map(renumber))
            case .list(let values): return .list(values.map(renumber))
            case .copy(let document, let numbers):
                defer { next += 1 }
                return .copy(of: document, numbers: numbers.prefix(1).map { ($0.source, next) })
            default: return value
            }
        }
        return renumber(value)
    }
}
