// A workspace on journals in memory, with clients that have no sockets: what a worker does with what it receives, with a
// death or a failing write wherever the seed says. The oracle is a workspace to which only what was acknowledged was
// applied, once, in order. The code of the worker is the real one; this file only stands in for loop, sockets and files.

import CLayout
import GraphCore
import Journal
import Wire

@testable import bindd

/// The process died here.
struct Death: Error {}

final class SimulatedWorkspace {
    /// One event that was acknowledged.
    enum Event {
        case open(Hello)
        case close(UInt64)
        case request(session: UInt64, operation: UInt16, payload: [UInt8])
        /// A request that changed nothing but which ids are used.
        case failure(session: UInt64, usedIds: [UInt64])
    }

    final class Client {
        let hello: Hello
        var reader = MessageReader()
        var recorder: RequestRecorder
        init(hello: Hello, journal: Journal?) {
            self.hello = hello
            recorder = RequestRecorder(journal: journal, session: hello.session)
        }
    }

    static let memoryLimit = 1 << 20
    private(set) var files = [JournalMemory(), JournalMemory()]
    private(set) var workspace: Workspace
    private(set) var clients: [Client] = []
    private(set) var acknowledged: [Event] = []
    private(set) var deaths = 0
    private(set) var refused = 0
    /// Asked at each point at which a process can die.
    var dies: () -> Bool = { false }
    /// A planted bug, so that a test can see that this machinery finds one: the cursor runs ahead of the changes.
    var cursorRunsAhead = false

    init() throws {
        workspace = try Workspace(name: "simulated", memoryLimit: SimulatedWorkspace.memoryLimit)
        workspace.journal = try Journal(files: files, descriptionHash: Description.shared.hash)
    }

    // MARK: what a worker does

    private func point() throws { if dies() { throw Death() } }

    func open(_ hello: Hello) throws {
        try point()
        do { try workspace.journal?.append(.open, session: hello.session, payload: hello.encode()) } catch {
            refused += 1
            return
        }
        try point()
        try workspace.openSession(hello)
        try point()
        endEvent()
        acknowledged.append(.open(hello))
        clients.append(Client(hello: hello, journal: workspace.journal))
    }

    func close(_ client: Client) throws {
        try point()
        do { try workspace.journal?.append(.close, session: client.hello.session) } catch {
            refused += 1
            return
        }
        try point()
        workspace.endSession(client.hello.session)
        endEvent()
        acknowledged.append(.close(client.hello.session))
        clients.removeAll { $0 === client }
    }

    private func endEvent() {
        if let journal = workspace.journal { journal.end(journal.lastSequence) }
    }

    /// Receives bytes as they come from a socket, and applies what is whole; `pausingAfter` messages it stops for a while.
    func receive(_ bytes: [UInt8], from client: Client, pausingAfter: Int = .max) throws {
        bytes.withUnsafeBytes { client.reader.append($0) }
        var isPaused = true
        while isPaused {
            isPaused = try turn(client, messagesMax: pausingAfter)
        }
    }

    private func turn(_ client: Client, messagesMax: Int) throws -> Bool {
        guard let session = workspace.sessions[client.hello.session] else { return false }
        try point()
        client.reader.withPending { client.recorder.record($0, firstRequest: session.request + 1) }
        try point()
        var count = 0
        var failure: (any Error)?
        try client.reader.forEach { message throws(WireError) in
            do { try apply(message, client, session) } catch {
                failure = error
                return false
            }
            count += 1
            return count < messagesMax
        }
        if let failure { throw failure }
        guard count == messagesMax else { return false }
        client.recorder.withdraw()
        return true
    }

    private func apply(_ message: MessageReader.InPlace, _ client: Client, _ session: Session) throws {
        session.request += 1
        if client.recorder.refuses(message.operation) {
            refused += 1
            return
        }
        let payload = Array(message.payload.rest)
        let isRecorded = client.recorder.begin(message.operation)
        try point()
        if cursorRunsAhead, isRecorded { workspace.journal?.end(workspace.journal?.lastSequence ?? 0) }
        session.slot = 0  // somebody waits, and is told how far it is
        var call = Call(workspace: workspace, session: session, arguments: message.payload)
        var hasFailed = false
        do { try session.apply(message.operation, &call) } catch { hasFailed = true }
        try point()
        guard isRecorded else { return }
        let wasWritable = client.recorder.failure == nil
        let used = session.usedIds
        client.recorder.settle(session, isVoid: hasFailed)
        if wasWritable, client.recorder.failure == nil {
            acknowledged.append(
                hasFailed
                    ? .failure(session: session.key, usedIds: used)
                    : .request(session: session.key, operation: message.operation, payload: payload))
        }
        try point()
    }

