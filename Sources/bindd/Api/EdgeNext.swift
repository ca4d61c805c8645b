// EdgeNext: previous → next.

import GraphCore

private let kind = EdgeKind(tid: EdgeNext.tid, noun: "a link of a chain")
private let node = Parameter("node", .boundNode)

let edgeNextDeclaration = ClassDeclaration(
    "EdgeNext", module: "faebryk",
    doc: "The links of chains of nodes.",
    methods: [
        kind.create([Parameter("previous_node", .node), Parameter("next_node", .node)]),
        kind.build(arguments: .ignore),
        kind.add(
            "add_next", [Parameter("previous_node", .boundNode), Parameter("next_node", .boundNode)],
            doc: "Links two nodes, in the view of the first."
        ) { call in
            let previous = try call.boundNode()
            let next = try call.boundNode()
            call.answer(
                previous.view,
                try call.workspace.graph.addNext(
                    previous: previous, next: next.node, edge: try call.session.ids.nextEdge()))
        },
        kind.isInstance(),
        kind.end(
            "get_previous_node", .source, onlyDirectional: true,
            doc: "The edge's source, None for an edge without direction."),
        kind.end(
            "get_next_node", .target, onlyDirectional: true, doc: "The edge's target, None for an edge without direction."),
        kind.first(
            "get_previous_edge", .incoming, .all, .edge, [node], doc: "The first link into the node, None when there is none."
        ) { call in
            let node = try call.boundNode()
            call.answer(node.view, try call.workspace.graph.previousEdge(of: node))
        },
        kind.first(
            "get_next_edge", .outgoing, .all, .edge, [node], doc: "The first link out of the node, None when there is none."
        ) { call in
            let node = try call.boundNode()
            call.answer(node.view, try call.workspace.graph.nextEdge(of: node))
        },
        kind.first(
            "get_previous_node_from_node", .incoming, .all, .source, [node],
            doc: "The source of the first link into the node, None when there is none."
        ) { call in
            let node = try call.boundNode()
            call.answer(node: try call.workspace.graph.previousEdge(of: node)?.source)
        },
        kind.first(
            "get_next_node_from_node", .outgoing, .all, .target, [node],
            doc: "The target of the first link out of the node, None when there is none."
        ) { call in
            let node = try call.boundNode()
            call.answer(node: try call.workspace.graph.nextEdge(of: node)?.target)
        },
    ])
