// Making instances: follows the plans of a type and its children with a stack of its own. A mistake in the types leaves what
// was made before it was met, as recorded; a limit or a caller who gives up takes everything back. Cost: linear in the
// nodes and edges made.

import CLayout

extension GraphStore {
    /// `TypeGraph.instantiate`.
    public mutating func instantiate(
        _ typeGraph: TypeGraph, typeIdentifier: String, _ ids: IdAllocator,
        isCancelled: @escaping () -> Bool = { false }
    ) throws -> UInt32 {
        guard let type = try type(in: typeGraph, named: typeIdentifier) else {
            throw TypeGraphError.instantiation(
                InstantiationFailure(
                    kind: .invalidArgument, message: "Type not found", node: typeGraph.bound, identifier: ""))
        }
        return try instantiate(
            typeGraph, typeNode: BoundNode(view: typeGraph.view, node: type), attributes: [], ids,
            isCancelled: isCancelled)
    }

    /// `TypeGraph.instantiate_node`. Nodes are made in the view of the type node; the attributes go to the top one.
    public mutating func instantiate(
        _ typeGraph: TypeGraph, typeNode: BoundNode, attributes: [AttributePair], _ ids: IdAllocator,
        isCancelled: @escaping () -> Bool = { false }
    ) throws -> UInt32 {
        var patience = Patience(isCancelled)
        let home = TypeGraph(view: typeNode.view, selfNode: typeGraph.selfNode)
        let plan = try plan(home, type: typeNode.node, &patience)
        if !plan.isConstructable, case .fail(let error)? = plan.steps.first { throw error }
        return try unseen { graph in
            try graph.mostlyAtomically(typeNode.view) { graph in
                let node = try graph.run(plan, ids, &patience, inChunk: false)
                if !attributes.isEmpty { try graph.setNodeAttributes(node, attributes) }
                return node
            }
        }
    }

    private struct Making {
        let plan: InstancePlan
        let node: UInt32
        /// The node's place among the view's members.
        let index: Int
        /// Where this instance's children begin in `children`.
        let firstChild: Int
        var next = 0
    }

    private struct Place {
        let id: UInt32
        let record: ViewRecord
    }

    private mutating func run(
        _ plan: InstancePlan, _ ids: IdAllocator, _ patience: inout Patience, inChunk: Bool
    ) throws -> UInt32 {
        let place = Place(id: plan.typeGraph.view, record: try self.view(plan.typeGraph.view))
        let top = try makeInstance(place, of: plan.type, [], ids)
        var stack = [Making(plan: plan, node: top.node, index: top.index, firstChild: 0)]
        var children: [UInt32] = []
        while let making = stack.last {
            // Children without children of their own, the most of all, need no place on the stack.
            let steps = making.plan.steps
            var next = making.next
            var deeper: Making?
            while next < steps.count, deeper == nil {
                try patience.step()
                switch steps[next] {
                case .child(let child):
                    if !child.plan.isConstructable, case .fail(let error)? = child.plan.steps.first { throw error }
                    let made = try makeInstance(place, of: child.plan.type, child.attributes, ids)
                    if child.plan.steps.isEmpty {
                        try finish(child, made, making, place, ids, &patience, inChunk: inChunk)
                        children.append(made.node)
                    } else {
                        deeper = Making(
                            plan: child.plan, node: made.node, index: made.index, firstChild: children.count)
                    }
                case .link(let link): try makeLink(link, making, children, place, ids)
                case .fail(let error): throw error
                }
                next += 1
            }
            stack[stack.count - 1].next = next
            if let deeper {
                stack.append(deeper)
                continue
            }
            stack.removeLast()
            guard let parent = stack.last, case .child(let child) = parent.plan.steps[parent.next - 1] else { break }
            children.removeLast(children.count - making.firstChild)
            children.append(making.node)
            try finish(child, (making.node, making.index), parent, place, ids, &patience, inChunk: inChunk)
        }
        return top.node
    }

    /// What a complete child still needs: its parent, and where it comes from.
    @inline(__always)
    private mutating func finish(
        _ child: InstancePlan.Child, _ made: (node: UInt32, index: Int), _ parent: Making, _ place: Place,
        _ ids: IdAllocator, _ patience: inout Patience, inChunk: Bool
    ) throws {
        try link(
            place, parent.node, members.member(place.record, parent.index), made.node,
            members.member(place.record, made.index), EdgeComposition.tid | BD_EDGE_DIRECTIONAL, child.edgeAttributes, ids)
        guard let source = child.source else { return }
        try addSourceChunk(
            place, made.node, source, child.makeChild, parent.plan.typeGraph, ids, &patience, inChunk: inChunk)
    }

