// A client of a workspace, from its accepted hello until its worker says it is gone. For display and counting only: its
// requests never pass here.

import CLayout
import Glibc
import Wire

final class ClientRecord {
    let id: UInt64
    let process: PeerProcess  // as the kernel saw it, not as the client says
    let program: String
    let workspace: String
    let generation: UInt32
    let session: UInt64
    let connectedNs: UInt64
    let page: SharedPage
    /// nil: the client writes none (BINDD_SITES=off).
    let ledger: LedgerFile?
    /// What the client had some seconds ago, for the reports.
    var growth = GrowthHistory()

    init(
        id: UInt64, pid: Int32, hello: Hello, connectedNs: UInt64, page: SharedPage, ledger: LedgerFile?
    ) {
        self.id = id
        process = PeerProcess(pid: pid)
        program = hello.program
        workspace = hello.workspace
        generation = hello.generation
        session = hello.session
        self.connectedNs = connectedNs
        self.page = page
        self.ledger = ledger
    }

    var pid: Int32 { process.pid }
    var name: String { "c\(id)" }

    /// Handles of objects; the workspace's own is none.
    var handleCount: UInt64 {
        let live = KindCounters.live(page.clientPage())
        return live.reduce(0, +) - live[Int(BD_KIND_WORKSPACE)]
    }
}

/// The client's ledger of handles, kept open for `bindd inspect`, which opens it through /proc of this process. Never read
/// here: it may have a million records.
final class LedgerFile {
    let fd: Int32
    init(fd: Int32) { self.fd = fd }
    deinit { close(fd) }
}

/// A connection on its way to a worker. Owns both descriptors until the worker has taken them.
struct Handover {
    let client: ClientRecord
    let hello: [UInt8]
    let socket: Int32
    let page: Int32
}
