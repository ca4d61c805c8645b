// Everything that is declared, as one value: the table of operations for the worker, the JSON for the generator, and the
// hash that both ends of a connection compare. Must not declare anything itself. Cost: a millisecond at first use.

import CLayout
import SexpCore
import Wire

struct Description: Sendable {
    struct Operation: Sendable {
        let number: UInt16
        /// `GraphView.create`, `debug.crash`, `sync`.
        let name: String
        let kind: RequestKind
        let isBatchable: Bool
        let handler: Method.Handler?
    }

    let operations: [Operation]
    private let handlers: [Method.Handler?]
    private let changing: [Bool]
    let json: JSONValue
    let hash: UInt64

    /// By number; nil for the protocol's own and for numbers beyond.
    func operation(_ number: UInt16) -> Operation? {
        let index = Int(number) - Int(Wire.Operation.firstMethod)
        return operations.indices.contains(index) ? operations[index] : nil
    }

    func handler(_ number: UInt16) -> Method.Handler? {
        let index = Int(number) &- Int(Wire.Operation.firstMethod)
        return index >= 0 && index < handlers.count ? handlers[index] : nil
    }

    /// Whether the operation belongs into the journal: everything that is no question.
    func changesState(_ number: UInt16) -> Bool { Int(number) < changing.count && changing[Int(number)] }

    func name(of number: UInt16) -> String? {
        Wire.Operation.table.first { $0.number == number }?.name ?? operation(number)?.name
    }

    static let shared = Description(classes: declaredClasses, functions: declaredFunctions)

    init(classes: [ClassDeclaration], functions: [FunctionDeclaration]) {
        var operations: [Operation] = []
        func number(_ method: Method, _ owner: String) -> JSONValue {
            guard method.kind != .local else { return .null }
            let next = Wire.Operation.firstMethod + UInt16(operations.count)
            operations.append(
                Operation(
                    number: next, name: "\(owner).\(method.name)", kind: method.kind, isBatchable: method.isBatchable,
                    handler: method.handler))
            return .uint(UInt64(next))
        }
        let classesJSON = classes.map { type in
            JSONValue.object([
                ("name", .string(type.name)), ("module", .string(type.module)),
                ("outer", type.outer.map { .string($0) } ?? .null),
                ("python_name", .string(type.pythonName)), ("doc", .string(type.doc)),
                ("handle_kind", .uint(UInt64(type.handleKind))), ("constructible", .bool(false)),
                ("methods", .array(type.methods.map { Description.json($0, number($0, type.name)) })),
            ])
        }
        let functionsJSON = functions.map { function in
            guard case .object(let members) = Description.json(function.method, number(function.method, function.module))
            else { return JSONValue.null }
            return .object([("module", .string(function.module))] + members)
        }
        let body: [(String, JSONValue)] = [
            (
                "protocol",
                .object([
                    ("major", .uint(UInt64(Hello.protocolMajor))), ("minor", .uint(UInt64(Hello.protocolMinor))),
                    ("layout", .uint(UInt64(BD_LAYOUT_VERSION))),
                ])
            ),
            ("limits", .object(Limits.table.map { ($0.name, .uint($0.value)) })),
            (
                "operations",
                .array(
                    Wire.Operation.table.map {
                        .object([
                            ("name", .string($0.name)), ("operation", .uint(UInt64($0.number))),
                            ("kind", .string($0.kind.rawValue)), ("doc", .string($0.doc)),
                        ])
                    })
            ),
            ("errors", .array(ErrorDeclaration.all.map(\.json))),
            ("classes", .array(classesJSON)),
            ("functions", .array(functionsJSON)), ("kicad", kicadJSON(KiCadSchema.shared)),
        ]
        self.operations = operations
        handlers = operations.map(\.handler)
        var changing = [Bool](repeating: false, count: Int(Wire.Operation.firstMethod))
        for row in Wire.Operation.table where row.kind == .command || row.kind == .call { changing[Int(row.number)] = true }
        self.changing = changing + operations.map { $0.kind == .command || $0.kind == .call }
        hash = Description.hash(JSONValue.object(body).text)
        json = .object([body[0], ("hash", .string(Description.hex(hash)))] + body.dropFirst())
    }

    private static func json(_ method: Method, _ operation: JSONValue) -> JSONValue {
        .object([
            ("name", .string(method.name)), ("static", .bool(method.isStatic)),
            ("kind", .string(method.kind.rawValue)), ("operation", operation),
            ("batch", .bool(method.isBatchable)), ("internal", .bool(method.isInternal)),
            ("client", method.client.map { .string($0) } ?? .null), ("rule", method.rule?.json ?? .null),
            ("arguments", .string(method.arguments.rawValue)), ("doc", .string(method.doc)),
            ("errors", .array(method.errors.map { .string($0) })),
            (
                "parameters",
                .array(
                    method.parameters.map {
                        .object([
                            ("name", .string($0.name)), ("type", .string($0.type.name)),
                            ("required", .bool($0.defaultText == nil)),
                            ("default", $0.defaultText.map { .string($0) } ?? .null), ("doc", .string($0.doc)),
                            ("annotation", $0.type.annotation.map { .string($0) } ?? .null),
                            ("refusal", $0.refusal.map { .string($0) } ?? .null),
                            ("item_refusal", $0.itemRefusal.map { .string($0) } ?? .null),
                        ])
                    })
            ),
            ("result", .string(method.result.name)),
            ("result_annotation", method.result.annotation.map { .string($0) } ?? .null),
        ])
    }

    /// FNV-1a over the text: two builds with the same description agree on it.
    private static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// The text of `bindd describe --json`.
func describeJSON() -> String { Description.shared.json.prettyText }
var descriptionHash: UInt64 { Description.shared.hash }
func operationName(_ number: UInt16) -> String? { Description.shared.name(of: number) }
