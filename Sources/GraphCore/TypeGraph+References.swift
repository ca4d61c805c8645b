// References: chains of nodes, one per path item, that say how to get from an instance to a node below or behind it.
// Made without looking whether the path exists; resolved against an instance. A chain that bites its tail is an error.
// Cost: linear in the chain.

import CLayout

/// One item of a path. `EdgeTraversal`.
public struct EdgeTraversal: Equatable, Sendable {
    public let identifier: String
    public let edgeType: UInt32

    /// A plain string means composition.
    public init(_ identifier: String) {
        self.identifier = identifier
        edgeType = EdgeComposition.tid
    }

    public init(_ identifier: String, edgeType: Int64) throws(GraphError) {
        guard 0...255 ~= edgeType else { throw GraphError(.invalidValue, "Edge type out of range") }
        self.identifier = identifier
        self.edgeType = UInt32(edgeType)
    }

    init(_ identifier: String, tid: UInt32) {
        self.identifier = identifier
        edgeType = tid
    }

    /// Stays where it is.
    var isSelf: Bool { edgeType == EdgeComposition.tid && identifier.isEmpty }
}

struct ReferenceItem: Equatable {
    let node: UInt32
    let step: EdgeTraversal
}

extension GraphStore {
    // MARK: making

    /// `TypeGraph.ensure_child_reference`: a new chain; its first node. The type node is otherwise unused.
    public mutating func ensureChildReference(
        _ typeGraph: TypeGraph, path: [EdgeTraversal], _ ids: IdAllocator
    ) throws -> UInt32 {
        guard !path.isEmpty else {
            throw TypeGraphError.path(
                PathFailure(
                    kind: .missingChild, message: "path resolution failed", path: [], failingSegment: "",
                    failingSegmentIndex: 0))
        }
        return try addReference(typeGraph, path: path, ids)
    }

    /// `TypeGraph.debug_add_reference`.
    public mutating func debugAddReference(
        _ typeGraph: TypeGraph, path: [EdgeTraversal], _ ids: IdAllocator
    ) throws -> UInt32 {
        guard !path.isEmpty else { throw GraphError(.invalidValue, "debug_add_reference failed") }
        return try addReference(typeGraph, path: path, ids)
    }

    mutating func addReference(
        _ typeGraph: TypeGraph, path: [EdgeTraversal], _ ids: IdAllocator
    ) throws -> UInt32 {
        let type = try builtinType(typeGraph, TypeGraph.reference)
        return try atomically(typeGraph.view) { graph in
            var head: UInt32 = 0
            var previous: UInt32 = 0
            for item in path {
                var pairs: [AttributePair] = [(TypeGraph.childIdentifier, .string(item.identifier))]
                if item.edgeType != EdgeComposition.tid {
                    pairs.append((TypeGraph.edgeTypeTid, .int(Int64(item.edgeType))))
                }
                let node = try graph.makeInstance(typeGraph.view, of: type, pairs, ids)
                if head == 0 {
                    head = node
                } else {
                    try graph.link(typeGraph.view, EdgeNext.build(), previous, node, ids)
                }
                previous = node
            }
            return head
        }
    }

    // MARK: reading

    /// The chain from a node on.
    func referenceItems(_ view: ViewRecord, _ start: UInt32) throws(GraphError) -> [ReferenceItem] {
        var items: [ReferenceItem] = []
        var chain = ChainGuard()
        var node = start
        while true {
            guard !chain.closes(at: node) else {
                throw GraphError(.invalidValue, "the reference chain at node \(start) leads back to itself")
            }
            guard let identifier = nodeText(node, TypeGraph.childIdentifier) else {
                throw GraphError(.invalidValue, "node \(node) is no reference: it has no child_identifier")
            }
            items.append(ReferenceItem(node: node, step: EdgeTraversal(identifier, tid: referenceEdgeType(node))))
            guard let next = first(view, node, EdgeNext.tid, .outgoing) else { return items }
            node = next.target
        }
    }

