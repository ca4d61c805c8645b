// A client of a workspace, from its accepted hello until its worker says it is gone. For display and counting only: its
// requests never pass here.

import CLayout
import Wire

final class ClientRecord {
    let id: UInt64
    let pid: Int32  // as the kernel saw it, not as the client says
    let program: String
    let workspace: String
    let generation: UInt32
    let session: UInt64
    let connectedNs: UInt64
    let page: SharedPage

    init(id: UInt64, pid: Int32, hello: Hello, connectedNs: UInt64, page: SharedPage) {
        self.id = id
        self.pid = pid
        program = hello.program
        workspace = hello.workspace
        generation = hello.generation
        session = hello.session
        self.connectedNs = connectedNs
        self.page = page
    }

    var name: String { "c\(id)" }
}

/// A connection on its way to a worker. Owns both descriptors until the worker has taken them.
struct Handover {
    let client: ClientRecord
    let hello: [UInt8]
    let socket: Int32
    let page: Int32
}
