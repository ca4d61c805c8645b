// The declarations, numbered and laid out for the engine.
//
// For: finding a field by its key, a member by its word, in a few comparisons; type numbers, which client and worker
// share. Must not: change after it was made. Cost: a millisecond at first use, 60 KB.

internal import CLayout

/// What a slot of a field holds.
enum FieldKind: UInt8 {
    case int, float, number, bool, string, enumeration, record
}

public final class KiCadSchema: Sendable {
    struct Field {
        let kind: FieldKind
        let isList: Bool
        let isRequired: Bool
        let isOptional: Bool
        let encoding: FieldEncoding
        let reading: FieldReading
        let style: FieldStyle
        /// The struct's or enum's number.
        let target: Int
        let token: Int
        /// Place in the written order.
        let rank: Int
        let hasDefault: Bool
        let initial: Initial
    }

    /// What a slot holds when the text has nothing for it. Of a string: the word; of a struct: the number in
    /// `initialRecords`.
    struct Initial {
        let tag: UInt8
        let bits: UInt64
    }

    /// A struct that is there by default, with a value for each of its fields.
    struct InitialRecord {
        let type: Int
        let values: [Initial]
    }

    struct Struct {
        let firstField: Int
        let fieldCount: Int
        /// Where in `written` the struct's fields stand in written order, positional ones first.
        let firstWritten: Int
        let positionalCount: Int
        let isAllPositional: Bool
        /// A word of `words` that may stand before the first value, -1: none.
        let leadingWord: Int
        /// The name in lower case, as a word of `words`.
        let ownWord: Int
        /// Some field must be there.
        let needsAny: Bool
    }

    struct Enumeration {
        let firstMember: Int
        let memberCount: Int
        let isInteger: Bool
    }

    struct Member {
        let word: Int
        let value: Int
    }

    /// A keyed field as the decoder looks for it: its word, without the rest of the field.
    struct Key {
        let word: Word
        let field: UInt16
        let isRepeated: Bool
    }

    /// A text with its first bytes for comparing.
    struct Word {
        let key: UInt64
        let start: Int
        let length: Int
    }

    public struct Format: Sendable {
        public let name: String
        public let file: Int
        public let root: Int
        let rootTokens: [Int]
        let elementToken: Int
    }

    public static let shared = KiCadSchema(kicadFormats)
    /// Module and struct of each format's whole file, without the work of the tables.
    public static var files: [(module: String, name: String)] { kicadFormats.map { ($0.name, $0.file) } }

    public let formats: [Format]
    public let structNames: [String]
    public let enumNames: [String]
    public let declarations: [StructDeclaration]
    public let enumDeclarations: [EnumDeclaration]
    let structs: [Struct]
    let written: [Int]
    /// For each of `written`.
    let keys: [Key]
    /// Structs that stand as elements in a list, without a head word.
    let elementTypes: Set<Int>
    let fields: [Field]
    let initialRecords: [InitialRecord]
    let enums: [Enumeration]
    let members: [Member]
    let words: [Word]
    let wordBytes: [UInt8]

    private struct WordTable {
        var numbers: [String: Int] = [:]
        var words: [Word] = []
        var bytes: [UInt8] = []

        mutating func number(_ text: String) -> Int {
            if let known = numbers[text] { return known }
            let utf8 = Array(text.utf8)
            words.append(Word(key: TextKey.key(utf8), start: bytes.count, length: utf8.count))
            bytes += utf8
            numbers[text] = words.count - 1
            return words.count - 1
        }
    }

