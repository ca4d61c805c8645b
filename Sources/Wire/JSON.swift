// A JSON value that prints itself, members in the order given, so that the same value is the same text everywhere.
// Must not parse: the one place that reads JSON, a worker's answer, has a reader of its own. Cost: recursion over the value, which the program itself built.

public indirect enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case uint(UInt64)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object([(String, JSONValue)])

    public static func == (a: JSONValue, b: JSONValue) -> Bool { a.text == b.text }

    public var text: String {
        var out = ""
        write(to: &out, indent: nil, depth: 0)
        return out
    }

    /// Two-space indentation and a final newline, for files and terminals.
    public var prettyText: String {
        var out = ""
        write(to: &out, indent: "  ", depth: 0)
        out += "\n"
        return out
    }

    private func write(to out: inout String, indent: String?, depth: Int) {
        switch self {
        case .null: out += "null"
        case .bool(let value): out += value ? "true" : "false"
        case .int(let value): out += String(value)
        case .uint(let value): out += String(value)
        case .double(let value): out += value.isFinite ? String(describing: value) : "null"
        case .string(let value): JSONValue.quote(value, to: &out)
        case .array(let items):
            JSONValue.list(items, "[", "]", to: &out, indent: indent, depth: depth) { item, out in
                item.write(to: &out, indent: indent, depth: depth + 1)
            }
        case .object(let members):
            JSONValue.list(members, "{", "}", to: &out, indent: indent, depth: depth) { member, out in
                JSONValue.quote(member.0, to: &out)
                out += indent == nil ? ":" : ": "
                member.1.write(to: &out, indent: indent, depth: depth + 1)
            }
        }
    }

    private static func list<Item>(
        _ items: [Item], _ open: String, _ close: String, to out: inout String, indent: String?, depth: Int,
        each: (Item, inout String) -> Void
    ) {
        out += open
        for (index, item) in items.enumerated() {
            if index > 0 { out += "," }
            newline(to: &out, indent: indent, depth: depth + 1)
            each(item, &out)
        }
        if !items.isEmpty { newline(to: &out, indent: indent, depth: depth) }
        out += close
    }

    private static func newline(to out: inout String, indent: String?, depth: Int) {
        guard let indent else { return }
        out += "\n"
        for _ in 0..<depth { out += indent }
    }

    private static func quote(_ text: String, to out: inout String) {
        out += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case let other where other.value < 0x20 || other.value == 0x7F:
                let hex = String(other.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        out += "\""
    }
}
