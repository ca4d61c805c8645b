// A worker process: one workspace, one loop, one thread. Clients come over the control channel as descriptors; requests
// never pass through the supervisor. Must not open, listen on or name any file. Cost: 3-12 ms to start.

import CLayout
import CShim
import Glibc
import GraphCore
import Journal
import Wire

/// Runs a worker until its work is done. The process ends with the status returned.
func runWorker(
    control: Int32, page: Int32, journal: [Int32], workspace: String, memoryLimit: Int?, wantsCore: Bool
) -> Int32 {
    do {
        let worker = try Worker(
            control: control, page: page, journal: journal, workspace: workspace, memoryLimit: memoryLimit,
            wantsCore: wantsCore)
        worker.run()
        return 0
    } catch {
        report("worker cannot start: \(error)")
        return 70
    }
}

/// One line on stderr, which the supervisor keeps for the report.
func report(_ text: String) {
    let line = text + "\n"
    _ = line.withCString { write(2, $0, strlen($0)) }
}

final class Worker {
    private let loop: EventLoop
    private let workspace: Workspace
    private let page: WorkerPage
    private let channel: SupervisorChannel
    private let buffer = ReceiveBuffer()
    private let trim: IdleTrim
    private var heartbeat: Timer?
    private var termination: SignalWatcher?
    private var streams: [UInt64: ClientStream] = [:]
    private var traceEnd: Timer?

    /// `journal`: two files that hold the state of the workspace before this worker, or nothing.
    init(
        control: Int32, page pageFd: Int32, journal: [Int32], workspace name: String, memoryLimit: Int?, wantsCore: Bool
    ) throws {
        loop = try EventLoop()
        trim = IdleTrim(loop: loop)
        page = try WorkerPage(fd: pageFd, control: control, wantsCore: wantsCore)
        workspace = try Workspace(name: name, memoryLimit: memoryLimit)
        channel = try SupervisorChannel(fd: control, loop: loop)
        page.beat(slot: nil)
        if !journal.isEmpty { try open(journal.map { JournalFile(fd: $0) }) }
    }

    private func open(_ files: [JournalFile]) throws {
        let hash = Description.shared.hash
        if let reader = try JournalReader(
            files: files, descriptionHash: hash, changesState: Description.shared.changesState)
        {
            try Recovery.run(reader, into: workspace, page: page)
            if let damage = reader.damage { report("the journal ends \(damage)") }
        } else {
            workspace.journal = try Journal(files: files, descriptionHash: hash)
        }
    }

    func run() {
        channel.onAdoption = { [unowned self] client in adopt(client) }
        channel.onInspect = { [unowned self] token, id in
            channel.send(.handleInfo(token: token, json: describe(id)?.text ?? "null"))
        }
        channel.onTrace = { [unowned self] milliseconds in trace(forMs: milliseconds) }
        channel.onEnd = { [unowned self] in leave("the daemon is gone") }
        do {
            termination = try SignalWatcher(loop: loop, signal: SIGTERM) { [unowned self] _ in
                leave("the daemon was stopped")
            }
        } catch { report("worker without a handler for SIGTERM: \(error)") }
        let timer = Timer(loop: loop) { [unowned self] in
            page.beat(slot: nil)
            forgetTheDead()
        }
        timer.start(afterMs: 0, repeatMs: 200)
        heartbeat = timer
        page.beat(slot: nil)
        page.publishArena(fd: workspace.arenaFd)
        page.publish(workspace)
        channel.start()
        channel.send(.ready)
        loop.run()
    }

    private func adopt(_ client: AdoptedClient) {
        guard let slot = page.takeSlot(clientId: client.clientId) else {
            return refuse(
                client,
                RemoteError(
                    "BinddUnavailable", "the workspace has \(BD_CLIENT_SLOTS_MAX) clients, more cannot join",
                    hint: "`bindd inspect handles` shows who they are"))
        }
        do {
            let hello = try Hello(decoding: client.hello)
            let session = hello.isResume ? try resume(hello, client.hello) : try begin(hello, client.hello)
            session.clientId = client.clientId
            do {
                streams[client.clientId] = try ClientStream(
                    session: session, slot: slot, hello: hello, socket: client.socket, clientPage: client.clientPage,
                    workspace: workspace, page: page, loop: loop, buffer: buffer, trim: trim
                ) { [unowned self] stream, reason in ended(stream, reason) }
            } catch {
                if !hello.isResume { end(session) }
                throw error
            }
            page.publish(workspace)
            close(client.clientPage)
        } catch {
            page.freeSlot(slot)
            refuse(client, error as? RemoteError ?? RemoteError("BinddUnavailable", "\(error)"))
        }
    }

