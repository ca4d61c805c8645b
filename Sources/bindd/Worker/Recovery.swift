// After the death of a worker: its journal, applied again by the next one, without what was to blame. What it did not get
// to is told to the sessions that asked for it. Deterministic: a request that succeeded must succeed again, and one that
// failed and left something must do that again; when one does not, the workspace is not what its clients believe, and the worker says so and does not go on. Only where something that
// was acknowledged is missing, in a damaged journal or because it kills whoever applies it again, those that need it are
// left out as well, and counted.
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
    /// Acknowledged requests of it that killed two workers which applied them again: number and operation. The first few.
    var givenUp: [(request: UInt64, operation: String)] = []
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
            ("unapplied", requests(unapplied)), ("unapplied_count", .int(Int64(unappliedCount))),
            ("given_up", requests(givenUp)), ("lost_count", .uint(lostCount)), ("damage", .string(damage)),
            ("replayed", .int(Int64(replayed))), ("elapsed_us", .uint(elapsedUs)),
        ])
    }

    private func requests(_ all: [(request: UInt64, operation: String)]) -> JSONValue {
        .array(all.map { .object([("request", .uint($0.request)), ("operation", .string($0.operation))]) })
    }
}

struct Recovery {
    private let workspace: Workspace
    private let journal: JournalReader
    private let settlement: JournalReader.Settlement
    private let operations = Description.shared
    private var live: Journal
    private var told: [UInt64: SessionRecovery] = [:]
    private let page: WorkerPage?
    private var sequence: UInt64 = 0
    private var replayed = 0
    /// Failed now and not before, for want of what is given up.
    private var failedCount: UInt64 = 0

    /// A request that is applied again is no client's of this worker.
    private static let noSlot = 0xFFFF

    /// Into a new workspace. Throws when the state cannot be had again. `page`: where a death says at which request it came.
    static func run(_ journal: JournalReader, into workspace: Workspace, page: WorkerPage? = nil) throws {
        let started = bd_clock_monotonic_ns()
        var recovery = Recovery(workspace: workspace, journal: journal, settlement: try journal.settle(), page: page)
        workspace.isRecovering = true
        recovery.live.replay(0)  // none yet: a death from here on is not the last request's again
        page?.beginTurn()
        try journal.forEachEvent { event in try recovery.apply(event) }
        recovery.live.endReplay()
        workspace.isRecovering = false
        workspace.journal = recovery.live
        recovery.tell(elapsedUs: (bd_clock_monotonic_ns() - started) / 1000)
    }

    private init(workspace: Workspace, journal: JournalReader, settlement: JournalReader.Settlement, page: WorkerPage?) {
        self.workspace = workspace
        self.page = page
        self.journal = journal
        self.settlement = settlement
        live = journal.journal()
    }

    private mutating func apply(_ event: JournalEvent) throws {
        sequence = event.sequence
        switch event.action {
        case .image(let bytes): try bytes.withUnsafeBytes { try workspace.readImage($0) }
        case .open(let hello): if begin() { try workspace.openSession(try Hello(decoding: hello)) }
        case .close: if begin() { workspace.endSession(event.session) }
        case .message(let message, let changes):
            // A session that is void has nothing but void requests.
            let session = workspace.sessions[event.session]
            if changes, !begin() { return try pass(message.operation, event, session) }
            session?.request = event.request
            if changes, let session { try apply(message, to: session) }
        }
    }

    /// False when the event with the number `sequence` is void.
    private func begin() -> Bool {
        if journal.isVoid(sequence) { return false }
        live.replay(sequence)
        return true
    }

    /// A void request: it used ids up, and is told when it was this death that made it so.
    private mutating func pass(_ operation: UInt16, _ event: JournalEvent, _ session: Session?) throws {
        note(operation, event.request, event.session)
        try session?.passOver(operation, usedIds: journal.remnant(of: sequence))
    }

    private mutating func apply(_ message: MessageReader.InPlace, to session: Session) throws {
        page?.begin(
            operation: message.operation, request: session.request, slot: Recovery.noSlot, payload: message.payload.rest)
        defer { page?.pause() }
        var call = Call(workspace: workspace, session: session, arguments: message.payload)
        let leftovers = workspace.graph.leftoverCount
        do { try session.apply(message.operation, &call) } catch {
            // One that left something was the caller's mistake, which it is again.
            guard workspace.graph.leftoverCount == leftovers else { return }
            // Where the journal's end is damaged, the mark that it failed may be what is missing.
            guard journal.damage == nil else { return try live.void(sequence, remnant: session.usedIds) }
            guard settlement.givenUp.isEmpty else {
                failedCount += 1
                return try live.void(sequence, remnant: session.usedIds)
            }
            throw WorkerError(
                "request \(session.request) of client c\(session.clientId) (\(operations.name(of: message.operation) ?? "?")) "
                    + "succeeded before and failed when it was applied again: \(session.remote(error).message)")
        }
        replayed += 1
    }

    private mutating func note(_ operation: UInt16, _ request: UInt64, _ session: UInt64) {
        var words = told[session] ?? SessionRecovery()
        if settlement.givenUp.contains(sequence), words.givenUp.count < SessionRecovery.unappliedShown {
            words.givenUp.append((request, operations.name(of: operation) ?? "operation \(operation)"))
            told[session] = words
        }
        guard settlement.unapplied?.contains(sequence) ?? false else { return }
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
            words.lostCount += UInt64(settlement.givenUp.count) + failedCount
            words.damage = journal.missing != nil ? "the journal is damaged \(journal.damage ?? "")" : givenUpWords(words)
            session.recovery = words
        }
    }

    private func givenUpWords(_ words: SessionRecovery) -> String {
        guard !settlement.givenUp.isEmpty else { return "" }
        let first = words.givenUp.first.map { "request \($0.request) (\($0.operation))" } ?? "a request of another client"
        let others = settlement.givenUp.count > 1 ? " and \(settlement.givenUp.count - 1) more" : ""
        return "\(first)\(others) killed two workers that applied it again"
            + (failedCount > 0 ? ", \(failedCount) others failed without it" : "")
    }
}
