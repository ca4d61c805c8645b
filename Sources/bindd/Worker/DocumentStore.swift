// Parsed documents by id. Ids rise and are never reused. Must not parse anything by itself. Cost: a dictionary look-up.

import CShim
import SexpCore
import Wire

struct DocumentStore {
    private(set) var documents: [UInt32: SexpDocument] = [:]
    var next: UInt32 = 1
    private(set) var memoryBytes = 0
    private static let trimBytes = 4 << 20
    private var removedBytes = 0

    var count: Int { documents.count }

    mutating func raiseFloor(_ floor: UInt32) {
        if floor < UInt32.max, floor >= next { next = floor + 1 }
    }

    mutating func add(_ document: SexpDocument) throws -> UInt32 {
        guard next < UInt32.max else {
            throw RemoteError("LimitExceeded", "the workspace has used all document ids", hint: "go on in a new workspace")
        }
        let id = next
        next += 1
        insert(document, id: id)
        return id
    }

    mutating func insert(_ document: SexpDocument, id: UInt32) {
        documents[id] = document
        memoryBytes += document.memoryBytes
    }

    func find(_ id: UInt32) throws -> SexpDocument {
        guard let document = documents[id] else {
            throw RemoteError("StaleHandleError", "document \(id) does not exist: it was freed, or it never did")
        }
        return document
    }

    mutating func remove(_ id: UInt32) {
        guard let document = documents.removeValue(forKey: id) else { return }
        memoryBytes -= document.memoryBytes
        removedBytes += document.memoryBytes
    }

    /// What freed documents took goes back to the system, and not only to the allocator, once it is worth a system call.
    mutating func trim() {
        guard removedBytes >= DocumentStore.trimBytes else { return }
        removedBytes = 0
        bd_memory_trim()
    }

    /// For inspection.
    func facts(_ id: UInt32) -> [(String, JSONValue)]? {
        guard let document = documents[id] else { return nil }
        return [
            ("label", document.label.map { .string($0) } ?? .null), ("nodes", .int(Int64(document.nodeCount))),
            ("text_bytes", .int(Int64(document.textBytes))), ("bytes", .int(Int64(document.memoryBytes))),
        ]
    }
}
