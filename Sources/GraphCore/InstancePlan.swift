// A type compiled for instantiation: what to make, in order, with every text already pooled. Computed once per type and
// dropped when an edge or attribute that it was read from changes. A mistake in the type becomes a step that fails when it is
// reached, so that an error comes where it came when types were read anew each time. Types that contain themselves end in
// such a step. Must not outlive its view; it holds no strings: those of the type's own nodes live as long as it is valid.
// Cost: linear in the type's own children and links.

import CLayout

final class InstancePlan {
    final class Child {
        let plan: InstancePlan
        /// Attributes of the composition edge from the parent.
        let edgeAttributes: [bd_attribute]
        let attributes: [bd_attribute]
        let makeChild: UInt32
        /// What the MakeChild's pointer `source` leads to.
        let source: UInt32?

        init(
            plan: InstancePlan, edgeAttributes: [bd_attribute], attributes: [bd_attribute], makeChild: UInt32,
            source: UInt32?
        ) {
            self.plan = plan
            self.edgeAttributes = edgeAttributes
            self.attributes = attributes
            self.makeChild = makeChild
            self.source = source
        }
    }

    struct Path {
        /// The child of the new instance where the path starts; nil: at the instance itself.
        let child: Int?
        let rest: [(item: ReferenceItem, pooled: UInt32)]
    }

    final class Link {
        let makeLink: UInt32
        let lhs: Path
        let rhs: Path
        let bits: UInt32
        let attributes: [bd_attribute]

        init(makeLink: UInt32, lhs: Path, rhs: Path, bits: UInt32, attributes: [bd_attribute]) {
            self.makeLink = makeLink
            self.lhs = lhs
            self.rhs = rhs
            self.bits = bits
            self.attributes = attributes
        }
    }

    enum Step {
        case child(Child)
        case link(Link)
        case fail(TypeGraphError)
    }

    let typeGraph: TypeGraph
    let type: UInt32
    var steps: [Step] = []
    /// False: the one step says so, before anything is made.
    var isConstructable = true
    /// The last step fails, or makes a child whose last step does. Nothing follows it.
    var isFailing = false

    init(typeGraph: TypeGraph, type: UInt32) {
        self.typeGraph = typeGraph
        self.type = type
    }

    func fail(_ kind: InstantiationFailure.Kind, _ message: String, _ node: UInt32, _ identifier: String = "") {
        let node = BoundNode(view: typeGraph.view, node: node)
        isFailing = true
        steps.append(
            .fail(
                .instantiation(InstantiationFailure(kind: kind, message: message, node: node, identifier: identifier))))
    }
}

extension GraphStore {
    private struct Compiling {
        let plan: InstancePlan
        let makeChildren: [Edge]
        var next = 0
        var names: [UInt32: Int] = [:]  // pooled identifier → the first child of that name
    }

    private struct Builtins {
        let makeChild: UInt32
        let isConstructable: UInt32
        let nameKey: UInt32
        let childIdentifierKey: UInt32
        let resolved: UInt32
    }

    /// The plan of a type, compiled when it is not there. `typeGraph.view` is the type's view.
    func plan(
        _ typeGraph: TypeGraph, type: UInt32, _ patience: inout Patience
    ) throws(GraphError) -> InstancePlan {
        if let known = caches.plans[GraphCaches.key(typeGraph.view, type)], known.typeGraph == typeGraph { return known }
        let view = try self.view(typeGraph.view)
        let builtins = Builtins(
            makeChild: try builtinType(typeGraph, TypeGraph.makeChild),
            isConstructable: try builtinType(typeGraph, TypeGraph.isConstructable), nameKey: strings.find("name"),
            childIdentifierKey: strings.find(TypeGraph.childIdentifier), resolved: strings.find(Linker.resolved))
        var open = IdSet()
        var stack = [try opened(typeGraph, type, view, builtins)]
        _ = open.insert(type)
        var finished: InstancePlan?
        while let top = stack.indices.last {
            try patience.step()
            guard stack[top].next < stack[top].makeChildren.count else {
                let done = stack.removeLast()
                try addLinks(done, view, builtins, &patience)
                // A mistake may depend on the types that it was reached through: such a plan is good for this once.
                if !done.plan.isFailing { caches.plans[GraphCaches.key(typeGraph.view, done.plan.type)] = done.plan }
                _ = open.remove(done.plan.type)
                finished = done.plan
                continue
            }
            let edge = stack[top].makeChildren[stack[top].next]
            guard let childType = resolvedType(ofMakeChild: edge.target, typeGraph.view, view, builtins) else {
                stack[top].plan.fail(
                    .unresolvedTypeReference, "Unresolved type reference (linking required)", edge.target)
                stack[top].next = stack[top].makeChildren.count
                continue
            }
            if open.contains(childType) {
                stack[top].plan.fail(
                    .other, "Type contains itself", edge.target, nodeText(childType, TypeGraph.typeIdentifier) ?? "")
                stack[top].next = stack[top].makeChildren.count
                continue
            }
            let known = caches.plans[GraphCaches.key(typeGraph.view, childType)]
            let justMade = finished?.type == childType ? finished : nil
            guard let plan = justMade ?? known, plan.typeGraph == typeGraph else {
                stack.append(try opened(typeGraph, childType, view, builtins))
                _ = open.insert(childType)
                continue
            }
            finished = nil
            addChild(&stack[top], edge, plan, view, builtins)
            stack[top].next = plan.isFailing ? stack[top].makeChildren.count : stack[top].next + 1
        }
        guard let finished else { fatalError("no plan for type \(type)") }
        return finished
    }

