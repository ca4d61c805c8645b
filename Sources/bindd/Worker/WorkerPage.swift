// What this worker tells the supervisor without being asked: a page of shared memory, written before and after each
// request, that survives the worker. Must be written so that a death at any point leaves the guilty request standing.
// Cost: some stores per request.

import CCrash
import CLayout
import CShim
import Glibc

struct WorkerPage {
    private let page: UnsafeMutablePointer<bd_worker_page>

    /// From here on a fatal signal leaves its note in the page and is told to clients and on `control`.
    /// `control`: where a fatal signal is told; nil: fatal signals are left alone.
    init(fd: Int32, control: Int32? = nil, wantsCore: Bool = false) throws(WorkerError) {
        var map: UnsafeMutableRawPointer?
        let failure = bd_page_map(fd, Int(BD_WORKER_PAGE_BYTES), true, &map)
        guard failure == 0, let map else {
            throw WorkerError("cannot map the worker page: \(String(cString: strerror(-failure)))")
        }
        page = map.assumingMemoryBound(to: bd_worker_page.self)
        page.pointee.layout_version = BD_LAYOUT_VERSION
        page.pointee.pid = UInt32(getpid())
        page.pointee.magic = UInt64(BD_WORKER_PAGE_MAGIC)
        guard let control else { return }
        let uncaught = bd_crash_install(map, fd, control, wantsCore)
        guard uncaught == 0 else {
            throw WorkerError("cannot prepare for fatal signals: \(String(cString: strerror(-uncaught)))")
        }
    }

    /// Before there is any state. Where `bindd inspect` finds the graph, under /proc of this process.
    func publishArena(fd: Int32) {
        page.pointee.arena_fd = UInt64(max(fd, 0))
        page.pointee.base_bytes = ProcessFiles.residentBytes(pid: getpid())
    }

    /// The time from which the requests of this turn count: one look at the clock for a whole batch.
    func beginTurn() { page.pointee.current_started_ns = bd_clock_monotonic_ns() }

    /// `payload` stays where it is until `end`.
    func begin(operation: UInt16, request: UInt64, slot: Int, payload: UnsafeRawBufferPointer) {
        bd_crash_begin(page, operation, request, UInt32(slot), payload.baseAddress, payload.count)
    }

    /// A request that was only applied again is over: it is no progress and no client's.
    func pause() { bd_store_release_u32(&page.pointee.current_operation, 0) }

    func end(request: UInt64, slot: Int) {
        bd_store_release_u64(&page.pointee.applied_requests, page.pointee.applied_requests + 1)
        withSlot(slot) { $0.pointee.applied_requests = request }
        bd_store_release_u32(&page.pointee.current_operation, 0)
    }

    /// Into the ring that `bindd trace` reads.
    func trace(_ event: bd_trace_event) {
        let number = page.pointee.traced + 1
        let place = UnsafeMutableRawPointer(page) + Int(BD_TRACE_OFFSET)
            + Int(number % UInt64(BD_TRACE_EVENTS)) * MemoryLayout<bd_trace_event>.stride
        let slot = place.assumingMemoryBound(to: bd_trace_event.self)
        bd_store_release_u64(&slot.pointee.number, 0)
        bd_fence()
        slot.pointee = event
        bd_store_release_u64(&slot.pointee.number, number)
        bd_store_release_u64(&page.pointee.traced, number)
    }

    func countReply(slot: Int) { withSlot(slot) { $0.pointee.replies += 1 } }

    /// The time of the slot's last request and of the loop's last turn.
    func beat(slot: Int?) {
        let now = bd_clock_monotonic_ns()
        bd_store_release_u64(&page.pointee.heartbeat_ns, now)
        if let slot { withSlot(slot) { $0.pointee.last_request_ns = now } }
    }

    /// A free slot, taken; nil when the workspace has as many clients as it can.
    func takeSlot(clientId: UInt64) -> Int? {
        for slot in 0..<Int(BD_CLIENT_SLOTS_MAX) {
            let isTaken = withSlot(slot) { place in
                guard place.pointee.client_id == 0 else { return false }
                let now = bd_clock_monotonic_ns()
                place.pointee = bd_worker_slot(
                    client_id: 0, applied_requests: 0, last_request_ns: now, connected_ns: now, replies: 0)
                bd_store_release_u64(&place.pointee.client_id, clientId)
                return true
            }
            if isTaken { return slot }
        }
        return nil
    }

    func freeSlot(_ slot: Int) { withSlot(slot) { bd_store_release_u64(&$0.pointee.client_id, 0) } }

    func publish(_ workspace: Workspace) {
        let nodeBytes = workspace.graph.nodeCount * MemoryLayout<bd_node>.stride
        let edgeBytes = workspace.graph.edgeCount * (MemoryLayout<bd_edge>.stride + MemoryLayout<UInt32>.stride)
        let attributeBytes = workspace.arena.attributeBytes
        // Lists, tables and the columns' unused places: what is there for the views' sake.
        let viewBytes = max(workspace.arena.usedBytes - nodeBytes - edgeBytes - attributeBytes, 0)
        set(BD_KIND_NODE, objects: workspace.graph.nodeCount, bytes: nodeBytes)
        set(BD_KIND_EDGE, objects: workspace.graph.edgeCount, bytes: edgeBytes)
        set(BD_KIND_VIEW, objects: workspace.graph.viewCount, bytes: viewBytes)
        page.pointee.attribute_bytes = UInt64(clamping: attributeBytes)
        for kind in HandleKind.documents {
            let sum = workspace.documents.sums[Int(kind)]
            set(kind, objects: sum.count, bytes: sum.bytes)
        }
        bd_store_release_u64(&page.pointee.memory_bytes, UInt64(clamping: workspace.memoryBytes))
    }

    private func set(_ kind: UInt32, objects: Int, bytes: Int) {
        withUnsafeMutableBytes(of: &page.pointee.objects) {
            $0.storeBytes(of: UInt64(objects), toByteOffset: Int(kind) * 8, as: UInt64.self)
        }
        withUnsafeMutableBytes(of: &page.pointee.bytes) {
            $0.storeBytes(of: UInt64(clamping: bytes), toByteOffset: Int(kind) * 8, as: UInt64.self)
        }
    }

    @discardableResult
    private func withSlot<R>(_ slot: Int, _ body: (UnsafeMutablePointer<bd_worker_slot>) -> R) -> R {
        check(slot >= 0 && slot < Int(BD_CLIENT_SLOTS_MAX), "client slot \(slot)")
        return withUnsafeMutableBytes(of: &page.pointee.slots) {
            let place = $0.baseAddress.unsafelyUnwrapped + slot * MemoryLayout<bd_worker_slot>.stride
            return body(place.assumingMemoryBound(to: bd_worker_slot.self))
        }
    }
}
