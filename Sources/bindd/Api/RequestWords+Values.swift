// Values of payloads in words: numbers, texts, attributes, lists, what says of itself what it is. A list or a text that was cut
// shows as far as it is there; behind it nothing more can be read. Cost: that of the text.

import CLayout
import Wire

extension RequestWords {
    func numbers(_ names: [String], _ reader: inout PayloadReader, to words: inout [String]) throws {
        for name in names { words.append("\(name) \(try reader.u32())") }
    }

    func ids(_ what: String, _ reader: inout PayloadReader, to words: inout [String]) throws {
        let count = Int(try reader.u32())
        guard count > 0 else { return }
        if !what.isEmpty { words.append("\(count) \(what)") }
        for _ in 0..<min(count, RequestWords.itemsShown) { words.append(String(try reader.u32())) }
        guard count > RequestWords.itemsShown else { return }
        words.append("… \(count) in all")
        for _ in RequestWords.itemsShown..<count { _ = try reader.u32() }
    }

    func attributes(_ reader: inout PayloadReader, to words: inout [String]) throws {
        let count = Int(try reader.u32())
        for index in 0..<count {
            let key = try reader.string()
            let value = try value("literal", &reader)
            if index < RequestWords.itemsShown { words.append("\(key)=\(value)") }
        }
        if count > RequestWords.itemsShown { words.append("… \(count) attributes") }
    }

    func attributes(_ reader: inout PayloadReader) throws -> [String] {
        var words: [String] = []
        try attributes(&reader, to: &words)
        return words
    }

    /// {type 130, directional, name 'x', index 2, key=1}
    func edgeRecipe(_ reader: inout PayloadReader) throws -> String {
        var words = ["type \(try reader.u32())"]
        let direction = try reader.u32()
        if direction != 0 { words.append(direction == 2 ? "directional" : "not directional") }
        if try reader.bool() { words.append("name \(quoted(try reader.string()))") }
        if try reader.bool() { words.append("index \(try reader.u32())") }
        return "{\((words + (try attributes(&reader))).joined(separator: ", "))}"
    }

    func edge(_ reader: inout PayloadReader) throws -> String {
        let (edge, source, target, bits) = (try reader.u32(), try reader.u32(), try reader.u32(), try reader.u32())
        return "\(edge) (\(source) -> \(target), type \(bits & BD_EDGE_TYPE_MASK))"
    }

    /// A value that says what it is.
    func tagged(_ reader: inout PayloadReader, depth: Int) throws -> String {
        guard depth < RequestWords.depthShown else { throw WireError("values nested deeper than a result is") }
        switch try reader.u32() {
        case BD_RESULT_NONE: return "None"
        case BD_RESULT_INT: return String(try reader.i64())
        case BD_RESULT_FLOAT: return String(try reader.f64())
        case BD_RESULT_BOOL: return try reader.bool() ? "True" : "False"
        case BD_RESULT_STR: return try string(&reader)
        case let tag where tag == BD_RESULT_LIST || tag == BD_RESULT_TUPLE || tag == BD_RESULT_DICT:
            return try list(&reader) { (reader) in
                let item = try tagged(&reader, depth: depth + 1)
                return tag == BD_RESULT_DICT ? "\(item): \(try tagged(&reader, depth: depth + 1))" : item
            }
        case BD_RESULT_BOUND_NODE, BD_RESULT_LOOSE_BOUND_NODE, BD_RESULT_TYPE_GRAPH:
            return "(view \(try reader.u32()), \(try reader.u32()))"
        case BD_RESULT_BOUND_EDGE: return "view \(try reader.u32()) edge \(try edge(&reader))"
        case BD_RESULT_PATH:
            return "view \(try reader.u32()) from \(try reader.u32()) to \(try reader.u32()), \(try reader.u32()) edges"
        case BD_RESULT_NODE: return "node \(try reader.u32())"
        case BD_RESULT_EDGE: return "edge \(try edge(&reader))"
        case BD_RESULT_CONNECTED:
            return "view \(try reader.u32()) from \(try reader.u32()), \(try reader.u32()) steps"
        case let tag: throw WireError("a value of kind \(tag)")
        }
    }

    /// As many items as are shown, or as are there: behind a cut there is nothing more to read.
    func list(_ reader: inout PayloadReader, _ item: (inout PayloadReader) throws -> String) throws -> String {
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
    func string(_ reader: inout PayloadReader) throws -> String {
        var ahead = reader
        let count = Int(try ahead.u32())
        guard count > ahead.remaining else { return quoted(try reader.string()) }
        let there = String(decoding: ahead.rest, as: UTF8.self)
        _ = try reader.part(reader.remaining)
        return "'\(RequestWords.escaped(there.prefix(RequestWords.textShown)))'… (\(count) bytes)"
    }

    func value(_ type: String, _ reader: inout PayloadReader) throws -> String {
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

    func quoted(_ text: String) -> String {
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
