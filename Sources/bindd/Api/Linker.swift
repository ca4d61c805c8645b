// Linker: ties type references to types.

import GraphCore

private let reference = Parameter("type_reference", .boundNode)
private let linking = [Parameter("g", .view), reference, Parameter("target_type_node", .boundNode)]

let linkerDeclaration = ClassDeclaration(
    "Linker", module: "faebryk",
    doc: "Ties type references to types: by a pointer named \"resolved\", of which the first counts.",
    methods: [
        EdgeKind(tid: EdgePointer.tid, noun: "").first(
            "get_resolved_type", .outgoing, .text, .boundTarget, text: "resolved", [reference],
            doc: "The type that the reference is tied to, None when it is not."
        ) { call in
            let reference = try call.boundNode()
            call.answer(reference.view, try call.workspace.graph.resolvedType(of: reference))
        },
        Method(
            "collect_unresolved_type_references", .query, isStatic: true, [Parameter("type_graph", .typeGraph)],
            result: .value("list[tuple[BoundNode, BoundNode]]"), errors: ["TypeError", "ValueError", "StaleHandleError"],
            doc: "(type, reference) for each MakeChild of each type whose reference is not tied to a type."
        ) { call in
            let typeGraph = try call.typeGraph()
            let found = try call.workspace.graph.unresolvedTypeReferences(typeGraph)
            call.answerList(found.count)
            for (type, reference) in found {
                call.answerTuple(2)
                call.answer(typeGraph.view, type)
                call.answer(typeGraph.view, reference)
            }
        },
        Method(
            "link_type_reference", .call, isStatic: true, linking, result: .value("None"),
            errors: ["TypeError", "ValueError", "StaleHandleError"],
            doc: "Ties a reference to a type. Tying it again changes nothing that is looked up."
        ) { call in
            let view = try call.arguments.u32()
            let reference = try call.boundNode()
            let type = try call.boundNode()
            try call.workspace.graph.linkTypeReference(
                view: view, reference, to: type, edge: try call.session.ids.nextEdge())
            call.answerNone()
        },
        Method(
            "update_type_reference", .call, isStatic: true, linking, result: .value("None"),
            errors: ["TypeError", "ValueError", "StaleHandleError"],
            doc: "Ties a reference to another type: its pointer gets a new target, in every view."
        ) { call in
            let view = try call.arguments.u32()
            let reference = try call.boundNode()
            let type = try call.boundNode()
            try call.workspace.graph.updateTypeReference(
                view: view, reference, to: type, edge: try call.session.ids.nextEdge())
            call.answerNone()
        },
    ])
