// A document with its edits as bytes, and back.
//
// For: keeping the state of a worker where it can be read again without parsing. The image is a raw dump of the columns, in
// the byte order and layout of this build: it does not leave the machine, nor outlive the version. Must not: trust the
// bytes; every length is checked, and what is restored is walked once, so that no index in it leads outside. Cost: one
// copy, and one pass over what is restored.
internal import CLayout

extension TypedDocument {
    private static let magic: UInt64 = 0x3247_4D49_5044_4442

    public func image() -> [UInt8] {
        var image = ImageWriter()
        image.u64(Self.magic)
        for number in [type, Int(options.rawValue), hasNamedNets ? 1 : 0, source.formCount] { image.u64(UInt64(number)) }
        let limits = source.limits
        for number in [limits.depthMax, limits.textBytesMax, limits.nodesMax, limits.printedBytesMax] {
            image.u64(UInt64(number))
        }
        image.text(source.label)
        image.text(failure)
        source.text.withUnsafeBytes { image.block($0) }
        source.nodes.withBytes { image.block($0) }
        places.withBytes { image.block($0) }
        types.withBytes { image.block($0) }
        initials.withBytes { image.block($0) }
        edits.text.withUnsafeBytes { image.block($0) }
        image.u64(UInt64(edits.atoms.count))
        for atom in edits.atoms {
            image.u64(UInt64(atom.kind))
            image.u64(UInt64(atom.start) << 32 | UInt64(atom.length))
        }
        edits.marks.withUnsafeBytes { image.block($0) }
        image.u64(UInt64(edits.lists.count))
        for list in edits.lists {
            image.u64(UInt64(bitPattern: Int64(list.type)))
            list.items.withUnsafeBytes { image.block($0) }
            list.roles.withUnsafeBytes { image.block($0) }
        }
        return image.bytes
    }

