// Saving a view and loading it: see docs/FILE_FORMAT.md. The same view gives the same bytes. Loading checks everything
// before it makes anything; ids are new, orders are kept. Must not know files.
// Cost: saving about 0.3 µs per object, loading about 1 µs.

import CLayout

extension GraphStore {
    /// The view with its nodes, edges and their attributes.
    public func fileBytes(view: UInt32) throws(GraphError) -> [UInt8] {
        let record = try self.view(view)
        let nodeIds = try nodes(view: view)
        let edges = try edgeTable(view: view)
        var nodeIndex: [UInt32: UInt32] = [:]
        for (index, id) in nodeIds.enumerated() { nodeIndex[id] = UInt32(index) }
        let nodeRows = try attributeRows(view: view, of: .nodes)
        let edgeRows = try attributeRows(view: view, of: .edges)
        var strings = FileStrings()
        for row in nodeRows + edgeRows { strings.note(row) }
        var file = ViewFileWriter()

        file.begin(.strings)
        file.u32(UInt32(strings.all.count))
        for text in strings.all { file.text(text) }
        file.end()

        file.begin(.nodes)
        for (id, row) in zip(nodeIds, nodeRows) {
            file.u32(id)
            file.u32(UInt32(row.count))
        }
        file.end()

        file.begin(.edges)
        for (edge, row) in zip(edges, edgeRows) {
            guard let source = nodeIndex[edge.source], let target = nodeIndex[edge.target] else {
                fatalError("edge \(edge.id) of view \(view) ends outside of it")
            }
            for word in [edge.id, source, target, edge.bits, UInt32(row.count)] { file.u32(word) }
        }
        file.end()

        file.begin(.attributes)
        for row in nodeRows + edgeRows { strings.write(row, to: &file) }
        file.end()

        file.begin(.order)
        writeOrder(record, edges.map(\.id), nodeIndex, to: &file)
        file.end()
        return file.finish(nodes: nodeIds.count, edges: edges.count)
    }

    /// Lists of edges at a node that are not in the order in which the view lists its edges: where an edge was moved.
    private func writeOrder(
        _ record: UnsafeMutablePointer<bd_view_record>, _ edgeIds: [UInt32], _ nodeIndex: [UInt32: UInt32],
        to file: inout ViewFileWriter
    ) {
        var edgeIndex: [UInt32: UInt32] = [:]
        for (index, id) in edgeIds.enumerated() { edgeIndex[id] = UInt32(index) }
        var lists: [(node: UInt32, type: UInt32, edges: [UInt32])] = []
        for member in members.nodes(record) {
            members.forEachList(member) { type, edges in
                let order = edges.map { edgeIndex[$0] ?? 0 }
                guard zip(order, order.dropFirst()).contains(where: { $0 > $1 }) else { return }
                lists.append((nodeIndex[member.node] ?? 0, type, order))
            }
        }
        file.u32(UInt32(lists.count))
        for list in lists {
            for word in [list.node, list.type, UInt32(list.edges.count)] + list.edges { file.u32(word) }
        }
    }

    /// A new view of what was saved. `takeIds` gives so many new ids in a row; nothing is made when this throws.
    public mutating func load(
        file bytes: UnsafeRawBufferPointer, takeIds: (_ views: Int, _ nodes: Int, _ edges: Int) throws -> LoadedIds
    ) throws -> LoadedIds {
        let content = try ViewContent(bytes)
        let ids = try takeIds(1, content.nodes.count, content.edges.count)
        let undo = GraphBatch()
        beginBatch()
        defer { endBatch() }
        do {
            try createView(ids.view, selfNode: ids.firstNode)
            undo.views.append(ids.view)
            try setNodeAttributes(ids.firstNode, content.nodes[0])
            for (index, row) in content.nodes.enumerated().dropFirst() {
                let id = ids.firstNode + UInt32(index)
                try createNode(id, attributes: row)
                undo.nodes.append(id)
                try insertNode(view: ids.view, node: id)
            }
            for (index, edge) in content.edges.enumerated() {
                let id = ids.firstEdge + UInt32(index)
                try createEdge(
                    Edge(
                        id: id, source: ids.firstNode + edge.source, target: ids.firstNode + edge.target, bits: edge.bits),
                    attributes: edge.attributes)
                undo.edges.append(id)
                try insertEdge(view: ids.view, edge: id)
            }
            try reorder(content.order, ids)
        } catch {
            rollBack(undo)
            throw error
        }
        // The view alone holds them from now on.
        for id in undo.edges { releaseEdge(id) }
        for id in undo.nodes { releaseNode(id) }
        return ids
    }

    private func reorder(_ lists: [ViewContent.Order], _ ids: LoadedIds) throws(GraphError) {
        let record = try view(ids.view)
        for list in lists {
            let edges = members.edges(record, node: ids.firstNode + list.node, type: list.type)
            let wanted = list.edges.map { ids.firstEdge + $0 }
            guard wanted.sorted() == edges.sorted() else {
                throw GraphError(.invalidValue, "the file of a GraphView is damaged: an order lists other edges than there are")
            }
            for (at, edge) in wanted.enumerated() { edges[at] = edge }
            caches.edgeChanged()
        }
    }
}

