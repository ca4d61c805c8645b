// A memory file of another process, opened through /proc and read with pread: no map, so that nothing that its owner does
// can fault here, and a file of half a gigabyte costs no memory. What comes out is only numbers; who reads checks them.
// Cost: a system call per read.

import CLayout
import Glibc

final class SharedFile {
    private let fd: Int32
    let byteCount: Int

    /// nil when the process or the descriptor is gone, or it is no regular file.
    init?(pid: Int64, fd number: Int64) {
        let fd = open("/proc/\(pid)/fd/\(number)", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard fd >= 0 else { return nil }
        var about = stat()
        guard fstat(fd, &about) == 0, about.st_mode & S_IFMT == S_IFREG else {
            close(fd)
            return nil
        }
        self.fd = fd
        byteCount = about.st_size
    }

    deinit { close(fd) }

    /// Fills `bytes` from `offset`; what lies behind the end of the file reads as zeros.
    func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int) {
        var done = 0
        while done < bytes.count {
            let count = pread(fd, bytes.baseAddress?.advanced(by: done), bytes.count - done, offset + done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            done += count
        }
        if done < bytes.count {
            bytes[done...].withUnsafeMutableBytesOf { $0.initializeMemory(as: UInt8.self, repeating: 0) }
        }
    }

    func bytes(at offset: Int, count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { room, filled in
            read(UnsafeMutableRawBufferPointer(room), at: offset)
            filled = count
        }
    }

    /// One structure of numbers.
    func value<Layout: BitwiseCopyable>(at offset: Int, of zeros: Layout) -> Layout {
        var value = zeros
        withUnsafeMutableBytes(of: &value) { read($0, at: offset) }
        return value
    }

    func values<Layout: BitwiseCopyable>(at offset: Int, count: Int, of type: Layout.Type) -> [Layout] {
        [Layout](unsafeUninitializedCapacity: count) { room, filled in
            read(UnsafeMutableRawBufferPointer(room), at: offset)
            filled = count
        }
    }
}

extension Slice where Base == UnsafeMutableRawBufferPointer {
    fileprivate func withUnsafeMutableBytesOf(_ body: (UnsafeMutableRawBufferPointer) -> Void) {
        body(UnsafeMutableRawBufferPointer(rebasing: self))
    }
}

/// Records of a ledger, a chunk at a time, read twice: a record that differs is being written and left out.
struct LedgerChunks {
    static let recordsPerChunk = 32_768

    let file: SharedFile
    let recordCount: Int

    func forEach(_ body: (bd_ledger_record) -> Void) {
        let recordBytes = MemoryLayout<bd_ledger_record>.stride
        let first = UnsafeMutableRawBufferPointer.allocate(
            byteCount: LedgerChunks.recordsPerChunk * recordBytes, alignment: 16)
        let second = UnsafeMutableRawBufferPointer.allocate(byteCount: first.count, alignment: 16)
        defer {
            first.deallocate()
            second.deallocate()
        }
        var start = 0
        while start < recordCount {
            let count = min(LedgerChunks.recordsPerChunk, recordCount - start)
            let bytes = count * recordBytes
            let offset = Int(BD_LEDGER_RECORDS_OFFSET) + start * recordBytes
            file.read(UnsafeMutableRawBufferPointer(rebasing: first[..<bytes]), at: offset)
            file.read(UnsafeMutableRawBufferPointer(rebasing: second[..<bytes]), at: offset)
            for at in stride(from: 0, to: bytes, by: recordBytes) {
                let id = first.load(fromByteOffset: at, as: UInt64.self)
                guard id != 0 else { continue }
                let record = first.load(fromByteOffset: at, as: bd_ledger_record.self)
                let again = second.load(fromByteOffset: at, as: bd_ledger_record.self)
                let isStill =
                    record.id == again.id && record.created_ns == again.created_ns && record.site == again.site
                    && record.place == again.place && record.label == again.label
                if isStill { body(record) }
            }
            start += count
        }
    }
}

/// A number in bytes read from a file; 0 behind their end.
func number(_ bytes: [UInt8], at offset: Int) -> UInt32 {
    guard offset >= 0, offset + 4 <= bytes.count else { return 0 }
    return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
}
