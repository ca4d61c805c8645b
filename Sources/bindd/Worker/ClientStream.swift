// A client's connection: its bytes in order, the replies it has not read yet. Requests are counted here as they are
// counted there; a reply names its number. What changes state goes into the journal first, one write for all that one
// receive brought. Must not let one client's slowness or haste touch another: when replies pile up, this client's requests
// wait; where others share the workspace, each has a slice of time for what it sent, and then the others have their turn.
// Cost: a receive per buffer, a write to the journal per buffer with changes, a look-up per request.

import CCrash
import CLayout
import CShim
import Glibc
import GraphCore
import Wire

/// Where all streams of a worker receive: one block, not on the stack, whose size is the user's to limit.
final class ReceiveBuffer {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    deinit { bytes.deallocate() }
}

final class ClientStream {
    let session: Session
    let slot: Int
    private let workspace: Workspace
    private let page: WorkerPage
    private let socket: Int32
    private let clientPage: UnsafeMutableRawPointer
    private let watcher: SocketWatcher
    private let onEnd: (ClientStream, String) -> Void
    private let operations = Description.shared
    private let buffer: ReceiveBuffer
    private let trim: IdleTrim
    private var reader = MessageReader()
    private var recorder: RequestRecorder
    private var unsent: [UInt8] = []
    private var unsentStart = 0
    private var isEnded = false
    /// The last batch of requests ended with a reply.
    private var hasReplied = false
    /// The slice was over before all that had come was applied: the rest is for the next turn of the loop.
    private var isCutShort = false

    /// Takes over the socket and the client's page, and answers the hello.
    init(
        session: Session, slot: Int, hello: Hello, socket: Int32, clientPage fd: Int32, workspace: Workspace,
        page: WorkerPage, loop: EventLoop, buffer: ReceiveBuffer, trim: IdleTrim, onEnd: @escaping (ClientStream, String) -> Void
    ) throws {
        self.session = session
        self.slot = slot
        session.slot = slot
        self.workspace = workspace
        self.page = page
        self.socket = socket
        self.onEnd = onEnd
        self.buffer = buffer
        self.trim = trim
        recorder = RequestRecorder(journal: workspace.journal, session: session.key)
        var map: UnsafeMutableRawPointer?
        let failure = bd_page_map(fd, Int(BD_CLIENT_PAGE_BYTES), false, &map)
        guard failure == 0, let map else {
            throw WorkerError("cannot map the client's page: \(String(cString: strerror(-failure)))")
        }
        clientPage = map
        target = Reference()
        watcher = try SocketWatcher(loop: loop, fd: socket) { [target] events in target.stream?.handle(events) }
        target.stream = self
        session.clientPage = map
        session.sendHalfAReply = { [unowned self] in sendHalfAReply() }

        var payload = PayloadWriter(reserving: 128)
        session.head(0).encode(into: &payload)
        HelloReply(
            workerPid: UInt32(getpid()), slot: UInt32(slot), generation: hello.generation, clientId: session.clientId,
            workspace: workspace.name, build: DaemonIdentity.buildId(),
            recovery: hello.isResume ? session.recovery?.json.text ?? "" : ""
        ).encode(into: &payload)
        session.request = hello.requests
        session.recovery = nil
        workspace.arena.publishApplied(hello.requests, slot: slot)
        workspace.plannedDeath?.strike(Operation.hello, isAfter: false, session)
        let unset = bd_stream_set_patience(socket, ClientStream.patienceUs)
        guard unset == 0 else { throw WorkerError("cannot prepare the socket: \(String(cString: strerror(-unset)))") }
        do {
            try sendHello(payload.bytes)
            try watcher.watch(.readable)
            bd_crash_add_client(socket)
        } catch {
            watcher.close()
            target.stream = nil
            throw error
        }
    }

    /// Ties the watcher's closure to the stream until its end. No weak reference: one would make each count of the stream
    /// slow.
    private final class Reference { var stream: ClientStream? }
    private let target: Reference

    deinit { bd_page_unmap(clientPage, Int(BD_CLIENT_PAGE_BYTES)) }

