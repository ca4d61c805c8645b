// Looking at one node of a view: its edges by type and direction, names, first matches. What the edge kinds and the type
// graph are written in. Must not allocate per edge. Cost: one table probe per node, then 2-5 ns per edge.

import CLayout

/// A node seen in a view.
public struct BoundNode: Hashable, Sendable {
    public var view: UInt32
    public var node: UInt32

    public init(view: UInt32, node: UInt32) {
        self.view = view
        self.node = node
    }
}

/// Where an operation takes the ids of what it creates: those that are set aside for it, else one by one from its caller, who
/// leases them.
public final class IdAllocator {
    private let leaseNode: () throws(GraphError) -> UInt32
    private let leaseEdge: () throws(GraphError) -> UInt32
    private var nodes: Range<UInt32>?
    private var edges: Range<UInt32>?

    public init(
        nextNode: @escaping () throws(GraphError) -> UInt32, nextEdge: @escaping () throws(GraphError) -> UInt32
    ) {
        leaseNode = nextNode
        leaseEdge = nextEdge
    }

    /// From now on these and no others, until `nil`.
    public func set(nodes: Range<UInt32>?, edges: Range<UInt32>?) {
        self.nodes = nodes
        self.edges = edges
    }

    public var isSet: Bool { nodes != nil }

    @inline(__always)
    public func nextNode() throws(GraphError) -> UInt32 {
        guard let left = nodes else { return try leaseNode() }
        guard left.lowerBound < left.upperBound else { throw IdAllocator.usedUp }
        nodes = left.lowerBound + 1..<left.upperBound
        return left.lowerBound
    }

    @inline(__always)
    public func nextEdge() throws(GraphError) -> UInt32 {
        guard let left = edges else { return try leaseEdge() }
        guard left.lowerBound < left.upperBound else { throw IdAllocator.usedUp }
        edges = left.lowerBound + 1..<left.upperBound
        return left.lowerBound
    }

    private static var usedUp: GraphError {
        GraphError(.limitExceeded, "the request makes more than its client foretold")
    }
}

/// Asks now and then whether the caller has given up.
struct Patience {
    private static let stepsPerPoll = 1024
    let isCancelled: () -> Bool
    private var steps = 0

    init(_ isCancelled: @escaping () -> Bool) { self.isCancelled = isCancelled }

    @inline(__always)
    mutating func step(_ count: Int = 1) throws(GraphError) {
        steps &+= count
        if steps >= Patience.stepsPerPoll { try poll() }
    }

    private mutating func poll() throws(GraphError) {
        steps = 0
        if isCancelled() { throw GraphError(.cancelled, "the caller gave up") }
    }
}

/// Brent's way of noticing that a chain of nodes bites its tail, without memory.
struct ChainGuard {
    private var marked: UInt32 = 0
    private var steps = 0
    private var power = 1

    /// True when the node was met before.
    mutating func closes(at node: UInt32) -> Bool {
        if node == marked { return true }
        steps += 1
        if steps == power {
            power *= 2
            steps = 0
            marked = node
        }
        return false
    }
}

extension bd_edge {
    @inline(__always) var isDirectional: Bool { bits & BD_EDGE_DIRECTIONAL != 0 }
    @inline(__always) var type: UInt32 { bits & BD_EDGE_TYPE_MASK }

    /// Seen from `node`: undirected edges go both ways.
    @inline(__always)
    func passes(_ direction: Direction, at node: UInt32) -> Bool {
        switch direction {
        case .any: true
        case .outgoing: !isDirectional || source == node
        case .incoming: !isDirectional || target == node
        }
    }

    @inline(__always)
    func other(than node: UInt32) -> UInt32 { source == node ? target : source }
}

extension GraphStore {
    typealias ViewRecord = UnsafeMutablePointer<bd_view_record>

    /// An edge that a view contains, hence exists.
    @inline(__always)
    func member(_ id: UInt32) -> bd_edge {
        guard let record = edges.find(id) else { fatalError("member edge \(id) does not exist") }
        return record.pointee
    }

    func edge(_ id: UInt32, _ record: bd_edge) -> Edge {
        Edge(id: id, source: record.source, target: record.target, bits: record.bits)
    }

    /// The first edge of a type at a node that goes the given way and is accepted.
    @inline(__always)
    func first(
        _ view: ViewRecord, _ node: UInt32, _ type: UInt32, _ direction: Direction,
        where accepts: (bd_edge) -> Bool = { _ in true }
    ) -> Edge? {
        for id in members.edges(view, node: node, type: type) {
            let record = member(id)
            if record.passes(direction, at: node), accepts(record) { return edge(id, record) }
        }
        return nil
    }

    @inline(__always)
    func all(
        _ view: ViewRecord, _ node: UInt32, _ type: UInt32, _ direction: Direction,
        where accepts: (bd_edge) -> Bool = { _ in true }
    ) -> [Edge] {
        var result: [Edge] = []
        for id in members.edges(view, node: node, type: type) {
            let record = member(id)
            if record.passes(direction, at: node), accepts(record) { result.append(edge(id, record)) }
        }
        return result
    }

    // MARK: names and attributes by pooled text

    /// The pooled text of a string attribute, 0 when there is none.
    @inline(__always)
    func pooledAttribute(_ list: UInt32, _ key: UInt32) -> UInt32 {
        guard list != 0, key != 0 else { return 0 }
        for pair in lists.pairs(list) where pair.key == key {
            return pair.kind == BD_LITERAL_STRING ? UInt32(truncatingIfNeeded: pair.value) : 0
        }
        return 0
    }

    func nodeText(_ node: UInt32, _ key: String) -> String? {
        guard let record = nodes.find(node), record.pointee.attributes != 0 else { return nil }
        guard case .string(let text)? = lists.value(record.pointee.attributes, key: key, strings: strings) else {
            return nil
        }
        return text
    }

    /// The edge's name; nil when it has none or its attribute "name" is no text.
    func name(_ edge: UInt32) -> String? {
        let pooled = pooledAttribute(member(edge).attributes, strings.find("name"))
        return pooled == 0 ? nil : strings.text(pooled)
    }

    // MARK: kinds

    /// The node's one effective type: the source of the first type edge into it.
    @inline(__always)
    func type(_ view: ViewRecord, of node: UInt32) -> UInt32? {
        first(view, node, EdgeType.tid, .incoming)?.source
    }

    @inline(__always)
    func isInstance(_ view: ViewRecord, _ node: UInt32, of type: UInt32) -> Bool {
        guard let edge = first(view, node, EdgeType.tid, .incoming) else { return false }
        return edge.isDirectional && edge.source == type
    }

    /// The first trait instance of a type that the node owns.
    func traitInstance(_ view: ViewRecord, _ owner: UInt32, of type: UInt32) -> UInt32? {
        first(view, owner, EdgeTrait.tid, .outgoing) { isInstance(view, $0.target, of: type) }?.target
    }
}
