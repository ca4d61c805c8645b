// A KiCad file as records with fields, above the tree that keeps all of its text.
//
// For: loading (records for the client, in one snapshot), edits by record number (+Edits), printing (+Printing). The tree
// is changed only where an edit says so. Allowed order: `load`, then any. One thread owns a document. Must not: parse a
// text twice, or keep what the client has. Cost: 16 bytes for each node and 6 for each record beside the text.
internal import CLayout

public final class TypedDocument {
    public let schema: KiCadSchema
    /// The struct of record 1.
    public let type: Int
    let source: SexpDocument
    /// What load was told beyond the type: see LoadOptions.
    let options: LoadOptions
    /// By record number.
    var places: Column<UInt32>
    var types: Column<UInt16>
    /// For each default: record of its parent in the high half, field in the low half.
    var initials: Column<UInt64>
    var edits = EditedLists()
    /// It was made of a value and is printed once: elements without content are left out, since no edit will count them.
    var isMade = false
    /// Strings stand for nets where other files have numbers.
    let hasNamedNets: Bool
    /// Why an edit could not be made; from then on the document is not what the client believes.
    public internal(set) var failure: String?
    /// Of the text that it was loaded from.
    public let contentHash: UInt64

    public struct LoadOptions: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// As it stands in a file: what nobody edits is written again byte for byte.
        /// Without this the text has KiCad's present layout and ends with one LF; strings have no line ends in them but as
        /// escapes, and entries that KiCad does not write when they are empty are gone.
        public static let isVerbatim = LoadOptions(rawValue: 1)
        /// Of a struct alone: its text has no head word.
        public static let isHeadless = LoadOptions(rawValue: 4)
    }

    /// Reads `bytes` as a file of this type, or as the text of one struct alone. The snapshot has the layout of
    /// bd_layout.h; it is handed out once.
    public static func load(
        type: Int, _ bytes: [UInt8], label: String? = nil, limits: SexpLimits = SexpLimits(),
        options: LoadOptions = [],
        schema: KiCadSchema = .shared, isCancelled: (() -> Bool)? = nil
    ) throws(SexpError) -> (document: TypedDocument, snapshot: [UInt8]) {
        let source = try SexpDocument.parse(
            bytes, label: label, limits: limits, isCancelled: isCancelled)
        var decoder = TypedDecoder(schema, nodes: source.nodeCount)
        do {
            try decode(&decoder, source, type, options)
        } catch {
            throw source.render(error, schema)
        }
        guard let snapshot = decoder.snapshot() else {
            throw SexpError(
                kind: .outOfMemory, message: "no memory for the records of this text", label: label)
        }
        return (TypedDocument(source, type, options, schema, &decoder), snapshot)
    }

    init(
        _ source: SexpDocument, _ type: Int, _ options: LoadOptions, _ schema: KiCadSchema,
        _ decoder: inout TypedDecoder
    ) {
        self.source = source
        self.type = type
        self.options = options
        self.schema = schema
        types = decoder.takeTypes()
        places = decoder.takePlaces()
        initials = decoder.takeDefaults()
        hasNamedNets = decoder.version > TypedDecoder.lastNumberedNets
        contentHash = ContentHash.of(source.text)
        // A file keeps them: an edit elsewhere is none of theirs.
        if !options.contains(.isVerbatim) {
            for entry in decoder.emptied { remove(entry: entry) }
        }
    }

    /// As it was written into an image.
    init(
        _ source: SexpDocument, _ type: Int, _ options: LoadOptions, _ schema: KiCadSchema, places: consuming Column<UInt32>,
        types: consuming Column<UInt16>, initials: consuming Column<UInt64>, edits: EditedLists, hasNamedNets: Bool
    ) {
        self.source = source
        self.type = type
        self.options = options
        self.schema = schema
        self.places = places
        self.types = types
        self.initials = initials
        self.edits = edits
        self.hasNamedNets = hasNamedNets
        contentHash = ContentHash.of(source.text)
    }

    /// Record 1 is the whole, record 2 of a file its root.
    private static func decode(
        _ decoder: inout TypedDecoder, _ source: SexpDocument, _ type: Int, _ options: LoadOptions
    ) throws(TypedFault) {
        let schema = decoder.schema
        let root = source.root
        let end = source.end(of: root)
        let text = source.text
        guard let format = schema.format(file: type) else {
            let isHeadless = options.contains(.isHeadless)
            _ = try decoder.record(
                type, source.nodes, text.span, from: root + (isHeadless ? 1 : 2), to: max(end, root + 1),
                list: root,
                flags: isHeadless ? UInt16(BD_RECORD_HEADLESS) : 0)
            return
        }
        let head = TypedDecoder.value(source.nodes, root + 1, end)
        if head == end { throw TypedFault(.unexpectedType, .rootList, node: root, type: type) }
        let node = source.nodes[head]
        guard node.kind_and_count & 7 == BD_SEXP_WORD, head == root + 1 else {
            throw TypedFault(.unexpectedType, .rootHead, node: head, type: type)
        }
        if let entry = source.find("version", in: root), source.childCount(of: entry) > 1 {
            let value = source.nodes[entry + 2]
            decoder.version = NumberText.int(text.span, Int(value.text_start), Int(value.text_length)) ?? 0
        }
        let start = Int(node.text_start)
        let length = Int(node.text_length)
        let key = TextKey.key(text.span, start, length)
        let file = try decoder.add(type, place: RecordPlace.nowhere.bits, flags: 0, node: root)
        let slot = Int(decoder.records[Int(file)].first_slot)
        let record: UInt32
        if format.rootTokens.contains(where: { schema.isWord($0, text.span, start, length, key) }) {
            record = try decoder.record(
                format.root, source.nodes, text.span, from: root + 2, to: end, list: root, flags: 0)
        } else if format.elementToken >= 0,
            schema.isWord(format.elementToken, text.span, start, length, key)
        {
            record = try decoder.record(
                format.root, source.nodes, text.span, from: root, to: end, list: root,
                flags: UInt16(BD_RECORD_UNKNOWN | BD_RECORD_BARE))
            decoder.places[Int(record)] = RecordPlace.nowhere.bits
        } else {
            throw TypedFault(.unexpectedType, .rootWord, node: head, type: type)
        }
        decoder.set(slot, UInt8(BD_TAG_RECORD), UInt64(record))
    }

    public var recordCount: Int { places.count }
    /// How many structs of each type are inside of it, the most frequent first. Cost: a look at each record's type.
    public var structCounts: [(name: String, count: Int)] {
        var counts = [Int](repeating: 0, count: schema.structNames.count)
        for record in 2..<max(types.count, 2) where Int(types[record]) < counts.count { counts[Int(types[record])] += 1 }
        return zip(schema.structNames, counts).filter { $0.1 > 0 }.map { (name: $0.0, count: $0.1) }
            .sorted { ($0.count, $1.name) > ($1.count, $0.name) }
    }
    public var label: String? { source.label }
    public var textBytes: Int { source.textBytes }
    public var nodeCount: Int { source.nodeCount }
    /// Bytes held for it.
    public var memoryBytes: Int {
        source.memoryBytes + places.bytes + types.bytes + initials.bytes + edits.bytes
    }
}