    // MARK: input

    private func handle(_ events: SocketWatcher.Events) {
        let hasRest = isCutShort  // which comes before anything newer, also when the client has hung up
        if events.contains(.writable) || hasRest {
            flush()
            if !isEnded { applyReceived() }
        }
        if !isEnded, !hasRest, !isCutShort, events.contains(.readable) || events.contains(.failed) { receive() }
        if !isEnded { watch() }
    }

    /// How long a receive that follows a reply waits for the next request, and how many of them make one turn of the loop:
    /// the control channel and the heartbeat wait no longer than that.
    private static let patienceUs: UInt32 = 500
    private static let patientReceivesMax = 64

    /// What a client may bring in one turn where others share the workspace, and how long its requests are applied then.
    /// The bytes are few enough that commands mostly end within the slice: what is cut short is recorded once more.
    private static let sharedReceiveBytesMax = 1 << 14
    private static let sliceNs: UInt64 = 200_000
    private static let requestsPerLookAtTheClock: UInt64 = 16

    private var isShared: Bool { workspace.sessions.count > 1 }

    /// One buffer's worth per turn of the loop, so that no client keeps the others waiting. A client that is alone and has
    /// just got a reply mostly asks again at once: waiting for that in the receive itself saves a call per round trip.
    private func receive() {
        receive(patiently: false)
        guard workspace.isPrivate else { return }
        for _ in 0..<ClientStream.patientReceivesMax where !isEnded && hasReplied && unsent.isEmpty {
            receive(patiently: true)
        }
    }

