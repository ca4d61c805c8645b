// Trait: a type whose instances other nodes own.

import GraphCore

private let kind = EdgeKind(tid: EdgeTrait.tid, noun: "an edge to a trait instance")
private let target = Parameter("target", .boundNode)
private let traitType = Parameter("trait_type", .boundNode)

let traitDeclaration = ClassDeclaration(
    "Trait", module: "faebryk",
    doc: "Giving traits to nodes and finding them: a trait is a type, a node has it by owning an instance.",
    methods: [
        Method(
            "add_trait_to", .call, isStatic: true, [target, traitType], result: .value("BoundNode"),
            errors: ["TypeError", "ValueError", "StaleHandleError"],
            doc: "Makes an instance of the type, in the type's view, and gives it to the target. Each call adds another."
        ) { call in
            let target = try call.boundNode()
            let type = try call.boundNode()
            let instance = try call.workspace.graph.addTrait(
                to: target, type: type, call.session.ids, isCancelled: call.session.hasGivenUp)
            call.answer(type.view, instance)
        },
        kind.add(
            "add_trait_instance_to", [target, Parameter("trait_instance", .boundNode)], result: .value("BoundNode"),
            want: .boundTarget, doc: "Gives an instance that exists to the target. Returns the instance."
        ) { call in
            let target = try call.boundNode()
            let instance = try call.boundNode()
            try call.workspace.graph.addTraitInstance(
                to: target, instance.node, edge: try call.session.ids.nextEdge())
            call.answerLoose(instance.view, instance.node)
        },
        Method(
            "mark_as_trait", .call, isStatic: true, [traitType], result: .value("None"),
            errors: ["TypeError", "ValueError", "StaleHandleError"],
            doc: "Gives the type an instance of ImplementsTrait."
        ) { call in
            let type = try call.boundNode()
            try call.workspace.graph.markAsTrait(type, call.session.ids)
            call.answerNone()
        },
        kind.first(
            "try_get_trait", .outgoing, .instance, .boundTarget, [target, traitType],
            doc: "The target's first instance of the type, None when there is none."
        ) { call in
            let target = try call.boundNode()
            let type = try call.boundNode()
            call.answer(target.view, try call.workspace.graph.traitInstance(of: target, type: type.node))
        },
        Method(
            "try_get_traits", .query, isStatic: true, client: "bd_rule_first_of_each",
            rule: EdgeRule(type: EdgeTrait.tid, side: .outgoing, match: .instance, want: .boundTarget),
            [
                target,
                Parameter(
                    "trait_types", .list(.boundNode), refusal: "trait_types must be a list",
                    itemRefusal: "trait_types must contain BoundNode objects"),
            ], result: .value("list[BoundNode | None]"), errors: ["TypeError", "StaleHandleError"],
            doc: "try_get_trait for each of the types, in their order."
        ) { call in
            let target = try call.boundNode()
            let types = try call.boundNodes().map(\.node)
            call.answer(target.view, try call.workspace.graph.traitInstances(of: target, types: types))
        },
        Method(
            "visit_implementers", .query, isStatic: true, client: "bd_rule_visit_owners",
            rule: EdgeRule(type: EdgeType.tid, side: .outgoing),
            [
                traitType,
                Parameter(
                    "f", ValueType(name: "callable", annotation: "Callable[[Any, BoundNode], object]"),
                    "called as f(ctx, owner); its result is ignored, its exception ends the visit"),
                Parameter("ctx", .any, default: "None", "handed to f as it is"),
            ], result: .value("None"), errors: ["TypeError", "StaleHandleError"],
            doc: "Calls f for the owner of each instance of the type, in order of instances: twice for an owner of two."
        ) { call in
            let type = try call.boundNode()
            call.answer(type.view, try call.workspace.graph.implementers(of: type) as [UInt32?])
        },
    ])
