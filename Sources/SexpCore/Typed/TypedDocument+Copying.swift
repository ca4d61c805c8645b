// A record of a document, with everything in it, into a place of this one.
//
// For: moving objects between and inside files without losing what no field reads. Must not: change the source; recurse
// over its text. Cost: one list for each list that is copied.
internal import CLayout

extension TypedDocument {
    /// The list of the copy. The first pair is the record itself, the others are records inside it.
    func copy(
        _ document: TypedDocument, _ numbers: [(source: UInt32, number: UInt32)],
        _ field: KiCadSchema.Field, parent: Int,
        field index: Int
    ) throws(EditFailure) -> Int {
        for pair in numbers {
            guard pair.source > 0, Int(pair.source) < document.places.count else {
                throw EditFailure("record \(pair.source) of the source does not exist")
            }
        }
        guard let root = numbers.first, Int(document.types[Int(root.source)]) == field.target else {
            throw EditFailure("a struct of another type than the field's")
        }
        var places: [UInt32: UInt32] = [:]  // from places in the source to numbers here
        var defaults: [(source: UInt32, number: UInt32)] = []
        for pair in numbers {
            let place = document.places[Int(pair.source)]
            let type = Int(document.types[Int(pair.source)])
            if case .initial = RecordPlace(bits: place) {
                defaults.append(pair)
            } else {
                places[place] = pair.number
            }
            try name(pair.number, type, .nowhere)
        }
        let list: Int
        switch RecordPlace(bits: document.places[Int(root.source)]) {
        case .node(let node): list = copy(document, .node(node), places)
        case .made(let made): list = copy(document, .list(made), places)
        case .initial(let initial):
            list = try copy(default: document, root.source, initial, field, numbers)
        case .nowhere: throw EditFailure("record \(root.source) of the source has no text of its own")
        }
        if case .initial = RecordPlace(bits: document.places[Int(root.source)]) {
        } else {
            for pair in defaults { inherit(pair, document, numbers) }
        }
        fixHead(list, field, isHeadless: document.isHeadless(Int(root.source), []))
        return list
    }

    /// A default inside of what was copied stays one.
    private func inherit(
        _ pair: (source: UInt32, number: UInt32), _ document: TypedDocument,
        _ numbers: [(source: UInt32, number: UInt32)]
    ) {
        guard case .initial(let index) = RecordPlace(bits: document.places[Int(pair.source)]) else {
            return
        }
        let entry = document.initials[index]
        guard let parent = numbers.first(where: { UInt64($0.source) == entry >> 32 }) else { return }
        guard initials.append(UInt64(parent.number) << 32 | entry & 0xFFFF_FFFF) else { return }
        places[Int(pair.number)] = RecordPlace.initial(initials.count - 1).bits
    }

    /// A default as a list of its own.
    private func copy(
        default document: TypedDocument, _ record: UInt32, _ index: Int, _ field: KiCadSchema.Field,
        _ numbers: [(source: UInt32, number: UInt32)]
    ) throws(EditFailure) -> Int {
        let entry = document.initials[index]
        let parentType = Int(document.types[Int(entry >> 32)])
        let declared = schema.fields[schema.structs[parentType].firstField + Int(entry & 0x7FFF_FFFF)]
        guard entry & Self.isEmptyStruct == 0, declared.initial.tag == UInt8(BD_TAG_RECORD) else {
            let made = edits.add(
                EditedLists.List(items: [.atom(edits.addAtom(BD_SEXP_WORD, schema.wordText(field.token)))]))
            if let first = numbers.first { places[Int(first.number)] = RecordPlace.made(made).bits }
            return made
        }
        var renumbered: [Int: UInt32] = [:]
        for pair in numbers { renumbered[Int(pair.source)] = pair.number }
        var walk = InitialNumbers(next: Int(record), last: Int(record), renumbered: renumbered)
        return try make(initial: declared.initial, token: field.token, &walk)
    }

    /// Copies a list with an explicit stack of lists that are being made.
    private func copy(_ document: TypedDocument, _ list: Item, _ numbers: [UInt32: UInt32]) -> Int {
        struct Open {
            let items: [Item]
            var next = 0
            var made: [Item] = []
            let target: Int
        }
        func open(_ list: Item) -> Open {
            let target = edits.add(EditedLists.List(items: []))
            if let number = numbers[list.bits] { places[Int(number)] = RecordPlace.made(target).bits }
            return Open(items: document.children(list), target: target)
        }
        var stack = [open(list)]
        let first = stack[0].target
        while var top = stack.popLast() {
            if top.next == top.items.count {
                edits.replace(top.target, EditedLists.List(items: top.made))
                continue
            }
            let item = top.items[top.next]
            top.next += 1
            let kind = document.kind(item)
            if kind == BD_SEXP_LIST {
                let inner = open(item)
                top.made.append(.list(inner.target))
                stack.append(top)
                stack.append(inner)
            } else {
                top.made.append(.atom(edits.addAtom(kind, document.bytes(item))))
                stack.append(top)
            }
        }
        return first
    }

    /// The head word of the field that the list stands in now.
    private func fixHead(_ list: Int, _ field: KiCadSchema.Field, isHeadless: Bool) {
        var items = edits.lists[list].items
        if field.encoding == .elements {
            if !isHeadless, !items.isEmpty { items.removeFirst() }
        } else {
            let token = schema.wordText(field.token)
            let head = Item.atom(edits.addAtom(BD_SEXP_WORD, token))
            if isHeadless || items.isEmpty {
                items.insert(head, at: 0)
            } else if kind(items[0]) != BD_SEXP_WORD || bytes(items[0]) != token {
                items[0] = head
            } else {
                return
            }
        }
        edits.replace(list, EditedLists.List(items: items))
    }
}