/// The ids that a loaded view got: node i of the file is firstNode + i, edge i is firstEdge + i.
public struct LoadedIds: Sendable {
    public var view: UInt32
    public var firstNode: UInt32
    public var firstEdge: UInt32

    public init(view: UInt32, firstNode: UInt32, firstEdge: UInt32) {
        self.view = view
        self.firstNode = firstNode
        self.firstEdge = firstEdge
    }
}

/// Every text of a file once, in the order in which they first appear.
private struct FileStrings {
    private(set) var all: [String] = []
    // Texts that Unicode calls equal may have different bytes; those are different texts here.
    private struct Key: Hashable {
        let utf8: [UInt8]
    }
    private var byBytes: [Key: UInt32] = [:]

    mutating func note(_ row: [GraphStore.AttributePair]) {
        for (key, value) in row {
            note(key)
            if case .string(let text) = value { note(text) }
        }
    }

    private mutating func note(_ text: String) {
        let key = Key(utf8: Array(text.utf8))
        guard byBytes[key] == nil else { return }
        byBytes[key] = UInt32(all.count)
        all.append(text)
    }

    func write(_ row: [GraphStore.AttributePair], to file: inout ViewFileWriter) {
        for (key, value) in row {
            file.u32(number(key))
            switch value {
            case .int(let number):
                file.u32(BD_LITERAL_INT)
                file.u64(UInt64(bitPattern: number))
            case .float(let number):
                file.u32(BD_LITERAL_FLOAT)
                file.u64(number.bitPattern)
            case .bool(let flag):
                file.u32(BD_LITERAL_BOOL)
                file.u64(flag ? 1 : 0)
            case .string(let text):
                file.u32(BD_LITERAL_STRING)
                file.u64(UInt64(number(text)))
            }
        }
    }

    private func number(_ text: String) -> UInt32 { byBytes[Key(utf8: Array(text.utf8)), default: 0] }
}

/// What a file says, checked: every index and value is one that the graph can take.
private struct ViewContent {
    typealias Row = [GraphStore.AttributePair]
    struct FileEdge {
        var source: UInt32
        var target: UInt32
        var bits: UInt32
        var attributes: Row = []
    }
    struct Order {
        var node: UInt32
        var type: UInt32
        var edges: [UInt32]
    }

    var nodes: [Row] = []
    var edges: [FileEdge] = []
    var order: [Order] = []

    init(_ bytes: UnsafeRawBufferPointer) throws(GraphError) {
        var file = try ViewFileReader(bytes)
        try file.begin(.strings)
        var strings: [String] = []
        for _ in 0..<(try file.count(itemBytes: 4)) { strings.append(try file.text()) }
        try file.finishSection()

        try file.begin(.nodes)
        guard file.nodeCount > 0 else { throw file.damaged("a view has at least its self node") }
        var counts: [Int] = []
        for _ in 0..<file.nodeCount {
            _ = try file.u32()
            counts.append(Int(try file.u32()))
        }
        try file.finishSection()

        try file.begin(.edges)
        for _ in 0..<file.edgeCount {
            _ = try file.u32()
            let edge = FileEdge(source: try file.u32(), target: try file.u32(), bits: try file.u32())
            guard edge.source < file.nodeCount, edge.target < file.nodeCount else { throw file.damaged("an edge ends nowhere") }
            edges.append(edge)
            counts.append(Int(try file.u32()))
        }
        try file.finishSection()

        try file.begin(.attributes)
        for (index, count) in counts.enumerated() {
            let row = try ViewContent.row(&file, count, strings)
            if index < file.nodeCount { nodes.append(row) } else { edges[index - file.nodeCount].attributes = row }
        }
        try file.finishSection()

        try file.begin(.order)
        for _ in 0..<(try file.count(itemBytes: 12)) {
            let node = try file.u32()
            let type = try file.u32()
            var list: [UInt32] = []
            for _ in 0..<(try file.count(itemBytes: 4)) { list.append(try file.u32()) }
            guard node < file.nodeCount, type <= BD_EDGE_TYPE_MASK, list.allSatisfy({ $0 < file.edgeCount }) else {
                throw file.damaged("an order names what does not exist")
            }
            order.append(Order(node: node, type: type, edges: list))
        }
        try file.finishSection()
        try file.finish()
    }

    private static func row(_ file: inout ViewFileReader, _ count: Int, _ strings: [String]) throws(GraphError) -> Row {
        var row: Row = []
        var keys: Set<UInt32> = []
        for _ in 0..<count {
            let key = try file.u32()
            let kind = try file.u32()
            let bits = try file.u64()
            guard key < strings.count, keys.insert(key).inserted else { throw file.damaged("attribute key \(key)") }
            let value: AttributeValue
            switch kind {
            case BD_LITERAL_INT: value = .int(Int64(bitPattern: bits))
            case BD_LITERAL_FLOAT: value = .float(Double(bitPattern: bits))
            case BD_LITERAL_BOOL where bits <= 1: value = .bool(bits == 1)
            case BD_LITERAL_STRING where bits < UInt64(strings.count): value = .string(strings[Int(bits)])
            default: throw file.damaged("an attribute of kind \(kind), value \(bits)")
            }
            row.append((strings[Int(key)], value))
        }
        return row
    }
}
