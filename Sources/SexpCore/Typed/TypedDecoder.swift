// From the tree of a text to records with fixed slots, through the tables of its format.
//
// For: one pass over the nodes; everything that a field reads is checked here, so that later reads need no text. What no
// field reads stays in the tree and is only marked. Must not: change the tree; recurse deeper than structs nest in their
// declarations (ten). Cost: 10 ns for each node; 9 bytes for each slot and 12 for each record, until the snapshot is sent.
internal import CLayout

struct TypedDecoder: ~Copyable {
    /// Tags of slots that were not read yet; the second one: by an entry without a value.
    static let unset: UInt8 = 0xFF
    static let empty: UInt8 = 0xFE

    let schema: KiCadSchema
    /// Of the file; 0 when it does not say.
    var version: Int64 = 0
    private var isEarly: Bool { version == 3 || version == 4 || version > 20_000_000 && version < Self.firstStable }
    /// The last one in which nets have numbers.
    static let lastNumberedNets: Int64 = 20_241_229
    /// KiCad 6. Before it, what a struct must have was different in each development version.
    static let firstStable: Int64 = 20_211_014
    var records = Column<bd_typed_record>()
    /// For each record where it is: see RecordPlace.
    var places = Column<UInt32>()
    /// For each record that is not in the text: its parent, and its field there.
    var defaults = Column<UInt64>()
    var slots = Column<UInt64>()
    var tags = Column<UInt8>()
    var strings = ByteSink()
    /// Entries without a value that are not to be kept.
    var emptied: [Int] = []
    /// Elements of lists that are being read: field in the high half, record in the low half.
    private var pending = Column<UInt64>()
    private var initialStrings: [Int: UInt64] = [:]

    init(_ schema: KiCadSchema, nodes: Int) {
        self.schema = schema
        _ = records.grow(to: nodes / 5 + 16)
        _ = places.grow(to: nodes / 5 + 16)
        _ = slots.grow(to: nodes / 2 + 64)
        _ = tags.grow(to: nodes / 2 + 64)
        _ = records.append(bd_typed_record(first_slot: 0, type: UInt16(BD_TYPE_NONE), flags: 0))
        _ = places.append(RecordPlace.nowhere.bits)
    }

    // MARK: - one struct

    /// Reads the nodes `first ..< end` of `list` as a record. Answers its number.
    mutating func record(
        _ type: Int, _ nodes: borrowing NodeColumn, _ text: Span<UInt8>, from first: Int, to end: Int,
        list: Int,
        flags: UInt16
    ) throws(TypedFault) -> UInt32 {
        let shape = schema.structs[type]
        let slot = slots.count
        let number = try add(type, place: UInt32(list), flags: flags, node: list)
        let base = pending.count
        var isUnknown = false
        var hasUnknownEntry = false
        var position = 0
        var guess = shape.positionalCount
        var spare = -1
        var node = first
        while node < end {
            let item = nodes[node]
            let next = Int(item.end)
            switch item.kind_and_count & 7 {
            case BD_SEXP_LIST:
                guard next > node + 1, nodes[node + 1].kind_and_count & 7 == BD_SEXP_WORD else {
                    isUnknown = true
                    break
                }
                let head = nodes[node + 1]
                guard let index = find(shape, text, Int(head.text_start), Int(head.text_length), &guess) else {
                    isUnknown = true
                    hasUnknownEntry = true
                    break
                }
                let isRead = try entry(
                    schema.fields[shape.firstField + index], type, index, slot + index, nodes, text,
                    entry: node, to: next,
                    &isUnknown)
                if !isRead { isUnknown = true }
            case BD_SEXP_COMMENT:
                break
            default:
                if node == first, skipsLeading(shape, nodes, text, node, end, flags) {
                    isUnknown = true
                } else if try positional(shape, type, slot, &position, nodes, text, node) {
                    break
                } else if flag(shape, slot, nodes, text, node) {
                    break
                } else {
                    if spare < 0 { spare = node }
                    isUnknown = true
                }
            }
            node = next
        }
        if pending.count > base { try lists(shape, slot, from: base, list) }
        try complete(
            shape, type, slot, number, nodes, text, first, end, list, spare: spare, hasUnknownEntry: hasUnknownEntry)
        if isUnknown { records[Int(number)].flags |= UInt16(BD_RECORD_UNKNOWN) }
        return number
    }

