// What a journal says: which file is active, which records are whole, which requests are void, and where damage begins.
// Believes nothing: a record counts when its checksum fits and its sequence number is the next. Reading stops at the first
// that does not; what lies behind was never acknowledged, unless the cursor says so, and then that is told.
//
// Order of calls: init, settle, forEachEvent, journal. Cost: two passes over the file, memory for the largest record.

import CLayout
import CShim
import Wire

public final class JournalReader {
    private let files: [any JournalStorage]
    private let active: Int
    private let head: UnsafeMutablePointer<bd_journal_head>
    private let descriptionHash: UInt64
    let changesState: (UInt16) -> Bool
    private var file: any JournalStorage { files[active] }
    /// Valid bytes of the active file.
    public private(set) var endBytes = Int(BD_JOURNAL_HEAD_BYTES)
    private var imageBytes = 0
    public private(set) var lastSequence: UInt64
    public private(set) var voids: [ClosedRange<UInt64>] = []
    private var remnants: [UInt64: [UInt64]] = [:]
    private var attempts: Set<UInt64> = []
    /// Those since a session last went on: what became of them nobody has heard yet.
    private var untoldAttempts: Set<UInt64> = []
    /// Where whole records end before the file does, and why; nil: they do not.
    public private(set) var damage: String?
    /// Requests that were acknowledged and that the journal has no more; nil: none.
    public private(set) var missing: ClosedRange<UInt64>?

    /// Of a file that a worker wrote: nobody counts further, and so no sum of them overflows.
    private static let firstSequences: Range<UInt64> = 1..<1 << 62

    /// A record whose session means every session.
    public static let everySession = UInt64.max

    /// Nil when neither file has a head: the workspace is empty. Throws when there is one that this build cannot read.
    public init?(
        files: [any JournalStorage], descriptionHash: UInt64, changesState: @escaping (UInt16) -> Bool
    ) throws(JournalFailure) {
        var best: (index: Int, epoch: UInt64)?
        for (index, file) in files.enumerated() {
            guard file.byteCount >= Int(BD_JOURNAL_HEAD_BYTES), file.mapHead() == 0, let head = file.head?.pointee,
                head.magic == UInt64(BD_JOURNAL_MAGIC), head.checksum == Journal.checksum(of: head),
                JournalReader.firstSequences.contains(head.first_sequence)
            else { continue }
            guard
                head.version == BD_JOURNAL_VERSION, head.layout_version == BD_LAYOUT_VERSION,
                head.description_hash == descriptionHash
            else {
                throw JournalFailure(
                    code: 0,
                    description: "the journal was written by another build of bindd (version \(head.version), layout "
                        + "\(head.layout_version), description \(String(head.description_hash, radix: 16)))")
            }
            if best.map({ $0.epoch < head.epoch }) ?? true { best = (index, head.epoch) }
        }
        guard let best, let head = files[best.index].head else { return nil }
        self.files = files
        self.descriptionHash = descriptionHash
        self.changesState = changesState
        active = best.index
        self.head = head
        lastSequence = head.pointee.first_sequence &- 1
        try look()
        if head.pointee.applied > lastSequence { missing = lastSequence + 1...head.pointee.applied }
    }

    public var applied: UInt64 { head.pointee.applied }
    /// The request that was being applied when the worker died, 0: none.
    public var current: UInt64 { head.pointee.current }
    public var wasReplaying: Bool { head.pointee.is_replaying != 0 }

    public func isVoid(_ sequence: UInt64) -> Bool {
        var low = 0
        var high = voids.count
        while low < high {
            let middle = (low + high) / 2
            if voids[middle].upperBound < sequence { low = middle + 1 } else { high = middle }
        }
        return low < voids.count && voids[low].contains(sequence)
    }

    /// What a request that failed left all the same.
    public func remnant(of sequence: UInt64) -> [UInt64]? { remnants[sequence] }

    /// First pass: finds the end, the voids and the last sequence number.
    private func look() throws(JournalFailure) {
        var scanners: [UInt64: FrameScanner] = [:]
        var at = endBytes
        while let record = try read(&at, mustFollow: lastSequence) {
            switch record.kind {
            case .image: imageBytes = at - endBytes
            case .open, .close:
                if record.kind == .open { untoldAttempts = [] }
                scanners[record.session] = FrameScanner()
                lastSequence += 1
            case .frames:
                let counts = record.payload.withUnsafeBytes {
                    scanners[record.session, default: FrameScanner()].scan($0, changesState: changesState)
                }
                lastSequence += counts.changes
            case .void:
                let words = JournalWords.decode(record.payload)
                if words.count >= 2, words[0] <= words[1] { voids.append(words[0]...words[1]) }
                if words.count > 2 { remnants[words[0]] = Array(words[2...]) }
                if record.session == JournalReader.everySession { scanners = [:] }
                if record.session != 0 { scanners[record.session] = FrameScanner() }
            case .attempt:
                attempts.formUnion(JournalWords.decode(record.payload))
                untoldAttempts.formUnion(JournalWords.decode(record.payload))
            }
            endBytes = at
        }
        if let why = damage { damage = "at byte \(endBytes) of \(file.byteCount): \(why)" }
        sortVoids()
    }

