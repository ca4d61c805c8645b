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
        try journal.forEach { record in try reading.take(record) }
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

    /// The records of a journal become steps, as a recovery would apply them, up to the request that was being applied.
    private struct Reading {
        let journal: JournalReader
        let operations = Description.shared
        var image: [UInt8]?
        var steps: [CrashStep] = []
        var guilty: CrashStep?
        private var readers: [UInt64: MessageReader] = [:]
        private var sequence: UInt64 = 0

        init(journal: JournalReader) { self.journal = journal }

        private var isApplied: Bool { sequence <= journal.applied && sequence != journal.current && !journal.isVoid(sequence) }

        mutating func take(_ record: JournalRecord) throws {
            switch record.kind {
            case .image:
                image = record.payload
                sequence = record.firstSequence - 1
            case .open:
                sequence = record.firstSequence
                readers[record.session] = MessageReader()
                if isApplied { steps.append(CrashStep(action: .open(hello: record.payload), session: record.session)) }
            case .close:
                sequence = record.firstSequence
                readers[record.session] = nil
                if isApplied { steps.append(CrashStep(action: .close, session: record.session)) }
            case .frames: try takeFrames(record)
            case .void:
                if record.session == JournalReader.everySession { readers = [:] }
                if record.session != 0 { readers[record.session] = nil }
            case .attempt: return
            }
        }

        private mutating func takeFrames(_ record: JournalRecord) throws {
            var reader = readers[record.session] ?? MessageReader()
            record.payload.withUnsafeBytes { reader.append($0) }
            sequence = record.firstSequence - 1
            var number = record.firstRequest - 1
            while let message = try reader.next() {
                number += 1
                guard operations.changesState(message.operation) else { continue }
                sequence += 1
                let step = CrashStep(
                    action: .request(operation: message.operation, payload: message.payload), session: record.session,
                    number: number)
                if sequence == journal.current { guilty = step } else if isApplied { steps.append(step) }
            }
            readers[record.session] = reader
        }
    }
}

extension Description {
    /// The number of a method's or function's operation; nil: there is none of that name.
    func number(of name: String) -> UInt16? {
        operations.first { $0.name == name }?.number ?? Wire.Operation.table.first { $0.name == name }?.number
    }
}
