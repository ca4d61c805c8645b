// What a journal says was done, event by event: the one walk over its records, for recovery and for whoever reads a report.
// Joins the frames of each session to messages, and counts as the writer counted. Must not know what an event means.
// Cost: a call per message.

import Wire

public struct JournalEvent {
    public enum Action {
        /// The state before everything else.
        case image([UInt8])
        /// A session begins, or goes on after a death.
        case open(hello: [UInt8])
        case close
        /// Good until the closure that got it returns. `changes`: it has a sequence number.
        case message(MessageReader.InPlace, changes: Bool)
    }

    public let action: Action
    public let session: UInt64
    /// Of the event, or of the last one before a message that changes nothing.
    public let sequence: UInt64
    /// The session's number of the message.
    public let request: UInt64
}

extension JournalReader {
    /// Every event in order, void ones too.
    public func forEachEvent(_ body: (JournalEvent) throws -> Void) throws {
        var readers: [UInt64: MessageReader] = [:]
        try forEach { record in
            func tell(_ action: JournalEvent.Action) throws {
                try body(
                    JournalEvent(action: action, session: record.session, sequence: record.firstSequence, request: 0))
            }
            switch record.kind {
            case .image: try tell(.image(record.payload))
            case .open:
                readers[record.session] = nil
                try tell(.open(hello: record.payload))
            case .close:
                readers[record.session] = nil
                try tell(.close)
            case .frames: try forEachMessage(of: record, &readers[record.session, default: MessageReader()], body)
            case .void:
                if record.session == JournalReader.everySession { readers = [:] }
                if record.session != 0 { readers[record.session] = nil }
            case .attempt: return
            }
        }
    }

    private func forEachMessage(
        of record: JournalRecord, _ reader: inout MessageReader, _ body: (JournalEvent) throws -> Void
    ) throws {
        var sequence = record.firstSequence - 1
        var request = record.firstRequest - 1
        var failure: (any Error)?
        record.payload.withUnsafeBytes { reader.append($0) }
        try reader.forEach { message throws(WireError) in
            let changes = changesState(message.operation)
            request += 1
            if changes { sequence += 1 }
            do {
                try body(
                    JournalEvent(
                        action: .message(message, changes: changes), session: record.session, sequence: sequence,
                        request: request))
            } catch { failure = error }
            return failure == nil
        }
        if let failure { throw failure }
    }
}
