// Runs a reproducer with a daemon of its own, in a folder of its own, and looks whether it dies as the report says. Must
// leave nothing behind: the daemon is stopped and the folder removed. Cost: a second.

import CShim
import Glibc
import Wire

struct ScriptCheck {
    private static let limitMs: UInt64 = 60_000

    let script: String
    let report: JSONValue

    /// "checked: …", or what happened instead.
    func run() throws -> String {
        var template = Array("\(environmentVariable("TMPDIR") ?? "/tmp")/bindd-check-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", code: errno) }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { ScriptCheck.remove(folder) }
        let environment = environmentStrings().filter { text in
            !["BINDD_SOCKET=", "BINDD_STATE=", "BINDD_BIN=", "BINDD_PLANTED="].contains { text.hasPrefix($0) }
        } + [
            "BINDD_SOCKET=\(folder)/s.sock", "BINDD_STATE=\(folder)/state", "BINDD_BIN=\(programPath())", "BINDD_PLANTED=1",
            "BINDD_IDLE_EXIT=5",
        ]
        let words = "\(folder)/words"
        let exit = try spawn(python(), [script], environment, errors: words)
        _ = try spawn(programPath(), ["stop"], environment, errors: "/dev/null")
        return verdict(exit, MappedFile(path: words).map { String(decoding: $0.bytes, as: UTF8.self) } ?? "")
    }

    private func verdict(_ exit: ChildExit, _ words: String) -> String {
        let operation = report.text("operation")
        let cause = report.text("cause")
        let died = words.split(separator: "\n").first { $0.contains("the native core died") || $0.contains("the native core exited") }
        if let died, died.contains(cause), died.contains("during \(operation)") { return "checked: it \(cause == "" ? "dies" : "dies with \(cause)") in \(operation)" }
        if words.contains("No module named 'bindd'") {
            return "not checked: this Python has no bindd\n  hint: BINDD_PYTHON names one that has"
        }
        let last = died.map(String.init) ?? words.split(separator: "\n").last.map(String.init) ?? "it ends without an error"
        return "the script does not do it: \(shownText(last))"
    }

    /// $BINDD_PYTHON, else the one beside this program, else that of the path.
    private func python() -> String {
        if let path = environmentVariable("BINDD_PYTHON"), !path.isEmpty { return path }
        let folder = programPath().split(separator: "/").dropLast().map { "/\($0)" }.joined()
        for name in ["python3", "python"] where access("\(folder)/\(name)", X_OK) == 0 { return "\(folder)/\(name)" }
        return "python3"
    }

    private func spawn(_ file: String, _ arguments: [String], _ environment: [String], errors: String) throws -> ChildExit {
        let fd = bd_file_open(errors, O_WRONLY | O_CREAT)
        guard fd >= 0 else { throw SystemError("open \(errors)", negative: fd) }
        defer { close(fd) }
        let loop = try EventLoop()
        var found: ChildExit?
        let plan = ChildProcess.Plan(
            file: file, arguments: [file] + arguments, environment: environment, descriptors: [-1, -1, fd],
            workingDirectory: nil, isDetached: false)
        let process = try ChildProcess(loop: loop, plan: plan) { exit in
            found = exit
            loop.stop()
        }
        let deadline = Timer(loop: loop) { process.kill(SIGKILL) }
        deadline.start(afterMs: ScriptCheck.limitMs)
        loop.run()
        deadline.close()
        process.close()
        try loop.close()
        guard let found else { throw CrashError("\(file) did not end") }
        return found
    }

    /// Two levels deep: files, and the state's folders.
    private static func remove(_ path: String, depth: Int = 4) {
        for name in CrashFolder.entries(path) {
            let inner = "\(path)/\(name)"
            if unlink(inner) != 0, errno == EISDIR || errno == EPERM, depth > 0 { remove(inner, depth: depth - 1) }
        }
        rmdir(path)
    }
}
