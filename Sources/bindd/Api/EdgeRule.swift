// What the methods of an edge kind have in common, as facts: the extension has one function for each way of using them
// (`bd_rule_…` in bd_rule.c, bd_rule_read.c) and reads the facts from its table. Must not decide what a request does: that
// is the method's handler, which answers the same where the extension cannot. Cost: none.

import GraphCore
import Wire

struct EdgeRule: Sendable {
    /// Which of the edges at a node.
    enum Side: String, Sendable { case any, outgoing, incoming }

    enum Match: String, Sendable {
        case all
        /// Whose name is the method's str.
        case name
        /// Whose name is `text`.
        case text
        /// Whose target is an instance of the method's second node.
        case instance
        /// Whose target is not the node itself.
        case other
        /// Both of these.
        case otherInstance = "other_instance"
    }

    /// What is answered of an edge.
    enum Want: String, Sendable {
        case edge, source, target
        case boundSource = "bound_source"
        case boundTarget = "bound_target"
        /// Of an edge's two ends, the one that the given node is not.
        case opposite
        /// The TypeGraph at the edge's source.
        case typeGraph = "type_graph"
    }

    let type: UInt32
    var side: Side = .any
    var match: Match = .all
    var want: Want = .edge
    /// Direction of edges that are made; of those that are asked for, when others answer None or do not count.
    var isDirectional = false
    var text: String?
    /// The name of the child whose edges are meant, instead of those of the node itself.
    var via: String?

    var json: JSONValue {
        .object([
            ("edge_type", .uint(UInt64(type))), ("side", .string(side.rawValue)), ("match", .string(match.rawValue)),
            ("want", .string(want.rawValue)), ("directional", .bool(isDirectional)),
            ("text", text.map { .string($0) } ?? .null), ("via", via.map { .string($0) } ?? .null),
        ])
    }
}

/// The methods that every edge kind has, in the words of that kind.
struct EdgeKind {
    let tid: UInt32
    /// As in "an edge of composition".
    let noun: String
    var isDirectional = true

    func isInstance() -> Method {
        Method(
            "is_instance", .local, isStatic: true, client: "bd_rule_is_instance", rule: EdgeRule(type: tid),
            [Parameter("edge", .edge)], result: .bool, errors: ["TypeError"],
            doc: "True for \(noun). Looks at the type number only.")
    }

    func getTid(arguments: Method.Arguments = .parse) -> Method {
        Method(
            "get_tid", .local, isStatic: true, client: "bd_rule_get_tid", rule: EdgeRule(type: tid), arguments: arguments,
            result: .int, doc: "The edge type of this kind: \(tid).")
    }

    /// A free edge; `name` is the parameter that names it.
    func create(_ parameters: [Parameter]) -> Method {
        Method(
            "create", .local, isStatic: true, client: "bd_rule_create",
            rule: EdgeRule(type: tid, isDirectional: isDirectional), parameters, result: .edge, errors: ["TypeError"],
            doc: "A new edge, member of no view. Sends what EdgeReference.create sends.")
    }

    func build(arguments: Method.Arguments = .parse, _ parameters: [Parameter] = []) -> Method {
        Method(
            "build", .local, isStatic: true, client: "bd_rule_build",
            rule: EdgeRule(type: tid, isDirectional: isDirectional), arguments: arguments, parameters,
            result: .edgeRecipe, errors: parameters.isEmpty ? [] : ["TypeError"], doc: "A recipe for \(noun).")
    }

    /// One end of the edge itself, whatever its type.
    func end(_ name: String, _ want: EdgeRule.Want, onlyDirectional: Bool = false, doc: String) -> Method {
        Method(
            name, .local, isStatic: true, client: "bd_rule_end",
            rule: EdgeRule(type: tid, want: want, isDirectional: onlyDirectional), [Parameter("edge", .edge)],
            result: onlyDirectional ? .optional(.node) : .node, errors: ["TypeError"],
            doc: doc + " Does not look at the edge's type.")
    }

    /// The same, None when the given node is that end.
    func relativeEnd(_ name: String, _ want: EdgeRule.Want, doc: String) -> Method {
        Method(
            name, .local, isStatic: true, client: "bd_rule_relative_end", rule: EdgeRule(type: tid, want: want),
            [Parameter("edge", .edge), Parameter("node", .node)], result: .optional(.node), errors: ["TypeError"],
            doc: doc)
    }

    func traverse(arguments: Method.Arguments = .parse, _ parameters: [Parameter]) -> Method {
        Method(
            "traverse", .local, isStatic: true, client: "bd_rule_traverse", rule: EdgeRule(type: tid),
            arguments: arguments, parameters, result: ValueType(name: "any", annotation: "SimpleNamespace"),
            errors: parameters.isEmpty ? [] : ["TypeError"],
            doc: "An item of a path: an object with the attributes identifier and edge_type.")
    }

    /// Calls f for each edge that the handler lists.
    func visit(
        _ name: String, _ side: EdgeRule.Side, _ match: EdgeRule.Match, _ parameters: [Parameter], doc: String,
        edges: @escaping @Sendable (inout Call) throws -> (view: UInt32, edges: [Edge])
    ) -> Method {
        Method(
            name, .query, isStatic: true, client: "bd_rule_visit",
            rule: EdgeRule(type: tid, side: side, match: match), parameters + EdgeKind.visitor,
            result: .value("None"), errors: ["TypeError", "StaleHandleError"], doc: doc
        ) { call in
            let (view, found) = try edges(&call)
            call.answer(view, found)
        }
    }

    static let visitor = [
        Parameter("f", .callable, "called as f(ctx, bound_edge); its result is ignored, its exception ends the visit"),
        Parameter("ctx", .any, default: "None", "handed to f as it is"),
    ]

    /// The first edge at a node, or what the rule wants of it. None when there is none.
    func first(
        _ name: String, _ side: EdgeRule.Side, _ match: EdgeRule.Match, _ want: EdgeRule.Want,
        text: String? = nil, _ parameters: [Parameter], doc: String, handler: @escaping Method.Handler
    ) -> Method {
        let annotation =
            switch want {
            case .edge: "BoundEdge | None"
            case .boundSource, .boundTarget: "BoundNode | None"
            case .typeGraph: "TypeGraph | None"
            case .source, .target, .opposite: "NodeReference | None"
            }
        return Method(
            name, .query, isStatic: true, client: "bd_rule_first",
            rule: EdgeRule(type: tid, side: side, match: match, want: want, text: text), parameters,
            result: .value(annotation), errors: ["TypeError", "StaleHandleError"], doc: doc, handler: handler)
    }

    /// A new edge in the view of the first node: commands between known members, else this call.
    func add(
        _ name: String, text: String? = nil, _ parameters: [Parameter], result: ValueType = .value("BoundEdge"),
        want: EdgeRule.Want = .edge, doc: String, handler: @escaping Method.Handler
    ) -> Method {
        Method(
            name, .call, isStatic: true, client: "bd_rule_add",
            rule: EdgeRule(type: tid, want: want, isDirectional: isDirectional, text: text), parameters, result: result,
            errors: ["TypeError", "ValueError", "StaleHandleError"], doc: doc, handler: handler)
    }
}
