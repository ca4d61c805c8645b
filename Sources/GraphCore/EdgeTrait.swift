// EdgeTrait: owner → trait instance, and Trait: a trait is a type, and giving it to a node means an instance of it and an
// edge. Nothing checks that a type used so was marked as a trait. No uniqueness: look-ups find the first.

import CLayout

public enum EdgeTrait {
    public static let tid: UInt32 = 34

    public static func build() -> EdgeCreationAttributes { EdgeCreationAttributes(tid, isDirectional: true) }
}

extension GraphStore {
    /// `EdgeTrait.add_trait_instance`.
    @discardableResult
    public mutating func addTraitInstance(
        _ owner: BoundNode, instance: UInt32, edge id: UInt32
    ) throws(GraphError) -> Edge {
        try insertEdge(
            view: owner.view, id, EdgeTrait.build(), source: owner.node, target: instance,
            sourceMissing: "Trait owner node not in graph", targetMissing: "Trait instance node not in graph")
    }

    /// `EdgeTrait.get_owner_edge`: the first trait edge into the node. Its source is `get_owner_node_of`.
    public func ownerEdge(of bound: BoundNode) throws(GraphError) -> Edge? {
        first(try view(bound.view), bound.node, EdgeTrait.tid, .incoming)
    }

    /// `EdgeTrait.visit_trait_instance_edges`.
    public func traitInstanceEdges(of owner: BoundNode) throws(GraphError) -> [Edge] {
        all(try view(owner.view), owner.node, EdgeTrait.tid, .outgoing)
    }

    /// `EdgeTrait.visit_trait_instances_of_type`.
    public func traitInstanceEdges(of owner: BoundNode, type: UInt32) throws(GraphError) -> [Edge] {
        let record = try view(owner.view)
        return all(record, owner.node, EdgeTrait.tid, .outgoing) { isInstance(record, $0.target, of: type) }
    }

    /// `EdgeTrait.try_get_trait_instance_of_type`, `Trait.try_get_trait`.
    public func traitInstance(of owner: BoundNode, type: UInt32) throws(GraphError) -> UInt32? {
        traitInstance(try view(owner.view), owner.node, of: type)
    }

    /// `Trait.try_get_traits`.
    public func traitInstances(of owner: BoundNode, types: [UInt32]) throws(GraphError) -> [UInt32?] {
        let record = try view(owner.view)
        return types.map { traitInstance(record, owner.node, of: $0) }
    }

    /// `Trait.add_trait_to`: a new instance of the trait type, in its view, owned by the target. The instance.
    public mutating func addTrait(
        to target: BoundNode, type: BoundNode, _ ids: IdAllocator, isCancelled: @escaping () -> Bool = { false }
    ) throws -> UInt32 {
        let failed = GraphError(.invalidValue, "add_trait_to failed")
        let record = try view(type.view)
        _ = try view(target.view)
        guard let typeGraph = parent(record, type.node) else { throw failed }
        do {
            return try atomically(type.view) { graph in
                let instance = try graph.instantiate(
                    TypeGraph(view: type.view, selfNode: typeGraph), typeNode: type, attributes: [], ids,
                    isCancelled: isCancelled)
                try graph.addTraitInstance(target, instance: instance, edge: try ids.nextEdge())
                return instance
            }
        } catch {
            throw GraphStore.isCallers(error) ? failed : error
        }
    }

    /// `Trait.add_trait_instance_to`.
    public mutating func addTraitInstance(to target: BoundNode, _ instance: UInt32, edge id: UInt32) throws(GraphError) {
        do { try addTraitInstance(target, instance: instance, edge: id) } catch {
            throw GraphStore.isCallers(error) ? GraphError(.invalidValue, "add_trait_instance_to failed") : error
        }
    }

    /// `Trait.mark_as_trait`: gives the type an instance of `ImplementsTrait`.
    public mutating func markAsTrait(_ type: BoundNode, _ ids: IdAllocator) throws {
        let failed = GraphError(.invalidValue, "mark_as_trait failed")
        let record = try view(type.view)
        guard let typeGraph = parent(record, type.node),
            let implementsTrait = childEdge(type.view, record, typeGraph, TypeGraph.implementsTrait)?.target
        else { throw failed }
        do {
            try atomically(type.view) { graph in
                _ = try graph.giveTrait(type.view, owner: type.node, trait: implementsTrait, ids)
            }
        } catch {
            throw GraphStore.isCallers(error) ? failed : error
        }
    }

    /// `Trait.visit_implementers`: the owner of each instance of the type that has one, in the order of instances. An owner
    /// of two comes twice.
    public func implementers(of type: BoundNode) throws(GraphError) -> [UInt32] {
        let record = try view(type.view)
        var result: [UInt32] = []
        for id in members.edges(record, node: type.node, type: EdgeType.tid) {
            let edge = member(id)
            guard edge.passes(.outgoing, at: type.node) else { continue }
            if let owner = first(record, edge.target, EdgeTrait.tid, .incoming) { result.append(owner.source) }
        }
        return result
    }

    /// True for mistakes that a method tells with one message of its own; limits, cancelling and dead views stay what they
    /// are.
    static func isCallers(_ error: any Error) -> Bool {
        guard let error = error as? GraphError else { return true }
        switch error.kind {
        case .sourceNotMember, .targetNotMember, .invalidValue, .wrongType, .noSuchNode: return true
        case .noSuchEdge, .noSuchView, .idInUse, .limitExceeded, .cancelled: return false
        }
    }
}
