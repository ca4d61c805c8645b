// How a text is laid out: what its lines are indented by, and where a token stands on its line.
//
// For: SourcePrinter, which puts new lists among those of the text as if whoever wrote it had. Must not: look further back
// than `lookBytes`, so that one long line costs no more than many short ones. Cost: one walk to the text's first line end.

struct SourceLayout {
    /// KiCad 8 and later: each list on a line of its own, indented by tabs, columns counted. Otherwise what stands beside a new
    /// list says where it goes.
    let isCanonical: Bool
    let hasCarriageReturns: Bool
    /// Of one level: a blank or a tab, so many times.
    let unit: (byte: UInt8, count: Int)

    /// Bytes before a token in which its line's start is looked for.
    static let lookBytes = 4_096
    /// Deeper indents than this are taken for something else.
    private static let unitMax = 16

    /// Of the list whose text starts at `root`.
    init(_ text: Span<UInt8>, root: Int) {
        var position = root
        while position < text.count, text[position] != 0x0A { position += 1 }
        hasCarriageReturns = position < text.count && position > 0 && text[position - 1] == 0x0D
        while position < text.count, text[position] == 0x0A || text[position] == 0x0D { position += 1 }
        var count = 0
        if position < text.count, text[position] == 0x20 || text[position] == 0x09 {
            let byte = text[position]
            while position < text.count, text[position] == byte, count < Self.unitMax {
                count += 1
                position += 1
            }
            unit = (byte, count)
            isCanonical = byte == 0x09
        } else {
            // All on one line, or no indents at all.
            unit = (0x09, position < text.count ? 0 : 1)
            isCanonical = false
        }
    }

    /// The blanks before a token.
    static func gap(_ text: Span<UInt8>, before token: Int) -> Range<Int> {
        var start = token
        while start > 0, isBlank(text[start - 1]) { start -= 1 }
        return start..<token
    }

    /// What the line of a token is indented by; nil when the line's start is too far.
    static func indent(_ text: Span<UInt8>, of token: Int) -> Range<Int>? {
        var start = token
        let last = max(0, token - lookBytes)
        while start > last, text[start - 1] != 0x0A { start -= 1 }
        if start > 0, text[start - 1] != 0x0A { return nil }
        var end = start
        while end < token, text[end] == 0x20 || text[end] == 0x09 { end += 1 }
        return start..<end
    }

    static func hasLineEnd(_ text: Span<UInt8>, in range: Range<Int>) -> Bool {
        for position in range where text[position] == 0x0A { return true }
        return false
    }

    /// What is behind the last line end.
    static func afterLineEnd(_ text: Span<UInt8>, in range: Range<Int>) -> Range<Int> {
        var start = range.upperBound
        while start > range.lowerBound, text[start - 1] != 0x0A { start -= 1 }
        return start..<range.upperBound
    }

    /// The last line end and what is behind it; all of it where there is none.
    static func withoutEmptyLines(_ text: Span<UInt8>, _ gap: Range<Int>) -> Range<Int> {
        var start = afterLineEnd(text, in: gap).lowerBound
        if start == gap.lowerBound { return gap }
        start -= 1
        if start > gap.lowerBound, text[start - 1] == 0x0D { start -= 1 }
        return start..<gap.upperBound
    }

    /// Ends a word.
    static func isBorder(_ byte: UInt8) -> Bool { isBlank(byte) || byte == 0x28 || byte == 0x29 }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }
}