    private func referenceEdgeType(_ node: UInt32) -> UInt32 {
        guard let list = nodes.find(node)?.pointee.attributes,
            let number = lists.value(list, key: TypeGraph.edgeTypeTid, strings: strings)?.integer
        else { return EdgeComposition.tid }
        return 0...255 ~= number ? UInt32(number) : UInt32.max
    }

    /// A chain's items as a path: without the self reference at its end.
    func referencePath(_ view: ViewRecord, _ start: UInt32) throws(GraphError) -> [EdgeTraversal] {
        let items = try referenceItems(view, start)
        var path: [EdgeTraversal] = []
        for (index, item) in items.enumerated() {
            if item.step.isSelf {
                guard index == items.count - 1 else {
                    throw GraphError(.invalidValue, "reference does not contain any identifiers")
                }
            } else if item.step.edgeType == EdgePointer.tid {
                path.append(EdgeTraversal("", tid: EdgePointer.tid))
            } else {
                path.append(item.step)
            }
        }
        return path
    }

    /// `TypeGraph.get_reference_path`.
    public func referencePath(of reference: BoundNode) throws(GraphError) -> [String] {
        _ = try node(reference.node)
        return try referencePath(try view(reference.view), reference.node).map(\.identifier)
    }

    // MARK: resolving

    /// `TypeGraph.reference_resolve`: the node at which the path ends, in the view of the base node.
    public func resolve(reference: BoundNode, from base: BoundNode) throws -> UInt32 {
        guard let typeGraph = try typeGraph(ofInstance: reference) else {
            throw TypeGraphError.resolve(
                ResolveFailure(
                    kind: .typegraphNotFound, message: "Failed to get TypeGraph from reference node", node: reference,
                    identifier: ""))
        }
        let items = try referenceItems(try view(reference.view), reference.node)
        var current = base.node
        let record = try view(base.view)
        for item in items { current = try resolve(item, at: current, base.view, record, typeGraph) }
        return current
    }

    func resolve(
        _ item: ReferenceItem, at current: UInt32, _ viewId: UInt32, _ view: ViewRecord, _ typeGraph: TypeGraph
    ) throws -> UInt32 {
        let identifier = item.step.identifier
        func failure(_ kind: ResolveFailure.Kind, _ message: String, _ identifier: String) -> TypeGraphError {
            .resolve(
                ResolveFailure(
                    kind: kind, message: message, node: BoundNode(view: typeGraph.view, node: item.node),
                    identifier: identifier))
        }
        if identifier.hasPrefix("<<") {
            let name = String(identifier.dropFirst(2))
            guard let type = try type(in: typeGraph, named: name) else {
                throw failure(.typeNotFound, "Type node not found for enum type", name)
            }
            return type
        }
        switch item.step.edgeType {
        case EdgeComposition.tid:
            if identifier.isEmpty { return current }
            guard let child = childEdge(viewId, view, current, identifier) else {
                throw failure(.compositionChildNotFound, "Child not found", identifier)
            }
            return child.target
        case EdgeTrait.tid:
            guard let type = try type(in: typeGraph, named: identifier) else {
                throw failure(.traitTypeNotFound, "trait type not found in TypeGraph", identifier)
            }
            guard let instance = traitInstance(view, current, of: type) else {
                throw failure(.traitInstanceNotFound, "trait not found on", identifier)
            }
            return instance
        case EdgePointer.tid:
            guard let pointer = first(view, current, EdgePointer.tid, .outgoing) else {
                throw failure(.pointerDereferenceFailed, "pointer dereference failed from node", identifier)
            }
            return pointer.target
        case EdgeOperand.tid:
            guard let operand = try operand(of: BoundNode(view: viewId, node: current), identifier: identifier) else {
                throw failure(.operandNotFound, "operand not found on node", identifier)
            }
            return operand
        default: throw failure(.unknownEdgeType, "Unknown edge type", identifier)
        }
    }
}

extension AttributeValue {
    /// A whole number, whichever way it was stored.
    var integer: Int64? {
        switch self {
        case .int(let value): value
        case .float(let value): Int64(exactly: value)
        case .bool, .string: nil
        }
    }
}
