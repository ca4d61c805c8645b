// One client of the workspace as its state goes: leases, pins, held views and documents, and the number of its newest
// request. Requests are applied here, whether they come from a socket (ClientStream) or from the journal after a death.
// Must not know sockets, and must do the same for the same requests. Cost: a look-up in the table of operations.

import CLayout
import CShim
import GraphCore
import Wire

final class Session {
    /// Chosen by the client at random, once for each workspace that it opens: names the session across deaths of workers.
    let key: UInt64
    /// The client's number for this workspace: part of the debug ids that it shows.
    let generation: UInt32
    /// Of the process, as it said itself.
    let pid: UInt32
    /// The supervisor's number for the client, for people.
    var clientId: UInt64 = 0
    /// The client's number of the request that is being applied, or was last.
    var request: UInt64 = 0
    /// Where the client says that it has given up; nil while nobody is connected.
    var clientPage: UnsafeMutableRawPointer?
    /// Sends the first bytes of a reply that never goes on, for `debug.cut_frame`.
    var sendHalfAReply: () -> Void = {}
    /// A message is coming in parts: those are in the journal, and in no image.
    var isInsideMessage = false
    /// What was lost when the last worker died, to be told to the client; nil: nothing to tell.
    var recovery: SessionRecovery?
    private unowned let workspace: Workspace
    private let operations = Description.shared

    var nodeLease: Range<UInt32> = 0..<0
    var edgeLease: Range<UInt32> = 0..<0
    var viewLease: Range<UInt32> = 0..<0
    var passedOver = [IdSet(), IdSet(), IdSet()]
    /// The batch that is being applied, see Session+Batch.
    var batch: GraphBatch?
    var isLastBatchApplied = false
    var pinnedNodes = IdSet()
    var pinnedEdges = IdSet()
    var heldViews = IdSet()
    var heldDocuments = IdSet()

    /// A session as its hello begins it.
    init(hello: Hello, workspace: Workspace) throws {
        key = hello.session
        generation = hello.generation
        pid = hello.pid
        self.workspace = workspace
        workspace.raiseFloors(hello)
        for kind in LeaseKind.allCases { try extendLease(kind, wanted: UInt32(Limits.leaseIdsStep)) }
    }

    /// A session of an image, whose members the caller sets.
    init(key: UInt64, generation: UInt32, pid: UInt32, workspace: Workspace) {
        self.key = key
        self.generation = generation
        self.pid = pid
        self.workspace = workspace
    }

    /// Looks of the present request at whether it is given up; how many there will be, 0: not known. They tell how far it is.
    private var looks: UInt32 = 0
    private var looksExpected: UInt32 = 0
    private var looksRequest: UInt64 = 0
    /// The client's place in the pages; nil: nobody waits.
    var slot: Int?

    /// So often `hasGivenUp` will be asked, as far as the operation can tell.
    func expect(looks: Int) {
        beginLooks()
        looksExpected = UInt32(clamping: looks)
    }

    private func beginLooks() {
        looks = 0
        looksExpected = 0
        looksRequest = request
    }

    /// For algorithms to ask now and then: also tells whoever waits how far the request is.
    private func lookUp() -> Bool {
        if looksRequest != request { beginLooks() }
        if let slot {
            looks = looksExpected > 0 ? min(looks + 1, looksExpected) : looks &+ 1
            workspace.arena.publishProgress(request: request, slot: slot, done: looks, of: looksExpected)
        }
        return isCancelled
    }

