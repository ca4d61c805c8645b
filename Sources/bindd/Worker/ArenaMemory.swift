// The arena's memory: a sealed memory file that clients will map, mapped here for writing. As large an address range as
// the limits of the process allow beside what else a worker needs; pages that nobody touches cost nothing. Must outlive the
// arena.
// Cost: one mapping at start, one madvise per 64 KiB given back.

import CShim
import GraphCore
import Glibc

struct ArenaMemory {
    /// What 32-bit granules of 16 bytes reach.
    private static let bytesMax = 64 << 30
    /// What a worker wants beside the graph and its tables before it says that it can start: buffers, small documents.
    private static let reserveBytes = 4 << 20

    let base: UnsafeMutableRawPointer
    let bytes: Int
    /// For clients: the same file, for reading only. The file's mode keeps others of the same user from opening it anew.
    let readOnlyFd: Int32

    /// `limit`: bytes that the graph may take; nil: what can be addressed.
    init(limit: Int?) throws(WorkerError) {
        var bytes = min(ArenaMemory.bytesMax, limit.map { Arena.regionBytes(limit: $0) } ?? ArenaMemory.bytesMax)
        var failure: Int32 = 0
        let room = ArenaMemory.addressSpace
        while bytes > room / 2, bytes / 2 >= Arena.bytesMin { bytes /= 2 }
        while bytes >= Arena.bytesMin {
            let fd = bd_page_create("bindd-arena", bytes)
            if fd >= 0 {
                var map: UnsafeMutableRawPointer?
                failure = bd_page_map(fd, bytes, true, &map)
                if failure == 0, let mapped = map, !ArenaMemory.hasRoom(GraphStore.tableBytes(capacityBytes: bytes)) {
                    bd_page_unmap(mapped, bytes)
                    failure = -ENOMEM
                }
                if failure == 0, let map {
                    fchmod(fd, 0o400)
                    readOnlyFd = open("/proc/self/fd/\(fd)", O_RDONLY | O_CLOEXEC)
                    close(fd)
                    guard readOnlyFd >= 0 else {
                        throw WorkerError("cannot open the arena for clients: \(String(cString: strerror(errno)))")
                    }
                    self.base = map
                    self.bytes = bytes
                    return
                }
                close(fd)
            } else {
                failure = fd
            }
            bytes /= 2
        }
        throw WorkerError("no memory for the graph: \(String(cString: strerror(-failure)))")
    }

    /// Whether so much can be had now, and the reserve.
    private static func hasRoom(_ tableBytes: Int) -> Bool {
        let trial = mmap(nil, tableBytes + reserveBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let trial, trial != MAP_FAILED else { return false }
        munmap(trial, tableBytes + reserveBytes)
        return true
    }

    /// What `ulimit -v` leaves to the process: tables, documents and buffers want their part of it.
    private static var addressSpace: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { return .max }
        return Int(clamping: limit.rlim_cur)
    }

    /// Nothing may use it any more.
    func giveBack() {
        bd_page_unmap(base, bytes)
        Glibc.close(readOnlyFd)
    }

    /// Where the memory was ever written: everything else reads as zeros, and must not be read, which would take memory.
    func writtenRanges() -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start: UInt64 = 0
        var end: UInt64 = 0
        while end < UInt64(bytes), bd_file_next_data(readOnlyFd, end, &start, &end) == 0, start < end {
            ranges.append(Int(start)..<Int(end))
        }
        return ranges
    }

    /// Makes pages there at once, for what is written all over at once: faults, one each, cost three times as much. Whether it
    /// works does not matter (Linux before 5.14 cannot). Not for segments of small blocks: views that live shortly use
    /// few of their pages.
    func prepare(_ range: Range<Int>) { _ = madvise(base + range.lowerBound, range.count, MADV_POPULATE_WRITE) }

    /// Gives pages back to the system; they read as zeros afterwards.
    func reclaim(_ range: Range<Int>) {
        if madvise(base + range.lowerBound, range.count, MADV_REMOVE) != 0 {
            (base + range.lowerBound).initializeMemory(as: UInt8.self, repeating: 0, count: range.count)
        }
    }
}