    /// Nil when the bytes are no image of this build, or damaged.
    public static func restore(image bytes: UnsafeRawBufferPointer, schema: KiCadSchema = .shared) -> TypedDocument? {
        var image = ImageReader(bytes)
        guard image.u64() == magic, let type = image.count(), type < schema.structNames.count, let options = image.count(),
            options <= Int(UInt32.max), let named = image.count(), let forms = image.count(), let depth = image.count(),
            let textMax = image.count(), let nodesMax = image.count(), let printedMax = image.count(),
            let label = image.text(), let failure = image.text(), let text = image.block(), let nodes = image.block(),
            let places = image.block(), let types = image.block(), let initials = image.block(),
            let editText = image.block(), let atomCount = image.count()
        else { return nil }
        guard let nodeColumn = NodeColumn(bytes: nodes), let placeColumn = Column<UInt32>(bytes: places),
            let typeColumn = Column<UInt16>(bytes: types), let initialColumn = Column<UInt64>(bytes: initials)
        else { return nil }
        var edits = EditedLists()
        edits.text = Array(editText)
        for _ in 0..<atomCount {
            guard let kind = image.u64(), let place = image.u64(), kind >= UInt64(BD_SEXP_WORD), kind <= UInt64(BD_SEXP_COMMENT),
                place >> 32 + place & 0xFFFF_FFFF <= UInt64(edits.text.count)
            else { return nil }
            edits.atoms.append(
                EditedLists.Atom(kind: UInt32(kind), start: UInt32(place >> 32), length: UInt32(place & 0xFFFF_FFFF)))
        }
        guard let marks = image.block(), marks.count % MemoryLayout<EditedLists.Mark>.stride == 0 else { return nil }
        edits.marks = (0..<marks.count / MemoryLayout<EditedLists.Mark>.stride).map {
            marks.loadUnaligned(fromByteOffset: $0 * MemoryLayout<EditedLists.Mark>.stride, as: EditedLists.Mark.self)
        }
        guard let listCount = image.count() else { return nil }
        for _ in 0..<listCount {
            guard let type = image.u64(), let items = image.block(), let roles = image.block(), items.count % 4 == 0,
                roles.count % 2 == 0
            else { return nil }
            _ = edits.add(
                EditedLists.List(
                    items: (0..<items.count / 4).map {
                        EditedLists.Item(bits: items.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self))
                    },
                    roles: (0..<roles.count / 2).map { roles.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self) },
                    type: Int(truncatingIfNeeded: Int64(bitPattern: type))))
        }
        guard image.isAtEnd else { return nil }
        let source = SexpDocument(
            text: Array(text), nodes: nodeColumn, formCount: forms,
            limits: SexpLimits(depthMax: depth, textBytesMax: textMax, nodesMax: nodesMax, printedBytesMax: printedMax),
            label: label.value)
        let document = TypedDocument(
            source, type, LoadOptions(rawValue: UInt32(options)), schema, places: placeColumn, types: typeColumn,
            initials: initialColumn, edits: edits, hasNamedNets: named == 1)
        document.failure = failure.value
        return document.isSound ? document : nil
    }

    /// Each index leads to something, and forward where lists nest.
    private var isSound: Bool {
        let nodeCount = source.nodes.count
        guard places.count == types.count, places.count > 1 else { return false }
        var ends: [Int] = []
        var marked = 0
        for index in 0..<nodeCount {
            let node = source.nodes[index]
            while let end = ends.last, end == index { ends.removeLast() }
            guard Int(node.end) > index, Int(node.end) <= ends.last ?? nodeCount else { return false }
            if Int(node.end) > index + 1 { ends.append(Int(node.end)) }
            if node.kind_and_count & 7 >= EditedLists.edited { marked += 1 }
            switch node.kind_and_count & 7 {
            case EditedLists.edited:
                // Its nodes are inside of it: so nothing can hold itself.
                guard Int(node.text_start) < edits.lists.count else { return false }
                let inside = index + 1..<max(index + 1, Int(node.end))
                for item in edits.lists[Int(node.text_start)].items where item.isNode {
                    if !inside.contains(item.index) { return false }
                }
            case EditedLists.replaced: if Int(node.text_start) >= edits.atoms.count { return false }
            case 7: return false
            default: if Int(node.text_start) + Int(node.text_length) > source.text.count { return false }
            }
        }
        guard edits.marks.count == marked, Set(edits.marks.map(\.node)).count == marked else { return false }
        for mark in edits.marks {
            guard Int(mark.node) < nodeCount, source.nodes[Int(mark.node)].kind_and_count & 7 >= EditedLists.edited,
                mark.start <= mark.end, Int(mark.end) <= source.text.count
            else { return false }
        }
        let hasNodes = edits.lists.map { $0.items.contains { $0.isNode } }
        for list in edits.lists {
            guard list.type < schema.structNames.count, list.type < 0 || list.roles.count == list.items.count else { return false }
            for item in list.items {
                let count = item.isNode ? nodeCount : item.isList ? edits.lists.count : item.isAtom ? edits.atoms.count : 0
                if item.index >= count || item.isList && hasNodes[item.index] { return false }
            }
        }
        for record in 1..<places.count {
            guard Int(types[record]) < schema.structNames.count else { return false }
            switch RecordPlace(bits: places[record]) {
            case .node(let node): if node >= nodeCount { return false }
            case .made(let list): if list >= edits.lists.count { return false }
            case .initial(let initial):
                guard initial < initials.count, Int(initials[initial] >> 32) < places.count else { return false }
            case .nowhere: break
            }
        }
        return !edits.hasCycle && rootNode != nil
    }
}

private struct ImageWriter {
    var bytes: [UInt8] = []
    mutating func u64(_ value: UInt64) { withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) } }
    mutating func block(_ block: UnsafeRawBufferPointer) {
        u64(UInt64(block.count))
        bytes.append(contentsOf: block)
        bytes.append(contentsOf: repeatElement(0, count: -block.count & 7))
    }
    mutating func text(_ text: String?) {
        u64(text == nil ? 0 : 1)
        var utf8 = Array((text ?? "").utf8)
        utf8.withUnsafeMutableBytes { block(UnsafeRawBufferPointer($0)) }
    }
}

private struct ImageReader {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0
    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }
    var isAtEnd: Bool { at == bytes.count }

    mutating func u64() -> UInt64? {
        guard bytes.count - at >= 8 else { return nil }
        defer { at += 8 }
        return bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
    }

    mutating func count() -> Int? { u64().flatMap { $0 <= UInt64(Int32.max) << 8 ? Int($0) : nil } }

    mutating func block() -> UnsafeRawBufferPointer? {
        guard let count = count(), count <= bytes.count - at else { return nil }
        let padded = (count + 7) & ~7
        guard padded <= bytes.count - at else { return nil }
        defer { at += padded }
        return UnsafeRawBufferPointer(rebasing: bytes[at..<at + count])
    }

    mutating func text() -> (value: String?, isThere: Bool)? {
        guard let isThere = count(), let block = block() else { return nil }
        return (isThere == 1 ? String(decoding: block, as: UTF8.self) : nil, isThere == 1)
    }
}