    init(_ formats: [FormatDeclaration]) {
        let structNames = formats.flatMap { format in format.structs.map { format.name + "." + $0.name } }
        let enumNames = formats.flatMap { format in format.enums.map { format.name + "." + $0.name } }
        let structNumbers = Dictionary(uniqueKeysWithValues: structNames.enumerated().map { ($1, $0) })
        let enumNumbers = Dictionary(uniqueKeysWithValues: enumNames.enumerated().map { ($1, $0) })
        func number(_ name: String, in numbers: [String: Int]) -> Int {
            guard let number = numbers[name] else { fatalError("no type \(name) is declared") }
            return number
        }

        var table = WordTable()
        var structs: [Struct] = []
        var allWritten: [Int] = []
        var fields: [Field] = []
        var enums: [Enumeration] = []
        var members: [Member] = []
        var defaults = DefaultCompiler(formats, structNumbers)
        for declaration in formats.flatMap(\.enums) {
            enums.append(
                Enumeration(
                    firstMember: members.count, memberCount: declaration.members.count, isInteger: declaration.isInteger))
            members += declaration.members.map { Member(word: table.number($0.name), value: $0.value ?? 0) }
        }
        for declaration in formats.flatMap(\.structs) {
            let numbered = declaration.fields.enumerated()
            let written = numbered.sorted { left, right in
                func key(_ field: EnumeratedSequence<[FieldDeclaration]>.Element) -> (Int, Int, Int) {
                    (field.element.encoding == .positional ? 0 : 1, field.element.order, field.offset)
                }
                return key(left) < key(right)
            }.map(\.offset)
            var ranks = [Int](repeating: 0, count: written.count)
            for (rank, field) in written.enumerated() { ranks[field] = rank }
            let positionalCount = declaration.fields.count { $0.encoding == .positional }
            structs.append(
                Struct(
                    firstField: fields.count, fieldCount: declaration.fields.count, firstWritten: allWritten.count,
                    positionalCount: positionalCount, isAllPositional: positionalCount == declaration.fields.count,
                    leadingWord: declaration.leadingWord.map { table.number($0) } ?? -1,
                    ownWord: table.number(declaration.name.lowercased()),
                    needsAny: declaration.fields.contains { $0.presence == .required && !$0.reading.contains(.mayBeAbsent) }))
            allWritten += written
            for (offset, field) in numbered {
                var type = field.type
                var isList = false
                if case .list(let element) = type {
                    type = element
                    isList = true
                }
                var target = 0
                let kind: FieldKind
                switch type {
                case .int: kind = .int
                case .float: kind = .float
                case .number: kind = .number
                case .bool: kind = .bool
                case .string: kind = .string
                case .enumeration(let name):
                    kind = .enumeration
                    target = number(name, in: enumNumbers)
                case .record(let name):
                    kind = .record
                    target = number(name, in: structNumbers)
                case .list: fatalError("a list of lists: \(field.name)")
                }
                let isOptional: Bool
                let hasDefault: Bool
                switch field.presence {
                case .required: (isOptional, hasDefault) = (false, false)
                case .optional: (isOptional, hasDefault) = (true, true)
                case .initially: (isOptional, hasDefault) = (false, true)
                case .optionalInitially: (isOptional, hasDefault) = (true, true)
                }
                let initial = defaults.initial(field, of: declaration.name) { table.number($0) }
                fields.append(
                    Field(
                        kind: kind, isList: isList, isRequired: !hasDefault, isOptional: isOptional,
                        encoding: field.encoding, reading: field.reading, style: field.style, target: target,
                        token: table.number(field.token), rank: ranks[offset], hasDefault: hasDefault,
                        initial: initial))
            }
        }
        initialRecords = defaults.records
        self.formats = formats.map { format in
            let file = number(format.name + "." + format.file, in: structNumbers)
            let first = fields[structs[file].firstField]
            return Format(
                name: format.name, file: file, root: first.target, rootTokens: format.rootTokens.map { table.number($0) },
                elementToken: format.elementToken.map { table.number($0) } ?? -1)
        }
        self.structNames = structNames
        self.enumNames = enumNames
        declarations = formats.flatMap(\.structs)
        enumDeclarations = formats.flatMap(\.enums)
        self.structs = structs
        written = allWritten
        keys = structs.flatMap { shape in
            (0..<shape.fieldCount).map { rank in
                let index = allWritten[shape.firstWritten + rank]
                let field = fields[shape.firstField + index]
                return Key(word: table.words[field.token], field: UInt16(index), isRepeated: field.encoding == .repeated)
            }
        }
        elementTypes = Set(fields.filter { $0.encoding == .elements && $0.kind == .record }.map(\.target))
        self.fields = fields
        self.enums = enums
        self.members = members
        words = table.words
        wordBytes = table.bytes
    }

    func declaration(_ type: Int, _ field: Int) -> FieldDeclaration { declarations[type].fields[field] }

    func wordText(_ word: Int) -> [UInt8] {
        let word = words[word]
        return Array(wordBytes[word.start..<word.start + word.length])
    }

    public func rootToken(of format: Format) -> String { String(decoding: wordText(format.rootTokens[0]), as: UTF8.self) }

