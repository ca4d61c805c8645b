// The journal of one workspace: every request that changes state is written here before it is applied, and the cursor
// tells how far applying came. Two files: one active, the other empty or an older one; a long journal is replaced by an
// image of the state in the other file, which counts from the moment in which its head is complete.
//
// Order of calls per batch: append, then for each request begin, (apply), end or void. Must not know what requests do.
// A failed write leaves everything as before: what was half written lies behind the end and is overwritten later.
// Cost: one pwritev per batch; two stores per request.

import CLayout
import CShim
import Glibc
import Wire

public final class Journal {
    public let descriptionHash: UInt64
    private let files: [any JournalStorage]
    private var active: Int
    private var head: UnsafeMutablePointer<bd_journal_head>
    /// Bytes of the active file that are valid.
    public private(set) var endBytes: Int
    /// Bytes of the image at the active file's beginning, 0: none.
    public private(set) var imageBytes: Int
    /// Sequence number of the last request in the journal.
    public private(set) var lastSequence: UInt64
    /// The other file may look like a newer journal than this one: nothing is written before it is emptied.
    private var isOtherBroken = false
    /// Requests that are in the journal and must not be applied after a death, which could not be written yet.
    private var owed: (from: UInt64, session: UInt64)?

    /// A new journal in two empty files.
    public convenience init(files: [any JournalStorage], descriptionHash: UInt64) throws(JournalFailure) {
        try Journal.writeHead(files[0], epoch: 1, firstSequence: 1, applied: 0, descriptionHash)
        guard let head = files[0].head else { throw JournalFailure(code: 0, description: "the journal's head is not mapped") }
        self.init(
            files: files, active: 0, head: head, endBytes: Int(BD_JOURNAL_HEAD_BYTES), imageBytes: 0, lastSequence: 0,
            descriptionHash)
    }

    init(
        files: [any JournalStorage], active: Int, head: UnsafeMutablePointer<bd_journal_head>, endBytes: Int, imageBytes: Int,
        lastSequence: UInt64, _ descriptionHash: UInt64
    ) {
        self.files = files
        self.active = active
        self.head = head
        self.endBytes = endBytes
        self.imageBytes = imageBytes
        self.lastSequence = lastSequence
        self.descriptionHash = descriptionHash
    }

    /// Every request up to this one is applied or void.
    public var applied: UInt64 { head.pointee.applied }

    // MARK: writing

    /// Frames with so many whole state-changing requests, to be applied after this returns.
    public func append(
        frames: UnsafeRawBufferPointer, session: UInt64, firstRequest: UInt64, changes: UInt64
    ) throws(JournalFailure) {
        try append(.frames, session: session, firstRequest: firstRequest, frames)
        lastSequence += changes
    }

    /// The beginning or the end of a session: a state-changing event as any request.
    public func append(_ kind: RecordKind, session: UInt64, payload: [UInt8] = []) throws(JournalFailure) {
        try appendBytes(kind, session: session, payload)
        lastSequence += 1
    }

    /// The request failed: nobody applies it again. `remnant`: what it left all the same, to be had back from
    /// `JournalReader.remnant`.
    public func void(_ sequence: UInt64, remnant: [UInt64] = []) throws(JournalFailure) {
        try appendBytes(.void, session: 0, JournalWords.encode([sequence, sequence] + remnant))
    }

    /// Everything from `sequence` on is not to be applied, and the session has no part of a message any more. When that
    /// cannot be written, nothing else is until it could.
    public func withdraw(from sequence: UInt64, session: UInt64) throws(JournalFailure) {
        guard sequence > applied else { return }  // no such request: it is applied
        if let owed, owed.from <= sequence { return try pay() }
        owed = (sequence, session)
        bd_store_release_u64(&head.pointee.current, 0)
        try pay()
    }

    private func pay() throws(JournalFailure) {
        if isOtherBroken {
            let code = files[1 - active].truncate(to: 0)
            guard code == 0 else { throw Journal.failure(code, "cut") }
            isOtherBroken = false
        }
        guard let debt = owed else { return }
        owed = nil
        do throws(JournalFailure) {
            try appendBytes(.void, session: debt.session, JournalWords.encode([debt.from, lastSequence]))
            setApplied(lastSequence)
        } catch {
            owed = debt
            throw error
        }
    }

