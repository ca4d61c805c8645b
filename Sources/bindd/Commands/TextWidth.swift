// How many columns of a terminal a text takes: characters of East Asian scripts and emoji take two. Pure. Cost: a look at
// each character; text in ASCII is measured by its length.

extension Character {
    fileprivate static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF, 0xA960...0xA97F,
        0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F,
        0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x20000...0x3FFFD,
    ]

    var terminalWidth: Int {
        guard let first = unicodeScalars.first, first.value >= 0x1100 else { return 1 }
        return Character.wide.contains { $0.contains(first.value) } ? 2 : 1
    }
}

extension StringProtocol {
    var terminalWidth: Int {
        utf8.allSatisfy { $0 < 0x80 } ? utf8.count : reduce(0) { $0 + $1.terminalWidth }
    }

    /// The beginning that takes at most so many columns.
    func start(columns: Int) -> SubSequence {
        var left = columns
        return prefix { character in
            left -= character.terminalWidth
            return left >= 0
        }
    }

    /// The end that takes at most so many columns.
    func end(columns: Int) -> SubSequence {
        var left = columns
        let count = reversed().prefix { character in
            left -= character.terminalWidth
            return left >= 0
        }.count
        return suffix(count)
    }

    /// At most so many columns, `…` where something is missing.
    func cut(columns: Int) -> String {
        terminalWidth <= columns ? String(self) : columns > 0 ? start(columns: columns - 1) + "…" : ""
    }

    /// The same with the beginning left out.
    func cutFront(columns: Int) -> String {
        terminalWidth <= columns ? String(self) : columns > 0 ? "…" + end(columns: columns - 1) : ""
    }
}
