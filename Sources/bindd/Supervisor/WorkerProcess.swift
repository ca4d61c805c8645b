// One worker as the supervisor sees it: the process, its control channel, the pipe of its standard error, its page, and
// the connections on their way to it.
//
// Lifetime: queued → starting (spawned) → ready → ended. `onEnded` comes once, after the last words were read.
// Until a connection handed over shows up in the worker's page, its socket stays open here too, so that a client whose
// worker dies first gets an answer and not a bare end of stream.
// A worker whose handler of fatal signals has told its end counts as ended at once: taking down its memory may take the
// system long. Its process is reaped behind that (`isLeaving`, `onReaped`).
// Must not parse payloads, block, or trust the worker. Cost: three descriptors and 32 KiB per worker.

import CLayout
import CShim
import Glibc
import Wire

final class WorkerProcess {
    /// The descriptor at which a worker has its page.
    static let pageFdInWorker: Int32 = 4

    enum State { case queued, starting, ready, ended }

    let number: UInt64
    let workspace: String
    private(set) var state = State.queued
    private(set) var pid: Int32 = 0
    private(set) var clients: [UInt64: ClientRecord] = [:]
    /// Why we ended it; nil while we did not.
    private(set) var endReason: String?
    /// Nobody was left who could have used it.
    private(set) var isAbandoned = false
    private var looksWithoutClients = 0
    /// We were asked to end it: no crash, whatever it was doing.
    private(set) var isEndOrdered = false
    let createdNs: UInt64
    /// See `MemoryDeath`.
    let memoryKillsBefore = ProcessFiles.outOfMemoryKills()
    /// Outlives the process; nil: a death loses everything.
    let journal: JournalFiles?
    /// Of the workspace's workers before this one.
    let deaths: Deaths
    /// Clients of those that may still come, by session: their processes.
    let resumable: [UInt64: PeerProcess]
    /// Comes after another worker of the same workspace.
    let isSuccessor: Bool

    var onReady: ((WorkerProcess) -> Void)?
    var onDatagram: ((WorkerProcess, WorkerDatagram) -> Void)?
    var onTrouble: ((WorkerProcess, String, String) -> Void)?
    /// The process is gone; comes after `onEnded`, and only when it was not gone then.
    var onReaped: ((WorkerProcess) -> Void)?
    /// With the connections that it never took.
    var onEnded: ((WorkerProcess, ChildExit, [Handover]) -> Void)?

    private let loop: EventLoop
    private var process: ChildProcess?
    private var page: SharedPage?
    /// The page and what a dying worker wrote behind it; open as long as this value lives.
    private(set) var pageFile: OwnedDescriptor?
    private var controlFd: Int32 = -1
    private var control: SocketWatcher?
    private var stderrFd: Int32 = -1
    private var stderrWatcher: SocketWatcher?
    private var startDeadline: Timer?
    private var killTimer: Timer?
    private var killNs: UInt64 = 0
    private var hasLastWords = false
    /// Ended for everybody, but its process is not gone yet.
    private(set) var isLeaving = false
    private var tail = ByteTail(bytesMax: DaemonLimits.stderrTailBytes)
    private var waiting: [Handover] = []
    private var sent: [Handover] = []

    init(loop: EventLoop, number: UInt64, workspace: String, journal: JournalFiles?, deaths: Deaths = Deaths(),
        resumable: [UInt64: PeerProcess] = [:]
    ) {
        self.loop = loop
        self.journal = journal
        self.deaths = deaths
        self.resumable = resumable
        isSuccessor = deaths.count > 0
        self.number = number
        self.workspace = workspace
        createdNs = loop.nowNs
    }

    /// While it waits for its turn after the deaths of others.
    var startTimer: Timer?

    var isPrivate: Bool { workspace.isEmpty }
    /// Ended, or has not got further, while it applied the journal of another one.
    private(set) var wasRecovering = true
    func has(session: UInt64) -> Bool { clients.values.contains { $0.session == session } }
    var hasUnadopted: Bool { !sent.isEmpty }
    var stderrTail: String { tail.text }

    /// The page as it stands; zeros before the process runs.
    func pageSnapshot() -> bd_worker_page { page?.workerPage() ?? bd_worker_page() }

    /// What its handler of fatal signals wrote; nil while that did not run.
    func crashSlot() -> bd_crash_slot? {
        guard let slot = page?.crashSlot(), slot.state >= BD_CRASH_TOLD, slot.signal > 0, slot.signal < 65 else { return nil }
        return slot
    }

    // -- start