    /// A new record with empty slots.
    mutating func add(_ type: Int, place: UInt32, flags: UInt16, node: Int) throws(TypedFault)
        -> UInt32
    {
        let number = records.count
        let count = schema.structs[type].fieldCount
        let isAdded =
            records.append(
                bd_typed_record(
                    first_slot: UInt32(truncatingIfNeeded: slots.count),
                    type: UInt16(truncatingIfNeeded: type), flags: flags))
            && places.append(place) && slots.append(0, times: count)
            && tags.append(Self.unset, times: count)
        guard isAdded, slots.count < Int(UInt32.max) else {
            throw TypedFault(.outOfMemory, .memory, node: node, type: type)
        }
        return UInt32(truncatingIfNeeded: number)
    }

    /// The keyed field with this token; mostly the one after that which was found last.
    @inline(__always)
    private func find(
        _ shape: KiCadSchema.Struct, _ text: Span<UInt8>, _ start: Int, _ length: Int,
        _ guess: inout Int
    ) -> Int? {
        let key = TextKey.key(text, start, length)
        var rank = guess
        for _ in shape.positionalCount..<max(shape.fieldCount, shape.positionalCount) {
            if rank >= shape.fieldCount { rank = shape.positionalCount }
            let known = schema.keys[shape.firstWritten + rank]
            if schema.isWord(known.word, text, start, length, key) {
                guess = known.isRepeated ? rank : rank + 1
                return Int(known.field)
            }
            rank += 1
        }
        return nil
    }

    // MARK: - one entry

    /// False: the entry is an unknown part.
    private mutating func entry(
        _ field: KiCadSchema.Field, _ type: Int, _ index: Int, _ slot: Int,
        _ nodes: borrowing NodeColumn,
        _ text: Span<UInt8>, entry: Int, to end: Int, _ isUnknown: inout Bool
    ) throws(TypedFault) -> Bool {
        let first = Self.value(nodes, entry + 2, end)
        let isEmpty = first == end
        switch field.encoding {
        case .positional:
            return false
        case .repeated:
            if isEmpty { return false }
            var content = (list: entry, first: entry + 2, end: end)
            if field.reading.contains(.insideAt), let inner = insideAt(nodes, text, first, end) {
                content = (inner, inner + 2, Int(nodes[inner].end))
                isUnknown = true
            }
            let record = try record(
                field.target, nodes, text, from: content.first, to: content.end, list: content.list,
                flags: 0)
            guard pending.append(UInt64(index) << 32 | UInt64(record)) else {
                throw TypedFault(.outOfMemory, .memory, node: entry, type: type)
            }
            return true
        case .presence:
            guard tags[slot] == Self.unset else { return false }
            let atom = Self.atom(nodes, first, end)
            let said = atom == end ? true : boolean(nodes, text, atom)
            set(slot, UInt8(BD_TAG_BOOL), said == false ? 0 : 1)
            return isEmpty || atom == first && said != nil && Self.value(nodes, Int(nodes[atom].end), end) == end
        case .value:
            guard tags[slot] >= Self.empty else { return false }
            if isEmpty {
                if field.kind == .bool {
                    set(slot, UInt8(BD_TAG_BOOL), 1)
                    return true
                }
                if field.isRequired, field.kind == .record, !schema.structs[field.target].needsAny {
                    let record = try record(field.target, nodes, text, from: end, to: end, list: entry, flags: 0)
                    set(slot, UInt8(BD_TAG_RECORD), UInt64(record))
                    return true
                }
                tags[slot] = Self.empty
                return false
            }
            if field.kind == .record {
                if field.reading.contains(.notStrings), nodes[first].kind_and_count & 7 == BD_SEXP_STRING {
                    return false
                }
                let record = try record(
                    field.target, nodes, text, from: entry + 2, to: end, list: entry, flags: 0)
                set(slot, UInt8(BD_TAG_RECORD), UInt64(record))
                return true
            }
            if Int(nodes[first].end) == end, nodes[first].kind_and_count & 7 != BD_SEXP_LIST {  // as nearly always
                if isForOther(field, nodes, first) { return false }
                let (tag, bits) = try scalar(field, type, index, nodes, text, first)
                set(slot, tag, bits)
                return true
            }
            // Forms beside an atom are unknown parts.
            let atom = Self.atom(nodes, first, end)
            if atom == end, field.isOptional, Int(nodes[first].end) == first + 1 {  // ()
                set(slot, UInt8(BD_TAG_NONE), 0)
                return true
            }
            if let list = Self.firstList(nodes, first, end), atom != end || !isUnknownPart(field, nodes, text, list) {
                guard atom < end, Self.isForm(nodes, list) else {
                    throw TypedFault(.unexpectedType, Self.reason(field), node: list, type: type, field: index)
                }
                isUnknown = true
            }
            if atom == end {
                if field.kind == .bool {
                    set(slot, UInt8(BD_TAG_BOOL), 1)
                } else if !field.reading.contains(.notLists) {
                    tags[slot] = Self.empty
                }
                return false
            }
            if isForOther(field, nodes, atom) { return false }
            if Self.atom(nodes, Int(nodes[atom].end), end) < end {
                isUnknown = true
                if !field.reading.contains(.surplus) {
                    guard let bits = bytesText(field, nodes, text, first, end) else {
                        throw TypedFault(.unexpectedType, .oneValue, node: first, type: type, field: index)
                    }
                    set(slot, UInt8(BD_TAG_STRING), bits)
                    return true
                }
            }
            let (tag, bits) = try scalar(field, type, index, nodes, text, atom)
            set(slot, tag, bits)
            return true
        case .elements:
            guard tags[slot] >= Self.empty else { return false }
            if isEmpty {
                if field.reading.contains(.dropEmpty) { emptied.append(entry) }
                tags[slot] = Self.empty
                return false
            }
            return try elements(field, type, index, slot, nodes, text, from: first, to: end)
        }
    }