    func attempt(_ sequence: UInt64) throws(JournalFailure) {
        try appendBytes(.attempt, session: 0, JournalWords.encode([sequence]))
    }

    /// Requests from `sequence` on were never applied, and no session has a part of a message any more.
    func voidRest(from sequence: UInt64) throws(JournalFailure) {
        try appendBytes(.void, session: JournalReader.everySession, JournalWords.encode([sequence, lastSequence]))
    }

    private func appendBytes(_ kind: RecordKind, session: UInt64, _ payload: [UInt8]) throws(JournalFailure) {
        let failure = payload.withUnsafeBytes { bytes -> JournalFailure? in
            do throws(JournalFailure) {
                try append(kind, session: session, firstRequest: 0, bytes)
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
    }

    private func append(
        _ kind: RecordKind, session: UInt64, firstRequest: UInt64, _ payload: UnsafeRawBufferPointer
    ) throws(JournalFailure) {
        try pay()
        var record = JournalRecord.head(
            kind, session: session, firstSequence: lastSequence + 1, firstRequest: firstRequest, payload: payload)
        var padding: UInt64 = 0
        let code = withUnsafeBytes(of: &record) { recordBytes in
            withUnsafeBytes(of: &padding) { zeros in
                files[active].write(
                    [recordBytes, payload, UnsafeRawBufferPointer(rebasing: zeros[..<(-payload.count & 7)])], at: endBytes)
            }
        }
        guard code == 0 else { throw Journal.failure(code, "written to") }
        endBytes += JournalRecord.spannedBytes(payload.count)
    }

    // MARK: the cursor

    @inline(__always)
    public func begin(_ sequence: UInt64) { bd_store_release_u64(&head.pointee.current, sequence) }

    @inline(__always)
    public func end(_ sequence: UInt64) {
        bd_store_release_u64(&head.pointee.applied, sequence)
        bd_store_release_u64(&head.pointee.current, 0)
    }

    /// Applying `sequence` again, after the death of a worker.
    @inline(__always)
    public func replay(_ sequence: UInt64) {
        bd_store_release_u64(&head.pointee.is_replaying, 1)
        bd_store_release_u64(&head.pointee.current, sequence)
    }

    /// Every request is applied again: from here on as before the death.
    public func endReplay() {
        bd_store_release_u64(&head.pointee.current, 0)
        bd_store_release_u64(&head.pointee.applied, lastSequence)
        bd_store_release_u64(&head.pointee.is_replaying, 0)
    }

    func setApplied(_ sequence: UInt64) { bd_store_release_u64(&head.pointee.applied, sequence) }

    // MARK: images

    /// Begins the other file with an image of the state, in which every request of this journal is applied or void. A
    /// failure leaves the journal as it was.
    public func compact(_ write: (JournalImageWriter) throws -> Void) throws {
        let other = 1 - active
        try pay()
        let code = files[other].truncate(to: 0)
        guard code == 0 else { throw Journal.failure(code, "emptied") }
        isOtherBroken = true
        defer { if isOtherBroken, files[other].truncate(to: 0) == 0 { isOtherBroken = false } }
        let writer = JournalImageWriter(
            file: files[other], firstSequence: lastSequence + 1, at: Int(BD_JOURNAL_HEAD_BYTES))
        try write(writer)
        let bytes = try writer.finish()
        // From here on the other file is the journal: its head has the higher epoch.
        try Journal.writeHead(
            files[other], epoch: head.pointee.epoch + 1, firstSequence: lastSequence + 1, applied: lastSequence,
            descriptionHash)
        guard let newHead = files[other].head else { return }
        isOtherBroken = false
        let old = active
        active = other
        head = newHead
        imageBytes = bytes
        endBytes = Int(BD_JOURNAL_HEAD_BYTES) + bytes
        _ = files[old].truncate(to: Int(BD_JOURNAL_HEAD_BYTES))  // its head is valid still, but of an older epoch
    }

    private static func writeHead(
        _ file: any JournalStorage, epoch: UInt64, firstSequence: UInt64, applied: UInt64, _ descriptionHash: UInt64
    ) throws(JournalFailure) {
        var head = bd_journal_head()
        head.magic = UInt64(BD_JOURNAL_MAGIC)
        head.version = BD_JOURNAL_VERSION
        head.layout_version = BD_LAYOUT_VERSION
        head.description_hash = descriptionHash
        head.epoch = epoch
        head.first_sequence = firstSequence
        head.applied = applied
        var page = [UInt8](repeating: 0, count: Int(BD_JOURNAL_HEAD_BYTES))
        page.withUnsafeMutableBytes { $0.storeBytes(of: head, as: bd_journal_head.self) }
        // The checksum comes last, and alone: a head that is half written is none.
        var sum = checksum(of: head)
        let place = MemoryLayout<bd_journal_head>.offset(of: \.checksum) ?? 0
        var code = page.withUnsafeBytes { file.write([$0], at: 0) }
        if code == 0 { code = withUnsafeBytes(of: &sum) { file.write([$0], at: place) } }
        if code == 0 { code = file.mapHead() }
        guard code == 0 else { throw failure(code, "begun") }
    }

    static func checksum(of head: bd_journal_head) -> UInt64 {
        var head = head
        return withUnsafeBytes(of: &head) {
            bd_checksum(0, $0.baseAddress, MemoryLayout<bd_journal_head>.offset(of: \.checksum) ?? 0)
        }
    }

    static func failure(_ code: Int32, _ what: String) -> JournalFailure {
        JournalFailure(code: code, description: "the journal cannot be \(what): \(JournalWords.text(code))")
    }
}

/// Writes an image as the first record of a file, in parts.
public final class JournalImageWriter {
    private let file: any JournalStorage
    private let start: Int
    private var record: bd_journal_record
    private var part: [UInt8] = []
    private var sum: UInt64 = 0
    private var byteCount = 0

    init(file: any JournalStorage, firstSequence: UInt64, at start: Int) {
        self.file = file
        self.start = start
        record = bd_journal_record(
            magic: UInt32(BD_JOURNAL_RECORD_MAGIC), kind: RecordKind.image.rawValue, payload_bytes: 0, session: 0,
            first_sequence: firstSequence, first_request: 0, checksum: 0)
        part.reserveCapacity(JournalRecord.partBytes)
    }

    public func write(_ bytes: UnsafeRawBufferPointer) throws(JournalFailure) {
        var from = 0
        while from < bytes.count {
            let count = min(JournalRecord.partBytes - part.count, bytes.count - from)
            part.append(contentsOf: bytes[from..<from + count])
            from += count
            if part.count == JournalRecord.partBytes { try flush() }
        }
    }

    /// The sum begins with the head, which tells the size: so the payload's own sum is kept apart and joined at the end.
    private func flush() throws(JournalFailure) {
        let code = part.withUnsafeBytes { bytes in
            sum = bd_checksum(sum, bytes.baseAddress, bytes.count)
            return file.write([bytes], at: start + JournalRecord.headBytes + byteCount)
        }
        guard code == 0 else { throw Journal.failure(code, "replaced by an image") }
        byteCount += part.count
        part.removeAll(keepingCapacity: true)
    }

    /// Bytes of the record in the file.
    fileprivate func finish() throws(JournalFailure) -> Int {
        try flush()
        record.payload_bytes = UInt64(byteCount)
        record.checksum = JournalRecord.imageChecksum(record, payloadSum: sum)
        var code = withUnsafeBytes(of: &record) { file.write([$0], at: start) }
        let end = start + JournalRecord.spannedBytes(byteCount)
        let zeros = [UInt8](repeating: 0, count: -byteCount & 7)
        if code == 0, !zeros.isEmpty { code = zeros.withUnsafeBytes { file.write([$0], at: end - zeros.count) } }
        guard code == 0 else { throw Journal.failure(code, "replaced by an image") }
        return end - start
    }
}

/// Words and texts of this room.
enum JournalWords {
    static func encode(_ words: [UInt64]) -> [UInt8] {
        var writer = PayloadWriter(reserving: words.count * 8)
        for word in words { writer.u64(word) }
        return writer.bytes
    }

    static func decode(_ bytes: [UInt8]) -> [UInt64] {
        bytes.withUnsafeBytes { raw in
            (0..<raw.count / 8).map { UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)) }
        }
    }

    static func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}
