// Memory for the graph: one flat region, handed out in blocks, addressed by offsets so that other processes can read it
// in place. Given a region by its owner (a sealed memory file in the worker, anonymous memory in tests); knows nothing of
// files or clients. Order of calls: init once, then allocate and free; the region outlives the arena.
//
// Two allocators: blocks up to half a segment come from segments of one size class (16 bytes times a power of two);
// larger ones are whole segments, again by powers of two. A segment with nothing in it goes back to the system through
// `reclaim`. Cost: 5-10 ns per small block; a fresh segment costs its pages.

import CLayout
import Glibc

//
// A value: a handle to one region and its tables, copied freely without reference counting, which the request path would
// pay for. Whoever made it closes it once, when nothing uses it any more.

import CLayout
import Glibc

public struct Arena {
    public static let segmentBytes = 1 << 16
    static let granuleBytes = Int(BD_GRANULE_BYTES)
    static let smallClasses = 12  // 16 bytes … 32 KiB
    /// Header, then the directories of the columns, then segments.
    static let columnCount = 4
    static let directoryBytes = Int(BD_ARENA_DIRECTORY_ENTRIES) * 4
    static let headerBytes = segmentBytes
    static let firstSegment = (headerBytes + columnCount * directoryBytes) / segmentBytes
    /// Smallest region in which anything fits.
    public static let bytesMin = (firstSegment + 16) * segmentBytes

    /// A region in which blocks may take so many bytes, and not more.
    public static func regionBytes(limit: Int) -> Int {
        let segments = max(16, min(limit, Int(UInt32.max) * granuleBytes) / segmentBytes)
        return (firstSegment + segments) * segmentBytes
    }

    public let base: UnsafeMutableRawPointer
    public let capacityBytes: Int
    /// All zeros for a segment that is free or part of a large block, so that untouched tables cost no memory.
    private struct Segment: BitwiseCopyable {
        var sizeClassPlusOne: Int8
        var live: UInt16
        var freeHead: UInt32  // granule of the first freed block, 0: none
        var bump: UInt32  // blocks handed out in order so far
        var previous: UInt32
        var next: UInt32
    }

    private struct State {
        /// Tells the system that a range of the region is not needed; it must read as zeros afterwards.
        let reclaim: (Range<Int>) -> Void
        /// Tells it that all of a range will be written soon: one call instead of a fault per page.
        let prepare: (Range<Int>) -> Void
        var nextSegment = Arena.firstSegment
        var freeRuns: [[Int]] = Array(repeating: [], count: 33)  // by log2 of the segment count
        var usedBytes = 0
        var attributeBytes = 0
    }

    private let segments: UnsafeMutablePointer<Segment>
    private let segmentCount: Int
    private let partial: UnsafeMutablePointer<UInt32>  // by class: first segment with room, 0: none
    private let state: UnsafeMutablePointer<State>

    /// Bytes in blocks that are in use, directories and header not counted.
    public var usedBytes: Int { state.pointee.usedBytes }

    /// Of them, bytes of attributes and their texts.
    public var attributeBytes: Int { state.pointee.attributeBytes }

    public init(
        base: UnsafeMutableRawPointer, capacityBytes: Int, reclaim: @escaping (Range<Int>) -> Void,
        prepare: @escaping (Range<Int>) -> Void = { _ in }
    ) {
        check(capacityBytes >= Arena.bytesMin, "an arena of \(capacityBytes) bytes is too small")
        self.base = base
        self.capacityBytes = min(capacityBytes, Int(UInt32.max) * Arena.granuleBytes) & ~(Arena.segmentBytes - 1)
        state = .allocate(capacity: 1)
        state.initialize(to: State(reclaim: reclaim, prepare: prepare))
        segmentCount = self.capacityBytes / Arena.segmentBytes
        segments = allocateZeroed(segmentCount, of: Segment.self)
        partial = .allocate(capacity: Arena.smallClasses)
        partial.initialize(repeating: 0, count: Arena.smallClasses)
        writeHeader()
    }