    /// False when one of them is an unknown part.
    private mutating func elements(
        _ field: KiCadSchema.Field, _ type: Int, _ index: Int, _ slot: Int,
        _ nodes: borrowing NodeColumn,
        _ text: Span<UInt8>, from first: Int, to end: Int
    ) throws(TypedFault) -> Bool {
        var isComplete = true
        var element = first
        let start = slots.count
        tags[slot] = UInt8(BD_TAG_LIST)
        while element < end {
            let next = Int(nodes[element].end)
            let isList = nodes[element].kind_and_count & 7 == BD_SEXP_LIST
            if field.kind == .record {
                guard isList else {
                    throw TypedFault(.unexpectedType, .structList, node: element, type: type, field: index)
                }
                if isStranger(field, nodes, element) {
                    isComplete = false
                    element = Self.value(nodes, next, end)
                    continue
                }
                let record = try record(
                    field.target, nodes, text, from: element + 1, to: next, list: element,
                    flags: UInt16(BD_RECORD_HEADLESS))
                guard pending.append(UInt64(index) << 32 | UInt64(record)) else {
                    throw TypedFault(.outOfMemory, .memory, node: element, type: type)
                }
            } else if isList, field.reading.contains(.notLists) || Self.isForm(nodes, element) {
                isComplete = false
            } else {
                let (tag, bits) = try scalar(field, type, index, nodes, text, element)
                guard slots.append(bits), tags.append(tag) else {
                    throw TypedFault(.outOfMemory, .memory, node: element, type: type)
                }
            }
            element = Self.value(nodes, next, end)
        }
        if field.kind != .record { slots[slot] = UInt64(start) | UInt64(slots.count - start) << 32 }
        return isComplete
    }

    /// The node of `(at …)` among these.
    private func insideAt(
        _ nodes: borrowing NodeColumn, _ text: Span<UInt8>, _ first: Int, _ end: Int
    ) -> Int? {
        var node = first
        while node < end {
            let next = Int(nodes[node].end)
            if nodes[node].kind_and_count & 7 == BD_SEXP_LIST, next > node + 1 {
                let head = nodes[node + 1]
                if head.kind_and_count & 7 == BD_SEXP_WORD, head.text_length == 2,
                    text[Int(head.text_start)] == 0x61,
                    text[Int(head.text_start) + 1] == 0x74
                {
                    return node
                }
            }
            node = next
        }
        return nil
    }

    @inline(__always)
    mutating func set(_ slot: Int, _ tag: UInt8, _ bits: UInt64) {
        tags[slot] = tag
        slots[slot] = bits
    }

    // MARK: - atoms

    /// A word that may stand before the values: `private` of a property; a struct's own name.
    private func skipsLeading(
        _ shape: KiCadSchema.Struct, _ nodes: borrowing NodeColumn, _ text: Span<UInt8>, _ node: Int,
        _ end: Int,
        _ flags: UInt16
    ) -> Bool {
        let item = nodes[node]
        guard item.kind_and_count & 7 == BD_SEXP_WORD else { return false }
        let start = Int(item.text_start)
        let length = Int(item.text_length)
        func isAtom(_ index: Int) -> Bool {
            index < end && nodes[index].kind_and_count & 7 != BD_SEXP_LIST
        }
        if shape.leadingWord >= 0, isAtom(node + 1), isAtom(node + 2) {
            return schema.isWord(shape.leadingWord, text, start, length, TextKey.key(text, start, length))
        }
        return shape.isAllPositional && flags & UInt16(BD_RECORD_HEADLESS) != 0
            && schema.isWord(shape.ownWord, text, start, length, TextKey.key(text, start, length))
    }

