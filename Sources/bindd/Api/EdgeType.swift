// EdgeType: type → instance.

import GraphCore

private let kind = EdgeKind(tid: EdgeType.tid, noun: "an edge from a type to an instance")
private let node = Parameter("bound_node", .boundNode)

let edgeTypeDeclaration = ClassDeclaration(
    "EdgeType", module: "faebryk",
    doc: "Edges from a type to its instances. A node has one effective type: that of the first such edge into it.",
    methods: [
        kind.create([Parameter("type_node", .node), Parameter("instance_node", .node)]),
        kind.build(arguments: .ignore),
        kind.isInstance(),
        kind.visit(
            "visit_instance_edges", .outgoing, .all, [node], doc: "Calls f for each edge to an instance of the type."
        ) { call in
            let type = try call.boundNode()
            return (type.view, try call.workspace.graph.instanceEdges(of: type))
        },
        kind.end("get_type_node", .source, doc: "The edge's source."),
        kind.end("get_instance_node", .target, doc: "The edge's target."),
        kind.first(
            "get_type_edge", .incoming, .all, .edge, [node], doc: "The first edge from a type, None when there is none."
        ) { call in
            let instance = try call.boundNode()
            call.answer(instance.view, try call.workspace.graph.typeEdge(of: instance))
        },
        kind.add(
            "add_instance", [Parameter("bound_type_node", .boundNode), Parameter("bound_instance_node", .boundNode)],
            doc: "Makes a node an instance of the type, in the type's view."
        ) { call in
            let type = try call.boundNode()
            let instance = try call.boundNode()
            call.answer(
                type.view,
                try call.workspace.graph.addInstance(
                    type: type, instance: instance.node, edge: try call.session.ids.nextEdge()))
        },
        kind.getTid(),
        Method(
            "is_node_instance_of", .query, isStatic: true, client: "bd_rule_is_instance_of",
            rule: EdgeRule(type: EdgeType.tid, side: .incoming), [node, Parameter("node_type", .node)],
            result: .value("bool"), errors: ["TypeError", "StaleHandleError"],
            doc: "True when the node's type is that node. There is no subtyping."
        ) { call in
            let bound = try call.boundNode()
            call.answer(try call.workspace.graph.isInstance(bound, of: try call.arguments.u32()))
        },
    ])
