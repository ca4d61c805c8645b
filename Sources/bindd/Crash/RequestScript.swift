// A list of requests as a Python program that makes them through the public API. Objects get names by their ids; a node that
// the worker made is asked of a view, by its place among the members. Values are written in RequestScript+Values. Must say
// what it cannot write: then there is no script, and the trace in words is all there is. Cost: linear.

import CLayout
import Wire

struct RequestScript {
    struct Unwritable: Error, CustomStringConvertible {
        let what: String
        var description: String { what }
    }
    /// Where a node stands when the next request is made: in that view, or in any; nil: nowhere.
    typealias Places = (_ node: UInt32, _ view: UInt32?) -> (view: UInt32, index: Int)?

    private var lines: [String] = []
    private var imports: [String: Set<String>] = [:]  // names by module
    private var views: [UInt32] = []
    private var edges: Set<UInt32> = []
    private var members: [UInt32: UInt32] = [:]  // nodes that were asked of a view: which
    private var typeGraphs: Set<String> = []
    private var documents = 0
    private let parameters = RequestParameters()
    private let words = RequestWords()
    private let places: Places
    /// Of nodes.
    var expressions: [UInt32: String] = [:]
    /// A node had to be asked of a view: whether the program is right depends on `places`.
    private(set) var usesPlaces = false

    init(places: @escaping Places) { self.places = places }

    /// Why the steps cannot be written, whatever the places of nodes are; nil when they can. `usesPlaces`: if there are any.
    static func objection(_ steps: [CrashStep], usesPlaces: inout Bool) -> String? {
        var script = RequestScript { node, view in (view ?? 0, 0) }
        do { for step in steps { try script.add(step) } } catch { return "\(error)" }
        usesPlaces = script.usesPlaces
        return nil
    }

    func text(_ about: String) -> String {
        let comment = about.split(separator: "\n").map { "# \($0)\n" }.joined()
        let from = imports.sorted { $0.key < $1.key }.map { module, names in
            "from \(module) import \(names.sorted().joined(separator: ", "))\n"
        }
        return comment + "import bindd\n" + from.joined() + "\n"
            + "with bindd.connect() as workspace:\n" + lines.map { "    \($0)\n" }.joined() + "    workspace.sync()\n"
    }

    mutating func uses(_ name: String, of module: String) { imports[module, default: []].insert(name) }

    // MARK: statements

    mutating func add(_ step: CrashStep) throws {
        guard case .request(let operation, let payload) = step.action else { return }
        if operation == Operation.batch { return try addBatch(payload) }
        guard operation >= Operation.firstMethod else { return }
        var reader = PayloadReader(payload)
        try add(operation, &reader)
    }

    private mutating func addBatch(_ payload: [UInt8]) throws {
        guard let view = views.first else { throw Unwritable(what: "a batch of a workspace without a view has no form in Python") }
        let start = lines.count
        var reader = PayloadReader(payload)
        for _ in 0..<(try reader.listCount(itemBytesMin: 8)) {
            let operation = UInt16(truncatingIfNeeded: try reader.u32())
            var part = try reader.part(Int(try reader.u32()))
            try add(operation, &part)
        }
        for at in start..<lines.count { lines[at] = "    " + lines[at] }
        lines.insert("with v\(view).batch():", at: start)
    }

    private mutating func add(_ operation: UInt16, _ reader: inout PayloadReader) throws {
        switch words.name(operation) {
        case "GraphView.create":
            uses("GraphView", of: "bindd.graph")
            let view = try reader.u32()
            define(view: view, selfNode: try reader.u32(), "GraphView.create()")
        case "NodeReference.create":
            uses("NodeReference", of: "bindd.graph")
            let node = try reader.u32()
            expressions[node] = "n\(node)"
            lines.append("n\(node) = NodeReference.create(\(RequestScript.keywords(try reader.attributes())))")
        case "EdgeReference.create": try addEdge(&reader)
        case "GraphView.create_and_insert_node":
            let view = try view(reader.u32())
            let node = try reader.u32()
            expressions[node] = "n\(node)"
            lines.append("n\(node) = \(view).create_and_insert_node().node()")
        case "GraphView.insert_node":
            let view = try view(reader.u32())
            lines.append("\(view).insert_node(node=\(try node(reader.u32())))")
        case "GraphView.insert_edge":
            let view = try view(reader.u32())
            lines.append("\(view).insert_edge(edge=\(try edge(reader.u32())))")
        case "GraphView.destroy": lines.append("\(try view(reader.u32())).destroy()")
        case "GraphView.get_subgraph_from_nodes":
            let source = try view(reader.u32())
            let made = try reader.u32()
            let selfNode = try reader.u32()
            let nodes = try reader.u32List().map { "\(source).bind(node=\(try node($0)))" }
            define(view: made, selfNode: selfNode, "\(source).get_subgraph_from_nodes(nodes=[\(nodes.joined(separator: ", "))])")
        case "sexp.parse":
            uses("sexp", of: "bindd")
            documents += 1
            let text = String(decoding: try reader.blob(), as: UTF8.self)
            let label = try reader.string()
            lines.append("d\(documents) = sexp.parse(\(RequestScript.quoted(text))\(label.isEmpty ? "" : ", label=\(RequestScript.quoted(label))"))")
        case "sexp.dumps":
            uses("sexp", of: "bindd")
            let document = try reader.u32()
            // Ids of documents count up; a list that leaves some out has others.
            lines.append("sexp.dumps(d\(min(Int(document), documents)))")
        default: try addDeclared(operation, &reader)
        }
    }