    /// Takes the atom as the next positional value that it fits.
    @inline(__always)
    private mutating func positional(
        _ shape: KiCadSchema.Struct, _ type: Int, _ slot: Int, _ position: inout Int,
        _ nodes: borrowing NodeColumn,
        _ text: Span<UInt8>, _ node: Int
    ) throws(TypedFault) -> Bool {
        let start = position
        while position < shape.positionalCount {
            let index = schema.written[shape.firstWritten + position]
            let field = schema.fields[shape.firstField + index]
            position += 1
            if field.isRequired {
                if isForOther(field, nodes, node) { continue }
                let (tag, bits) = try scalar(field, type, index, nodes, text, node)
                set(slot + index, tag, bits)
                return true
            }
            if let (tag, bits) = optionalScalar(field, type, index, nodes, text, node) {
                set(slot + index, tag, bits)
                return true
            }
        }
        position = start  // an atom that fits nowhere takes no value's place
        return false
    }

    /// A net's name where older files have its number.
    @inline(__always)
    private func isForOther(_ field: KiCadSchema.Field, _ nodes: borrowing NodeColumn, _ node: Int) -> Bool {
        field.reading.contains(.notStrings) && version > Self.lastNumberedNets
            && nodes[node].kind_and_count & 7 == BD_SEXP_STRING
    }

    private mutating func optionalScalar(
        _ field: KiCadSchema.Field, _ type: Int, _ index: Int, _ nodes: borrowing NodeColumn,
        _ text: Span<UInt8>,
        _ node: Int
    ) -> (UInt8, UInt64)? {
        let item = nodes[node]
        let start = Int(item.text_start)
        let length = Int(item.text_length)
        switch field.kind {
        case .record: return nil
        case .enumeration:
            guard item.kind_and_count & 7 == BD_SEXP_WORD else { return nil }
            return schema.member(field.target, text, start, length).map {
                (UInt8(BD_TAG_ENUM), UInt64($0))
            }
        case .bool:
            guard item.kind_and_count & 7 == BD_SEXP_WORD else { return nil }
            if schema.isWord(field.token, text, start, length, TextKey.key(text, start, length)) {
                return (UInt8(BD_TAG_BOOL), 1)
            }
            return boolean(nodes, text, node).map { (UInt8(BD_TAG_BOOL), $0 ? 1 : 0) }
        default: return try? scalar(field, type, index, nodes, text, node)
        }
    }

    /// A bare word that sets a bool.
    private mutating func flag(
        _ shape: KiCadSchema.Struct, _ slot: Int, _ nodes: borrowing NodeColumn, _ text: Span<UInt8>,
        _ node: Int
    ) -> Bool {
        let item = nodes[node]
        guard item.kind_and_count & 7 == BD_SEXP_WORD else { return false }
        var guess = shape.positionalCount
        guard let index = find(shape, text, Int(item.text_start), Int(item.text_length), &guess) else {
            return false
        }
        guard schema.fields[shape.firstField + index].kind == .bool, tags[slot + index] >= Self.empty
        else { return false }
        set(slot + index, UInt8(BD_TAG_BOOL), 1)
        return true
    }

    // MARK: - the end of a struct

    /// Turns the records that were collected for lists into ranges of slots.
    private mutating func lists(_ shape: KiCadSchema.Struct, _ slot: Int, from base: Int, _ node: Int)
        throws(TypedFault)
    {
        // Mostly in the order of fields; each list is one range.
        for index in 0..<shape.fieldCount {
            let field = schema.fields[shape.firstField + index]
            guard field.isList, field.kind == .record else { continue }
            let start = slots.count
            var item = base
            while item < pending.count {
                let value = pending[item]
                if Int(value >> 32) == index {
                    guard slots.append(value & 0xFFFF_FFFF), tags.append(UInt8(BD_TAG_RECORD)) else {
                        throw TypedFault(.outOfMemory, .memory, node: node, type: 0)
                    }
                }
                item += 1
            }
            if slots.count > start {
                set(slot + index, UInt8(BD_TAG_LIST), UInt64(start) | UInt64(slots.count - start) << 32)
            }
        }
        pending.removeLast(pending.count - base)
    }

