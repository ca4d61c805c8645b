// A question to the supervisor and its answer, synchronous, each step within a deadline. For the commands.
//
// Never starts a daemon. Checks the folder and, by SO_PEERCRED, that it is our own daemon that answers.
// Cost: one connection per question.

import CShim
import Glibc
import Wire

enum ControlError: Error, CustomStringConvertible {
    case notRunning(SocketPath)
    /// It ended before it answered.
    case ended(Int32)
    /// What was asked cannot be asked.
    case usage(String)
    case failed(String)

    var description: String {
        switch self {
        case .notRunning(let path): "no daemon is running (\(path.socket))"
        case .ended(let pid):
            "the daemon (pid \(pid)) ended before it answered\n  hint: `bindd logs` may tell why; who uses bindd next starts another one"
        case .failed(let words), .usage(let words): words
        }
    }
}

final class ControlClient {
    static let answerDeadlineMs: UInt64 = 5_000
    private static let endingMs: Int32 = 1_000

    let daemonPid: Int32
    private let fd: Int32
    private let path: SocketPath
    private var messages = MessageReader(messageBytesMax: Limits.controlBytesMax)

    init(path: SocketPath) throws(ControlError) {
        self.path = path
        let folder: SocketPath.FolderState
        do throws(SocketPathError) { folder = try path.checkFolder(uid: getuid()) } catch {
            throw .failed(error.description)
        }
        guard folder == .safe else { throw .notRunning(path) }
        let fd = bd_socket_connect(path.socket, Int32(ControlClient.answerDeadlineMs))
        if fd == -ENOENT || fd == -ECONNREFUSED { throw .notRunning(path) }
        guard fd >= 0 else {
            throw .failed("cannot connect to \(path.socket): \(SystemError.text(-fd))")
        }
        var pid: Int32 = 0
        var uid: UInt32 = .max
        guard bd_socket_peer(fd, &pid, &uid) == 0, uid == getuid() else {
            close(fd)
            throw .failed("the daemon behind \(path.socket) belongs to uid \(uid), you are uid \(getuid())")
        }
        self.fd = fd
        daemonPid = pid
    }

    deinit { close(fd) }

    /// The JSON text that answers `command`.
    func ask(
        _ command: String, _ arguments: [Attribute] = [], deadlineMs: UInt64 = answerDeadlineMs
    ) throws(ControlError) -> String {
        var writer = PayloadWriter()
        writer.string(command)
        writer.attributes(arguments)
        guard writer.bytes.count <= Limits.helloBytesMax else {
            throw .usage(
                "\"\(command)\" with its \(arguments.count) arguments has \(writer.bytes.count) bytes, the daemon takes "
                    + "\(Limits.helloBytesMax)\n  hint: ask with fewer or shorter ones")
        }
        var bytes: [UInt8] = []
        encodeMessage(operation: Operation.control, flags: .replyWanted, payload: writer.bytes, into: &bytes)
        let sent = bytes.withUnsafeBytes { bd_stream_send(fd, $0.baseAddress, $0.count) }
        guard sent == bytes.count else { throw .failed("the daemon (pid \(daemonPid)) does not take the question") }
        return try answer(to: command, endNs: bd_clock_monotonic_ns() + deadlineMs * 1_000_000)
    }

    /// One more answer to a question that has many, whenever it comes.
    func next(_ command: String) throws(ControlError) -> String { try answer(to: command, endNs: .max) }

    private func answer(to command: String, endNs: UInt64) throws(ControlError) -> String {
        var room = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            if let message = try nextMessage() { return try text(of: message) }
            try waitReadable(until: endNs, command)
            let count = room.withUnsafeMutableBytes { bd_stream_receive(fd, $0.baseAddress, $0.count) }
            if count == -Int(EAGAIN) { continue }
            guard count > 0 else {
                throw hasEnded ? .ended(daemonPid) : .failed("the daemon (pid \(daemonPid)) closed the connection without an answer")
            }
            room.withUnsafeBytes { messages.append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
    }

    /// Whether that is why the connection did: sockets close a moment before a process is gone.
    private var hasEnded: Bool {
        let process = bd_process_open(daemonPid)
        guard process >= 0 else { return process == -ESRCH }
        defer { close(process) }
        var item = pollfd(fd: process, events: Int16(POLLIN), revents: 0)
        return poll(&item, 1, ControlClient.endingMs) > 0
    }

    private func nextMessage() throws(ControlError) -> Message? {
        do throws(WireError) { return try messages.next() } catch { throw broken(error) }
    }

    private func text(of message: Message) throws(ControlError) -> String {
        let refusal: RemoteError
        do throws(WireError) {
            var reader = PayloadReader(message.payload)
            _ = try ReplyHead(decoding: &reader)
            guard message.flags.contains(.error) else { return try reader.string() }
            refusal = try RemoteError(decoding: &reader)
        } catch { throw broken(error) }
        throw .failed(refusal.hint.isEmpty ? refusal.message : "\(refusal.message)\n  hint: \(refusal.hint)")
    }

    private func broken(_ error: WireError) -> ControlError {
        .failed("the daemon (pid \(daemonPid)) answered what is not the protocol: \(error)")
    }

    private func waitReadable(until endNs: UInt64, _ command: String) throws(ControlError) {
        let nowNs = bd_clock_monotonic_ns()
        var item = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
        let leftMs = endNs == .max ? -1 : endNs > nowNs ? Int32(clamping: (endNs - nowNs) / 1_000_000 + 1) : 0
        let ready = poll(&item, 1, leftMs)
        if ready > 0 || (ready < 0 && errno == EINTR) { return }
        throw .failed(
            "the daemon (pid \(daemonPid)) did not answer \"\(command)\" in time\n"
                + "  hint: is it stopped? `kill -CONT \(daemonPid)`, or `kill -9 \(daemonPid)` to be rid of it")
    }
}
