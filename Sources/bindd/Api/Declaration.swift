// How a Python-visible thing is declared: beside its implementation, once. Stubs, the extension's table, the protocol's
// page and the operation numbers are generated from these values; see docs/ADDING_AN_API.md.
// Must not hold behaviour of a noun. Cost: built once at start.

import Wire

/// A type as it stands in a signature, on the wire and in stubs.
struct ValueType: Equatable, ExpressibleByStringLiteral {
    let name: String
    /// What stubs say, where the name does not tell.
    let annotation: String?
    init(stringLiteral name: String) { self.init(name: name) }
    init(name: String, annotation: String? = nil) {
        self.name = name
        self.annotation = annotation
    }

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
    static let typeGraph: ValueType = "TypeGraph"
    /// Travel by value.
    static let edgeRecipe: ValueType = "EdgeCreationAttributes"
    static let nodeRecipe: ValueType = "NodeCreationAttributes"
    /// A dict of literals as attributes. What is no dict has none.
    static let dict = ValueType(name: "dict", annotation: "dict[str, _Literal] | None")
    /// A sequence of str.
    static let strings = ValueType(name: "list[str]", annotation: "Sequence[str]")
    /// A sequence of str or of objects with an identifier and an edge_type.
    static let traversals = ValueType(name: "list[EdgeTraversal]", annotation: "Sequence[str | Any]")

    /// A result that says what it is; see Call+Values.swift.
    static func value(_ annotation: String) -> ValueType { ValueType(name: "value", annotation: annotation) }

    static func list(_ of: ValueType) -> ValueType { ValueType(name: "list[\(of.name)]") }
    static func optional(_ of: ValueType) -> ValueType { ValueType(name: "optional[\(of.name)]") }
}

struct Parameter {
    let name: String
    let type: ValueType
    /// nil: the parameter is required.
    let defaultText: String?
    let doc: String
    /// Words of the TypeError for a value that is none of the type, and for such an item of a list; nil: those of the type.
    let refusal: String?
    let itemRefusal: String?

    init(
        _ name: String, _ type: ValueType, default defaultText: String? = nil, refusal: String? = nil,
        itemRefusal: String? = nil, _ doc: String = ""
    ) {
        self.name = name
        self.type = type
        self.defaultText = defaultText
        self.doc = doc
        self.refusal = refusal
        self.itemRefusal = itemRefusal
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
    let rule: EdgeRule?
    /// A command that may stand in a batch: everything that it does is taken back by `GraphStore.rollBack`.
    let isBatchable: Bool
    /// An operation that hand-written code of the extension sends: Python sees no function of this name.
    let isInternal: Bool
    let handler: Handler?

    init(
        _ name: String, _ kind: RequestKind, isStatic: Bool = false, isBatchable: Bool = false,
        isInternal: Bool = false, client: String? = nil, rule: EdgeRule? = nil,
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
        self.rule = rule
        self.isBatchable = isBatchable
        self.isInternal = isInternal
        self.handler = handler
    }
}

struct ClassDeclaration {
    /// Its own file of Sources/bindd/Api, its Python class and the first word of its operations.
    let name: String
    let module: String
    /// The class whose attribute it is, besides being one of the module.
    let outer: String?
    /// `type(x).__name__`, where it is not the name under which the module exports the class.
    let pythonName: String
    let handleKind: UInt32
    let doc: String
    let methods: [Method]

    /// Kind 0: the class has no handles, it is a place for static methods or makes values that live in the client.
    init(
        _ name: String, module: String, outer: String? = nil, pythonName: String? = nil, handleKind: UInt32 = 0,
        doc: String, methods: [Method]
    ) {
        self.name = name
        self.module = module
        self.outer = outer
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
