// A view as bytes, to be kept in a file: the format of docs/FILE_FORMAT.md, version 1. This file holds what is common to
// writing and reading: the header, the sections and their checksums. Must not know graphs.
// Cost: one pass over the bytes, about 1 ns per byte for the checksum.

enum ViewFile {
    static let magic: [UInt8] = [0x62, 0x69, 0x6E, 0x64, 0x64, 0x0A, 0x67, 0x76]  // "bindd\ngv": text transfer breaks it
    static let version: UInt32 = 1
    static let headerBytes = 40
    static let sectionHeadBytes = 24

    enum Section: UInt32, CaseIterable {
        case strings = 1
        case nodes = 2
        case edges = 3
        case attributes = 4
        /// Adjacency lists whose order is not that of the edges.
        case order = 5
    }

    /// FNV-1a over the bytes: each step is a bijection, so one changed byte always changes it.
    static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var value: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return value
    }
}

/// Puts the sections of a file one behind the other.
struct ViewFileWriter {
    private(set) var bytes: [UInt8] = []
    private var sectionStart = 0

    init() { bytes = Array(repeating: 0, count: ViewFile.headerBytes) }

    mutating func u32(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
    mutating func u64(_ value: UInt64) { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
    mutating func text(_ value: String) {
        u32(UInt32(value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }

    mutating func begin(_ section: ViewFile.Section) {
        sectionStart = bytes.count
        u32(section.rawValue)
        u32(0)
        u64(0)
        u64(0)
    }

    mutating func end() {
        let count = bytes.count - sectionStart - ViewFile.sectionHeadBytes
        store(UInt64(count), at: sectionStart + 8)
        bytes.append(contentsOf: repeatElement(0, count: -bytes.count & 7))
        // Over the section with the checksum's own place as zeros.
        let range = sectionStart..<bytes.count
        store(bytes.withUnsafeBytes { ViewFile.checksum(UnsafeRawBufferPointer(rebasing: $0[range])) }, at: sectionStart + 16)
    }

    mutating func finish(nodes: Int, edges: Int) -> [UInt8] {
        for (at, byte) in ViewFile.magic.enumerated() { bytes[at] = byte }
        store(UInt64(ViewFile.version) | UInt64(ViewFile.headerBytes) << 32, at: 8)
        store(UInt64(bytes.count), at: 16)
        store(UInt64(nodes) | UInt64(edges) << 32, at: 24)
        store(bytes.withUnsafeBytes { ViewFile.checksum(UnsafeRawBufferPointer(rebasing: $0[..<32])) }, at: 32)
        return bytes
    }

    private mutating func store(_ value: UInt64, at offset: Int) {
        withUnsafeBytes(of: value.littleEndian) { source in
            for (at, byte) in source.enumerated() { bytes[offset + at] = byte }
        }
    }
}

/// Reads a file's bytes, every length checked before it is used. Says where something is wrong.
struct ViewFileReader {
    private let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0
    private var end = 0
    private var section: ViewFile.Section?
    let nodeCount: Int
    let edgeCount: Int

    /// Checks the header.
    init(_ bytes: UnsafeRawBufferPointer) throws(GraphError) {
        self.bytes = bytes
        func word(_ at: Int) -> UInt64 { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)) }
        guard bytes.count >= ViewFile.headerBytes, bytes.prefix(8).elementsEqual(ViewFile.magic) else {
            throw GraphError(.invalidValue, "this is no file of a GraphView: it does not begin as one")
        }
        let version = UInt32(truncatingIfNeeded: word(8))
        guard ViewFile.checksum(UnsafeRawBufferPointer(rebasing: bytes[..<32])) == word(32) else {
            throw GraphError(.invalidValue, "the file of a GraphView is damaged: the header's checksum is wrong")
        }
        guard version == ViewFile.version else {
            throw GraphError(
                .invalidValue,
                "the file has format version \(version), this bindd reads version \(ViewFile.version): it was written by a newer one")
        }
        guard word(8) >> 32 == UInt64(ViewFile.headerBytes), word(16) == UInt64(bytes.count) else {
            throw GraphError(
                .invalidValue, "the file of a GraphView is cut off: it has \(bytes.count) bytes and says \(word(16))")
        }
        nodeCount = Int(UInt32(truncatingIfNeeded: word(24)))
        edgeCount = Int(word(24) >> 32)
        offset = ViewFile.headerBytes
    }

    /// Enters the next section, which must be this one, and checks its sum.
    mutating func begin(_ wanted: ViewFile.Section) throws(GraphError) {
        section = wanted
        end = bytes.count
        let start = offset
        let tag = try u32()
        let zero = try u32()
        let count = try u64()
        let sum = try u64()
        guard tag == wanted.rawValue, zero == 0, count <= UInt64(bytes.count - offset) else { throw damaged("its head is wrong") }
        end = offset + Int(count)
        let padded = end + (-end & 7)
        guard padded <= bytes.count else { throw damaged("it is cut off") }
        var value: UInt64 = 0xCBF2_9CE4_8422_2325
        for at in start..<padded {
            let byte = (start + 16..<start + 24).contains(at) ? 0 : bytes[at]
            value = (value ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        guard value == sum else { throw damaged("its checksum is wrong") }
    }

    mutating func finishSection() throws(GraphError) {
        guard offset == end else { throw damaged("\(end - offset) bytes too many") }
        offset += -offset & 7
    }

    func finish() throws(GraphError) {
        guard offset == bytes.count else {
            throw GraphError(.invalidValue, "the file of a GraphView has \(bytes.count - offset) bytes too many")
        }
    }

    mutating func u32() throws(GraphError) -> UInt32 {
        guard end - offset >= 4 else { throw damaged("it is too short") }
        defer { offset += 4 }
        return UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    mutating func u64() throws(GraphError) -> UInt64 {
        guard end - offset >= 8 else { throw damaged("it is too short") }
        defer { offset += 8 }
        return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    mutating func text() throws(GraphError) -> String {
        let count = Int(try u32())
        guard count <= end - offset else { throw damaged("a text of \(count) bytes does not fit") }
        defer { offset += count }
        guard let text = String(validating: bytes[offset..<offset + count], as: UTF8.self) else {
            throw damaged("a text is not UTF-8")
        }
        return text
    }

    /// A count of items that take at least so many bytes each.
    mutating func count(itemBytes: Int) throws(GraphError) -> Int {
        let count = Int(try u32())
        guard count <= (end - offset) / itemBytes else { throw damaged("\(count) items do not fit") }
        return count
    }

    func damaged(_ what: String) -> GraphError {
        let place = section.map { "the section of \($0) (byte \(offset))" } ?? "the header"
        return GraphError(.invalidValue, "the file of a GraphView is damaged: \(place): \(what)")
    }
}
