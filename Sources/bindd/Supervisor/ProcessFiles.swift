// What /proc tells of a process: its state and memory; and who goes first when memory runs out. Must not be asked about
// processes that we do not know.
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

    /// Processes that the system ended for want of memory: of this control group, in which the workers are, too; of the
    /// whole system where groups do not count; 0 where nobody tells.
    static func outOfMemoryKills() -> UInt64 {
        for path in groupCounters {
            if let count = count(named: "oom_kill", in: path) { return count }
        }
        return count(named: "oom_kill", in: "/proc/vmstat") ?? 0
    }

    /// Where the memory controller of this process's group counts, for both versions of control groups.
    private static let groupCounters: [String] = (head(of: "/proc/self/cgroup") ?? "").split(separator: "\n").compactMap { line in
        let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3 else { return nil }
        if fields[1].isEmpty { return "/sys/fs/cgroup\(fields[2])/memory.events" }
        return fields[1] == "memory" ? "/sys/fs/cgroup/memory\(fields[2])/memory.oom_control" : nil
    }

    private static func count(named name: String, in path: String) -> UInt64? {
        let lines = (head(of: path, bytesMax: 1 << 15) ?? "").split(separator: "\n")
        return lines.last { $0.hasPrefix("\(name) ") }.flatMap { UInt64($0.dropFirst(name.utf8.count + 1)) }
    }

    /// When memory runs out, the system ends a process that has this before the client's interpreter and the daemon: what a
    /// worker holds comes back. Where a system does not let this be said, its own choice stays.
    static func giveUpFirst(pid: Int32) {
        let fd = bd_file_open("/proc/\(pid)/oom_score_adj", O_WRONLY)
        guard fd >= 0 else { return }
        defer { close(fd) }
        let text = "\(DaemonLimits.workerOutOfMemoryScore)"
        _ = write(fd, text, text.utf8.count)
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
