// How the structs of a KiCad format are declared: as data, one file for each format.
//
// For: names, types, defaults and encodings in one place; the engine, the extension's types, stubs and docs are made from
// them. Must not: hold behaviour. Cost: built once at first use.

/// A value's type. Names of structs and enums are full: `pcb.Xy`.
public indirect enum FieldType: Sendable, Equatable {
    /// 32 bits.
    case int
    case float
    /// Reads as it is written: an int, or a float where there is a point. (An int in older models.)
    case number
    case bool
    case string
    case enumeration(String)
    case record(String)
    case list(FieldType)
}

/// Where a value stands in the text of its struct.
public enum FieldEncoding: String, Sendable {
    /// Without a key, in the order of declaration.
    case positional
    /// `(key value)`; of a struct: `(key content…)`; a bool also as the bare word `key`, or `(key)`.
    case value
    /// One `(key content…)` for each element.
    case repeated
    /// `(key element element …)`.
    case elements
    /// A bool: `(key)`, or `(key yes)`.
    case presence
}

/// A value as a default.
public indirect enum DefaultValue: Sendable, Equatable {
    case none
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(String)
    /// A struct: fields that are not named have its own defaults.
    case record([String: DefaultValue])
    case emptyList
}

public enum FieldPresence: Sendable, Equatable {
    case required
    case optional
    case initially(DefaultValue)
    /// Optional, and yet a new object has a value.
    case optionalInitially(DefaultValue)
}

/// What the reader takes beyond the plain form, because files of KiCad have it.
public struct FieldReading: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// A required field that some version does not write; it reads as none then. (Any other does in a struct that has
    /// entries which no field reads: it is of a version that these tables do not know.)
    static let mayBeAbsent = FieldReading(rawValue: 1)
    /// More values than the field has room for: the first counts, the others are unknown parts.
    static let surplus = FieldReading(rawValue: 2)
    /// A value in parentheses is an unknown part, and the field is as if it were absent.
    static let notLists = FieldReading(rawValue: 4)
    /// Without its key as well.
    static let positionalToo = FieldReading(rawValue: 8)
    /// KiCad 10 names nets, where others number them: a string is not for this field, which is absent then.
    static let notStrings = FieldReading(rawValue: 16)
    /// An entry without a value is not kept.
    static let dropEmpty = FieldReading(rawValue: 32)
    /// The element's content stands in a list of its own, `(at …)`.
    static let insideAt = FieldReading(rawValue: 64)
}

public enum FieldStyle: Sendable, Equatable {
    /// Strings quoted, enums bare.
    case plain
    /// An enum in quotes.
    case quoted
    /// A string without quotes where that is possible.
    case bare
    /// Exactly six decimals, unless the number is whole.
    case sixDecimals
    /// Bars around base64: bare.
    case base64
}

public struct FieldDeclaration: Sendable {
    public let name: String
    public let type: FieldType
    public let presence: FieldPresence
    public let encoding: FieldEncoding
    /// The key in the text.
    public let token: String
    /// Written order: by this, then as declared; positional fields first.
    public let order: Int
    public let reading: FieldReading
    public let style: FieldStyle

    /// Files that KiCad wrote lack it, although it is required.
    public var mayBeAbsent: Bool { reading.contains(.mayBeAbsent) || reading.contains(.notStrings) }

    private init(
        _ name: String, _ type: FieldType, _ presence: FieldPresence, _ encoding: FieldEncoding, _ token: String?,
        _ order: Int, _ reading: FieldReading, _ style: FieldStyle
    ) {
        self.name = name
        self.type = type
        self.presence = presence
        self.encoding = encoding
        self.token = token ?? name
        self.order = order
        self.reading = reading
        self.style = style
    }

    static func positional(
        _ name: String, _ type: FieldType, _ presence: FieldPresence = .required, order: Int = 0,
        reads: FieldReading = [], style: FieldStyle = .plain
    ) -> FieldDeclaration { FieldDeclaration(name, type, presence, .positional, nil, order, reads, style) }

    static func value(
        _ name: String, _ type: FieldType, _ presence: FieldPresence = .required, token: String? = nil, order: Int = 0,
        reads: FieldReading = [], style: FieldStyle = .plain
    ) -> FieldDeclaration { FieldDeclaration(name, type, presence, .value, token, order, reads, style) }

    static func flag(_ name: String, _ initially: Bool) -> FieldDeclaration {
        FieldDeclaration(name, .bool, .initially(.bool(initially)), .presence, nil, 0, [], .plain)
    }

    static func elements(
        _ name: String, _ type: FieldType, token: String? = nil, order: Int = 0, reads: FieldReading = [],
        style: FieldStyle = .plain
    ) -> FieldDeclaration {
        FieldDeclaration(name, .list(type), .initially(.emptyList), .elements, token, order, reads, style)
    }

    static func repeated(
        _ name: String, _ type: String, token: String? = nil, order: Int = 0, reads: FieldReading = []
    ) -> FieldDeclaration {
        FieldDeclaration(name, .list(.record(type)), .initially(.emptyList), .repeated, token, order, reads, .plain)
    }
}

public struct StructDeclaration: Sendable {
    public let name: String
    public let fields: [FieldDeclaration]
    /// A bare word that may stand before the first positional value.
    let leadingWord: String?

    init(_ name: String, leadingWord: String? = nil, _ fields: [FieldDeclaration]) {
        self.name = name
        self.leadingWord = leadingWord
        self.fields = fields
    }
}

public struct EnumDeclaration: Sendable {
    public let name: String
    public let members: [(name: String, value: Int?)]

    init(_ name: String, _ members: [String]) {
        self.name = name
        self.members = members.map { ($0, nil) }
    }

    /// Written as the integer.
    init(_ name: String, values: [(String, Int)]) {
        self.name = name
        members = values.map { ($0.0, $0.1) }
    }

    public var isInteger: Bool { members.contains { $0.value != nil } }
}

/// One format: a file's type, and the types in it.
public struct FormatDeclaration: Sendable {
    /// The Python module.
    public let name: String
    /// The head of the file's first list; the first is the one that is written.
    public let rootTokens: [String]
    /// A file may also be one element of the root struct alone, which starts with this.
    let elementToken: String?
    /// The struct of the whole file, with one field.
    public let file: String
    public let structs: [StructDeclaration]
    public let enums: [EnumDeclaration]

    init(
        _ name: String, rootTokens: [String], elementToken: String? = nil, file: String, structs: [StructDeclaration],
        enums: [EnumDeclaration] = []
    ) {
        self.name = name
        self.rootTokens = rootTokens
        self.elementToken = elementToken
        self.file = file
        self.structs = structs
        self.enums = enums
    }
}

/// All formats. The order gives types their numbers.
let kicadFormats: [FormatDeclaration] = [
    pcbFormat, footprintFormat, footprintV5Format, netlistFormat, fpLibTableFormat, schematicFormat, symbolFormat,
    symbolV6Format,
]
