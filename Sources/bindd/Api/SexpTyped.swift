// KiCad files as objects: the requests behind bindd.sexp.pcb and its siblings. The extension reads fields in the snapshot
// that loading answers, names new records by itself and sends each change without waiting. Values are read here; what a
// change means is said in SexpCore.

import CLayout
import SexpCore
import Wire

private let documentParameter = Parameter("document", .u32)
private let recordParameter = Parameter("record", .u32)
private let fieldParameter = Parameter("field", .u32)
private let sourceParameter = Parameter("source", .any, "u32 document; or u32 0, u32 type and a value: an object of no document")
private let valueParameter = Parameter("value", .any, "u32 tag and what it says; see Call+TypedValues.swift")

private func request(
    _ name: String, _ kind: RequestKind, _ parameters: [Parameter], result: ValueType = .none, errors: [String] = [],
    doc: String, handler: @escaping Method.Handler
) -> FunctionDeclaration {
    FunctionDeclaration(
        module: "sexp",
        method: Method(
            name, kind, isInternal: true, parameters, result: result, errors: errors, doc: doc, handler: handler))
}

let typedFunctions: [FunctionDeclaration] = [
    request(
        "load", .call,
        [
            Parameter("type", .u32), Parameter("text", .bytes), Parameter("label", .string), Parameter("depth_limit", .u32),
            Parameter("flags", .u32, "1: the text is as in a file, spell it so again; 4: one element of a list, without a head word"),
        ], result: .any, errors: ["SexpError", "LimitExceeded"],
        doc: """
            A text as records: u32 document, u64 hash of the text, u64 bytes that the document takes, bytes snapshot \
            (bd_layout.h). The type is that of a file, \
            or of one struct whose text this is.
            """
    ) { call in
        let type = try call.structType()
        let text = Array(try call.arguments.blob())
        let label = try call.arguments.string()
        let depth = try call.arguments.u32()
        let flags = TypedDocument.LoadOptions(rawValue: try call.arguments.u32())
        let session = call.session
        session.expectLooks(bytes: text.count, passes: 3)  // the third, over the tree, looks at nothing
        do {
            let (document, snapshot) = try TypedDocument.load(
                type: type, text, label: label.isEmpty ? nil : label,
                // The limit counts what is inside of the root.
                limits: SexpLimits(depthMax: depth == 0 ? SexpLimits.depthDefault + 1 : Int(depth)), options: flags,
                isCancelled: session.hasGivenUp)
            let id = try call.workspace.documents.add(.typed(document))
            session.owns(document: id)
            call.result.u32(id)
            call.result.u64(document.contentHash)
            call.result.u64(UInt64(document.memoryBytes))
            call.answer(lastly: snapshot)
        } catch let error as SexpError {
            throw documentError(error, showsKind: true) ?? RemoteError("BinddError", error.description)
        }
    },
    request(
        "set", .command, [documentParameter, recordParameter, fieldParameter, valueParameter],
        doc: "A field's new value; none removes it from the text."
    ) { call in
        let (id, record, field) = (try call.arguments.u32(), try call.arguments.u32(), try call.arguments.u32())
        let value = try call.typedValue()
        try call.workspace.documents.edit(id) { document in
            try document.apply("set") { (document) throws(EditFailure) in try document.set(record, field, value) }
        }
    },
    request(
        "splice", .command,
        [
            documentParameter, recordParameter, fieldParameter, Parameter("start", .u32), Parameter("removed", .u32),
            Parameter("values", .any, "u32 count, values"),
        ], doc: "list[start : start + removed] = values"
    ) { call in
        let (id, record, field) = (try call.arguments.u32(), try call.arguments.u32(), try call.arguments.u32())
        let (start, removed) = (Int(try call.arguments.u32()), Int(try call.arguments.u32()))
        let values = try call.typedValues()
        try call.workspace.documents.edit(id) { document in
            try document.apply("splice") { (document) throws(EditFailure) in
                try document.splice(record, field, start: start, removed: removed, values)
            }
        }
    },
    request(
        "permute", .command, [documentParameter, recordParameter, fieldParameter, Parameter("order", .any, "list of u32")],
        doc: "list = [list[i] for i in order]"
    ) { call in
        let (id, record, field) = (try call.arguments.u32(), try call.arguments.u32(), try call.arguments.u32())
        let order = try call.arguments.u32List()
        try call.workspace.documents.edit(id) { document in
            try document.apply("permute") { (document) throws(EditFailure) in try document.permute(record, field, order) }
        }
    },
    request(
        "dump", .query, [sourceParameter], result: .string, errors: ["StaleHandleError", "BinddError", "LimitExceeded"],
        doc: "The text of a document, or of an object of a file's type that is in none."
    ) { call in
        let document = try call.typedSource()
        try call.answer(text: call.print(document))
    },
    request(
        "save", .query,
        [
            sourceParameter, Parameter("path", .string, "absolute"), Parameter("mode", .u32, "of a file that was not there"),
            Parameter("check", .u32, "0 none, 1 there must be no file, 2 it must be this one:"), Parameter("size", .any, "u64"),
            Parameter("mtime_ns", .int), Parameter("hash", .any, "u64"),
        ], result: .any, errors: ["FileChanged", "OSError", "StaleHandleError", "BinddError", "LimitExceeded"],
        doc: """
            Writes the text to a file, whole or not at all: u64 size, i64 mtime_ns, u64 hash, for the next save. Refuses when \
            the file that is there is another one than the caller knows.
            """
    ) { call in
        let document = try call.typedSource()
        let path = try call.arguments.string()
        let mode = try call.arguments.u32()
        let check = try call.arguments.u32()
        let known = FileFacts(
            size: try call.arguments.u64(), mtimeNs: try call.arguments.i64(), hash: try call.arguments.u64())
        let text = try call.print(document)
        let (session, planned) = (call.session, call.workspace.plannedDeath)
        let operation = Description.shared.number(of: "sexp.save") ?? 0
        var step = 0
        let file = try AtomicFile(path: path) { _ in
            step += 1
            planned?.strike(operation, step: step, session)
        }
        let facts = try file.replace(
            with: text, mode: mode, expecting: check == 0 ? .anything : check == 1 ? .nothing : .file(known))
        call.result.u64(facts.size)
        call.result.i64(facts.mtimeNs)
        call.result.u64(facts.hash)
    },
    request(
        "text", .query, [documentParameter, recordParameter], result: .string, errors: ["StaleHandleError", "BinddError"],
        doc: "The text of one record alone; empty for a default that is not in the text."
    ) { call in
        let document = try call.workspace.documents.typed(try call.arguments.u32())
        let record = try call.arguments.u32()
        try call.failed(document)
        try call.answer(text: document.text(of: record))
    },
    request(
        "unknown", .query, [documentParameter, recordParameter], result: .list(.string),
        errors: ["StaleHandleError", "BinddError"], doc: "The parts of a record that no field reads, in their order."
    ) { call in
        let document = try call.workspace.documents.typed(try call.arguments.u32())
        let record = try call.arguments.u32()
        try call.failed(document)
        let parts = try document.unknownParts(of: record)
        call.result.u32(UInt32(parts.count))
        for part in parts { part.withUnsafeBytes { call.result.string(utf8: $0) } }
    },
]

extension Session {
    /// A text of so many bytes is gone through so often.
    func expectLooks(bytes: Int, passes: Int) { expect(looks: max(bytes / SexpLimits.pollBytes, 1) * passes) }
}

extension Call {
    mutating func structType() throws -> Int {
        let type = try arguments.u32()
        guard Int(type) < KiCadSchema.shared.structNames.count else { throw WireError("struct type \(type)") }
        return Int(type)
    }

    /// A document that an edit failed on has a text that its client does not expect.
    func failed(_ document: TypedDocument) throws {
        if let failure = document.failure {
            throw RemoteError("BinddError", failure, hint: "load the file again; what was saved before is as it was")
        }
    }

    func print(_ document: TypedDocument) throws -> [UInt8] {
        try failed(document)
        session.expectLooks(bytes: document.textBytes, passes: 2)  // the second is on its way to the client
        return try document.bytes(isCancelled: session.hasGivenUp)
    }

    /// A document, or one that is made of the value that follows.
    mutating func typedSource() throws -> TypedDocument {
        let id = try arguments.u32()
        if id != 0 { return try workspace.documents.typed(id) }
        let type = try structType()
        let value = try typedValue()
        return try TypedDocument.make(file: type, value)
    }
}