    private func receive(patiently: Bool) {
        hasReplied = false
        let bytesMax = isShared ? ClientStream.sharedReceiveBytesMax : buffer.bytes.count
        let count =
            patiently
            ? bd_stream_receive_patiently(socket, buffer.bytes.baseAddress, bytesMax)
            : bd_stream_receive(socket, buffer.bytes.baseAddress, bytesMax)
        if count > 0 {
            reader.append(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count]))
            trim.used(count)
        }
        if count == 0 { return end("closed by the client") }
        if count < 0 {
            if count == -Int(EAGAIN) || count == -Int(EINTR) { return }
            return end("read failed: \(String(cString: strerror(Int32(-count))))")
        }
        applyReceived()
    }

    private var unsentBytes: Int { unsent.count - unsentStart }
    private var mayGoOn: Bool { !isEnded && !isCutShort && unsentBytes < Limits.unsentBytesMax }

    /// Applies what has come, as long as its replies do not pile up and its slice is not over: the rest waits until the
    /// client has read some, or until the others had their turn.
    private func applyReceived() {
        page.beginTurn()
        isCutShort = false
        let sliceEnd = isShared ? bd_clock_monotonic_ns() + ClientStream.sliceNs : UInt64.max
        let removedBefore = workspace.documents.removedBytes
        defer { trim.used(workspace.documents.removedBytes &- removedBefore) }
        do {
            while mayGoOn {
                record()
                var isMore = false
                try reader.forEach { message throws(WireError) in
                    try apply(message)
                    isMore = true
                    if session.request % ClientStream.requestsPerLookAtTheClock == 0, sliceEnd != UInt64.max {
                        isCutShort = bd_clock_monotonic_ns() > sliceEnd
                    }
                    return mayGoOn
                }
                guard isMore, !isEnded else { break }
            }
            if !mayGoOn {
                recorder.withdraw()
                session.isInsideMessage = recorder.isInsideMessage
            }
        } catch {
            recorder.withdraw()
            end("\(ClientStream.brokenBytes): \(error)")
        }
        workspace.checkAfterTurn(request: session.request)
        if recorder.failure == nil { workspace.compactJournal() }
        page.beat(slot: slot)
        page.publish(workspace)
    }

    /// Puts what was received and is whole into the journal, if any of it changes state.
    private func record() {
        reader.withPending { bytes in recorder.record(bytes, firstRequest: session.request + 1) }
        session.isInsideMessage = recorder.isInsideMessage
        if let failure = recorder.failure { report("client \(session.clientId): \(failure)") }
    }

    // MARK: requests

    private func apply(_ message: MessageReader.InPlace) throws(WireError) {
        session.request += 1
        let request = session.request
        if recorder.refuses(message.operation) {
            workspace.arena.publishApplied(request, slot: slot)
            return fail(message, refusal)
        }
        let startedNs = workspace.isTraced ? bd_clock_monotonic_ns() : 0
        page.begin(operation: message.operation, request: request, slot: slot, payload: message.payload.rest)
        let isRecorded = recorder.begin(message.operation)
        let plannedDeath = workspace.plannedDeath
        plannedDeath?.strike(message.operation, isAfter: false, session)
        var call = Call(workspace: workspace, session: session, arguments: message.payload)
        let leftovers = workspace.graph.leftoverCount
        var failure: RemoteError?
        do { try session.apply(message.operation, &call) } catch let error as WireError { throw error } catch {
            failure = session.remote(error)
        }
        if isRecorded {
            recorder.settle(session, isVoid: failure != nil && workspace.graph.leftoverCount == leftovers)
        }
        plannedDeath?.strike(message.operation, isAfter: true, session)
        // Before the reply: who has it may die or read the arena at once, and this request is over.
        workspace.arena.publishApplied(request, slot: slot)
        page.end(request: request, slot: slot)
        if startedNs != 0 { trace(message, startedNs, call, failure) }
        if let failure { return fail(message, failure) }
        guard message.flags.contains(.replyWanted) else { return }
        hasReplied = true
        page.publish(workspace)  // who has the answer finds its effects in the reports
        var payload = PayloadWriter(reserving: ReplyHead.byteCount + call.result.bytes.count)
        session.head(request).encode(into: &payload)
        payload.raw(call.result.bytes)
        send(message.operation, .reply, payload.bytes, call.longPart)
    }

    private func trace(
        _ message: MessageReader.InPlace, _ startedNs: UInt64, _ call: borrowing Call, _ failure: RemoteError?
    ) {
        let isAnswered = message.flags.contains(.replyWanted)
        var event = bd_trace_event()
        event.request = session.request
        event.client_id = session.clientId
        event.started_ns = startedNs
        event.elapsed_ns = UInt32(clamping: bd_clock_monotonic_ns() - startedNs)
        event.operation = UInt32(message.operation)
        event.request_bytes = UInt32(clamping: message.payload.remaining)
        event.flags = (isAnswered ? BD_TRACE_REPLY : 0) | (failure != nil ? BD_TRACE_ERROR : 0)
        let request = message.payload.rest.prefix(Int(BD_TRACE_REQUEST_SHOWN))
        withUnsafeMutableBytes(of: &event.request_start) { $0.copyBytes(from: request) }
        if let failure {
            let text = Array(failure.message.utf8.prefix(Int(BD_TRACE_REPLY_SHOWN)))
            withUnsafeMutableBytes(of: &event.reply_start) { $0.copyBytes(from: text) }
        } else if isAnswered {
            event.reply_bytes = UInt32(clamping: call.resultBytes)
            let shown = Int(BD_TRACE_REPLY_SHOWN)
            let reply = (call.result.bytes.prefix(shown) + call.longPart.prefix(shown)).prefix(shown)
            withUnsafeMutableBytes(of: &event.reply_start) { $0.copyBytes(from: reply) }
        }
        page.trace(event)
    }

    private var refusal: RemoteError {
        RemoteError(
            "JournalError",
            "\(recorder.failure?.description ?? "the journal failed"); nothing that a crash could lose is changed",
            hint: "make room where `bindd status` says that the state is kept, or set BINDD_STATE; then go on")
    }

    /// A request that failed changed nothing. Its client hears of it: by the reply, or by a notice where none was wanted.
    private func fail(_ message: MessageReader.InPlace, _ error: RemoteError) {
        var payload = PayloadWriter(reserving: 256)
        guard message.flags.contains(.replyWanted) else {
            payload.u32(error.code)
            payload.string("request \(session.request), \(operations.name(of: message.operation) ?? "?"): \(error.message)")
            return send(message.operation, .notice, payload.bytes)
        }
        session.head(session.request).encode(into: &payload)
        error.encode(into: &payload)
        send(message.operation, [.reply, .error], payload.bytes)
    }

    // MARK: output

    /// The answer to the hello carries the descriptor of the arena; the socket is empty, so that it goes at once.
    private func sendHello(_ payload: [UInt8]) throws {
        var bytes: [UInt8] = []
        encodeMessage(operation: Operation.hello, flags: .reply, payload: payload, into: &bytes)
        page.countReply(slot: slot)
        let fds = [workspace.arenaFd]
        let sent = bytes.withUnsafeBytes { bd_message_send(socket, $0.baseAddress, $0.count, fds, fds.count) }
        guard sent == bytes.count else { throw WorkerError("cannot answer the hello: \(sent)") }
    }

    private func send(_ operation: UInt16, _ flags: FrameFlags, _ payload: [UInt8], _ longPart: [UInt8] = []) {
        if flags.contains(.reply) { page.countReply(slot: slot) }
        if longPart.isEmpty {
            encodeMessage(operation: operation, flags: flags, payload: payload, into: &unsent)
        } else {
            encodeMessage(operation: operation, flags: flags, parts: [payload, longPart], into: &unsent)
            trim.used(longPart.count)
        }
        flush()
    }

    private func flush() {
        bd_crash_set_sending(socket, true)
        while unsentStart < unsent.count, !isEnded {
            let count = unsent.withUnsafeBytes { bytes in
                bd_stream_send(
                    socket, bytes.baseAddress.map { $0 + unsentStart }, min(bytes.count - unsentStart, 1 << 20))
            }
            if count >= 0 {
                unsentStart += count
            } else if count == -Int(EAGAIN) {
                break
            } else if count != -Int(EINTR) {
                return end("write failed: \(String(cString: strerror(Int32(-count))))")
            }
        }
        if isEnded { return }
        if unsentStart == unsent.count {
            bd_crash_set_sending(socket, false)
            unsent.removeAll(keepingCapacity: unsent.capacity <= 1 << 20)
            unsentStart = 0
        } else if unsentStart > 1 << 20, unsentStart > unsent.count / 2 {  // what is moved was sent before: linear
            unsent.removeFirst(unsentStart)
            unsentStart = 0
        }
    }

    /// Replies first: while too many bytes wait for the client, its requests wait in its own socket. So they do while some
    /// that came are left from a slice; those go on in the next turn, because a socket that is not full is writable.
    private func watch() {
        var events: SocketWatcher.Events = []
        if unsentBytes > 0 || isCutShort { events.insert(.writable) }
        if unsentBytes < Limits.unsentBytesMax, !isCutShort { events.insert(.readable) }
        do { try watcher.watch(events) } catch { end("cannot watch the socket: \(error)") }
    }

    /// How the reason begins when the client is to blame.
    static let brokenBytes = "broken bytes"

    func end(_ reason: String) {
        guard !isEnded else { return }
        isEnded = true
        recorder.withdraw()  // before the session's end is recorded behind what is never applied
        watcher.close()
        target.stream = nil
        session.clientPage = nil
        session.isInsideMessage = false
        session.sendHalfAReply = {}
        bd_crash_remove_client(socket)
        shutdown(socket, Int32(SHUT_RDWR))
        close(socket)
        onEnd(self, reason)
    }

    /// Last words, for the client to show: the worker leaves because it was told to.
    func sayGoodbye(_ text: String) {
        var payload = PayloadWriter(reserving: 64)
        payload.u32(0)
        payload.string(text)
        send(Operation.sync, .notice, payload.bytes)
    }

    /// For `debug.cut_frame`: the first bytes of a reply that never goes on.
    func sendHalfAReply() {
        var payload = PayloadWriter()
        session.head(session.request).encode(into: &payload)
        payload.string("the rest of this reply was cut off")
        var bytes: [UInt8] = []
        encodeMessage(operation: Operation.sync, flags: .reply, payload: payload.bytes, into: &bytes)
        unsent.append(contentsOf: bytes.prefix(bytes.count / 2))
        flush()
    }
}
