// One record of a journal and its checksum. Must not know what a payload means. Cost: one pass over the payload.

import CLayout
import CShim

public enum RecordKind: UInt32, Sendable {
    /// The whole state; only as the first record.
    case image = 1
    /// A session begins; the payload is its hello.
    case open = 2
    case close = 3
    /// Frames of the wire as they were received.
    case frames = 4
    /// Requests that failed or were left out: never applied again.
    case void = 5
    /// A worker died while it applied this request again.
    case attempt = 6
}

public struct JournalRecord {
    public static let headBytes = MemoryLayout<bd_journal_record>.size

    public var kind: RecordKind
    public var session: UInt64
    public var firstSequence: UInt64
    public var firstRequest: UInt64
    public var payload: [UInt8]

    /// Bytes in the file for a payload of so many.
    static func spannedBytes(_ payloadBytes: Int) -> Int { headBytes + (payloadBytes + 7) & ~7 }

    static func head(
        _ kind: RecordKind, session: UInt64, firstSequence: UInt64, firstRequest: UInt64, payload: UnsafeRawBufferPointer
    ) -> bd_journal_record {
        var head = bd_journal_record(
            magic: UInt32(BD_JOURNAL_RECORD_MAGIC), kind: kind.rawValue, payload_bytes: UInt64(payload.count),
            session: session, first_sequence: firstSequence, first_request: firstRequest, checksum: 0)
        head.checksum = checksum(head, payload)
        return head
    }

    /// Of an image.
    static let partBytes = 1 << 20

    static func checksum(_ head: bd_journal_record, _ payload: UnsafeRawBufferPointer) -> UInt64 {
        if head.kind == RecordKind.image.rawValue { return imageChecksum(head, payloadSum: payloadSum(payload)) }
        return bd_checksum(checksum(of: head), payload.baseAddress, payload.count)
    }

    /// An image is written in parts, before its size is known: the sum over its parts, and then the head.
    static func imageChecksum(_ head: bd_journal_record, payloadSum: UInt64) -> UInt64 { checksum(of: head) ^ payloadSum }

    private static func payloadSum(_ payload: UnsafeRawBufferPointer) -> UInt64 {
        var sum: UInt64 = 0
        for start in stride(from: 0, to: payload.count, by: partBytes) {
            let part = payload[start..<min(start + partBytes, payload.count)]
            sum = bd_checksum(sum, UnsafeRawBufferPointer(rebasing: part).baseAddress, part.count)
        }
        return sum
    }

    /// Of the head alone.
    static func checksum(of head: bd_journal_record) -> UInt64 {
        var head = head
        head.checksum = 0
        return withUnsafeBytes(of: &head) { bd_checksum(0, $0.baseAddress, $0.count) }
    }
}

/// Why nothing can be written to the journal: nothing that changes state is applied until it can.
public struct JournalFailure: Error, Equatable, CustomStringConvertible {
    public let code: Int32
    public let description: String
}