    private func opened(
        _ typeGraph: TypeGraph, _ type: UInt32, _ view: ViewRecord, _ builtins: Builtins
    ) throws(GraphError) -> Compiling {
        let plan = InstancePlan(typeGraph: typeGraph, type: type)
        watch(type, GraphCaches.planBit)
        guard traitInstance(view, type, of: builtins.isConstructable) != nil else {
            plan.isConstructable = false
            plan.fail(
                .other, "Type is not constructable (not fully linked/merged)", type,
                nodeText(type, TypeGraph.typeIdentifier) ?? "")
            return Compiling(plan: plan, makeChildren: [])
        }
        let children = try childEdges(of: BoundNode(view: typeGraph.view, node: type), type: builtins.makeChild)
        return Compiling(plan: plan, makeChildren: children)
    }

    private func resolvedType(
        ofMakeChild makeChild: UInt32, _ viewId: UInt32, _ view: ViewRecord, _ builtins: Builtins
    ) -> UInt32? {
        watch(makeChild, GraphCaches.planBit)
        guard let reference = typeReference(view, viewId, makeChild) else { return nil }
        watch(reference, GraphCaches.planBit)
        guard builtins.resolved != 0 else { return nil }
        return first(view, reference, EdgePointer.tid, .outgoing) {
            pooledAttribute($0.attributes, builtins.nameKey) == builtins.resolved
        }?.target
    }

    private func addChild(
        _ frame: inout Compiling, _ edge: Edge, _ plan: InstancePlan, _ view: ViewRecord, _ builtins: Builtins
    ) {
        let pairs = rawPairs(nodes.find(edge.target)?.pointee.attributes ?? 0)
        let identifier = pairs.first { $0.key == builtins.childIdentifierKey && $0.kind == BD_LITERAL_STRING }?.value
        // The edge to a MakeChild is named as the edge to the child will be.
        let names = rawPairs(member(edge.id).attributes).filter { $0.key == builtins.nameKey }
        if let identifier {
            let pooled = UInt32(truncatingIfNeeded: identifier)
            if frame.names[pooled] == nil { frame.names[pooled] = frame.next }
        }
        frame.plan.isFailing = plan.isFailing
        frame.plan.steps.append(
            .child(
                InstancePlan.Child(
                    plan: plan, edgeAttributes: names,
                    attributes: pairs.filter { $0.key != builtins.childIdentifierKey },
                    makeChild: edge.target, source: pointed(view, edge.target, "source"))))
    }

    private func addLinks(
        _ frame: Compiling, _ view: ViewRecord, _ builtins: Builtins, _ patience: inout Patience
    ) throws(GraphError) {
        let plan = frame.plan
        if plan.isFailing { return }
        let type = BoundNode(view: plan.typeGraph.view, node: plan.type)
        for link in try makeLinks(plan.typeGraph, type: type) {
            try patience.step()
            watch(link.node, GraphCaches.planBit)
            guard let lhs = link.lhs, let rhs = link.rhs else {
                plan.fail(.missingOperandReference, "Missing operand reference in MakeLink", link.node)
                return
            }
            guard let recipe = try recipe(ofMakeLink: link.node) else {
                plan.fail(.other, "MakeLink has no edge type", link.node)
                return
            }
            do throws(GraphError) {
                plan.steps.append(
                    .link(
                        InstancePlan.Link(
                            makeLink: link.node, lhs: try path(view, lhs, frame), rhs: try path(view, rhs, frame),
                            bits: recipe.bits, attributes: linkPairs(link.node, builtins))))
            } catch {
                plan.fail(.unresolvedReference, error.description, link.node)
                return
            }
        }
    }

    private func path(
        _ view: ViewRecord, _ head: UInt32, _ frame: Compiling
    ) throws(GraphError) -> InstancePlan.Path {
        let key = strings.find(TypeGraph.childIdentifier)
        var items: [(item: ReferenceItem, pooled: UInt32)] = []
        for item in try referenceItems(view, head) {
            watch(item.node, GraphCaches.planBit)
            if item.step.isSelf { continue }
            items.append((item, pooledAttribute(nodes.find(item.node)?.pointee.attributes ?? 0, key)))
        }
        if let first = items.first, first.item.step.edgeType == EdgeComposition.tid,
            !first.item.step.identifier.hasPrefix("<<"), let child = frame.names[first.pooled]
        {
            return InstancePlan.Path(child: child, rest: Array(items.dropFirst()))
        }
        return InstancePlan.Path(child: nil, rest: items)
    }

    /// The name and the dynamic attributes that a MakeLink keeps for its edges.
    private func linkPairs(_ makeLink: UInt32, _ builtins: Builtins) -> [bd_attribute] {
        let pairs = rawPairs(nodes.find(makeLink)?.pointee.attributes ?? 0)
        let own = GraphStore.recipeKeys
        return pairs.filter { $0.key == builtins.nameKey } + pairs.filter { !own.contains(strings.text($0.key)) }
    }

    private func rawPairs(_ list: UInt32) -> [bd_attribute] { list == 0 ? [] : Array(lists.pairs(list)) }
}