    private func sortVoids() {
        voids.sort { $0.lowerBound < $1.lowerBound }
        var merged: [ClosedRange<UInt64>] = []
        for range in voids {
            if let last = merged.last, range.lowerBound <= last.upperBound {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        voids = merged
    }

    /// The record at `at`, which moves behind it; nil at the end, or with `damage` where no whole record is.
    private func read(_ at: inout Int, mustFollow sequence: UInt64?) throws(JournalFailure) -> JournalRecord? {
        var head = bd_journal_record()
        let headBytes = JournalRecord.headBytes
        let got = withUnsafeMutableBytes(of: &head) { file.read($0, at: at) }
        if got < 0 { throw Journal.failure(Int32(-got), "read") }
        if got == 0 { return nil }
        guard got == headBytes, head.magic == BD_JOURNAL_RECORD_MAGIC, let kind = RecordKind(rawValue: head.kind) else {
            damage = "no record begins there"
            return nil
        }
        guard head.payload_bytes <= UInt64(max(0, file.byteCount - at - headBytes)) else {
            damage = "a record of \(head.payload_bytes) bytes is cut"
            return nil
        }
        let wanted = Int(head.payload_bytes)
        let payload = [UInt8](unsafeUninitializedCapacity: wanted) { room, filled in
            let raw = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: room[..<wanted]))
            filled = max(0, file.read(raw, at: at + headBytes))
        }
        guard payload.count == wanted, payload.withUnsafeBytes({ JournalRecord.checksum(head, $0) }) == head.checksum else {
            damage = "a record's checksum does not fit"
            return nil
        }
        if let sequence, head.first_sequence != sequence + 1 {
            damage = "a record of request \(head.first_sequence) stands where \(sequence + 1) was expected"
            return nil
        }
        at += JournalRecord.spannedBytes(wanted)
        return JournalRecord(
            kind: kind, session: head.session, firstSequence: head.first_sequence, firstRequest: head.first_request,
            payload: payload)
    }

    // MARK: applying again

    /// What the end of the last worker means: requests of which it had not said that they are applied become void, and a
    /// request that kills a worker for the second time while it is applied again.
    public struct Settlement: Equatable {
        /// Being applied when the worker died, 0: none.
        public var guilty: UInt64 = 0
        /// In the journal, not applied, from now on void; nil: none. The guilty one is the first.
        public var unapplied: ClosedRange<UInt64>?
        /// Acknowledged, and void all the same, because each killed two workers that applied it again; those that no session
        /// has heard of.
        public var givenUp: [UInt64] = []
    }

    public func settle() throws(JournalFailure) -> Settlement {
        var settlement = Settlement()
        if endBytes < file.byteCount {
            let code = file.truncate(to: endBytes)
            guard code == 0 else { throw Journal.failure(code, "cut to its whole records") }
        }
        let journal = journal()
        if missing != nil { journal.setApplied(lastSequence) }
        settlement.guilty = current
        if wasReplaying {
            if current != 0, attempts.contains(current) {
                voids.append(current...current)
                try journal.void(current)
            } else if current != 0 {
                try journal.attempt(current)
            }
        }
        // Also where nothing is unapplied: parts of messages that never ended are dropped.
        let first = min(applied, lastSequence) + 1
        try journal.voidRest(from: first)
        if first <= lastSequence {
            settlement.unapplied = first...lastSequence
            voids.append(first...lastSequence)
        }
        sortVoids()
        settlement.givenUp = untoldAttempts.filter(isVoid).sorted()
        endBytes = journal.endBytes
        return settlement
    }

    /// Every record in order.
    func forEach(_ body: (JournalRecord) throws -> Void) throws {
        var at = Int(BD_JOURNAL_HEAD_BYTES)
        while at < endBytes {
            guard let record = try read(&at, mustFollow: nil) else { return }
            try body(record)
        }
    }

    /// The journal to go on with, behind what is whole.
    public func journal() -> Journal {
        Journal(
            files: files, active: active, head: head, endBytes: endBytes, imageBytes: imageBytes, lastSequence: lastSequence,
            descriptionHash)
    }
}
