// The log: one line per event on standard error (which is the .log file of a detached daemon).
//   2026-11-22T09:41:07.123Z info worker_died pid=4711 signal=SIGSEGV
// Values are quoted when they hold spaces or quotes; control characters never reach the file.
// Must not block on anything but the file. Cost: one write per line.

import CShim
import Glibc
import Logging

struct LineLogHandler: LogHandler {
    var logLevel: Logger.Level = .info
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line = isoText(realtimeNs: bd_clock_realtime_ns())
        line += " \(event.level.rawValue) \(event.message)"
        let values = metadata.merging(event.metadata ?? [:]) { _, new in new }
        for key in values.keys.sorted() {
            guard let value = values[key] else { continue }
            line += " \(key)=\(quotedForLog("\(value)"))"
        }
        line += "\n"
        writeAll(2, line)
        LineLogHandler.bound(2)
    }

    /// A log file that grew beyond its limit begins anew: what was said long ago of clients that are gone helps nobody.
    private static func bound(_ fd: Int32) {
        var about = stat()
        guard fstat(fd, &about) == 0, about.st_mode & S_IFMT == S_IFREG, about.st_size > DaemonLimits.logBytesMax else {
            return
        }
        guard ftruncate(fd, 0) == 0 else { return }
        writeAll(fd, "\(isoText(realtimeNs: bd_clock_realtime_ns())) info log_begins_anew bytes=\(about.st_size)\n")
    }

    static func logger(level: Logger.Level) -> Logger {
        Logger(label: "bindd") { _ in LineLogHandler(logLevel: level) }
    }
}

/// Writes to a blocking descriptor; false when its reader is gone or it fails.
@discardableResult
func writeAll(_ fd: Int32, _ text: String) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
        var start = 0
        while start < bytes.count {
            let count = write(fd, bytes.baseAddress?.advanced(by: start), bytes.count - start)
            if count < 0 {
                if errno == EINTR { continue }
                return false
            }
            start += count
        }
        return true
    }
}

func quotedForLog(_ value: String) -> String {
    let isPlain = !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != 0x22 && $0 != 0x3D }
    if isPlain { return value }
    var out = "\""
    for scalar in value.unicodeScalars {
        switch scalar {
        case "\"": out += "\\\""
        case "\\": out += "\\\\"
        case "\n": out += "\\n"
        case let other where other.value < 0x20 || other.value == 0x7F: out += "?"
        case let other: out.unicodeScalars.append(other)
        }
    }
    return out + "\""
}

/// ISO 8601 in UTC with milliseconds.
func isoText(realtimeNs: UInt64) -> String {
    var seconds = time_t(realtimeNs / 1_000_000_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let milliseconds = Int(realtimeNs / 1_000_000 % 1000)
    let fraction = String(repeating: "0", count: 3 - String(milliseconds).utf8.count) + String(milliseconds)
    return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T\(two(parts.tm_hour)):"
        + "\(two(parts.tm_min)):\(two(parts.tm_sec)).\(fraction)Z"
}

/// So many lines in ten seconds; the rest is counted and told when the next one is allowed.
struct LineBudget {
    private let linesMax: Int
    private var windowStartNs: UInt64 = 0
    private var lines = 0
    /// Lines not said since the last that was.
    private(set) var suppressed = 0

    init(linesMax: Int) { self.linesMax = linesMax }

    /// nil: say nothing. Else how many lines were not said since the last.
    mutating func take(nowNs: UInt64) -> Int? {
        if nowNs - min(windowStartNs, nowNs) >= 10_000_000_000 {
            windowStartNs = nowNs
            lines = 0
        }
        guard lines < linesMax else {
            suppressed += 1
            return nil
        }
        lines += 1
        defer { suppressed = 0 }
        return suppressed
    }
}
