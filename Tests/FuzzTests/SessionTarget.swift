// A client of a worker, in this process: whatever it asks, the worker answers or cuts it; its graph stays whole, and what
// the client held is gone with it. Two clients share the workspace, so that one meets what the other made.

import CLayout
import CShim
import Glibc
import GraphCore
import Wire

@testable import bindd

extension FuzzTarget {
    static let session = FuzzTarget(
        name: "session", seeds: { files(in: "\(fixtures)/fuzz/session").map { SessionCase(text: String(decoding: readBytes($0), as: UTF8.self)).bytes } }
    ) { input in
        do { try SessionWorld().run(SessionCase(bytes: input)) } catch { require(false, "\(error)") }
    }
}

/// A workspace with two clients, each on a socket whose other end is ours.
final class SessionWorld {
    private static let memoryLimit = 24 << 20
    private let loop: EventLoop
    private let workspace: Workspace
    private let page: WorkerPage
    /// Large blocks, made once: they hold nothing from one input to the next.
    nonisolated(unsafe) private static let buffer = ReceiveBuffer()
    nonisolated(unsafe) private static let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    private var streams: [ClientStream] = []
    private let trim: IdleTrim
    private var links: [Int32] = []
    private var ended = 0

    init() throws {
        loop = try EventLoop()
        trim = IdleTrim(loop: loop)
        workspace = try Workspace(name: "fuzz", memoryLimit: SessionWorld.memoryLimit)
        let fd = bd_page_create("fuzz-worker", Int(BD_WORKER_PAGE_BYTES))
        defer { close(fd) }
        page = try WorkerPage(fd: fd)
        for number in 0..<2 { try connect(number) }
    }

    private func connect(_ number: Int) throws {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0 else { throw SystemError("socketpair", code: errno) }
        let fd = bd_page_create("fuzz-client", Int(BD_CLIENT_PAGE_BYTES))
        defer { close(fd) }
        var hello = fuzzHello()
        hello.workspace = "fuzz"
        hello.session = UInt64(number + 1)
        let session = try Session(hello: hello, workspace: workspace)
        workspace.sessions[session.key] = session
        streams.append(
            try ClientStream(
                session: session, slot: number, hello: hello, socket: ends[0], clientPage: fd, workspace: workspace,
                page: page, loop: loop, buffer: SessionWorld.buffer, trim: trim
            ) { [unowned self] stream, _ in
                workspace.endSession(stream.session.key)
                ended += 1
            })
        links.append(ends[1])
    }

    /// The first client sends all of them. The second, whose lease has other ids, asks and lets go of the same objects.
    func run(_ these: SessionCase) throws {
        var others = these
        others.requests.removeAll { request in
            guard let operation = Description.shared.operation(request.operation) else { return request.operation == Operation.advance }
            return operation.kind != .query && !operation.name.hasSuffix("destroy")
        }
        for (link, bytes) in zip(links, [these.wire, others.wire]) { drive(link, bytes) }
        workspace.graph.checkInvariants()
        try these.wire.withUnsafeBytes { bytes in
            canary(bytes, try workspace.graph.liveViews.ids.contains { try workspace.graph.edgeTable(view: $0).contains { $0.bits & 0xFF >= 0x20 } })
        }
        for link in links { close(link) }
        turn()
        require(ended == links.count, "\(ended) of \(links.count) sessions have ended")
        workspace.graph.checkInvariants()
        try checkNothingIsHeld()
        trim.close()
        try loop.close()
    }

    /// Only views, and what stands in them, outlive the clients of a named workspace.
    private func checkNothingIsHeld() throws {
        require(workspace.documents.count == 0, "\(workspace.documents.count) documents are held by nobody")
        for view in workspace.graph.liveViews.ids { try workspace.graph.destroyView(view) }
        require(
            workspace.graph.nodeCount == 0 && workspace.graph.edgeCount == 0,
            "\(workspace.graph.nodeCount) nodes and \(workspace.graph.edgeCount) edges are held by nobody")
    }

    /// Sends in pieces that the socket takes, and throws away what is answered.
    private func drive(_ link: Int32, _ bytes: [UInt8]) {
        var at = 0
        var idle = 0
        while at < bytes.count, idle < 3 {
            let count = bytes.withUnsafeBytes { bd_stream_send(link, $0.baseAddress.map { $0 + at }, min($0.count - at, 1 << 16)) }
            if count < 0, count != -Int(EAGAIN) { return }
            if count > 0 { at += count }
            idle = count > 0 || drain(link) ? 0 : idle + 1
            turn()
        }
        while drain(link) { turn() }
    }

    private func turn() { for _ in 0..<4 { loop.turn() } }

    private func drain(_ link: Int32) -> Bool {
        bd_stream_receive(link, SessionWorld.room.baseAddress, SessionWorld.room.count) > 0
    }
}
