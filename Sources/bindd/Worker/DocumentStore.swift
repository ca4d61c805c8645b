// Parsed documents by id. Ids rise and are never reused. Must not parse anything by itself. Cost: a dictionary look-up.

import CLayout
import SexpCore
import Wire

/// A text without a format, or one with.
enum StoredDocument {
    case plain(SexpDocument)
    case typed(TypedDocument)

    /// Of the handles of it.
    var kind: UInt32 {
        switch self {
        case .plain: BD_KIND_DOCUMENT
        case .typed(let document): HandleKind.of(document)
        }
    }

    var memoryBytes: Int {
        switch self {
        case .plain(let document): document.memoryBytes
        case .typed(let document): document.memoryBytes
        }
    }
}

struct DocumentStore {
    private(set) var documents: [UInt32: StoredDocument] = [:]
    var next: UInt32 = 1
    private(set) var memoryBytes = 0
    /// What documents took that were removed, all in all.
    private(set) var removedBytes = 0
    /// By kind of handle.
    private(set) var sums = [KindSum](repeating: KindSum(), count: Int(BD_KIND_COUNT))

    struct KindSum {
        var count = 0
        var bytes = 0
    }

    var count: Int { documents.count }

    mutating func raiseFloor(_ floor: UInt32) {
        if floor < UInt32.max, floor >= next { next = floor + 1 }
    }

    mutating func add(_ document: StoredDocument) throws -> UInt32 {
        guard next < UInt32.max else {
            throw RemoteError("LimitExceeded", "the workspace has used all document ids", hint: "go on in a new workspace")
        }
        let id = next
        next += 1
        insert(document, id: id)
        return id
    }

    mutating func insert(_ document: StoredDocument, id: UInt32) {
        documents[id] = document
        sums[Int(document.kind)].count += 1
        grow(document.kind, by: document.memoryBytes)
    }

    func find(_ id: UInt32) throws -> StoredDocument {
        guard let document = documents[id] else {
            throw RemoteError("StaleHandleError", "document \(id) does not exist: it was freed, or it never did")
        }
        return document
    }

    func typed(_ id: UInt32) throws -> TypedDocument {
        guard case .typed(let document) = try find(id) else {
            throw RemoteError("TypeError", "document \(id) was parsed without a format")
        }
        return document
    }

    /// Edits a document and counts what that takes.
    mutating func edit(_ id: UInt32, _ body: (TypedDocument) throws -> Void) throws {
        let document = try typed(id)
        let before = document.memoryBytes
        defer { grow(HandleKind.of(document), by: document.memoryBytes - before) }
        try body(document)
    }

    private mutating func grow(_ kind: UInt32, by bytes: Int) {
        memoryBytes += bytes
        sums[Int(kind)].bytes += bytes
    }

    mutating func remove(_ id: UInt32) {
        guard let document = documents.removeValue(forKey: id) else { return }
        sums[Int(document.kind)].count -= 1
        grow(document.kind, by: -document.memoryBytes)
        removedBytes &+= document.memoryBytes
    }

    /// For inspection.
    func facts(_ id: UInt32, kind: UInt32) -> [(String, JSONValue)]? {
        guard let stored = documents[id], stored.kind == kind else { return nil }
        let label: String?
        var facts: [(String, JSONValue)]
        switch stored {
        case .plain(let document):
            label = document.label
            facts = [("nodes", .int(Int64(document.nodeCount))), ("text_bytes", .int(Int64(document.textBytes)))]
        case .typed(let document):
            label = document.label
            facts = [
                ("type", .string(document.schema.structNames[document.type])),
                ("children", .int(Int64(document.recordCount - 2))),  // structs inside of it: record 0 is none, 1 the whole
                ("structs", .object(document.structCounts.map { ($0.name, .int(Int64($0.count))) })),
                ("nodes", .int(Int64(document.nodeCount))), ("text_bytes", .int(Int64(document.textBytes))),
                ("failure", document.failure.map { .string($0) } ?? .null),
            ]
        }
        facts.insert(("label", label.map { .string($0) } ?? .null), at: 0)
        return facts + [("bytes", .int(Int64(stored.memoryBytes)))]
    }
}