    public func close() {
        Glibc.free(segments)
        partial.deallocate()
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// Everything that was ever handed out lies below.
    var extentBytes: Int { state.pointee.nextSegment * Arena.segmentBytes }

    // MARK: images

    func writeTables(to image: ImageWriter) throws {
        try image.word(state.pointee.nextSegment)
        for value in [state.pointee.usedBytes, state.pointee.attributeBytes] { try image.word(value) }
        for runs in state.pointee.freeRuns { try image.list(runs) }
        try image.list(Array(UnsafeBufferPointer(start: partial, count: Arena.smallClasses)))
        try image.list(Array(UnsafeBufferPointer(start: segments, count: state.pointee.nextSegment)))
    }

    func readTables(from image: inout ImageReader) throws(GraphError) {
        let nextSegment = try image.word()
        guard nextSegment >= Arena.firstSegment, nextSegment <= segmentCount else {
            throw ImageReader.broken("\(nextSegment) segments where there is room for \(segmentCount)")
        }
        state.pointee.nextSegment = nextSegment
        state.pointee.usedBytes = try image.word()
        state.pointee.attributeBytes = try image.word()
        for order in state.pointee.freeRuns.indices { state.pointee.freeRuns[order] = try image.list(of: Int.self) }
        let heads = try image.list(of: UInt32.self)
        let table = try image.list(of: Segment.self)
        guard heads.count == Arena.smallClasses, table.count == nextSegment else {
            throw ImageReader.broken("a table of \(table.count) segments")
        }
        partial.update(from: heads, count: heads.count)
        segments.update(from: table, count: table.count)
    }

    /// The header came with the memory: what belongs to this process is put right.
    func finishImage() {
        let used = header.pointee.used_bytes
        let retargets = header.pointee.retargets
        let batches = header.pointee.batches
        header.pointee = bd_arena_header()
        writeHeader()
        header.pointee.used_bytes = used
        header.pointee.retargets = retargets
        header.pointee.batches = batches &+ (batches & 1)
    }

    static func tableBytes(capacityBytes: Int) -> Int {
        capacityBytes / segmentBytes * MemoryLayout<Segment>.stride
    }

    /// A zeroed block of at least `bytes`, as a granule. `willFill`: all of it is written soon.
    func allocate(bytes: Int, willFill: Bool = false) throws(GraphError) -> UInt32 {
        let sizeClass = Arena.sizeClass(bytes)
        guard sizeClass < Arena.smallClasses else { return try allocateRun(bytes: bytes, willFill: willFill) }
        let blockBytes = Arena.granuleBytes << sizeClass
        if partial[sizeClass] == 0 { try openSegment(sizeClass) }
        let index = Int(partial[sizeClass])
        let segment = segments + index
        let granule: UInt32
        if segment.pointee.freeHead != 0 {
            granule = segment.pointee.freeHead
            let block = pointer(granule, bytes: blockBytes)
            segment.pointee.freeHead = block.load(as: UInt32.self)
            block.initializeMemory(as: UInt8.self, repeating: 0, count: blockBytes)
        } else {
            let start = index * Arena.segmentBytes + Int(segment.pointee.bump) * blockBytes
            granule = UInt32(start / Arena.granuleBytes)
            segment.pointee.bump += 1
        }
        segment.pointee.live += 1
        state.pointee.usedBytes += blockBytes
        if segment.pointee.freeHead == 0, Int(segment.pointee.bump) * blockBytes == Arena.segmentBytes {
            unlink(index, sizeClass)
        }
        return granule
    }

    /// The same, counted as memory of attributes.
    @inline(__always)
    func allocateAttribute(bytes: Int) throws(GraphError) -> UInt32 {
        let granule = try allocate(bytes: bytes)
        state.pointee.attributeBytes += Arena.blockBytes(bytes)
        return granule
    }

    @inline(__always)
    func freeAttribute(_ granule: UInt32, bytes: Int) {
        free(granule, bytes: bytes)
        state.pointee.attributeBytes -= Arena.blockBytes(bytes)
    }

    /// Gives a block back. `bytes` is what it was allocated with, or anything of the same class.
    func free(_ granule: UInt32, bytes: Int) {
        let sizeClass = Arena.sizeClass(bytes)
        guard sizeClass < Arena.smallClasses else { return freeRun(granule, bytes: bytes) }
        let blockBytes = Arena.granuleBytes << sizeClass
        let index = Int(granule) * Arena.granuleBytes / Arena.segmentBytes
        let segment = segments + index
        check(
            index < segmentCount && Int(segment.pointee.sizeClassPlusOne) == sizeClass + 1 && segment.pointee.live > 0,
            "granule \(granule) is no block of \(blockBytes) bytes")
        let wasFull = segment.pointee.freeHead == 0 && Int(segment.pointee.bump) * blockBytes == Arena.segmentBytes
        segment.pointee.live -= 1
        state.pointee.usedBytes -= blockBytes
        if segment.pointee.live == 0 {
            if !wasFull { unlink(index, sizeClass) }
            segment.pointee = Segment(sizeClassPlusOne: 0, live: 0, freeHead: 0, bump: 0, previous: 0, next: 0)
            recycle(index, order: 0)
            return
        }
        pointer(granule, bytes: blockBytes).storeBytes(of: segment.pointee.freeHead, as: UInt32.self)
        segment.pointee.freeHead = granule
        if wasFull { link(index, sizeClass) }
    }

    /// Bytes that a block for `bytes` really takes. A run of segments may be longer, but its end is never touched.
    static func blockBytes(_ bytes: Int) -> Int {
        let sizeClass = sizeClass(bytes)
        return sizeClass < smallClasses
            ? granuleBytes << sizeClass : (bytes + segmentBytes - 1) / segmentBytes * segmentBytes
    }

    /// The largest request that gets the same block as `bytes`.
    static func roomBytes(_ bytes: Int) -> Int {
        let sizeClass = sizeClass(bytes)
        return sizeClass < smallClasses ? granuleBytes << sizeClass : segmentBytes << runOrder(bytes)
    }

    /// Makes a large block longer in its place, by a quarter or to the end of its run; nil when it has no more room. So a
    /// list that grows counts little more than what it uses. Returns the new size.
    func extend(bytes: Int) -> Int? {
        let room = Arena.roomBytes(bytes)
        guard Arena.sizeClass(bytes) >= Arena.smallClasses, bytes < room else { return nil }
        let larger = min(room, Arena.blockBytes(bytes + bytes / 4))
        state.pointee.usedBytes += larger - Arena.blockBytes(bytes)
        return larger
    }

    // MARK: segments

    @inline(__always)
    private static func sizeClass(_ bytes: Int) -> Int {
        let granules = max(1, (bytes + granuleBytes - 1) / granuleBytes)
        return granules == 1 ? 0 : Int.bitWidth - (granules - 1).leadingZeroBitCount
    }

    private static func runOrder(_ bytes: Int) -> Int {
        let count = max(1, (bytes + segmentBytes - 1) / segmentBytes)
        return count == 1 ? 0 : Int.bitWidth - (count - 1).leadingZeroBitCount
    }

    private func openSegment(_ sizeClass: Int) throws(GraphError) {
        let index = try takeRun(order: 0)
        segments[index] = Segment(
            sizeClassPlusOne: Int8(sizeClass + 1), live: 0, freeHead: 0, bump: 0, previous: 0, next: 0)
        link(index, sizeClass)
    }

    private func link(_ index: Int, _ sizeClass: Int) {
        segments[index].previous = 0
        segments[index].next = partial[sizeClass]
        if partial[sizeClass] != 0 { segments[Int(partial[sizeClass])].previous = UInt32(index) }
        partial[sizeClass] = UInt32(index)
    }

    private func unlink(_ index: Int, _ sizeClass: Int) {
        let previous = segments[index].previous
        let next = segments[index].next
        if previous == 0 { partial[sizeClass] = next } else { segments[Int(previous)].next = next }
        if next != 0 { segments[Int(next)].previous = previous }
    }

    private func allocateRun(bytes: Int, willFill: Bool) throws(GraphError) -> UInt32 {
        let order = Arena.runOrder(bytes)
        let index = try takeRun(order: order)
        if willFill {
            let start = index * Arena.segmentBytes
            state.pointee.prepare(start..<start + Arena.blockBytes(bytes))
        }
        state.pointee.usedBytes += Arena.blockBytes(bytes)
        return UInt32(index * Arena.segmentBytes / Arena.granuleBytes)
    }

    private func freeRun(_ granule: UInt32, bytes: Int) {
        let order = Arena.runOrder(bytes)
        state.pointee.usedBytes -= Arena.blockBytes(bytes)
        recycle(Int(granule) * Arena.granuleBytes / Arena.segmentBytes, order: order)
    }

    private func recycle(_ index: Int, order: Int) {
        let start = index * Arena.segmentBytes
        state.pointee.reclaim(start..<start + Arena.segmentBytes << order)
        state.pointee.freeRuns[order].append(index)
    }

    /// First segment of 2^order neighbouring ones, all zeros.
    private func takeRun(order: Int) throws(GraphError) -> Int {
        if let index = state.pointee.freeRuns[order].popLast() { return index }
        let count = 1 << order
        if state.pointee.nextSegment + count <= segmentCount {
            let index = state.pointee.nextSegment
            state.pointee.nextSegment += count
            publishUsed(state.pointee.nextSegment * Arena.segmentBytes)
            return index
        }
        for larger in (order + 1)..<state.pointee.freeRuns.count {
            guard let index = state.pointee.freeRuns[larger].popLast() else { continue }
            for split in (order..<larger).reversed() { state.pointee.freeRuns[split].append(index + 1 << split) }
            return index
        }
        if let index = takeMerged(count: count) { return index }
        throw GraphError(
            .limitExceeded,
            "the workspace's graph memory is full: no \(count * Arena.segmentBytes) bytes in a row are left, "
                + "\(usedBytes) are used of \(capacityBytes - Arena.firstSegment * Arena.segmentBytes)")
    }
    /// Neighbouring free runs as one, when nothing else is left: linear in the free segments.
    private func takeMerged(count: Int) -> Int? {
        var pieces: [Range<Int>] = []
        for (order, starts) in state.pointee.freeRuns.enumerated() {
            for start in starts { pieces.append(start..<start + 1 << order) }
        }
        pieces.sort { $0.lowerBound < $1.lowerBound }
        var merged: [Range<Int>] = []
        for piece in pieces {
            if let last = merged.last, last.upperBound == piece.lowerBound {
                merged[merged.count - 1] = last.lowerBound..<piece.upperBound
            } else {
                merged.append(piece)
            }
        }
        // What lies before the part that was never used goes on into it.
        if let last = merged.last, last.upperBound == state.pointee.nextSegment, last.count < count,
            last.lowerBound + count <= segmentCount
        {
            let end = last.lowerBound + count
            merged[merged.count - 1] = last.lowerBound..<end
            state.pointee.nextSegment = end
            publishUsed(end * Arena.segmentBytes)
        }
        guard let at = merged.firstIndex(where: { $0.count >= count }) else { return nil }
        let index = merged[at].lowerBound
        merged[at] = index + count..<merged[at].upperBound
        for order in state.pointee.freeRuns.indices { state.pointee.freeRuns[order].removeAll() }
        for range in merged {
            var start = range.lowerBound
            while start < range.upperBound {
                let order = Int.bitWidth - 1 - (range.upperBound - start).leadingZeroBitCount
                state.pointee.freeRuns[order].append(start)
                start += 1 << order
            }
        }
        return index
    }
}