    /// A field's place in the written order.
    public func rank(of field: Int, in type: Int) -> Int { fields[structs[type].firstField + field].rank }

    /// The format whose file type this is.
    public func format(file type: Int) -> Format? { formats.first { $0.file == type } }

    /// The first value of the struct is a number that must be there.
    func startsWithNumber(_ type: Int) -> Bool {
        let shape = structs[type]
        guard shape.positionalCount > 0 else { return false }
        let field = fields[shape.firstField + written[shape.firstWritten]]
        return field.isRequired && (field.kind == .int || field.kind == .float || field.kind == .number)
    }

    /// Is the text of this length and key, at `start`, the word?
    @inline(__always)
    func isWord(_ number: Int, _ text: Span<UInt8>, _ start: Int, _ length: Int, _ key: UInt64) -> Bool {
        isWord(words[number], text, start, length, key)
    }

    @inline(__always)
    func isWord(_ word: Word, _ text: Span<UInt8>, _ start: Int, _ length: Int, _ key: UInt64) -> Bool {
        guard word.key == key, word.length == length else { return false }
        if length <= 8 { return true }
        var index = 8
        while index < length {
            if text[start + index] != wordBytes[word.start + index] { return false }
            index += 1
        }
        return true
    }

    /// The number of the member with this name.
    @inline(__always)
    func member(_ enumeration: Int, _ text: Span<UInt8>, _ start: Int, _ length: Int) -> Int? {
        let type = enums[enumeration]
        let key = TextKey.key(text, start, length)
        for index in 0..<type.memberCount
        where isWord(members[type.firstMember + index].word, text, start, length, key) { return index }
        return nil
    }
}

/// From defaults as they are declared to values of slots.
private struct DefaultCompiler {
    var records: [KiCadSchema.InitialRecord] = []
    private let declarations: [StructDeclaration]
    private let enums: [String: EnumDeclaration]
    private let structNumbers: [String: Int]

    init(_ formats: [FormatDeclaration], _ structNumbers: [String: Int]) {
        declarations = formats.flatMap(\.structs)
        var enums: [String: EnumDeclaration] = [:]
        for format in formats { for type in format.enums { enums[format.name + "." + type.name] = type } }
        self.enums = enums
        self.structNumbers = structNumbers
    }

    mutating func initial(
        _ field: FieldDeclaration, of type: String, given: DefaultValue? = nil, _ word: (String) -> Int
    ) -> KiCadSchema.Initial {
        var value = given
        if value == nil {
            switch field.presence {
            case .required, .optional: value = DefaultValue.none
            case .initially(let declared): value = declared
            case .optionalInitially: value = DefaultValue.none  // a text that does not say reads as none
            }
        }
        switch value ?? .none {
        case .none: return .init(tag: UInt8(BD_TAG_NONE), bits: 0)
        case .emptyList: return .init(tag: UInt8(BD_TAG_LIST), bits: 0)
        case .bool(let flag): return .init(tag: UInt8(BD_TAG_BOOL), bits: flag ? 1 : 0)
        case .float(let number): return .init(tag: UInt8(BD_TAG_FLOAT), bits: number.bitPattern)
        case .int(let number):
            if field.type == .float { return .init(tag: UInt8(BD_TAG_FLOAT), bits: Double(number).bitPattern) }
            return .init(tag: UInt8(BD_TAG_INT), bits: UInt64(bitPattern: Int64(number)))
        case .string(let text):
            guard case .enumeration(let name) = field.type else {
                return .init(tag: UInt8(BD_TAG_STRING), bits: UInt64(word(text)))
            }
            guard let member = enums[name]?.members.firstIndex(where: { $0.name == text }) else {
                fatalError("\(type).\(field.name): \(text) is no member of \(name)")
            }
            return .init(tag: UInt8(BD_TAG_ENUM), bits: UInt64(member))
        case .record(let given):
            guard case .record(let name) = field.type, let number = structNumbers[name] else {
                fatalError("\(type).\(field.name): a struct as default of another type")
            }
            let inner = declarations[number]
            var values: [KiCadSchema.Initial] = []
            for field in inner.fields { values.append(initial(field, of: inner.name, given: given[field.name], word)) }
            records.append(KiCadSchema.InitialRecord(type: number, values: values))
            return .init(tag: UInt8(BD_TAG_RECORD), bits: UInt64(records.count - 1))
        }
    }
}
