// Reading the tree by node index.
//
// For: code that follows heads and values through a document. A node is its index in source order: a list's first
// child, if any, is the next node; `end` is the index after its last descendant. Must not: be given an index from a
// peer without `contains`. Cost: a step is one checked load; a String is made only where one is asked for.
internal import CLayout

/// What a node is. The raw values are those of the snapshot.
public enum SexpKind: UInt8, Sendable {
    case list, word, number, string, comment
}

/// Indexes of siblings.
public struct SexpSiblings: Sequence, IteratorProtocol {
    let document: SexpDocument
    var position: Int
    let end: Int

    public mutating func next() -> Int? {
        if position >= end { return nil }
        defer { position = document.end(of: position) }
        return position
    }
}

extension SexpDocument {
    /// True for an index that every other function here accepts.
    public func contains(node: Int) -> Bool { node >= 0 && node < nodes.count }

    /// The top-level forms: lists and comment lines.
    public var forms: SexpSiblings { SexpSiblings(document: self, position: 0, end: nodes.count) }

    /// The first top-level list; a document has at least one.
    public var root: Int {
        for form in forms where kind(of: form) == .list { return form }
        check(false, "a document without a list")
        return 0
    }

    public func kind(of node: Int) -> SexpKind {
        SexpKind(rawValue: UInt8(truncatingIfNeeded: nodes[node].kind_and_count & 7)) ?? .comment
    }

    /// Children of a list, comments included; 0 for an atom.
    public func childCount(of node: Int) -> Int { Int(nodes[node].kind_and_count >> 3) }

    /// The index after the last descendant.
    public func end(of node: Int) -> Int { Int(nodes[node].end) }

    public func children(of node: Int) -> SexpSiblings {
        SexpSiblings(document: self, position: node + 1, end: end(of: node))
    }

    /// The node's bytes in the text: a list with its parentheses, a string without its quotes and with its escapes.
    public func textRange(of node: Int) -> Range<Int> {
        let start = Int(nodes[node].text_start)
        return start..<start + Int(nodes[node].text_length)
    }

    /// The source bytes of `textRange`.
    public func sourceBytes(of node: Int) -> [UInt8] { Array(text[textRange(of: node)]) }

    /// The source of the node as text.
    public func sourceText(of node: Int) -> String { String(decoding: text[textRange(of: node)], as: UTF8.self) }

    /// What the node stands for: a string without its escapes, anything else as it is written. Hex and octal escapes
    /// can make bytes that are not UTF-8; they read as U+FFFD here, and exactly in `SexpText.unescape`.
    public func value(of node: Int) -> String {
        if kind(of: node) != .string { return sourceText(of: node) }
        return String(decoding: SexpText.unescape(sourceBytes(of: node)), as: UTF8.self)
    }

    /// The bare word that a list starts with; nil for anything else.
    public func head(of list: Int) -> String? {
        guard let node = headNode(of: list) else { return nil }
        return sourceText(of: node)
    }

    /// True when `list` is a list that starts with the bare word `head`.
    public func hasHead(_ head: String, list: Int) -> Bool {
        guard let node = headNode(of: list) else { return false }
        let range = textRange(of: node)
        return range.count == head.utf8.count && text[range].elementsEqual(head.utf8)
    }

    /// The first child list of `list` with this head.
    public func find(_ head: String, in list: Int) -> Int? {
        for child in children(of: list) where hasHead(head, list: child) { return child }
        return nil
    }

    /// All child lists of `list` with this head.
    public func findAll(_ head: String, in list: Int) -> [Int] {
        var found: [Int] = []
        for child in children(of: list) where hasHead(head, list: child) { found.append(child) }
        return found
    }

    /// Where the node starts in the source: at its parenthesis, its quote or its first byte. Counted from 1, columns in
    /// bytes. Walks the text before it.
    public func location(of node: Int) -> (line: Int, column: Int) {
        let start = textRange(of: node).lowerBound - (kind(of: node) == .string ? 1 : 0)
        let text = text
        let place = SexpPlace(text.span, start)
        return (place.line, place.column)
    }

    private func headNode(of list: Int) -> Int? {
        guard kind(of: list) == .list else { return nil }
        for child in children(of: list) {
            switch kind(of: child) {
            case .comment: continue
            case .word: return child
            default: return nil
            }
        }
        return nil
    }
}
