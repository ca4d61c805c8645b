// What is known of a worker that ended: how, in which request, with which last words. The last 64 are kept.
// Must not ask anybody: it is built from the exit status, the worker page and the pipe of its standard error.

import CLayout
import Glibc
import Wire

struct Obituary {
    var pid: Int32
    var workspace: String
    var signal: Int32  // 0: it exited
    var exitCode: Int64
    var operation: UInt32  // 0: it was idle
    var operationName: String
    var request: UInt64
    var slot: UInt32
    /// Whose request it was; "" when it was idle, or the client had gone.
    var client: String
    var elapsedMs: UInt64
    var stderrTail: String
    /// A private worker whose client left, or one that was stopped with the daemon: nothing to go on with.
    var isTheEnd: Bool
    var isExpected: Bool  // stopped by us, or a private worker whose client left
    var endedRealtimeNs: UInt64
    var crash = CrashFacts()

    /// "SIGSEGV" or "exit code 3".
    var cause: String { signal != 0 ? signalName(signal) : "exit code \(exitCode)" }

    var json: JSONValue {
        .object([
            ("pid", .int(Int64(pid))), ("signal", .int(Int64(signal))),
            ("signal_name", .string(signal == 0 ? "" : signalName(signal))), ("exit_code", .int(exitCode)),
            ("operation", .int(Int64(operation))), ("operation_name", .string(operationName)),
            ("request", .uint(request)), ("slot", .int(Int64(slot))), ("elapsed_ms", .uint(elapsedMs)),
            ("stderr_tail", .string(stderrTail)), ("known", .bool(true)),
        ] + crash.members)
    }

    /// The answer for a pid of which nothing is known (never ours, still alive, or forgotten).
    static func unknownJSON(pid: Int64) -> JSONValue {
        .object([
            ("pid", .int(pid)), ("signal", .int(0)), ("signal_name", .string("")), ("exit_code", .int(0)),
            ("operation", .int(0)), ("operation_name", .string("")), ("request", .int(0)), ("slot", .int(0)),
            ("elapsed_ms", .int(0)), ("stderr_tail", .string("")), ("known", .bool(false)),
        ] + CrashFacts().members)
    }
}

/// What its handler of fatal signals told, and what was made of it.
struct CrashFacts {
    var address: UInt64 = 0
    var sender: Int32 = 0
    var residentBytes: UInt64 = 0
    var frameCount: UInt64 = 0
    /// Names only: files and lines are in the report.
    var stack: [NativeFrame] = []
    /// si_code of the signal: above 0 where the worker itself brought it about.
    var code: Int32 = 0
    var isOfMemory = false
    /// The report's folder; nil: there is none.
    var report: String?

    var members: [(String, JSONValue)] {
        [
            ("address", .uint(address)), ("sender", .int(Int64(sender))), ("resident_bytes", .uint(residentBytes)),
            ("frames", .uint(frameCount)), ("stack", .array(stack.map { .string($0.text) })),
            ("top", .string(Symbolizer.top(stack)?.text ?? "")), ("code", .int(Int64(code))),
            ("memory_exhausted", .bool(isOfMemory)), ("report", report.map { .string($0) } ?? .null),
        ]
    }
}

/// A ring of the newest ones.
struct Obituaries {
    private var kept: [Obituary] = []
    private(set) var crashes: UInt64 = 0
    private(set) var lastCrash: Obituary?

    mutating func add(_ obituary: Obituary) {
        if kept.count == DaemonLimits.obituariesKept { kept.removeFirst() }
        kept.append(obituary)
        guard !obituary.isExpected else { return }
        crashes += 1
        lastCrash = obituary
    }

    func find(pid: Int64) -> Obituary? { kept.last { Int64($0.pid) == pid } }
}

func signalName(_ signal: Int32) -> String {
    let names: [Int32: String] = [
        SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGQUIT: "SIGQUIT", SIGILL: "SIGILL", SIGTRAP: "SIGTRAP",
        SIGABRT: "SIGABRT", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE", SIGKILL: "SIGKILL", SIGUSR1: "SIGUSR1",
        SIGSEGV: "SIGSEGV", SIGUSR2: "SIGUSR2", SIGPIPE: "SIGPIPE", SIGALRM: "SIGALRM", SIGTERM: "SIGTERM",
        SIGXCPU: "SIGXCPU", SIGXFSZ: "SIGXFSZ", SIGSYS: "SIGSYS",
    ]
    return names[signal] ?? "signal \(signal)"
}

/// The newest bytes of a stream, as text that is safe to show.
struct ByteTail {
    private let bytesMax: Int
    private var bytes: [UInt8] = []

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    mutating func append(_ more: some Collection<UInt8>) {
        bytes.append(contentsOf: more.suffix(bytesMax))
        if bytes.count > bytesMax { bytes.removeFirst(bytes.count - bytesMax) }
    }

    /// Bytes that are no UTF-8 (a cut first character, say) are replaced.
    var text: String { String(decoding: bytes, as: UTF8.self) }
}