    /// True when the client has given up on the request that is being applied.
    var isCancelled: Bool {
        guard let clientPage else { return false }
        return bd_word_load_u64(clientPage, MemoryLayout<bd_client_page>.offset(of: \.cancel_request) ?? 0) >= request
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
    private(set) lazy var hasGivenUp: () -> Bool = { [unowned self] in lookUp() }

    /// Ids that the client has not named in their turn: they stand in a batch that is not there yet, or it gave them up.
    private func passOver(_ kind: LeaseKind, _ ids: Range<UInt32>) {
        for id in ids { _ = passedOver[kind.index].insert(id) }
    }

    /// Ids below these are the client's, for a batch that it collects: what the worker makes gets later ones.
    private func advance(_ call: inout Call) throws {
        for kind in LeaseKind.allCases {
            let id = try call.arguments.u32()
            let lease = lease(kind)
            guard id <= lease.upperBound else { throw WireError("\(kind) id \(id) is beyond the client's lease \(lease)") }
            guard id > lease.lowerBound else { continue }
            passOver(kind, lease.lowerBound..<id)
            setLease(kind, id..<lease.upperBound)
        }
    }

    /// Which ids are used up, in this session and in the workspace.
    var usedIds: [UInt64] {
        LeaseKind.allCases.flatMap { kind in
            [UInt64(workspace.nextIds[kind, default: 1]), UInt64(lease(kind).lowerBound), UInt64(lease(kind).upperBound)]
        }
    }

    /// Makes it so again after a request that failed was left out.
    func setUsedIds(_ words: [UInt64]) throws {
        guard words.count == 9 else { throw WorkerError("a failed request left \(words.count) words") }
        for (index, kind) in LeaseKind.allCases.enumerated() {
            let (next, first, end) = (
                UInt32(clamping: words[index * 3]), UInt32(clamping: words[index * 3 + 1]),
                UInt32(clamping: words[index * 3 + 2]))
            guard first <= end else { throw WorkerError("a lease from \(first) to \(end)") }
            workspace.nextIds[kind] = max(next, workspace.nextIds[kind, default: 1])
            passOver(kind, upTo: first)
            setLease(kind, first..<end)
        }
    }

    /// A request that is not applied again: what was foretold was for it, and the ids that it used up stay used.
    func passOver(_ operation: UInt16, usedIds: [UInt64]?) throws {
        ids.set(nodes: nil, edges: nil)
        if operation == Operation.batch { isLastBatchApplied = false }
        if let usedIds { try setUsedIds(usedIds) }
    }

    /// The client goes on after the death of a worker: ids below these are used, whether what they were for exists or not.
    func resume(_ hello: Hello) {
        ids.set(nodes: nil, edges: nil)
        for (kind, floor) in [(LeaseKind.node, hello.nodeFloor), (.edge, hello.edgeFloor), (.view, hello.viewFloor)] {
            let first = min(floor.addingReportingOverflow(1).partialValue, lease(kind).upperBound)
            guard first > lease(kind).lowerBound else { continue }
            passOver(kind, upTo: first)
            setLease(kind, first..<lease(kind).upperBound)
        }
    }

    private func passOver(_ kind: LeaseKind, upTo first: UInt32) {
        let old = lease(kind)
        if first > old.lowerBound { passOver(kind, old.lowerBound..<min(first, old.upperBound)) }
    }

    /// The next request takes these ids and no others.
    private func foretell(_ call: inout Call) throws {
        var ranges: [Range<UInt32>] = []
        for kind in [LeaseKind.node, .edge] {
            let (first, count) = (try call.arguments.u32(), try call.arguments.u32())
            let lease = lease(kind)
            guard lease.lowerBound <= first, first <= lease.upperBound, count <= lease.upperBound - first else {
                throw WireError("\(count) \(kind) ids from \(first) on are not in the client's lease \(lease)")
            }
            if first > lease.lowerBound { passOver(kind, lease.lowerBound..<first) }
            setLease(kind, first + count..<lease.upperBound)
            ranges.append(first..<first + count)
        }
        ids.set(nodes: ranges[0], edges: ranges[1])
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
            for id in ids where heldViews.remove(id) { workspace.letGo(view: id) }
        case BD_KIND_DOCUMENT:
            for id in ids where heldDocuments.remove(id) { workspace.documents.remove(id) }
        default: throw WireError("release of kind \(kind)")
        }
    }

    /// Lets go of everything: the client is gone, and no longer among the sessions.
    func releaseEverything() {
        let views = heldViews.ids
        heldViews = IdSet()
        for id in views { workspace.letGo(view: id) }
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

    /// The head of a reply to that request.
    func head(_ request: UInt64) -> ReplyHead {
        ReplyHead(request: request, nodes: nodeLease, edges: edgeLease, views: viewLease)
    }

    // MARK: applying

    /// Applies one request and reads its payload to the end.
    func apply(_ operation: UInt16, _ call: inout Call) throws {
        try perform(operation, &call)
        try call.arguments.finish()
    }

    private func perform(_ operation: UInt16, _ call: inout Call) throws {
        if !workspace.planted.isEmpty { for bug in workspace.planted { bug.look(operation, call) } }
        switch operation {
        case Operation.sync: return
        case Operation.release: try release(kind: try call.arguments.u32(), ids: try call.arguments.u32List())
        case Operation.pin: try pin(kind: try call.arguments.u32(), ids: try call.arguments.u32List())
        case Operation.batch: try applyBatch(&call)
        case Operation.lease:
            guard let kind = LeaseKind(rawValue: try call.arguments.u32()) else { throw WireError("lease of that kind") }
            try extendLease(kind, wanted: try call.arguments.u32())
        case Operation.advance: try advance(&call)
        case Operation.foretell: return try foretell(&call)
        default:
            guard let handler = operations.handler(operation) else {
                throw WireError("operation \(operation) does not exist")
            }
            defer { ids.set(nodes: nil, edges: nil) }
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
}
