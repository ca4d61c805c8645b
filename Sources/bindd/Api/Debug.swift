// Operations that make a worker die or misbehave on demand: the crash paths need buttons, tests and the demo press them.
// They harm only the workspace of the caller.

import CShim
import Glibc
import Wire

let debugFunctions: [FunctionDeclaration] = [
    FunctionDeclaration(
        module: "debug",
        method: Method(
            "crash", .call, [Parameter("how", .string, default: "SEGV", "SEGV, BUS, ABRT, ILL, TRAP, KILL, EXIT, STACK or MEMORY")],
            errors: ["WorkerCrashed", "MemoryLimit", "ValueError"],
            doc: """
                Makes the worker of this workspace die: SEGV, BUS, ABRT, ILL, KILL by that signal, TRAP by a failed check of \
                Swift, EXIT by leaving with status 0, STACK by overflowing its stack, MEMORY by asking for more than \
                there is. Raises WorkerCrashed, the last one MemoryLimit.
                """
        ) { call in
            let how = try call.arguments.string()
            guard let death = Death(rawValue: how) else {
                let known = Death.allCases.map(\.rawValue).joined(separator: ", ")
                throw RemoteError("ValueError", "no such way to die: \(how)", hint: "known: \(known)")
            }
            death.die()
        }),
    FunctionDeclaration(
        module: "debug",
        method: Method(
            "hang", .query, [Parameter("seconds", .float, default: "3600.0", "how long the worker does nothing else")],
            errors: ["CallTimeout", "WorkerHung"],
            doc: "Keeps the worker busy for that long; it stops early when the request is cancelled."
        ) { call in
            let seconds = try call.arguments.f64()
            guard seconds >= 0, seconds <= 86_400 else {
                throw RemoteError("ValueError", "seconds must be between 0 and 86400, not \(seconds)")
            }
            let start = bd_clock_monotonic_ns()
            let end = start + UInt64(seconds * 1e9)
            let hasGivenUp = call.session.hasGivenUp
            var looks: UInt64 = 0
            call.session.expect(looks: Int(seconds * 100))
            while bd_clock_monotonic_ns() < end {
                if call.session.isCancelled { return }
                while looks < (bd_clock_monotonic_ns() - start) / 10_000_000 {
                    _ = hasGivenUp()
                    looks += 1
                }
                usleep(1000)
            }
        }),
    FunctionDeclaration(
        module: "debug",
        method: Method(
            "freeze", .query,
            errors: ["WorkerHung"], doc: "Makes the worker loop for ever without looking at anything: only killing it helps."
        ) { _ in
            while true { usleep(10_000) }
        }),
    FunctionDeclaration(
        module: "debug",
        method: Method(
            "hold", .query, [Parameter("bytes", .int, "how much memory the worker takes and touches")],
            errors: ["ValueError"], doc: "Makes the worker hold that much memory, in small pages, until it ends."
        ) { call in
            let bytes = try call.arguments.i64()
            guard bytes >= 0, bytes <= 1 << 34 else {
                throw RemoteError("ValueError", "bytes must be between 0 and \(1 << 34), not \(bytes)")
            }
            let held = UnsafeMutableRawPointer.allocate(byteCount: Int(bytes), alignment: 4096)
            madvise(held, Int(bytes), MADV_NOHUGEPAGE)  // as in an arena: small pages, which take long to take down
            memset(held, 1, Int(bytes))
        }),
    FunctionDeclaration(
        module: "debug",
        method: Method(
            "plant", .call, [Parameter("bug", .string, "its name: see PlantedBugs.swift")], errors: ["ValueError"],
            doc: "Arms a bug in this workspace, to try crash reports on. Only where BINDD_PLANTED=1 is set for the daemon."
        ) { call in
            let name = try call.arguments.string()
            guard PlantedBug.isAllowed(in: call.workspace) else {
                throw RemoteError(
                    "ValueError", "this daemon plants no bugs", hint: "start it with BINDD_PLANTED=1 in its environment")
            }
            guard let bug = PlantedBug.named(name) else {
                throw RemoteError("ValueError", "no such bug: \(name)", hint: "known: \(PlantedBug.names.joined(separator: ", "))")
            }
            call.workspace.planted.append(bug)
        }),
    FunctionDeclaration(
        module: "debug",
        method: Method(
            "cut_frame", .call, errors: ["WorkerCrashed"],
            doc: "Makes the worker send half a reply and die."
        ) { call in
            call.session.sendHalfAReply()
            Death.KILL.die()
        }),
    dieAtFunction,
]

enum Death: String, CaseIterable {
    case SEGV, BUS, ABRT, ILL, TRAP, KILL, EXIT, STACK, MEMORY

    func die() -> Never {
        switch self {
        case .SEGV: raiseDefault(Glibc.SIGSEGV)
        case .BUS: raiseDefault(Glibc.SIGBUS)
        case .ABRT: raiseDefault(Glibc.SIGABRT)
        case .ILL: raiseDefault(Glibc.SIGILL)
        case .KILL: raiseDefault(Glibc.SIGKILL)
        case .TRAP: fatalError("a check failed on purpose")
        case .EXIT: exit(0)
        case .MEMORY:
            exhaustMemory()
        case .STACK:
            _ = overflow(1)
            exit(1)
        }
    }

    private func raiseDefault(_ signal: Int32) -> Never {
        kill(getpid(), signal)
        while true { pause() }
    }

    /// With a limit near what is there already, so that the machine does not suffer.
    private func exhaustMemory() -> Never {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
        limit.rlim_cur = 1 << 26
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
        var blocks: [[UInt8]] = []
        while true { blocks.append([UInt8](repeating: 1, count: 1 << 20)) }
    }

    /// Never returns: each call keeps a frame.
    private func overflow(_ depth: Int) -> Int {
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 16) { bytes in
            bytes[depth & 4095] = 1
            return overflow(depth &+ 1) &+ Int(bytes[0])
        }
    }
}