extension TypedDecoder {
    mutating func takePlaces() -> Column<UInt32> {
        var taken = Column<UInt32>()
        swap(&taken, &places)
        taken.trim()
        return taken
    }

    mutating func takeDefaults() -> Column<UInt64> {
        var taken = Column<UInt64>()
        swap(&taken, &defaults)
        taken.trim()
        return taken
    }

    /// Two bytes of each record. Without memory for them the next look at one ends the worker, as any such look would.
    mutating func takeTypes() -> Column<UInt16> {
        var types = Column<UInt16>()
        _ = types.grow(to: records.count)
        for record in 0..<records.count { _ = types.append(records[record].type) }
        return types
    }

    /// Header, records, slots, tags, strings, each at a multiple of 8.
    func snapshot() -> [UInt8]? {
        func padded(_ count: Int) -> Int { (count + 7) & ~7 }
        let header = MemoryLayout<bd_typed_header>.size
        let recordsAt = header
        let slotsAt = recordsAt + records.count * MemoryLayout<bd_typed_record>.stride
        let tagsAt = slotsAt + slots.count * 8
        let stringsAt = tagsAt + padded(tags.count)
        let total = stringsAt + padded(strings.count)
        let head = bd_typed_header(
            magic: UInt64(BD_TYPED_MAGIC), record_count: UInt32(records.count),
            slot_count: UInt32(slots.count),
            string_bytes: UInt64(strings.count), records_offset: UInt64(recordsAt),
            slots_offset: UInt64(slotsAt),
            tags_offset: UInt64(tagsAt), strings_offset: UInt64(stringsAt), reserved: 0)
        return [UInt8](unsafeUninitializedCapacity: total) { buffer, used in
            let target = UnsafeMutableRawBufferPointer(buffer)
            func put(_ offset: Int, _ bytes: UnsafeRawBufferPointer, paddedTo end: Int) {
                UnsafeMutableRawBufferPointer(rebasing: target[offset..<offset + bytes.count]).copyMemory(
                    from: bytes)
                for index in offset + bytes.count..<end { target[index] = 0 }
            }
            withUnsafeBytes(of: head) { put(0, $0, paddedTo: recordsAt) }
            records.withBytes { put(recordsAt, $0, paddedTo: slotsAt) }
            slots.withBytes { put(slotsAt, $0, paddedTo: tagsAt) }
            tags.withBytes { put(tagsAt, $0, paddedTo: stringsAt) }
            strings.withBytes { put(stringsAt, $0, paddedTo: total) }
            used = total
        }
    }
}
