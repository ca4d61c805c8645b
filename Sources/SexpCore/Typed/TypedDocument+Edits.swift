// Changing fields and lists of records.
//
// For: the commands set, splice, permute. An edit touches the nodes of its own field and nothing else; a value that is
// there already changes nothing. New entries stand where the written order puts them among what is there. The same edits
// give the same document. Must not: check what Python's setters check, but for what would break the document. Cost: the
// first edit of a struct walks its list; a later one looks through its roles.
internal import CLayout

extension TypedDocument {
    /// Makes one edit. When it cannot be made the document is marked: its text could be other than its client believes.
    public func apply(_ what: String, _ edit: (TypedDocument) throws(EditFailure) -> Void)
        throws(EditFailure)
    {
        if let failure { throw EditFailure(failure) }
        do { try edit(self) } catch {
            failure = "an edit (\(what)) could not be applied: \(error)"
            throw EditFailure("an edit (\(what)) could not be applied: \(error)")
        }
    }

    public func set(_ record: UInt32, _ field: UInt32, _ value: TypedValue) throws(EditFailure) {
        let (record, index, declared) = try find(record, field)
        if record == 1, schema.format(file: type) != nil { return try setRoot(declared, value) }
        if declared.isList {
            guard case .list(let values) = value else {
                if case .none = value {
                    return try splice(record, index, declared, start: 0, removed: nil, [])
                }
                throw EditFailure("a list field takes a list")
            }
            return try splice(record, index, declared, start: 0, removed: nil, values)
        }
        if case .none = value, case .initial = RecordPlace(bits: places[record]),
            !isDefaultSet(record, index)
        {
            return
        }
        let list = try list(of: record)
        let position = edits.lists[list].roles.firstIndex(of: UInt16(index))
        if case .none = value {
            if let position, isUnknownPart(declared, edits.lists[list].items[position]) { return }
            return removeEntries(list, index)
        }
        if declared.kind == .record {
            return try setRecord(record, index, declared, list, position, value)
        }
        if let position {
            return try replace(list, position, declared, value)
        }
        if let item = try entry(declared, value) {
            insert(item, index, into: list, of: Int(types[record]))
        }
    }

    /// `list[start ..< start + removed] = values`
    public func splice(
        _ record: UInt32, _ field: UInt32, start: Int, removed: Int, _ values: [TypedValue]
    ) throws(EditFailure) {
        let (record, index, declared) = try find(record, field)
        guard declared.isList else { throw EditFailure("field \(field) is no list") }
        try splice(record, index, declared, start: start, removed: removed, values)
    }

    /// `list = [list[i] for i in order]`
    public func permute(_ record: UInt32, _ field: UInt32, _ order: [UInt32]) throws(EditFailure) {
        let (record, index, declared) = try find(record, field)
        guard declared.isList else { throw EditFailure("field \(field) is no list") }
        let (list, positions) = try elementPositions(record, index, declared)
        guard let list else {
            if order.isEmpty { return }
            throw EditFailure("the list is empty")
        }
        var seen = [Bool](repeating: false, count: positions.count)
        guard order.count == positions.count else {
            throw EditFailure("\(order.count) places for \(positions.count) elements")
        }
        for element in order {
            guard element < seen.count, !seen[Int(element)] else { throw EditFailure("no permutation") }
            seen[Int(element)] = true
        }
        let items = positions.map { edits.lists[list].items[$0] }
        for (position, element) in zip(positions, order) {
            edits.lists[list].items[position] = items[Int(element)]
        }
    }

    // MARK: - one field

    private func find(_ record: UInt32, _ field: UInt32) throws(EditFailure) -> (
        Int, Int, KiCadSchema.Field
    ) {
        try find(Int(record), Int(field))
    }

    private func find(_ record: Int, _ field: Int) throws(EditFailure) -> (
        Int, Int, KiCadSchema.Field
    ) {
        guard record > 0, record < places.count else {
            throw EditFailure("record \(record) does not exist")
        }
        let shape = schema.structs[Int(types[record])]
        guard field < shape.fieldCount else {
            throw EditFailure("record \(record) has no field \(field)")
        }
        return (record, field, schema.fields[shape.firstField + field])
    }

    /// Is there something to remove in a struct that is not in the text?
    private func isDefaultSet(_ record: Int, _ field: Int) -> Bool {
        schema.fields[schema.structs[Int(types[record])].firstField + field].initial.tag
            != UInt8(BD_TAG_NONE)
    }

