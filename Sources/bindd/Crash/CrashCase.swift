// What a report says was done up to a crash, as a list of steps: those that changed the workspace, from its journal, and
// the request that was being applied when the worker died, which may be a question and then comes from `request.bin`.
// Must not change the report. Cost: the journal in memory.

import CLayout
import CShim
import Glibc
import Journal
import Wire

struct CrashStep {
    enum Action {
        case open(hello: [UInt8])
        case close
        case request(operation: UInt16, payload: [UInt8])
        /// A request that failed, or was left out after another death.
        case passedOver(UInt16, usedIds: [UInt64]?)
        /// The next document gets this id: those before it are not among the steps.
        case nextDocument(UInt32)
    }

    var action: Action
    /// Key of the session.
    var session: UInt64
    /// The client's number of the request.
    var number: UInt64 = 0

    var operation: UInt16? { if case .request(let operation, _) = action { operation } else { nil } }
}

struct CrashError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

struct CrashCase {
    /// What the journal began with when it had been compacted; nil: with nothing.
    var image: [UInt8]?
    /// It says which ids are handed out, and holds nothing.
    var imageIsEmpty = false
    /// The last one is the guilty one.
    var steps: [CrashStep]
    var isPrivate: Bool

    static let journalNames = ["journal.0", "journal.1"]

    static func load(_ folder: String, _ report: JSONValue) throws -> CrashCase {
        let operations = Description.shared
        let files = try journalNames.map { JournalMemory(bytes: try bytes("\(folder)/\($0)", report)) }
        guard
            let journal = try JournalReader(
                files: files, descriptionHash: operations.hash, changesState: operations.changesState)
        else { throw CrashError("the journal in the report is empty") }
        var reading = Reading(journal: journal)
        try journal.forEachEvent { event in reading.take(event) }
        var found = CrashCase(image: reading.image, steps: reading.steps, isPrivate: report.text("workspace").isEmpty)
        if let guilty = try reading.guilty ?? question(folder, report) {
            found.steps.append(guilty)
            return found
        }
        throw CrashError(
            report.text("operation").isEmpty
                ? "the worker died between two requests (\(report.text("cause"))): none of them is to blame"
                : "the request \(report.text("operation")) was not saved: it is too large, or no handler of signals ran")
    }

    private static func bytes(_ path: String, _ report: JSONValue) throws -> [UInt8] {
        if let file = MappedFile(path: path) { return Array(file.bytes) }
        var about = stat()
        if stat(path, &about) == 0 { return [] }
        let why = report.text("journal_missing")
        throw CrashError("the report has no journal" + (why.isEmpty ? "" : ": \(why)"))
    }

    /// The guilty request, where it changes nothing.
    private static func question(_ folder: String, _ report: JSONValue) throws -> CrashStep? {
        let name = report.text("operation")
        guard !name.isEmpty, let operation = Description.shared.number(of: name), !Description.shared.changesState(operation)
        else { return nil }
        let client = (report["clients"]?.items ?? []).first { $0["slot"] != .null && $0.unsigned("slot") == report.unsigned("slot") }
        guard let client, let session = UInt64(client.text("session"), radix: 16) else { return nil }
        var payload: [UInt8]?
        if report.unsigned("request_bytes") == report.unsigned("request_saved") {
            payload = MappedFile(path: "\(folder)/request.bin").map { Array($0.bytes) } ?? []
        }
        return payload.map {
            CrashStep(action: .request(operation: operation, payload: $0), session: session, number: report.unsigned("request"))
        }
    }

    /// The events of a journal become steps, as a recovery would apply them, up to the request that was being applied.
    private struct Reading {
        let journal: JournalReader
        var image: [UInt8]?
        var steps: [CrashStep] = []
        var guilty: CrashStep?

        /// Comes behind the request at which a worker died that applied the journal again: it never got there.
        private func isNeverReached(_ sequence: UInt64) -> Bool {
            journal.wasReplaying && journal.current != 0 && sequence > journal.current
        }

        mutating func take(_ event: JournalEvent) {
            let sequence = event.sequence
            guard !isNeverReached(sequence) else { return }
            let isApplied = sequence <= journal.applied && sequence != journal.current && !journal.isVoid(sequence)
            var step = CrashStep(action: .close, session: event.session, number: event.request)
            switch event.action {
            case .image(let bytes): return image = bytes
            case .open(let hello): step.action = .open(hello: hello)
            case .close: break
            case .message(_, changes: false): return
            case .message(let message, changes: true):
                step.action = .request(operation: message.operation, payload: Array(message.payload.rest))
                if sequence == journal.current { return guilty = step }
                if journal.isVoid(sequence) {
                    step.action = .passedOver(message.operation, usedIds: journal.remnant(of: sequence))
                    return steps.append(step)
                }
            }
            if isApplied { steps.append(step) }
        }
    }
}

extension Description {
    /// The number of a method's or function's operation; nil: there is none of that name.
    func number(of name: String) -> UInt16? {
        operations.first { $0.name == name }?.number ?? Wire.Operation.table.first { $0.name == name }?.number
    }
}
