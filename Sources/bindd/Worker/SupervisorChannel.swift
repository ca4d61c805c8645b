// The worker's end of the channel to its supervisor: whole datagrams, with descriptors. Must not block: a datagram that
// the supervisor has no room for waits here. Cost: one recvmsg per client, nothing per request.

import CShim
import Glibc
import Wire

/// A client that the supervisor hands over. The receiver owns the descriptors.
struct AdoptedClient {
    let clientId: UInt64
    let hello: [UInt8]
    let socket: Int32
    let clientPage: Int32
}

final class SupervisorChannel {
    enum Outgoing {
        /// With why it was cut; "" when it just went.
        case clientGone(UInt64, reason: String)
        case handleInfo(token: UInt64, json: String)
        case ready
    }

    private let fd: Int32
    private var watcher: SocketWatcher?
    private let loop: EventLoop
    private var unsent: [[UInt8]] = []

    var onAdoption: (AdoptedClient) -> Void = { _ in }
    var onInspect: (_ token: UInt64, _ id: UInt64) -> Void = { _, _ in }
    /// Trace for so many milliseconds from now on.
    var onTrace: (_ milliseconds: UInt64) -> Void = { _ in }
    /// The supervisor is gone.
    var onEnd: () -> Void = {}

    init(fd: Int32, loop: EventLoop) throws {
        self.fd = fd
        self.loop = loop
        watcher = try SocketWatcher(loop: loop, fd: fd) { [unowned self] events in handle(events) }
    }

    func start() { watch() }

    func send(_ message: Outgoing) {
        var payload = PayloadWriter()
        switch message {
        case .clientGone(let id, let reason):
            payload.u32(ControlCode.clientGone)
            payload.u64(id)
            payload.string(String(reason.prefix(DaemonLimits.reasonCharactersMax)))
        case .handleInfo(let token, let json):
            payload.u32(ControlCode.handleInfo)
            payload.u64(token)
            payload.string(json)
        case .ready: payload.u32(ControlCode.ready)
        }
        unsent.append(payload.bytes)
        flush()
        watch()
    }

    private func flush() {
        while let datagram = unsent.first {
            let count = datagram.withUnsafeBytes { bd_message_send(fd, $0.baseAddress, $0.count, nil, 0) }
            if count == -Int(EAGAIN) { return }
            // Whatever else went wrong, the same datagram would fail again.
            unsent.removeFirst()
        }
    }

    private func watch() {
        do { try watcher?.watch(unsent.isEmpty ? .readable : [.readable, .writable]) } catch {
            report("control channel: \(error)")
            onEnd()
        }
    }

    private func handle(_ events: SocketWatcher.Events) {
        if events.contains(.writable) { flush() }
        while receive() {}
        watch()
    }

    /// Takes one datagram. False when there is none.
    private func receive() -> Bool {
        var fds: [Int32] = Array(repeating: -1, count: Int(BD_MESSAGE_FDS_MAX))
        var fdCount = fds.count
        var bytes = [UInt8](repeating: 0, count: Limits.helloBytesMax + 64)
        let count = bytes.withUnsafeMutableBytes {
            bd_message_receive(fd, $0.baseAddress, $0.count, &fds, &fdCount)
        }
        if count == -Int(EAGAIN) || count == -Int(EINTR) { return false }
        guard count > 0 else {
            watcher?.close()
            watcher = nil
            onEnd()
            return false
        }
        bytes.removeLast(bytes.count - count)
        do { try take(bytes, Array(fds[..<fdCount])) } catch {
            report("control channel: \(error)")
            for fd in fds[..<fdCount] { close(fd) }
        }
        return true
    }

    private func take(_ bytes: [UInt8], _ fds: [Int32]) throws {
        var reader = PayloadReader(bytes)
        switch try reader.u32() {
        case ControlCode.handover:
            let clientId = try reader.u64()
            guard fds.count == 2 else { throw WireError("a hand-over with \(fds.count) descriptors") }
            onAdoption(
                AdoptedClient(
                    clientId: clientId, hello: Array(reader.rest), socket: fds[0], clientPage: fds[1]))
        case ControlCode.inspectHandle: onInspect(try reader.u64(), try reader.u64())
        case ControlCode.trace: onTrace(try reader.u64())
        default: throw WireError("an unknown datagram from the supervisor")
        }
    }
}
