// One client of the workspace: its requests in order, its leases and pins, the replies it has not read yet. Requests are
// counted here as they are counted there; a reply names its number. Must not let one client's slowness touch another:
// when replies pile up, this client's requests wait. Cost: a look-up in the table of operations per request.

import CLayout
import CShim
import Glibc
import GraphCore
import Wire

/// Where all sessions of a worker receive: one block, not on the stack, whose size is the user's to limit.
final class ReceiveBuffer {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    deinit { bytes.deallocate() }
}

final class Session {
    let clientId: UInt64
    let slot: Int
    /// The client's number for this workspace: part of the debug ids that it shows.
    let generation: UInt32
    private let workspace: Workspace
    private let page: WorkerPage
    private let socket: Int32
    private let clientPage: UnsafeMutableRawPointer
    private let watcher: SocketWatcher
    private let onEnd: (Session, String) -> Void
    private let operations = Description.shared
    private let buffer: ReceiveBuffer
    private var reader = MessageReader()
    private var unsent: [UInt8] = []
    private var unsentStart = 0
    private var request: UInt64 = 0
    private var isEnded = false
    /// The last batch of requests ended with a reply.
    private var hasReplied = false

    private var nodeLease: Range<UInt32> = 0..<0
    private var edgeLease: Range<UInt32> = 0..<0
    private var viewLease: Range<UInt32> = 0..<0
    private var passedOver = [IdSet(), IdSet(), IdSet()]
    /// The batch that is being applied, see Session+Batch.
    var batch: GraphBatch?
    var isLastBatchApplied = false
    private var pinnedNodes = IdSet()
    private var pinnedEdges = IdSet()
    private(set) var heldViews = IdSet()
    private(set) var heldDocuments = IdSet()

    /// Takes over the socket and the client's page, and answers the hello.
    init(
        clientId: UInt64, slot: Int, hello: Hello, socket: Int32, clientPage fd: Int32, workspace: Workspace,
        page: WorkerPage, loop: EventLoop, buffer: ReceiveBuffer, onEnd: @escaping (Session, String) -> Void
    ) throws {
        self.clientId = clientId
        self.slot = slot
        generation = hello.generation
        self.workspace = workspace
        self.page = page
        self.socket = socket
        self.onEnd = onEnd
        self.buffer = buffer
        var map: UnsafeMutableRawPointer?
        let failure = bd_page_map(fd, Int(BD_CLIENT_PAGE_BYTES), false, &map)
        guard failure == 0, let map else {
            throw WorkerError("cannot map the client's page: \(String(cString: strerror(-failure)))")
        }
        clientPage = map
        target = Reference()
        watcher = try SocketWatcher(loop: loop, fd: socket) { [target] events in target.session?.handle(events) }
        target.session = self

        workspace.raiseFloors(hello)
        for kind in [LeaseKind.node, .edge, .view] { try extendLease(kind, wanted: UInt32(Limits.leaseIdsStep)) }
        var payload = PayloadWriter(reserving: 128)
        head(0).encode(into: &payload)
        HelloReply(
            workerPid: UInt32(getpid()), slot: UInt32(slot), generation: hello.generation, clientId: clientId,
            workspace: workspace.name, build: DaemonIdentity.buildId()
        ).encode(into: &payload)
        workspace.graph.arena.publishApplied(0, slot: slot)
        let unset = bd_stream_set_patience(socket, Session.patienceUs)
        guard unset == 0 else { throw WorkerError("cannot prepare the socket: \(String(cString: strerror(-unset)))") }
        do {
            try sendHello(payload.bytes)
            try watcher.watch(.readable)
        } catch {
            watcher.close()
            target.session = nil
            throw error
        }
    }

    /// Ties the watcher's closure to the session until the end of the session. No weak reference: one would make each
    /// count of the session slow.
    private final class Reference { var session: Session? }
    private let target: Reference

    deinit { bd_page_unmap(clientPage, Int(BD_CLIENT_PAGE_BYTES)) }

    /// True when the client has given up on the request that is being applied.
    var isCancelled: Bool {
        bd_word_load_u64(clientPage, MemoryLayout<bd_client_page>.offset(of: \.cancel_request) ?? 0) >= request
    }

    // MARK: ids and holds

    /// An id that the client chose for a new object: its lease moves past it.
    func claim(_ kind: LeaseKind, _ id: UInt32) throws -> UInt32 {
        let lease = lease(kind)
        guard lease.contains(id) else {
            guard passedOver[kind.index].remove(id) else {
                throw WireError("\(kind) id \(id) is not in the client's lease \(lease)")
            }
            return id
        }
        if id != lease.lowerBound { passOver(kind, lease.lowerBound..<id) }
        setLease(kind, id + 1..<lease.upperBound)
        return id
    }

