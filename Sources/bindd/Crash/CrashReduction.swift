// The shortest list of steps that still ends in the same crash: halves, quarters, … are left out as long as it crashes
// without them (delta debugging, Zeller and Hildebrandt 2002), until no single step can be. What opens sessions and leases
// ids is always kept: the client's library does that by itself. Must end: so many runs, so much time.
// Cost: a run per attempt.

import CShim
import Wire

struct CrashReduction {
    struct Limits {
        var runs = 4000
        var seconds: UInt64 = 120
    }

    private(set) var crash: CrashCase
    private let wanted: CrashOutcome
    private let limits: Limits
    /// Where memory ran out is chance.
    private let comparesPlaces: Bool
    /// The list can be written as a script: then only lists that can are tried.
    private var isWritable = false
    private let startNs = bd_clock_monotonic_ns()
    private(set) var runs = 0
    /// Ended by a limit: there may be a shorter list.
    private(set) var isCutShort = false

    /// Throws when the crash does not come again with all of its steps.
    init(_ crash: CrashCase, comparesPlaces: Bool = true, limits: Limits = Limits()) throws {
        self.comparesPlaces = comparesPlaces
        self.crash = crash
        self.limits = limits
        wanted = try CrashRun(crash: crash).run(Array(crash.steps.indices))
        guard wanted.hasDied, wanted.step == crash.steps.count - 1 else {
            throw CrashError(
                "it does not crash again: with all \(crash.steps.count) steps the worker \(wanted.words)"
                    + (wanted.step.map { ", at step \($0 + 1)" } ?? ""))
        }
        if let unpacked = try? crash.unpacked(),
            isWanted(try CrashRun(crash: unpacked).run(Array(unpacked.steps.indices)), at: unpacked.steps.count - 1)
        {
            self.crash = unpacked
        }
        isWritable = CrashReduction.canBeWritten(self.crash)
    }

    /// The steps that are left, the guilty one last.
    mutating func reduce() throws -> [CrashStep] {
        try unpackBatches()
        var left = removable()
        let withoutReleases = left.filter { !isRelease(crash.steps[$0]) }
        if withoutReleases.count < left.count, try crashes(withoutReleases) { left = withoutReleases }
        left = try minimal(left)
        var steps = all(left).map { crash.steps[$0] }
        for shorter in GraphEdits.all {
            var at = 0
            while let edited = shorter(steps, &at), !isOver() {  // each edit leaves a step out, or `at` goes on
                guard try crashes(instead: edited) else { continue }
                steps = edited
                at = 0
            }
        }
        crash.steps = steps
        return all(try minimal(removable())).map { crash.steps[$0] }
    }

    /// Commands of a batch are steps of their own, where the crash does not need the batch.
    private mutating func unpackBatches() throws {
        guard crash.steps.contains(where: { $0.operation == Operation.batch }) else { return }
        var unpacked = crash
        unpacked.steps = crash.steps.dropLast().flatMap(CrashReduction.unpack) + crash.steps.suffix(1)
        let outcome = try CrashRun(crash: unpacked).run(Array(unpacked.steps.indices))
        runs += 1
        if isWanted(outcome, at: unpacked.steps.count - 1) { crash = unpacked }
    }

    private static func unpack(_ step: CrashStep) -> [CrashStep] {
        guard case .request(Operation.batch, let payload) = step.action else { return [step] }
        var items: [CrashStep] = []
        do throws(WireError) {
            var reader = PayloadReader(payload)
            for _ in 0..<(try reader.listCount(itemBytesMin: 8)) {
                let operation = UInt16(truncatingIfNeeded: try reader.u32())
                let part = try reader.part(Int(try reader.u32()))
                items.append(
                    CrashStep(
                        action: .request(operation: operation, payload: Array(part.rest)), session: step.session,
                        number: step.number))
            }
        } catch { return [step] }
        return items
    }

    /// Places of the steps that may be left out.
    private func removable() -> [Int] {
        crash.steps.indices.dropLast().filter { index in
            guard let operation = crash.steps[index].operation else { return false }
            return operation != Operation.lease && operation != Operation.advance
        }
    }

    private func isRelease(_ step: CrashStep) -> Bool {
        step.operation == Operation.release || step.operation == Operation.pin
    }

    /// These, and all that is always kept, in order.
    private func all(_ chosen: [Int]) -> [Int] {
        let chosen = Set(chosen)
        let removable = Set(removable())
        return crash.steps.indices.filter { chosen.contains($0) || !removable.contains($0) }
    }

    private mutating func crashes(_ chosen: [Int]) throws -> Bool {
        try crashes(instead: all(chosen).map { crash.steps[$0] })
    }

    private static func canBeWritten(_ crash: CrashCase) -> Bool {
        var usesPlaces = false
        guard RequestScript.objection(crash.steps, usesPlaces: &usesPlaces) == nil else { return false }
        guard usesPlaces else { return true }
        if case .success = CrashRun(crash: crash).script(about: "") { return true } else { return false }
    }

    private mutating func crashes(instead steps: [CrashStep]) throws -> Bool {
        var other = crash
        other.steps = steps
        guard !isWritable || CrashReduction.canBeWritten(other) else { return false }
        runs += 1
        return isWanted(try CrashRun(crash: other, limitMs: 10_000).run(Array(steps.indices)), at: steps.count - 1)
    }

    private func isWanted(_ outcome: CrashOutcome, at step: Int) -> Bool {
        outcome.step == step && (comparesPlaces ? outcome.isSame(as: wanted) : outcome.end == wanted.end)
    }

    private mutating func isOver() -> Bool {
        isCutShort = runs >= limits.runs || bd_clock_monotonic_ns() - startNs > limits.seconds * 1_000_000_000
        return isCutShort
    }

    private mutating func minimal(_ start: [Int]) throws -> [Int] {
        var left = start
        if try crashes([]) { return [] }
        var pieces = 2
        while left.count >= 2, !isOver() {
            let size = max(1, (left.count + pieces - 1) / pieces)
            var isSmaller = false
            var at = 0
            while at < left.count, !isOver() {  // each turn leaves a piece out or goes past it
                let without = Array(left[..<at] + left[min(at + size, left.count)...])
                if try crashes(without) {
                    left = without
                    isSmaller = true
                } else {
                    at += size
                }
            }
            if size == 1, !isSmaller { break }
            pieces = isSmaller ? max(2, min(pieces, left.count)) : min(pieces * 2, left.count)
        }
        return left
    }
}
