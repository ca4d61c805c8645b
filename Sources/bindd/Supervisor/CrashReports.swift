// Has reports written: makes the folder at once, so that clients can be told its name, and leaves the work to a process of
// its own. Must not wait for it, nor have many at once: when deaths come faster than reports, some have none.
// Cost: a folder and a spawn, a millisecond.

import CLayout
import CShim
import Glibc
import Logging
import Wire

final class CrashReports {
    private let loop: EventLoop
    private let executable: String
    private let environment: [String]
    private let log: Logger
    private let folder: CrashFolder?
    private var budget = LineBudget(linesMax: DaemonLimits.reportsInTenSeconds)
    private var writers: [String: (process: ChildProcess, deadline: Timer)] = [:]

    init(loop: EventLoop, executable: String, environment: [String], log: Logger, folder: CrashFolder?) {
        self.loop = loop
        self.executable = executable
        self.environment = environment
        self.log = log
        self.folder = folder
    }

    /// Starts a report; its folder, or nil when there will be none.
    /// `journal`: its files, as far as they go now: another worker may write on.
    func begin(pid: Int32, page: Int32, journal: JournalFiles?, facts: JSONValue) -> String? {
        guard let folder, budget.take(nowNs: loop.nowNs) != nil, writers.count < DaemonLimits.reportWritersMax else { return nil }
        do {
            let path = try folder.make(pid: pid, realtimeNs: bd_clock_realtime_ns())
            try spawn(path, page, journal, facts)
            return path
        } catch {
            log.error("crash_report_failed", metadata: ["detail": "\(error)"])
            return nil
        }
    }

    private func spawn(_ path: String, _ page: Int32, _ journal: JournalFiles?, _ facts: JSONValue) throws {
        let text = bd_page_create_growing("bindd-crash-facts", 0)
        guard text >= 0 else { throw SystemError("memfd_create", negative: text) }
        defer { Glibc.close(text) }
        let heads = journal?.descriptors.map(JournalCopy.head) ?? []
        let facts = JSONValue.object(
            facts.members + [
                ("journal_bytes", .array(heads.map { .uint($0.bytes) })), ("journal_heads", .array(heads.map { .string($0.hex) })),
            ])
        guard writeAll(text, facts.text) else { throw SystemError("write", code: errno) }
        let plan = ChildProcess.Plan(
            file: executable, arguments: ["bindd", "crash-report", path], environment: environment,
            descriptors: [-1, -1, 2, page, text] + (journal?.descriptors ?? []), workingDirectory: nil, isDetached: true)
        let process = try ChildProcess(loop: loop, plan: plan) { [weak self] exit in self?.written(path, exit) }
        let deadline = Timer(loop: loop) { process.kill(SIGKILL) }
        deadline.start(afterMs: DaemonLimits.reportDeadlineMs)
        writers[path] = (process, deadline)
    }

    private func written(_ path: String, _ exit: ChildExit) {
        guard let writer = writers.removeValue(forKey: path) else { return }
        writer.deadline.close()
        writer.process.close()
        guard exit.signal != 0 || exit.status != 0 else { return }
        log.error(
            "crash_report_failed",
            metadata: ["report": "\(path)", "status": "\(exit.status)", "signal": "\(exit.signal)"])
    }

    /// Lets go of those under way; they end by themselves.
    func close() {
        for writer in writers.values {
            writer.deadline.close()
            writer.process.close()
        }
        writers = [:]
    }
}

/// Whether a death was for want of memory, as far as it can be told.
enum MemoryDeath {
    /// Words of Swift's runtime and of the C++ one when an allocation failed.
    private static let lastWords = ["failed to allocate", "bad_alloc", "out of memory", "Cannot allocate memory"]

    /// `kills`: how many processes the system ended for want of memory, when the worker started and now.
    static func isLikely(signal: Int32, isOurKill: Bool, stderr: String, killsBefore: UInt64, killsNow: UInt64) -> Bool {
        if signal == SIGABRT || signal == SIGILL || signal == SIGTRAP || signal == 0 {  // 0: it said so, and left
            return lastWords.contains { words in stderr.contains(words) }
        }
        return signal == SIGKILL && !isOurKill && killsNow > killsBefore
    }
}