    private func removeEntries(_ list: Int, _ field: Int) {
        let roles = edits.lists[list].roles
        let positions = roles.indices.filter { Role.field(roles[$0]) == field }
        if !positions.isEmpty { edits.remove(positions, from: list) }
    }

    private func setRecord(
        _ record: Int, _ field: Int, _ declared: KiCadSchema.Field, _ list: Int, _ position: Int?,
        _ value: TypedValue
    ) throws(EditFailure) {
        let made = try make(declared, value, parent: record, field: field)
        guard let made else {  // without content it is not written
            return removeEntries(list, field)
        }
        if let position {
            edits.lists[list].items[position] = .list(made)
        } else {
            insert(.list(made), field, into: list, of: Int(types[record]))
        }
    }

    /// Replaces the whole root list; its node stays.
    private func setRoot(_ declared: KiCadSchema.Field, _ value: TypedValue) throws(EditFailure) {
        guard let format = schema.format(file: type), declared.kind == .record, let node = rootNode else {
            throw EditFailure("a file has a root")
        }
        let root = Item.node(node)
        let token = head(root) ?? schema.wordText(format.rootTokens[0])
        guard let made = try make(declared, value, parent: 1, field: 0, keepsEmpty: true) else {
            return
        }
        edits.lists[made].items[0] = .atom(edits.addAtom(BD_SEXP_WORD, token))
        mark(root.index, EditedLists.edited, made)
    }

    /// A new value for an entry that is there.
    private func replace(
        _ list: Int, _ position: Int, _ declared: KiCadSchema.Field, _ value: TypedValue
    ) throws(EditFailure) {
        let item = edits.lists[list].items[position]
        if kind(item) != BD_SEXP_LIST {
            if declared.encoding == .positional || declared.kind != .bool {
                if try isEqual(declared, item, value) { return }
                edits.lists[list].items[position] = try atom(declared, value)
            } else if case .bool(true) = value {  // the bare word already says so
                return
            } else if let entry = try entry(declared, value) {
                edits.lists[list].items[position] = entry
            } else {
                edits.remove([position], from: list)
            }
            return
        }
        if declared.encoding == .presence {
            let said = self.value(item).flatMap { kind($0) == BD_SEXP_LIST ? nil : boolean(bytes($0)) }
            if case .bool(let wanted) = value, wanted == said ?? true { return }
            if values(item).count > (said == nil ? 0 : 1) {  // unknown parts
                guard said != nil, let present = self.value(item) else { return try insert(value, of: declared, into: item) }
                return try put(value, of: declared, for: present, in: item)
            }
            if let entry = try entry(declared, value) {
                edits.lists[list].items[position] = entry
            } else {
                edits.remove([position], from: list)
            }
            return
        }
        if let text = bytesText(declared, item) {
            if case .string(text) = value { return }
            let inner = edited(item)
            let head = Array(edits.lists[inner].items.prefix(1))
            return edits.replace(inner, EditedLists.List(items: head + [try atom(declared, value)]))
        }
        guard let present = self.value(item) else {
            if case .bool(true) = value, declared.kind == .bool { return }
            return try insert(value, of: declared, into: item)
        }
        if try isEqual(declared, present, value) { return }
        try put(value, of: declared, for: present, in: item)
    }

    /// Puts an entry's value before its unknown parts.
    private func insert(_ value: TypedValue, of declared: KiCadSchema.Field, into item: Item) throws(EditFailure) {
        let new = try atom(declared, value)
        let inner = edited(item)
        let items = edits.lists[inner].items
        let place = items.indices.dropFirst().first { kind(items[$0]) != BD_SEXP_COMMENT } ?? items.count
        edits.insert([new], role: Role.none, into: inner, at: place)
    }

    /// Puts a value where another one stands in its entry.
    private func put(
        _ value: TypedValue, of declared: KiCadSchema.Field, for present: Item, in item: Item
    ) throws(EditFailure) {
        let new = try atom(declared, value)
        if present.isNode, kind(present) != BD_SEXP_LIST {
            return mark(present.index, EditedLists.replaced, new.index)
        }
        let inner = edited(item)
        guard let place = edits.lists[inner].items.firstIndex(of: present) else { return }
        edits.lists[inner].items[place] = new
    }

    /// Puts an entry where the written order has it among what is there.
    func insert(_ item: Item, _ field: Int, into list: Int, of type: Int) {
        edits.insert([item], role: UInt16(field), into: list, at: insertionIndex(field, list, type))
    }

