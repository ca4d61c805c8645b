// The state of a workspace as the first record of its journal: ids handed out, sessions, documents, graph. Must hold
// everything that a request can change. Cost: one copy of what the workspace holds.

import GraphCore
import Journal
import SexpCore
import Wire

extension Workspace {
    /// Changes when what is written here changes.
    private static let imageVersion = 3
    /// The journal is replaced by an image when it has grown by so much, and by as much as the state takes: so replaying
    /// stays bounded, and writing images costs no more than writing the journal. A checked build does it all the time.
    private var journalBytesMax: Int { isCheckedBuild ? max(1 << 10, memoryBytes / 64) : max(32 << 20, memoryBytes) }

    /// Replaces a long journal by an image. A failure is no harm: the journal just goes on.
    func compactJournal() {
        guard let journal, journal.endBytes - journal.imageBytes > journalBytesMax,
            journal.applied == journal.lastSequence, planted.isEmpty, plannedDeath == nil,  // no image has them
            !sessions.values.contains(where: { $0.isInsideMessage || $0.ids.isSet })
        else { return }
        do {
            try journal.compact { writer in
                try writeImage(to: ImageWriter { try writer.write($0) })
            }
        } catch { report("the journal could not be replaced by an image: \(error)") }
    }

    func writeImage(to image: ImageWriter) throws {
        try image.word(Workspace.imageVersion)
        for kind in LeaseKind.allCases { try image.word(Int(nextIds[kind, default: 1])) }
        try image.word(sessions.count)
        for key in sessions.keys.sorted() {
            if let session = sessions[key] { try session.writeImage(to: image) }
        }
        try image.word(sharedViews.count)
        for (name, view) in sharedViews.sorted(by: { $0.value < $1.value }) {
            try image.list(Array(name.utf8))
            try image.word(Int(view))
        }
        try documents.writeImage(to: image)
        try graph.writeImage(to: image, ranges: writtenRanges())
    }

    /// Into a new workspace.
    func readImage(_ bytes: UnsafeRawBufferPointer) throws {
        var image = ImageReader(bytes)
        let version = try image.word()
        guard version == Workspace.imageVersion else { throw WorkerError("an image of version \(version)") }
        for kind in LeaseKind.allCases { nextIds[kind] = UInt32(clamping: try image.word()) }
        for _ in 0..<(try image.word()) {
            let session = try Session.readImage(&image, workspace: self)
            sessions[session.key] = session
        }
        for _ in 0..<(try image.word()) {
            let name = String(decoding: try image.list(of: UInt8.self), as: UTF8.self)
            sharedViews[name] = UInt32(clamping: try image.word())
        }
        try documents.readImage(&image)
        try graph.readImage(from: &image)
        guard image.isAtEnd else { throw WorkerError("an image with bytes behind its end") }
    }
}

extension Session {
    func writeImage(to image: ImageWriter) throws {
        for word in [key, UInt64(generation), UInt64(pid), clientId, request] { try image.list([word]) }
        for lease in [nodeLease, edgeLease, viewLease] {
            try image.word(Int(lease.lowerBound))
            try image.word(Int(lease.upperBound))
        }
        try image.word(isLastBatchApplied ? 1 : 0)
        for set in passedOver + [pinnedNodes, pinnedEdges, heldViews, heldDocuments] { try image.list(set.ids) }
    }

    static func readImage(_ image: inout ImageReader, workspace: Workspace) throws -> Session {
        func word() throws -> UInt64 {
            guard let word = try image.list(of: UInt64.self).first else { throw WorkerError("a session cut short") }
            return word
        }
        let session = Session(
            key: try word(), generation: UInt32(truncatingIfNeeded: try word()), pid: UInt32(truncatingIfNeeded: try word()),
            workspace: workspace)
        session.clientId = try word()
        session.request = try word()
        func lease() throws -> Range<UInt32> {
            let first = UInt32(clamping: try image.word())
            let end = UInt32(clamping: try image.word())
            guard first <= end else { throw WorkerError("a lease from \(first) to \(end)") }
            return first..<end
        }
        session.nodeLease = try lease()
        session.edgeLease = try lease()
        session.viewLease = try lease()
        session.isLastBatchApplied = try image.word() != 0
        func set() throws -> IdSet {
            var set = IdSet()
            for id in try image.list(of: UInt32.self) { _ = set.insert(id) }
            return set
        }
        session.passedOver = [try set(), try set(), try set()]
        session.pinnedNodes = try set()
        session.pinnedEdges = try set()
        session.heldViews = try set()
        session.heldDocuments = try set()
        return session
    }
}

extension DocumentStore {
    func writeImage(to image: ImageWriter) throws {
        try image.word(Int(next))
        try image.word(documents.count)
        for id in documents.keys.sorted() {
            guard let document = documents[id] else { continue }
            try image.word(Int(id))
            switch document {
            case .plain(let document):
                try image.word(0)
                try image.list(Array((document.label ?? "").utf8))
                try image.list(document.image())
            case .typed(let document):
                try image.word(1)
                try image.list(document.image())
            }
        }
    }

    mutating func readImage(_ image: inout ImageReader) throws {
        next = UInt32(clamping: try image.word())
        for _ in 0..<(try image.word()) {
            let id = UInt32(clamping: try image.word())
            let isTyped = try image.word() != 0
            let label = isTyped ? [] : try image.list(of: UInt8.self)
            let bytes = try image.bytes(try image.word())
            if isTyped {
                guard let document = TypedDocument.restore(image: bytes) else {
                    throw WorkerError("the image of document \(id) is damaged")
                }
                insert(.typed(document), id: id)
            } else {
                let label = String(decoding: label, as: UTF8.self)
                insert(.plain(try SexpDocument.restore(image: bytes, label: label.isEmpty ? nil : label)), id: id)
            }
        }
    }
}
