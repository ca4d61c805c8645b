// EdgePointer: from → to, with an optional name and place in a sequence.

import GraphCore

private let kind = EdgeKind(tid: EdgePointer.tid, noun: "a pointer")
private let node = Parameter("bound_node", .boundNode)
private let name = Parameter("identifier", .optional(.string), default: "None", "the pointer's name")
private let index = Parameter("index", .optional(.int), "place in a sequence, 0…32767; None: none")

let edgePointerDeclaration = ClassDeclaration(
    "EdgePointer", module: "faebryk",
    doc: "Edges that refer to a node elsewhere, with an optional name and an index.",
    methods: [
        kind.create([Parameter("from_node", .node), Parameter("to_node", .node), name]),
        kind.build([name, index]),
        kind.isInstance(),
        kind.end("get_referenced_node", .target, doc: "The edge's target."),
        kind.first(
            "get_referenced_node_from_node", .outgoing, .all, .boundTarget, [Parameter("node", .boundNode)],
            doc: "The target of the node's first pointer, None when it has none."
        ) { call in
            let node = try call.boundNode()
            call.answer(node.view, try call.workspace.graph.referencedNode(from: node))
        },
        kind.getTid(),
        kind.traverse(arguments: .ignore, []),
        Method(
            "get_index", .local, isStatic: true, client: "bd_rule_get_index", rule: EdgeRule(type: EdgePointer.tid),
            [Parameter("edge", .edge)], result: .int, errors: ["TypeError"],
            doc: "The edge's place in a sequence; 0 when it has none. Does not look at the edge's type."),
        kind.add(
            "point_to", [node, Parameter("target_node", .node), name, index],
            doc: "Inserts a pointer. ValueError \"Index out of range\" for an index outside 0…32767."
        ) { call in
            let from = try call.boundNode()
            let target = try call.arguments.u32()
            let name = try call.optionalString()
            let index = try call.optionalInt()
            call.answer(
                from.view,
                try call.workspace.graph.point(
                    from, to: target, identifier: name, index: index, edge: try call.session.ids.nextEdge()))
        },
        kind.visit(
            "visit_pointed_edges", .outgoing, .all, [node], doc: "Calls f for each pointer of the node."
        ) { call in
            let node = try call.boundNode()
            return (node.view, try call.workspace.graph.pointedEdges(of: node))
        },
        kind.visit(
            "visit_pointed_edges_with_identifier", .outgoing, .name, [node, Parameter("identifier", .string)],
            doc: "Calls f for each pointer of that name. One without name never matches."
        ) { call in
            let node = try call.boundNode()
            return (
                node.view,
                try call.workspace.graph.pointedEdges(of: node, identifier: try call.arguments.string())
            )
        },
        kind.first(
            "get_pointed_node_by_identifier", .outgoing, .name, .boundTarget, [node, Parameter("identifier", .string)],
            doc: "The target of the first pointer of that name, None when there is none."
        ) { call in
            let node = try call.boundNode()
            call.answer(
                node.view, try call.workspace.graph.pointedNode(of: node, identifier: try call.arguments.string()))
        },
    ])
