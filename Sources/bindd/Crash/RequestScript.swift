// A list of requests as a Python program that makes them through the public API. Objects get names by their ids; who needs
// a node that a view brought along asks the view for it. Must say what it cannot write: then there is no script, and the
// trace in words is all there is. Cost: linear.

import CLayout
import Wire

struct RequestScript {
    private struct Unwritable: Error { let what: String }

    private var lines: [String] = []
    private var imports: Set<String> = []
    private var expressions: [UInt32: String] = [:]  // of nodes
    private var views: Set<UInt32> = []
    private var edges: Set<UInt32> = []
    private var bound: Set<UInt64> = []
    private var documents = 0
    private let parameters = RequestParameters()
    private let words = RequestWords()

    /// The program, or why there is none. Its last line is the guilty request.
    static func write(_ steps: [CrashStep], about: String) -> Result<String, CrashError> {
        var script = RequestScript()
        do {
            for step in steps {
                guard case .request(let operation, let payload) = step.action, operation >= Operation.firstMethod else { continue }
                try script.add(operation, payload)
            }
        } catch let error as Unwritable {
            return .failure(CrashError(error.what))
        } catch {
            return .failure(CrashError("a request cannot be read: \(error)"))
        }
        return .success(script.text(about))
    }

    private func text(_ about: String) -> String {
        let comment = about.split(separator: "\n").map { "# \($0)\n" }.joined()
        let names = imports.sorted()
        let graph = names.filter { $0.first?.isUppercase ?? false }
        let modules = names.filter { $0.first?.isLowercase ?? false }
        return comment + "import bindd\n" + (modules.isEmpty ? "" : "from bindd import \(modules.joined(separator: ", "))\n")
            + (graph.isEmpty ? "" : "from bindd.graph import \(graph.joined(separator: ", "))\n") + "\n"
            + "with bindd.connect() as workspace:\n" + lines.map { "    \($0)\n" }.joined() + "    workspace.sync()\n"
    }

    // MARK: statements

    private mutating func add(_ operation: UInt16, _ payload: [UInt8]) throws {
        var reader = PayloadReader(payload)
        switch words.name(operation) {
        case "GraphView.create":
            imports.insert("GraphView")
            let view = try reader.u32()
            define(view: view, selfNode: try reader.u32(), "GraphView.create()")
        case "NodeReference.create":
            imports.insert("NodeReference")
            let node = try reader.u32()
            expressions[node] = "n\(node)"
            lines.append("n\(node) = NodeReference.create(\(try attributes(&reader)))")
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
            imports.insert("sexp")
            documents += 1
            let text = String(decoding: try reader.blob(), as: UTF8.self)
            let label = try reader.string()
            lines.append("d\(documents) = sexp.parse(\(RequestScript.quoted(text))\(label.isEmpty ? "" : ", label=\(RequestScript.quoted(label))"))")
        case "sexp.dumps":
            imports.insert("sexp")
            let document = try reader.u32()
            // Ids of documents count up; a list that leaves some out has others.
            lines.append("sexp.dumps(d\(min(Int(document), documents)))")
        default: try addDeclared(operation, &reader)
        }
    }

    private mutating func define(view: UInt32, selfNode: UInt32, _ call: String) {
        views.insert(view)
        expressions[selfNode] = "v\(view).get_self_node().node()"
        lines.append("v\(view) = \(call)")
    }

    private mutating func addEdge(_ reader: inout PayloadReader) throws {
        imports.insert("EdgeReference")
        let edge = try reader.u32()
        let source = try node(reader.u32())
        let target = try node(reader.u32())
        let bits = try reader.u32()
        guard bits >> 9 == 0 else { throw Unwritable(what: "an edge has an order or a payload of its own, which only its noun can set") }
        let directional = bits & BD_EDGE_DIRECTIONAL != 0 ? ", directional=True" : ""
        let rest = try attributes(&reader)
        edges.insert(edge)
        lines.append(
            "e\(edge) = EdgeReference.create(source=\(source), target=\(target), edge_type=\(bits & BD_EDGE_TYPE_MASK)"
                + "\(directional)\(rest.isEmpty ? "" : ", \(rest)"))")
    }

