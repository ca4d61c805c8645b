// Looking at lists and atoms whether they are of the text or made by edits.
//
// For: edits and unknown parts; loading and printing have faster ways of their own. Must not: change anything but what
// `edited(_:)` says. Cost: a list is walked once for each edit of a struct that was not edited before.
internal import CLayout

extension TypedDocument {
    typealias Item = EditedLists.Item

    /// The first list at top level, edited or not; nil in a damaged image only.
    var rootNode: Int? {
        var node = 0
        while node < source.nodes.count {
            let kind = source.nodes[node].kind_and_count & 7
            if kind == BD_SEXP_LIST || kind == EditedLists.edited { return node }
            node = Int(source.nodes[node].end)
        }
        return nil
    }

    /// BD_SEXP_… of an item.
    func kind(_ item: Item) -> UInt32 {
        if item.isList { return BD_SEXP_LIST }
        if item.isAtom { return edits.atoms[item.index].kind }
        let node = source.nodes[item.index]
        switch node.kind_and_count & 7 {
        case EditedLists.edited: return BD_SEXP_LIST
        case EditedLists.replaced: return edits.atoms[Int(node.text_start)].kind
        case let kind: return kind
        }
    }

    /// The source of an atom, a string's without its quotes.
    func bytes(_ item: Item) -> [UInt8] {
        if item.isAtom { return edits.bytes(ofAtom: item.index) }
        let node = source.nodes[item.index]
        if node.kind_and_count & 7 == EditedLists.replaced {
            return edits.bytes(ofAtom: Int(node.text_start))
        }
        return Array(source.text[Int(node.text_start)..<Int(node.text_start) + Int(node.text_length)])
    }

    /// The number of the edited list, if it is one.
    func editedList(_ item: Item) -> Int? {
        if item.isList { return item.index }
        guard item.isNode else { return nil }
        let node = source.nodes[item.index]
        return node.kind_and_count & 7 == EditedLists.edited ? Int(node.text_start) : nil
    }

    func children(_ list: Item) -> [Item] {
        if let edited = editedList(list) { return edits.lists[edited].items }
        var items: [Item] = []
        var node = list.index + 1
        let end = Int(source.nodes[list.index].end)
        while node < end {
            items.append(.node(node))
            node = Int(source.nodes[node].end)
        }
        return items
    }

    /// Makes the list one that can be edited; answers its number.
    func edited(_ list: Item) -> Int {
        if let known = editedList(list) { return known }
        let number = edits.add(EditedLists.List(items: children(list)))
        mark(list.index, EditedLists.edited, number)
        return number
    }

    /// Makes a node of the text stand for a list or an atom of the edits.
    func mark(_ node: Int, _ kind: UInt32, _ number: Int) {
        let old = source.nodes[node]
        let oldKind = old.kind_and_count & 7
        if oldKind < EditedLists.edited {
            let quotes: UInt32 = oldKind == BD_SEXP_STRING ? 1 : 0
            edits.marks.append(
                EditedLists.Mark(
                    node: UInt32(node), start: old.text_start - quotes, end: old.text_start + old.text_length + quotes))
        }
        source.nodes[node].kind_and_count = kind
        source.nodes[node].text_start = UInt32(number)
    }

    /// The bare word at the start of a list.
    func head(_ list: Item) -> [UInt8]? {
        if let edited = editedList(list) {
            guard let first = edits.lists[edited].items.first, kind(first) == BD_SEXP_WORD else {
                return nil
            }
            return bytes(first)
        }
        let first = list.index + 1
        guard first < Int(source.nodes[list.index].end), kind(.node(first)) == BD_SEXP_WORD else {
            return nil
        }
        return bytes(.node(first))
    }

    /// Items of a list after its head, without comments.
    func values(_ list: Item) -> [Item] {
        children(list).dropFirst().filter { kind($0) != BD_SEXP_COMMENT }
    }

    /// An element that is none, see TypedDecoder.
    func isStranger(_ field: KiCadSchema.Field, _ list: Item) -> Bool {
        schema.startsWithNumber(field.target) && head(list) != nil
    }

    /// The one that a field with one value reads: an atom, or `()`. Other lists are unknown parts.
    func value(_ list: Item) -> Item? {
        let values = values(list)
        return values.first { kind($0) != BD_SEXP_LIST } ?? values.first.flatMap { children($0).isEmpty ? $0 : nil }
    }

    /// Has the entry unknown parts and no value? A key alone says that a bool is true.
    func isUnknownPart(_ field: KiCadSchema.Field, _ item: Item) -> Bool {
        guard field.kind != .bool, field.kind != .record, kind(item) == BD_SEXP_LIST else { return false }
        return value(item) == nil && !values(item).isEmpty
    }

    /// What several numbers stand for where a text should, see TypedDecoder; nil for anything else.
    func bytesText(_ field: KiCadSchema.Field, _ list: Item) -> [UInt8]? {
        let values = values(list)
        guard field.kind == .string, field.encoding == .value, values.count > 1 else { return nil }
        var text: [UInt8] = []
        for value in values {
            let digits = bytes(value)
            guard kind(value) == BD_SEXP_NUMBER, let number = NumberText.int(digits.span, 0, digits.count),
                let byte = UInt8(exactly: number), byte > 0
            else { return nil }
            text.append(byte)
        }
        return text
    }

    // MARK: - roles

