// Numbers with units as flags take them: 5m, 2h, 1.5MiB, 300. Pure.

enum Quantities {
    /// Milliseconds. A bare number is seconds.
    static func milliseconds(_ text: String) -> UInt64? {
        scaled(text, ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "": 1000])
    }

    /// Bytes. A bare number is bytes; KiB and K are 1024.
    static func bytes(_ text: String) -> UInt64? {
        let kib = 1024.0
        let units: [String: Double] = [
            "": 1, "b": 1, "k": kib, "kib": kib, "kb": kib, "m": kib * kib, "mib": kib * kib, "mb": kib * kib,
            "g": kib * kib * kib, "gib": kib * kib * kib, "gb": kib * kib * kib,
        ]
        return scaled(text, units)
    }

    private static func scaled(_ text: String, _ units: [String: Double]) -> UInt64? {
        let digits = text.prefix { $0.isNumber || $0 == "." }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }.lowercased()
        guard let number = Double(digits), let factor = units[unit], number >= 0, number * factor < 1e15 else { return nil }
        return UInt64(number * factor)
    }
}