    /// `executable` is run as `bindd worker`.
    func start(executable: String, environment: [String]) throws {
        let pageFd = bd_page_create_growing("bindd-worker-page", Int(BD_WORKER_PAGE_BYTES))
        guard pageFd >= 0 else { throw SystemError("memfd_create", negative: pageFd) }
        pageFile = OwnedDescriptor(pageFd)
        page = try SharedPage(fd: pageFd, byteCount: Int(BD_WORKER_PAGE_BYTES))

        var ends: [Int32] = [-1, -1]
        let paired = bd_socket_pair(&ends)
        guard paired == 0 else { throw SystemError("socketpair", negative: paired) }
        controlFd = ends[0]
        defer { close(ends[1]) }

        var pipes: [Int32] = [-1, -1]
        let piped = bd_pipe_pair(&pipes)
        guard piped == 0 else { throw SystemError("pipe", negative: piped) }
        stderrFd = pipes[0]
        defer { close(pipes[1]) }

        let plan = ChildProcess.Plan(
            file: executable,
            arguments: ["bindd", "worker", "--supervisor=\(getpid())"]
                + (isPrivate ? [] : ["--workspace=\(workspace)"]) + (journal == nil ? [] : ["--journal"]),
            environment: environment,
            descriptors: [-1, -1, pipes[1], ends[1], pageFd] + (journal?.descriptors ?? []), workingDirectory: nil,
            isDetached: true)  // Ctrl-C in our terminal is for us alone
        let child = try ChildProcess(loop: loop, plan: plan) { [weak self] exit in self?.exited(exit) }
        process = child
        pid = child.pid
        state = .starting
        ProcessFiles.giveUpFirst(pid: pid)
        do throws(LoopError) { try watchChannels() } catch { kill(reason: "its channels cannot be watched: \(error)") }
        let limitMs = isSuccessor || !isPrivate ? DaemonLimits.workerRecoveryMs : DaemonLimits.workerStartMs
        let deadline = Timer(loop: loop) { [weak self] in self?.kill(reason: "it was not ready after \(limitMs) ms") }
        deadline.start(afterMs: limitMs)
        startDeadline = deadline
    }

    private func watchChannels() throws(LoopError) {
        let control = try SocketWatcher(loop: loop, fd: controlFd) { [weak self] events in
            if events.contains(.readable) { self?.drainControl() }
            if events.contains(.writable) { self?.pump() }
        }
        self.control = control
        try control.watch(.readable)
        let errors = try SocketWatcher(loop: loop, fd: stderrFd) { [weak self] _ in self?.drainStderr() }
        stderrWatcher = errors
        try errors.watch(.readable)
    }

    // -- clients

    func add(_ handover: Handover) {
        clients[handover.client.id] = handover.client
        waiting.append(handover)
        pump()
    }

    /// Sends what waits, as far as the channel takes it.
    private func pump() {
        guard state == .ready else { return }
        while let handover = waiting.first {
            switch ControlChannel.send(
                controlFd, ControlChannel.handover(handover), fds: [handover.socket, handover.page])
            {
            case .success(true):
                waiting.removeFirst()
                sent.append(handover)
            case .success(false):
                watchControl([.readable, .writable])
                return
            case .failure:
                return killAfterGrace()  // it is dying; its end is told by the loop
            }
        }
        watchControl(.readable)
    }

    /// Lets go of the sockets that the worker's page shows as taken.
    func noteAdoptions() {
        guard !sent.isEmpty else { return }
        let taken = Set(KindCounters.slots(pageSnapshot()).map(\.client_id))
        sent.removeAll { handover in
            guard taken.contains(handover.client.id) else { return false }
            WorkerProcess.release(handover)
            return true
        }
    }

    func removeClient(_ id: UInt64) -> ClientRecord? {
        sent.removeAll { handover in
            guard handover.client.id == id else { return false }
            WorkerProcess.release(handover)
            return true
        }
        return clients.removeValue(forKey: id)
    }

    /// False when the worker cannot be asked now.
    func ask(_ datagram: [UInt8]) -> Bool {
        guard state == .ready else { return false }
        return ControlChannel.send(controlFd, datagram, fds: []) == .success(true)
    }

    /// False when each peer that waits for this worker has hung up: nobody needs it any more.
    func hasLiveClients() -> Bool {
        waiting.contains { handover in
            var item = pollfd(fd: handover.socket, events: 0, revents: 0)
            return poll(&item, 1, 0) == 0 || item.revents & Int16(POLLHUP | POLLERR) == 0
        }
    }

    // -- the end

    func terminate(reason: String) {
        guard let process, state != .ended else { return }
        if endReason == nil { endReason = reason }
        isEndOrdered = true
        process.kill(SIGTERM)
        killAfterGrace()
    }

    /// Ends it at once; `isOrdered` when a client asked for it and not its own fault.
    func kill(reason: String, isOrdered: Bool = false) {
        guard let process, state != .ended else { return }
        if endReason == nil { endReason = reason }
        isEndOrdered = isEndOrdered || isOrdered
        guard state == .ready, !hasLastWords else {
            process.kill(SIGKILL)
            return
        }
        hasLastWords = true
        process.kill(SIGQUIT)  // its handler tells what it was doing
        killAfterGrace(DaemonLimits.lastWordsMs)
    }

