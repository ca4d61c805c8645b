// The daemon: accepts, checks, hands connections to the worker of their workspace, reaps and reports.
//
// It must survive everything: it never parses a method's payload, never blocks, believes no byte of a client or worker,
// and keeps nothing that a client could not lose. Order of calls: init, start, loop.run(); `stop` from anywhere on the
// loop. Control commands are in Supervisor+Control, the reports' text in Supervisor+Reports.
// Cost: nothing per request (requests do not pass here); per connection a hello and one datagram.

import CLayout
import CShim
import Glibc
import Logging
import Wire

final class Supervisor {
    struct Options {
        var path: SocketPath
        var executable: String
        var environment: [String]
        /// 0: never.
        var idleExitSeconds: UInt64
        var uid: UInt32
        /// Where journals are kept; nil: in memory.
        var state: StateFolder?
    }

    let loop: EventLoop
    let identity: DaemonIdentity
    let options: Options
    let log: Logger
    let startedNs: UInt64
    let userName: String

    var connections: [UInt64: Connection] = [:]
    var workers: [UInt64: WorkerProcess] = [:]
    /// Ended for everybody, but the system is still taking them down.
    private var leaving: [UInt64: WorkerProcess] = [:]
    var named: [String: WorkerProcess] = [:]
    var clients: [UInt64: ClientRecord] = [:]
    /// Workspaces without a worker that somebody may want to go on with.
    var lostWorkspaces: [LostWorkspace] = []
    /// What waits for the end of a worker that is dying, by its number.
    var afterEnd: [UInt64: [() -> Void]] = [:]
    var obituaries = Obituaries()
    var waiters: [UInt64: ObituaryWaiter] = [:]
    /// Clients whose worker ended before them, newest last; see Supervisor+Ledgers.
    var lostClients: [LostClient] = []
    var growthTimer: Timer?
    var inspections: [UInt64: HandleInspection] = [:]
    var stopRequests: [Connection] = []
    /// Who is told what happens, by the connection's number, and what; see Supervisor+Events.
    var subscribers: [UInt64: Subscriber] = [:]
    var board = EventBoard(beganNs: bd_clock_realtime_ns())
    var files: FileWatcher?
    var toldHandles: [UInt64: UInt64] = [:]
    private(set) var isStopping = false

    private let lock: DaemonLock
    private var listener: Listener?
    private var signals: [SignalWatcher] = []
    private var idleTimer: Timer?
    private var adoptionTimer: Timer?
    private var lostTimer: Timer?
    private var abandonedTimer: Timer?
    private var startQueue: [WorkerProcess] = []
    private var nextNumber: UInt64 = 0
    private var nextClient: UInt64 = 0
    private(set) lazy var crashReports = CrashReports(
        loop: loop, executable: options.executable, environment: options.environment, log: log,
        folder: options.state.map { CrashFolder(path: "\($0.path)/crash") })
    private var boundedLines = LineBudget(linesMax: DaemonLimits.boundedLogLinesMax)

    init(loop: EventLoop, identity: DaemonIdentity, options: Options, lock: DaemonLock, log: Logger) {
        self.loop = loop
        self.identity = identity
        self.options = options
        self.lock = lock
        self.log = log
        startedNs = loop.nowNs
        userName = ProcessFiles.userName(uid: options.uid)
    }

    /// Listens from here on.
    func start() throws {
        for number in [SIGTERM, SIGINT, SIGHUP] {
            signals.append(
                try SignalWatcher(loop: loop, signal: number) { [weak self] signal in
                    self?.stop(reason: signalName(signal))
                })
        }
        idleTimer = Timer(loop: loop) { [weak self] in self?.idleTimePassed() }
        adoptionTimer = Timer(loop: loop) { [weak self] in self?.noteAdoptions() }
        abandonedTimer = Timer(loop: loop) { [weak self] in self?.endAbandoned() }
        lostTimer = Timer(loop: loop) { [weak self] in self?.forgetUnwanted() }
        lostTimer?.start(afterMs: DaemonLimits.lostTickMs, repeatMs: DaemonLimits.lostTickMs)
        listener = try Listener(
            loop: loop, path: options.path, uid: options.uid,
            onAccept: { [weak self] fd, pid in self?.accepted(fd, pid) },
            onTrouble: { [weak self] event, detail in
                self?.logBounded(event, detail.isEmpty ? [:] : ["detail": "\(detail)"])
            })
        log.info(
            "listening",
            metadata: [
                "socket": "\(options.path.socket)", "pid": "\(getpid())", "version": "\(identity.version)",
                "build": "\(identity.build)", "protocol": "\(identity.protocolText)",
            ])
        restartIdleTimer()
    }

