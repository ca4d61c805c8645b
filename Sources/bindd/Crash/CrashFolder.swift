// Where reports are: one folder each, named by time and pid, in `crash/` of the state folder. At most so many, and so many
// bytes; the oldest go first. Must not touch what has another name. Cost: a look at each file when a report is added.

import CShim
import Glibc

struct CrashFolder {
    static let reportsMax = 10
    static let bytesMax: Int64 = 200 << 20
    static let reportName = "report.json"

    let path: String

    /// As the settings say, whether it exists or not.
    static func standard(_ variable: (String) -> String? = environmentVariable) -> CrashFolder {
        CrashFolder(path: "\(StateFolder.path(variable: variable) ?? "")/crash")
    }

    /// A new folder for one report, made with those above it, for the owner alone.
    func make(pid: Int32, realtimeNs: UInt64) throws(SystemError) -> String {
        var at = ""
        for part in path.split(separator: "/") {
            at += "/\(part)"
            if mkdir(at, 0o700) != 0, errno != EEXIST, errno != EISDIR, errno != EROFS {
                throw SystemError("mkdir \(at)", code: errno)
            }
        }
        let time = String(isoText(realtimeNs: realtimeNs).prefix(23)).map { $0 == ":" ? "-" : $0 }
        let folder = "\(path)/\(String(time))-\(pid)"
        guard mkdir(folder, 0o700) == 0 else { throw SystemError("mkdir \(folder)", code: errno) }
        return folder
    }

    /// Names of reports, the newest first. A report that is not finished is one too.
    func names() -> [String] {
        CrashFolder.entries(path).filter(CrashFolder.isReport).sorted(by: >)
    }

    /// The report that a person means: nothing (the newest), its place in the list (1 is the newest), the worker's pid, or
    /// the beginning of its name.
    func find(_ wanted: String?) -> String? {
        let names = names()
        guard let wanted, !wanted.isEmpty else { return names.first }
        if let place = Int(wanted), names.indices.contains(place - 1), place <= CrashFolder.reportsMax { return names[place - 1] }
        let name = wanted.split(separator: "/").last.map(String.init) ?? wanted
        return names.first { $0.hasSuffix("-\(name)") } ?? names.first { $0.hasPrefix(name) }
    }

    /// Removes the oldest reports beyond the limits; never the newest one.
    func tidy() {
        var bytes: Int64 = 0
        for (index, name) in names().enumerated() {
            bytes += CrashFolder.byteCount(of: "\(path)/\(name)")
            if index > 0, index >= CrashFolder.reportsMax || bytes > CrashFolder.bytesMax { CrashFolder.remove("\(path)/\(name)") }
        }
    }

    /// `2026-11-22T09-41-07.123-4711`: names are in the order of time. Without thousandths of a second: of an earlier version.
    private static func isReport(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard bytes.count > 20, bytes[10] == UInt8(ascii: "T") else { return false }
        let start = bytes[19] == UInt8(ascii: ".") && bytes.count > 24 ? 23 : 19
        return bytes[start] == UInt8(ascii: "-") && bytes[(start + 1)...].allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    static func entries(_ path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func byteCount(of folder: String) -> Int64 {
        entries(folder).reduce(0) { sum, name in
            var about = stat()
            return lstat("\(folder)/\(name)", &about) == 0 ? sum + Int64(about.st_blocks) * 512 : sum
        }
    }

    private static func remove(_ folder: String) {
        for name in entries(folder) { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }
}
