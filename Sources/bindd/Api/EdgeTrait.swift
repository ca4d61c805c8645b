// EdgeTrait: owner → trait instance.

import GraphCore

private let kind = EdgeKind(tid: EdgeTrait.tid, noun: "an edge to a trait instance")
private let node = Parameter("bound_node", .boundNode)

let edgeTraitDeclaration = ClassDeclaration(
    "EdgeTrait", module: "faebryk",
    doc: "Edges from a node to the instances of traits that it owns.",
    methods: [
        kind.create([Parameter("owner_node", .node), Parameter("trait_instance", .node)]),
        kind.build(arguments: .ignore),
        kind.isInstance(),
        kind.end("get_owner_node", .source, doc: "The edge's source."),
        kind.end("get_trait_instance_node", .target, doc: "The edge's target."),
        kind.relativeEnd("get_trait_instance_of", .target, doc: "The edge's target, None when it is the node."),
        kind.relativeEnd("get_owner_of", .source, doc: "The edge's source, None when it is the node."),
        kind.visit(
            "visit_trait_instance_edges", .outgoing, .all, [node],
            doc: "Calls f for each edge to a trait instance of the node."
        ) { call in
            let owner = try call.boundNode()
            return (owner.view, try call.workspace.graph.traitInstanceEdges(of: owner))
        },
        kind.first(
            "get_owner_edge", .incoming, .all, .edge, [node], doc: "The first edge from an owner, None when there is none."
        ) { call in
            let instance = try call.boundNode()
            call.answer(instance.view, try call.workspace.graph.ownerEdge(of: instance))
        },
        kind.first(
            "get_owner_node_of", .incoming, .all, .boundSource, [node], doc: "The first owner, None when there is none."
        ) { call in
            let instance = try call.boundNode()
            call.answer(instance.view, try call.workspace.graph.ownerEdge(of: instance)?.source)
        },
        kind.add(
            "add_trait_instance", [node, Parameter("trait_instance", .node)], doc: "Gives a trait instance to the node."
        ) { call in
            let owner = try call.boundNode()
            let instance = try call.arguments.u32()
            call.answer(
                owner.view,
                try call.workspace.graph.addTraitInstance(
                    owner, instance: instance, edge: try call.session.ids.nextEdge()))
        },
        kind.visit(
            "visit_trait_instances_of_type", .outgoing, .instance,
            [Parameter("owner", .boundNode), Parameter("trait_type", .node)],
            doc: "Calls f for each edge to a trait instance of that type."
        ) { call in
            let owner = try call.boundNode()
            return (owner.view, try call.workspace.graph.traitInstanceEdges(of: owner, type: try call.arguments.u32()))
        },
        kind.first(
            "try_get_trait_instance_of_type", .outgoing, .instance, .boundTarget,
            [node, Parameter("trait_type", .node)],
            doc: "The node's first trait instance of that type, None when there is none."
        ) { call in
            let owner = try call.boundNode()
            call.answer(
                owner.view, try call.workspace.graph.traitInstance(of: owner, type: try call.arguments.u32()))
        },
        kind.getTid(arguments: .ignore),
        kind.traverse([Parameter("trait_type_name", .string)]),
    ])
