// A file mapped for reading, and a reader of bytes that never leaves them. For files that nobody vouches for: a damaged
// one gives zeros and `isBroken`, never a fault (short of a file that is cut while it is mapped: programs are replaced by
// renaming, not by writing into them).
// Cost: a page fault per page that is looked at.

import CShim
import Glibc

final class MappedFile {
    let bytes: UnsafeRawBufferPointer

    /// nil when there is no such file, or it is empty.
    init?(path: String) {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var about = stat()
        guard fstat(fd, &about) == 0, about.st_mode & S_IFMT == S_IFREG, about.st_size > 0 else { return nil }
        let size = Int(about.st_size)
        guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, fd, 0), start != MAP_FAILED else { return nil }
        bytes = UnsafeRawBufferPointer(start: start, count: size)
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count) }

    /// The part of the file, as far as it is there.
    func part(_ offset: UInt64, _ count: UInt64) -> ByteReader {
        let start = Int(min(offset, UInt64(bytes.count)))
        let length = Int(min(count, UInt64(bytes.count - start)))
        return ByteReader(owner: self, bytes: UnsafeRawBufferPointer(rebasing: bytes[start..<start + length]))
    }
}

/// Little-endian values in order. Reading past the end gives zeros and sets `isBroken`.
struct ByteReader {
    private let owner: MappedFile
    private let bytes: UnsafeRawBufferPointer
    var at = 0
    private(set) var isBroken = false

    init(owner: MappedFile, bytes: UnsafeRawBufferPointer) {
        self.owner = owner
        self.bytes = bytes
    }

    var count: Int { bytes.count }
    var isAtEnd: Bool { at >= bytes.count || isBroken }

    /// A reader of the same bytes, elsewhere.
    func moved(to offset: Int) -> ByteReader {
        var other = self
        other.at = offset
        other.isBroken = offset < 0 || offset > bytes.count
        return other
    }

    /// The next bytes alone.
    func part(_ count: Int) -> ByteReader {
        let start = min(max(at, 0), bytes.count)
        let end = min(start + max(count, 0), bytes.count)
        return ByteReader(owner: owner, bytes: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
    }

    private mutating func fixed<T: FixedWidthInteger>(_ type: T.Type) -> T {
        let size = MemoryLayout<T>.size
        guard at >= 0, at <= bytes.count - size, !isBroken else {
            isBroken = true
            return 0
        }
        defer { at += size }
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: T.self))
    }

    mutating func u8() -> UInt8 { fixed(UInt8.self) }
    mutating func u16() -> UInt16 { fixed(UInt16.self) }
    mutating func u32() -> UInt32 { fixed(UInt32.self) }
    mutating func u64() -> UInt64 { fixed(UInt64.self) }

    mutating func skip(_ count: UInt64) {
        guard count <= UInt64(max(bytes.count - at, 0)) else {
            isBroken = true
            return
        }
        at += Int(count)
    }

    /// LEB128, both kinds; bits beyond 64 are dropped.
    mutating func unsigned() -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = u8()
            if shift < 64 { value |= UInt64(byte & 0x7F) << shift }
            shift += 7
            if byte & 0x80 == 0 || isBroken { return value }
        }
    }

    mutating func signed() -> Int64 {
        var value: Int64 = 0
        var shift: Int64 = 0
        while true {
            let byte = u8()
            if shift < 64 { value |= Int64(byte & 0x7F) << shift }
            shift += 7
            if byte & 0x80 != 0, !isBroken { continue }
            if shift < 64, byte & 0x40 != 0 { value |= -1 << shift }
            return value
        }
    }

    /// Up to the next zero.
    mutating func text() -> String {
        let start = at
        while u8() != 0 {}
        guard !isBroken, at - 1 >= start else { return "" }
        return String(decoding: bytes[start..<at - 1], as: UTF8.self)
    }

    mutating func skipText() { while u8() != 0 {} }
}
