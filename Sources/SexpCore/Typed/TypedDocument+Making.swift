// New atoms and lists from values.
//
// For: what an edit puts into the document: strings quoted, numbers with KiCad's digits, structs in written order. Must
// not: write what cannot be read back: no number that is not finite, no word that would be two. Cost: one list for each
// struct.
internal import CLayout

extension TypedDocument {
    // MARK: - atoms

    /// A value as an atom.
    func atom(_ field: KiCadSchema.Field, _ value: TypedValue, isBarred: Bool = false) throws(EditFailure) -> Item {
        switch (field.kind, value) {
        case (.string, .string(let text)):
            let isBare =
                field.style == .bare || field.style == .base64 && text.contains(0x7C)
                || field.style == .base64 && !text.isEmpty
            return isBare && Self.isSafeWord(text) ? word(text) : quoted(text)
        case (.enumeration, .string(let text)):
            return field.style == .quoted || !Self.isSafeWord(text) ? quoted(text) : word(text)
        case (.enumeration, .member(let member)):
            let type = schema.enums[field.target]
            guard member >= 0, member < type.memberCount else { throw EditFailure("no member \(member)") }
            let declared = schema.members[type.firstMember + member]
            if type.isInteger { return number(Array(String(declared.value).utf8)) }
            let text = schema.wordText(declared.word)
            return field.style == .quoted || !Self.isSafeWord(text) ? quoted(text) : word(text)
        case (.int, .int(let value)), (.number, .int(let value)):
            return number(Array(String(value).utf8))
        case (.float, .float(let value)), (.number, .float(let value)):
            guard value.isFinite else { throw EditFailure("\(value) is no number that a file can hold") }
            return number(
                field.style == .sixDecimals ? NumberText.sixDecimals(value) : NumberText.text(value))
        case (.float, .int(let value)):
            return number(NumberText.text(Double(value)))
        case (.bool, .bool(let flag)):
            if field.encoding == .positional, flag { return word(schema.wordText(field.token)) }
            return word(Array((flag ? "yes" : "no").utf8))
        default:
            throw EditFailure("a value of another kind than the field's")
        }
    }

    /// Base64 between bars, `|…|`, in as many words as it takes, which KiCad reads without quotes only.
    static func isBarred(_ field: KiCadSchema.Field, _ values: [TypedValue]) -> Bool {
        guard field.style == .base64, case .string(let first) = values.first, case .string(let last) = values.last else {
            return false
        }
        return first.first == 0x7C && last.last == 0x7C
    }

    private func word(_ text: [UInt8]) -> Item { .atom(edits.addAtom(BD_SEXP_WORD, text)) }
    private func number(_ text: [UInt8]) -> Item { .atom(edits.addAtom(BD_SEXP_NUMBER, text)) }
    private func quoted(_ text: [UInt8]) -> Item {
        .atom(edits.addAtom(BD_SEXP_STRING, SexpText.escape(text)))
    }

    /// Reads back as one bare word.
    static func isSafeWord(_ text: [UInt8]) -> Bool {
        guard let first = text.first, first != 0x22, first != 0x23 else { return false }
        return text.allSatisfy { $0 > 0x20 && $0 != 0x28 && $0 != 0x29 && $0 != 0x22 && $0 != 0x7F }
    }

    /// Does the atom stand for the value already?
    func isEqual(_ field: KiCadSchema.Field, _ item: Item, _ value: TypedValue) throws(EditFailure)
        -> Bool
    {
        let kind = kind(item)
        if kind == BD_SEXP_LIST { return false }
        let text = bytes(item)
        switch (field.kind, value) {
        case (.string, .string(let wanted)):
            return (kind == BD_SEXP_STRING ? SexpText.unescape(text) : text) == wanted
        case (.enumeration, .string(let wanted)):
            return (kind == BD_SEXP_STRING ? SexpText.unescape(text) : text) == wanted
        case (.enumeration, .member(let member)):
            let type = schema.enums[field.target]
            guard member >= 0, member < type.memberCount else { throw EditFailure("no member \(member)") }
            if type.isInteger, let number = NumberText.anyBase(text.span, 0, text.count) {
                return number == schema.members[type.firstMember + member].value
            }
            return schema.member(field.target, text.span, 0, text.count) == member
        case (.int, .int(let wanted)), (.number, .int(let wanted)):
            return kind != BD_SEXP_STRING && NumberText.int(text.span, 0, text.count) == wanted
        case (.float, .float(let wanted)), (.number, .float(let wanted)):
            guard kind != BD_SEXP_STRING, let number = NumberText.float(text.span, 0, text.count) else {
                return false
            }
            return number == wanted && number.sign == wanted.sign
        case (.bool, .bool(let wanted)):
            return (boolean(text) ?? (schema.wordText(field.token) == text)) == wanted
        default: return false
        }
    }