    func uniqueNumber() -> UInt64 {
        nextNumber += 1
        return nextNumber
    }

    // -- connections

    private func accepted(_ fd: Int32, _ peerPid: Int32) {
        let number = uniqueNumber()
        do throws(LoopError) {
            let connection = try Connection(loop: loop, fd: fd, number: number, peerPid: peerPid)
            connection.onMessage = { [weak self] connection, message, fds in self?.received(connection, message, fds) }
            connection.onClosed = { [weak self] connection, reason in self?.closed(connection, reason) }
            connections[number] = connection
            if connections.count >= DaemonLimits.connectionsMax { makeRoom() }
            listener?.isPaused = connections.count >= DaemonLimits.connectionsMax
        } catch {
            close(fd)
            log.warning("connection_failed", metadata: ["detail": "\(error)"])
        }
        restartIdleTimer()
    }

    /// Cuts the longest silent connections of the process that has most of them: who comes next must not wait for one
    /// that opens many and says nothing.
    private func makeRoom() {
        let silent = connections.values.filter(\.isWaitingForPeer)
        let byProcess = Dictionary(grouping: silent, by: \.peerPid)
        let most = byProcess.max { ($0.value.count, $1.key) < ($1.value.count, $0.key) }
        guard let (pid, theirs) = most else { return }
        let cut = theirs.sorted { $0.number < $1.number }.prefix(max(1, theirs.count / DaemonLimits.shedDivisor))
        for connection in cut { connection.close(reason: "") }
        logBounded(
            "peers_cut",
            [
                "pid": "\(pid)", "connections": "\(cut.count)",
                "reason": "the daemon has \(DaemonLimits.connectionsMax) open connections, this process has most of them",
            ])
    }

    private func closed(_ connection: Connection, _ reason: String) {
        forget(connection)
        if !reason.isEmpty { logPeer("peer_cut", connection, reason) }
    }

    private func logPeer(_ event: String, _ connection: Connection, _ reason: String) {
        logBounded(event, ["pid": "\(connection.peerPid)", "reason": "\(reason)"])
    }

    /// For what others can bring about at will: it must not fill the disk.
    func logBounded(_ event: String, _ values: Logger.Metadata) {
        guard let suppressed = boundedLines.take(nowNs: loop.nowNs) else { return }
        var values = values
        if suppressed > 0 { values["lines_suppressed"] = "\(suppressed)" }
        log.warning("\(event)", metadata: values)
    }

    /// A client that went by itself is news for whoever looks; one that was cut, for whoever wonders why.
    private func logGone(_ client: ClientRecord, _ reason: String) {
        let about: Logger.Metadata = ["client": "\(client.name)", "workspace": "\(client.workspace)"]
        tellGone(client, reason)
        guard !reason.isEmpty else { return log.info("client_gone", metadata: about) }
        logBounded("client_cut", about.merging(["pid": "\(client.pid)", "reason": "\(reason)"]) { _, new in new })
    }

    private func forget(_ connection: Connection) {
        connections[connection.number] = nil
        forgetWaiters(of: connection)
        listener?.isPaused = connections.count >= DaemonLimits.connectionsMax
        restartIdleTimer()
    }

    private func received(_ connection: Connection, _ message: Message, _ fds: [Int32]) {
        if message.operation == Operation.control {
            for fd in fds { close(fd) }
            control(connection, message.payload)
            return
        }
        do throws(HelloRefusal) {
            let (hello, page, ledger) = try checkHello(message.payload, fds)
            if hello.isResume, let dying = workers.values.first(where: { $0.has(session: hello.session) }) {
                // Its client saw the end before we did.
                afterEnd[dying.number, default: []].append { [weak self] in self?.received(connection, message, fds) }
                return
            }
            nextClient += 1
            let client = ClientRecord(
                id: nextClient, pid: connection.peerPid, hello: hello, connectedNs: loop.nowNs, page: page,
                ledger: ledger)
            let worker = try workerFor(hello)
            let socket = connection.detach()
            forget(connection)
            clients[client.id] = client
            clientCame(client)
            for extra in fds.dropFirst() { close(extra) }
            log.info(
                "client_connected",
                metadata: [
                    "client": "\(client.name)", "pid": "\(client.pid)", "program": "\(client.program)",
                    "workspace": "\(client.workspace)",
                ])
            tellConnected(client)
            worker.add(Handover(client: client, hello: message.payload, socket: socket, page: fds[0]))
            if worker.state == .ready { watchAdoptions() }
            startSome()
        } catch {
            for fd in fds { close(fd) }
            switch error {
            case .broken(let why): connection.close(reason: why)
            case .answer(let refusal):
                logPeer("hello_refused", connection, refusal.message)
                connection.send(
                    operation: Operation.hello, flags: [.reply, .error], payload: errorPayload(refusal), closing: true)
            }
        }
    }

