// What is wrong with a document that is well-formed but does not fit its format.
//
// For: throwing from the decoder without strings; `render` makes the error that a person reads, with the place, the path
// and the words "expected" and "found". Must not: be rendered but on failure. Cost: one pass over the text.
internal import CLayout

struct TypedFault: Error {
    enum Reason {
        case missing, number, unquotedNumber, numberNotList, integer, boolean, booleanValue, structList,
            oneValue, noValue
        case rootList, rootHead, rootWord, memory
    }

    let kind: SexpError.Kind
    let reason: Reason
    /// The node that is wrong, or the list that lacks something.
    let node: Int
    let type: Int
    /// -1: none.
    let field: Int

    init(_ kind: SexpError.Kind, _ reason: Reason, node: Int, type: Int, field: Int = -1) {
        self.kind = kind
        self.reason = reason
        self.node = node
        self.type = type
        self.field = field
    }
}

extension SexpDocument {
    /// The error for a fault of decoding this document.
    func render(_ fault: TypedFault, _ schema: KiCadSchema) -> SexpError {
        let declaration = fault.field >= 0 ? schema.declaration(fault.type, fault.field) : nil
        let found = foundText(fault)
        let (message, expected) = words(fault, declaration, schema, found)
        var error = SexpError(kind: fault.kind, message: message, label: label)
        if fault.reason == .memory { return error }
        let start = offset(of: fault.node)
        let text = text
        let place = SexpPlace(text.span, start)
        error.byteOffset = start
        error.line = place.line
        error.column = place.column
        (error.excerpt, error.caret) = place.excerpt(text.span)
        error.path = path(to: fault.node)
        error.expected = expected
        error.found = found
        error.typeName = schema.structNames[fault.type]
        error.fieldName = declaration?.name ?? ""
        return error
    }

    private func words(
        _ fault: TypedFault, _ declaration: FieldDeclaration?, _ schema: KiCadSchema, _ found: String
    ) -> (message: String, expected: String) {
        let owner = schema.structNames[fault.type]
        let name = declaration.map { " for '\($0.token)'" } ?? ""
        func expecting(_ what: String) -> (String, String) {
            ("expected \(what)\(name), found \(found)", what)
        }
        switch fault.reason {
        case .missing:
            let what =
                declaration.map {
                    $0.encoding == .positional ? "a value for '\($0.name)'" : "(\($0.token) …)"
                } ?? ""
            return ("\(owner) needs \(what), which is missing", what)
        case .noValue: return ("'(\(declaration?.token ?? ""))' has no value", "a value")
        case .number: return expecting("a number")
        case .unquotedNumber: return expecting("a number without quotes")
        case .numberNotList: return expecting("a number")
        case .integer: return expecting("a whole number of 32 bits")
        case .boolean: return expecting("yes or no")
        case .booleanValue: return expecting("yes or no")
        case .structList: return expecting("a list")
        case .oneValue: return expecting("one value")
        case .rootList: return ("the first list is empty", "(\(rootToken(fault, schema)) …)")
        case .rootHead:
            return (
                "expected the word '\(rootToken(fault, schema))' first, found \(found)",
                rootToken(fault, schema)
            )
        case .rootWord:
            return ("expected '\(rootToken(fault, schema))', found \(found)", rootToken(fault, schema))
        case .memory: return ("no memory for the records of this text", "")
        }
    }

    private func rootToken(_ fault: TypedFault, _ schema: KiCadSchema) -> String {
        guard let format = schema.format(file: fault.type) else { return "" }
        return String(decoding: schema.wordText(format.rootTokens[0]), as: UTF8.self)
    }

    private func foundText(_ fault: TypedFault) -> String {
        if fault.reason == .memory { return "" }
        if fault.reason == .missing || fault.reason == .rootList { return "nothing" }
        let range = textRange(of: fault.node)
        let text = text
        let cut = min(
            range.upperBound, SexpPlace.characterBorder(text.span, atOrBefore: range.lowerBound + 60))
        let shown =
            SexpPlace.printable(text.span, range.lowerBound, max(range.lowerBound, cut))
            + (cut < range.upperBound ? "…" : "")
        switch kind(of: fault.node) {
        case .list: return "a list"
        case .string: return "the string \"\(shown)\""
        case .number: return "the number \(shown)"
        default: return "the word '\(shown)'"
        }
    }

    func offset(of node: Int) -> Int {
        textRange(of: node).lowerBound - (kind(of: node) == .string ? 1 : 0)
    }

    /// Heads of the lists around a node, outermost first, the node's own list included.
    func path(to node: Int) -> [String] {
        var heads: [String] = []
        var list = forms.first { $0 <= node && node < end(of: $0) }
        while let open = list, kind(of: open) == .list {
            if let head = head(of: open) { heads.append(head) } else if open != node { heads.append("()") }
            list =
                open == node
                ? nil
                : children(of: open).first { $0 <= node && node < end(of: $0) && kind(of: $0) == .list }
        }
        return heads
    }
}
