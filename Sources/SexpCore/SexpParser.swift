// Bytes to tokens, by KiCad's lexical rules.
//
// For: every file that KiCad reads, and every atom of it. A bare word runs to white space or a parenthesis, whatever
// else is in it; a line whose first character is '#' is a comment; a string runs to the next quote without a backslash
// and may go over line ends. Blanks are space, tab, LF and CR. Must not: skip anything but blanks; recurse; hold more
// state than the builder. Cost: one checked load and a comparison or two for each byte.
internal import CLayout

struct SexpParser {
    private let limit: Int
    private let start: Int
    /// A token that starts with ';' is a comment to the line's end. KiCad has no such rule.
    private let hasSemicolons: Bool
    private let isCancelled: (() -> Bool)?

    /// Reads `text[start ..< limit]`. `limit` may lie inside an atom, when the text has a fault there.
    init(start: Int, limit: Int, hasSemicolons: Bool = false, isCancelled: (() -> Bool)?) {
        self.start = start
        self.limit = limit
        self.hasSemicolons = hasSemicolons
        self.isCancelled = isCancelled
    }

    func run(_ text: Span<UInt8>, into builder: inout TreeBuilder) throws(SexpFault) {
        var position = start
        // Up to here without a look at the cancellation flag.
        var window = min(limit, position + SexpLimits.pollBytes)
        while true {
            if position >= window {
                if position >= limit { break }
                try poll(at: position)
                window = min(limit, position + SexpLimits.pollBytes)
            }
            let byte = text[position]
            switch byte {
            case 0x20, 0x09, 0x0A, 0x0D:
                position += 1
                skipBlanks(text, &position, upTo: window)
            case 0x28:  // (
                try builder.openList(at: position)
                position += 1
            case 0x29:  // )
                try builder.closeList(at: position)
                position += 1
            case 0x23 where isFirstOnLine(text, position), 0x3B where hasSemicolons:  // # ;
                let end = try commentEnd(text, from: position)
                try builder.addAtom(BD_SEXP_COMMENT, start: position, length: end - position)
                position = end
            case _ where builder.open < 0:
                throw SexpFault(kind: .unexpectedType, offset: position)
            case 0x22:  // "
                let end = try stringEnd(text, openedAt: position)
                try builder.addAtom(BD_SEXP_STRING, start: position + 1, length: end - position - 1)
                position = end + 1
            default:
                let (end, isNumber) = try wordEnd(text, from: position)
                try builder.addAtom(isNumber ? BD_SEXP_NUMBER : BD_SEXP_WORD, start: position, length: end - position)
                position = end
            }
        }
    }

    // MARK: - one token

    /// Lines are indented by many of one blank.
    @inline(__always)
    private func skipBlanks(_ text: Span<UInt8>, _ position: inout Int, upTo window: Int) {
        while position < window {
            let byte = text[position]
            guard isBlank(byte) else { return }
            position += position <= window - 8 ? EightBytes(text, at: position).run(of: byte) : 1
        }
    }

    /// Offset of the closing quote.
    @inline(__always)
    private func stringEnd(_ text: Span<UInt8>, openedAt quote: Int) throws(SexpFault) -> Int {
        var position = quote + 1
        while true {
            let stop = min(limit, position + SexpLimits.pollBytes)
            while position < stop {
                if position <= stop - 8 {
                    let clear = EightBytes(text, at: position).first(0x22, or: 0x5C)
                    position += clear
                    if clear == 8 { continue }
                }
                let byte = text[position]
                if byte == 0x22 { return position }
                position += byte == 0x5C ? 2 : 1
            }
            if stop >= limit { throw SexpFault(kind: .unterminatedString, offset: quote) }
            try poll(at: position)
        }
    }

    /// A word that reads `+1.50` to its end is a number: sign, digits with at most one point among them. KiCad's own
    /// numbers have no exponent: `5E123456` is a time stamp, `1e5` a word.
    @inline(__always)
    private func wordEnd(_ text: Span<UInt8>, from start: Int) throws(SexpFault) -> (end: Int, isNumber: Bool) {
        var position = start
        let first = text[start]
        if first < 0x3A && first >= 0x2B {  // + , - . / 0-9
            if first == 0x2B || first == 0x2D { position += 1 }
            var digits = 0
            var points = 0
            while position < limit {
                let byte = text[position]
                if byte &- 0x30 < 10 {
                    digits += 1
                } else if byte == 0x2E && points == 0 {
                    points = 1
                } else {
                    break
                }
                position += 1
            }
            if position == limit || isBorder(text[position]) { return (position, digits > 0) }
        }
        while true {
            let stop = min(limit, position + SexpLimits.pollBytes)
            while position < stop {
                if position <= stop - 8 {
                    let clear = EightBytes(text, at: position).first(below: 0x2A)  // all borders are
                    position += clear
                    if clear == 8 { continue }
                }
                if isBorder(text[position]) { return (position, false) }
                position += 1
            }
            if stop >= limit { return (limit, false) }
            try poll(at: position)
        }
    }

    /// The end of the line, without the carriage returns before it.
    private func commentEnd(_ text: Span<UInt8>, from start: Int) throws(SexpFault) -> Int {
        var position = start
        var poll = start + SexpLimits.pollBytes
        while position < limit && text[position] != 0x0A {
            position += 1
            if position == poll {
                try self.poll(at: position)
                poll += SexpLimits.pollBytes
            }
        }
        while position > start && text[position - 1] == 0x0D { position -= 1 }
        return position
    }

    @inline(__always)
    private func isBlank(_ byte: UInt8) -> Bool {
        let blanks: UInt64 = 1 << 0x20 | 1 << 0x09 | 1 << 0x0A | 1 << 0x0D
        return byte < 64 && (blanks &>> UInt64(byte)) & 1 != 0
    }

    /// Blanks and parentheses end a word; all of them are below 64, so that one word of bits tells.
    @inline(__always)
    private func isBorder(_ byte: UInt8) -> Bool {
        let borders: UInt64 = 1 << 0x20 | 1 << 0x09 | 1 << 0x0A | 1 << 0x0D | 1 << 0x28 | 1 << 0x29
        return byte < 64 && (borders &>> UInt64(byte)) & 1 != 0
    }

    /// Only blanks between the start of the line and `position`. Linear over a text: a run of blanks is walked once.
    private func isFirstOnLine(_ text: Span<UInt8>, _ position: Int) -> Bool {
        var before = position - 1
        while before >= start {
            switch text[before] {
            case 0x0A: return true
            case 0x20, 0x09, 0x0D: before -= 1
            default: return false
            }
        }
        return true
    }

    private func poll(at position: Int) throws(SexpFault) {
        if let isCancelled, isCancelled() { throw SexpFault(kind: .cancelled, offset: position) }
    }
}
