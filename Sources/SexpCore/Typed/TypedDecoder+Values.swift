// One atom to the value that its field asks for.
//
// For: the kinds of FieldKind. A list, where one value should stand, is an error that says what should. Must not: look at
// anything but the node. Cost: a float 8 ns, a string one copy.
internal import CLayout

extension TypedDecoder {
    mutating func scalar(
        _ field: KiCadSchema.Field, _ type: Int, _ index: Int, _ nodes: borrowing NodeColumn,
        _ text: Span<UInt8>,
        _ node: Int
    ) throws(TypedFault) -> (tag: UInt8, bits: UInt64) {
        let item = nodes[node]
        let kind = item.kind_and_count & 7
        let start = Int(item.text_start)
        let length = Int(item.text_length)
        func fault(_ kind: SexpError.Kind, _ reason: TypedFault.Reason) -> TypedFault {
            TypedFault(kind, reason, node: node, type: type, field: index)
        }
        switch field.kind {
        case .float:
            switch kind {
            case BD_SEXP_NUMBER, BD_SEXP_WORD:
                guard let value = NumberText.float(text, start, length) else {
                    throw NumberText.looksLikeNumber(text, start, length)
                        ? fault(.invalidValue, .number) : fault(.unexpectedType, .number)
                }
                return (UInt8(BD_TAG_FLOAT), value.bitPattern)
            case BD_SEXP_STRING: throw fault(.unexpectedType, .unquotedNumber)
            default: throw fault(.unexpectedType, .numberNotList)
            }
        case .int, .number:
            switch kind {
            case BD_SEXP_NUMBER, BD_SEXP_WORD:
                if let value = NumberText.int(text, start, length) {
                    return (UInt8(BD_TAG_INT), UInt64(bitPattern: value))
                }
                if field.kind == .number, let value = NumberText.float(text, start, length) {
                    return (UInt8(BD_TAG_FLOAT), value.bitPattern)
                }
                throw NumberText.looksLikeNumber(text, start, length)
                    ? fault(.invalidValue, .integer) : fault(.unexpectedType, .number)
            case BD_SEXP_STRING: throw fault(.unexpectedType, .unquotedNumber)
            default: throw fault(.unexpectedType, .integer)
            }
        case .bool:
            guard kind == BD_SEXP_WORD else { throw fault(.unexpectedType, .boolean) }
            guard let value = boolean(nodes, text, node) else {
                throw fault(.invalidValue, .booleanValue)
            }
            return (UInt8(BD_TAG_BOOL), value ? 1 : 0)
        case .string:
            if kind == BD_SEXP_LIST { throw fault(.unexpectedType, .oneValue) }
            return (
                UInt8(BD_TAG_STRING),
                try string(text, start, length, isQuoted: kind == BD_SEXP_STRING, node)
            )
        case .enumeration:
            if kind == BD_SEXP_LIST { throw fault(.unexpectedType, .oneValue) }
            if schema.enums[field.target].isInteger, kind != BD_SEXP_STRING,
                let value = NumberText.anyBase(text, start, length)
            {
                let type = schema.enums[field.target]
                for member in 0..<type.memberCount
                where schema.members[type.firstMember + member].value == value {
                    return (UInt8(BD_TAG_ENUM), UInt64(member))
                }
            }
            if let member = schema.member(field.target, text, start, length) {
                return (UInt8(BD_TAG_ENUM), UInt64(member))
            }
            return (
                UInt8(BD_TAG_STRING),
                try string(text, start, length, isQuoted: kind == BD_SEXP_STRING, node)
            )
        case .record:
            throw fault(.unexpectedType, .structList)
        }
    }

    /// What to say of a list where one value of the field should stand.
    static func reason(_ field: KiCadSchema.Field) -> TypedFault.Reason {
        switch field.kind {
        case .float: .numberNotList
        case .int, .number: .integer
        case .bool: .boolean
        case .string, .enumeration: .oneValue
        case .record: .structList
        }
    }

    /// Several numbers from 0 to 255 where a text stands are its bytes, as older readers took them; nil for anything else.
    mutating func bytesText(
        _ field: KiCadSchema.Field, _ nodes: borrowing NodeColumn, _ text: Span<UInt8>, _ first: Int, _ end: Int
    ) -> UInt64? {
        guard field.kind == .string else { return nil }
        var bytes: [UInt8] = []
        var node = first
        while node < end {
            let item = nodes[node]
            node = Int(item.end)
            switch item.kind_and_count & 7 {
            case BD_SEXP_COMMENT: continue
            case BD_SEXP_NUMBER:
                guard let value = NumberText.int(text, Int(item.text_start), Int(item.text_length)),
                    let byte = UInt8(exactly: value), byte > 0
                else { return nil }
                bytes.append(byte)
            default: return nil
            }
        }
        let isText = bytes.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) != nil }
        guard isText, strings.reserve(bytes.count) else { return nil }
        let offset = strings.count
        strings.put(bytes.span, start: 0, length: bytes.count)
        return UInt64(offset) | UInt64(bytes.count) << 32
    }

    /// yes, true, no, false; nil for anything else.
    func boolean(_ nodes: borrowing NodeColumn, _ text: Span<UInt8>, _ node: Int) -> Bool? {
        let item = nodes[node]
        guard item.kind_and_count & 7 == BD_SEXP_WORD else { return nil }
        switch (item.text_length, TextKey.key(text, Int(item.text_start), Int(item.text_length))) {
        case (3, 0x73_6579), (4, 0x6575_7274): return true
        case (2, 0x6F6E), (5, 0x65_736C_6166): return false
        default: return nil
        }
    }

    /// The text without its escapes, in the block of strings.
    private mutating func string(
        _ text: Span<UInt8>, _ start: Int, _ length: Int, isQuoted: Bool, _ node: Int
    ) throws(TypedFault) -> UInt64 {
        let offset = strings.count
        guard strings.reserve(length), offset + length < Int(UInt32.max) else {
            throw TypedFault(.outOfMemory, .memory, node: node, type: 0)
        }
        var isPlain = true
        if isQuoted {
            var position = start
            while position < start + length {
                if text[position] == 0x5C {
                    isPlain = false
                    break
                }
                position += 1
            }
        }
        if isPlain {
            strings.put(text, start: start, length: length)
            return UInt64(offset) | UInt64(length) << 32
        }
        var raw: [UInt8] = []
        raw.reserveCapacity(length)
        for position in start..<start + length { raw.append(text[position]) }
        let plain = SexpText.unescape(raw)
        strings.put(plain.span, start: 0, length: plain.count)
        return UInt64(offset) | UInt64(plain.count) << 32
    }
}