    /// The client's page comes mapped; its descriptor stays in fds[0].
    private func checkHello(
        _ payload: [UInt8], _ fds: [Int32]
    ) throws(HelloRefusal) -> (Hello, SharedPage, LedgerFile?) {
        let hello = try HelloCheck.check(payload, identity: identity)
        guard clients.count < Limits.clientsMax else {
            throw .answer(
                RemoteError(
                    "LimitExceeded", "the daemon has \(clients.count) clients, clientsMax is \(Limits.clientsMax)",
                    hint: "`bindd inspect handles` shows who they are"))
        }
        let page = try HelloCheck.mapPage(fds, layoutVersion: identity.layoutVersion)
        return (hello, page, try HelloCheck.ledger(fds))
    }

    func errorPayload(_ error: RemoteError) -> [UInt8] {
        var writer = PayloadWriter(reserving: 256)
        ReplyHead().encode(into: &writer)
        error.encode(into: &writer)
        return writer.bytes
    }

    // -- workers

    /// The worker of the workspace; a new one when there is none or the workspace is private.
    private func workerFor(_ hello: Hello) throws(HelloRefusal) -> WorkerProcess {
        let workspace = hello.workspace
        guard !isStopping else {
            throw .answer(
                RemoteError("BinddUnavailable", "the daemon is stopping", hint: "connect again", fields: [passing]))
        }
        if let worker = named[workspace] {
            guard worker.clients.count < Int(BD_CLIENT_SLOTS_MAX) else {
                throw .answer(
                    RemoteError(
                        "LimitExceeded",
                        "workspace \"\(workspace)\" has \(worker.clients.count) clients, "
                            + "the limit is \(BD_CLIENT_SLOTS_MAX)",
                        hint: "`bindd inspect handles` shows who they are"))
            }
            return worker
        }
        guard workers.count < DaemonLimits.workersMax else {
            throw .answer(
                RemoteError(
                    "LimitExceeded",
                    "the daemon has \(workers.count) workers, workersMax is \(DaemonLimits.workersMax)",
                    hint: "`bindd status` shows them"))
        }
        let worker = try makeWorker(hello)
        install(worker)
        return worker
    }

    /// From here on it is ours, and waits for its turn to start.
    func install(_ worker: WorkerProcess) {
        worker.onReady = { [weak self] worker in self?.workerReady(worker) }
        worker.onDatagram = { [weak self] worker, datagram in self?.workerSaid(worker, datagram) }
        worker.onTrouble = { [weak self] worker, event, detail in
            self?.log.error("\(event)", metadata: ["pid": "\(worker.pid)", "detail": "\(detail)"])
        }
        worker.onReaped = { [weak self] worker in self?.workerReaped(worker) }
        worker.onEnded = { [weak self] worker, exit, orphans in self?.workerEnded(worker, exit, orphans) }
        workers[worker.number] = worker
        if !worker.isPrivate { named[worker.workspace] = worker } else { watchAbandoned() }
        enqueue(worker)
    }

    private func enqueue(_ worker: WorkerProcess) {
        let waitMs = worker.deaths.backOffMs
        guard waitMs > 0 else { return startQueue.append(worker) }
        let timer = Timer(loop: loop) { [weak self, weak worker] in
            guard let self, let worker, worker.state == .queued, !isStopping else { return }
            startQueue.append(worker)
            startSome()
        }
        timer.start(afterMs: waitMs)
        worker.startTimer = timer
    }

