// Line, column and excerpt of an offset.
//
// For: errors, and clients that ask where a node is. Lines end at LF; columns count bytes from 1, without the byte
// order mark; carets stand under characters. Must not: cut a character or pass on control bytes, which a terminal would
// obey. Cost: one pass over the text before the offset.

struct SexpPlace {
    let offset: Int
    let line: Int
    let column: Int
    let lineStart: Int

    init(_ text: Span<UInt8>, _ offset: Int) {
        let offset = min(max(0, offset), text.count)
        var line = 1
        var start = SexpText.byteOrderMarkBytes(text)
        var position = start
        while position < offset {
            if text[position] == 0x0A {
                line += 1
                start = position + 1
            }
            position += 1
        }
        self.offset = offset
        self.line = line
        lineStart = start
        column = max(0, offset - start) + 1
    }

    /// The line around the place and the caret line under it, both short.
    func excerpt(_ text: Span<UInt8>) -> (line: String, caret: String) {
        let place = max(offset, lineStart)
        var first = lineStart
        if place - first > SexpLimits.excerptBytes {
            first = Self.characterBorder(text, atOrBefore: place - SexpLimits.excerptBytes)
        }
        var last = place
        while last < text.count, last - place < SexpLimits.excerptBytes, text[last] != 0x0A { last += 1 }
        let isCut = last < text.count && text[last] != 0x0A
        if isCut {
            last = max(place, Self.characterBorder(text, atOrBefore: last))
        } else {
            while last > place, text[last - 1] == 0x0D { last -= 1 }
        }
        let before = (first > lineStart ? "…" : "") + Self.printable(text, first, place)
        var caret = ""
        for character in before { caret.append(character == "\t" ? "\t" : " ") }
        return (before + Self.printable(text, place, last) + (isCut ? "…" : ""), caret + "^")
    }

    /// The nearest offset at or before `offset` that is not inside a character. Bytes that are not UTF-8 count as
    /// characters of one byte after three continuation bytes.
    static func characterBorder(_ text: Span<UInt8>, atOrBefore offset: Int) -> Int {
        if offset >= text.count { return text.count }
        var border = offset
        while border > 0, offset - border < 3, text[border] & 0xC0 == 0x80 { border -= 1 }
        return border
    }

    /// The bytes as characters; what is not UTF-8, and control characters other than tab, as U+FFFD.
    static func printable(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(max(0, end - start))
        var position = start
        while position < end {
            bytes.append(text[position])
            position += 1
        }
        var result = ""
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            let isControl = (scalar.value < 0x20 && scalar != "\t") || (0x7F...0x9F).contains(scalar.value)
            result.unicodeScalars.append(isControl ? "\u{FFFD}" : scalar)
        }
        return result
    }
}
