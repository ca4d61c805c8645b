// From a fault (a kind and an offset) to an error that a person can act on.
//
// For: place, path of open lists, message, excerpt. Must not: cut a character, or let the size of a text or of one of
// its lines show in the size of the error. Cost: one pass over the text before the fault, on failure only.
internal import CLayout

struct SexpErrorRenderer {
    let label: String?
    let limits: SexpLimits

    func render(_ fault: SexpFault, text: Span<UInt8>, builder: borrowing TreeBuilder) -> SexpError {
        var error = SexpError(kind: fault.kind, message: message(fault, text), label: label)
        let place = SexpPlace(text, fault.offset)
        error.byteOffset = fault.offset
        error.line = place.line
        error.column = place.column
        error.path = path(text, builder)
        (error.excerpt, error.caret) = place.excerpt(text)
        error.hint = SexpHints.hint(for: fault, text: text, nodes: builder.nodes)
        return error
    }

    private func message(_ fault: SexpFault, _ text: Span<UInt8>) -> String {
        switch fault.kind {
        case .emptyFile: "no list in this text"
        case .unterminatedList: "unterminated list, opened here"
        case .unexpectedRightParen: "')' closes no list"
        case .unterminatedString: "unterminated string, opened here"
        case .unexpectedType: "expected list at top level"
        case .invalidCharacter: "NUL byte"
        case .invalidUTF8: "byte 0x\(hex(text[fault.offset])) is not UTF-8 here"
        case .tooDeep: "lists are nested deeper than depthMax = \(limits.depthMax)"
        case .tooLarge: "more nodes than nodesMax = \(limits.nodesMax)"
        case .outOfMemory: "no memory for the tree of this text"
        case .cancelled: "parsing was cancelled"
        case .missingField, .invalidValue: "the text does not fit its format"
        }
    }

    private func hex(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }

    /// Heads of the open lists, outermost first.
    private func path(_ text: Span<UInt8>, _ builder: borrowing TreeBuilder) -> [String] {
        let shown = SexpLimits.pathHeadsShown / 2
        let (outer, inner) = builder.openLists(shown: shown)
        var heads: [String] = []
        for list in outer { heads.append(head(list, text, builder)) }
        if builder.depth > 2 * shown { heads.append("…") }
        for list in inner { heads.append(head(list, text, builder)) }
        return heads
    }

    private func head(_ list: Int, _ text: Span<UInt8>, _ builder: borrowing TreeBuilder) -> String {
        var index = list + 1
        while index < builder.nodes.count {
            let node = builder.nodes[index]
            let kind = node.kind_and_count & 7
            if kind == BD_SEXP_COMMENT {
                index += 1
                continue
            }
            if kind == BD_SEXP_LIST { break }
            let start = Int(node.text_start)
            let end = start + Int(node.text_length)
            let cut = SexpPlace.characterBorder(text, atOrBefore: min(end, start + SexpLimits.pathHeadBytes))
            let name = SexpPlace.printable(text, start, cut) + (cut < end ? "…" : "")
            return kind == BD_SEXP_STRING ? "\"" + name + "\"" : name
        }
        return "()"
    }
}
