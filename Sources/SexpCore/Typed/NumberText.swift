// Texts of numbers to values and back.
//
// For: what KiCad and people write: digits with a point, an exponent, `0x10`, `1_000`. Must not: accept a word that only
// starts like a number. Cost: 8 ns for up to 15 digits, correctly rounded; longer ones go through the C library.
import Glibc

enum NumberText {
    /// Powers of ten that a double holds exactly.
    private static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
        1e18, 1e19, 1e20,
        1e21, 1e22,
    ]

    /// Starts with a digit, or with a sign, or a point, and a digit.
    static func looksLikeNumber(_ text: Span<UInt8>, _ start: Int, _ length: Int) -> Bool {
        var position = start
        let end = start + length
        if position < end, text[position] == 0x2B || text[position] == 0x2D { position += 1 }
        if position < end, text[position] == 0x2E { position += 1 }
        return position < end && text[position] &- 0x30 < 10
    }

    @inline(__always)
    static func float(_ text: Span<UInt8>, _ start: Int, _ length: Int) -> Double? {
        var position = start
        let end = start + length
        var isNegative = false
        if length > 0, text[start] == 0x2D || text[start] == 0x2B {
            isNegative = text[start] == 0x2D
            position += 1
        }
        var mantissa: UInt64 = 0
        var decimals = 0
        var digits = 0
        var seenPoint = false
        while position < end {
            let byte = text[position]
            if byte &- 0x30 < 10 {
                mantissa = mantissa &* 10 &+ UInt64(byte &- 0x30)
                digits += 1
                if seenPoint { decimals += 1 }
            } else if byte == 0x2E && !seenPoint {
                seenPoint = true
            } else {
                return slowFloat(text, start, length)
            }
            position += 1
        }
        if digits == 0 || digits > 15 { return slowFloat(text, start, length) }
        let value = Double(mantissa) / powers[decimals]
        return isNegative ? -value : value
    }

    /// Exponents, more digits, underscores between digits, hexadecimal. Nil for anything else.
    @inline(never)
    static func slowFloat(_ text: Span<UInt8>, _ start: Int, _ length: Int) -> Double? {
        guard looksLikeNumber(text, start, length), length <= 4096 else { return nil }
        var plain: [CChar] = []
        var isHex = false
        for offset in 0..<length {
            let byte = text[start + offset]
            if byte == 0x5F {
                let isBetween =
                    offset > 0 && offset + 1 < length
                    && isDigit(text[start + offset - 1]) && isDigit(text[start + offset + 1])
                guard isBetween else { return nil }
                continue
            }
            if byte == 0x78 || byte == 0x58 { isHex = true }
            plain.append(CChar(bitPattern: byte))
        }
        for byte in plain {
            let character = UInt8(bitPattern: byte)
            let isPart =
                isDigit(character) || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains(character)
                || (isHex && (0x41...0x46).contains(character & 0xDF))
                || (isHex && character & 0xDF == 0x58)
            guard isPart else { return nil }
        }
        plain.append(0)
        return plain.withUnsafeBufferPointer { buffer -> Double? in
            guard let base = buffer.baseAddress else { return nil }
            var rest: UnsafeMutablePointer<CChar>?
            let value = strtod(base, &rest)
            guard let rest, rest.pointee == 0, rest != UnsafeMutablePointer(mutating: base) else {
                return nil
            }
            return value
        }
    }

    /// Decimal digits with an optional sign, underscores between them; nil when it is something else or has more than
    /// 32 bits.
    static func int(_ text: Span<UInt8>, _ start: Int, _ length: Int) -> Int64? {
        var position = start
        let end = start + length
        var isNegative = false
        if length > 0, text[start] == 0x2D || text[start] == 0x2B {
            isNegative = text[start] == 0x2D
            position += 1
        }
        var value: Int64 = 0
        var last: UInt8 = 0
        guard position < end, isDigit(text[position]), isDigit(text[end - 1]) else { return nil }
        while position < end {
            let byte = text[position]
            if byte == 0x5F {
                position += 1
                last = byte
                continue
            }
            guard isDigit(byte) else { return nil }
            value = value * 10 + Int64(byte - 0x30)
            if value > 1 << 31 { return nil }
            last = byte
            position += 1
        }
        guard isDigit(last) else { return nil }
        let signed = isNegative ? -value : value
        return signed >= Int64(Int32.min) && signed <= Int64(Int32.max) ? signed : nil
    }

    /// With a prefix `0x`, `0o`, `0b`, or decimal.
    static func anyBase(_ text: Span<UInt8>, _ start: Int, _ length: Int) -> Int64? {
        if let plain = int(text, start, length) { return plain }
        guard length > 2, length < 16, text[start] == 0x30 else { return nil }
        var digits = ""
        for index in start + 2..<start + length {
            digits.unicodeScalars.append(Unicode.Scalar(text[index]))
        }
        switch text[start + 1] {
        case 0x78: return Int64(digits, radix: 16)
        case 0x6F: return Int64(digits, radix: 8)
        case 0x62: return Int64(digits, radix: 2)
        default: return nil
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    // MARK: - writing

    /// Rounded to seven decimals (half away from zero), then the shortest digits that read back as that double; no
    /// exponent, no `.0`.
    static func text(_ value: Double) -> [UInt8] {
        let scaled = value * 1e7
        let rounded = abs(scaled) < 9e15 ? scaled.rounded(.toNearestOrAwayFromZero) / 1e7 : value
        return plainDigits(rounded.description)
    }

    /// Six decimals, unless the number is whole.
    static func sixDecimals(_ value: Double) -> [UInt8] {
        let near = (value * 1e7).rounded(.toNearestOrAwayFromZero) / 1e7
        if near == near.rounded() || abs(value) > 1e12 { return text(value) }
        let millionths = (value * 1e6).rounded(.toNearestOrAwayFromZero)
        let magnitude = UInt64(abs(millionths))
        let decimals = String(magnitude % 1_000_000)
        let padded = String(repeating: "0", count: 6 - decimals.count) + decimals
        return Array(((value < 0 ? "-" : "") + String(magnitude / 1_000_000) + "." + padded).utf8)
    }

    /// Swift's description (`1e-07`, `5.0`, `1.5e+22`) without exponent and without a fraction of zero.
    private static func plainDigits(_ description: String) -> [UInt8] {
        var text = Array(description.utf8)
        var sign: [UInt8] = []
        if text.first == 0x2D {
            sign = [0x2D]
            text.removeFirst()
        }
        var exponent = 0
        if let mark = text.firstIndex(of: 0x65) {
            exponent = Int(String(decoding: text[(mark + 1)...], as: UTF8.self)) ?? 0
            text.removeSubrange(mark...)
        }
        var point = text.firstIndex(of: 0x2E) ?? text.count
        var digits = text.filter { $0 != 0x2E }
        point += exponent
        if point <= 0 {
            digits.insert(contentsOf: repeatElement(0x30, count: 1 - point), at: 0)
            point = 1
        }
        if point > digits.count { digits += [UInt8](repeating: 0x30, count: point - digits.count) }
        var fraction = Array(digits[point...])
        while fraction.last == 0x30 { fraction.removeLast() }
        return sign + digits[..<point] + (fraction.isEmpty ? [] : [0x2E] + fraction)
    }
}
