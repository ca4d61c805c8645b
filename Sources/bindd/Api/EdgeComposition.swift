// EdgeComposition: parent → child, under a name.

import GraphCore

private let kind = EdgeKind(tid: EdgeComposition.tid, noun: "an edge of composition")
private let node = Parameter("bound_node", .boundNode)
private let identifier = Parameter("child_identifier", .string, "\"\" stands for an anonymous child")

let edgeCompositionDeclaration = ClassDeclaration(
    "EdgeComposition", module: "faebryk",
    doc: "Edges from a parent to its children. The edge's name is the child's identifier; \"\" is that of an anonymous child.",
    methods: [
        kind.create([Parameter("parent", .node), Parameter("child", .node), identifier]),
        kind.build([identifier]),
        kind.isInstance(),
        kind.visit(
            "visit_children_edges", .outgoing, .other, [node],
            doc: "Calls f for each edge to a child, in order of insertion."
        ) { call in
            let parent = try call.boundNode()
            return (parent.view, try call.workspace.graph.childEdges(of: parent))
        },
        kind.first(
            "get_parent_edge", .incoming, .all, .edge, [node], doc: "The first edge from a parent, None when there is none."
        ) { call in
            let child = try call.boundNode()
            call.answer(child.view, try call.workspace.graph.parentEdge(of: child))
        },
        kind.end("get_parent_node", .source, doc: "The edge's source."),
        kind.end("get_child_node", .target, doc: "The edge's target."),
        kind.relativeEnd("get_child_of", .target, doc: "The edge's target, None when it is the node."),
        kind.relativeEnd("get_parent_of", .source, doc: "The edge's source, None when it is the node."),
        kind.first(
            "get_parent_node_of", .incoming, .all, .boundSource, [node], doc: "The first parent, None when there is none."
        ) { call in
            let child = try call.boundNode()
            call.answer(child.view, try call.workspace.graph.parent(of: child))
        },
        kind.add(
            "add_child",
            [
                node, Parameter("child", .node),
                Parameter("child_identifier", .string, refusal: "child_identifier must be a string"),
            ], doc: "Inserts an edge to a child. Neither names nor children nor parents need be unique."
        ) { call in
            let parent = try call.boundNode()
            let child = try call.arguments.u32()
            let identifier = try call.arguments.string()
            call.answer(
                parent.view,
                try call.workspace.graph.addChild(
                    parent, child: child, identifier: identifier, edge: try call.session.ids.nextEdge()))
        },
        kind.add(
            "add_anon_child", text: "", [node, Parameter("child", .node)], doc: "Inserts an edge to an anonymous child."
        ) { call in
            let parent = try call.boundNode()
            let child = try call.arguments.u32()
            call.answer(
                parent.view,
                try call.workspace.graph.addChild(
                    parent, child: child, identifier: "", edge: try call.session.ids.nextEdge()))
        },
        Method(
            "get_name", .query, isStatic: true, client: "bd_rule_get_name",
            rule: EdgeRule(type: EdgeComposition.tid, text: "edge is not an EdgeComposition edge"),
            [Parameter("edge", .edge)], result: .value("str"), errors: ["TypeError"],
            doc: "The child's identifier, \"\" for an edge without name."
        ) { call in
            call.answer(try call.workspace.graph.compositionName(ofEdge: try call.arguments.u32()))
        },
        kind.getTid(),
        kind.traverse([Parameter("identifier", .string)]),
        kind.first(
            "get_child_by_identifier", .outgoing, .name, .boundTarget, [node, Parameter("child_identifier", .string)],
            doc: "The first child of that name, None when there is none."
        ) { call in
            let parent = try call.boundNode()
            call.answer(
                parent.view, try call.workspace.graph.child(of: parent, identifier: try call.arguments.string()))
        },
        kind.visit(
            "visit_children_of_type", .outgoing, .instance, [node, Parameter("child_type", .node)],
            doc: "Calls f for each edge to a child that is an instance of the type."
        ) { call in
            let parent = try call.boundNode()
            return (parent.view, try call.workspace.graph.childEdges(of: parent, type: try call.arguments.u32()))
        },
        kind.first(
            "try_get_single_child_of_type", .outgoing, .instance, .boundTarget, [node, Parameter("child_type", .node)],
            doc: "The first child that is an instance of the type, None when there is none."
        ) { call in
            let parent = try call.boundNode()
            let edges = try call.workspace.graph.childEdges(of: parent, type: try call.arguments.u32())
            call.answer(parent.view, edges.first?.target)
        },
        Method(
            "get_children_query", .query, isStatic: true,
            [
                node, Parameter("direct_only", .bool, "children of the node itself only"),
                Parameter(
                    "types", .list(.node), default: "None", refusal: "types must be a list of Node",
                    itemRefusal: "types list items must be Node", "instances of any of these; None or empty: all nodes"),
                Parameter("include_root", .bool, default: "False", "the node itself comes first, if it matches"),
                Parameter("sort", .bool, default: "False", "each node's children by name instead of insertion"),
                Parameter(
                    "required_traits", .list(.node), default: "None", refusal: "required_traits must be a list of Node",
                    itemRefusal: "required_traits list items must be Node", "a match has an instance of each of these"),
            ], result: .value("list[BoundNode]"), errors: ["TypeError", "ValueError", "StaleHandleError"],
            doc: """
                The nodes below a node that match, each before its own children. A node that is reachable twice comes twice; a \
                node that contains itself is an error.
                """
        ) { call in
            let root = try call.boundNode()
            var query = ChildrenQuery()
            query.directOnly = try call.arguments.bool()
            query.types = try call.arguments.u32List()
            query.includeRoot = try call.arguments.bool()
            query.sort = try call.arguments.bool()
            query.requiredTraits = try call.arguments.u32List()
            let nodes = try call.workspace.graph.children(of: root, query, isCancelled: call.session.hasGivenUp)
            call.answer(root.view, nodes)
        },
    ])
