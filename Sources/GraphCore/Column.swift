// Records found by id: a directory of pages. Ids are never reused, so a page whose records are all gone is given back,
// and an id without a page reads as "does not exist". Cost: two loads per access; a page appears with its first record.

import CLayout
import Glibc

struct Column<Record> {
    private let arena: Arena
    private let directory: UnsafeMutablePointer<UInt32>
    private let perPage: UInt32
    private let shift: UInt32
    private let live: UnsafeMutablePointer<UInt32>  // records in use, by page; behind them how many pages there ever were

    init(arena: Arena, column: bd_column) {
        self.arena = arena
        check(
            Int(column.record_bytes) == MemoryLayout<Record>.stride && column.records_per_page.nonzeroBitCount == 1,
            "column of \(column.record_bytes) bytes per record")
        directory = (arena.base + Int(column.directory)).assumingMemoryBound(to: UInt32.self)
        perPage = column.records_per_page
        shift = UInt32(column.records_per_page.trailingZeroBitCount)
        live = allocateZeroed(Int(BD_ARENA_DIRECTORY_ENTRIES) + 1, of: UInt32.self)
    }

    /// Frees what is not in the arena. The column must not be used afterwards.
    func close() { free(live) }

    /// Pages from here on were never used.
    private(set) var extent: Int {
        get { Int(live[Int(BD_ARENA_DIRECTORY_ENTRIES)]) }
        nonmutating set { live[Int(BD_ARENA_DIRECTORY_ENTRIES)] = UInt32(newValue) }
    }

    func livePage(_ page: Int) -> UInt32 { live[page] }
    func setLivePage(_ page: Int, _ count: UInt32) {
        live[page] = count
        extent = max(extent, page + 1)
    }

    private var pageBytes: Int { Int(perPage) * MemoryLayout<Record>.stride }

    /// Largest id that a directory reaches.
    var idMax: UInt32 { UInt32(min(UInt64(UInt32.max), UInt64(BD_ARENA_DIRECTORY_ENTRIES) * UInt64(perPage) - 1)) }

    /// The record's place, nil when its page does not exist.
    @inline(__always)
    func find(_ id: UInt32) -> UnsafeMutablePointer<Record>? {
        let page = id >> shift
        guard page < BD_ARENA_DIRECTORY_ENTRIES else { return nil }
        let granule = directory[Int(page)]
        guard granule != 0 else { return nil }
        return arena.array(granule, count: Int(perPage), of: Record.self).baseAddress.map { $0 + Int(id & (perPage - 1)) }
    }

    /// The place of a new record, zeroed, counted as in use.
    func insert(_ id: UInt32) throws(GraphError) -> UnsafeMutablePointer<Record> {
        let page = Int(id >> shift)
        guard page < Int(BD_ARENA_DIRECTORY_ENTRIES) else {
            throw GraphError(.limitExceeded, "id \(id) is beyond the largest one, \(idMax)")
        }
        if directory[page] == 0 {
            bd_store_release_u32(directory + page, try arena.allocate(bytes: pageBytes))
            extent = max(extent, page + 1)
        }
        live[page] += 1
        let records = arena.array(directory[page], count: Int(perPage), of: Record.self)
        return records.baseAddress.unsafelyUnwrapped + Int(id & (perPage - 1))
    }

    /// Counts the record out; the caller has zeroed it. The page goes with its last record.
    func remove(_ id: UInt32) {
        let page = Int(id >> shift)
        check(live[page] > 0, "id \(id) removed twice")
        live[page] -= 1
        guard live[page] == 0 else { return }
        let granule = directory[page]
        bd_store_release_u32(directory + page, 0)
        arena.free(granule, bytes: pageBytes)
    }
}
