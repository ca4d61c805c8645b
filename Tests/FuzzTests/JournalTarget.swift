// A journal as a worker left it, or as nobody should have: records in any order, cursors of any value, cut and damaged. What
// is read is what stands whole before the first damage, and a second reading, after the first has settled it, finds no more
// damage and the same requests.

import CLayout
import Glibc
import Wire

@testable import Journal

extension FuzzTarget {
    static let journal = FuzzTarget(name: "journal", seeds: { JournalCase.seeds }) { input in
        guard let file = JournalCase.file(from: input) else { return }
        let files = [file, JournalMemory()]
        do throws(JournalFailure) {
            guard let first = try open(files) else { return }
            let sequence = first.lastSequence
            let settlement = try first.settle()
            require(settlement.unapplied.map { $0.upperBound == sequence } ?? true, "not applied: \(settlement), last \(sequence)")
            guard let second = try open(files) else { return require(false, "the journal cannot be opened again") }
            require(second.damage == nil, "damaged after it was settled: \(second.damage ?? "")")
            require(second.missing == nil, "requests are missing after it was settled")
            require(second.lastSequence == sequence, "request \(sequence) was the last, now it is \(second.lastSequence)")
            if let rest = settlement.unapplied {
                require(second.isVoid(rest.lowerBound) && second.isVoid(rest.upperBound), "\(rest) was not applied and is not void")
            }
            readAll(second)
            file.bytes.withUnsafeBytes { canary($0, second.voids.count >= 2) }
        } catch { require(!error.description.isEmpty, "a failure without words") }
    }
}

/// Every third operation changes state.
private func open(_ files: [JournalMemory]) throws(JournalFailure) -> JournalReader? {
    try JournalReader(files: files, descriptionHash: JournalCase.hash) { $0 % 3 == 0 }
}

private func readAll(_ reader: JournalReader) {
    var last: UInt64 = 0
    do {
        try reader.forEach { record in
            require(record.firstSequence >= last, "records of requests \(last) and \(record.firstSequence) in that order")
            last = record.firstSequence
        }
    } catch { require(false, "what was read once cannot be read: \(error)") }
}

/// An input as a file: a head, then records, each of kind, session, how its sequence number is off, size and payload.
enum JournalCase {
    static let hash: UInt64 = 0xB1DD

    static func file(from input: [UInt8]) -> JournalMemory? {
        guard input.count >= 6 else { return nil }
        let file = JournalMemory()
        var head = bd_journal_head()
        head.magic = UInt64(BD_JOURNAL_MAGIC)
        head.version = BD_JOURNAL_VERSION
        head.layout_version = BD_LAYOUT_VERSION
        head.description_hash = hash
        head.epoch = 1
        head.first_sequence = number(input[0])
        head.applied = number(input[1])
        head.current = number(input[2])
        head.is_replaying = UInt64(input[3] & 1)
        head.checksum = Journal.checksum(of: head)
        file.bytes = withUnsafeBytes(of: head) { Array($0) }
        file.bytes += [UInt8](repeating: 0, count: Int(BD_JOURNAL_HEAD_BYTES) - file.bytes.count)
        var sequence = head.first_sequence
        var at = 6
        while at + 4 <= input.count {
            let count = min(Int(input[at + 3]) * 4, input.count - at - 4)
            let payload = Array(input[at + 4..<at + 4 + count])
            append(kind: input[at], session: input[at + 1], sequence: &sequence, off: input[at + 2], payload, to: file)
            at += 4 + count
        }
        // The end is cut by so many bytes, and one byte is damaged.
        if input[4] > 0 { _ = file.truncate(to: max(Int(BD_JOURNAL_HEAD_BYTES), file.byteCount - Int(input[4]))) }
        let place = Int(BD_JOURNAL_HEAD_BYTES) + Int(input[5]) * 8
        if input[5] > 0, place < file.byteCount { file.bytes[place] ^= 0x10 }
        return file
    }

    /// Small, and the ends of the range.
    private static func number(_ byte: UInt8) -> UInt64 { byte < 0xF0 ? UInt64(byte) : UInt64.max - UInt64(0xFF - byte) }

    private static func append(
        kind: UInt8, session: UInt8, sequence: inout UInt64, off: UInt8, _ payload: [UInt8], to file: JournalMemory
    ) {
        guard let kind = RecordKind(rawValue: UInt32(kind % 6) + 1) else { return }
        let session = session == 0xFF ? JournalReader.everySession : UInt64(session % 4)
        payload.withUnsafeBytes { bytes in
            var head = JournalRecord.head(
                kind, session: session, firstSequence: sequence &+ UInt64(off), firstRequest: 1, payload: bytes)
            if off == 0xFF { head.payload_bytes = UInt64.max - UInt64(payload.count) }
            file.bytes += withUnsafeBytes(of: head) { Array($0) }
        }
        file.bytes += payload + [UInt8](repeating: 0, count: -payload.count & 7)
        switch kind {
        case .open, .close: sequence &+= 1
        case .frames:
            var scanner = FrameScanner()
            sequence &+= payload.withUnsafeBytes { scanner.scan($0) { $0 % 3 == 0 }.changes }
        default: break
        }
    }

    /// A session that opens, changes something twice, gives one up and goes.
    static var seeds: [[UInt8]] {
        var frames: [UInt8] = []
        for operation in UInt16(15)...18 { encodeMessage(operation: operation, flags: [], payload: [1, 2, 3, 4], into: &frames) }
        let words = JournalWords.encode([2, 2])
        func record(_ kind: UInt8, _ payload: [UInt8]) -> [UInt8] { [kind, 1, 0, UInt8(payload.count / 4)] + payload }
        let whole = record(1, []) + record(3, frames) + record(4, words) + record(3, frames) + record(5, words) + record(2, [])
        return [[1, 2, 3, 0, 0, 0] + whole, [1, 1, 2, 1, 0, 0] + record(1, []) + record(3, frames), [1, 0, 0, 0, 9, 0] + whole, [1, 9, 0, 0, 0, 20] + whole]
    }
}