    /// The next id of the client's lease, for an object that the worker makes: the reply's head tells the client how far
    /// its lease is used.
    private func take(_ kind: LeaseKind) throws(GraphError) -> UInt32 {
        if lease(kind).isEmpty {
            do { try extendLease(kind, wanted: UInt32(Limits.leaseIdsStep)) } catch {
                throw GraphError(.limitExceeded, "the workspace has no more ids of kind \(kind)")
            }
        }
        let lease = lease(kind)
        setLease(kind, lease.lowerBound + 1..<lease.upperBound)
        return lease.lowerBound
    }

    /// For operations that make nodes and edges. Not to be kept beyond the session.
    private(set) lazy var ids = IdAllocator(
        nextNode: { [unowned self] () throws(GraphError) -> UInt32 in try take(.node) },
        nextEdge: { [unowned self] () throws(GraphError) -> UInt32 in try take(.edge) })

    /// `isCancelled`, for algorithms to poll.
    private(set) lazy var hasGivenUp: () -> Bool = { [unowned self] in isCancelled }

    /// Ids that the client has not named in their turn: they stand in a batch that is not there yet, or it gave them up.
    private func passOver(_ kind: LeaseKind, _ ids: Range<UInt32>) {
        for id in ids { _ = passedOver[kind.index].insert(id) }
    }

    /// Ids below these are the client's, for a batch that it collects: what the worker makes gets later ones.
    private func advance(_ call: inout Call) throws {
        for kind in [LeaseKind.node, .edge, .view] {
            let id = try call.arguments.u32()
            let lease = lease(kind)
            guard id <= lease.upperBound else { throw WireError("\(kind) id \(id) is beyond the client's lease \(lease)") }
            guard id > lease.lowerBound else { continue }
            passOver(kind, lease.lowerBound..<id)
            setLease(kind, id..<lease.upperBound)
        }
    }

    func extendLease(_ kind: LeaseKind, wanted: UInt32) throws {
        let old = lease(kind)
        let new = try workspace.extend(old, kind, wanted: wanted)
        if new.lowerBound != old.lowerBound { passOver(kind, old) }
        setLease(kind, new)
    }

    /// The object was made with a pin for this client.
    func pinned(_ kind: LeaseKind, _ id: UInt32) {
        if kind == .node {
            _ = pinnedNodes.insert(id)
            batch?.nodes.append(id)
        } else {
            _ = pinnedEdges.insert(id)
            batch?.edges.append(id)
        }
    }

    /// Takes the pin of a new object away again.
    func forgetPin(_ kind: LeaseKind, _ id: UInt32) {
        _ = kind == .node ? pinnedNodes.remove(id) : pinnedEdges.remove(id)
    }

    func forget(view id: UInt32) { _ = heldViews.remove(id) }

    func willChange(view id: UInt32) throws {
        if let batch { try workspace.graph.remember(view: id, in: batch) }
    }

    /// Adds a pin unless this client has one.
    func pin(_ kind: LeaseKind, _ id: UInt32) throws {
        switch kind {
        case .node: if pinnedNodes.insert(id) { try workspace.graph.pinNode(id) }
        case .edge: if pinnedEdges.insert(id) { try workspace.graph.pinEdge(id) }
        case .view: owns(view: id)
        }
    }

    func isPinned(kind: UInt32, index: UInt32) -> Bool {
        switch kind {
        case BD_KIND_NODE, BD_KIND_BOUND_NODE, BD_KIND_TYPE_GRAPH: pinnedNodes.contains(index)
        case BD_KIND_EDGE, BD_KIND_BOUND_EDGE: pinnedEdges.contains(index)
        default: false
        }
    }

    func owns(view id: UInt32) {
        _ = heldViews.insert(id)
        batch?.views.append(id)
    }

    func owns(document id: UInt32) { _ = heldDocuments.insert(id) }
    func forget(document id: UInt32) { _ = heldDocuments.remove(id) }

    func pin(kind: UInt32, ids: [UInt32]) throws {
        switch kind {
        case BD_KIND_NODE: for id in ids where workspace.graph.hasNode(id) { try pin(.node, id) }
        case BD_KIND_EDGE: for id in ids where workspace.graph.hasEdge(id) { try pin(.edge, id) }
        default: throw WireError("pin of kind \(kind)")
        }
    }

