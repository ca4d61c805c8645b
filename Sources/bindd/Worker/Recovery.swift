// After the death of a worker: its journal, applied again by the next one, without what was to blame. What it did not get
// to is told to the sessions that asked for it. Deterministic: a request that succeeded must succeed again; when one does
// not, the workspace is not what its clients believe, and the worker says so and does not go on.
// Cost: reading the journal twice; applying is 0.2-0.6 us per request.

import CShim
import Journal
import Wire

/// What a client hears when its session goes on.
struct SessionRecovery {
    /// Its newest request that was applied.
    var applied: UInt64 = 0
    /// First ids that no applied request of it has used.
    var node: UInt32 = 0
    var edge: UInt32 = 0
    /// Its request that was being applied when the worker died, 0: none of its own.
    var guilty: UInt64 = 0
    /// Requests that were recorded and not applied, the guilty one first: number and operation. The first few.
    var unapplied: [(request: UInt64, operation: String)] = []
    var unappliedCount = 0
    /// Acknowledged requests that are lost all the same, of all sessions.
    var lostCount: UInt64 = 0
    /// Why they are.
    var damage = ""
    var replayed = 0
    var elapsedUs: UInt64 = 0

    static let unappliedShown = 32

    var json: JSONValue {
        .object([
            ("applied", .uint(applied)), ("node", .uint(UInt64(node))), ("edge", .uint(UInt64(edge))), ("guilty", .uint(guilty)),
            (
                "unapplied",
                .array(unapplied.map { .object([("request", .uint($0.request)), ("operation", .string($0.operation))]) })
            ),
            ("unapplied_count", .int(Int64(unappliedCount))), ("lost_count", .uint(lostCount)), ("damage", .string(damage)),
            ("replayed", .int(Int64(replayed))), ("elapsed_us", .uint(elapsedUs)),
        ])
    }
}

struct Recovery {
    private let workspace: Workspace
    private let journal: JournalReader
    private let settlement: JournalReader.Settlement
    private let operations = Description.shared
    private var live: Journal
    private var readers: [UInt64: MessageReader] = [:]
    private var told: [UInt64: SessionRecovery] = [:]
    private var sequence: UInt64 = 0
    private var replayed = 0

    /// Into a new workspace. Throws when the state cannot be had again.
    static func run(_ journal: JournalReader, into workspace: Workspace) throws {
        let started = bd_clock_monotonic_ns()
        var recovery = Recovery(workspace: workspace, journal: journal, settlement: try journal.settle())
        try journal.forEach { record in try recovery.apply(record) }
        recovery.live.endReplay()
        workspace.journal = recovery.live
        recovery.tell(elapsedUs: (bd_clock_monotonic_ns() - started) / 1000)
    }

    private init(workspace: Workspace, journal: JournalReader, settlement: JournalReader.Settlement) {
        self.workspace = workspace
        self.journal = journal
        self.settlement = settlement
        live = journal.journal()
    }

    private mutating func apply(_ record: JournalRecord) throws {
        switch record.kind {
        case .image:
            try record.payload.withUnsafeBytes { try workspace.readImage($0) }
            sequence = record.firstSequence - 1
        case .open:
            sequence = record.firstSequence
            readers[record.session] = MessageReader()
            guard begin() else { return }
            let hello = try Hello(decoding: record.payload)
            if let session = workspace.sessions[record.session], hello.isResume {
                session.resume(hello)
            } else {
                workspace.sessions[record.session] = try Session(hello: hello, workspace: workspace)
            }
        case .close:
            sequence = record.firstSequence
            readers[record.session] = nil
            guard begin() else { return }
            workspace.endSession(record.session)
        case .frames:
            sequence = record.firstSequence - 1
            try apply(frames: record)
        case .void:
            if record.session == JournalReader.everySession { readers = [:] }
            if record.session != 0 { readers[record.session] = nil }
        case .attempt: return
        }
    }

    /// False when the event with the number `sequence` is void.
    private func begin() -> Bool {
        if journal.isVoid(sequence) { return false }
        live.replay(sequence)
        return true
    }

    private mutating func apply(frames record: JournalRecord) throws {
        // A session that is void has nothing but void requests.
        let session = workspace.sessions[record.session]
        var reader = readers[record.session] ?? MessageReader()
        record.payload.withUnsafeBytes { reader.append($0) }
        session?.request = record.firstRequest - 1
        var request = record.firstRequest - 1
        var failure: (any Error)?
        try reader.forEach { message throws(WireError) in
            request += 1
            guard operations.changesState(message.operation) else {
                session?.request = request
                return true
            }
            sequence += 1
            guard begin(), let session else {
                note(message.operation, request, record.session)
                do {
                    if let used = journal.remnant(of: sequence) { try session?.setUsedIds(used) }
                } catch {
                    failure = error
                    return false
                }
                if message.operation == Operation.batch { session?.isLastBatchApplied = false }
                return true
            }
            session.request = request
            do { try apply(message, to: session) } catch {
                failure = error
                return false
            }
            return true
        }
        readers[record.session] = reader
        if let failure { throw failure }
    }

    private mutating func apply(_ message: MessageReader.InPlace, to session: Session) throws {
        var call = Call(workspace: workspace, session: session, arguments: message.payload)
        do { try session.apply(message.operation, &call) } catch {
            // Where the journal's end is damaged, the mark that it failed may be what is missing.
            guard journal.damage == nil else { return try live.void(sequence...sequence, remnant: session.usedIds) }
            throw WorkerError(
                "request \(session.request) of client c\(session.clientId) (\(operations.name(of: message.operation) ?? "?")) "
                    + "succeeded before and failed when it was applied again: \(session.remote(error).message)")
        }
        replayed += 1
    }

    /// A void request: told when it was this death that made it so.
    private mutating func note(_ operation: UInt16, _ request: UInt64, _ session: UInt64) {
        guard settlement.unapplied?.contains(sequence) ?? false || sequence == settlement.givenUp else { return }
        var words = told[session] ?? SessionRecovery()
        if sequence == settlement.guilty { words.guilty = request }
        if words.unapplied.count < SessionRecovery.unappliedShown {
            words.unapplied.append((request, operations.name(of: operation) ?? "operation \(operation)"))
        }
        words.unappliedCount += 1
        told[session] = words
    }

    private mutating func tell(elapsedUs: UInt64) {
        for (key, session) in workspace.sessions {
            var words = told[key] ?? SessionRecovery()
            let first = words.unapplied.first?.request
            words.applied = first.map { min($0 - 1, session.request) } ?? session.request
            words.node = session.nodeLease.lowerBound
            words.edge = session.edgeLease.lowerBound
            words.replayed = replayed
            words.elapsedUs = elapsedUs
            if let missing = journal.missing { words.lostCount = missing.upperBound - missing.lowerBound + 1 }
            if settlement.givenUp != 0 { words.lostCount += 1 }
            words.damage =
                journal.missing != nil
                ? "the journal is damaged \(journal.damage ?? "")"
                : settlement.givenUp != 0 ? "request \(settlement.givenUp) killed two workers that applied it again" : ""
            session.recovery = words
        }
    }
}
