// The graph of a worker, read from its memory file while it works, hangs or is stopped. Believes nothing: each offset is
// checked against what is in use, each count against a cap, each loop ends; what contradicts itself is left out.
// A moment's picture only: a busy worker may change it between two reads. Cost: blocks of 64 KiB are read once and kept.

import CLayout
import Wire

final class ArenaReader {
    private static let blockBytes = 1 << 16
    private static let blocksKept = 128
    private static let textBytesMax = 256
    private static let attributesMax = 64
    private static let listsMax = 256

    private let file: SharedFile
    private let header: bd_arena_header
    private let usedBytes: Int
    private var blocks: [Int: [UInt8]] = [:]

    /// nil when the file is no arena of this layout.
    init?(file: SharedFile) {
        let header = file.value(at: 0, of: bd_arena_header())
        guard header.magic == UInt64(BD_ARENA_MAGIC), header.layout_version == BD_LAYOUT_VERSION else { return nil }
        self.file = file
        self.header = header
        usedBytes = min(Int(min(header.used_bytes, 1 << 40)), file.byteCount)
    }

    // -- words

    private func word(_ offset: Int) -> UInt32 {
        guard offset >= 0, offset + 4 <= usedBytes else { return 0 }
        let index = offset / ArenaReader.blockBytes
        if blocks[index] == nil {
            if blocks.count >= ArenaReader.blocksKept { blocks.removeAll(keepingCapacity: true) }
            blocks[index] = file.bytes(at: index * ArenaReader.blockBytes, count: ArenaReader.blockBytes)
        }
        return number(blocks[index] ?? [], at: offset % ArenaReader.blockBytes)
    }

    private func long(_ offset: Int) -> UInt64 { UInt64(word(offset)) | UInt64(word(offset + 4)) << 32 }

    private func offset(_ granule: UInt32) -> Int { Int(granule) * Int(BD_GRANULE_BYTES) }

    /// Where the record of an id stands; nil when there is no page for it.
    private func record(_ column: bd_column, _ id: UInt32, bytes: Int) -> Int? {
        guard id != 0, column.records_per_page > 0, Int(column.record_bytes) >= bytes else { return nil }
        let page = id / column.records_per_page
        guard page < BD_ARENA_DIRECTORY_ENTRIES, column.directory < 1 << 40 else { return nil }
        let granule = word(Int(column.directory) + Int(page) * 4)
        guard granule != 0 else { return nil }
        return offset(granule) + Int(id % column.records_per_page) * Int(column.record_bytes)
    }

    // -- nodes and edges

    struct Node {
        let attributes: UInt32
        /// Views, edge ends and clients that hold it.
        let references: UInt32
    }

    func node(_ id: UInt32) -> Node? {
        guard let at = record(header.nodes, id, bytes: 16), word(at + 8) & BD_NODE_EXISTS != 0 else { return nil }
        return Node(attributes: word(at), references: word(at + 4))
    }

    struct Edge: Equatable {
        let id: UInt32
        let source: UInt32
        let target: UInt32
        let attributes: UInt32
        let bits: UInt32
        var type: UInt32 { bits & BD_EDGE_TYPE_MASK }
    }

    func edge(_ id: UInt32) -> Edge? {
        guard let at = record(header.edges, id, bytes: 16), word(at) != 0 else { return nil }
        return Edge(id: id, source: word(at), target: word(at + 4), attributes: word(at + 8), bits: word(at + 12))
    }

    /// Views and clients that hold it.
    func edgeReferences(_ id: UInt32) -> UInt32 {
        record(header.edge_references, id, bytes: 4).map(word) ?? 0
    }

    // -- attributes