    private mutating func define(view: UInt32, selfNode: UInt32, _ call: String) {
        views.append(view)
        expressions[selfNode] = "v\(view).get_self_node().node()"
        lines.append("v\(view) = \(call)")
    }

    private mutating func addEdge(_ reader: inout PayloadReader) throws {
        uses("EdgeReference", of: "bindd.graph")
        let edge = try reader.u32()
        let source = try node(reader.u32())
        let target = try node(reader.u32())
        let bits = try reader.u32()
        let rest = try reader.attributes()
        edges.insert(edge)
        let ends = "source=\(source), target=\(target)"
        if bits >> 9 != 0 { return lines.append("e\(edge) = \(try pointer(bits, rest)).create_edge(\(ends))") }
        let directional = bits & BD_EDGE_DIRECTIONAL != 0 ? ", directional=True" : ""
        let named = RequestScript.keywords(rest)
        lines.append(
            "e\(edge) = EdgeReference.create(\(ends), edge_type=\(bits & BD_EDGE_TYPE_MASK)"
                + "\(directional)\(named.isEmpty ? "" : ", \(named)"))")
    }

    /// By the declaration: a method of a view, a node or an edge, or a function of a module.
    private mutating func addDeclared(_ operation: UInt16, _ reader: inout PayloadReader) throws {
        guard let plan = parameters.plan(operation) else { throw Unwritable(what: "\(words.name(operation)) has no form in Python") }
        let owner = try owner(plan, &reader)
        var arguments: [String] = []
        for parameter in plan.parameters {
            guard parameter.type != .any, parameter.type != .callable else {
                throw Unwritable(what: "\(words.name(operation)) takes a Python object, which the request does not hold")
            }
            arguments.append("\(parameter.name)=\(try value(parameter.type.name, &reader))")
        }
        lines.append("\(owner).\(plan.method)(\(arguments.joined(separator: ", ")))")
    }

    private mutating func owner(_ plan: RequestParameters.Plan, _ reader: inout PayloadReader) throws -> String {
        if plan.isStatic {
            uses(plan.owner, of: plan.module)
            return plan.owner
        }
        switch plan.owner {
        case "GraphView", "NodeReference", "EdgeReference", "BoundNode", "TypeGraph", "EdgeCreationAttributes",
            "NodeCreationAttributes":
            return try value(plan.owner, &reader)
        default: throw Unwritable(what: "\(plan.owner).\(plan.method) works on objects that have no name in a script")
        }
    }

    // MARK: names

    func view(_ id: UInt32) throws -> String {
        guard views.contains(id) else { throw Unwritable(what: "view \(id) was made by a request that has no form in Python") }
        return "v\(id)"
    }

    mutating func node(_ id: UInt32) throws -> String {
        if let expression = expressions[id] { return expression }
        return "\(try member(id, of: nil)).node()"
    }

    mutating func boundNode(_ view: UInt32, _ id: UInt32) throws -> String {
        let seen = try self.view(view)
        if members[id] == view { return "n\(id)" }
        if let expression = expressions[id] { return "\(seen).bind(node=\(expression))" }
        return try member(id, of: view)
    }

    /// A node that the worker made, as a member of the view that shows where it is. It has a name from here on: members that
    /// come later do not change it.
    private mutating func member(_ id: UInt32, of view: UInt32?) throws -> String {
        usesPlaces = true
        guard let place = places(id, view) else { throw Unwritable(what: "node \(id) is in no view of the script") }
        let seen = try view == nil && place.view == 0 ? "v" : self.view(place.view)
        lines.append("n\(id) = \(seen).get_nodes()[\(place.index)]")
        expressions[id] = "n\(id).node()"
        members[id] = place.view
        return "n\(id)"
    }

    mutating func typeGraph(_ view: UInt32, _ selfNode: UInt32) throws -> String {
        uses("TypeGraph", of: "bindd.faebryk")
        let name = "t\(selfNode)_\(view)"
        if typeGraphs.insert(name).inserted { lines.append("\(name) = TypeGraph.of(node=\(try boundNode(view, selfNode)))") }
        return name
    }

    func edge(_ id: UInt32) throws -> String {
        guard edges.contains(id) else { throw Unwritable(what: "edge \(id) was made by a request that has no form in Python") }
        return "e\(id)"
    }
}

/// Owner, method and parameters of each operation.
struct RequestParameters {
    struct Plan {
        let owner: String
        /// Where Python imports the owner from.
        let module: String
        let method: String
        /// The owner is a class or a module.
        let isStatic: Bool
        let parameters: [Parameter]
    }

    private let plans: [UInt16: Plan]

    init() {
        var plans: [UInt16: Plan] = [:]
        var next = Operation.firstMethod
        for type in declaredClasses {
            for method in type.methods where method.kind != .local {
                plans[next] = Plan(
                    owner: type.name, module: "bindd.\(type.module)", method: method.name, isStatic: method.isStatic,
                    parameters: method.parameters)
                next += 1
            }
        }
        for function in declaredFunctions where function.method.kind != .local {
            plans[next] = Plan(
                owner: function.module, module: "bindd", method: function.method.name, isStatic: true,
                parameters: function.method.parameters)
            next += 1
        }
        self.plans = plans
    }

    func plan(_ operation: UInt16) -> Plan? { plans[operation] }
}
