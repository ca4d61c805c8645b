// One client's way into the journal: what it sent is recorded before any of it is applied, in one write, and each request
// that failed is marked, so that it fails for ever; but for those that left something, which must be had again. Where nothing can be written, nothing that changes state is done.
//
// Order of calls: record, then for each whole message begin, (apply), settle; withdraw when the rest is not applied now.
// Must not know sockets or replies. Cost: one load per frame, one write per batch with changes, two stores per change.

import Journal
import Wire

struct RequestRecorder {
    private let journal: Journal?
    private let session: UInt64
    private let operations = Description.shared
    private var scanner = FrameScanner()
    /// Sequence number of the next change that is recorded and not applied yet.
    private var sequence: UInt64 = 0
    /// Why what came last is not in the journal: its changes are refused.
    private(set) var failure: JournalFailure?

    init(journal: Journal?, session: UInt64) {
        self.journal = journal
        self.session = session
    }

    /// A message of which frames are recorded has not ended.
    var isInsideMessage: Bool { scanner.isInsideMessage }

    /// Records the whole frames of `bytes`, which follow what was applied, if any of them belongs to a change.
    mutating func record(_ bytes: UnsafeRawBufferPointer, firstRequest: UInt64) {
        guard let journal else { return }
        // A message whose first parts are not in the journal is refused when its last one comes.
        let isBroken = failure != nil && scanner.isInsideMessage
        if !isBroken { failure = nil }
        sequence = journal.lastSequence + 1  // nothing of what comes is recorded yet
        let counts = scanner.scan(bytes, changesState: operations.changesState)
        guard !isBroken, counts.changes > 0 || counts.hasParts else { return }
        do throws(JournalFailure) {
            try journal.append(
                frames: UnsafeRawBufferPointer(rebasing: bytes[..<counts.bytes]), session: session,
                firstRequest: firstRequest, changes: counts.changes)
            sequence = journal.lastSequence - counts.changes + 1
        } catch { failure = error }
    }

    /// Whether the message is a recorded change, which is about to be applied.
    func begin(_ operation: UInt16) -> Bool {
        guard let journal, operations.changesState(operation) else { return false }
        journal.begin(sequence)
        return true
    }

    /// Whether the message is a change that could not be recorded.
    func refuses(_ operation: UInt16) -> Bool { failure != nil && operations.changesState(operation) }

    /// The recorded change is over. One that failed and changed nothing must not succeed when the journal is applied again:
    /// the reason may be gone by then. It has used up ids, which stay used. Where that cannot be written, nothing after it
    /// is applied.
    mutating func settle(_ session: Session, isVoid: Bool) {
        guard let journal else { return }
        if isVoid {
            do throws(JournalFailure) { try journal.void(sequence, remnant: session.usedIds) } catch {
                // What follows is withdrawn, too. A message that began behind it is refused to its end.
                do throws(JournalFailure) { try journal.withdraw(from: sequence, session: self.session) } catch {}
                failure = error
                return
            }
        }
        journal.end(sequence)
        sequence += 1
    }

    /// What is recorded and not applied yet is not to be applied after a death: it will be recorded again, or never.
    mutating func withdraw() {
        guard let journal, failure == nil else { return }
        guard sequence <= journal.lastSequence || scanner.isInsideMessage else { return }  // all of it is applied
        scanner = FrameScanner()
        do throws(JournalFailure) { try journal.withdraw(from: sequence, session: session) } catch { failure = error }
    }
}
