// The whole store as bytes, and back: the arena's memory as it lies, and the few tables beside it. For the journal, which
// would grow for ever without; the same process layout on both ends, so nothing is converted. What comes back is the same
// store, block for block. Reading checks every length. Cost: one copy of the memory in use.

import CLayout

/// Bytes of an image, read from the front. Throws instead of reading beyond the end.
public struct ImageReader {
    private var rest: UnsafeRawBufferPointer

    /// The bytes must stay until the reader is no longer used.
    public init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

    public var isAtEnd: Bool { rest.isEmpty }

    public mutating func word() throws(GraphError) -> Int {
        let bytes = try self.bytes(8)
        let value = bytes.loadUnaligned(as: Int64.self)
        guard value >= 0, value <= Int64(1) << 48 else { throw ImageReader.broken("a count of \(value)") }
        return Int(value)
    }

    public mutating func bytes(_ count: Int) throws(GraphError) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= rest.count else { throw ImageReader.broken("\(count) bytes where \(rest.count) are left") }
        defer { rest = UnsafeRawBufferPointer(rebasing: rest[count...]) }
        return UnsafeRawBufferPointer(rebasing: rest[..<count])
    }

    /// As many values as the word before them says.
    public mutating func list<Element: BitwiseCopyable>(of type: Element.Type) throws(GraphError) -> [Element] {
        let count = try word()
        let raw = try bytes(count * MemoryLayout<Element>.stride)
        return (0..<count).map { raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Element>.stride, as: type) }
    }

    static func broken(_ what: String) -> GraphError { GraphError(.invalidValue, "the image of the graph is damaged: \(what)") }
}

/// Takes the bytes of an image in order.
public struct ImageWriter {
    private let write: (UnsafeRawBufferPointer) throws -> Void

    public init(_ write: @escaping (UnsafeRawBufferPointer) throws -> Void) { self.write = write }

    public func word(_ value: Int) throws { try withUnsafeBytes(of: Int64(value)) { try write($0) } }

    public func bytes(_ bytes: UnsafeRawBufferPointer) throws { try write(bytes) }

    public func list<Element: BitwiseCopyable>(_ values: [Element]) throws {
        try word(values.count)
        try values.withUnsafeBytes { try write($0) }
    }
}

extension GraphStore {
    /// `ranges`: where the arena's memory was ever written, in bytes from its start; the rest reads as zeros.
    public func writeImage(to image: ImageWriter, ranges: [Range<Int>]) throws {
        try arena.writeTables(to: image)
        for value in [nodeCount, edgeCount] { try image.word(value) }
        try image.list(liveViews.ids)
        for live in [nodes.livePages, edges.livePages, edgeReferences.livePages, views.livePages] { try image.list(live) }
        try strings.writeTable(to: image)
        let used = ranges.map { $0.clamped(to: 0..<arena.extentBytes) }.filter { !$0.isEmpty }
        try image.word(used.count)
        for range in used {
            try image.word(range.lowerBound)
            try image.word(range.count)
            try image.bytes(UnsafeRawBufferPointer(start: arena.base + range.lowerBound, count: range.count))
        }
    }

    /// Puts an image into a store whose arena is new. The store must not be used when this throws.
    public mutating func readImage(from image: inout ImageReader) throws(GraphError) {
        try arena.readTables(from: &image)
        nodeCount = try image.word()
        edgeCount = try image.word()
        for id in try image.list(of: UInt32.self) { _ = liveViews.insert(id) }
        try nodes.setLivePages(try image.list(of: PageCount.self))
        try edges.setLivePages(try image.list(of: PageCount.self))
        try edgeReferences.setLivePages(try image.list(of: PageCount.self))
        try views.setLivePages(try image.list(of: PageCount.self))
        try strings.readTable(from: &image)
        for _ in 0..<(try image.word()) {
            let start = try image.word()
            let bytes = try image.bytes(try image.word())
            guard start + bytes.count <= arena.extentBytes else { throw ImageReader.broken("memory beyond the arena's end") }
            UnsafeMutableRawBufferPointer(start: arena.base + start, count: bytes.count).copyMemory(from: bytes)
        }
        arena.finishImage()
    }
}

/// Records in use in one page of a column.
struct PageCount: BitwiseCopyable {
    var page: UInt32
    var live: UInt32
}

extension Column {
    var livePages: [PageCount] {
        (0..<extent).compactMap { page in
            livePage(page) == 0 ? nil : PageCount(page: UInt32(page), live: livePage(page))
        }
    }

    func setLivePages(_ pages: [PageCount]) throws(GraphError) {
        for page in pages {
            guard page.page < BD_ARENA_DIRECTORY_ENTRIES else { throw ImageReader.broken("page \(page.page) of a column") }
            setLivePage(Int(page.page), page.live)
        }
    }
}