    /// Defaults for what was not there; what must be there and is not is an error.
    private mutating func complete(
        _ shape: KiCadSchema.Struct, _ type: Int, _ slot: Int, _ number: UInt32,
        _ nodes: borrowing NodeColumn,
        _ text: Span<UInt8>, _ first: Int, _ end: Int, _ list: Int, spare: Int, hasUnknownEntry: Bool
    ) throws(TypedFault) {
        var isOther: Bool?
        for index in 0..<shape.fieldCount where tags[slot + index] >= Self.empty {
            let field = schema.fields[shape.firstField + index]
            let wasEmpty = tags[slot + index] == Self.empty
            if field.isRequired {
                if field.encoding == .positional {
                    if let node = keyed(field, nodes, text, first, end) {
                        let (tag, bits) = try scalar(field, type, index, nodes, text, node)
                        set(slot + index, tag, bits)
                        continue
                    }
                } else if field.reading.contains(.positionalToo), spare >= 0 {
                    let (tag, bits) = try scalar(field, type, index, nodes, text, spare)
                    set(slot + index, tag, bits)
                    continue
                }
                if wasEmpty {
                    let node = entryNode(field, nodes, text, first, end) ?? list
                    throw TypedFault(.unexpectedType, .noValue, node: node, type: type, field: index)
                }
                var mayBeAbsent = field.reading.contains(.mayBeAbsent)
                    || field.reading.contains(.notStrings) && version > Self.lastNumberedNets
                    || isEarly
                if !mayBeAbsent, hasUnknownEntry {
                    // One of a version that is not known here has something that is known.
                    if isOther == nil {
                        isOther = (0..<shape.fieldCount).contains { tags[slot + $0] < Self.empty }
                    }
                    mayBeAbsent = isOther == true
                }
                if mayBeAbsent {
                    set(slot + index, UInt8(BD_TAG_NONE), 0)
                    continue
                }
                throw TypedFault(.missingField, .missing, node: list, type: type, field: index)
            }
            try initial(field.initial, slot + index, number, index, node: list)
        }
    }

    /// The value of a positional field that is written with its name as key.
    private func keyed(
        _ field: KiCadSchema.Field, _ nodes: borrowing NodeColumn, _ text: Span<UInt8>, _ first: Int,
        _ end: Int
    ) -> Int? {
        guard let entry = entryNode(field, nodes, text, first, end) else { return nil }
        let last = Int(nodes[entry].end)
        let value = Self.value(nodes, entry + 2, last)
        return value < last ? value : nil
    }

    private func entryNode(
        _ field: KiCadSchema.Field, _ nodes: borrowing NodeColumn, _ text: Span<UInt8>, _ first: Int,
        _ end: Int
    ) -> Int? {
        var node = first
        while node < end {
            let next = Int(nodes[node].end)
            if nodes[node].kind_and_count & 7 == BD_SEXP_LIST, next > node + 1 {
                let head = nodes[node + 1]
                let start = Int(head.text_start)
                let length = Int(head.text_length)
                if head.kind_and_count & 7 == BD_SEXP_WORD,
                    schema.isWord(field.token, text, start, length, TextKey.key(text, start, length))
                {
                    return node
                }
            }
            node = next
        }
        return nil
    }

    /// Fills a slot with its default; a struct becomes a record that is not in the text.
    mutating func initial(
        _ value: KiCadSchema.Initial, _ slot: Int, _ parent: UInt32, _ field: Int, node: Int
    ) throws(TypedFault) {
        switch UInt32(value.tag) {
        case BD_TAG_STRING: set(slot, value.tag, initialString(Int(value.bits)))
        case BD_TAG_RECORD:
            let inner = schema.initialRecords[Int(value.bits)]
            let place = RecordPlace.initial(defaults.count)
            guard defaults.append(UInt64(parent) << 32 | UInt64(field)) else {
                throw TypedFault(.outOfMemory, .memory, node: node, type: inner.type)
            }
            let number = try add(
                inner.type, place: place.bits, flags: UInt16(BD_RECORD_DEFAULT), node: node)
            let first = Int(records[Int(number)].first_slot)
            for index in 0..<inner.values.count {
                try initial(inner.values[index], first + index, number, index, node: node)
            }
            set(slot, value.tag, UInt64(number))
        default: set(slot, value.tag, value.bits)
        }
    }

    private mutating func initialString(_ word: Int) -> UInt64 {
        if let known = initialStrings[word] { return known }
        let bytes = schema.wordText(word)
        let start = strings.count
        guard strings.reserve(bytes.count) else { return 0 }
        strings.put(bytes.span, start: 0, length: bytes.count)
        let bits = UInt64(start) | UInt64(bytes.count) << 32
        initialStrings[word] = bits
        return bits
    }
}
