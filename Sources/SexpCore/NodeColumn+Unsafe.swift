// The nodes of one document: one block of 16-byte records.
//
// For: appending hundreds of millions of nodes without the uniqueness checks of arrays held in classes, on huge pages
// where the block is large enough. Must not: hand out its pointer except for the length of a closure; trust an index.
// Cost: one comparison for each access; growing by half copies, so give `resize` a good guess first.
internal import CLayout
import Glibc

struct NodeColumn: ~Copyable {
    private var base: UnsafeMutablePointer<bd_sexp_node>?
    private(set) var count = 0
    private(set) var capacity = 0

    /// A huge page of x86-64 and ARM. Larger blocks ask for them: to fault in fresh pages of 4 KiB takes a third of
    /// the time of parsing a board.
    private static let hugeBytes = 1 << 21

    init() { base = nil }

    /// Nodes with these bytes; nil when they are no whole number of them, or there is no memory.
    init?(bytes: UnsafeRawBufferPointer) {
        let stride = MemoryLayout<bd_sexp_node>.stride
        self.init()
        guard bytes.count % stride == 0, resize(to: bytes.count / stride + 1) else { return nil }
        if let base, let source = bytes.baseAddress { memcpy(base, source, bytes.count) }
        count = bytes.count / stride
    }

    deinit { free(base) }

    var bytes: Int { capacity * MemoryLayout<bd_sexp_node>.stride }

    subscript(index: Int) -> bd_sexp_node {
        @inline(__always) get {
            guard let base, index >= 0, index < count else { Self.outOfRange(index, count) }
            return base[index]
        }
        @inline(__always) _modify {
            guard let base, index >= 0, index < count else { Self.outOfRange(index, count) }
            yield &base[index]
        }
    }

    /// False when there is no memory for it; the column is then unchanged.
    @inline(__always)
    mutating func append(_ node: bd_sexp_node) -> Bool {
        if _slowPath(count == capacity) {
            guard resize(to: max(64, capacity + capacity / 2)) else { return false }
        }
        guard let base else { return false }
        (base + count).initialize(to: node)
        count += 1
        return true
    }

    /// Sets the capacity, never below the count. False when there is no memory for it.
    mutating func resize(to wanted: Int) -> Bool {
        let wanted = max(wanted, count)
        if wanted == capacity { return true }
        let (bytes, overflow) = wanted.multipliedReportingOverflow(by: MemoryLayout<bd_sexp_node>.stride)
        if overflow { return false }
        if bytes >= Self.hugeBytes && wanted > capacity { return growHuge(to: wanted, bytes) }
        if wanted == 0 {
            free(base)
            base = nil
        } else {
            guard let moved = realloc(base, bytes) else { return false }
            base = moved.bindMemory(to: bd_sexp_node.self, capacity: wanted)
        }
        capacity = wanted
        return true
    }

    /// A new block on the border of a huge page, with the advice to use such pages.
    @inline(never)
    private mutating func growHuge(to wanted: Int, _ bytes: Int) -> Bool {
        var block: UnsafeMutableRawPointer?
        guard posix_memalign(&block, Self.hugeBytes, bytes) == 0, let block else { return false }
        _ = madvise(block, bytes, MADV_HUGEPAGE)  // whatever it answers, the block works
        if let base { memcpy(block, base, count * MemoryLayout<bd_sexp_node>.stride) }
        free(base)
        base = block.bindMemory(to: bd_sexp_node.self, capacity: wanted)
        capacity = wanted
        return true
    }

    /// The nodes as bytes, in the layout of bd_layout.h. The pointer is valid inside `body` only.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(UnsafeBufferPointer(start: base, count: count)))
    }

    @inline(never)
    private static func outOfRange(_ index: Int, _ count: Int) -> Never {
        fatalError("node \(index) of a document with \(count) nodes")
    }
}
