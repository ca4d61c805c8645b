// One accepted socket, from accept until it is handed to a worker or closed; a control connection stays here.
//
// Reads exactly one message at a time (MessageGate), within a deadline; queues answers and writes them as the peer
// takes them. Must not know what messages mean: its owner's closures do.
// Cost: one watcher, one timer; no buffer beyond one first message and the unsent answer.

import CShim
import Glibc
import Wire

final class Connection {
    let number: UInt64
    let peerPid: Int32
    private(set) var fd: Int32
    private(set) var isControl = false

    /// A whole message came; reading rests until `resume()` (control) or `detach()` (hello).
    var onMessage: ((Connection, Message, [Int32]) -> Void)?
    /// Closed, with the reason when the peer is to blame ("" when it just went or all is well).
    var onClosed: ((Connection, String) -> Void)?

    private let loop: EventLoop
    private var watcher: SocketWatcher?
    private var deadline: Timer?
    private var gate = MessageGate(stage: .first)
    private var receivedFds: [Int32] = []
    private static let sentBytesKept = 1 << 16
    private var unsent: [UInt8] = []
    private var unsentStart = 0
    /// Where in `unsent` each message ends.
    private var unsentEnds: [Int] = []
    private var isReading = true
    private var closesWhenSent = false
    private var resumesWhenSent = false
    /// It is told what happens, and need not say anything.
    private(set) var isListening = false
    private var farewell: ((String) -> [UInt8])?

    init(loop: EventLoop, fd: Int32, number: UInt64, peerPid: Int32) throws(LoopError) {
        self.loop = loop
        self.fd = fd
        self.number = number
        self.peerPid = peerPid
        watcher = try SocketWatcher(loop: loop, fd: fd) { [weak self] events in self?.ready(events) }
        deadline = Timer(loop: loop) { [weak self] in self?.deadlinePassed() }
        do {
            try watcher?.watch(.readable)
        } catch {
            closeHandles()
            throw error
        }
        deadline?.start(afterMs: DaemonLimits.messageDeadlineMs)
    }

    var isClosed: Bool { fd < 0 }

    /// The peer has to say something or to take its answer; not we.
    var isWaitingForPeer: Bool { isReading && !isListening || unsentStart < unsent.count }

    var unsentBytes: Int { unsent.count - unsentStart }

    /// Queues an answer. A control connection then reads its next request; with `closing` it ends once all is sent.
    func send(operation: UInt16, flags: FrameFlags, payload: [UInt8], closing: Bool) {
        guard !isClosed else { return }
        encodeMessage(operation: operation, flags: flags, payload: payload, into: &unsent)
        unsentEnds.append(unsent.count)
        closesWhenSent = closesWhenSent || closing
        flush()
    }

    /// Reads the next control request, once the last answer is taken: a peer that does not read gets no more.
    func resume() {
        guard !isClosed else { return }
        guard unsentStart == unsent.count else {
            resumesWhenSent = true
            return
        }
        resumesWhenSent = false
        isControl = true
        gate = MessageGate(stage: .control)
        isReading = true
        if isListening { deadline?.stop() } else { deadline?.start(afterMs: DaemonLimits.controlIdleMs) }
        updateInterest()
    }

    /// Stays until the peer goes; it may still ask. What is sent must be taken in time all the same; `farewell` makes of the reason
    /// the last message to one that is cut because it does not take it.
    func listen(farewell: @escaping (String) -> [UInt8]) {
        isListening = true
        self.farewell = farewell
        resume()
    }

    /// Cuts a peer that does not take what it is sent. It keeps what it was given, to the end of the message that it has a part of;
    /// behind that it finds why, where the system makes room for so much.
    func cut(reason: String) {
        guard !isClosed else { return }
        if let farewell, let end = unsentEnds.first(where: { $0 >= unsentStart }) {
            unsent.removeSubrange(end...)
            encodeMessage(operation: Operation.control, flags: [.reply, .error], payload: farewell(reason), into: &unsent)
            bd_socket_grow(fd)
            _ = unsent.withUnsafeBytes { bytes in
                bd_stream_send(fd, bytes.baseAddress?.advanced(by: unsentStart), bytes.count - unsentStart)
            }
        }
        close(reason: reason)
    }

    /// Gives the socket away: this connection forgets it. `onClosed` is not called.
    func detach() -> Int32 {
        let given = fd
        fd = -1
        closeHandles()
        return given
    }

