// One daemon per socket: a file whose flock the daemon holds for life, with its pid in it.
//
// The lock file is unlinked at the end, so a lock counts only while the file is still the one at the path.
// Must not decide what a held lock means. Cost: four kernel calls.

import CShim
import Glibc

final class DaemonLock {
    private let path: String
    private let fd: Int32

    private init(path: String, fd: Int32) {
        self.path = path
        self.fd = fd
    }

    deinit { close(fd) }

    /// The lock, or nil when another process holds it.
    static func take(path: String) throws(SystemError) -> DaemonLock? {
        for _ in 0..<16 {  // each turn another daemon ended between open and flock
            let fd = bd_file_open(path, O_RDWR | O_CREAT)
            guard fd >= 0 else { throw SystemError("open \(path)", negative: fd) }
            let result = bd_file_lock(fd)
            guard result == 0 else {
                close(fd)
                if result == -EWOULDBLOCK { return nil }
                throw SystemError("flock \(path)", negative: result)
            }
            guard isSameFile(fd, path) else {
                close(fd)
                continue
            }
            let lock = DaemonLock(path: path, fd: fd)
            try lock.writePid()
            return lock
        }
        return nil
    }

    /// The pid that the holder wrote; 0 when there is none.
    static func pid(path: String) -> Int32 {
        let fd = bd_file_open(path, O_RDONLY)
        guard fd >= 0 else { return 0 }
        defer { close(fd) }
        var digits = [UInt8](repeating: 0, count: 16)
        let count = read(fd, &digits, digits.count)
        guard count > 0 else { return 0 }
        let text = String(decoding: digits[0..<count].prefix { $0 >= 0x30 && $0 <= 0x39 }, as: UTF8.self)
        return Int32(text) ?? 0
    }

    /// The last act of a daemon that ends in order: its file goes while the lock is still held.
    func remove() { unlink(path) }

    private func writePid() throws(SystemError) {
        let text = "\(getpid())\n"
        guard ftruncate(fd, 0) == 0, pwrite(fd, text, text.utf8.count, 0) == text.utf8.count else {
            throw SystemError("write \(path)", code: errno)
        }
    }

    private static func isSameFile(_ fd: Int32, _ path: String) -> Bool {
        var opened = stat()
        var named = stat()
        guard fstat(fd, &opened) == 0, lstat(path, &named) == 0 else { return false }
        return opened.st_ino == named.st_ino && opened.st_dev == named.st_dev
    }
}