    /// Starts queued workers, not too many at once.
    private func startSome() {
        var starting = workers.values.count { $0.state == .starting }
        while starting < DaemonLimits.startingWorkersMax, !startQueue.isEmpty {
            let worker = startQueue.removeFirst()
            guard worker.hasLiveClients() else {
                giveUp(worker, "its client is gone")
                continue
            }
            do {
                try worker.start(executable: options.executable, environment: options.environment)
                starting += 1
                log.info("worker_started", metadata: ["pid": "\(worker.pid)", "workspace": "\(worker.workspace)"])
            } catch {
                log.error("worker_start_failed", metadata: ["detail": "\(error)"])
                giveUp(worker, "\(error)")
            }
        }
    }

    /// Ends a worker that has no process.
    private func giveUp(_ worker: WorkerProcess, _ why: String) {
        forget(worker)
        answerOrphans(
            worker.abandon(),
            RemoteError(
                "BinddUnavailable", "the worker process could not be started: \(why)",
                hint: "the daemon's log is \(options.path.log)", fields: isStopping ? [passing] : []))
    }

    private func workerReady(_ worker: WorkerProcess) {
        tellReady(worker)
        watchAdoptions()
        startSome()
    }

    private func workerSaid(_ worker: WorkerProcess, _ datagram: WorkerDatagram) {
        switch datagram {
        case .ready: return
        case .clientGone(let id, let reason):
            guard let client = worker.removeClient(id) else { return }
            clients[id] = nil
            logGone(client, String(reason.prefix(DaemonLimits.reasonCharactersMax)))
            restartIdleTimer()
        case .handleInfo(let token, let json): handleInfo(worker, token, json)
        }
    }

    private func workerEnded(_ worker: WorkerProcess, _ exit: ChildExit, _ orphans: [Handover]) {
        if worker.isLeaving { leaving[worker.number] = worker }
        var obituary = obituary(of: worker, exit)
        obituary.crash = crashFacts(of: worker, obituary)
        obituaries.add(obituary)
        keepWorkspace(of: worker, obituary)
        keepClients(of: worker, obituary)
        forget(worker)
        logEnd(of: worker, obituary)
        let (unserved, why) = goOn(with: orphans, after: worker, obituary)
        answerOrphans(unserved, why)
        answerWaiters(obituary)
        forgetInspections(of: worker)
        for resume in afterEnd.removeValue(forKey: worker.number) ?? [] { resume() }
        if isStopping { finishStop() } else { startSome() }
    }

    private func workerReaped(_ worker: WorkerProcess) {
        leaving[worker.number] = nil
        if isStopping { finishStop() }
    }

    private func forget(_ worker: WorkerProcess) {
        workers[worker.number] = nil
        if named[worker.workspace] === worker { named[worker.workspace] = nil }
        for id in worker.clients.keys { clients[id] = nil }
        restartIdleTimer()
    }

    private func obituary(of worker: WorkerProcess, _ exit: ChildExit) -> Obituary {
        let page = worker.pageSnapshot()
        let nowNs = loop.nowNs
        let isBusy = page.current_operation != 0
        let leftInOrder = exit.signal == 0 && exit.status == 0 && !isBusy && worker.isPrivate
        return Obituary(
            pid: exit.pid, workspace: worker.workspace, signal: exit.signal, exitCode: exit.status,
            operation: page.current_operation, operationName: identity.name(ofOperation: page.current_operation),
            request: isBusy ? page.current_request : 0, slot: isBusy ? page.current_slot : 0, client: isBusy ? clientName(page, worker) : "",
            elapsedMs: isBusy ? milliseconds(from: page.current_started_ns, to: nowNs) : 0,
            stderrTail: worker.stderrTail, isTheEnd: leftInOrder || isStopping || worker.isAbandoned, isExpected: leftInOrder || worker.isEndOrdered,
            endedRealtimeNs: bd_clock_realtime_ns())
    }

    private func clientName(_ page: bd_worker_page, _ worker: WorkerProcess) -> String {
        let slots = KindCounters.slots(page)
        guard Int(page.current_slot) < slots.count else { return "" }
        return worker.clients[slots[Int(page.current_slot)].client_id]?.name ?? ""
    }

