// A case whose journal begins with an image of the workspace, as one that begins with requests which make what the image held:
// so that they can be left out one by one, and be written as a script. They need not lead to the same memory, nor to the same
// holds: whether the crash comes of them, too, is the caller's to find out. Typed documents are left out: what was edited in
// them is no request. Cost: the workspace twice.

import GraphCore
import SexpCore
import Wire

extension CrashCase {
    /// nil: it begins with no image, or with one of a workspace that nobody used.
    func unpacked() throws -> CrashCase? {
        guard let image else { return nil }
        let full = try Workspace(name: "", memoryLimit: nil)
        try image.withUnsafeBytes { try full.readImage($0) }
        guard let session = full.sessions.keys.min() else { return nil }
        var requests = ImageRequests(session: session)
        try requests.add(full)
        var unpacked = self
        unpacked.image = try full.imageOfIdsAlone(namedBy: session)
        unpacked.imageIsEmpty = true
        unpacked.steps = requests.steps + steps
        return unpacked
    }
}

extension Workspace {
    /// Sessions, leases and ids handed out, and nothing that they are of. That session may name them all again.
    fileprivate func imageOfIdsAlone(namedBy key: UInt64) throws -> [UInt8] {
        let empty = try Workspace(name: "", memoryLimit: nil)
        empty.nextIds = nextIds
        empty.documents.next = documents.next
        for session in sessions.values {
            var bytes: [UInt8] = []
            try session.writeImage(to: ImageWriter { bytes += $0 })
            let copy = try bytes.withUnsafeBytes { bytes in
                var reader = ImageReader(bytes)
                return try Session.readImage(&reader, workspace: empty)
            }
            (copy.pinnedNodes, copy.pinnedEdges) = (IdSet(), IdSet())
            (copy.heldViews, copy.heldDocuments) = (IdSet(), IdSet())
            empty.sessions[copy.key] = copy
        }
        if let session = empty.sessions[key] {
            for id in graph.nodeIds(below: nextIds[.node, default: 1]) { _ = session.passedOver[LeaseKind.node.index].insert(id) }
            for id in graph.edgeIds(below: nextIds[.edge, default: 1]) { _ = session.passedOver[LeaseKind.edge.index].insert(id) }
            for id in graph.liveViews.ids { _ = session.passedOver[LeaseKind.view.index].insert(id) }
        }
        var bytes: [UInt8] = []
        try empty.writeImage(to: ImageWriter { bytes += $0 })
        return bytes
    }
}

extension GraphStore {
    fileprivate func nodeIds(below end: UInt32) -> [UInt32] { (1..<max(end, 1)).filter { hasNode($0) } }
    fileprivate func edgeIds(below end: UInt32) -> [UInt32] { (1..<max(end, 1)).filter { hasEdge($0) } }
}

private struct ImageRequests {
    let session: UInt64
    private(set) var steps: [CrashStep] = []

    init(session: UInt64) { self.session = session }

    /// Nodes, edges, then what each view has, in the orders that it has; then the plain documents.
    mutating func add(_ workspace: Workspace) throws {

        var viewOf: [UInt32: UInt32] = [:]  // by self node
        for view in workspace.graph.liveViews.ids { viewOf[try workspace.graph.selfNode(view: view)] = view }
        for node in workspace.graph.nodeIds(below: workspace.nextIds[.node, default: 1]) {
            if let view = viewOf[node] {
                add("GraphView.create") { payload in
                    payload.u32(view)
                    payload.u32(node)
                }
            } else {
                let attributes = try workspace.graph.nodeAttributes(node).map { Attribute(key: $0.key, value: Literal($0.value)) }
                add("NodeReference.create") { payload in
                    payload.u32(node)
                    payload.attributes(attributes)
                }
            }
        }
        for id in workspace.graph.edgeIds(below: workspace.nextIds[.edge, default: 1]) {
            let edge = try workspace.graph.edge(id)
            let attributes = try workspace.graph.edgeAttributes(id).map { Attribute(key: $0.key, value: Literal($0.value)) }
            add("EdgeReference.create") { payload in
                for word in [id, edge.source, edge.target, edge.bits] { payload.u32(word) }
                payload.attributes(attributes)
            }
        }
        for view in workspace.graph.liveViews.ids {
            for node in try workspace.graph.nodes(view: view).dropFirst() { add("GraphView.insert_node", view, node) }
            for edge in try workspace.graph.edges(view: view) { add("GraphView.insert_edge", view, edge) }
        }
        let next = workspace.documents.next
        for (id, document) in workspace.documents.documents.sorted(by: { $0.key < $1.key }) {
            guard case .plain(let document) = document else { continue }
            steps.append(CrashStep(action: .nextDocument(id), session: session))
            add("sexp.parse") { payload in
                payload.blob(document.image())
                payload.string(document.label ?? "")
                payload.u32(0)
            }
        }
        steps.append(CrashStep(action: .nextDocument(next), session: session))
    }

    private mutating func add(_ name: String, _ view: UInt32, _ member: UInt32) {
        add(name) { payload in
            payload.u32(view)
            payload.u32(member)
        }
    }

    private mutating func add(_ name: String, _ write: (inout PayloadWriter) -> Void) {
        guard let operation = Description.shared.number(of: name) else { return }
        var payload = PayloadWriter()
        write(&payload)
        steps.append(CrashStep(action: .request(operation: operation, payload: payload.bytes), session: session))
    }
}