    private mutating func makeLink(
        _ link: InstancePlan.Link, _ making: Making, _ children: [UInt32], _ place: Place, _ ids: IdAllocator
    ) throws {
        let (view, record) = (place.id, place.record)
        let nameKey = strings.find("name")
        func failure(_ kind: InstantiationFailure.Kind, _ message: String, _ identifier: String) -> TypeGraphError {
            .instantiation(
                InstantiationFailure(
                    kind: kind, message: message, node: BoundNode(view: view, node: link.makeLink),
                    identifier: identifier))
        }
        func end(_ path: InstancePlan.Path) throws -> UInt32 {
            var node = path.child.map { children[making.firstChild + $0] } ?? making.node
            for (item, pooled) in path.rest {
                if item.step.edgeType == EdgeComposition.tid, !item.step.identifier.hasPrefix("<<"),
                    let child = childEdge(view, record, node, pooled: pooled, nameKey: nameKey)
                {
                    node = child.target
                    continue
                }
                do { node = try resolve(item, at: node, view, record, making.plan.typeGraph) } catch {
                    guard case TypeGraphError.resolve(let inner) = error else { throw error }
                    throw failure(.unresolvedReference, inner.message, inner.identifier)
                }
            }
            return node
        }
        let source = try end(link.lhs)
        let target = try end(link.rhs)
        guard let sourceMember = members.find(record, node: source) else {
            throw failure(.other, "Link source node not in graph", "")
        }
        guard let targetMember = members.find(record, node: target) else {
            throw failure(.other, "Link target node not in graph", "")
        }
        let edge = try self.link(
            place, source, sourceMember, target, targetMember, link.bits, link.attributes, ids)
        noteInsertion(view: view, edge)
    }

    /// A child made by a MakeChild with a `source` gets a `has_source_chunk` that points there.
    private mutating func addSourceChunk(
        _ place: Place, _ child: UInt32, _ source: UInt32, _ makeChild: UInt32, _ typeGraph: TypeGraph,
        _ ids: IdAllocator, _ patience: inout Patience, inChunk: Bool
    ) throws {
        guard let type = try type(in: typeGraph, named: TypeGraph.sourceChunk) else {
            watch(typeGraph.selfNode, GraphCaches.planBit)  // with that type instances have more in them
            return
        }
        guard !inChunk else {
            throw TypeGraphError.instantiation(
                InstantiationFailure(
                    kind: .other, message: "Type contains itself", node: BoundNode(view: place.id, node: makeChild),
                    identifier: TypeGraph.sourceChunk))
        }
        let plan = try plan(typeGraph, type: type, &patience)
        if !plan.isConstructable, case .fail(let error)? = plan.steps.first { throw error }
        let chunk = try run(plan, ids, &patience, inChunk: true)
        try insertEdge(
            view: place.id, try ids.nextEdge(),
            EdgeCreationAttributes(EdgeTrait.tid, isDirectional: true, name: TypeGraph.sourceChunk), source: child,
            target: chunk)
        guard let pointer = childEdge(place.id, place.record, chunk, "source_ptr") else { return }
        try link(place.id, EdgePointer.build("source"), pointer.target, source, ids)
    }

    // MARK: making with pooled texts

    /// The node and its type edge. Caches have nothing to do with a node that did not exist.
    private mutating func makeInstance(
        _ place: Place, of type: UInt32, _ attributes: [bd_attribute], _ ids: IdAllocator
    ) throws(GraphError) -> (node: UInt32, index: Int) {
        let id = try ids.nextNode()
        let node = try makeNode(id)
        do throws(GraphError) {
            node.pointee.attributes = try lists.copy(attributes, strings: strings)
            try members.append(place.record, node: id)
        } catch {
            removeNode(id, node)
            throw error
        }
        node.pointee.references = 1
        let index = Int(place.record.pointee.member_count) - 1
        guard let typeMember = members.find(place.record, node: type) else {
            throw GraphError(.sourceNotMember, "Type node not in graph")
        }
        try link(
            place, type, typeMember, id, members.member(place.record, index), EdgeType.tid | BD_EDGE_DIRECTIONAL, [],
            ids)
        return (id, index)
    }

    /// A new edge between members, which the view alone holds.
    @discardableResult
    private mutating func link(
        _ place: Place, _ source: UInt32, _ sourceMember: UnsafeMutablePointer<bd_member>, _ target: UInt32,
        _ targetMember: UnsafeMutablePointer<bd_member>, _ bits: UInt32, _ attributes: [bd_attribute],
        _ ids: IdAllocator
    ) throws(GraphError) -> bd_edge {
        let id = try ids.nextEdge()
        let list = attributes.isEmpty ? 0 : try lists.copy(attributes, strings: strings)
        let record: UnsafeMutablePointer<bd_edge>
        do throws(GraphError) {
            record = try makeEdge(Edge(id: id, source: source, target: target, bits: bits), attributes: list)
        } catch {
            lists.free(list, strings: &strings)
            throw error
        }
        do throws(GraphError) {
            try members.append(place.record, edge: id, record.pointee, sourceMember, targetMember)
        } catch {
            releaseEdge(id)
            throw error
        }
        // The creator's pin becomes the view's hold.
        return record.pointee
    }
}
