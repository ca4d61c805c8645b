// Guesses at the true cause of a fault.
//
// For: a missing parenthesis or quote is noticed at the end of the text, hundreds of lines behind the place where a
// person has to look. KiCad and its users indent, so that the first line whose indentation does not fit its depth is a
// good guess. Must not: state a guess as a fact. Cost: a few passes over text and nodes, on failure only and
// not for texts above `hintTextBytes`.
internal import CLayout

enum SexpHints {
    static func hint(for fault: SexpFault, text: Span<UInt8>, nodes: borrowing NodeColumn) -> String {
        if text.count > SexpLimits.hintTextBytes { return "" }
        return switch fault.kind {
        case .unterminatedList:
            conflict(text) ?? openString(text, nodes) ?? outdented(text, nodes)
                ?? "the text may have been cut off; add the missing ')'"
        case .unexpectedRightParen:
            conflict(text) ?? openString(text, nodes) ?? indented(text, nodes)
                ?? "remove it, or add the '(' that it should close"
        case .unterminatedString:
            conflict(text) ?? openString(text, nodes)
                ?? "add the closing '\"'; inside a string write \\\" for a quote"
        case .unexpectedType:
            conflict(text) ?? "outside of lists only lists and '#' comment lines may stand"
        case .emptyFile: "a KiCad file starts with '(' and the name of its kind"
        case .invalidCharacter, .invalidUTF8: encoding(text)
        case .tooDeep: "KiCad's own files stay below 20 levels; this text is damaged or not one of them"
        case .tooLarge: "split the file, or raise the limit where the document is parsed"
        case .outOfMemory, .cancelled, .missingField, .invalidValue: ""
        }
    }

    /// A line that starts with seven `<` or `>`.
    private static func conflict(_ text: Span<UInt8>) -> String? {
        var position = 0
        var line = 1
        var isLineStart = true
        while position < text.count {
            let byte = text[position]
            if isLineStart, byte == 0x3C || byte == 0x3E, position + 7 <= text.count {
                var same = 1
                while same < 7, text[position + same] == byte { same += 1 }
                if same == 7 { return "line \(line) is the mark of an unresolved merge conflict" }
            }
            isLineStart = byte == 0x0A
            if isLineStart { line += 1 }
            position += 1
        }
        return nil
    }

    /// The first list that starts a line no deeper than its parent, which starts a line, too.
    private static func outdented(_ text: Span<UInt8>, _ nodes: borrowing NodeColumn) -> String? {
        // Of each open list: index, end, and indentation when it starts a line.
        var parents: [(list: Int, end: Int, indentation: Int?)] = []
        var index = 0
        while index < nodes.count {
            while let parent = parents.last, parent.end <= index { parents.removeLast() }
            let node = nodes[index]
            if node.kind_and_count & 7 == BD_SEXP_LIST {
                let own = indentation(text, nodes, index)
                if let parent = parents.last, let own, let above = parent.indentation, own <= above {
                    let place = SexpPlace(text, Int(node.text_start))
                    let opened = SexpPlace(text, Int(nodes[parent.list].text_start))
                    return "line \(place.line) is indented no deeper than the list opened at "
                        + "\(opened.line):\(opened.column); a ')' may be missing before it"
                }
                // A list that is still open has no end yet, and no text length.
                parents.append((index, node.text_length == 0 ? Int.max : Int(node.end), own))
            }
            index += 1
        }
        return nil
    }

    /// The first list that starts a line deeper than its elder sibling on another line.
    private static func indented(_ text: Span<UInt8>, _ nodes: borrowing NodeColumn) -> String? {
        // For the text and each open list: its end, and the indentation of its last child that starts a line.
        var parents: [(end: Int, indentation: Int?)] = [(Int.max, nil)]
        var index = 0
        while index < nodes.count {
            while let parent = parents.last, parent.end <= index { parents.removeLast() }
            let node = nodes[index]
            if node.kind_and_count & 7 == BD_SEXP_LIST {
                if let parent = parents.last, let own = indentation(text, nodes, index) {
                    if let elder = parent.indentation, own > elder {
                        let line = SexpPlace(text, Int(node.text_start)).line
                        return "line \(line) is indented deeper than the lists beside it; "
                            + "there may be a ')' too many before it"
                    }
                    parents[parents.count - 1].indentation = own
                }
                parents.append((node.text_length == 0 ? Int.max : Int(node.end), nil))
            }
            index += 1
        }
        return nil
    }

    /// Blanks before a list on its line, nil when something else stands before it.
    private static func indentation(_ text: Span<UInt8>, _ nodes: borrowing NodeColumn, _ list: Int) -> Int? {
        let start = Int(nodes[list].text_start)
        var position = start - 1
        while position >= 0 {
            switch text[position] {
            case 0x20, 0x09: position -= 1
            case 0x0A: return start - position - 1
            default: return nil
            }
        }
        return start
    }

    /// The first string that runs over the end of its line: KiCad never writes one.
    private static func openString(_ text: Span<UInt8>, _ nodes: borrowing NodeColumn) -> String? {
        var index = 0
        while index < nodes.count {
            let node = nodes[index]
            if node.kind_and_count & 7 == BD_SEXP_STRING {
                let start = Int(node.text_start)
                var position = start
                while position < start + Int(node.text_length) {
                    if text[position] == 0x0A {
                        let place = SexpPlace(text, start - 1)
                        return "the string at \(place.line):\(place.column) is the first that runs over a line end; "
                            + "its '\"' may be missing there"
                    }
                    position += 1
                }
            }
            index += 1
        }
        return nil
    }

    private static func encoding(_ text: Span<UInt8>) -> String {
        if text.count >= 2, text[0] == 0xFF && text[1] == 0xFE || text[0] == 0xFE && text[1] == 0xFF {
            return "the text is UTF-16; save it as UTF-8"
        }
        return "the text is damaged or not UTF-8; save it as UTF-8"
    }
}