    private func release(kind: UInt32, ids: [UInt32]) throws {
        switch kind {
        case BD_KIND_NODE: for id in ids where pinnedNodes.remove(id) { workspace.graph.releaseNode(id) }
        case BD_KIND_EDGE: for id in ids where pinnedEdges.remove(id) { workspace.graph.releaseEdge(id) }
        case BD_KIND_VIEW:
            for id in ids where heldViews.remove(id) && workspace.graph.liveViews.contains(id) {
                if !isHeldElsewhere(id) { try workspace.graph.destroyView(id) }
            }
        case BD_KIND_DOCUMENT:
            for id in ids where heldDocuments.remove(id) { workspace.documents.remove(id) }
            workspace.documents.trim()
        default: throw WireError("release of kind \(kind)")
        }
    }

    /// Set by the worker: does another client hold this view?
    var isHeldElsewhere: (UInt32) -> Bool = { _ in false }

    /// Drops all pins: the client is gone. Views of a named workspace stay for those who come later.
    func releaseEverything() {
        for id in pinnedEdges.ids { workspace.graph.releaseEdge(id) }
        for id in pinnedNodes.ids { workspace.graph.releaseNode(id) }
        for id in heldDocuments.ids { workspace.documents.remove(id) }
        pinnedEdges = IdSet()
        pinnedNodes = IdSet()
        heldDocuments = IdSet()
    }

    private func lease(_ kind: LeaseKind) -> Range<UInt32> {
        switch kind {
        case .node: nodeLease
        case .edge: edgeLease
        case .view: viewLease
        }
    }

    private func setLease(_ kind: LeaseKind, _ lease: Range<UInt32>) {
        switch kind {
        case .node: nodeLease = lease
        case .edge: edgeLease = lease
        case .view: viewLease = lease
        }
    }

    private func head(_ request: UInt64) -> ReplyHead {
        ReplyHead(request: request, nodes: nodeLease, edges: edgeLease, views: viewLease)
    }

    // MARK: input

    private func handle(_ events: SocketWatcher.Events) {
        if events.contains(.writable) {
            flush()
            if !isEnded { applyReceived() }
        }
        if !isEnded, events.contains(.readable) || events.contains(.failed) { receive() }
        if !isEnded { watch() }
    }

    /// How long a receive that follows a reply waits for the next request, and how many of them make one turn of the loop:
    /// the control channel and the heartbeat wait no longer than that.
    private static let patienceUs: UInt32 = 500
    private static let patientReceivesMax = 64

    /// One buffer's worth per turn of the loop, so that no client keeps the others waiting. A client that is alone and has
    /// just got a reply mostly asks again at once: waiting for that in the receive itself saves a call per round trip.
    private func receive() {
        receive(patiently: false)
        guard workspace.isPrivate else { return }
        for _ in 0..<Session.patientReceivesMax where !isEnded && hasReplied && unsent.isEmpty {
            receive(patiently: true)
        }
    }

