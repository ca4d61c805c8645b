// TypeGraph: adding types, saying what their instances consist of, and making instances.

import GraphCore

private typealias P = TypeGraphParameters
private let identifier = Parameter("identifier", .optional(.string), "the child's name; None: anonymous")
private let attributes = Parameter(
    "node_attributes", .optional(.nodeRecipe), default: "None", refusal: "Expected NodeCreationAttributes",
    "attributes of the child")

/// Sent without waiting where the client can tell the outcome: see csrc/bd_foretell.h.
let foretold = EdgeRule(type: EdgeType.tid)

let typeGraphMaking: [Method] = [
    Method(
        "add_type", .call, [Parameter("identifier", .string)], result: .value("BoundNode"), errors: P.changes,
        doc: "A new type. ValueError \"Type with this name already exists\"."
    ) { call in
        let typeGraph = try call.typeGraph()
        let identifier = try call.arguments.string()
        call.answer(
            typeGraph.view,
            try call.workspace.graph.addType(typeGraph, identifier: identifier, call.session.ids))
    },
    Method(
        "get_or_create_type", .call, [P.typeIdentifier], result: .value("BoundNode"), errors: P.changes,
        doc: "The first type of that name; a new one when there is none."
    ) { call in
        let typeGraph = try call.typeGraph()
        let identifier = try call.arguments.string()
        call.answer(
            typeGraph.view,
            try call.workspace.graph.getOrCreateType(typeGraph, identifier: identifier, call.session.ids))
    },
    Method(
        "mark_constructable", .call, client: "bd_foretell", rule: foretold, [P.typeNode], result: .value("None"), errors: P.changes,
        doc: "Lets the type be instantiated. Repeatable."
    ) { call in
        let typeGraph = try call.typeGraph()
        let type = try call.boundNode()
        try call.workspace.graph.markConstructable(typeGraph, type: type, call.session.ids)
        call.answerNone()
    },
    Method(
        "is_constructable", .query, [P.typeNode], result: .value("bool"), errors: P.changes,
        doc: "True when the type may be instantiated."
    ) { call in
        let typeGraph = try call.typeGraph()
        let type = try call.boundNode()
        call.answer(try call.workspace.graph.isConstructable(typeGraph, type: type))
    },
    Method(
        "add_make_child", .call, client: "bd_foretell", rule: foretold, [P.typeNode, Parameter("child_type", .boundNode), identifier, attributes],
        result: .value("BoundNode"), errors: P.changes,
        doc: "Instances of the type get a child of another type. Returns the MakeChild node. Names need not be unique."
    ) { call in
        let typeGraph = try call.typeGraph()
        let type = try call.boundNode()
        let childType = try call.boundNode()
        let identifier = try call.optionalString()
        let attributes = try call.optionalNodeRecipe()
        call.answer(
            typeGraph.view,
            try call.workspace.graph.addMakeChild(
                typeGraph, type: type, childType: childType, identifier: identifier, attributes: attributes,
                call.session.ids))
    },
    Method(
        "add_make_child_deferred", .call,
        [P.typeNode, Parameter("child_type_identifier", .string), identifier, attributes],
        result: .value("BoundNode"), errors: P.changes,
        doc: "The same with a child type that is named only, to be tied to a type later (Linker)."
    ) { call in
        let typeGraph = try call.typeGraph()
        let type = try call.boundNode()
        let childType = try call.arguments.string()
        let identifier = try call.optionalString()
        let attributes = try call.optionalNodeRecipe()
        call.answer(
            typeGraph.view,
            try call.workspace.graph.addMakeChildDeferred(
                typeGraph, type: type, childTypeIdentifier: childType, identifier: identifier,
                attributes: attributes, call.session.ids))
    },
    Method(
        "add_type_reference", .call, [P.typeIdentifier], result: .value("BoundNode"), errors: P.changes,
        doc: "A reference to a type by name that belongs to no MakeChild."
    ) { call in
        let typeGraph = try call.typeGraph()
        let identifier = try call.arguments.string()
        call.answer(
            typeGraph.view,
            try call.workspace.graph.addTypeReference(typeGraph, identifier: identifier, call.session.ids))
    },
    Method(
        "get_make_child_type_reference", .query, [Parameter("make_child", .boundNode)], result: .value("BoundNode"),
        errors: P.changes, doc: "The MakeChild's type reference. ValueError when the node is none."
    ) { call in
        _ = try call.typeGraph()
        let makeChild = try call.boundNode()
        call.answer(makeChild.view, try call.workspace.graph.typeReference(ofMakeChild: makeChild))
    },
    Method(
        "get_make_child_type_reference_by_identifier", .query, [P.typeNode, Parameter("identifier", .string)],
        result: .value("BoundNode | None"), errors: P.changes,
        doc: "The type reference of the type's child of that name, None when there is none."
    ) { call in
        _ = try call.typeGraph()
        let type = try call.boundNode()
        let identifier = try call.arguments.string()
        call.answer(type.view, try call.workspace.graph.typeReference(ofType: type, child: identifier))
    },
    Method(
        "collect_make_children", .query, [P.typeNode], result: .value("list[tuple[str | None, BoundNode]]"),
        errors: P.changes, doc: "(identifier, MakeChild node) of each child that the type makes, in order."
    ) { call in
        let typeGraph = try call.typeGraph()
        let type = try call.boundNode()
        let children = try call.workspace.graph.makeChildren(typeGraph, type: type)
        call.answerList(children.count)
        for (identifier, makeChild) in children {
            call.answerTuple(2)
            call.answer(identifier)
            call.answer(type.view, makeChild)
        }
    },
    Method(
        "add_make_link", .call, client: "bd_foretell", rule: foretold,
        [
            P.typeNode, Parameter("lhs_reference", .boundNode), Parameter("rhs_reference", .boundNode),
            Parameter("edge_attributes", .edgeRecipe),
        ], result: .value("BoundNode"), errors: P.changes,
        doc: "Instances of the type get an edge between what two references lead to. Returns the MakeLink node."
    ) { call in
        let typeGraph = try call.typeGraph()
        let type = try call.boundNode()
        let lhs = try call.boundNode()
        let rhs = try call.boundNode()
        let recipe = try call.edgeRecipe()
        call.answer(
            typeGraph.view,
            try call.workspace.graph.addMakeLink(typeGraph, type: type, lhs: lhs, rhs: rhs, recipe, call.session.ids))
    },
    Method(
        "merge_types", .call, [Parameter("target", .boundNode), Parameter("source", .boundNode)], result: .value("None"),
        errors: P.changes, doc: "The target makes what the source makes, but for children and links that it has itself."
    ) { call in
        let typeGraph = try call.typeGraph()
        let target = try call.boundNode()
        let source = try call.boundNode()
        try call.workspace.graph.mergeTypes(
            typeGraph, target: target, source: source, call.session.ids, isCancelled: call.session.hasGivenUp)
        call.answerNone()
    },
    Method(
        "instantiate", .call, client: "bd_foretell", rule: foretold, [P.typeIdentifier], result: .value("BoundNode"),
        errors: P.changes + ["TypeGraphInstantiationError"], doc: "A new instance of the type of that name."
    ) { call in
        let typeGraph = try call.typeGraph()
        let identifier = try call.arguments.string()
        call.answer(
            typeGraph.view,
            try call.workspace.graph.instantiate(
                typeGraph, typeIdentifier: identifier, call.session.ids, isCancelled: call.session.hasGivenUp))
    },
    Method(
        "instantiate_node", .call, client: "bd_foretell", rule: foretold, [P.typeNode, Parameter("attributes", .dict, "of the instance itself")],
        result: .value("BoundNode"), errors: P.changes + ["TypeGraphInstantiationError"],
        doc: "A new instance of the type, in the type's view."
    ) { call in
        let typeGraph = try call.typeGraph()
        let type = try call.boundNode()
        let attributes = try call.pairs()
        call.answer(
            type.view,
            try call.workspace.graph.instantiate(
                typeGraph, typeNode: type, attributes: attributes, call.session.ids,
                isCancelled: call.session.hasGivenUp))
    },
]