    func insertionIndex(_ field: Int, _ list: Int, _ type: Int) -> Int {
        let shape = schema.structs[type]
        let rank = schema.fields[shape.firstField + field].rank
        let roles = edits.lists[list].roles
        var higher: Int?
        var index = roles.count - 1
        while index >= 0 {
            if let other = Role.field(roles[index]) {
                if schema.fields[shape.firstField + other].rank <= rank { return index + 1 }
                higher = index
            }
            index -= 1
        }
        if let higher { return higher }
        return rank < shape.positionalCount
            ? min(schema.elementTypes.contains(type) ? 0 : 1, roles.count) : roles.count
    }

    // MARK: - lists

    /// The list in which a field's elements stand, and where; nil when there is no such list yet.
    private func elementPositions(
        _ record: Int, _ field: Int, _ declared: KiCadSchema.Field
    ) throws(EditFailure) -> (list: Int?, positions: [Int]) {
        let list = try list(of: record)
        if declared.encoding == .repeated {
            let roles = edits.lists[list].roles
            return (list, roles.indices.filter { roles[$0] == UInt16(field) })
        }
        guard let position = edits.lists[list].roles.firstIndex(of: UInt16(field)) else {
            return (nil, [])
        }
        let inner = edited(edits.lists[list].items[position])
        let items = edits.lists[inner].items
        return (
            inner,
            items.indices.dropFirst().filter {
                let kind = kind(items[$0])
                if declared.kind != .record { return kind != BD_SEXP_COMMENT && kind != BD_SEXP_LIST }
                return kind == BD_SEXP_LIST && !isStranger(declared, items[$0])
            }
        )
    }

    private func splice(
        _ record: Int, _ field: Int, _ declared: KiCadSchema.Field, start: Int, removed: Int?,
        _ values: [TypedValue]
    ) throws(EditFailure) {
        if case .initial = RecordPlace(bits: places[record]), values.isEmpty { return }
        let (inner, positions) = try elementPositions(record, field, declared)
        let removed = removed ?? positions.count
        guard start >= 0, removed >= 0, start <= positions.count, removed <= positions.count - start
        else {
            throw EditFailure("elements \(start) to \(start + removed) of a list of \(positions.count)")
        }
        let list = try list(of: record)
        var items: [Item] = []
        items.reserveCapacity(values.count)
        let isBarred = Self.isBarred(declared, values)
            || inner.map { !positions.isEmpty && kind(edits.lists[$0].items[positions[0]]) == BD_SEXP_WORD } ?? false
        for value in values {
            if declared.kind != .record {
                items.append(try atom(declared, value, isBarred: isBarred && declared.style == .base64))
            } else if let made = try make(declared, value, parent: record, field: field, keepsEmpty: true) {
                items.append(.list(made))
            }
        }
        let role = declared.encoding == .repeated ? UInt16(field) : Role.none
        guard let inner else {
            if items.isEmpty { return }
            let made = edits.add(
                EditedLists.List(
                    items: [.atom(edits.addAtom(BD_SEXP_WORD, schema.wordText(declared.token)))] + items))
            return insert(.list(made), field, into: list, of: Int(types[record]))
        }
        let target: Int
        if start < positions.count {
            target = positions[start]
        } else if let last = positions.last {
            target = last + 1
        } else {
            target =
                declared.encoding == .repeated
                ? insertionIndex(field, inner, Int(types[record])) : edits.lists[inner].items.count
        }
        if removed == items.count {  // in place
            for (offset, item) in items.enumerated() {
                edits.lists[inner].items[positions[start + offset]] = item
            }
            return
        }
        if removed > 0 { edits.remove(Array(positions[start..<start + removed]), from: inner) }
        if !items.isEmpty { edits.insert(items, role: role, into: inner, at: target) }
        let isGone = declared.encoding == .elements && positions.count == removed && items.isEmpty
        if isGone, edits.lists[inner].items.count == 1 { removeEntries(list, field) }
    }

    /// Takes an entry of the text out of the list around it.
    func remove(entry: Int) {
        guard let parent = parent(of: entry) else { return }
        let list = edited(.node(parent))
        if let position = edits.lists[list].items.firstIndex(of: .node(entry)) {
            edits.remove([position], from: list)
        }
    }

    /// The list around a node.
    private func parent(of node: Int) -> Int? {
        var list = source.forms.first { $0 <= node && node < source.end(of: $0) }
        while let open = list, open != node {
            var child = open + 1
            let end = source.end(of: open)
            while child < end, source.end(of: child) <= node { child = source.end(of: child) }
            if child == node { return open }
            list = child
        }
        return nil
    }
}
