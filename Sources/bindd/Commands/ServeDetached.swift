// `bindd serve --detach`: starts the daemon as a process in its own session with its output in the log file, waits
// until it accepts connections, and says why when it does not come up.
//
// Must not leave a half-started daemon behind: one that is not ready in time is killed.
// Cost: that of one process; returns when the byte on the pipe comes.

import CShim
import Glibc

private let readyDeadlineMs: UInt64 = 10_000
private let logLinesShown = 20
/// The descriptor at which the daemon finds the ready pipe.
private let readyFdInDaemon: Int32 = 3

func serveDetached(_ options: ServeOptions) throws {
    umask(0o077)
    signal(SIGPIPE, SIG_IGN)
    _ = bd_descriptors_close_on_exec(3)
    try options.path.prepareFolder(uid: getuid())
    let log = try openLog(options.path)
    defer { close(log) }
    let logStart = max(lseek(log, 0, SEEK_END), 0)

    var pipe: [Int32] = [-1, -1]
    let piped = bd_pipe_pair(&pipe)
    guard piped == 0 else { throw SystemError("pipe", negative: piped) }
    defer { close(pipe[0]) }

    var arguments = ["bindd", "serve", "--socket", options.path.socket, "--ready-fd", "\(readyFdInDaemon)"]
    arguments += ["--idle-exit", "\(options.idleExitSeconds)"] + (options.isVerbose ? ["--verbose"] : [])
    let plan = ChildProcess.Plan(
        file: "/proc/self/exe", arguments: arguments, environment: environmentStrings(),
        descriptors: [-1, log, log, pipe[1]], workingDirectory: "/", isDetached: true)
    let outcome = try start(plan, readyFd: pipe[0], closing: pipe[1])

    switch outcome {
    case .ready:
        if options.readyFd >= 0 { writeAll(options.readyFd, "1") }
    case .ended(let exit):
        if exit.signal == 0, exit.status == Int64(ServeError.alreadyRunningCode) {
            throw ServeError(
                message: "already running, pid \(DaemonLock.pid(path: options.path.lock)) (\(options.path.socket))",
                exitCode: ServeError.alreadyRunningCode)
        }
        let cause = exit.signal != 0 ? "was ended by \(signalName(exit.signal))" : "exited with status \(exit.status)"
        throw ServeError(
            message: "the daemon \(cause) before it was ready; \(lastLines(options.path.log, from: logStart))",
            exitCode: exit.signal != 0 ? 128 + exit.signal : exit.status == 0 ? 128 + SIGTERM : Int32(clamping: exit.status))
    case .late:
        throw ServeError(
            message: "the daemon was not ready after \(readyDeadlineMs) ms and was killed; "
                + lastLines(options.path.log, from: logStart), exitCode: 1)
    }
}

private enum Outcome {
    case ready
    case ended(ChildExit)
    case late
}

private func start(_ plan: ChildProcess.Plan, readyFd: Int32, closing childEnd: Int32) throws -> Outcome {
    let loop = try EventLoop()
    var outcome: Outcome?
    let child: ChildProcess
    do {
        child = try ChildProcess(loop: loop, plan: plan) { exit in
            if outcome == nil { outcome = .ended(exit) }
            loop.stop()
        }
    } catch {
        close(childEnd)
        loop.turn()
        try loop.close()
        throw error
    }
    close(childEnd)  // so that the pipe ends when the daemon does
    let timer = Timer(loop: loop) {
        outcome = .late
        child.kill(SIGKILL)
    }
    let watcher = try SocketWatcher(loop: loop, fd: readyFd) { _ in
        var byte: UInt8 = 0
        let count = read(readyFd, &byte, 1)
        if count < 0, errno == EAGAIN { return }
        guard count == 1, outcome == nil else { return loop.stop() }  // it ended: its exit follows
        outcome = .ready
        loop.stop()
    }
    try watcher.watch(.readable)
    timer.start(afterMs: readyDeadlineMs)
    loop.run()
    watcher.close()
    while outcome == nil { loop.run() }  // until the exit or the deadline
    timer.close()
    child.close()
    loop.turn()
    try loop.close()
    return outcome ?? .late
}

/// The log, the last one set aside when it has grown too large.
private func openLog(_ path: SocketPath) throws -> Int32 {
    var status = stat()
    if lstat(path.log, &status) == 0, status.st_size > DaemonLimits.logBytesMax { rename(path.log, path.oldLog) }
    let fd = bd_file_open(path.log, O_WRONLY | O_CREAT | O_APPEND)
    guard fd >= 0 else {
        throw ServeError(
            message: "cannot open the log \(path.log): \(SystemError.text(-fd))\n"
                + "  hint: the disk may be full, or the file not yours; BINDD_SOCKET names another place",
            exitCode: 1)
    }
    return fd
}

/// What was logged since `start`, its last lines.
private func lastLines(_ path: String, from start: Int) -> String {
    let fd = bd_file_open(path, O_RDONLY)
    guard fd >= 0 else { return "the log \(path) cannot be read" }
    defer { close(fd) }
    var tail = ByteTail(bytesMax: 8192)
    var offset = start
    var bytes = [UInt8](repeating: 0, count: 8192)
    while true {
        let count = pread(fd, &bytes, bytes.count, offset)
        guard count > 0 else { break }
        tail.append(bytes[0..<count])
        offset += count
    }
    let lines = tail.text.split(separator: "\n").suffix(logLinesShown)
    guard !lines.isEmpty else { return "it logged nothing (\(path))" }
    return "its last words (\(path)):\n" + lines.map { "  \($0)" }.joined(separator: "\n")
}
