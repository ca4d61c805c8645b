// EdgeInterfaceConnection: an undirected edge between two interfaces, and who is connected to whom over such edges.

import GraphCore

private let kind = EdgeKind(
    tid: EdgeInterfaceConnection.tid, noun: "a connection of interfaces", isDirectional: false)
private let ends = [Parameter("bn1", .boundNode), Parameter("bn2", .boundNode)]

let edgeInterfaceConnectionDeclaration = ClassDeclaration(
    "EdgeInterfaceConnection", module: "faebryk",
    doc: """
        Connections of interfaces. One connects the equally named children of its ends as well, unless it is shallow; \
        connecting children does not connect their parents.
        """,
    methods: [
        kind.build([Parameter("shallow", .bool, default: "False", "connects just the two ends")]),
        kind.getTid(),
        kind.isInstance(),
        kind.relativeEnd(
            "get_other_connected_node", .opposite, doc: "The edge's other end, None when the node is neither end."),
        Method(
            "connect", .call, isStatic: true, ends, result: .value("BoundEdge"),
            errors: ["TypeError", "ValueError", "StaleHandleError"],
            doc: "Connects two nodes of the same type, or without type, in the view of the first."
        ) { call in try connect(&call, isShallow: false) },
        Method(
            "connect_shallow", .call, isStatic: true, ends, result: .value("BoundEdge"),
            errors: ["TypeError", "ValueError", "StaleHandleError"],
            doc: "The same, without connecting children."
        ) { call in try connect(&call, isShallow: true) },
        kind.visit(
            "visit_connected_edges", .any, .all, [Parameter("bound_node", .boundNode)],
            doc: "Calls f for each connection that ends at the node."
        ) { call in
            let node = try call.boundNode()
            return (node.view, try call.workspace.graph.connectedEdges(of: node))
        },
        Method(
            "is_connected_to", .query, isStatic: true,
            [Parameter("source", .boundNode), Parameter("target", .boundNode)], result: .value("BFSPath"),
            errors: ["TypeError", "ValueError", "StaleHandleError"],
            doc: """
                The path from source to target. When there is none, and from a node to itself, the empty path at the source: \
                compare its end.
                """
        ) { call in
            let source = try call.boundNode()
            let target = try call.boundNode().node
            let path = try call.workspace.graph.path(
                from: source, to: target, isCancelled: call.session.hasGivenUp)
            try call.answer(path: path, from: source, to: path.isEmpty ? source.node : target)
        },
        Method(
            "get_connected", .query, isStatic: true,
            [
                Parameter("source", .boundNode),
                Parameter("include_self", .optional(.bool), default: "True", "None counts as True"),
            ], result: .value("dict[BoundNode, BFSPath]"), errors: ["TypeError", "ValueError", "StaleHandleError"],
            doc: "Every node that is connected to the source, with a path to each, in order of discovery."
        ) { call in
            let source = try call.boundNode()
            let includesSource = try call.arguments.bool() ? try call.arguments.bool() : true
            let connected = try call.workspace.graph.connected(to: source, isCancelled: call.session.hasGivenUp)
            try call.answer(connected, includesSource: includesSource)
        },
    ])

private func connect(_ call: inout Call, isShallow: Bool) throws {
    let one = try call.boundNode()
    let other = try call.boundNode()
    call.answer(
        one.view,
        try call.workspace.graph.connect(one, other, isShallow: isShallow, edge: try call.session.ids.nextEdge()))
}
