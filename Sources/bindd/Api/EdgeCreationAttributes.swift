// EdgeCreationAttributes: a recipe for edges, a value of the client that travels with the requests that use it.

import GraphCore

private let ends = [Parameter("source", .node), Parameter("target", .node)]

let edgeCreationAttributesDeclaration = ClassDeclaration(
    "EdgeCreationAttributes", module: "faebryk",
    doc: "A recipe for edges: type, direction, name, index and attributes. Immutable.",
    methods: [
        Method(
            "create", .local, isStatic: true, client: "bd_recipe_create",
            [
                Parameter("edge_type", ValueType(name: "any", annotation: "int"), "0…255"),
                Parameter("directional", ValueType(name: "any", annotation: "bool | None"), "None: left as it is"),
                Parameter("name", .optional(.string), "kept as the attribute \"name\""),
                Parameter("dynamic", .dict, "attributes; what is no dict has none"),
            ], result: .edgeRecipe, errors: ["TypeError", "ValueError"], doc: "A recipe."),
        Method(
            "apply_to", .call, [Parameter("edge", .edge)], result: .value("None"),
            errors: ["TypeError", "StaleHandleError", "LimitExceeded"],
            doc: """
                Gives an edge the recipe's type and index, its direction and name where it has them, and its attributes. An edge \
                whose type changes is the last of its new type at both ends, in every view.
                """
        ) { call in
            let recipe = try call.edgeRecipe()
            try call.workspace.graph.apply(recipe, toEdge: try call.arguments.u32())
            call.answerNone()
        },
        Method(
            "create_edge", .local, client: "bd_recipe_create_edge", ends, result: .edge, errors: ["TypeError"],
            doc: "A new edge, member of no view. Sends what EdgeReference.create sends."),
        Method(
            "insert_edge", .call, client: "bd_recipe_insert_edge", [Parameter("g", .view)] + ends,
            result: .value("BoundEdge"), errors: ["TypeError", "ValueError", "StaleHandleError"],
            doc: "A new edge in a view that contains its ends."
        ) { call in
            let recipe = try call.edgeRecipe()
            let view = try call.arguments.u32()
            let source = try call.arguments.u32()
            let target = try call.arguments.u32()
            call.answer(
                view,
                try call.workspace.graph.insertEdge(
                    view: view, try call.session.ids.nextEdge(), recipe, source: source, target: target))
        },
        Method(
            "get_tid", .local, client: "bd_recipe_get_tid", result: .int, doc: "The edge type."),
    ])
