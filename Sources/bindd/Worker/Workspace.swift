// The state of one workspace: graph, documents, and which ids are handed out. One per worker process. Must not know
// sockets. Cost: that of what it holds.

import CLayout
import GraphCore
import Journal
import Wire

/// Kinds of object whose ids clients choose from leases.
enum LeaseKind: UInt32, CaseIterable {
    case node = 1
    case edge = 2
    case view = 3

    var index: Int { Int(rawValue) - 1 }
}

final class Workspace {
    let name: String
    var graph: GraphStore
    /// The graph's: for who has to write into it while the graph changes.
    let arena: Arena
    var documents = DocumentStore()
    /// By key; also those whose client is not connected now, after the death of a worker.
    var sessions: [UInt64: Session] = [:]
    /// Where changes are recorded before they are made; nil: nowhere, a death loses everything.
    var journal: Journal?
    /// Bugs that were armed on purpose, see Api/PlantedBugs.
    var planted: [PlantedBug] = []
    /// The request that this worker is to die at, see Api/DieAt.
    var plannedDeath: PlannedDeath?
    /// This process only applies a report's requests again.
    var isReplay = false
    /// Views by the names that `GraphView.share` gave them; see Workspace+Shared.
    var sharedViews: [String: UInt32] = [:]
    /// The journal of a worker that died is being applied again.
    var isRecovering = false
    private let memory: ArenaMemory
    /// Somebody looks at every request; see WorkerPage.trace.
    var isTraced = false
    /// First id never handed out, by kind.
    var nextIds: [LeaseKind: UInt32] = [.node: 1, .edge: 1, .view: 1]

    /// `memoryLimit`: bytes that the graph may take.
    init(name: String, memoryLimit: Int?) throws(WorkerError) {
        self.name = name
        memory = try ArenaMemory(limit: memoryLimit)
        arena = Arena(base: memory.base, capacityBytes: memory.bytes, reclaim: memory.reclaim, prepare: memory.prepare)
        graph = GraphStore(arena: arena)
    }

    deinit { memory.giveBack() }

    /// The graph's memory, for reading, to be sent to clients.
    var arenaFd: Int32 { memory.readOnlyFd }

    var isPrivate: Bool { name.isEmpty }

    /// A session begins, or goes on after the death of a worker.
    @discardableResult
    func openSession(_ hello: Hello) throws -> Session {
        if hello.isResume, let session = sessions[hello.session] {
            session.resume(hello)
            return session
        }
        let session = try Session(hello: hello, workspace: self)
        sessions[session.key] = session
        return session
    }

    /// Forgets a session and what it alone held. A private workspace goes with it as a whole.
    func endSession(_ key: UInt64) {
        guard let session = sessions.removeValue(forKey: key) else { return }
        if !isPrivate { session.releaseEverything() }
    }

    /// Whether any session holds the view, or a name does.
    func isHeld(view: UInt32) -> Bool {
        sessions.values.contains { $0.heldViews.contains(view) } || sharedName(of: view) != nil
    }

    /// A session lets go of a view: it goes unless somebody else holds it.
    func letGo(view: UInt32) {
        if graph.liveViews.contains(view), !isHeld(view: view) { try? graph.destroyView(view) }  // fails for dead ones alone
    }

    /// Where the graph's memory was ever written.
    func writtenRanges() -> [Range<Int>] { memory.writtenRanges() }

    var memoryBytes: Int { arena.usedBytes + documents.memoryBytes }

    /// Ids up to the floors were used by this client in another life of the workspace: never again.
    func raiseFloors(_ hello: Hello) {
        raise(.node, hello.nodeFloor)
        raise(.edge, hello.edgeFloor)
        raise(.view, hello.viewFloor)
        documents.raiseFloor(hello.documentFloor)
    }

    private func raise(_ kind: LeaseKind, _ floor: UInt32) {
        guard floor < UInt32.max, floor >= nextIds[kind, default: 1] else { return }
        nextIds[kind] = floor + 1
    }

    /// The first of so many new ids in a row, for objects that the worker makes itself.
    func takeIds(_ kind: LeaseKind, _ count: Int) throws -> UInt32 {
        let next = nextIds[kind, default: 1]
        guard count <= Int(UInt32.max - next) else { throw outOfIds(kind) }
        nextIds[kind] = next + UInt32(count)
        return next
    }

    private func outOfIds(_ kind: LeaseKind) -> RemoteError {
        RemoteError(
            "LimitExceeded", "the workspace has used all 32-bit ids of kind \(kind)",
            hint: "ids are never reused; go on in a new workspace")
    }

    /// `wanted` ids more behind `lease`: the same range grown where possible, else a new one.
    func extend(_ lease: Range<UInt32>, _ kind: LeaseKind, wanted: UInt32) throws -> Range<UInt32> {
        let next = nextIds[kind, default: 1]
        let count = min(max(wanted, 1), UInt32(Limits.leaseIdsMax))
        guard count <= UInt32.max - next else { throw outOfIds(kind) }
        nextIds[kind] = next + count
        let isContiguous = lease.upperBound == next && !lease.isEmpty
        return (isContiguous ? lease.lowerBound : next)..<next + count
    }
}

/// Why a worker cannot work at all.
struct WorkerError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
