// The first byte of a text that cannot belong to it: NUL, or not UTF-8.
//
// For: letting the parser treat bytes as bytes. Must not: read past the end of the text. Cost: one pass, eight bytes at
// a time over ASCII (several GB/s); byte by byte over other characters.

enum TextFault {
    /// Offset of the first NUL or first byte of an ill-formed UTF-8 sequence; the text's length when there is none.
    /// Polls `isCancelled` and answers nil when that says so.
    static func first(in text: Span<UInt8>, isCancelled: (() -> Bool)?) -> Int? {
        text.withUnsafeBytes { bytes -> Int? in
            var position = 0
            while position < bytes.count {
                let stop = min(bytes.count, position + SexpLimits.pollBytes)
                let reached = scan(bytes, from: position, to: stop)
                if reached < stop { return reached }
                position = reached
                if let isCancelled, isCancelled() { return nil }
            }
            return position
        }
    }

    /// Answers a fault's offset below `stop`, else the border of the first character at or behind `stop`.
    private static func scan(_ bytes: UnsafeRawBufferPointer, from start: Int, to stop: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        var position = start
        while position < stop {
            while position <= stop - 8 {
                let word = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                // Subtracting one lifts the high bit of a zero byte; a byte of 0x80 or more has it already.
                if (word | (word &- ones)) & highs != 0 { break }
                position += 8
            }
            // Up to the next multiple of eight bytes, or as long as characters are not ASCII.
            let short = min(stop, position + 8)
            while position < short {
                let length = characterLength(bytes, at: position)
                if length == 0 { return position }
                position += length
            }
        }
        return position
    }

    /// Bytes of the character at `position`; 0 when it is NUL, ill-formed or cut off.
    @inline(__always)
    private static func characterLength(_ bytes: UnsafeRawBufferPointer, at position: Int) -> Int {
        let lead = bytes[position]
        if lead < 0x80 { return lead == 0 ? 0 : 1 }
        let left = bytes.count - position
        func follows(_ index: Int) -> Bool { index < left && bytes[position + index] & 0xC0 == 0x80 }
        switch lead {
        case 0xC2...0xDF:
            return follows(1) ? 2 : 0
        case 0xE0...0xEF:
            guard follows(1), follows(2) else { return 0 }
            let second = bytes[position + 1]
            if lead == 0xE0 && second < 0xA0 { return 0 }  // overlong
            if lead == 0xED && second > 0x9F { return 0 }  // surrogate
            return 3
        case 0xF0...0xF4:
            guard follows(1), follows(2), follows(3) else { return 0 }
            let second = bytes[position + 1]
            if lead == 0xF0 && second < 0x90 { return 0 }  // overlong
            if lead == 0xF4 && second > 0x8F { return 0 }  // above U+10FFFF
            return 4
        default:
            return 0
        }
    }
}
