// A page that another process writes, mapped read-only: snapshots of it, each word read once.
//
// The page is sealed (its file cannot shrink), so a read never faults; its content is hostile and only ever numbers.
// Must not hand out pointers. Cost: one load per word.

import CLayout
import CShim
import Glibc

final class SharedPage {
    private let map: UnsafeMutableRawPointer
    private let byteCount: Int

    /// Maps a file made by `bd_page_create` or checked by `bd_page_check`; the descriptor stays the caller's.
    init(fd: Int32, byteCount: Int) throws(SystemError) {
        var start: UnsafeMutableRawPointer?
        let result = bd_page_map(fd, byteCount, false, &start)
        guard result == 0, let start else { throw SystemError("mmap", negative: result) }
        map = start
        self.byteCount = byteCount
    }

    deinit { bd_page_unmap(map, byteCount) }

    func clientPage() -> bd_client_page { snapshot(into: bd_client_page()) }
    func workerPage() -> bd_worker_page { snapshot(into: bd_worker_page()) }

    func crashSlot() -> bd_crash_slot { snapshot(into: bd_crash_slot(), from: Int(BD_WORKER_CRASH_OFFSET)) }

    /// The ring of the newest requests, as it stands.
    func requestNotes() -> [bd_request_note] {
        let size = MemoryLayout<bd_request_note>.size
        return (0..<Int(BD_REQUEST_NOTES)).map {
            snapshot(into: bd_request_note(), from: Int(BD_WORKER_RING_OFFSET) + $0 * size)
        }
    }

    private func snapshot<Layout: BitwiseCopyable>(into zeros: Layout, from start: Int = 0) -> Layout {
        var copy = zeros
        let wordBytes = MemoryLayout<UInt64>.size
        withUnsafeMutableBytes(of: &copy) { bytes in
            let count = max(0, min(bytes.count, byteCount - start)) / wordBytes * wordBytes
            for offset in stride(from: 0, to: count, by: wordBytes) {
                bytes.storeBytes(of: bd_word_load_u64(map, start + offset), toByteOffset: offset, as: UInt64.self)
            }
        }
        return copy
    }
}

/// A descriptor that is closed with its last reference.
final class OwnedDescriptor {
    let fd: Int32
    init(_ fd: Int32) { self.fd = fd }
    deinit { close(fd) }
}

/// The counters of a page by kind, capped so that sums of hostile numbers cannot overflow.
enum KindCounters {
    static let valueMax: UInt64 = 1 << 48

    static func live(_ page: bd_client_page) -> [UInt64] { withUnsafeBytes(of: page.live, capped) }
    static func created(_ page: bd_client_page) -> [UInt64] { withUnsafeBytes(of: page.created, capped) }
    static func objects(_ page: bd_worker_page) -> [UInt64] { withUnsafeBytes(of: page.objects, capped) }
    static func bytes(_ page: bd_worker_page) -> [UInt64] { withUnsafeBytes(of: page.bytes, capped) }

    static func slots(_ page: bd_worker_page) -> [bd_worker_slot] {
        withUnsafeBytes(of: page.slots) { Array($0.bindMemory(to: bd_worker_slot.self)) }
    }

    private static func capped(_ words: UnsafeRawBufferPointer) -> [UInt64] {
        words.bindMemory(to: UInt64.self).map { min($0, valueMax) }
    }
}
