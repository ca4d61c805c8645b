// The only place where an offset becomes a pointer. Each access is checked against the region; a record's own references
// are trusted because only this process writes them. Cost: one compare per access.

import CLayout
import Glibc

extension Arena {
    @inline(__always)
    func pointer(_ granule: UInt32, bytes: Int) -> UnsafeMutableRawPointer {
        let offset = Int(granule) &* Arena.granuleBytes
        check(granule != 0 && offset &+ bytes <= capacityBytes, "granule \(granule) (\(bytes) bytes) is out of the arena")
        return base + offset
    }

    @inline(__always)
    func record<Record>(_ granule: UInt32, as type: Record.Type) -> UnsafeMutablePointer<Record> {
        pointer(granule, bytes: MemoryLayout<Record>.size).assumingMemoryBound(to: type)
    }

    /// `count` values that follow `headerBytes` of a block.
    @inline(__always)
    func array<Element>(
        _ granule: UInt32, after headerBytes: Int = 0, count: Int, of type: Element.Type
    ) -> UnsafeMutableBufferPointer<Element> {
        let bytes = headerBytes &+ count &* MemoryLayout<Element>.stride
        let start = (pointer(granule, bytes: bytes) + headerBytes).assumingMemoryBound(to: type)
        return UnsafeMutableBufferPointer(start: start, count: count)
    }

    var header: UnsafeMutablePointer<bd_arena_header> { base.assumingMemoryBound(to: bd_arena_header.self) }

    func writeHeader() {
        func column(_ index: Int, _ records: UInt32, _ bytes: Int) -> bd_column {
            bd_column(
                directory: UInt64(Arena.headerBytes + index * Arena.directoryBytes), records_per_page: records,
                record_bytes: UInt32(bytes))
        }
        header.pointee.layout_version = BD_LAYOUT_VERSION
        header.pointee.header_bytes = UInt32(MemoryLayout<bd_arena_header>.size)
        header.pointee.capacity_bytes = UInt64(capacityBytes)
        header.pointee.used_bytes = UInt64(Arena.firstSegment * Arena.segmentBytes)
        header.pointee.nodes = column(0, BD_NODES_PER_PAGE, MemoryLayout<bd_node>.size)
        header.pointee.edges = column(1, BD_EDGES_PER_PAGE, MemoryLayout<bd_edge>.size)
        header.pointee.edge_references = column(2, BD_EDGES_PER_PAGE, MemoryLayout<UInt32>.size)
        header.pointee.views = column(3, BD_VIEWS_PER_PAGE, MemoryLayout<bd_view_record>.size)
        header.pointee.magic = UInt64(BD_ARENA_MAGIC)
    }

    /// Tells the client in `slot` how many of its requests are applied: what they wrote can be read now.
    public func publishApplied(_ requests: UInt64, slot: Int) {
        check(slot >= 0 && slot < Int(BD_CLIENT_SLOTS_MAX), "client slot \(slot)")
        withUnsafeMutablePointer(to: &header.pointee.applied) {
            $0.withMemoryRebound(to: UInt64.self, capacity: Int(BD_CLIENT_SLOTS_MAX)) {
                bd_store_release_u64($0 + slot, requests)
            }
        }
    }

    /// Tells the client in `slot` how far a long request of its is. `all` 0: nobody knows.
    public func publishProgress(request: UInt64, slot: Int, done: UInt32, of all: UInt32) {
        header.pointee.progress_slot = UInt32(clamping: slot)
        if header.pointee.progress_request != request {
            bd_store_release_u64(&header.pointee.progress, 0)
            bd_store_release_u64(&header.pointee.progress_request, request)
        }
        bd_store_release_u64(&header.pointee.progress, UInt64(all) << 32 | UInt64(done))
    }

    func publishUsed(_ bytes: Int) { bd_store_release_u64(&header.pointee.used_bytes, UInt64(bytes)) }
}

/// Zeroed memory whose untouched pages cost nothing. The caller frees it with free(3).
func allocateZeroed<Element>(_ count: Int, of type: Element.Type) -> UnsafeMutablePointer<Element> {
    guard let memory = calloc(count, MemoryLayout<Element>.stride) else {
        fatalError("out of memory: no room for a table of \(count) entries")
    }
    return memory.bindMemory(to: type, capacity: count)
}
