// Names of functions for people: a mangled Swift name becomes words, and the words become short: no module, no
// arguments, no generic ones. Must not fail: what it does not understand stays as it is. Cost: 20 microseconds.

import CCrash
import Glibc

enum FunctionName {
    /// All that the compiler knows: `bindd.Session.apply(Wire.MessageReader.InPlace) throws(Wire.WireError) -> ()`.
    static func long(_ symbol: String) -> String {
        guard symbol.hasPrefix("$s") || symbol.hasPrefix("$S") else { return symbol }
        return symbol.withCString { text in
            guard let words = swift_demangle(text, strlen(text), nil, nil, 0) else { return symbol }
            defer { free(words) }
            return String(cString: words)
        }
    }

    /// What fits into a line: `Session.apply`, `closure #1 in debugFunctions`, `swift::fatalError`.
    static func short(_ symbol: String) -> String {
        if symbol.hasPrefix("_ZN") { return nested(symbol) }
        let long = long(symbol)
        guard long != symbol else { return symbol }
        // `closure #1 in X in Y`: what encloses X is said by X.
        let parts = splitOutside(withoutDiscriminators(long), " in ").prefix(2).map(shortPart)
        let text = parts.joined(separator: " in ")
        return text.isEmpty ? symbol : text
    }

    /// Code that only hands on: nobody wrote it.
    static func isThunk(_ short: String) -> Bool {
        short.hasPrefix("partial apply") || short.hasPrefix("reabstraction thunk")
    }

    /// Of Swift's runtime or library: it tells that something failed, not where.
    static func isRuntime(_ symbol: String) -> Bool {
        ["$ss", "$sS", "swift_", "_swift_", "_ZN5swift", "Swift runtime failure"].contains { symbol.hasPrefix($0) }
    }

    /// The names in a mangled C++ name: `_ZN5swift10fatalErrorEjPKcz` → `swift::fatalError`.
    private static func nested(_ symbol: String) -> String {
        var names: [Substring] = []
        var rest = symbol.dropFirst(3).drop { "KL".contains($0) }
        while let first = rest.first, first.isNumber {
            let digits = rest.prefix { $0.isNumber }
            rest = rest.dropFirst(digits.count)
            guard let count = Int(digits), count <= rest.count else { break }
            names.append(rest.prefix(count))
            rest = rest.dropFirst(count).drop { $0 == "L" }
        }
        return names.isEmpty ? symbol : names.joined(separator: "::")
    }

    /// `(overflow in _3E54)` → `overflow`: a private name and its file's number.
    private static func withoutDiscriminators(_ text: String) -> String {
        var out = ""
        var rest = Substring(text)
        while let open = rest.firstIndex(of: "(") {
            out += rest[..<open]
            let inner = rest[rest.index(after: open)...]
            if let end = inner.firstIndex(of: ")"), let middle = range(of: " in _", in: inner), middle.upperBound <= end,
                inner[..<middle.lowerBound].allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }),
                inner[middle.upperBound..<end].allSatisfy(\.isHexDigit)
            {
                out += inner[..<middle.lowerBound]
                rest = inner[inner.index(after: end)...]
            } else {
                out += "("
                rest = inner
            }
        }
        return out + rest
    }

    private static func range(of words: String, in text: Substring) -> Range<Substring.Index>? {
        var at = text.startIndex
        while at < text.endIndex {
            if text[at...].hasPrefix(words) { return at..<text.index(at, offsetBy: words.count) }
            at = text.index(after: at)
        }
        return nil
    }

    /// Splits where no bracket is open.
    private static func splitOutside(_ text: String, _ words: String) -> [String] {
        var parts: [String] = [""]
        var depth = 0
        var rest = Substring(text)
        while let character = rest.first {
            if depth == 0, rest.hasPrefix(words) {
                parts.append("")
                rest = rest.dropFirst(words.count)
                continue
            }
            if "(<[{".contains(character) { depth += 1 }
            if ")]}".contains(character) || (character == ">" && !parts[parts.count - 1].hasSuffix("-")) { depth = max(0, depth - 1) }
            parts[parts.count - 1].append(character)
            rest = rest.dropFirst()
        }
        return parts
    }

    /// Without modules, arguments and results.
    private static func shortPart(_ text: String) -> String {
        let ends = [" -> ", " throws", " async ", " : "]
        var name = ""
        var depth = 0
        var last: Character = " "
        var rest = Substring(text)
        while let character = rest.first {
            defer { last = character }
            if depth == 0, ends.contains(where: { rest.hasPrefix($0) }) { break }
            rest = rest.dropFirst()
            if "(<[".contains(character) {
                depth += 1
            } else if ")]".contains(character) || (character == ">" && last != "-") {
                depth = max(0, depth - 1)
            } else if depth == 0 {
                name.append(character)
            }
        }
        var words = name.split(separator: " ").filter { !$0.hasPrefix("@") }.map(String.init)
        while words.count > 1, passedOver.contains(words[0]) { words.removeFirst() }
        guard let path = words.last else { return "" }
        let pieces = path.split(separator: ".").drop { $0.hasPrefix(":") && $0.count == 1 }
        words[words.count - 1] = pieces.count > 1 ? pieces.dropFirst().suffix(2).joined(separator: ".") : path
        return words.joined(separator: " ")
    }

    /// Words in front of a name that say nothing to its reader.
    private static let passedOver: Set<String> = [
        "static", "class", "function", "signature", "specialization", "of", "generic", "merged", "variable", "initialization",
        "expression", "for", "lazy",
    ]
}