    /// One look at whether the processes that could use a private workspace are gone. It ends by itself then, unless it is stopped
    /// or in a loop: the second look in a row that finds it ends it, without last words.
    func endIfAbandoned() {
        guard isPrivate, let process, state != .ended else { return }
        guard clients.values.allSatisfy(\.process.isGone), resumable.values.allSatisfy(\.isGone) else {
            looksWithoutClients = 0
            return
        }
        looksWithoutClients += 1
        guard looksWithoutClients > 1 else { return }
        if endReason == nil { endReason = "the client's process is gone, and the worker did not end" }
        isEndOrdered = true
        isAbandoned = true
        process.kill(SIGKILL)
    }

    private func killAfterGrace(_ graceMs: UInt64 = DaemonLimits.stopGraceMs) {
        guard state != .ended else { return }
        startKillTimer(graceMs)
    }

    /// The earlier of two timers stands.
    private func startKillTimer(_ graceMs: UInt64) {
        let endNs = loop.nowNs + graceMs * 1_000_000
        guard killTimer == nil || endNs < killNs else { return }
        killTimer?.close()
        let timer = Timer(loop: loop) { [weak self] in self?.process?.kill(SIGKILL) }
        timer.start(afterMs: graceMs)
        killTimer = timer
        killNs = endNs
    }

    /// Ends a worker that never ran; gives back who waited for it.
    func abandon() -> [Handover] {
        state = .ended
        return releaseAll()
    }

    /// Its own handler told how it dies; the process itself is still on its way out.
    private func dying(of crash: bd_crash_slot) {
        isLeaving = true
        ended(ChildExit(pid: pid, status: 0, signal: crash.signal))
        startKillTimer(DaemonLimits.stopGraceMs)  // a worker that only says so
    }

    private func exited(_ exit: ChildExit) {
        guard state != .ended else {
            isLeaving = false
            process?.close()
            killTimer?.close()
            let told = onReaped
            onReaped = nil
            told?(self)
            return
        }
        drainControl()
        guard state != .ended else { return exited(exit) }  // the last datagram was its last word
        ended(exit)
    }

    private func ended(_ exit: ChildExit) {
        drainStderr()
        noteAdoptions()
        state = .ended
        let orphans = releaseAll()
        let told = onEnded
        onReady = nil
        onDatagram = nil
        onTrouble = nil
        onEnded = nil
        if !isLeaving { onReaped = nil }
        told?(self, exit, orphans)
    }

    /// Closes everything but the orphans' descriptors.
    private func releaseAll() -> [Handover] {
        let orphans = sent + waiting
        sent = []
        waiting = []
        control?.close()
        stderrWatcher?.close()
        startDeadline?.close()
        startTimer?.close()
        killTimer?.close()
        killTimer = nil
        if !isLeaving { process?.close() }
        for fd in [controlFd, stderrFd] where fd >= 0 { close(fd) }
        controlFd = -1
        stderrFd = -1
        return orphans
    }

    static func release(_ handover: Handover) {
        close(handover.socket)
        close(handover.page)
    }

    // -- channels

    private func drainControl() {
        while controlFd >= 0 {
            switch ControlChannel.receive(controlFd) {
            case .nothing: return
            case .ended:
                watchControl([])
                if let crash = crashSlot() { return dying(of: crash) }
                return killAfterGrace()  // its exit is told by the loop
            case .datagram(let bytes): receive(bytes)
            }
        }
    }

    private func receive(_ bytes: [UInt8]) {
        do throws(WireError) {
            let datagram = try WorkerDatagram(decoding: bytes)
            guard datagram == .ready else {
                onDatagram?(self, datagram)
                return
            }
            guard state == .starting else { return }
            state = .ready
            wasRecovering = false
            startDeadline?.close()
            pump()
            onReady?(self)
        } catch {
            onTrouble?(self, "worker_datagram_broken", error.description)
            kill(reason: "it broke the control protocol: \(error)")
        }
    }

    private func drainStderr() {
        while stderrFd >= 0 {
            var count = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: 1 << 16) { room, filled in
                count = read(stderrFd, room.baseAddress, room.count)
                filled = max(count, 0)
            }
            if count > 0 {
                tail.append(bytes)
                if bytes.count < 1 << 16 { return }
                continue
            }
            if count == 0 || errno != EAGAIN {
                do throws(LoopError) { try stderrWatcher?.watch([]) } catch { stderrWatcher?.close() }
            }
            return
        }
    }

    private func watchControl(_ events: SocketWatcher.Events) {
        do throws(LoopError) { try control?.watch(events) } catch {
            onTrouble?(self, "worker_channel_failed", error.description)
            kill(reason: error.description)
        }
    }
}
