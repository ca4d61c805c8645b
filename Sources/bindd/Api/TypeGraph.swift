// TypeGraph: types as part of the graph. The class; its methods that make or change types are in TypeGraph+Making.swift,
// references in TypeGraph+References.swift.

import CLayout
import GraphCore

let typeGraphDeclaration = ClassDeclaration(
    "TypeGraph", module: "faebryk", handleKind: BD_KIND_TYPE_GRAPH,
    doc: """
        Types as part of a graph: a self node in a view whose children are the types, named by their identifiers. Several \
        handles may denote the same one: compare self nodes.
        """,
    methods: typeGraphBasics + typeGraphMaking + typeGraphReferences)

enum TypeGraphParameters {
    static let typeIdentifier = Parameter("type_identifier", .string)
    static let typeNode = Parameter("type_node", .boundNode)
    static let changes = ["TypeError", "ValueError", "StaleHandleError"]
}

private typealias P = TypeGraphParameters
private let typeEdges = EdgeKind(tid: EdgeType.tid, noun: "")

private let typeGraphBasics: [Method] = [
    Method(
        "create", .call, isStatic: true, [Parameter("g", .view)], result: .value("TypeGraph"),
        errors: ["TypeError", "StaleHandleError"], doc: "A new typegraph in a view: 22 nodes and 49 edges."
    ) { call in
        let view = try call.arguments.u32()
        call.answer(try call.workspace.graph.createTypeGraph(view: view, call.session.ids))
    },
    Method(
        "of", .local, isStatic: true, client: "bd_type_graph_of", [Parameter("node", .boundNode)], result: .typeGraph,
        errors: ["TypeError"], doc: "The node as a typegraph. Does not look whether it is one."),
    EdgeKind(tid: EdgeComposition.tid, noun: "").first(
        "of_type", .incoming, .all, .typeGraph, [P.typeNode],
        doc: "The typegraph of a type: the node's parent, whatever it is. None when it has none."
    ) { call in
        let type = try call.boundNode()
        call.answer(try call.workspace.graph.typeGraph(ofType: type))
    },
    Method(
        "of_instance", .query, isStatic: true, client: "bd_rule_of_instance", rule: EdgeRule(type: EdgeType.tid, side: .incoming),
        [Parameter("instance_node", .boundNode)], result: .value("TypeGraph | None"),
        errors: ["TypeError", "StaleHandleError"],
        doc: "The typegraph of the node's type. None when the node has no type or the type no parent."
    ) { call in
        let instance = try call.boundNode()
        call.answer(try call.workspace.graph.typeGraph(ofInstance: instance))
    },
    Method(
        "get_graph_view", .local, client: "bd_type_graph_get_graph_view", result: .view, doc: "The view."),
    Method(
        "get_self_node", .local, client: "bd_type_graph_get_self_node", result: .boundNode,
        doc: "The node that stands for the typegraph."),
    Method(
        "get_type_name", .query, isStatic: true, client: "bd_rule_get_node_text",
        rule: EdgeRule(type: 0, text: "type_identifier"), [P.typeNode], result: .value("str"), errors: P.changes,
        doc: "The type's identifier. ValueError when the node has none."
    ) { call in
        let type = try call.boundNode()
        call.answer(try call.workspace.graph.typeIdentifier(of: type))
    },
    Method(
        "get_type_reference_identifier", .query, isStatic: true, client: "bd_rule_get_node_text",
        rule: EdgeRule(type: 0, text: "type_identifier"), [Parameter("type_reference", .boundNode)],
        result: .value("str"), errors: P.changes,
        doc: "The identifier of the type that the reference names. ValueError when the node has none."
    ) { call in
        let reference = try call.boundNode()
        call.answer(try call.workspace.graph.typeIdentifier(of: reference))
    },
    Method(
        "get_type_by_name", .query, client: "bd_rule_first",
        rule: EdgeRule(type: EdgeComposition.tid, side: .outgoing, match: .name, want: .boundTarget),
        [P.typeIdentifier], result: .value("BoundNode | None"), errors: ["TypeError", "StaleHandleError"],
        doc: "The first type of that name, None when there is none."
    ) { call in
        let typeGraph = try call.typeGraph()
        call.answer(
            typeGraph.view, try call.workspace.graph.type(in: typeGraph, named: try call.arguments.string()))
    },
    Method(
        "get_type_instance_overview", .query, result: .value("list[tuple[str, int]]"), errors: ["StaleHandleError"],
        doc: "(name, count of direct instances) of each type, in order."
    ) { call in
        let overview = try call.workspace.graph.typeInstanceOverview(try call.typeGraph())
        call.answerList(overview.count)
        for (name, count) in overview {
            call.answerTuple(2)
            call.answer(name)
            call.answer(count)
        }
    },
    Method(
        "copy_node_into", .call, isStatic: true,
        [Parameter("start_node", .boundNode), Parameter("target_graph", .view)], result: .value("None"), errors: P.changes,
        doc: """
            Makes a node and all that it consists of members of another view as well, with the types that it needs. Nothing is \
            cloned. A node that is known there changes nothing.
            """
    ) { call in
        let start = try call.boundNode()
        let target = try call.arguments.u32()
        try call.workspace.graph.copy(
            node: start, into: target, call.session.ids, isCancelled: call.session.hasGivenUp)
        call.answerNone()
    },
    Method(
        "copy_into", .call,
        [
            Parameter("target_graph", .view),
            Parameter("minimal", .bool, "just what the layer itself needs"),
        ], result: .value("TypeGraph"), errors: P.changes,
        doc: "Makes the typegraph's nodes and edges members of another view as well. Returns it as seen there."
    ) { call in
        let typeGraph = try call.typeGraph()
        let target = try call.arguments.u32()
        let isMinimal = try call.arguments.bool()
        call.answer(
            try call.workspace.graph.copy(
                typeGraph, into: target, minimal: isMinimal, call.session.ids, isCancelled: call.session.hasGivenUp))
    },
]
