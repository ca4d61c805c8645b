// How a Python-visible thing is declared: beside its implementation, once. Stubs, the extension's table, the protocol's
// page and the operation numbers are generated from these values; see docs/ADDING_AN_API.md.
// Must not hold behaviour of a noun. Cost: built once at start.

import Wire

/// A type as it stands in a signature, on the wire and in stubs.
struct ValueType: Equatable, ExpressibleByStringLiteral {
    let name: String
    init(stringLiteral name: String) { self.name = name }
    init(name: String) { self.name = name }

    static let none: ValueType = "none"
    static let int: ValueType = "int"
    /// An edge type: 0…255.
    static let u8: ValueType = "u8"
    /// A count or limit: 0…2^32-1.
    static let u32: ValueType = "u32"
    static let bool: ValueType = "bool"
    static let float: ValueType = "float"
    static let string: ValueType = "str"
    static let literal: ValueType = "literal"
    /// Remaining keywords of a call, each a literal.
    static let attributes: ValueType = "attributes"
    /// A Python object that stays in the client.
    static let any: ValueType = "any"
    static let callable: ValueType = "callable"
    static let bytes: ValueType = "bytes"
    static let view: ValueType = "GraphView"
    static let node: ValueType = "NodeReference"
    static let edge: ValueType = "EdgeReference"
    static let boundNode: ValueType = "BoundNode"
    static let boundEdge: ValueType = "BoundEdge"
    static let path: ValueType = "BFSPath"
    static let document: ValueType = "Document"

    static func list(_ of: ValueType) -> ValueType { ValueType(name: "list[\(of.name)]") }
    static func optional(_ of: ValueType) -> ValueType { ValueType(name: "optional[\(of.name)]") }
}

struct Parameter {
    let name: String
    let type: ValueType
    /// nil: the parameter is required.
    let defaultText: String?
    let doc: String

    init(_ name: String, _ type: ValueType, default defaultText: String? = nil, _ doc: String = "") {
        self.name = name
        self.type = type
        self.defaultText = defaultText
        self.doc = doc
    }
}

/// A method of a class, or a function of a module.
struct Method {
    enum Arguments: String { case parse, ignore }
    typealias Handler = @Sendable (inout Call) throws -> Void

    let name: String
    let isStatic: Bool
    let kind: RequestKind
    /// A hand-written C function of the extension; nil: the table-driven invoker.
    let client: String?
    let arguments: Arguments
    let parameters: [Parameter]
    let result: ValueType
    let errors: [String]
    let doc: String
    /// A command that may stand in a batch: everything that it does is taken back by `GraphStore.rollBack`.
    let isBatchable: Bool
    let handler: Handler?

    init(
        _ name: String, _ kind: RequestKind, isStatic: Bool = false, isBatchable: Bool = false, client: String? = nil,
        arguments: Arguments = .parse, _ parameters: [Parameter] = [], result: ValueType = .none,
        errors: [String] = [], doc: String, handler: Handler? = nil
    ) {
        check((kind == .local) == (handler == nil), "\(name): exactly the methods with a request have a handler")
        self.name = name
        self.kind = kind
        self.isStatic = isStatic
        self.client = client
        self.arguments = arguments
        self.parameters = parameters
        self.result = result
        self.errors = errors
        self.doc = doc
        self.isBatchable = isBatchable
        self.handler = handler
    }
}

struct ClassDeclaration {
    let name: String
    let module: String
    /// `type(x).__name__`, where it is not the name under which the module exports the class.
    let pythonName: String
    let handleKind: UInt32
    let doc: String
    let methods: [Method]

    init(_ name: String, module: String, pythonName: String? = nil, handleKind: UInt32, doc: String, methods: [Method]) {
        self.name = name
        self.module = module
        self.pythonName = pythonName ?? name
        self.handleKind = handleKind
        self.doc = doc
        self.methods = methods
    }
}

struct FunctionDeclaration {
    let module: String
    let method: Method
}

/// Stays on in release builds: a failed check is our own bug and ends this process only.
@inline(__always)
func check(_ condition: @autoclosure () -> Bool, _ text: @autoclosure () -> String) {
    if !condition() { fatalError(text()) }
}