    private func receive(patiently: Bool) {
        hasReplied = false
        let count =
            patiently
            ? bd_stream_receive_patiently(socket, buffer.bytes.baseAddress, buffer.bytes.count)
            : bd_stream_receive(socket, buffer.bytes.baseAddress, buffer.bytes.count)
        if count > 0 { reader.append(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count])) }
        if count == 0 { return end("closed by the client") }
        if count < 0 {
            if count == -Int(EAGAIN) || count == -Int(EINTR) { return }
            return end("read failed: \(String(cString: strerror(Int32(-count))))")
        }
        applyReceived()
    }

    private var unsentBytes: Int { unsent.count - unsentStart }

    /// Applies what has come, as long as its replies do not pile up: the rest waits until the client has read some.
    private func applyReceived() {
        page.beginTurn()
        do {
            while unsentBytes < Limits.unsentBytesMax {
                var isMore = false
                try reader.forEach { message throws(WireError) in
                    try apply(message)
                    isMore = true
                    return !isEnded && unsentBytes < Limits.unsentBytesMax
                }
                guard isMore, !isEnded else { break }
            }
        } catch {
            end("broken bytes: \(error)")
        }
        page.beat(slot: slot)
        page.publish(workspace)
    }

    private func apply(_ message: MessageReader.InPlace) throws(WireError) {
        request += 1
        let startedNs = workspace.isTraced ? bd_clock_monotonic_ns() : 0
        page.begin(operation: message.operation, request: request, slot: slot)
        var call = Call(workspace: workspace, session: self, arguments: message.payload)
        var failure: RemoteError?
        do {
            try perform(message.operation, &call)
            try call.arguments.finish()
        } catch let error as WireError {
            throw error
        } catch {
            failure = remote(error)
        }
        // Before the reply: who has it may die or read the arena at once, and this request is over.
        workspace.graph.arena.publishApplied(request, slot: slot)
        page.end(request: request, slot: slot)
        if startedNs != 0 { trace(message, startedNs, call, hasFailed: failure != nil) }
        if let failure { return fail(message, failure) }
        guard message.flags.contains(.replyWanted) else { return }
        hasReplied = true
        page.publish(workspace)  // who has the answer finds its effects in the reports
        var payload = PayloadWriter(reserving: ReplyHead.byteCount + call.result.bytes.count)
        head(request).encode(into: &payload)
        payload.raw(call.result.bytes)
        send(message.operation, .reply, payload.bytes)
    }

    private func trace(_ message: MessageReader.InPlace, _ startedNs: UInt64, _ call: borrowing Call, hasFailed: Bool) {
        let isAnswered = message.flags.contains(.replyWanted)
        page.trace(
            bd_trace_event(
                number: 0, request: request, client_id: clientId, started_ns: startedNs,
                elapsed_ns: UInt32(clamping: bd_clock_monotonic_ns() - startedNs), operation: UInt32(message.operation),
                request_bytes: UInt32(clamping: message.payload.remaining),
                reply_bytes: isAnswered && !hasFailed ? UInt32(clamping: call.result.bytes.count) : 0,
                flags: (isAnswered ? BD_TRACE_REPLY : 0) | (hasFailed ? BD_TRACE_ERROR : 0), reserved: (0, 0, 0)))
    }

    private func perform(_ operation: UInt16, _ call: inout Call) throws {
        switch operation {
        case Operation.sync: return
        case Operation.release: try release(kind: try call.arguments.u32(), ids: try call.arguments.u32List())
        case Operation.pin: try pin(kind: try call.arguments.u32(), ids: try call.arguments.u32List())
        case Operation.batch: try applyBatch(&call)
        case Operation.lease:
            guard let kind = LeaseKind(rawValue: try call.arguments.u32()) else { throw WireError("lease of that kind") }
            try extendLease(kind, wanted: try call.arguments.u32())
        case Operation.advance: try advance(&call)
        default:
            guard let handler = operations.handler(operation) else {
                throw WireError("operation \(operation) does not exist")
            }
            try handler(&call)
        }
    }

    func remote(_ error: any Error) -> RemoteError {
        switch error {
        case let error as RemoteError: error
        case let error as GraphError: RemoteError(error)
        case let error as TypeGraphError: RemoteError(error)
        default: documentError(error) ?? RemoteError("BinddError", "\(error)")
        }
    }

    /// A request that failed changed nothing. Its client hears of it: by the reply, or by a notice where none was wanted.
    private func fail(_ message: MessageReader.InPlace, _ error: RemoteError) {
        var payload = PayloadWriter(reserving: 256)
        guard message.flags.contains(.replyWanted) else {
            payload.u32(error.code)
            payload.string("request \(request), \(operationName(message.operation) ?? "?"): \(error.message)")
            return send(message.operation, .notice, payload.bytes)
        }
        head(request).encode(into: &payload)
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

    private func send(_ operation: UInt16, _ flags: FrameFlags, _ payload: [UInt8]) {
        if flags.contains(.reply) { page.countReply(slot: slot) }
        encodeMessage(operation: operation, flags: flags, payload: payload, into: &unsent)
        flush()
    }

    private func flush() {
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
        if unsentStart == unsent.count {
            unsent.removeAll(keepingCapacity: unsent.capacity <= 1 << 20)
            unsentStart = 0
        } else if unsentStart > 1 << 20 {
            unsent.removeFirst(unsentStart)
            unsentStart = 0
        }
    }

    /// Replies first: while too many bytes wait for the client, its requests wait in its own socket.
    private func watch() {
        var events: SocketWatcher.Events = []
        if unsentBytes > 0 { events.insert(.writable) }
        if unsentBytes < Limits.unsentBytesMax { events.insert(.readable) }
        do { try watcher.watch(events) } catch { end("cannot watch the socket: \(error)") }
    }

    func end(_ reason: String) {
        guard !isEnded else { return }
        isEnded = true
        watcher.close()
        target.session = nil
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
        head(request).encode(into: &payload)
        payload.string("the rest of this reply was cut off")
        var bytes: [UInt8] = []
        encodeMessage(operation: Operation.sync, flags: .reply, payload: payload.bytes, into: &bytes)
        unsent.append(contentsOf: bytes.prefix(bytes.count / 2))
        flush()
    }
}
