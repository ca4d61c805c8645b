// Values of requests as Python writes them. What names an object asks RequestScript for its name.

import CLayout
import GraphCore
import Wire

extension RequestScript {
    mutating func value(_ type: String, _ reader: inout PayloadReader) throws -> String {
        if let inner = RequestScript.inside("optional", type) { return try reader.bool() ? try value(inner, &reader) : "None" }
        switch type {
        case "int": return String(try reader.i64())
        case "u8", "u32": return String(try reader.u32())
        case "float": return RequestScript.literal(.float(try reader.f64()))
        case "bool": return try reader.bool() ? "True" : "False"
        case "str": return RequestScript.quoted(try reader.string())
        case "literal": return RequestScript.literal(try reader.literal())
        case "dict": return RequestScript.dict(try reader.attributes())
        case "GraphView": return try view(reader.u32())
        case "NodeReference": return try node(reader.u32())
        case "EdgeReference": return try edge(reader.u32())
        case "BoundNode":
            let view = try reader.u32()
            return try boundNode(view, try reader.u32())
        case "TypeGraph":
            let view = try reader.u32()
            return try typeGraph(view, try reader.u32())
        case "EdgeCreationAttributes": return try edgeRecipe(&reader)
        case "NodeCreationAttributes":
            uses("NodeCreationAttributes", of: "bindd.faebryk")
            return "NodeCreationAttributes.init(dynamic=\(RequestScript.dict(try reader.attributes())))"
        case "list[EdgeTraversal]": return try list(&reader) { script, reader in try script.traversal(&reader) }
        default:
            guard let inner = RequestScript.inside("list", type) else {
                throw Unwritable(what: "an argument of type \(type) has no form in a script")
            }
            return try list(&reader) { script, reader in try script.value(inner, &reader) }
        }
    }

    private static func inside(_ outer: String, _ type: String) -> String? {
        type.hasPrefix("\(outer)[") && type.hasSuffix("]") ? String(type.dropFirst(outer.count + 1).dropLast()) : nil
    }

    private mutating func list(
        _ reader: inout PayloadReader, _ item: (inout RequestScript, inout PayloadReader) throws -> String
    ) throws -> String {
        var items: [String] = []
        for _ in 0..<(try reader.listCount(itemBytesMin: 4)) { items.append(try item(&self, &reader)) }
        return "[\(items.joined(separator: ", "))]"
    }

    /// What a path of children is made of, or of other edges.
    private mutating func traversal(_ reader: inout PayloadReader) throws -> String {
        let identifier = RequestScript.quoted(try reader.string())
        let type = try reader.u32()
        if type == EdgeComposition.tid { return identifier }
        uses("SimpleNamespace", of: "types")
        return "SimpleNamespace(identifier=\(identifier), edge_type=\(type))"
    }

    private mutating func edgeRecipe(_ reader: inout PayloadReader) throws -> String {
        let (type, direction) = (try reader.u32(), try reader.u32())
        let name = try reader.bool() ? try reader.string() : nil
        let index = try reader.bool() ? try reader.u32() : nil
        let rest = try reader.attributes()
        let named = name.map(RequestScript.quoted) ?? "None"
        if let index {
            guard type == EdgePointer.tid, rest.isEmpty else {
                throw Unwritable(what: "a recipe of edges has an index and attributes, which no noun of Python makes")
            }
            uses("EdgePointer", of: "bindd.faebryk")
            return "EdgePointer.build(identifier=\(named), index=\(index))"
        }
        uses("EdgeCreationAttributes", of: "bindd.faebryk")
        let directional = direction == 0 ? "None" : direction == 2 ? "True" : "False"
        return "EdgeCreationAttributes.create(edge_type=\(type), directional=\(directional), name=\(named), "
            + "dynamic=\(rest.isEmpty ? "None" : RequestScript.dict(rest)))"
    }

    /// The recipe of an edge that has a place in a sequence.
    mutating func pointer(_ bits: UInt32, _ attributes: [Attribute]) throws -> String {
        let names = attributes.filter { $0.key == "name" }
        guard bits & BD_EDGE_TYPE_MASK == EdgePointer.tid, names.count == attributes.count else {
            throw Unwritable(what: "an edge has an index or a payload of its own, which only its noun can set")
        }
        uses("EdgePointer", of: "bindd.faebryk")
        let name = names.first.map { RequestScript.literal($0.value) } ?? "None"
        return "EdgePointer.build(identifier=\(name), index=\(EdgePointer.index(bits: bits)))"
    }

    // MARK: texts

    /// Attributes as keywords of a call.
    static func keywords(_ attributes: [Attribute]) -> String {
        guard attributes.allSatisfy({ isName($0.key) }) else { return "**\(dict(attributes))" }
        return attributes.map { "\($0.key)=\(literal($0.value))" }.joined(separator: ", ")
    }

    private static func dict(_ attributes: [Attribute]) -> String {
        "{\(attributes.map { "\(quoted($0.key)): \(literal($0.value))" }.joined(separator: ", "))}"
    }

    private static let reserved: Set<String> = [
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif",
        "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or",
        "pass", "raise", "return", "try", "while", "with", "yield",
    ]

    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first), !reserved.contains(text) else { return false }
        return text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F }
    }

    static func literal(_ value: Literal) -> String {
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

