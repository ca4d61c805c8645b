// TypeGraph: references to what instances will have, links between them, and looking whether they lead anywhere.

import GraphCore

private typealias P = TypeGraphParameters
private let path = Parameter(
    "path", .traversals, refusal: "path must be a sequence", itemRefusal: "path items must be str or EdgeTraversal",
    "str means composition; else objects with identifier and edge_type")
private let reference = Parameter("reference", .boundNode)

let typeGraphReferences: [Method] = [
    Method(
        "resolve_child_path", .query,
        [
            Parameter("start_type", .boundNode),
            Parameter(
                "path", .strings, refusal: "path must be a sequence of strings",
                itemRefusal: "path must be a sequence of strings"),
        ], result: .value("BoundNode | None"), errors: P.changes,
        doc: "The type at the end of a path of children; None where one is missing or not tied to a type."
    ) { call in
        let typeGraph = try call.typeGraph()
        let start = try call.boundNode()
        let path = try call.strings()
        call.answerLoose(start.view, try call.workspace.graph.resolveChildPath(typeGraph, from: start, path: path))
    },
    Method(
        "ensure_child_reference", .call, client: "bd_foretell", rule: foretold, [P.typeNode, path], result: .value("BoundNode"),
        errors: P.changes + ["TypeGraphPathError"],
        doc: "A new reference: a chain with a node for each item of the path. Returns its first node. Nothing is validated."
    ) { call in
        let typeGraph = try call.typeGraph()
        _ = try call.boundNode()
        let path = try call.traversals()
        call.answer(
            typeGraph.view, try call.workspace.graph.ensureChildReference(typeGraph, path: path, call.session.ids))
    },
    Method(
        "debug_add_reference", .call, [P.typeNode, path], result: .value("BoundNode"), errors: P.changes,
        doc: "The same as ensure_child_reference; an empty path is a ValueError."
    ) { call in
        let typeGraph = try call.typeGraph()
        _ = try call.boundNode()
        let path = try call.traversals()
        call.answer(
            typeGraph.view, try call.workspace.graph.debugAddReference(typeGraph, path: path, call.session.ids))
    },
    Method(
        "get_reference_path", .query, [reference], result: .value("tuple[str, ...]"), errors: P.changes,
        doc: "The identifiers from a node of a reference to its end; () for a reference to the node itself."
    ) { call in
        _ = try call.typeGraph()
        let reference = try call.boundNode()
        call.answer(tuple: try call.workspace.graph.referencePath(of: reference))
    },
    Method(
        "reference_resolve", .query, [Parameter("reference_node", .boundNode), Parameter("base_node", .boundNode)],
        result: .value("BoundNode"), errors: P.changes + ["TypeGraphResolveError"],
        doc: "Where a reference leads, starting at an instance."
    ) { call in
        _ = try call.typeGraph()
        let reference = try call.boundNode()
        let base = try call.boundNode()
        call.answerLoose(base.view, try call.workspace.graph.resolve(reference: reference, from: base))
    },
    Method(
        "collect_make_links", .query, [P.typeNode],
        result: .value("list[tuple[BoundNode, tuple[str, ...], tuple[str, ...]]]"), errors: P.changes,
        doc: "(MakeLink node, path of its left end, path of its right end) of each link that the type makes, in order."
    ) { call in
        let typeGraph = try call.typeGraph()
        let type = try call.boundNode()
        let links = try call.workspace.graph.makeLinkPaths(typeGraph, type: type)
        call.answerList(links.count)
        for (makeLink, lhs, rhs) in links {
            call.answerTuple(3)
            call.answer(type.view, makeLink)
            call.answer(tuple: lhs)
            call.answer(tuple: rhs)
        }
    },
    Method(
        "collect_pointer_members", .query,
        [
            P.typeNode,
            Parameter(
                "container_path", .strings, refusal: "container_path must be a sequence of strings",
                itemRefusal: "container_path must contain only strings"),
        ], result: .value("list[tuple[int, BoundNode]]"), errors: P.changes + ["TypeGraphPathError"],
        doc: "(index, MakeChild node) of each child of the type that a pointer of the container leads to, in order of links."
    ) { call in
        let typeGraph = try call.typeGraph()
        let type = try call.boundNode()
        let path = try call.strings()
        let found = try call.workspace.graph.pointerMembers(typeGraph, type: type, container: path)
        call.answerList(found.count)
        for (index, makeChild) in found {
            call.answerTuple(2)
            call.answer(Int(index))
            call.answer(type.view, makeChild)
        }
    },
    Method(
        "validate_type", .query, [P.typeNode], result: .value("list[tuple[BoundNode, str]]"), errors: P.changes,
        doc: "(node, message) of each child that is defined twice and of each link whose end could not be resolved."
    ) { call in
        let typeGraph = try call.typeGraph()
        let type = try call.boundNode()
        let findings = try call.workspace.graph.validate(typeGraph, type: type)
        call.answerList(findings.count)
        for (node, message) in findings {
            call.answerTuple(2)
            call.answer(type.view, node)
            call.answer(message)
        }
    },
]
