// What /proc tells of a process: its state and memory. Must not be asked about processes that we do not know.
// Cost: open, read, close; some microseconds; never blocks.

import CShim
import Glibc

enum ProcessFiles {
    /// R, S, D, T (stopped), t (traced), Z …; nil when there is no such process.
    static func state(pid: Int32) -> Character? {
        guard let text = head(of: "/proc/\(pid)/stat"), let close = text.lastIndex(of: ")") else { return nil }
        return text[text.index(after: close)...].first { $0 != " " }
    }

    /// When the process started, in ticks since boot; nil when there is none (also when it is dead and not reaped).
    static func startTicks(pid: Int32) -> UInt64? {
        guard let text = head(of: "/proc/\(pid)/stat"), let close = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: close)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z" else { return nil }
        return UInt64(fields[19])
    }

    static func isStopped(pid: Int32) -> Bool {
        let state = state(pid: pid)
        return state == "T" || state == "t"
    }

    static func residentBytes(pid: Int32) -> UInt64 {
        guard let text = head(of: "/proc/\(pid)/statm") else { return 0 }
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = UInt64(fields[1]) else { return 0 }
        return pages * UInt64(max(sysconf(Int32(_SC_PAGESIZE)), 1))
    }

    /// Processes that the system ended for want of memory since it runs; 0 where it does not tell.
    static func outOfMemoryKills() -> UInt64 {
        let text = head(of: "/proc/vmstat", bytesMax: 1 << 15) ?? ""
        for line in text.split(separator: "\n").reversed() where line.hasPrefix("oom_kill ") {
            return UInt64(line.dropFirst(9)) ?? 0
        }
        return 0
    }

    /// The user's name from /etc/passwd (no name service: that could block), or the number.
    static func userName(uid: UInt32) -> String {
        let text = head(of: "/etc/passwd", bytesMax: 1 << 16) ?? ""
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 2, fields[2] == String(uid) { return String(fields[0]) }
        }
        return String(uid)
    }

    private static func head(of path: String, bytesMax: Int = 4096) -> String? {
        let fd = bd_file_open(path, O_RDONLY)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var bytes = [UInt8](repeating: 0, count: bytesMax)
        let count = read(fd, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[0..<count], as: UTF8.self) : nil
    }
}
