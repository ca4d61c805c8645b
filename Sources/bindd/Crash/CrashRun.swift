// Applies the steps of a crash again, in a child of this process that may die of them, and tells how it ended. Each run
// begins with an empty workspace and has so much time. Must be called from a process of one thread.
// Cost: a fork (a millisecond), and 0.5 us per step.

import CCrash
import CLayout
import CShim
import Glibc
import GraphCore
import Wire

/// How a run ended.
struct CrashOutcome: Equatable {
    enum End: Equatable { case lived, signal(Int32), exit(Int32), hung }
    var end: End
    /// The step that was being applied, nil: none.
    var step: Int?
    /// The innermost places in the program, where the handler told.
    var places: [UInt64] = []

    var hasDied: Bool { end != .lived && step != nil }

    /// The same fault: same end, same operation is the caller's to compare, and the same code.
    func isSame(as other: CrashOutcome) -> Bool {
        end == other.end && (places.isEmpty || other.places.isEmpty || places == other.places)
    }

    var words: String {
        switch end {
        case .lived: "lived"
        case .signal(let signal): "died with \(signalName(signal))"
        case .exit(let status): "left with status \(status)"
        case .hung: "hung"
        }
    }
}

struct CrashRun {
    private static let placesCompared = 3
    /// So deep a stack overflowed: which frame was the last one is chance.
    private static let framesOfOverflow: UInt64 = 1000

    let crash: CrashCase
    var limitMs: Int32 = 60_000
    /// What the worker says on standard error is shown.
    var isLoud = false

    /// Applies the steps at these places, in order.
    func run(_ kept: [Int]) throws -> CrashOutcome {
        let fd = bd_page_create_growing("bindd-replay-page", Int(BD_WORKER_PAGE_BYTES))
        guard fd >= 0 else { throw SystemError("memfd_create", negative: fd) }
        let file = OwnedDescriptor(fd)
        let page = try SharedPage(fd: fd, byteCount: Int(BD_WORKER_PAGE_BYTES))
        let pid = bd_process_fork()
        guard pid >= 0 else { throw SystemError("fork", negative: pid) }
        if pid == 0 { CrashRun.becomeChild(self, kept, fd) }
        let (status, isHung) = CrashRun.wait(for: pid, limitMs)
        return withExtendedLifetime(file) { outcome(page, status, isHung) }
    }

    private static func becomeChild(_ run: CrashRun, _ kept: [Int], _ page: Int32) -> Never {
        if !run.isLoud {
            let nothing = open("/dev/null", O_WRONLY | O_CLOEXEC)
            dup2(nothing, 2)
        }
        do {
            let page = try WorkerPage(fd: page, control: -1, wantsCore: false)
            try run.apply(kept, page)
        } catch {
            report("the steps cannot be applied: \(error)")
            _exit(125)
        }
        _exit(0)
    }

    /// In this process, which may die of it.
    func applyHere() throws { try apply(Array(crash.steps.indices), nil) }

    private func apply(_ kept: [Int], _ page: WorkerPage?) throws {
        let workspace = try makeWorkspace()
        for index in kept { try apply(index, workspace, page) }
    }

    func makeWorkspace() throws -> Workspace {
        let workspace = try Workspace(name: crash.isPrivate ? "" : "replay", memoryLimit: nil)
        workspace.isReplay = true
        if let image = crash.image { try image.withUnsafeBytes { try workspace.readImage($0) } }
        return workspace
    }

    func apply(_ index: Int, _ workspace: Workspace, _ page: WorkerPage?) throws {
        let step = crash.steps[index]
        switch step.action {
        case .open(let hello): try workspace.openSession(try Hello(decoding: hello))
        case .passedOver(let operation, let usedIds):
            try workspace.sessions[step.session]?.passOver(operation, usedIds: usedIds)
        case .nextDocument(let id): workspace.documents.next = id
        case .close: workspace.endSession(step.session)
        case .request(let operation, let payload):
            guard let session = workspace.sessions[step.session] else { return }
            session.request = step.number
            apply(operation, payload, index, session, workspace, page)
        }
    }

    /// A request that fails changed nothing: without those that are left out, some do.
    private func apply(
        _ operation: UInt16, _ payload: [UInt8], _ index: Int, _ session: Session, _ workspace: Workspace, _ page: WorkerPage?
    ) {
        payload.withUnsafeBytes { page?.begin(operation: operation, request: UInt64(index), slot: 0, payload: $0) }
        var call = Call(workspace: workspace, session: session, arguments: PayloadReader(payload))
        do { try session.apply(operation, &call) } catch {}  // as the worker would: the client hears of it
        page?.end(request: UInt64(index), slot: 0)
    }

    static func wait(for pid: Int32, _ limitMs: Int32) -> (status: Int32, isHung: Bool) {
        var isHung = false
        let handle = bd_process_open(pid)
        if handle >= 0 {
            var item = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
            isHung = poll(&item, 1, limitMs) == 0
            close(handle)
            if isHung { kill(pid, SIGKILL) }
        }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return (status, isHung)
    }

    private func outcome(_ page: SharedPage, _ status: Int32, _ isHung: Bool) -> CrashOutcome {
        let worker = page.workerPage()
        let step = worker.current_operation == 0 ? nil : Int(worker.current_request)
        let signal = status & 0x7F
        let slot = page.crashSlot()
        let end: CrashOutcome.End =
            isHung ? .hung : signal != 0 ? .signal(signal) : step == nil ? .lived : .exit(status >> 8 & 0xFF)
        return CrashOutcome(end: end, step: step, places: slot.state >= BD_CRASH_TOLD ? CrashRun.places(slot) : [])
    }

    /// Of the program itself, wherever it was loaded.
    private static func places(_ slot: bd_crash_slot) -> [UInt64] {
        guard slot.frame_count < framesOfOverflow else { return [] }
        return Array(Symbolizer.addresses(of: slot).filter { $0.module.isEmpty }.map(\.address).prefix(placesCompared))
    }
}
