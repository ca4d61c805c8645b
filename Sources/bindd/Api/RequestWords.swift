// A request's payload in words, for reports: `GraphView.insert_edge view 3 edge 12`; and that of a reply. What is written by hand on the wire
// has its words here, the rest follows its declaration. Must not fail: a payload that is cut or damaged shows as far as it
// goes, then `…`. Cost: a microsecond or two.

import CLayout
import Wire

struct RequestWords {
    private static let itemsShown = 8
    private static let textShown = 60
    private static let depthShown = 8

    private struct Plan {
        var selfWords: [String] = []
        /// What travels by value in front.
        var selfValue: ValueType?
        var parameters: [Parameter] = []
        var result: ValueType = .none
    }

    private let plans: [UInt16: Plan]

    init() {
        var plans: [UInt16: Plan] = [:]
        var next = Operation.firstMethod
        for type in declaredClasses {
            for method in type.methods where method.kind != .local {
                var plan = Plan(parameters: method.parameters, result: method.result)
                if !method.isStatic { RequestWords.addSelf(type, to: &plan) }
                plans[next] = plan
                next += 1
            }
        }
        for function in declaredFunctions where function.method.kind != .local {
            plans[next] = Plan(parameters: function.method.parameters, result: function.method.result)
            next += 1
        }
        self.plans = plans
    }

    private static func addSelf(_ type: ClassDeclaration, to plan: inout Plan) {
        switch type.handleKind {
        case BD_KIND_BOUND_NODE, BD_KIND_BOUND_EDGE, BD_KIND_TYPE_GRAPH: plan.selfWords = ["view", "self"]
        case 0: plan.selfValue = [.edgeRecipe, .nodeRecipe].first { $0.name == type.name }
        default: plan.selfWords = ["self"]
        }
    }

    func name(_ operation: UInt16) -> String { operationName(operation) ?? "operation \(operation)" }

    /// What follows the operation's name; "" when there is nothing to say.
    func arguments(_ operation: UInt16, _ payload: [UInt8], isCut: Bool = false) -> String {
        var reader = PayloadReader(payload)
        return arguments(operation, &reader, isCut: isCut)
    }

    private func arguments(_ operation: UInt16, _ reader: inout PayloadReader, isCut: Bool) -> String {
        var words: [String] = []
        do {
            try add(operation, &reader, to: &words)
        } catch {
            words.append("…")
            return words.joined(separator: " ")
        }
        if isCut { words.append("…") }
        return words.joined(separator: " ")
    }

    /// What the result of a reply says; "" when there is nothing to say. What is behind the payload's end was cut off.
    func answer(_ operation: UInt16, _ payload: [UInt8]) -> String {
        guard !payload.isEmpty, let result = plans[operation]?.result else { return "" }
        var reader = PayloadReader(payload)
        do {
            switch name(operation) {
            case "sexp.parse", "sexp.load": return "document \(try reader.u32())"
            case "GraphView.get_subgraph_from_nodes": return ""  // the client has named what was made
            case "GraphView.from_bytes": return "view \(try reader.u32()) self \(try reader.u32())"
            case "GraphView.get_counts": return "\(try reader.u64()) nodes, \(try reader.u64()) edges"
            case "BoundNode.visit_edges_of_type", "GraphView.edge_table":
                return try list(&reader) { (reader) in try edge(&reader) }
            case "GraphView.node_ids": return try list(&reader) { (reader) in String(try reader.u32()) }
            case "GraphView.attribute_column": return try list(&reader) { (reader) in try value("literal", &reader) }
            default: return try answered(result.name, &reader)
            }
        } catch { return "…" }
    }

    /// Values as replies have them: an edge with its ends, no view in front of what is bound.
    private func answered(_ type: String, _ reader: inout PayloadReader) throws -> String {
        if type.hasPrefix("optional[") {
            return try reader.u32() == 0 ? "None" : try answered(String(type.dropFirst(9).dropLast()), &reader)
        }
        if type.hasPrefix("list[") {
            let item = String(type.dropFirst(5).dropLast())
            return try list(&reader) { (reader) in try answered(item, &reader) }
        }
        switch type {
        case "none", "any": return ""
        case "EdgeReference", "BoundEdge": return try edge(&reader)
        case "BoundNode": return String(try reader.u32())
        case "BFSPath": return "from \(try reader.u32()) to \(try reader.u32()), \(try reader.u32()) edges"
        default: return try value(type, &reader)
        }
    }

