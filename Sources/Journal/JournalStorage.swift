// Where a journal's bytes lie: a file in the worker, memory in tests. Two of them make a journal. Every call says what went
// wrong by an errno, and whatever it left half done behind the end that the journal knows is overwritten later.
// Cost: one pwritev per append; the cursor is memory.

import CLayout
import CShim
import Glibc

public protocol JournalStorage: AnyObject {
    /// Writes the pieces one behind the other. 0, or the errno.
    func write(_ pieces: [UnsafeRawBufferPointer], at offset: Int) -> Int32
    /// Fills `bytes` from `offset`; the count that was there, or minus the errno.
    func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int) -> Int
    /// Cuts everything from `byteCount` on. 0, or the errno.
    func truncate(to byteCount: Int) -> Int32
    var byteCount: Int { get }
    /// The head of the file as memory that outlives the process; nil before the head was written.
    var head: UnsafeMutablePointer<bd_journal_head>? { get }
    /// Makes `head` true after the head page was written. 0, or the errno.
    func mapHead() -> Int32
}

/// An open file, which stays open as long as the process.
public final class JournalFile: JournalStorage {
    private let fd: Int32
    public private(set) var head: UnsafeMutablePointer<bd_journal_head>?

    /// The descriptor of a regular file or a memory file, open for reading and writing.
    public init(fd: Int32) {
        self.fd = fd
        if byteCount >= Int(BD_JOURNAL_HEAD_BYTES) { _ = mapHead() }
    }

    deinit {
        if let head { bd_page_unmap(head, Int(BD_JOURNAL_HEAD_BYTES)) }
    }

    public var byteCount: Int {
        var facts = stat()
        return fstat(fd, &facts) == 0 ? Int(facts.st_size) : 0
    }

    public func write(_ pieces: [UnsafeRawBufferPointer], at offset: Int) -> Int32 {
        let starts = pieces.map { $0.baseAddress }
        let counts = pieces.map(\.count)
        return bd_file_write_at(fd, starts, counts, pieces.count, UInt64(offset))
    }

    public func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        var done = 0
        while done < bytes.count {
            let count = pread(fd, bytes.baseAddress.map { $0 + done }, bytes.count - done, off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            if count < 0 { return -Int(errno) }
            if count == 0 { break }
            done += count
        }
        return done
    }

    public func truncate(to byteCount: Int) -> Int32 { ftruncate(fd, off_t(byteCount)) == 0 ? 0 : errno }

    public func mapHead() -> Int32 {
        guard head == nil else { return 0 }
        var map: UnsafeMutableRawPointer?
        let failure = bd_page_map(fd, Int(BD_JOURNAL_HEAD_BYTES), true, &map)
        guard failure == 0, let map else { return -failure }
        head = map.assumingMemoryBound(to: bd_journal_head.self)
        return 0
    }
}

/// For reports and tests: bytes that survive whoever wrote them, with an errno for any call that `failing` says.
public final class JournalMemory: JournalStorage {
    public var bytes: [UInt8]
    private let page: UnsafeMutablePointer<bd_journal_head>
    private var isMapped = false
    /// Asked before each write or cut: an errno makes it fail, after `partly` bytes were written.
    public var failing: (_ call: Int) -> Int32 = { _ in 0 }
    public var partly = 0
    public private(set) var calls = 0

    public init(bytes: [UInt8] = [], head: bd_journal_head? = nil) {
        self.bytes = bytes
        page = .allocate(capacity: 1)
        page.initialize(to: head ?? bd_journal_head())
        isMapped = head != nil
    }

    deinit { page.deallocate() }

    /// The same content for a process that comes later.
    public func survivor() -> JournalMemory { JournalMemory(bytes: bytes, head: isMapped ? page.pointee : nil) }

    public var byteCount: Int { bytes.count }
    public var head: UnsafeMutablePointer<bd_journal_head>? { isMapped ? page : nil }

    public func mapHead() -> Int32 {
        guard !isMapped else { return 0 }
        guard bytes.count >= Int(BD_JOURNAL_HEAD_BYTES) else { return EINVAL }
        page.pointee = bytes.withUnsafeBytes { $0.loadUnaligned(as: bd_journal_head.self) }
        isMapped = true
        return 0
    }

    public func write(_ pieces: [UnsafeRawBufferPointer], at offset: Int) -> Int32 {
        calls += 1
        let failure = failing(calls)
        var room = failure == 0 ? Int.max : partly
        var at = offset
        for piece in pieces {
            let count = min(piece.count, room)
            if at + count > bytes.count { bytes.append(contentsOf: repeatElement(0, count: at + count - bytes.count)) }
            bytes.replaceSubrange(at..<at + count, with: piece.prefix(count))
            at += count
            room -= count
        }
        if offset < Int(BD_JOURNAL_HEAD_BYTES), isMapped { page.pointee = bytes.withUnsafeBytes { $0.loadUnaligned(as: bd_journal_head.self) } }
        return failure
    }

    public func read(_ into: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        let count = max(0, min(into.count, bytes.count - offset))
        if count > 0 { into.copyBytes(from: bytes[offset..<offset + count]) }
        return count
    }

    public func truncate(to byteCount: Int) -> Int32 {
        calls += 1
        let failure = failing(calls)
        if failure == 0, byteCount < bytes.count { bytes.removeLast(bytes.count - byteCount) }
        if failure == 0, byteCount < Int(BD_JOURNAL_HEAD_BYTES) { isMapped = false }
        return failure
    }
}
