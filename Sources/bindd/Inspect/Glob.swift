// Patterns of the flags --site and --label: `*` for any text, `?` for one character; without either, a part of the text.
// Pure. Cost: linear for sensible patterns, text times pattern at worst; no recursion.

struct Glob {
    private let pattern: [Character]

    init(_ text: String) {
        let hasWildcard = text.contains("*") || text.contains("?")
        pattern = Array(hasWildcard ? text : "*\(text)*")
    }

    func matches(_ text: String) -> Bool {
        let text = Array(text)
        var at = 0
        var place = 0
        var star: (pattern: Int, text: Int)?  // where the last star stands and what it has taken up to
        while at < text.count {
            if place < pattern.count, pattern[place] == "*" {
                star = (place, at)
                place += 1
            } else if place < pattern.count, pattern[place] == "?" || pattern[place] == text[at] {
                place += 1
                at += 1
            } else if let last = star {
                star = (last.pattern, last.text + 1)
                place = last.pattern + 1
                at = last.text + 1
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == "*" }
    }
}
