// A request's payload in words, for reports: `GraphView.insert_edge view 3 edge 12`. What is written by hand on the wire
// has its words here, the rest follows its declaration. Must not fail: a payload that is cut or damaged shows as far as it
// goes, then `…`. Cost: a microsecond or two.

import CLayout
import Wire

struct RequestWords {
    private static let itemsShown = 8
    private static let textShown = 60

    private struct Plan {
        var name: String
        var selfWords: [String] = []
        var parameters: [Parameter] = []
    }

    private let plans: [UInt16: Plan]

    init() {
        var plans: [UInt16: Plan] = [:]
        var next = Operation.firstMethod
        for type in declaredClasses {
            for method in type.methods where method.kind != .local {
                let isBound = type.handleKind == BD_KIND_BOUND_NODE || type.handleKind == BD_KIND_BOUND_EDGE
                let selfWords = method.isStatic || type.handleKind == 0 ? [] : isBound ? ["view", "self"] : ["self"]
                plans[next] = Plan(name: "\(type.name).\(method.name)", selfWords: selfWords, parameters: method.parameters)
                next += 1
            }
        }
        for function in declaredFunctions where function.method.kind != .local {
            plans[next] = Plan(name: "\(function.module).\(function.method.name)", parameters: function.method.parameters)
            next += 1
        }
        self.plans = plans
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
        default: try declared(operation, &reader, to: &words)
        }
    }

    private func declared(_ operation: UInt16, _ reader: inout PayloadReader, to words: inout [String]) throws {
        guard let plan = plans[operation] else { return words.append("\(reader.remaining) bytes") }
        try numbers(plan.selfWords, &reader, to: &words)
        for parameter in plan.parameters where parameter.type != .any && parameter.type != .callable {
            if parameter.type == .attributes {
                try attributes(&reader, to: &words)
            } else {
                words.append("\(parameter.name)=\(try value(parameter.type.name, &reader))")
            }
        }
    }

    private func batch(_ reader: inout PayloadReader, to words: inout [String]) throws {
        let count = try reader.listCount(itemBytesMin: 8)
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

    private func value(_ type: String, _ reader: inout PayloadReader) throws -> String {
        if type.hasPrefix("optional[") {
            return try reader.u32() == 0 ? "None" : try value(String(type.dropFirst(9).dropLast()), &reader)
        }
        if type.hasPrefix("list[") {
            let count = Int(try reader.u32())
            let item = String(type.dropFirst(5).dropLast())
            guard item != "EdgeTraversal" else { return "[\(count)]" }
            var items: [String] = []
            for _ in 0..<min(count, RequestWords.itemsShown) { items.append(try value(item, &reader)) }
            guard count <= RequestWords.itemsShown else { return "[\(items.joined(separator: ", ")), … \(count)]" }
            return "[\(items.joined(separator: ", "))]"
        }
        switch type {
        case "int": return String(try reader.i64())
        case "float": return String(try reader.f64())
        case "bool": return try reader.bool() ? "True" : "False"
        case "str": return quoted(try reader.string())
        case "bytes":
            let count = try reader.u64()
            if count <= UInt64(reader.remaining) { _ = try reader.part(Int(count)) }
            return "\(count) bytes"
        case "literal":
            switch try reader.literal() {
            case .none: return "None"
            case .int(let value): return String(value)
            case .float(let value): return String(value)
            case .bool(let value): return value ? "True" : "False"
            case .string(let value): return quoted(value)
            }
        case "BoundNode", "BoundEdge": return "(view \(try reader.u32()), \(try reader.u32()))"
        case "EdgeCreationAttributes", "NodeCreationAttributes", "dict", "value": throw WireError("shown no further")
        default: return String(try reader.u32())
        }
    }

    private func quoted(_ text: String) -> String {
        guard text.utf8.count > RequestWords.textShown else { return "'\(text)'" }
        return "'\(text.prefix(RequestWords.textShown))'… (\(text.utf8.count) bytes)"
    }
}