    func close(reason: String) {
        guard !isClosed else { return }
        closeHandles()
        Glibc.close(fd)
        fd = -1
        let told = onClosed
        onMessage = nil
        onClosed = nil
        told?(self, reason)
    }

    private func closeHandles() {
        watcher?.close()
        watcher = nil
        deadline?.close()
        deadline = nil
        for received in receivedFds { Glibc.close(received) }
        receivedFds = []
    }

    private func deadlinePassed() {
        if unsentStart < unsent.count {
            cut(reason: "did not take its answer within \(DaemonLimits.messageDeadlineMs) ms")
        } else if isControl, !gate.isMidway {
            close(reason: "")
        } else {
            close(reason: "sent no whole message within \(DaemonLimits.messageDeadlineMs) ms")
        }
    }

    private func ready(_ events: SocketWatcher.Events) {
        if events.contains(.writable) { flush() }
        if events.contains(.readable), isReading { receive() }
        if events.contains(.failed), !isClosed { close(reason: "") }
    }

    /// At most one message per turn of the loop, so that a busy peer leaves the others theirs.
    private func receive() {
        var room = [UInt8](repeating: 0, count: max(FrameHeader.byteCount, gate.wantedBytes))
        while isReading, !isClosed {
            let wanted = gate.wantedBytes
            if room.count < wanted { room = [UInt8](repeating: 0, count: wanted) }
            var fds = [Int32](repeating: -1, count: Int(BD_MESSAGE_FDS_MAX))
            var fdCount = fds.count
            let count = room.withUnsafeMutableBytes { bytes in
                bd_message_receive(fd, bytes.baseAddress, wanted, &fds, &fdCount)
            }
            receivedFds.append(contentsOf: fds.prefix(fdCount))
            guard count > 0 else {
                if count == -Int(EAGAIN) { return }
                if count == 0 {
                    close(reason: gate.isMidway ? "ended inside a message" : "")
                } else {
                    // Who was told leaves when it wants to, whatever was still on its way.
                    close(reason: isListening ? "" : SystemError("recvmsg", negative: Int32(count)).description)
                }
                return
            }
            guard receivedFds.count <= Int(BD_MESSAGE_FDS_MAX) else {
                close(reason: "sent more descriptors than a hello has")
                return
            }
            if isControl, !gate.isMidway { deadline?.start(afterMs: DaemonLimits.messageDeadlineMs) }
            if take(room, count) { return }
        }
    }

    /// True when a message was whole and told.
    private func take(_ room: [UInt8], _ count: Int) -> Bool {
        let result: Result<Message?, WireError> = room.withUnsafeBytes { bytes in
            do throws(WireError) {
                return .success(try gate.take(UnsafeRawBufferPointer(rebasing: bytes[..<count])))
            } catch { return .failure(error) }
        }
        switch result {
        case .failure(let error):
            close(reason: error.description)
            return false
        case .success(nil): return false
        case .success(.some(let message)):
            isReading = false
            deadline?.stop()
            updateInterest()
            let fds = receivedFds
            receivedFds = []
            onMessage?(self, message, fds)
            return true
        }
    }

    private func flush() {
        let before = unsentStart
        while unsentStart < unsent.count, !isClosed {
            let count = unsent.withUnsafeBytes { bytes in
                bd_stream_send(fd, bytes.baseAddress?.advanced(by: unsentStart), bytes.count - unsentStart)
            }
            if count == -Int(EAGAIN) {
                // What keeps coming must not put off the end of a peer that takes nothing.
                if !isListening || unsentStart > before || deadline?.isActive != true {
                    deadline?.start(afterMs: DaemonLimits.messageDeadlineMs)
                }
                break
            }
            guard count >= 0 else { return close(reason: "") }  // the peer went before its answer
            unsentStart += count
        }
        guard !isClosed else { return }
        if unsentStart == unsent.count {
            unsent = []
            unsentEnds = []
            unsentStart = 0
            if isListening, isReading, !gate.isMidway { deadline?.stop() }
            if closesWhenSent { return close(reason: "") }
            if resumesWhenSent { return resume() }
        } else if unsentStart > Connection.sentBytesKept {
            unsent.removeFirst(unsentStart)
            unsentEnds = unsentEnds.drop { $0 < unsentStart }.map { $0 - unsentStart }
            unsentStart = 0
        }
        updateInterest()
    }

    private func updateInterest() {
        var events: SocketWatcher.Events = []
        if isReading { events.insert(.readable) }
        if unsentStart < unsent.count { events.insert(.writable) }
        do throws(LoopError) { try watcher?.watch(events) } catch { close(reason: error.description) }
    }
}
