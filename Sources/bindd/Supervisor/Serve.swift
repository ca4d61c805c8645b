// `bindd serve`: from nothing to a running loop, and back. Takes the lock, so that there is one daemon per socket.
// Must not be called twice in a process. Cost: a few milliseconds until it listens.

import CShim
import Glibc
import Logging

struct ServeError: Error, CustomStringConvertible {
    let message: String
    let exitCode: Int32
    var description: String { message }

    static let alreadyRunningCode: Int32 = 3
}

struct ServeOptions {
    var path: SocketPath
    /// Gets the byte '1' once the daemon listens; -1: nobody waits.
    var readyFd: Int32
    var idleExitSeconds: UInt64
    var isVerbose: Bool
    var wantsCore = false
}

/// Runs until stopped.
func serve(_ options: ServeOptions, identity: DaemonIdentity) throws {
    umask(0o077)
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)  // a file that may not grow is an error like a full disk
    bd_process_set_name("bindd")
    // What the starter left open must not reach the workers.
    _ = bd_descriptors_close_on_exec(3)
    let limits = bd_limits_prepare(DaemonLimits.descriptorsMax, options.wantsCore)
    let log = LineLogHandler.logger(level: options.isVerbose ? .debug : .info)
    if limits < 0 { log.warning("limits_unchanged", metadata: ["detail": "\(SystemError.text(-limits))"]) }

    try options.path.prepareFolder(uid: getuid())
    let lock = try takeLock(options.path)
    let state = StateFolder.prepare(uid: getuid(), variable: environmentVariable)
    if case .failure(let error) = state { log.warning("state_in_memory", metadata: ["detail": "\(error.message)"]) }
    let loop = try EventLoop()
    let supervisor = Supervisor(
        loop: loop, identity: identity,
        options: Supervisor.Options(
            path: options.path, executable: "/proc/self/exe", environment: workerEnvironment(),
            idleExitSeconds: options.idleExitSeconds, uid: getuid(), state: try? state.get()),
        lock: lock, log: log)
    do { try supervisor.start() } catch {
        lock.remove()
        throw ServeError(message: "cannot listen on \(options.path.socket): \(error)", exitCode: 1)
    }
    if options.readyFd >= 0 {
        writeAll(options.readyFd, "1")
        close(options.readyFd)
    }
    withExtendedLifetime(supervisor) { loop.run() }
    if loop.workUnderWay > 0 { _exit(0) }  // a file's mount hangs: nobody waits for it
    try loop.close()
}

/// The lock, at once or when the daemon that holds it is seen to be leaving. A daemon that answers keeps it.
private func takeLock(_ path: SocketPath) throws -> DaemonLock {
    let startNs = bd_clock_monotonic_ns()
    let waitMs = DaemonLimits.stopGraceMs + 1_000  // what a stopping daemon may take
    while true {
        if let lock = try DaemonLock.take(path: path.lock) { return lock }
        let probe = bd_socket_connect(path.socket, 0)
        if probe >= 0 { close(probe) }
        guard probe < 0, milliseconds(from: startNs, to: bd_clock_monotonic_ns()) < waitMs else {
            throw ServeError(
                message: "already running, pid \(DaemonLock.pid(path: path.lock)) (\(path.socket))",
                exitCode: ServeError.alreadyRunningCode)
        }
        usleep(20_000)
    }
}

/// Workers die at once when they die: the runtime's backtracer would hold their sockets open meanwhile.
private func workerEnvironment() -> [String] {
    environmentStrings().filter { !$0.hasPrefix("SWIFT_BACKTRACE=") } + ["SWIFT_BACKTRACE=enable=no"]
}