    /// By the declaration: a method of a view, a node or an edge, or a function of a module.
    private mutating func addDeclared(_ operation: UInt16, _ reader: inout PayloadReader) throws {
        guard let plan = parameters.plan(operation) else { throw Unwritable(what: "\(words.name(operation)) has no form in Python") }
        let owner: String
        switch plan.owner {
        case "GraphView": owner = try view(reader.u32())
        case "NodeReference": owner = try node(reader.u32())
        case "EdgeReference": owner = try edge(reader.u32())
        case "BoundNode":
            let view = try view(reader.u32())
            owner = "\(view).bind(node=\(try node(reader.u32())))"
        case let module where module.first?.isLowercase ?? false:
            imports.insert(module)
            owner = module
        default: throw Unwritable(what: "\(words.name(operation)) works on objects that have no name in a script")
        }
        var arguments: [String] = []
        for parameter in plan.parameters {
            guard parameter.type != .any, parameter.type != .callable else {
                throw Unwritable(what: "\(words.name(operation)) takes a Python object, which the request does not hold")
            }
            arguments.append("\(parameter.name)=\(try value(parameter.type.name, &reader))")
        }
        lines.append("\(owner).\(plan.method)(\(arguments.joined(separator: ", ")))")
    }

    // MARK: names and values

    private func view(_ id: UInt32) throws -> String {
        guard views.contains(id) else { throw Unwritable(what: "view \(id) was made by a request that has no form in Python") }
        return "v\(id)"
    }

    private func node(_ id: UInt32) throws -> String {
        guard let expression = expressions[id] else { throw Unwritable(what: "node \(id) was made by a request that has no form in Python") }
        return expression
    }

    private func edge(_ id: UInt32) throws -> String {
        guard edges.contains(id) else { throw Unwritable(what: "edge \(id) was made by a request that has no form in Python") }
        return "e\(id)"
    }

    private func attributes(_ reader: inout PayloadReader) throws -> String {
        let all = try reader.attributes()
        let plain = all.allSatisfy { RequestScript.isName($0.key) }
        if plain { return all.map { "\($0.key)=\(RequestScript.literal($0.value))" }.joined(separator: ", ") }
        return "**{\(all.map { "\(RequestScript.quoted($0.key)): \(RequestScript.literal($0.value))" }.joined(separator: ", "))}"
    }

    private func value(_ type: String, _ reader: inout PayloadReader) throws -> String {
        switch type {
        case "int": return String(try reader.i64())
        case "u8", "u32": return String(try reader.u32())
        case "float": return RequestScript.literal(.float(try reader.f64()))
        case "bool": return try reader.bool() ? "True" : "False"
        case "str": return RequestScript.quoted(try reader.string())
        case "literal": return RequestScript.literal(try reader.literal())
        case "GraphView": return try view(reader.u32())
        case "NodeReference": return try node(reader.u32())
        case "EdgeReference": return try edge(reader.u32())
        case "BoundNode":
            let view = try view(reader.u32())
            return "\(view).bind(node=\(try node(reader.u32())))"
        default: throw Unwritable(what: "an argument of type \(type) has no form in a script")
        }
    }

    private static let keywords: Set<String> = [
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif",
        "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or",
        "pass", "raise", "return", "try", "while", "with", "yield",
    ]

    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first), !keywords.contains(text) else { return false }
        return text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F }
    }

    private static func literal(_ value: Literal) -> String {
        switch value {
        case .none: "None"
        case .int(let value): String(value)
        case .float(let value): value.isFinite ? "\(value)" : "float('\(value.isNaN ? "nan" : value < 0 ? "-inf" : "inf")')"
        case .bool(let value): value ? "True" : "False"
        case .string(let value): quoted(value)
        }
    }

    static func quoted(_ text: String) -> String {
        var out = "'"
        for scalar in text.unicodeScalars {
            switch scalar {
            case "'": out += "\\'"
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case let other where other.value < 0x20 || other.value == 0x7F: out += "\\x\(hexText(UInt64(other.value), digits: 2))"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "'"
    }
}

/// Owner, method and parameters of each operation.
struct RequestParameters {
    struct Plan {
        let owner: String
        let method: String
        let parameters: [Parameter]
    }

    private let plans: [UInt16: Plan]

    init() {
        var plans: [UInt16: Plan] = [:]
        var next = Operation.firstMethod
        for (owner, method) in declaredClasses.flatMap({ type in type.methods.map { (type.name, $0) } })
            + declaredFunctions.map({ ($0.module, $0.method) }) where method.kind != .local
        {
            plans[next] = Plan(owner: owner, method: method.name, parameters: method.parameters)
            next += 1
        }
        self.plans = plans
    }

    func plan(_ operation: UInt16) -> Plan? { plans[operation] }
}
