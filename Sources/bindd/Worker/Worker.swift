// A worker process: one workspace, one loop, one thread. Clients come over the control channel as descriptors; requests
// never pass through the supervisor. Must not open, listen on or name any file. Cost: 3-12 ms to start.

import CLayout
import CShim
import Glibc
import GraphCore
import Wire

/// Runs a worker until its work is done. The process ends with the status returned.
func runWorker(control: Int32, page: Int32, workspace: String, memoryLimit: Int?) -> Int32 {
    do {
        let worker = try Worker(control: control, page: page, workspace: workspace, memoryLimit: memoryLimit)
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
    private var heartbeat: Timer?
    private var termination: SignalWatcher?
    private var sessions: [UInt64: Session] = [:]
    private var traceEnd: Timer?

    init(control: Int32, page pageFd: Int32, workspace name: String, memoryLimit: Int?) throws {
        loop = try EventLoop()
        page = try WorkerPage(fd: pageFd)
        workspace = try Workspace(name: name, memoryLimit: memoryLimit)
        channel = try SupervisorChannel(fd: control, loop: loop)
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
        let timer = Timer(loop: loop) { [unowned self] in page.beat(slot: nil) }
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
            let session = try Session(
                clientId: client.clientId, slot: slot, hello: try Hello(decoding: client.hello),
                socket: client.socket, clientPage: client.clientPage, workspace: workspace, page: page, loop: loop, buffer: buffer
            ) { [unowned self] session, reason in ended(session, reason) }
            session.isHeldElsewhere = { [unowned self] view in
                sessions.values.contains { $0 !== session && $0.heldViews.contains(view) }
            }
            sessions[client.clientId] = session
            page.publish(workspace)
            close(client.clientPage)
        } catch {
            page.freeSlot(slot)
            refuse(client, error as? RemoteError ?? RemoteError("BinddUnavailable", "\(error)"))
        }
    }

    /// Whoever traces says so again and again: one that is gone leaves no trace on.
    private func trace(forMs milliseconds: UInt64) {
        workspace.isTraced = milliseconds > 0
        let end = traceEnd ?? Timer(loop: loop) { [unowned self] in workspace.isTraced = false }
        traceEnd = end
        end.start(afterMs: milliseconds)
    }

    private func refuse(_ client: AdoptedClient, _ error: RemoteError) {
        report("client \(client.clientId) refused: \(error.message)")
        var payload = PayloadWriter()
        ReplyHead().encode(into: &payload)
        error.encode(into: &payload)
        var bytes: [UInt8] = []
        encodeMessage(operation: Operation.hello, flags: [.reply, .error], payload: payload.bytes, into: &bytes)
        _ = bytes.withUnsafeBytes { bd_stream_send(client.socket, $0.baseAddress, $0.count) }
        shutdown(client.socket, Int32(SHUT_RDWR))
        close(client.socket)
        close(client.clientPage)
        channel.send(.clientGone(client.clientId))
        stopIfDone()
    }

    private func ended(_ session: Session, _ reason: String) {
        if reason != "closed by the client" { report("client \(session.clientId) cut: \(reason)") }
        sessions[session.clientId] = nil
        page.freeSlot(session.slot)
        channel.send(.clientGone(session.clientId))
        if !workspace.isPrivate {
            session.releaseEverything()
            page.publish(workspace)
        }
        stopIfDone()
    }

    /// Ends the worker; its clients hear why.
    private func leave(_ reason: String) {
        for session in sessions.values { session.sayGoodbye(reason) }
        loop.stop()
    }

    /// A private workspace ends with its client.
    private func stopIfDone() {
        if workspace.isPrivate, sessions.isEmpty { loop.stop() }
    }

    /// One object by its debug id, nil when it is none of this workspace's.
    private func describe(_ id: UInt64) -> JSONValue? {
        let kind = UInt32(id >> 56)
        let generation = UInt32(id >> 32) & 0xFF_FFFF
        let index = UInt32(truncatingIfNeeded: id)
        // The same number in another life of a client's workspace is another object.
        let clients = sessions.values.filter { $0.generation & 0xFF_FFFF == generation }
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
