// The first message of a connection and its answer. The supervisor reads the hello (and no later payload), the worker
// answers it. Must not decide anything: whoever reads it does. Cost: once per connection.

public struct Hello: Equatable, Sendable {
    public static let magic: UInt32 = 0x4444_4E42  // "BNDD"
    public static let protocolMajor: UInt32 = 1
    public static let protocolMinor: UInt32 = 0

    public var protocolMajor = Hello.protocolMajor
    public var protocolMinor = Hello.protocolMinor
    public var layoutVersion: UInt32
    public var descriptionHash: UInt64
    public var pid: UInt32
    /// The client's count of workspaces it ever opened: part of each debug id.
    public var generation: UInt32
    /// Ids up to these were used before by this client process and must not be handed out again.
    public var nodeFloor: UInt32
    public var edgeFloor: UInt32
    public var viewFloor: UInt32
    public var documentFloor: UInt32
    /// Names the client's session for its whole life, also when its worker dies: random, not 0.
    public var session: UInt64
    /// Requests that the session has sent before: 0 in a new one.
    public var requests: UInt64
    /// The session goes on with a new worker after the death of the last.
    public var isResume: Bool
    /// "" asks for a private workspace.
    public var workspace: String
    public var program: String
    public var build: String

    public init(
        layoutVersion: UInt32, descriptionHash: UInt64, pid: UInt32, generation: UInt32, nodeFloor: UInt32 = 0,
        edgeFloor: UInt32 = 0, viewFloor: UInt32 = 0, documentFloor: UInt32 = 0, session: UInt64 = 1,
        requests: UInt64 = 0, isResume: Bool = false, workspace: String = "", program: String = "", build: String = ""
    ) {
        self.layoutVersion = layoutVersion
        self.descriptionHash = descriptionHash
        self.pid = pid
        self.generation = generation
        self.nodeFloor = nodeFloor
        self.edgeFloor = edgeFloor
        self.viewFloor = viewFloor
        self.documentFloor = documentFloor
        self.session = session
        self.requests = requests
        self.isResume = isResume
        self.workspace = workspace
        self.program = program
        self.build = build
    }

    public init(decoding payload: [UInt8]) throws(WireError) {
        var reader = PayloadReader(payload)
        let magic = try reader.u32()
        guard magic == Hello.magic else { throw WireError("no bindd hello: magic 0x\(String(magic, radix: 16))") }
        protocolMajor = try reader.u32()
        protocolMinor = try reader.u32()
        layoutVersion = try reader.u32()
        descriptionHash = try reader.u64()
        pid = try reader.u32()
        generation = try reader.u32()
        nodeFloor = try reader.u32()
        edgeFloor = try reader.u32()
        viewFloor = try reader.u32()
        documentFloor = try reader.u32()
        session = try reader.u64()
        requests = try reader.u64()
        isResume = try reader.u32() != 0
        workspace = try reader.string()
        program = try reader.string()
        build = try reader.string()
        try reader.finish()
        guard session != 0, session != UInt64.max else { throw WireError("a hello without a session") }
        for (what, name) in [("workspace", workspace), ("program", program), ("build", build)]
        where name.utf8.count > Limits.nameBytesMax {
            throw WireError("the \(what) name has \(name.utf8.count) bytes, nameBytesMax is \(Limits.nameBytesMax)")
        }
    }

    public func encode() -> [UInt8] {
        var writer = PayloadWriter(reserving: 128)
        for value in [Hello.magic, protocolMajor, protocolMinor, layoutVersion] { writer.u32(value) }
        writer.u64(descriptionHash)
        for value in [pid, generation, nodeFloor, edgeFloor, viewFloor, documentFloor] { writer.u32(value) }
        writer.u64(session)
        writer.u64(requests)
        writer.u32(isResume ? 1 : 0)
        for text in [workspace, program, build] { writer.string(text) }
        return writer.bytes
    }
}

/// Head of every reply: which request it answers, and the ids that the client may give to its next objects.
public struct ReplyHead: Equatable, Sendable {
    public static let byteCount = 32

    public var request: UInt64
    public var nodes: Range<UInt32>
    public var edges: Range<UInt32>
    public var views: Range<UInt32>

    public init(
        request: UInt64 = 0, nodes: Range<UInt32> = 0..<0, edges: Range<UInt32> = 0..<0, views: Range<UInt32> = 0..<0
    ) {
        self.request = request
        self.nodes = nodes
        self.edges = edges
        self.views = views
    }

    public init(decoding reader: inout PayloadReader) throws(WireError) {
        request = try reader.u64()
        nodes = try ReplyHead.lease(&reader)
        edges = try ReplyHead.lease(&reader)
        views = try ReplyHead.lease(&reader)
    }

    public func encode(into writer: inout PayloadWriter) {
        writer.u64(request)
        for lease in [nodes, edges, views] {
            writer.u32(lease.lowerBound)
            writer.u32(lease.upperBound)
        }
    }

    private static func lease(_ reader: inout PayloadReader) throws(WireError) -> Range<UInt32> {
        let first = try reader.u32()
        let end = try reader.u32()
        guard first <= end else { throw WireError("a lease that ends (\(end)) before it starts (\(first))") }
        return first..<end
    }
}

/// What a worker answers to the hello, after a `ReplyHead` for request 0.
public struct HelloReply: Equatable, Sendable {
    public var workerPid: UInt32
    public var slot: UInt32
    public var generation: UInt32
    public var clientId: UInt64
    public var workspace: String
    public var build: String
    /// What became of a session that goes on, as JSON; "": it is new.
    public var recovery: String

    public init(
        workerPid: UInt32, slot: UInt32, generation: UInt32, clientId: UInt64, workspace: String, build: String,
        recovery: String = ""
    ) {
        self.recovery = recovery
        self.workerPid = workerPid
        self.slot = slot
        self.generation = generation
        self.clientId = clientId
        self.workspace = workspace
        self.build = build
    }

    public init(decoding reader: inout PayloadReader) throws(WireError) {
        workerPid = try reader.u32()
        slot = try reader.u32()
        generation = try reader.u32()
        clientId = try reader.u64()
        workspace = try reader.string()
        build = try reader.string()
        recovery = try reader.string()
    }

    public func encode(into writer: inout PayloadWriter) {
        writer.u32(workerPid)
        writer.u32(slot)
        writer.u32(generation)
        writer.u64(clientId)
        writer.string(workspace)
        writer.string(build)
        writer.string(recovery)
    }
}
