// NodeReference: a node by itself, whatever views it is in.

import CLayout
import GraphCore

let nodeReferenceDeclaration = ClassDeclaration(
    "NodeReference", module: "graph", handleKind: BD_KIND_NODE,
    doc: "A node: an id and attributes. It exists independently of any view.",
    methods: [
        Method(
            "create", .command, isStatic: true, isBatchable: true, client: "bd_node_create", arguments: .ignore,
            [Parameter("attributes", .attributes, default: "", "attributes of the new node")], result: .node,
            errors: ["TypeError"],
            doc: "A new node with the given attributes, member of no view. Ids rise in order of creation."
        ) { call in
            let id = try call.newNode()
            try call.withAttributes { call, attributes in
                try call.workspace.graph.createNode(id, attributes: attributes)
            }
            call.session.pinned(.node, id)
        },
        Method(
            "get_uuid", .local, client: "bd_node_get_uuid", arguments: .ignore, result: .int,
            doc: "The node's id: 1, 2, 3, … in order of creation, never reused in this process."),
        Method(
            "is_same", .local, client: "bd_node_is_same", [Parameter("other", .node)], result: .bool,
            errors: ["TypeError"], doc: "True when the other handle is of the same node."),
        Method(
            "get_attr", .query, client: "bd_node_get_attr", [Parameter("key", .string)], result: .literal, errors: ["TypeError"],
            doc: "The attribute's value, None when there is no such key."
        ) { call in
            let id = try call.arguments.u32()
            call.write(try call.workspace.graph.nodeAttribute(id, key: try call.arguments.string()))
        },
        Method(
            "get_dynamic_attrs", .query, client: "bd_node_get_dynamic_attrs", arguments: .ignore, result: .attributes,
            doc: "All attributes as a dict, in the order in which they were first set."
        ) { call in
            call.write(try call.workspace.graph.nodeAttributes(try call.arguments.u32()))
        },
    ])
