// Numbers for people: counts with separators, bytes in binary units, durations in two units at most.

enum Units {
    /// 31,204
    static func count(_ value: UInt64) -> String {
        let digits = String(value)
        var out = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { out += "," }
            out.append(digit)
        }
        return out
    }

    /// 401 MiB, 3.1 MiB, 512 B: three digits at most before the unit, one after the point below ten.
    static func bytes(_ value: UInt64) -> String {
        guard value >= 1024 else { return "\(value) B" }
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var scaled = Double(value) / 1024
        var unit = 0
        while scaled >= 1023.5, unit + 1 < units.count {
            scaled /= 1024
            unit += 1
        }
        let tenths = Int((scaled * 10).rounded())
        let number = tenths < 100 ? "\(tenths / 10).\(tenths % 10)" : "\(Int(scaled.rounded()))"
        return "\(number) \(units[unit])"
    }

    /// +1,212, 0, -3
    static func growth(_ value: Int64) -> String {
        value == 0 ? "0" : (value < 0 ? "-" : "+") + count(value.magnitude)
    }

    /// 37us, 2.4ms, and as below from ten milliseconds on
    static func duration(microseconds: UInt64) -> String {
        if microseconds < 1000 { return "\(microseconds)us" }
        guard microseconds < 10_000 else { return duration(milliseconds: microseconds / 1000) }
        return "\(microseconds / 1000).\(microseconds / 100 % 10)ms"
    }

    /// 12ms, 44s, 31m, 2h13m, 3d4h
    static func duration(milliseconds: UInt64) -> String {
        if milliseconds < 1000 { return "\(milliseconds)ms" }
        let seconds = milliseconds / 1000
        if seconds < 60 { return "\(seconds)s" }
        let minutes = seconds / 60
        if minutes < 60 { return "\(minutes)m" }
        let hours = minutes / 60
        if hours < 24 { return minutes % 60 == 0 ? "\(hours)h" : "\(hours)h\(minutes % 60)m" }
        return hours % 24 == 0 ? "\(hours / 24)d" : "\(hours / 24)d\(hours % 24)h"
    }
}
