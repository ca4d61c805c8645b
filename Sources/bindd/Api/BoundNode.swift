// BoundNode: a node in a view.

import CLayout
import GraphCore

let boundNodeDeclaration = ClassDeclaration(
    "BoundNode", module: "graph", pythonName: "BoundNodeReference", handleKind: BD_KIND_BOUND_NODE,
    doc: "A node seen in a view. Equal to any BoundNode of the same node, whatever the view; its hash is the node's id.",
    methods: [
        Method("node", .local, client: "bd_bound_node_node", arguments: .ignore, result: .node, doc: "The node."),
        Method("g", .local, client: "bd_bound_node_g", arguments: .ignore, result: .view, doc: "The view."),
        Method(
            "visit_edges_of_type", .query, client: "bd_bound_node_visit_edges_of_type",
            [
                Parameter("edge_type", .u8, "0…255"), Parameter("ctx", .any, "handed to f as it is"),
                Parameter("f", .callable, "called as f(ctx, bound_edge); its result is ignored"),
                Parameter(
                    "directed", .any, default: "None",
                    "None: all edges; True: directional ones only if the node is their source; False: if their target"),
            ], errors: ["TypeError", "ValueError", "StaleHandleError"],
            doc: """
                Calls f for each edge of one type at this node in this view, in order of insertion. The edges are those at \
                the visit's start: what f adds is not visited. An exception of f ends the visit.
                """
        ) { call in
            let view = try call.arguments.u32()
            let node = try call.arguments.u32()
            let type = try call.arguments.u32()
            let edges = try call.workspace.graph.edges(
                view: view, node: node, type: type, direction: try call.direction())
            call.result.u32(UInt32(edges.count))
            for edge in edges { call.write(edge) }
        },
        Method(
            "store", .local, client: "bd_bound_node_store", [Parameter("data", .any)],
            doc: "Keeps a Python object for the node, in this process. Replaces what was kept."),
        Method(
            "load", .local, client: "bd_bound_node_load", [Parameter("t", .any, "a type, or a tuple of types")],
            result: .any, errors: ["KeyError", "TypeError"],
            doc: "The object kept for the node. KeyError when there is none, TypeError when it is no instance of t."),
        Method(
            "try_load", .local, client: "bd_bound_node_try_load", [Parameter("t", .any)], result: .any,
            errors: ["TypeError"], doc: "The object kept for the node if it is an instance of t, else None."),
    ])