    private func add(_ operation: UInt16, _ reader: inout PayloadReader, to words: inout [String]) throws {
        switch name(operation) {
        case "hello", "sync", "control": return
        case "lease": try numbers(["kind", "wanted"], &reader, to: &words)
        case "advance": try numbers(["node", "edge", "view"], &reader, to: &words)
        case "release", "pin":
            words.append(HandleKind.name(try reader.u32()))
            try ids("", &reader, to: &words)
        case "batch": try batch(&reader, to: &words)
        case "NodeReference.create":
            try numbers(["node"], &reader, to: &words)
            try attributes(&reader, to: &words)
        case "EdgeReference.create":
            try numbers(["edge", "source", "target"], &reader, to: &words)
            let bits = try reader.u32()
            words.append("type \(bits & BD_EDGE_TYPE_MASK)")
            try attributes(&reader, to: &words)
        case "GraphView.create": try numbers(["view", "self"], &reader, to: &words)
        case "GraphView.create_and_insert_node", "GraphView.insert_node":
            try numbers(["view", "node"], &reader, to: &words)
        case "GraphView.insert_edge": try numbers(["view", "edge"], &reader, to: &words)
        case "GraphView.destroy":
            try numbers(["view"], &reader, to: &words)
            try ids("nodes kept", &reader, to: &words)
            try ids("edges kept", &reader, to: &words)
        case "GraphView.get_subgraph_from_nodes":
            try numbers(["view", "new", "self"], &reader, to: &words)
            try ids("nodes", &reader, to: &words)
        case "BoundNode.visit_edges_of_type": try numbers(["view", "node", "type", "direction"], &reader, to: &words)
        case "sexp.dump", "sexp.save": try numbers(["document"], &reader, to: &words)  // 0: a value follows
        default: try declared(operation, &reader, to: &words)
        }
    }

    private func declared(_ operation: UInt16, _ reader: inout PayloadReader, to words: inout [String]) throws {
        guard let plan = plans[operation] else { return words.append("\(reader.remaining) bytes") }
        try numbers(plan.selfWords, &reader, to: &words)
        if let type = plan.selfValue { words.append("self=\(try value(type.name, &reader))") }
        for parameter in plan.parameters where parameter.type != .any && parameter.type != .callable {
            if parameter.type == .attributes {
                try attributes(&reader, to: &words)
            } else {
                words.append("\(parameter.name)=\(try value(parameter.type.name, &reader))")
            }
        }
    }

    private func batch(_ reader: inout PayloadReader, to words: inout [String]) throws {
        let count = Int(try reader.u32())
        words.append("\(count) commands")
        for _ in 0..<min(count, RequestWords.itemsShown) {
            let operation = UInt16(truncatingIfNeeded: try reader.u32())
            var part = try reader.part(Int(try reader.u32()))
            guard operation != Operation.batch else { throw WireError("a batch in a batch") }
            words.append("| \(name(operation)) \(arguments(operation, &part, isCut: false))")
        }
        if count > RequestWords.itemsShown { words.append("| …") }
    }

    // MARK: values

    private func numbers(_ names: [String], _ reader: inout PayloadReader, to words: inout [String]) throws {
        for name in names { words.append("\(name) \(try reader.u32())") }
    }

    private func ids(_ what: String, _ reader: inout PayloadReader, to words: inout [String]) throws {
        let count = Int(try reader.u32())
        guard count > 0 else { return }
        if !what.isEmpty { words.append("\(count) \(what)") }
        for _ in 0..<min(count, RequestWords.itemsShown) { words.append(String(try reader.u32())) }
        guard count > RequestWords.itemsShown else { return }
        words.append("… \(count) in all")
        for _ in RequestWords.itemsShown..<count { _ = try reader.u32() }
    }

    private func attributes(_ reader: inout PayloadReader, to words: inout [String]) throws {
        let count = Int(try reader.u32())
        for index in 0..<count {
            let key = try reader.string()
            let value = try value("literal", &reader)
            if index < RequestWords.itemsShown { words.append("\(key)=\(value)") }
        }
        if count > RequestWords.itemsShown { words.append("… \(count) attributes") }
    }

    private func attributes(_ reader: inout PayloadReader) throws -> [String] {
        var words: [String] = []
        try attributes(&reader, to: &words)
        return words
    }

    /// {type 130, directional, name 'x', index 2, key=1}
    private func edgeRecipe(_ reader: inout PayloadReader) throws -> String {
        var words = ["type \(try reader.u32())"]
        let direction = try reader.u32()
        if direction != 0 { words.append(direction == 2 ? "directional" : "not directional") }
        if try reader.bool() { words.append("name \(quoted(try reader.string()))") }
        if try reader.bool() { words.append("index \(try reader.u32())") }
        return "{\((words + (try attributes(&reader))).joined(separator: ", "))}"
    }

    private func edge(_ reader: inout PayloadReader) throws -> String {
        let (edge, source, target, bits) = (try reader.u32(), try reader.u32(), try reader.u32(), try reader.u32())
        return "\(edge) (\(source) -> \(target), type \(bits & BD_EDGE_TYPE_MASK))"
    }

