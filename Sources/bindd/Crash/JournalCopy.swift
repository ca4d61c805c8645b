// A copy of a journal as it was when its worker died, though another worker may go on with the files: the supervisor notes
// their heads and sizes at once, the copying is done later and is worth nothing when a file was begun anew meanwhile.
// Must not change the files. Cost: a page per file at once, the rest a memory copy.

import CLayout
import CShim
import Glibc
import Wire

struct JournalCopy {
    static let bytesMax: UInt64 = 128 << 20
    private static let headBytes = MemoryLayout<bd_journal_head>.size
    /// Up to here a head is written once.
    private static let fixedBytes = MemoryLayout<bd_journal_head>.offset(of: \.applied) ?? 0
    private static let pieceBytes = 1 << 20

    let descriptors: [Int32]

    /// What is noted at once.
    static func head(_ fd: Int32) -> (bytes: UInt64, hex: String) {
        var about = stat()
        let size = fstat(fd, &about) == 0 ? UInt64(max(about.st_size, 0)) : 0
        return (size, read(fd).map { hexText(UInt64($0), digits: 2) }.joined())
    }

    private static func read(_ fd: Int32) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: headBytes)
        let count = pread(fd, &bytes, bytes.count, 0)
        return Array(bytes[..<max(count, 0)])
    }

    /// Copies the files into the folder; why not, or "".
    func copy(_ facts: JSONValue, to folder: String) -> String {
        let sizes = (facts["journal_bytes"]?.items ?? []).map { UInt64($0.text) ?? 0 }
        let heads = (facts["journal_heads"]?.items ?? []).map { if case .string(let text) = $0 { JournalCopy.bytes(text) } else { [UInt8]() } }
        guard sizes.count == 2, heads.count == 2 else { return "the workspace had none" }
        guard sizes[0] + sizes[1] <= JournalCopy.bytesMax else {
            return "it has \(sizes[0] + sizes[1]) bytes, at most \(JournalCopy.bytesMax) are copied"
        }
        let paths = CrashCase.journalNames.map { "\(folder)/\($0)" }
        for index in 0..<2 {
            let why = copy(descriptors[index], sizes[index], heads[index], to: paths[index])
            guard why.isEmpty else {
                for path in paths { unlink(path) }
                return why
            }
        }
        return ""
    }

    private func copy(_ source: Int32, _ size: UInt64, _ head: [UInt8], to path: String) -> String {
        let target = bd_file_open(path, O_WRONLY | O_CREAT | O_EXCL)
        guard target >= 0 else { return SystemError("open \(path)", negative: target).description }
        defer { close(target) }
        var piece = [UInt8](repeating: 0, count: JournalCopy.pieceBytes)
        var done: UInt64 = 0
        while done < size {
            let count = pread(source, &piece, min(piece.count, Int(size - done)), off_t(done))
            guard count > 0 else { return "it was replaced before it could be copied" }
            guard write(target, piece, count) == count else { return SystemError("write \(path)", code: errno).description }
            done += UInt64(count)
        }
        guard size == 0 || pwrite(target, head, head.count, 0) == head.count else {
            return SystemError("write \(path)", code: errno).description
        }
        let now = JournalCopy.read(source)
        return now.prefix(JournalCopy.fixedBytes) == head.prefix(JournalCopy.fixedBytes)
            ? "" : "it was replaced before it could be copied"
    }

    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
        }
    }
}