    /// What each item is to a struct of this type, by the rules of TypedDecoder.
    func roles(_ type: Int, _ items: [Item], isHeadless: Bool) -> [UInt16] {
        let shape = schema.structs[type]
        var roles = [UInt16](repeating: Role.none, count: items.count)
        var isSet = [Bool](repeating: false, count: shape.fieldCount)
        var position = 0
        var spare = -1
        let first = isHeadless ? 0 : 1
        for index in items.indices.dropFirst(first) {
            let item = items[index]
            let itemKind = kind(item)
            if itemKind == BD_SEXP_COMMENT { continue }
            if itemKind == BD_SEXP_LIST {
                guard let head = head(item), let field = keyedField(shape, head) else { continue }
                let declared = schema.fields[shape.firstField + field]
                if declared.encoding == .repeated {
                    if !values(item).isEmpty || editedList(item) != nil { roles[index] = UInt16(field) }
                } else {
                    roles[index] = UInt16(field) | (isSet[field] ? Role.again : 0)
                    isSet[field] = true
                }
                continue
            }
            if index == first, isLeadingWord(shape, items, index, isHeadless) { continue }
            let atom = bytes(item)
            var isTaken = false
            let start = position
            while position < shape.positionalCount, !isTaken {
                let field = schema.written[shape.firstWritten + position]
                position += 1
                let isNamed = hasNamedNets && itemKind == BD_SEXP_STRING
                if isNamed, schema.fields[shape.firstField + field].reading.contains(.notStrings) { continue }
                if schema.fields[shape.firstField + field].isRequired
                    || fits(schema.fields[shape.firstField + field], itemKind, atom)
                {
                    roles[index] = UInt16(field)
                    isTaken = true
                }
            }
            if !isTaken { position = start }
            if !isTaken, itemKind == BD_SEXP_WORD, let field = keyedField(shape, atom), !isSet[field],
                schema.fields[shape.firstField + field].kind == .bool
            {
                roles[index] = UInt16(field)
                isSet[field] = true
                isTaken = true
            }
            if !isTaken, spare < 0 { spare = index }
        }
        for field in 0..<shape.fieldCount where spare >= 0 && !isSet[field] {
            if schema.fields[shape.firstField + field].reading.contains(.positionalToo) {
                roles[spare] = UInt16(field)
                break
            }
        }
        return roles
    }

    private func isLeadingWord(
        _ shape: KiCadSchema.Struct, _ items: [Item], _ index: Int, _ isHeadless: Bool
    ) -> Bool {
        guard kind(items[index]) == BD_SEXP_WORD else { return false }
        let word = bytes(items[index])
        func isAtom(_ index: Int) -> Bool { index < items.count && kind(items[index]) != BD_SEXP_LIST }
        if shape.leadingWord >= 0, isAtom(index + 1), isAtom(index + 2) {
            return schema.wordText(shape.leadingWord) == word
        }
        return shape.isAllPositional && isHeadless && schema.wordText(shape.ownWord) == word
    }

    func keyedField(_ shape: KiCadSchema.Struct, _ word: [UInt8]) -> Int? {
        let key = TextKey.key(word)
        for rank in shape.positionalCount..<max(shape.positionalCount, shape.fieldCount) {
            let field = schema.written[shape.firstWritten + rank]
            if schema.isWord(schema.fields[shape.firstField + field].token, word.span, 0, word.count, key) {
                return field
            }
        }
        return nil
    }

    /// Does an optional positional field take this atom?
    private func fits(_ field: KiCadSchema.Field, _ kind: UInt32, _ atom: [UInt8]) -> Bool {
        switch field.kind {
        case .record: return false
        case .enumeration:
            return kind == BD_SEXP_WORD && schema.member(field.target, atom.span, 0, atom.count) != nil
        case .bool:
            return kind == BD_SEXP_WORD && (schema.wordText(field.token) == atom || boolean(atom) != nil)
        case .string: return true
        case .float: return kind != BD_SEXP_STRING && NumberText.float(atom.span, 0, atom.count) != nil
        case .int: return kind != BD_SEXP_STRING && NumberText.int(atom.span, 0, atom.count) != nil
        case .number: return kind != BD_SEXP_STRING && NumberText.float(atom.span, 0, atom.count) != nil
        }
    }

    func boolean(_ atom: [UInt8]) -> Bool? {
        switch String(decoding: atom, as: UTF8.self) {
        case "yes", "true": true
        case "no", "false": false
        default: nil
        }
    }

    /// The edited list of a record, with roles.
    func list(of record: Int) throws(EditFailure) -> Int {
        let type = Int(types[record])
        let number: Int
        switch RecordPlace(bits: places[record]) {
        case .node(let node): number = edited(.node(node))
        case .made(let made): number = made
        case .initial: number = try makeInitial(record)
        case .nowhere: throw EditFailure("record \(record) has no text of its own")
        }
        if edits.lists[number].type != type {
            let items = edits.lists[number].items
            let isHeadless = isHeadless(record, items)
            edits.lists[number].roles = roles(type, items, isHeadless: isHeadless)
            edits.lists[number].type = type
        }
        return number
    }

    /// Elements of lists have no head word; which structs those are is said by the tables.
    func isHeadless(_ record: Int, _ items: [Item]) -> Bool {
        let type = Int(types[record])
        if record == 1, options.contains(.isHeadless) { return true }
        return schema.elementTypes.contains(type)
    }
}