    /// A value that says what it is; see Call+Values.swift.
    private func tagged(_ reader: inout PayloadReader, depth: Int) throws -> String {
        guard depth < RequestWords.depthShown else { throw WireError("values nested deeper than a result is") }
        switch try reader.u32() {
        case 0: return "None"
        case 1: return String(try reader.i64())
        case 2: return String(try reader.f64())
        case 3: return try reader.bool() ? "True" : "False"
        case 4: return try string(&reader)
        case let tag where tag == 5 || tag == 6 || tag == 10:
            return try list(&reader) { (reader) in
                let item = try tagged(&reader, depth: depth + 1)
                return tag == 10 ? "\(item): \(try tagged(&reader, depth: depth + 1))" : item
            }
        case 7, 13, 14: return "(view \(try reader.u32()), \(try reader.u32()))"
        case 8: return "view \(try reader.u32()) edge \(try edge(&reader))"
        case 9: return "view \(try reader.u32()) from \(try reader.u32()) to \(try reader.u32()), \(try reader.u32()) edges"
        case 11: return "node \(try reader.u32())"
        case 12: return "edge \(try edge(&reader))"
        case 15: return "view \(try reader.u32()) from \(try reader.u32()), \(try reader.u32()) steps"
        case let tag: throw WireError("a value of kind \(tag)")
        }
    }

    /// As many items as are shown, or as are there: behind a cut there is nothing more to read.
    private func list(_ reader: inout PayloadReader, _ item: (inout PayloadReader) throws -> String) throws -> String {
        let count = Int(try reader.u32())
        var items: [String] = []
        for _ in 0..<count {
            guard reader.remaining > 0, let text = try? item(&reader) else {
                _ = try reader.part(reader.remaining)
                break
            }
            if items.count < RequestWords.itemsShown { items.append(text) }
        }
        return "[\(items.joined(separator: ", "))\(count > items.count ? "\(items.isEmpty ? "" : ", ")… \(count)" : "")]"
    }

    /// A text, as far as it is there.
    private func string(_ reader: inout PayloadReader) throws -> String {
        var ahead = reader
        let count = Int(try ahead.u32())
        guard count > ahead.remaining else { return quoted(try reader.string()) }
        let there = String(decoding: ahead.rest, as: UTF8.self)
        _ = try reader.part(reader.remaining)
        return "'\(RequestWords.escaped(there.prefix(RequestWords.textShown)))'… (\(count) bytes)"
    }

    private func value(_ type: String, _ reader: inout PayloadReader) throws -> String {
        if type.hasPrefix("optional[") {
            return try reader.u32() == 0 ? "None" : try value(String(type.dropFirst(9).dropLast()), &reader)
        }
        if type.hasPrefix("list[") {
            let item = String(type.dropFirst(5).dropLast())
            return try list(&reader) { (reader) in try value(item, &reader) }
        }
        switch type {
        case "int": return String(try reader.i64())
        case "float": return String(try reader.f64())
        case "bool": return try reader.bool() ? "True" : "False"
        case "str", "json": return try string(&reader)
        case "bytes":
            let count = try reader.u64()
            _ = try reader.part(Int(min(count, UInt64(reader.remaining))))
            return "\(count) bytes"
        case "literal":
            switch try reader.u32() {
            case BD_LITERAL_NONE: return "None"
            case BD_LITERAL_INT: return String(try reader.i64())
            case BD_LITERAL_FLOAT: return String(try reader.f64())
            case BD_LITERAL_BOOL: return try reader.bool() ? "True" : "False"
            case BD_LITERAL_STRING: return try string(&reader)
            case let kind: throw WireError("literal kind \(kind)")
            }
        case "BoundNode", "BoundEdge", "TypeGraph": return "(view \(try reader.u32()), \(try reader.u32()))"
        case "EdgeTraversal": return "\(quoted(try reader.string())) by type \(try reader.u32())"
        case "EdgeCreationAttributes": return try edgeRecipe(&reader)
        case "NodeCreationAttributes", "dict": return "{\(try attributes(&reader).joined(separator: ", "))}"
        case "value": return try tagged(&reader, depth: 0)
        default: return String(try reader.u32())
        }
    }

    private func quoted(_ text: String) -> String {
        guard text.utf8.count > RequestWords.textShown else { return "'\(RequestWords.escaped(text))'" }
        return "'\(RequestWords.escaped(text.prefix(RequestWords.textShown)))'… (\(text.utf8.count) bytes)"
    }

    /// On one line.
    private static func escaped<Text: StringProtocol>(_ text: Text) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": out += "\\n"
            case "\t": out += "\\t"
            case let other where other.value < 0x20 || other.value == 0x7F: out += "\\x\(hexText(UInt64(other.value), digits: 2))"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
