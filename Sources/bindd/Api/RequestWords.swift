// A request's payload in words, for reports: `GraphView.insert_edge view 3 edge 12`; and that of a reply. What is written by hand on the wire
// has its words here, the rest follows its declaration. Must not fail: a payload that is cut or damaged shows as far as it
// goes, then `…`. Cost: a microsecond or two.

import CLayout
import Wire

struct RequestWords {
    static let itemsShown = 8
    static let textShown = 60
    static let depthShown = Int(BD_RESULT_DEPTH_MAX)

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
}
