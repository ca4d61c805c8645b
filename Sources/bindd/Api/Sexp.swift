// Any S-expression text as a document: parse, print, free. Walking happens in the client, on the snapshot that parsing
// answers.

import CLayout
import SexpCore
import Wire

let sexpFunctions: [FunctionDeclaration] = [
    FunctionDeclaration(
        module: "sexp",
        method: Method(
            "parse", .call, client: "bd_sexp_parse",
            [
                Parameter("text", .bytes, "UTF-8"), Parameter("label", .string, default: "''", "name shown in errors"),
                Parameter("depth_limit", .u32, default: "0", "lists inside lists; 0: the default of 1000"),
            ], result: .document, errors: ["SexpError", "TypeError", "LimitExceeded"],
            doc: """
                Parses one text, all of it, into a document that keeps every token. A document travels as its id and its \
                snapshot (bytes, laid out as in bd_layout.h).
                """
        ) { call in
            let text = Array(try call.arguments.blob())
            let label = try call.arguments.string()
            let depth = try call.arguments.u32()
            let session = call.session
            session.expectLooks(bytes: text.count, passes: 3)  // the third is the snapshot
            let document = try SexpDocument.parse(
                text, label: label.isEmpty ? nil : label,
                limits: depth == 0 ? SexpLimits() : SexpLimits(depthMax: Int(depth)),
                isCancelled: session.hasGivenUp)
            let id = try call.workspace.documents.add(.plain(document))
            session.owns(document: id)
            call.result.u32(id)
            var snapshot: [UInt8] = []
            document.appendSnapshot(to: &snapshot)
            call.answer(lastly: snapshot)
        }),
    FunctionDeclaration(
        module: "sexp",
        method: Method(
            "dumps", .query, client: "bd_sexp_dumps", [Parameter("document", .document)], result: .string,
            errors: ["TypeError", "StaleHandleError"],
            doc: "The document's text in KiCad's canonical layout: the same bytes for a file that KiCad 8 or later wrote."
        ) { call in
            let session = call.session
            switch try call.workspace.documents.find(try call.arguments.u32()) {
            case .plain(let document):
                session.expectLooks(bytes: document.textBytes, passes: 2)
                try call.answer(text: document.canonicalBytes(isCancelled: session.hasGivenUp))
            case .typed(let document): try call.answer(text: call.print(document))
            }
        }),
] + typedFunctions

extension Call {
    mutating func answer(text: [UInt8]) throws {
        guard text.count <= Limits.messageBytesMax - 4096 else {
            throw RemoteError(
                "LimitExceeded", "the printed text has \(text.count) bytes, messageBytesMax is \(Limits.messageBytesMax)")
        }
        answer(lastlyUtf8: text)
    }
}

/// A parser's error as Python sees it, nil for other errors.
func documentError(_ error: any Error, showsKind: Bool = false) -> RemoteError? {
    if let error = error as? EditFailure { return RemoteError("BinddError", error.description) }
    guard let error = error as? SexpError else { return nil }
    switch error.kind {
    case .cancelled: return RemoteError("KeyboardInterrupt", "the request was cancelled")
    case .outOfMemory: return RemoteError("LimitExceeded", error.message, hint: error.hint)
    case .tooLarge where error.line == 0: return RemoteError("LimitExceeded", error.message, hint: error.hint)
    default: break
    }
    return RemoteError(
        "SexpError", (showsKind ? error.kind.rawValue + ": " : "") + error.description, hint: error.hint,
        fields: [
            Attribute(key: "kind", value: .string(error.kind.rawValue)),
            Attribute(key: "detail", value: .string(error.message)),
            Attribute(key: "file", value: error.label.map { .string($0) } ?? .none),
            Attribute(key: "line", value: .int(Int64(error.line))),
            Attribute(key: "column", value: .int(Int64(error.column))),
            Attribute(key: "byte_offset", value: .int(Int64(error.byteOffset))),
            Attribute(key: "path", value: .string(error.pathText)),
            Attribute(key: "excerpt", value: .string(error.excerpt)),
            Attribute(key: "caret", value: .string(error.caret)),
            Attribute(key: "expected", value: .string(error.expected)),
            Attribute(key: "found", value: .string(error.found)),
            Attribute(key: "type", value: .string(error.typeName)),
            Attribute(key: "field", value: .string(error.fieldName)),
        ])
}
