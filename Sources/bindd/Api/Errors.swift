// The errors that Python raises, declared once: name, base, code. Codes are stable. Must not decide when one is raised.

import GraphCore
import Wire

struct ErrorDeclaration: Sendable {
    let name: String
    let bases: [String]
    let code: UInt32
    let doc: String

    var json: JSONValue {
        .object([
            ("name", .string(name)), ("base", .string(bases.joined(separator: ", "))), ("code", .uint(UInt64(code))),
            ("doc", .string(doc)),
        ])
    }

    static let all: [ErrorDeclaration] = [
        .init(name: "BinddError", bases: ["Exception"], code: 1, doc: "Base of all errors of bindd."),
        .init(
            name: "WorkerDied", bases: ["BinddError"], code: 2, doc: "The worker process ended under a request."),
        .init(
            name: "WorkerCrashed", bases: ["WorkerDied"], code: 3,
            doc: "The worker died of a signal, or left without having been told to."),
        .init(
            name: "WorkerHung", bases: ["WorkerDied"], code: 4,
            doc: "The worker did not answer within the hang limit and was killed."),
        .init(
            name: "BinddUnavailable", bases: ["BinddError", "ConnectionError"], code: 5,
            doc: "No daemon could be reached or started; says why."),
        .init(
            name: "VersionMismatch", bases: ["BinddUnavailable"], code: 6,
            doc: "Client and daemon are of different builds; names both."),
        .init(
            name: "StaleHandleError", bases: ["BinddError", "ReferenceError"], code: 7,
            doc: "The handle's object is gone; says where it was made and why it was lost."),
        .init(
            name: "ProtocolError", bases: ["BinddError"], code: 8,
            doc: "The other side sent what the protocol does not allow; the connection is closed."),
        .init(
            name: "CallTimeout", bases: ["BinddError", "TimeoutError"], code: 9,
            doc: "No answer within the timeout that the caller gave; the request was cancelled."),
        .init(
            name: "LimitExceeded", bases: ["BinddError", "MemoryError"], code: 10,
            doc: "A named limit was reached; nothing changed."),
        .init(
            name: "SexpError", bases: ["BinddError", "ValueError"], code: 11,
            doc: "The text is no well-formed S-expression; has path, line, column and the line itself."),
        .init(
            name: "JournalError", bases: ["BinddError", "OSError"], code: 15,
            doc: "The journal cannot be written, so that nothing was changed; says why."),
        .init(
            name: "TypeGraphPathError", bases: ["BinddError", "ValueError"], code: 12,
            doc: "A path leads nowhere; has kind, path, failing_segment, failing_segment_index."),
        .init(
            name: "TypeGraphInstantiationError", bases: ["BinddError", "ValueError"], code: 13,
            doc: "A type cannot be instantiated; has kind, node, identifier."),
        .init(
            name: "TypeGraphResolveError", bases: ["BinddError", "ValueError"], code: 14,
            doc: "A reference cannot be resolved; has kind, node (the failing one of the chain), identifier."),
        .init(
            name: "MemoryLimit", bases: ["WorkerDied", "MemoryError"], code: 16,
            doc: "The worker died because memory was exhausted."),
        .init(
            name: "FileChanged", bases: ["BinddError", "OSError"], code: 17,
            doc: "The file is not what it was when it was read or written last; nothing was written."),
    ]

    static func code(_ name: String) -> UInt32 { all.first { $0.name == name }?.code ?? 0 }
}

extension RemoteError {
    /// An error of a class in `ErrorDeclaration`, or of Python's own.
    init(_ pythonType: String, _ message: String, hint: String = "", fields: [Attribute] = []) {
        self.init(
            code: ErrorDeclaration.code(pythonType), pythonType: pythonType, message: message, hint: hint,
            fields: fields)
    }

    init(_ error: GraphError) {
        switch error.kind {
        case .noSuchNode, .noSuchEdge, .noSuchView: self.init("StaleHandleError", error.description)
        case .sourceNotMember, .targetNotMember, .idInUse, .invalidValue: self.init("ValueError", error.description)
        case .wrongType: self.init("TypeError", error.description)
        case .limitExceeded:
            self.init("LimitExceeded", error.description, hint: "destroy views that are not needed, or start the daemon with a larger $BINDD_MEMORY_LIMIT")
        case .cancelled: self.init("KeyboardInterrupt", error.description)
        }
    }
}

extension RemoteError {
    init(_ error: TypeGraphError) {
        switch error {
        case .path(let failure):
            self.init(
                "TypeGraphPathError", failure.message,
                fields: [
                    Attribute(key: "kind", value: .string(failure.kind.rawValue)),
                    // Fields are literals: the list travels as JSON.
                    Attribute(key: "path", value: .string(JSONValue.array(failure.path.map { .string($0) }).text)),
                    Attribute(key: "failing_segment", value: .string(failure.failingSegment)),
                    Attribute(key: "failing_segment_index", value: .int(Int64(failure.failingSegmentIndex))),
                ])
        case .instantiation(let failure):
            self.init(
                "TypeGraphInstantiationError", failure.message,
                fields: RemoteError.fields(failure.kind.rawValue, failure.node, failure.identifier))
        case .resolve(let failure):
            self.init(
                "TypeGraphResolveError", failure.message,
                fields: RemoteError.fields(failure.kind.rawValue, failure.node, failure.identifier))
        }
    }

    /// The client makes a BoundNode of `node` and `view`.
    private static func fields(_ kind: String, _ node: BoundNode, _ identifier: String) -> [Attribute] {
        [
            Attribute(key: "kind", value: .string(kind)), Attribute(key: "node", value: .int(Int64(node.node))),
            Attribute(key: "view", value: .int(Int64(node.view))),
            Attribute(key: "identifier", value: .string(identifier)),
        ]
    }
}