    /// `(key value)` for a field that stands by its key; nil when it is written by not being there.
    func entry(
        _ field: KiCadSchema.Field, _ value: TypedValue, isNew: Bool = false
    ) throws(EditFailure) -> Item? {
        if field.encoding == .positional { return try atom(field, value) }
        let token = word(schema.wordText(field.token))
        if field.encoding == .presence {
            let isOnByDefault = field.initial.bits == 1
            guard case .bool(let flag) = value else {
                throw EditFailure("a value of another kind than the field's")
            }
            if !flag && (!isOnByDefault || isNew) { return nil }
            let items = isOnByDefault ? [token, word(Array((flag ? "yes" : "no").utf8))] : [token]
            return .list(edits.add(EditedLists.List(items: items)))
        }
        return .list(edits.add(EditedLists.List(items: [token, try atom(field, value)])))
    }

    // MARK: - structs

    /// The list for a struct; nil when it would have no content, unless that is wanted.
    func make(
        _ field: KiCadSchema.Field, _ value: TypedValue, parent: Int, field index: Int,
        keepsEmpty: Bool = false
    ) throws(EditFailure) -> Int? {
        switch value {
        case .record(let number, let type, let fields):
            guard type == field.target else {
                throw EditFailure("a struct of another type than the field's")
            }
            return try make(
                number, type, fields, token: field.encoding == .elements ? nil : field.token,
                parent: parent, field: index,
                keepsEmpty: keepsEmpty)
        case .copy(let document, let numbers):
            return try copy(document, numbers, field, parent: parent, field: index)
        default:
            throw EditFailure("a value of another kind than the field's")
        }
    }

    private func make(
        _ number: UInt32, _ type: Int, _ values: [TypedValue], token: Int?, parent: Int, field: Int,
        keepsEmpty: Bool
    ) throws(EditFailure) -> Int? {
        let shape = schema.structs[type]
        guard values.count == shape.fieldCount else {
            throw EditFailure("\(values.count) values for \(shape.fieldCount) fields")
        }
        let list = edits.add(EditedLists.List(items: []))
        try name(number, type, .made(list))
        var items: [[Item]] = Array(repeating: [], count: values.count)
        // In the order in which the client numbers the structs inside.
        for index in 0..<values.count {
            items[index] = try make(
                schema.fields[shape.firstField + index], values[index], parent: Int(number), field: index)
        }
        var all: [Item] = token.map { [word(schema.wordText($0))] } ?? []
        var roles = [UInt16](repeating: Role.none, count: all.count)
        for rank in 0..<shape.fieldCount {
            let index = schema.written[shape.firstWritten + rank]
            all += items[index]
            roles += repeatElement(UInt16(index), count: items[index].count)
        }
        edits.replace(list, EditedLists.List(items: all, roles: roles, type: type))
        if all.count == (token == nil ? 0 : 1), !keepsEmpty {
            _ = initials.append(UInt64(parent) << 32 | Self.isEmptyStruct | UInt64(field))
            places[Int(number)] = RecordPlace.initial(initials.count - 1).bits
            return nil
        }
        return list
    }

    /// Marks a struct that is not in the text because it has no content, in `initials`.
    static var isEmptyStruct: UInt64 { 1 << 31 }

    /// Items for one field of a new struct.
    private func make(
        _ field: KiCadSchema.Field, _ value: TypedValue, parent: Int, field index: Int
    ) throws(EditFailure) -> [Item] {
        if case .none = value { return [] }
        if !field.isList {
            if field.kind == .record {
                return try make(field, value, parent: parent, field: index, keepsEmpty: false).map {
                    [.list($0)]
                } ?? []
            }
            return try entry(field, value, isNew: true).map { [$0] } ?? []
        }
        guard case .list(let values) = value else { throw EditFailure("a list field takes a list") }
        var items: [Item] = []
        let isBarred = Self.isBarred(field, values)
        for value in values {
            if field.kind != .record {
                items.append(try atom(field, value, isBarred: isBarred))
            } else if let made = try make(field, value, parent: parent, field: index, keepsEmpty: !isMade) {
                items.append(.list(made))
            }
        }
        if field.encoding == .repeated || items.isEmpty { return items }
        return [.list(edits.add(EditedLists.List(items: [word(schema.wordText(field.token))] + items)))]
    }

