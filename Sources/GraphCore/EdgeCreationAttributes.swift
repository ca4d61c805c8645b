// EdgeCreationAttributes: a reusable recipe for edges: type, direction, name, pointer index, further attributes. A value; it
// knows no graph. The edge kinds build theirs. Cost: applying one is creating an edge.

import CLayout

public struct EdgeCreationAttributes: Sendable {
    public static let indexMax: Int64 = 0x7FFF

    /// 0…255.
    public let edgeType: UInt32
    /// nil: applying leaves the direction as it is; a new edge has none.
    public let isDirectional: Bool?
    public let name: String?
    /// A pointer's place in a sequence, 0…32767. High 7 bits go to the edge's order, low 8 bits to edge_specific.
    public let index: UInt32?
    public let dynamic: [GraphStore.AttributePair]

    init(
        _ edgeType: UInt32, isDirectional: Bool?, name: String? = nil, index: UInt32? = nil,
        dynamic: [GraphStore.AttributePair] = []
    ) {
        self.edgeType = edgeType
        self.isDirectional = isDirectional
        self.name = name
        self.index = index
        self.dynamic = dynamic
    }

    /// From a caller's numbers.
    public init(
        edgeType: Int64, isDirectional: Bool?, name: String?, index: Int64? = nil,
        dynamic: [GraphStore.AttributePair]
    ) throws(GraphError) {
        guard 0...255 ~= edgeType else { throw GraphError(.invalidValue, "Edge type out of range") }
        self.init(
            UInt32(edgeType), isDirectional: isDirectional, name: name,
            index: try EdgeCreationAttributes.checked(index), dynamic: dynamic)
    }

    static func checked(_ index: Int64?) throws(GraphError) -> UInt32? {
        guard let index else { return nil }
        guard 0...indexMax ~= index else { throw GraphError(.invalidValue, "Index out of range") }
        return UInt32(index)
    }

    var order: UInt32 { (index ?? 0) >> 8 }
    var edgeSpecific: UInt32 { (index ?? 0) & 0xFF }

    /// The bits of a new edge.
    public var bits: UInt32 {
        edgeType | (isDirectional == true ? BD_EDGE_DIRECTIONAL : 0) | order << 9 | edgeSpecific << 16
    }

    var hasPairs: Bool { name != nil || !dynamic.isEmpty }

    /// The attributes of a new edge: the name first. A pair called "name" does not replace it.
    public var pairs: [GraphStore.AttributePair] {
        guard let name else { return dynamic }
        let first: GraphStore.AttributePair = ("name", .string(name))
        return dynamic.isEmpty ? [first] : [first] + dynamic.filter { $0.key != "name" }
    }
}

extension GraphStore {
    /// A free edge made to the recipe, held by one pin of its creator.
    public mutating func createEdge(
        _ id: UInt32, _ recipe: EdgeCreationAttributes, source: UInt32, target: UInt32
    ) throws(GraphError) {
        try createEdge(Edge(id: id, source: source, target: target, bits: recipe.bits), attributes: recipe.pairs)
    }

    /// A new edge made to the recipe, in a view that contains its ends and alone holds it. The messages are those of the
    /// edge's kind.
    @discardableResult
    public mutating func insertEdge(
        view: UInt32, _ id: UInt32, _ recipe: EdgeCreationAttributes, source: UInt32, target: UInt32,
        sourceMissing: String = "Edge source node not in graph", targetMissing: String = "Edge target node not in graph"
    ) throws(GraphError) -> Edge {
        let place = try self.view(view)
        guard let sourceMember = members.find(place, node: source) else {
            throw GraphError(.sourceNotMember, sourceMissing)
        }
        guard let targetMember = members.find(place, node: target) else {
            throw GraphError(.targetNotMember, targetMissing)
        }
        let edge = Edge(id: id, source: source, target: target, bits: recipe.bits)
        let list = recipe.hasPairs ? try lists.setting(0, recipe.pairs, strings: &strings) : 0
        let record: UnsafeMutablePointer<bd_edge>
        do throws(GraphError) { record = try makeEdge(edge, attributes: list) } catch {
            lists.free(list, strings: &strings)
            throw error
        }
        do throws(GraphError) {
            try members.append(place, edge: id, record.pointee, sourceMember, targetMember)
        } catch {
            releaseEdge(id)
            throw error
        }
        // The creator's pin becomes the view's hold.
        noteInsertion(view: view, record.pointee)
        return edge
    }

    /// Makes an existing edge what the recipe says. An edge that views contain moves to the lists of its new type.
    public mutating func apply(_ recipe: EdgeCreationAttributes, toEdge id: UInt32) throws(GraphError) {
        let old = try edge(id)
        var bits = old.bits & ~BD_EDGE_TYPE_MASK | recipe.edgeType
        if let isDirectional = recipe.isDirectional {
            bits = bits & ~BD_EDGE_DIRECTIONAL | (isDirectional ? BD_EDGE_DIRECTIONAL : 0)
        }
        bits = bits & ~(0x7F << 9) | recipe.order << 9
        if recipe.index != nil { bits = bits & 0xFFFF | recipe.edgeSpecific << 16 }
        let record = try edgeRecord(id)
        let list = try lists.setting(record.pointee.attributes, recipe.pairs, strings: &strings)
        if recipe.edgeType != old.type {
            let moved = Edge(id: id, source: old.source, target: old.target, bits: bits)
            do throws(GraphError) { try replaceEdge(id, with: moved) } catch {
                if list != record.pointee.attributes { lists.free(list, strings: &strings) }
                throw error
            }
        } else if bits != old.bits {
            record.pointee.bits = bits
            caches.edgeChanged()
        }
        replaceAttributes(record, with: list)
    }
}
