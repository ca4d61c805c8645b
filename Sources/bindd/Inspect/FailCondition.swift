// `--fail-if 'count>0'`: what makes a command end with status 4. A comparison, or several joined by `and` / `or` (and
// binds first). Pure.

struct FailCondition {
    enum Subject: String, CaseIterable { case count, bytes, growth, clients }
    private enum Relation: String, CaseIterable { case atLeast = ">=", atMost = "<=", equal = "==", not = "!=", above = ">", below = "<" }

    private struct Comparison {
        let subject: Subject
        let relation: Relation
        let value: Double
    }

    struct Facts: Equatable {
        var count: UInt64 = 0
        var bytes: UInt64 = 0
        var growth: Int64 = 0
        var clients: UInt64 = 0
    }

    let text: String
    private let alternatives: [[Comparison]]

    /// nil when the text is no condition.
    init?(_ text: String) {
        var alternatives: [[Comparison]] = [[]]
        var words = ""
        for word in text.split(separator: " ").map(String.init) + ["or"] {
            guard word == "and" || word == "or" else {
                words += word
                continue
            }
            guard let comparison = FailCondition.comparison(words) else { return nil }
            alternatives[alternatives.count - 1].append(comparison)
            if word == "or" { alternatives.append([]) }
            words = ""
        }
        alternatives.removeLast()
        self.text = text
        self.alternatives = alternatives
    }

    private static func comparison(_ text: String) -> Comparison? {
        for relation in Relation.allCases {
            guard let range = text.firstRange(of: relation.rawValue) else { continue }
            guard let subject = Subject(rawValue: String(text[..<range.lowerBound])) else { return nil }
            let right = String(text[range.upperBound...])
            let value = subject == .bytes ? Quantities.bytes(right).map { Double($0) } : Double(right)
            return value.map { Comparison(subject: subject, relation: relation, value: $0) }
        }
        return nil
    }

    func holds(_ facts: Facts) -> Bool {
        alternatives.contains { comparisons in
            comparisons.allSatisfy { comparison in
                let value = FailCondition.value(comparison.subject, facts)
                return switch comparison.relation {
                case .atLeast: value >= comparison.value
                case .atMost: value <= comparison.value
                case .equal: value == comparison.value
                case .not: value != comparison.value
                case .above: value > comparison.value
                case .below: value < comparison.value
                }
            }
        }
    }

    private static func value(_ subject: Subject, _ facts: Facts) -> Double {
        switch subject {
        case .count: Double(facts.count)
        case .bytes: Double(facts.bytes)
        case .growth: Double(facts.growth)
        case .clients: Double(facts.clients)
        }
    }
}