    private func text(_ granule: UInt32) -> String {
        let at = offset(granule)
        let count = min(Int(word(at)), ArenaReader.textBytesMax)
        var bytes: [UInt8] = []
        for place in stride(from: 0, to: count, by: 4) {
            withUnsafeBytes(of: word(at + 8 + place).littleEndian) { bytes.append(contentsOf: $0) }
        }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    func attributes(_ granule: UInt32) -> [(String, JSONValue)] {
        guard granule != 0 else { return [] }
        let at = offset(granule)
        return (0..<min(Int(word(at)), ArenaReader.attributesMax)).map { index in
            let pair = at + 16 + index * 16
            let value = long(pair + 8)
            let json: JSONValue =
                switch word(pair + 4) {
                case BD_LITERAL_INT: .int(Int64(bitPattern: value))
                case BD_LITERAL_FLOAT: .double(Double(bitPattern: value))
                case BD_LITERAL_BOOL: .bool(value != 0)
                case BD_LITERAL_STRING: .string(text(UInt32(truncatingIfNeeded: value)))
                default: .null
                }
            return (text(word(pair)), json)
        }
    }

    private func attributeBytes(_ granule: UInt32) -> UInt64 {
        granule == 0 ? 0 : block(16 + min(Int(word(offset(granule) + 4)), 1 << 20) * 16)
    }

    /// What the allocator gives for so many bytes: a power of two of granules, or whole segments.
    private func block(_ bytes: Int) -> UInt64 {
        guard bytes <= 1 << 15 else { return UInt64((bytes + (1 << 16) - 1) / (1 << 16) * (1 << 16)) }
        var size = UInt64(BD_GRANULE_BYTES)
        while size < UInt64(max(bytes, 1)) { size *= 2 }
        return size
    }

    // -- views

    struct View {
        let isLive: Bool
        let selfNode: UInt32
        let nodeCount: Int
        let edgeCount: Int
        fileprivate let members: UInt32
        fileprivate let edges: UInt32
        fileprivate let memberTable: UInt32
        fileprivate let edgeTable: UInt32
        fileprivate let ownBytes: UInt64
    }

    func view(_ id: UInt32) -> View? {
        guard let at = record(header.views, id, bytes: 64) else { return nil }
        let state = word(at)
        guard state != 0 else { return nil }
        let membersCapacity = Int(word(at + 16))
        let edgesCapacity = Int(word(at + 32))
        let tables = [word(at + 20), word(at + 36)].filter { $0 != 0 }.map { block(16 + (Int(word(offset($0))) + 1) * 4) }
        let lists = (membersCapacity > 0 ? block(membersCapacity * 16) : 0) + (edgesCapacity > 0 ? block(edgesCapacity * 4) : 0)
        return View(
            isLive: state == BD_VIEW_LIVE, selfNode: word(at + 4), nodeCount: Int(word(at + 8)),
            edgeCount: Int(word(at + 24)), members: word(at + 12), edges: word(at + 28), memberTable: word(at + 20),
            edgeTable: word(at + 36), ownBytes: tables.reduce(lists, +))
    }

    /// Ids of the view's nodes in order of insertion, at most so many.
    func nodes(_ view: View, max most: Int) -> [UInt32] {
        (0..<min(view.nodeCount, most)).map { word(offset(view.members) + $0 * 16) }.filter { $0 != 0 }
    }

    func edges(_ view: View, max most: Int) -> [UInt32] {
        (0..<min(view.edgeCount, most)).map { word(offset(view.edges) + $0 * 4) }.filter { $0 != 0 }
    }

    private func member(_ view: View, _ node: UInt32) -> Int? {
        guard view.memberTable != 0 else { return nil }
        let table = offset(view.memberTable)
        let mask = word(table)
        var slot = bd_table_start(node, word(table + 8)) & mask
        for _ in 0...min(Int(mask), 1 << 24) {
            let index = word(table + 16 + Int(slot) * 4)
            guard index != 0 else { return nil }
            let at = offset(view.members) + Int(index - 1) * 16
            if Int(index) <= view.nodeCount, word(at) == node { return at }
            slot = (slot + 1) & mask
        }
        return nil
    }

    func contains(_ view: View, node: UInt32) -> Bool { member(view, node) != nil }

    func contains(_ view: View, edge: UInt32) -> Bool {
        guard view.edgeTable != 0 else { return false }
        let table = offset(view.edgeTable)
        let mask = word(table)
        var slot = bd_table_start(edge, word(table + 8)) & mask
        for _ in 0...min(Int(mask), 1 << 24) {
            let id = word(table + 16 + Int(slot) * 4)
            if id == 0 || id == edge { return id != 0 }
            slot = (slot + 1) & mask
        }
        return false
    }

    private func forEachList(_ member: Int, _ body: (_ list: Int) -> Void) {
        var granule = word(member + 4)
        var lists = 0
        while granule != 0, lists < ArenaReader.listsMax {
            body(offset(granule))
            granule = word(offset(granule))
            lists += 1
        }
    }

    /// Edges at a node in a view, of all types, at most so many of each.
    func edges(_ view: View, node: UInt32, max most: Int) -> [Edge] {
        guard let member = member(view, node) else { return [] }
        var found: [Edge] = []
        forEachList(member) { list in
            let count = min(Int(word(list + 8)), most)
            let block = word(list + 16)
            for index in 0..<count {
                guard block != 0 || index < Int(BD_EDGE_LIST_INLINE) else { break }
                let id = word(block == 0 ? list + 20 + index * 4 : offset(block) + index * 4)
                if let edge = edge(id) { found.append(edge) }
            }
        }
        return found
    }

    // -- bytes

    func bytes(node id: UInt32) -> UInt64 {
        node(id).map { UInt64(header.nodes.record_bytes) + attributeBytes($0.attributes) } ?? 0
    }

    func bytes(edge id: UInt32) -> UInt64 {
        edge(id).map {
            UInt64(header.edges.record_bytes) + UInt64(header.edge_references.record_bytes) + attributeBytes($0.attributes)
        } ?? 0
    }

    private static let membersCounted = 4096

    /// The view's own lists and tables, without its nodes and edges, which other views may hold too. Of a large view the
    /// lists at nodes are counted for the first members and taken as alike for the rest.
    func bytes(view id: UInt32) -> UInt64 {
        guard let view = view(id), view.isLive else { return 0 }
        let counted = min(view.nodeCount, ArenaReader.membersCounted)
        var lists: UInt64 = 0
        for index in 0..<counted {
            forEachList(offset(view.members) + index * 16) { list in
                lists += 32
                if word(list + 16) != 0 { lists += block(min(Int(word(list + 12)), 1 << 28) * 4) }
            }
        }
        let scaled = counted == 0 ? 0 : UInt64(Double(lists) * Double(view.nodeCount) / Double(counted))
        return UInt64(header.views.record_bytes) + view.ownBytes + scaled
    }
}