    private func resume(_ hello: Hello, _ bytes: [UInt8]) throws -> Session {
        guard let session = workspace.sessions[hello.session], session.clientPage == nil else {
            throw RemoteError("BinddUnavailable", "the workspace does not know the session that wants to go on")
        }
        try workspace.journal?.append(.open, session: hello.session, payload: bytes)
        return try opened(hello)
    }

    private func begin(_ hello: Hello, _ bytes: [UInt8]) throws -> Session {
        guard workspace.sessions[hello.session] == nil else {
            throw RemoteError("BinddUnavailable", "the session exists already", hint: "connect again")
        }
        try workspace.journal?.append(.open, session: hello.session, payload: bytes)
        return try opened(hello)
    }

    /// What the journal says is done.
    private func opened(_ hello: Hello) throws -> Session {
        let session = try workspace.openSession(hello)
        if let journal = workspace.journal { journal.end(journal.lastSequence) }
        return session
    }

    /// For good: the client is gone, or its connection is broken.
    private func end(_ session: Session) {
        let journal = workspace.journal
        var isRecorded = false
        do {
            try journal?.append(.close, session: session.key)
            isRecorded = true
        } catch { report("\(error)") }  // then a worker that comes later keeps what the session held
        workspace.endSession(session.key)
        if isRecorded, let journal { journal.end(journal.lastSequence) }
    }

    /// After a death sessions wait for their clients; those whose process is gone as well never come.
    private func forgetTheDead() {
        let waiting = workspace.sessions.values.filter { $0.clientPage == nil }
        for session in waiting.sorted(by: { $0.key < $1.key }) where kill(pid_t(session.pid), 0) != 0 && errno == ESRCH {
            end(session)
            page.publish(workspace)
        }
        if !waiting.isEmpty { stopIfDone() }
    }

    /// Whoever traces says so again and again: one that is gone leaves no trace on.
    private func trace(forMs milliseconds: UInt64) {
        workspace.isTraced = milliseconds > 0
        let end = traceEnd ?? Timer(loop: loop) { [unowned self] in workspace.isTraced = false }
        traceEnd = end
        end.start(afterMs: milliseconds)
    }

    private func refuse(_ client: AdoptedClient, _ error: RemoteError) {
        var payload = PayloadWriter()
        ReplyHead().encode(into: &payload)
        error.encode(into: &payload)
        var bytes: [UInt8] = []
        encodeMessage(operation: Operation.hello, flags: [.reply, .error], payload: payload.bytes, into: &bytes)
        let isThere = bytes.withUnsafeBytes { bd_stream_send(client.socket, $0.baseAddress, $0.count) } >= 0
        shutdown(client.socket, Int32(SHUT_RDWR))
        close(client.socket)
        close(client.clientPage)
        channel.send(.clientGone(client.clientId, reason: isThere ? "refused: \(error.message)" : ""))
        stopIfDone()
    }

    private func ended(_ stream: ClientStream, _ reason: String) {
        let client = stream.session.clientId
        streams[client] = nil
        page.freeSlot(stream.slot)
        // A client that is killed, or leaves replies unread, just went.
        channel.send(.clientGone(client, reason: reason.hasPrefix(ClientStream.brokenBytes) ? reason : ""))
        let removedBefore = workspace.documents.removedBytes
        end(stream.session)
        trim.used(workspace.documents.removedBytes &- removedBefore)
        page.publish(workspace)
        stopIfDone()
    }

    /// Ends the worker; its clients hear why.
    private func leave(_ reason: String) {
        for stream in streams.values { stream.sayGoodbye(reason) }
        loop.stop()
    }

    /// A private workspace ends with its client.
    private func stopIfDone() {
        if workspace.isPrivate, workspace.sessions.isEmpty { loop.stop() }
    }

    /// One object by its debug id, nil when it is none of this workspace's.
    private func describe(_ id: UInt64) -> JSONValue? {
        let kind = UInt32(id >> 56)
        let generation = UInt32(id >> 32) & 0xFF_FFFF
        let index = UInt32(truncatingIfNeeded: id)
        // The same number in another life of a client's workspace is another object.
        let clients = workspace.sessions.values.filter { $0.generation & 0xFF_FFFF == generation }
            .sorted { $0.clientId < $1.clientId }
        guard !clients.isEmpty,
            let members = HandleReport(workspace: workspace).members(kind: kind, index: index)
        else { return nil }
        let pins = clients.filter { $0.holds(kind: kind, index: index) }
        return .object(
            [
                ("workspace", .string(workspace.name)), ("worker_pid", .uint(UInt64(getpid()))),
                ("clients", .array(clients.map { .string("c\($0.clientId)") })),
            ] + members + [("pinned_by", .array(pins.map { .string("c\($0.clientId)") }))])
    }
}