    /// Gives a number to a record: the next one, or one that stands for something else now.
    func name(_ number: UInt32, _ type: Int, _ place: RecordPlace) throws(EditFailure) {
        if Int(number) == places.count {
            guard places.append(place.bits), types.append(UInt16(type)) else {
                throw EditFailure("no memory for a record")
            }
            return
        }
        guard number > 0, Int(number) < places.count, Int(types[Int(number)]) == type else {
            throw EditFailure(
                "record \(number) is not the next one (\(places.count)), nor one of type \(schema.structNames[type])"
            )
        }
        places[Int(number)] = place.bits
    }

    // MARK: - defaults

    /// Puts a struct that is there by default into the text, with what is around it. Answers its list.
    func makeInitial(_ record: Int) throws(EditFailure) -> Int {
        var top = record
        var parent = 0
        var field = 0
        var isEmpty = false
        while case .initial(let index) = RecordPlace(bits: places[top]) {
            let entry = initials[index]
            parent = Int(entry >> 32)
            field = Int(entry & 0x7FFF_FFFF)
            isEmpty = entry & Self.isEmptyStruct != 0
            guard case .initial = RecordPlace(bits: places[parent]) else { break }
            top = parent
        }
        let outer = try list(of: parent)
        let type = Int(types[parent])
        let declared = schema.fields[schema.structs[type].firstField + field]
        let made: Int
        if isEmpty {
            made = edits.add(EditedLists.List(items: [word(schema.wordText(declared.token))]))
            places[top] = RecordPlace.made(made).bits
        } else {
            var numbers = InitialNumbers(next: top, last: top)
            made = try make(initial: declared.initial, token: declared.token, &numbers)
        }
        insert(.list(made), field, into: outer, of: type)
        guard case .made(let list) = RecordPlace(bits: places[record]) else {
            throw EditFailure("record \(record) has no text of its own")
        }
        return list
    }

    /// Numbers of the structs inside a default, in the order in which the decoder gave them.
    struct InitialNumbers {
        var next: Int
        var last: Int
        /// From these to the numbers of a copy; nil: themselves.
        var renumbered: [Int: UInt32]?
    }

    func make(
        initial: KiCadSchema.Initial, token: Int, _ numbers: inout InitialNumbers
    ) throws(EditFailure) -> Int {
        let record = schema.initialRecords[Int(initial.bits)]
        let shape = schema.structs[record.type]
        let list = edits.add(EditedLists.List(items: []))
        let number = numbers.next
        numbers.next += 1
        if let renumbered = numbers.renumbered {
            if let number = renumbered[number] { try name(number, record.type, .made(list)) }
        } else if case .initial = RecordPlace(bits: places[number]) {
            places[number] = RecordPlace.made(list).bits
        }
        var items: [[Item]] = Array(repeating: [], count: record.values.count)
        for (index, value) in record.values.enumerated() {
            let field = schema.fields[shape.firstField + index]
            switch UInt32(value.tag) {
            case BD_TAG_NONE, BD_TAG_LIST: break
            case BD_TAG_RECORD:
                items[index] = [.list(try make(initial: value, token: field.token, &numbers))]
            default: items[index] = try entry(field, Self.value(value, schema)).map { [$0] } ?? []
            }
        }
        var all = [word(schema.wordText(token))]
        var roles = [Role.none]
        for rank in 0..<shape.fieldCount {
            let index = schema.written[shape.firstWritten + rank]
            all += items[index]
            roles += repeatElement(UInt16(index), count: items[index].count)
        }
        edits.replace(list, EditedLists.List(items: all, roles: roles, type: record.type))
        return list
    }

    private static func value(_ initial: KiCadSchema.Initial, _ schema: KiCadSchema) -> TypedValue {
        switch UInt32(initial.tag) {
        case BD_TAG_INT: .int(Int64(bitPattern: initial.bits))
        case BD_TAG_FLOAT: .float(Double(bitPattern: initial.bits))
        case BD_TAG_BOOL: .bool(initial.bits == 1)
        case BD_TAG_STRING: .string(schema.wordText(Int(initial.bits)))
        case BD_TAG_ENUM: .member(Int(initial.bits))
        default: .none
        }
    }
}
