// JSON text → value. For the commands, which print the daemon's answers as tables, and for a worker's words about a
// handle, which the supervisor passes on only when they are sound.
//
// Iterative, with a depth limit; accepts RFC 8259 and nothing else. Cost: one pass over the bytes.

import Wire

struct JSONError: Error, Equatable, CustomStringConvertible {
    let what: String
    let offset: Int
    var description: String { "\(what) at byte \(offset)" }
}

struct JSONReader {
    static let depthMax = 64

    private let bytes: [UInt8]
    private var at = 0

    /// A container that is still open.
    private struct Frame {
        let isObject: Bool
        var items: [JSONValue] = []
        var members: [(String, JSONValue)] = []
        var key = ""

        mutating func add(_ value: JSONValue) {
            if isObject { members.append((key, value)) } else { items.append(value) }
        }

        var value: JSONValue { isObject ? .object(members) : .array(items) }
    }

    static func read(_ text: String) throws(JSONError) -> JSONValue {
        var reader = JSONReader(bytes: Array(text.utf8))
        let value = try reader.document()
        reader.skipSpace()
        guard reader.at == reader.bytes.count else { throw reader.error("text after the value") }
        return value
    }

    private mutating func document() throws(JSONError) -> JSONValue {
        var stack: [Frame] = []
        while true {  // each turn takes at least one byte or throws
            guard var value = try opened(&stack) else { continue }
            // A finished value goes into its container; a container that ends is a finished value.
            while true {
                guard !stack.isEmpty else { return value }
                let top = stack.count - 1
                stack[top].add(value)
                skipSpace()
                let next = take()
                if next == UInt8(ascii: ",") {
                    if stack[top].isObject { stack[top].key = try memberName() }
                    break
                }
                guard next == (stack[top].isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                    throw error("expected , or the end of the container")
                }
                value = stack.removeLast().value
            }
        }
    }

    /// A scalar or an empty container; nil when a container was opened onto the stack.
    private mutating func opened(_ stack: inout [Frame]) throws(JSONError) -> JSONValue? {
        skipSpace()
        guard let first = peek() else { throw error("the text ends where a value is due") }
        guard first == UInt8(ascii: "[") || first == UInt8(ascii: "{") else { return try scalar(first) }
        guard stack.count < JSONReader.depthMax else { throw error("deeper than \(JSONReader.depthMax)") }
        at += 1
        skipSpace()
        if first == UInt8(ascii: "[") {
            if peek() == UInt8(ascii: "]") {
                at += 1
                return .array([])
            }
            stack.append(Frame(isObject: false))
        } else {
            if peek() == UInt8(ascii: "}") {
                at += 1
                return .object([])
            }
            stack.append(Frame(isObject: true, key: try memberName()))
        }
        return nil
    }

    private mutating func memberName() throws(JSONError) -> String {
        skipSpace()
        guard peek() == UInt8(ascii: "\"") else { throw error("expected a member's name") }
        let name = try string()
        skipSpace()
        guard take() == UInt8(ascii: ":") else { throw error("expected :") }
        return name
    }

    private mutating func scalar(_ first: UInt8) throws(JSONError) -> JSONValue {
        switch first {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw error("no JSON value")
        }
    }

    private mutating func word(_ text: String, _ value: JSONValue) throws(JSONError) -> JSONValue {
        guard bytes[at...].starts(with: text.utf8) else { throw error("no JSON value") }
        at += text.utf8.count
        return value
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = at
        if peek() == UInt8(ascii: "-") { at += 1 }
        let whole = digits()
        guard whole > 0, whole == 1 || bytes[at - whole] != UInt8(ascii: "0") else { throw error("no JSON number") }
        var isWhole = true
        if peek() == UInt8(ascii: ".") {
            isWhole = false
            at += 1
            guard digits() > 0 else { throw error("no JSON number") }
        }
        if peek() == UInt8(ascii: "e") || peek() == UInt8(ascii: "E") {
            isWhole = false
            at += 1
            if peek() == UInt8(ascii: "+") || peek() == UInt8(ascii: "-") { at += 1 }
            guard digits() > 0 else { throw error("no JSON number") }
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if isWhole, let value = Int64(text) { return .int(value) }
        if isWhole, let value = UInt64(text) { return .uint(value) }
        guard let value = Double(text) else { throw error("no JSON number") }
        return .double(value)
    }

    private mutating func digits() -> Int {
        let start = at
        while let byte = peek(), byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { at += 1 }
        return at - start
    }

    private mutating func string() throws(JSONError) -> String {
        at += 1
        var out: [UInt8] = []
        while let byte = take() {
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: out, as: UTF8.self) else { throw error("no UTF-8") }
                return text
            case UInt8(ascii: "\\"): out.append(contentsOf: String(try escape()).utf8)
            case 0..<0x20: throw error("a control character in a string")
            default: out.append(byte)
            }
        }
        throw error("the text ends inside a string")
    }

    private mutating func escape() throws(JSONError) -> Unicode.Scalar {
        switch take() {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try codePoint()
        default: throw error("an unknown escape")
        }
    }

    private mutating func codePoint() throws(JSONError) -> Unicode.Scalar {
        let unit = try hexUnit()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard (0xD800..<0xDC00).contains(unit), take() == UInt8(ascii: "\\"), take() == UInt8(ascii: "u") else {
            throw error("half of a surrogate pair")
        }
        let low = try hexUnit()
        guard (0xDC00..<0xE000).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
        else { throw error("half of a surrogate pair") }
        return scalar
    }

    private mutating func hexUnit() throws(JSONError) -> UInt32 {
        guard at + 4 <= bytes.count,
            let value = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16),
            bytes[at] != UInt8(ascii: "+")
        else { throw error("four hexadecimal digits are due") }
        at += 4
        return value
    }

    private func peek() -> UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func take() -> UInt8? {
        guard at < bytes.count else { return nil }
        at += 1
        return bytes[at - 1]
    }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
    }

    private func error(_ what: String) -> JSONError { JSONError(what: what, offset: at) }
}

extension JSONValue {
    /// The member of an object; nil elsewhere.
    subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.0 == name }?.1
    }

    var items: [JSONValue] { if case .array(let items) = self { items } else { [] } }
    var members: [(String, JSONValue)] { if case .object(let members) = self { members } else { [] } }
}