    private func logEnd(of worker: WorkerProcess, _ obituary: Obituary) {
        var values: Logger.Metadata = [
            "pid": "\(obituary.pid)", "workspace": "\(obituary.workspace)", "cause": "\(obituary.cause)",
        ]
        if let reason = worker.endReason { values["reason"] = "\(reason)" }
        if obituary.operation != 0 {
            values["operation"] = "\(obituary.operationName)"
            values["request"] = "\(obituary.request)"
            if !obituary.client.isEmpty { values["client"] = "\(obituary.client)" }
            values["elapsed_ms"] = "\(obituary.elapsedMs)"
        }
        tellEnd(of: worker, obituary)
        if obituary.isExpected {
            log.info("worker_ended", metadata: values)
        } else {
            values["stderr"] = "\(String(obituary.stderrTail.suffix(200)))"
            log.error("worker_crashed", metadata: values)
        }
    }

    /// Clients whose worker never took them: their sockets are still ours, so they hear why.
    private func answerOrphans(_ orphans: [Handover], _ error: RemoteError) {
        var bytes: [UInt8] = []
        encodeMessage(
            operation: Operation.hello, flags: [.reply, .error], payload: errorPayload(error), into: &bytes)
        for orphan in orphans {
            // An empty socket takes this much at once; a client that is gone needs no answer.
            _ = bytes.withUnsafeBytes { bd_stream_send(orphan.socket, $0.baseAddress, $0.count) }
            WorkerProcess.release(orphan)
            clients[orphan.client.id] = nil
        }
    }

    private func watchAdoptions() {
        guard let adoptionTimer, !adoptionTimer.isActive else { return }
        adoptionTimer.start(afterMs: DaemonLimits.adoptionTickMs, repeatMs: DaemonLimits.adoptionTickMs)
    }

    private func noteAdoptions() {
        for worker in workers.values where worker.hasUnadopted { worker.noteAdoptions() }
        if !workers.values.contains(where: \.hasUnadopted) { adoptionTimer?.stop() }
    }

    private func watchAbandoned() {
        guard let abandonedTimer, !abandonedTimer.isActive else { return }
        abandonedTimer.start(afterMs: DaemonLimits.abandonedTickMs, repeatMs: DaemonLimits.abandonedTickMs)
    }

    private func endAbandoned() {
        for worker in workers.values { worker.endIfAbandoned() }
        if !workers.values.contains(where: \.isPrivate) { abandonedTimer?.stop() }
    }

    // -- the end

    /// Who only listens keeps no daemon.
    private var isIdle: Bool {
        clients.isEmpty && workers.isEmpty && connections.values.allSatisfy(\.isListening) && lostWorkspaces.isEmpty
    }

    /// Counts from the last sign of life.
    func restartIdleTimer() {
        guard options.idleExitSeconds > 0, !isStopping else { return }
        idleTimer?.start(afterMs: options.idleExitSeconds * 1000)
    }

    private func idleTimePassed() {
        guard isIdle, listener?.retreat() ?? true else { return restartIdleTimer() }
        stop(reason: "idle for \(options.idleExitSeconds) s")
    }

    func stop(reason: String) {
        guard !isStopping else { return }
        isStopping = true
        log.info("stopping", metadata: ["reason": "\(reason)", "workers": "\(workers.count)"])
        listener?.close()
        idleTimer?.stop()
        startQueue = []
        for worker in workers.values.filter({ $0.state == .queued }) { giveUp(worker, "the daemon is stopping") }
        for worker in workers.values { worker.terminate(reason: "the daemon stops: \(reason)") }
        finishStop()
    }

    private func finishStop() {
        guard isStopping, workers.isEmpty, leaving.isEmpty else { return }
        tell("daemon_stopping", [("pid", .int(Int64(getpid())))])
        for connection in stopRequests { answer(connection, .object([("stopped", .bool(true))]), closing: true) }
        stopRequests = []
        for workspace in lostWorkspaces { workspace.journal.remove() }
        lostTimer?.close()
        abandonedTimer?.close()
        for connection in connections.values { connection.close(reason: "") }
        for signal in signals { signal.close() }
        idleTimer?.close()
        growthTimer?.close()
        adoptionTimer?.close()
        files?.close()
        crashReports.close()
        lock.remove()
        if boundedLines.suppressed > 0 {
            log.warning("lines_suppressed", metadata: ["lines": "\(boundedLines.suppressed)"])
        }
        log.info("stopped")
        loop.stop()
    }
}

/// Milliseconds between two readings of the clock; 0 when a hostile page has them the wrong way round.
func milliseconds(from startNs: UInt64, to endNs: UInt64) -> UInt64 {
    startNs == 0 || startNs > endNs ? 0 : (endNs - startNs) / 1_000_000
}
