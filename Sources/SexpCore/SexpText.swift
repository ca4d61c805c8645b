// Small questions about source bytes: marks, escapes, quoting.
//
// For: turning the raw text of a string into what it means, and back. Must not: be used on a whole document. Cost: one
// pass over the atom.

public enum SexpText {
    /// 3 when the text starts with U+FEFF, else 0.
    static func byteOrderMarkBytes(_ text: Span<UInt8>) -> Int {
        text.count >= 3 && text[0] == 0xEF && text[1] == 0xBB && text[2] == 0xBF ? 3 : 0
    }

    /// What the raw text of a string (its source between the quotes) stands for, by KiCad's rules: `\n \r \t \a \b \f
    /// \v \\ \"`, `\x` with one or two hex digits, `\` with one to three octal digits. Hex and octal give bytes, so
    /// that the result need not be UTF-8. `\x` without digits gives `x`; any other pair keeps its backslash.
    public static func unescape(_ raw: [UInt8]) -> [UInt8] {
        guard raw.contains(0x5C) else { return raw }
        var result: [UInt8] = []
        result.reserveCapacity(raw.count)
        var position = 0
        while position < raw.count {
            let byte = raw[position]
            position += 1
            guard byte == 0x5C, position < raw.count else {
                result.append(byte)
                continue
            }
            let escaped = raw[position]
            position += 1
            if let simple = simpleEscape(escaped) {
                result.append(simple)
            } else if escaped == 0x78 {  // x
                result.append(number(raw, &position, base: 16, digitsMax: 2) ?? 0x78)
            } else if escaped &- 0x30 < 8 {
                position -= 1
                result.append(number(raw, &position, base: 8, digitsMax: 3) ?? escaped)
            } else {
                result.append(0x5C)
                result.append(escaped)
            }
        }
        return result
    }

    /// The raw text of a string that stands for `value`: backslash, quote, LF and CR are escaped, as KiCad does.
    public static func escape(_ value: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(value.count)
        for byte in value {
            switch byte {
            case 0x5C, 0x22: result += [0x5C, byte]
            case 0x0A: result += [0x5C, 0x6E]
            case 0x0D: result += [0x5C, 0x72]
            default: result.append(byte)
            }
        }
        return result
    }

    /// A piece of a text as a string, with its quotes.
    static func quoted(_ text: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
        [0x22] + escape(range.map { text[$0] }) + [0x22]
    }

    private static func simpleEscape(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x22, 0x5C: byte
        case 0x6E: 0x0A  // n
        case 0x72: 0x0D  // r
        case 0x74: 0x09  // t
        case 0x61: 0x07  // a
        case 0x62: 0x08  // b
        case 0x66: 0x0C  // f
        case 0x76: 0x0B  // v
        default: nil
        }
    }

    /// The low eight bits of the digits at `position`, which moves behind them; nil when there is none.
    private static func number(_ raw: [UInt8], _ position: inout Int, base: UInt, digitsMax: Int) -> UInt8? {
        var value: UInt = 0
        var digits = 0
        while digits < digitsMax, position < raw.count, let digit = digitValue(raw[position]), digit < base {
            value = value * base + digit
            digits += 1
            position += 1
        }
        return digits == 0 ? nil : UInt8(truncatingIfNeeded: value)
    }

    private static func digitValue(_ byte: UInt8) -> UInt? {
        switch byte {
        case 0x30...0x39: UInt(byte - 0x30)
        case 0x41...0x46: UInt(byte - 0x41) + 10
        case 0x61...0x66: UInt(byte - 0x61) + 10
        default: nil
        }
    }
}
