// EdgeOperand: operand set → operand. An expression's operand set is its child named "operands".

import GraphCore

private let kind = EdgeKind(tid: EdgeOperand.tid, noun: "an edge to an operand")
private let node = Parameter("bound_node", .boundNode)
private let name = Parameter("operand_identifier", .optional(.string), default: "None", "the operand's name")

let edgeOperandDeclaration = ClassDeclaration(
    "EdgeOperand", module: "faebryk",
    doc: "Edges from an expression's operand set to its operands.",
    methods: [
        kind.create([Parameter("expression", .node, "the operand set"), Parameter("operand", .node), name]),
        kind.build([name]),
        kind.isInstance(),
        kind.visit(
            "visit_operand_edges", .outgoing, .other, [Parameter("bound_node", .boundNode, "the operand set")],
            doc: "Calls f for each edge from an operand set."
        ) { call in
            let set = try call.boundNode()
            return (set.view, try call.workspace.graph.operandEdges(ofSet: set))
        },
        Method(
            "visit_operands_of_type", .query, isStatic: true, client: "bd_rule_visit",
            rule: EdgeRule(type: EdgeOperand.tid, side: .outgoing, match: .otherInstance, via: "operands"),
            [Parameter("bound_node", .boundNode, "the expression"), Parameter("operand_type", .node)]
                + EdgeKind.visitor, result: .value("None"), errors: ["TypeError", "ValueError", "StaleHandleError"],
            doc: "Calls f for each edge to an operand of that type. ValueError when the node has no operand set."
        ) { call in
            let expression = try call.boundNode()
            let type = try call.arguments.u32()
            call.answer(
                expression.view, try call.workspace.graph.operandEdges(ofExpression: expression, type: type))
        },
        kind.visit(
            "visit_expression_edges", .incoming, .all, [node], doc: "Calls f for each operand edge into the node."
        ) { call in
            let operand = try call.boundNode()
            return (operand.view, try call.workspace.graph.expressionEdges(of: operand))
        },
        kind.first(
            "get_expression_edge", .incoming, .all, .edge, [node],
            doc: "The first operand edge into the node, None when there is none."
        ) { call in
            let operand = try call.boundNode()
            call.answer(operand.view, try call.workspace.graph.expressionEdge(of: operand))
        },
        Method(
            "get_expression_node", .query, isStatic: true, client: "bd_rule_get_expression",
            rule: EdgeRule(type: EdgeOperand.tid), [Parameter("bound_edge", .boundEdge)],
            result: .value("NodeReference"), errors: ["TypeError", "ValueError", "StaleHandleError"],
            doc: "The parent of the edge's operand set. ValueError when it has none."
        ) { call in
            let (view, edge) = try call.boundEdge()
            call.answer(node: try call.workspace.graph.expression(view: view, ofEdge: edge))
        },
        EdgeKind(tid: EdgeComposition.tid, noun: "").first(
            "get_operands_set_node", .outgoing, .text, .boundTarget, text: "operands", [node],
            doc: "The child named \"operands\", None when there is none."
        ) { call in
            let expression = try call.boundNode()
            call.answer(expression.view, try call.workspace.graph.operandSet(of: expression))
        },
        kind.end("get_operand_node", .target, doc: "The edge's target."),
        kind.relativeEnd("get_operand_of", .target, doc: "The edge's target, None when it is the node."),
        Method(
            "get_expression_of", .query, isStatic: true, client: "bd_rule_get_expression",
            rule: EdgeRule(type: EdgeOperand.tid), [Parameter("bound_edge", .boundEdge), Parameter("node", .node)],
            result: .value("NodeReference | None"), errors: ["TypeError", "ValueError", "StaleHandleError"],
            doc: "The edge's expression, None when the node is the edge's operand set."
        ) { call in
            let (view, edge) = try call.boundEdge()
            let node = try call.arguments.u32()
            call.answer(node: try call.workspace.graph.expression(view: view, ofEdge: edge, node: node))
        },
        Method(
            "add_operand", .call, isStatic: true,
            [
                Parameter("bound_node", .boundNode, "the expression"), Parameter("operand", .node),
                Parameter(
                    "operand_identifier", .optional(.string), default: "None",
                    refusal: "operand_identifier must be a string", "the operand's name"),
            ], result: .value("BoundEdge"), errors: ["TypeError", "ValueError", "StaleHandleError"],
            doc: "Inserts an edge from the expression's operand set. ValueError when it has none."
        ) { call in
            let expression = try call.boundNode()
            let operand = try call.arguments.u32()
            let name = try call.optionalString()
            call.answer(
                expression.view,
                try call.workspace.graph.addOperand(
                    expression, operand: operand, identifier: name, edge: try call.session.ids.nextEdge()))
        },
        Method(
            "get_name", .query, isStatic: true, client: "bd_rule_get_name",
            rule: EdgeRule(type: EdgeOperand.tid, text: "edge is not an EdgeOperand edge"), [Parameter("edge", .edge)],
            result: .value("str | None"), errors: ["TypeError"], doc: "The operand's name, None when it has none."
        ) { call in
            call.answer(try call.workspace.graph.operandName(ofEdge: try call.arguments.u32()))
        },
        Method(
            "visit_expression_edges_of_type", .query, isStatic: true, client: "bd_rule_visit_expressions",
            rule: EdgeRule(type: EdgeOperand.tid, side: .incoming, match: .instance),
            [node, Parameter("expression_type", .node)] + EdgeKind.visitor, result: .value("None"),
            errors: ["TypeError", "ValueError", "StaleHandleError"],
            doc: "Calls f for each operand edge into the node whose expression is an instance of the type."
        ) { call in
            let operand = try call.boundNode()
            let type = try call.arguments.u32()
            call.answer(operand.view, try call.workspace.graph.expressionEdges(of: operand, type: type))
        },
        kind.getTid(),
        kind.traverse([Parameter("identifier", .string)]),
        Method(
            "get_operand_by_identifier", .query, isStatic: true, client: "bd_rule_first",
            rule: EdgeRule(
                type: EdgeOperand.tid, side: .outgoing, match: .name, want: .boundTarget, isDirectional: true,
                via: "operands"),
            [Parameter("node", .boundNode, "the expression"), Parameter("operand_identifier", .string)],
            result: .value("BoundNode | None"), errors: ["TypeError", "StaleHandleError"],
            doc: "The first operand of that name, None when there is none."
        ) { call in
            let expression = try call.boundNode()
            let name = try call.arguments.string()
            call.answer(expression.view, try call.workspace.graph.operand(of: expression, identifier: name))
        },
    ])
