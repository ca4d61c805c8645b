// EdgeReference: an edge by itself, whatever views it is in.

import CLayout
import GraphCore

let edgeReferenceDeclaration = ClassDeclaration(
    "EdgeReference", module: "graph", handleKind: BD_KIND_EDGE,
    doc: "An edge from a source to a target node, with a type (0…255), a direction flag and attributes.",
    methods: [
        Method(
            "create", .command, isStatic: true, isBatchable: true, client: "bd_edge_create",
            [
                Parameter("source", .node), Parameter("target", .node), Parameter("edge_type", .u8, "0…255"),
                Parameter("directional", .any, default: "None", "truth value; None is False"),
                Parameter("name", .optional(.string), default: "None", "kept as the attribute \"name\""),
                Parameter("attributes", .attributes, default: "", "further attributes, in the order given"),
            ], result: .edge, errors: ["TypeError", "ValueError"],
            doc: "A new edge, member of no view. Any number of edges may join the same nodes."
        ) { call in
            let id = try call.newEdge()
            let edge = Edge(
                id: id, source: try call.arguments.u32(), target: try call.arguments.u32(),
                bits: try call.arguments.u32())
            try call.withAttributes { call, attributes in
                try call.workspace.graph.createEdge(edge, attributes: attributes)
            }
            call.session.pinned(.edge, id)
        },
        Method(
            "source", .local, client: "bd_edge_source", arguments: .ignore, result: .node, doc: "The source node."),
        Method(
            "target", .local, client: "bd_edge_target", arguments: .ignore, result: .node, doc: "The target node."),
        Method(
            "edge_type", .local, client: "bd_edge_edge_type", arguments: .ignore, result: .int, doc: "0…255."),
        Method(
            "directional", .local, client: "bd_edge_directional", arguments: .ignore, result: .bool,
            doc: "True when the edge has a direction."),
        Method(
            "is_same", .local, client: "bd_edge_is_same", [Parameter("other", .edge)], result: .bool,
            errors: ["TypeError"], doc: "True when the other handle is of the same edge."),
        Method(
            "refresh", .query, client: "bd_edge_refresh", arguments: .ignore, errors: ["StaleHandleError"],
            doc: """
                Reads type, direction and ends again, which another client may have changed. What this process changes, its \
                handles know.
                """
        ) { call in call.write(try call.workspace.graph.edge(try call.arguments.u32())) },
        Method(
            "name", .query, client: "bd_edge_name", arguments: .ignore, result: .optional(.string),
            doc: "The attribute \"name\" when it is a str, else None."
        ) { call in
            if case .string(let name)? = try call.workspace.graph.edgeAttribute(try call.arguments.u32(), key: "name") {
                call.result.u32(1)
                call.result.string(name)
            } else {
                call.result.u32(0)
            }
        },
        Method(
            "get_attr", .query, client: "bd_edge_get_attr", [Parameter("key", .string)], result: .literal, errors: ["TypeError"],
            doc: "The attribute's value, None when there is no such key. The name is the key \"name\"."
        ) { call in
            let id = try call.arguments.u32()
            call.write(try call.workspace.graph.edgeAttribute(id, key: try call.arguments.string()))
        },
    ])
