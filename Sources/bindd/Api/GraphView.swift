// GraphView: a set of nodes and edges, and for each node and edge type the order in which edges came.

import CLayout
import GraphCore

let graphViewDeclaration = ClassDeclaration(
    "GraphView", module: "graph", handleKind: BD_KIND_VIEW,
    doc: """
        A membership structure over nodes and edges. A node or an edge may be in any number of views. Freed by destroy(), or \
        when the last Python reference to it goes.
        """,
    methods: [
        Method(
            "create", .command, isStatic: true, isBatchable: true, client: "bd_graph_view_create", arguments: .ignore, result: .view,
            doc: "A new view, which contains just its own new self node."
        ) { call in
            let view = try call.newView()
            let node = try call.newNode()
            try call.workspace.graph.createView(view, selfNode: node)
            call.session.owns(view: view)
        },
        Method(
            "get_self_node", .local, client: "bd_graph_view_get_self_node", arguments: .ignore, result: .boundNode,
            doc: "The node that stands for the view; its id identifies the view."),
        Method(
            "create_and_insert_node", .command, isBatchable: true, client: "bd_graph_view_create_and_insert_node", arguments: .ignore,
            result: .boundNode, errors: ["StaleHandleError"], doc: "A new node, inserted."
        ) { call in
            let view = try call.changedView()
            try call.workspace.graph.createAndInsertNode(view: view, node: try call.newNode())
        },
        Method(
            "insert_node", .command, isBatchable: true, client: "bd_graph_view_insert_node", [Parameter("node", .node)],
            result: .boundNode, errors: ["TypeError", "StaleHandleError"],
            doc: "Adds a node to the view. Inserting a member changes nothing."
        ) { call in
            let view = try call.changedView()
            try call.workspace.graph.insertNode(view: view, node: try call.arguments.u32())
        },
        Method(
            "insert_edge", .command, isBatchable: true, client: "bd_graph_view_insert_edge", [Parameter("edge", .edge)],
            result: .boundEdge, errors: ["TypeError", "ValueError", "StaleHandleError"],
            doc: "Adds an edge whose source and target are members. Inserting a member changes nothing."
        ) { call in
            let view = try call.changedView()
            try call.workspace.graph.insertEdge(view: view, edge: try call.arguments.u32())
        },
        Method(
            "bind", .local, client: "bd_graph_view_bind", [Parameter("node", .node)], result: .boundNode,
            errors: ["TypeError"], doc: "The node in this view. Does not look whether it is a member."),
        Method(
            "get_node_count", .query, client: "bd_graph_view_get_node_count", arguments: .ignore, result: .int, errors: ["StaleHandleError"],
            doc: "Count of members, the self node included."
        ) { call in
            call.result.i64(Int64(try call.workspace.graph.nodeCount(view: try call.arguments.u32())))
        },
        Method(
            "get_nodes", .query, client: "bd_graph_view_get_nodes", arguments: .ignore, result: .list(.boundNode), errors: ["StaleHandleError"],
            doc: "All members in order of insertion, the self node first."
        ) { call in
            call.write(try call.workspace.graph.nodes(view: try call.arguments.u32()))
        },
        Method(
            "get_subgraph_from_nodes", .call, client: "bd_graph_view_get_subgraph_from_nodes",
            [Parameter("nodes", .list(.boundNode))], result: .view, errors: ["TypeError", "StaleHandleError"],
            doc: "A new view of the listed nodes and of every edge of this view between two of them."
        ) { call in
            let source = try call.arguments.u32()
            let view = try call.newView()
            let node = try call.newNode()
            try call.workspace.graph.createSubgraph(
                of: source, view: view, selfNode: node, nodes: try call.arguments.u32List())
            call.session.owns(view: view)
            call.write(try call.workspace.graph.edges(view: view))  // the client knows the members of its views
        },
        Method(
            "insert_subgraph", .call, client: "bd_graph_view_insert_subgraph", [Parameter("subgraph", .view)],
            errors: ["TypeError", "StaleHandleError"],
            doc: "Adds the nodes and then the edges of another view, in the order in which they entered it."
        ) { call in
            let view = try call.arguments.u32()
            try call.workspace.graph.insertSubgraph(view: view, of: try call.arguments.u32())
        },
        Method(
            "get_counts", .query, client: "bd_graph_view_get_counts", arguments: .ignore, result: .any,
            errors: ["StaleHandleError"], doc: "A tuple: count of nodes, count of edges."
        ) { call in
            let view = try call.arguments.u32()
            call.result.u64(UInt64(try call.workspace.graph.nodeCount(view: view)))
            call.result.u64(UInt64(try call.workspace.graph.edgeCount(view: view)))
        },
        Method(
            "destroy", .command, client: "bd_graph_view_destroy", arguments: .ignore,
            doc: """
                Frees the view, and takes its shared name away; while another process holds it, only this process's handles \
                of it end. Nodes and edges that Python still holds live on. A second destroy does nothing.
                """
        ) { call in
            let view = try call.arguments.u32()
            let nodes = try call.arguments.u32List()
            let edges = try call.arguments.u32List()
            _ = try call.workspace.graph.selfNode(view: view)  // a view that is none: nothing changes
            // What the client still holds is pinned before the view lets go of it.
            try call.session.pin(kind: BD_KIND_NODE, ids: nodes)
            try call.session.pin(kind: BD_KIND_EDGE, ids: edges)
            call.session.forget(view: view)
            call.workspace.unshare(view: view)
            call.workspace.letGo(view: view)
        },
    ] + graphViewSharedMethods + graphViewExchangeMethods)
