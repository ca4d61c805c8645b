// NodeCreationAttributes: attributes for nodes, a value of the client that travels with the requests that use it.

import GraphCore

let nodeCreationAttributesDeclaration = ClassDeclaration(
    "NodeCreationAttributes", module: "faebryk",
    doc: "Attributes for nodes. Immutable.",
    methods: [
        Method(
            "init", .local, isStatic: true, client: "bd_recipe_init",
            [Parameter("dynamic", .dict, default: "None", "attributes; what is no dict has none")],
            result: .nodeRecipe, errors: ["TypeError"], doc: "Attributes for nodes."),
        Method(
            "apply_to", .call, [Parameter("node", .node)], result: .value("None"),
            errors: ["TypeError", "LimitExceeded"], doc: "Gives the attributes to a node."
        ) { call in
            let attributes = try call.nodeRecipe()
            try call.workspace.graph.apply(attributes, toNode: try call.arguments.u32())
            call.answerNone()
        },
    ])

let makeChildNodeDeclaration = ClassDeclaration(
    "MakeChildNode", module: "faebryk", outer: "TypeGraph",
    doc: "Attributes for the children that a type makes.",
    methods: [
        Method(
            "build", .local, isStatic: true, client: "bd_recipe_build_value",
            [Parameter("value", .optional(.string), default: "None", "kept as the attribute \"value\"")],
            result: .nodeRecipe, errors: ["TypeError"], doc: "The attribute \"value\", or none.")
    ])
