// The tables of KiCad's formats as they stand in `bindd describe --json`. Numbers of types, fields and members are
// positions here. Must not declare anything. Cost: a few milliseconds, once.

import CLayout
import SexpCore
import Wire

func kicadJSON(_ schema: KiCadSchema) -> JSONValue {
    let modules = schema.formats.enumerated().map { index, format -> JSONValue in
        let prefix = format.name + "."
        return .object([
            ("name", .string(format.name)), ("root_token", .string(schema.rootToken(of: format))),
            ("file", .string(schema.structNames[format.file])), ("handle_kind", .int(Int64(BD_KIND_FILE) + Int64(index))),
            ("handle_name", .string(HandleKind.name(BD_KIND_FILE + UInt32(index)))),
            ("structs", .array(schema.structNames.filter { $0.hasPrefix(prefix) }.map { .string($0) })),
            ("enums", .array(schema.enumNames.filter { $0.hasPrefix(prefix) }.map { .string($0) })),
        ])
    }
    let enums = zip(schema.enumNames, schema.enumDeclarations).map { name, declaration -> JSONValue in
        .object([
            ("name", .string(name)), ("module", .string(moduleName(name))), ("integer", .bool(declaration.isInteger)),
            (
                "members",
                .array(
                    declaration.members.map {
                        .object([
                            ("name", .string($0.name)), ("value", $0.value.map { .int(Int64($0)) } ?? .null),
                        ])
                    })
            ),
        ])
    }
    let structs = schema.structNames.indices.map { type -> JSONValue in
        let fields = schema.declarations[type].fields
        return .object([
            ("name", .string(schema.structNames[type])), ("module", .string(moduleName(schema.structNames[type]))),
            ("positional", .bool(fields.allSatisfy { $0.encoding == .positional })),
            ("fields", .array(fields.indices.map { fieldJSON(fields[$0], rank: schema.rank(of: $0, in: type)) })),
        ])
    }
    return .object([("modules", .array(modules)), ("enums", .array(enums)), ("structs", .array(structs))])
}

private func moduleName(_ name: String) -> String { String(name.prefix { $0 != "." }) }

private func fieldJSON(_ field: FieldDeclaration, rank: Int) -> JSONValue {
    var type = field.type
    var isList = false
    if case .list(let element) = type {
        type = element
        isList = true
    }
    let (kind, of): (String, String?) =
        switch type {
        case .int: ("int", nil)
        case .float: ("float", nil)
        case .number: ("number", nil)
        case .bool: ("bool", nil)
        case .string: ("str", nil)
        case .enumeration(let name): ("enum", name)
        case .record(let name): ("struct", name)
        case .list: ("list", nil)
        }
    let (isRequired, isOptional, initial): (Bool, Bool, DefaultValue) =
        switch field.presence {
        case .required: (true, false, .none)
        case .optional: (false, true, .none)
        case .initially(let value): (false, false, value)
        case .optionalInitially(let value): (false, true, value)
        }
    return .object([
        ("name", .string(field.name)), ("kind", .string(kind)), ("of", of.map { .string($0) } ?? .null),
        ("list", .bool(isList)), ("optional", .bool(isOptional)), ("required", .bool(isRequired)),
        ("default", defaultJSON(initial)), ("absent", .bool(field.mayBeAbsent)),
        ("token", field.encoding == .positional ? .null : .string(field.token)),
        ("decimals", field.style == .sixDecimals ? .int(6) : .null),
        ("encoding", .string(field.encoding.rawValue)), ("order", .int(Int64(field.order))),
        ("dump_index", .int(Int64(rank))),
    ])
}

private func defaultJSON(_ value: DefaultValue) -> JSONValue {
    switch value {
    case .none: .null
    case .bool(let flag): .bool(flag)
    case .int(let number): .int(Int64(number))
    case .float(let number): .double(number)
    case .string(let text): .string(text)
    case .emptyList: .array([])
    case .record(let fields):
        .object(fields.sorted { $0.key < $1.key }.map { ($0.key, defaultJSON($0.value)) })
    }
}