    /// Puts an image in the place of the journal, as a worker does with a long one. Failing is allowed.
    func compact() throws {
        guard let journal = workspace.journal, journal.applied == journal.lastSequence,
            clients.allSatisfy({ !$0.recorder.isInsideMessage })
        else { return }
        do { try journal.compact { writer in try workspace.writeImage(to: ImageWriter { try writer.write($0) }) } } catch is JournalFailure {}
    }

    // MARK: after a death

    /// A new process with what the old one left. Bytes that a client had sent and that were not applied are lost.
    func recover() throws {
        deaths += 1
        let left = files.map { $0.survivor() }
        let next = try recovered(from: left)
        files = left
        workspace = next
        clients = next.sessions.keys.sorted().compactMap { key in
            clients.first { $0.hello.session == key }.map { Client(hello: $0.hello, journal: next.journal) }
        }
    }

    /// What a new process would find if this one died now.
    func recovered(from left: [JournalMemory]? = nil) throws -> Workspace {
        let next = try Workspace(name: "simulated", memoryLimit: SimulatedWorkspace.memoryLimit)
        guard
            let reader = try JournalReader(
                files: left ?? files.map { $0.survivor() }, descriptionHash: Description.shared.hash,
                changesState: Description.shared.changesState)
        else { throw WorkerError("no journal after a death") }
        try Recovery.run(reader, into: next)
        return next
    }

    /// What the state must be, made from nothing. (The numbers of requests are not part of it.)
    func oracle() throws -> Workspace {
        let oracle = try Workspace(name: "simulated", memoryLimit: SimulatedWorkspace.memoryLimit)
        for event in acknowledged { try apply(event, to: oracle) }
        return oracle
    }

    private var runningOracle: (workspace: Workspace, events: Int)?

    /// The same, going on from the last time.
    func currentOracle() throws -> Workspace {
        var (oracle, events) =
            try runningOracle
            ?? (Workspace(name: "simulated", memoryLimit: SimulatedWorkspace.memoryLimit), 0)
        while events < acknowledged.count {
            try apply(acknowledged[events], to: oracle)
            events += 1
        }
        runningOracle = (oracle, events)
        return oracle
    }

    private func apply(_ event: Event, to oracle: Workspace) throws {
        switch event {
        case .open(let hello): try oracle.openSession(hello)
        case .close(let key): oracle.endSession(key)
        case .failure(let key, let used): try oracle.sessions[key]?.setUsedIds(used)
        case .request(let key, let operation, let payload):
            guard let session = oracle.sessions[key] else { throw WorkerError("the oracle has no session \(key)") }
            var call = Call(workspace: oracle, session: session, arguments: PayloadReader(payload))
            try session.apply(operation, &call)
        }
    }
}

/// The first line in which two workspaces differ, nil: none.
func difference(_ found: Workspace, _ wanted: Workspace) throws -> String? {
    let (found, wanted) = (try found.facts(), try wanted.facts())
    if found == wanted { return nil }
    let at = zip(found, wanted).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? min(found.count, wanted.count)
    return "line \(at) of \(wanted.count): found \(found.dropFirst(at).first ?? "nothing"), wanted \(wanted.dropFirst(at).first ?? "nothing")"
}

extension Workspace {
    /// Everything that a client could see of the state, in words that two workspaces can be compared by.
    func facts() throws -> [String] {
        var facts: [String] = ["ids \(LeaseKind.allCases.map { nextIds[$0, default: 1] })"]
        facts.append("\(graph.nodeCount) nodes, \(graph.edgeCount) edges, \(documents.count) documents")
        facts.append("\(graph.arena.attributeBytes) bytes of attributes")
        for view in graph.liveViews.ids {
            let nodes = try graph.nodes(view: view)
            facts.append("view \(view): nodes \(nodes) edges \(try graph.edges(view: view))")
            for node in nodes {
                facts.append("node \(node): \(try graph.nodeAttributes(node))")
                for type in UInt32(0)..<10 {
                    let edges = try graph.edges(view: view, node: node, type: type)
                    if !edges.isEmpty { facts.append("node \(node) type \(type): \(edges)") }
                }
            }
            for edge in try graph.edges(view: view) { facts.append("\(try graph.edge(edge)) \(try graph.edgeAttributes(edge))") }
        }
        for key in sessions.keys.sorted() {
            guard let session = sessions[key] else { continue }
            facts.append(
                "session \(key): \(session.nodeLease) \(session.edgeLease) \(session.viewLease) pins \(session.pinnedNodes.ids) "
                    + "\(session.pinnedEdges.ids) views \(session.heldViews.ids) \(session.heldDocuments.ids) batch \(session.isLastBatchApplied)")
        }
        return facts
    }
}
