// The report of one death, made of what the worker left in its page and of the facts that the supervisor handed over.
// Runs in a process of its own, so that neither the clients nor the supervisor wait for it. Must not trust the page: its
// writer is the process that died. Cost: 20-40 ms, most of it for files and lines of the stack.

import CLayout
import CShim
import Glibc
import Wire

struct CrashReport {
    /// What is in `facts` of the supervisor stands in the report as it is.
    static let schema = 1
    private static let waitMs: UInt64 = 2_000
    private static let pieceBytes = 1 << 20

    let folder: String
    let page: Int32
    let facts: JSONValue
    let journal: JournalCopy
    private let words = RequestWords()

    /// Writes everything, the report itself last: whoever finds it finds the rest.
    func write() throws {
        let shared = try SharedPage(fd: page, byteCount: Int(BD_WORKER_PAGE_BYTES))
        let slot = finished(shared)
        let worker = shared.workerPage()
        let saved = try saveRequest(slot)
        let missing = journal.copy(facts, to: folder)
        let frames = slot.state >= BD_CRASH_TOLD ? Symbolizer.frames(slot) : []
        let members: [(String, JSONValue)] = [
            ("schema", .int(Int64(CrashReport.schema))),
            ("reason", .string(reason(frames))),
            ("arguments", .string(arguments(worker, shared, slot, saved))),
            ("request_bytes", .uint(slot.request_bytes)), ("request_saved", .uint(UInt64(saved))),
            ("frames", .uint(slot.frame_count)), ("top", .string(Symbolizer.top(frames)?.text ?? "")),
            ("stack", .array(frames.map(json))),
            ("requests", .array(notes(shared, worker).map(json))),
            ("objects", objects(worker)), ("journal_missing", .string(missing)),
        ]
        let known = facts.members.filter { !$0.0.hasPrefix("journal_") }
        let report = JSONValue.object(known + members)
        try put(report.prettyText, "\(folder)/\(CrashFolder.reportName)")
    }

    /// The slot once its writer has saved the request, or died over it.
    private func finished(_ shared: SharedPage) -> bd_crash_slot {
        let startNs = bd_clock_monotonic_ns()
        var slot = shared.crashSlot()
        while slot.state != BD_CRASH_NONE, slot.state < BD_CRASH_COMPLETE,
            milliseconds(from: startNs, to: bd_clock_monotonic_ns()) < CrashReport.waitMs
        {
            usleep(1000)
            slot = shared.crashSlot()
        }
        return slot
    }

    // MARK: the request

    /// Copies the guilty request into `request.bin`; how many bytes of it there were.
    private func saveRequest(_ slot: bd_crash_slot) throws -> Int {
        let wanted = Int(min(slot.request_bytes, UInt64(BD_CRASH_REQUEST_BYTES_MAX)))
        guard slot.state == BD_CRASH_COMPLETE, wanted > 0 else { return 0 }
        return try copy(page, from: Int64(BD_WORKER_PAGE_BYTES), count: wanted, to: "\(folder)/request.bin")
    }

    private func arguments(_ worker: bd_worker_page, _ shared: SharedPage, _ slot: bd_crash_slot, _ saved: Int) -> String {
        let operation = UInt16(truncatingIfNeeded: worker.current_operation)
        guard operation != 0 else { return "" }
        if saved > 0, UInt64(saved) == slot.request_bytes {
            var start = [UInt8](repeating: 0, count: min(saved, 1 << 16))
            let count = pread(page, &start, start.count, off_t(BD_WORKER_PAGE_BYTES))
            start.removeLast(start.count - max(count, 0))
            return words.arguments(operation, start, isCut: saved > start.count)
        }
        return notes(shared, worker).last.map { note in words.arguments(operation, note.start, isCut: note.isCut) } ?? ""
    }

    // MARK: the requests before it

    private struct Note {
        let request: UInt64
        let operation: UInt16
        let slot: UInt32
        let bytes: UInt64
        let start: [UInt8]
        var isCut: Bool { bytes > UInt64(start.count) }
    }

    /// In the order in which they were begun; the guilty one is the last.
    private func notes(_ shared: SharedPage, _ worker: bd_worker_page) -> [Note] {
        let ring = shared.requestNotes()
        let count = min(worker.noted_requests, UInt64(BD_REQUEST_NOTES))
        return (0..<count).map { index in
            let note = ring[Int((worker.noted_requests &- count &+ index) % UInt64(BD_REQUEST_NOTES))]
            let start = withUnsafeBytes(of: note.start) { Array($0.prefix(Int(min(note.bytes, UInt64(BD_REQUEST_NOTE_BYTES))))) }
            return Note(
                request: note.request, operation: UInt16(truncatingIfNeeded: note.operation_and_slot),
                slot: note.operation_and_slot >> 16, bytes: note.bytes, start: start)
        }
    }

    private func json(_ note: Note) -> JSONValue {
        .object([
            ("request", .uint(note.request)), ("slot", .uint(UInt64(note.slot))),
            ("operation", .string(words.name(note.operation))), ("bytes", .uint(note.bytes)),
            ("arguments", .string(words.arguments(note.operation, note.start, isCut: note.isCut))),
        ])
    }

    // MARK: the rest

    private func json(_ frame: NativeFrame) -> JSONValue {
        .object([
            ("text", .string(frame.text)), ("address", .uint(frame.address)), ("module", .string(frame.module)),
            ("function", .string(frame.function)), ("symbol", .string(frame.symbol)), ("file", .string(frame.file)),
            ("line", .int(Int64(frame.line))), ("inlined", .bool(frame.isInlined)),
            ("thunk", .bool(FunctionName.isThunk(frame.function))),
        ])
    }

    /// What the runtime said, or what the compiler calls the check that failed.
    private func reason(_ frames: [NativeFrame]) -> String {
        let lines = facts.text("stderr").split(separator: "\n")
        return lines.first { $0.contains("Fatal error") }.map(String.init) ?? Symbolizer.reason(frames)
    }

    private func objects(_ worker: bd_worker_page) -> JSONValue {
        let counts = KindCounters.objects(worker)
        return .object(
            counts.indices.filter { counts[$0] > 0 }.map { (KindNames.object($0), .uint(counts[$0])) })
    }

    /// Copies bytes of a file as they are; fewer when it has fewer.
    private func copy(_ source: Int32, from start: Int64, count: Int, to path: String) throws -> Int {
        let target = bd_file_open(path, O_WRONLY | O_CREAT | O_EXCL)
        guard target >= 0 else { throw SystemError("open \(path)", negative: target) }
        defer { close(target) }
        var done = 0
        var piece = [UInt8](repeating: 0, count: CrashReport.pieceBytes)
        while done < count {
            let got = pread(source, &piece, min(piece.count, count - done), off_t(start) + off_t(done))
            guard got > 0 else { break }
            guard Glibc.write(target, piece, got) == got else { throw SystemError("write \(path)", code: errno) }
            done += got
        }
        return done
    }

    private func put(_ text: String, _ path: String) throws {
        let temporary = "\(path).new"
        let fd = bd_file_open(temporary, O_WRONLY | O_CREAT | O_EXCL)
        guard fd >= 0 else { throw SystemError("open \(temporary)", negative: fd) }
        defer { close(fd) }
        guard writeAll(fd, text), rename(temporary, path) == 0 else { throw SystemError("write \(path)", code: errno) }
    }
}
