// What is true of every document.
//
// For: tests and fuzzing; a broken one is a bug of this module. Must not: be called on a hot path. Cost: one pass over
// nodes and text.
internal import CLayout

extension SexpDocument {
    /// Ends the process when one of them is broken:
    /// `nested`: each node ends inside its parent, siblings follow each other, counts are true;
    /// `placed`: atoms lie inside their list in the order of the text, lists reach from parenthesis to parenthesis;
    /// `lossless`: between two tokens there is nothing but blanks.
    public func checkInvariants() {
        var open: [(list: Int, end: Int, children: Int, textEnd: Int)] = []
        let text = text
        var seen = SexpText.byteOrderMarkBytes(text.span)
        var forms = 0
        func closeLists(at index: Int) {
            while let list = open.last, list.end == index {
                check(childCount(of: list.list) == list.children, "nested: count of node \(list.list)")
                checkBlanks(seen, list.textEnd - 1)
                check(text[list.textEnd - 1] == 0x29, "placed: list \(list.list) has no end")
                seen = list.textEnd
                open.removeLast()
            }
        }
        for index in 0..<nodes.count {
            closeLists(at: index)
            let node = nodes[index]
            let range = textRange(of: index)
            check(node.kind_and_count & 7 <= BD_SEXP_COMMENT, "nested: kind of node \(index)")
            check(range.lowerBound >= seen && range.upperBound <= text.count, "placed: node \(index)")
            if let parent = open.last {
                check(end(of: index) <= parent.end, "nested: node \(index) ends outside of its list")
                check(range.upperBound < parent.textEnd, "placed: node \(index) reaches out of its list")
                open[open.count - 1].children += 1
            } else {
                forms += 1
            }
            switch kind(of: index) {
            case .list:
                check(end(of: index) > index && end(of: index) <= nodes.count, "nested: end of list \(index)")
                check(range.count >= 2 && text[range.lowerBound] == 0x28, "placed: list \(index) has no start")
                checkBlanks(seen, range.lowerBound)
                seen = range.lowerBound + 1
                open.append((index, end(of: index), 0, range.upperBound))
            case .string:
                checkAtom(index)
                check(range.lowerBound > seen, "placed: string \(index)")
                checkBlanks(seen, range.lowerBound - 1)
                let isQuoted = text[range.lowerBound - 1] == 0x22 && text[range.upperBound] == 0x22
                check(isQuoted, "placed: string \(index) has no quotes")
                seen = range.upperBound + 1
            case .word, .number, .comment:
                checkAtom(index)
                check(!range.isEmpty, "placed: atom \(index) is empty")
                checkBlanks(seen, range.lowerBound)
                seen = range.upperBound
            }
        }
        closeLists(at: nodes.count)
        check(open.isEmpty, "nested: a list does not end")
        checkBlanks(seen, text.count)
        check(forms == formCount, "nested: \(forms) forms, \(formCount) counted")
    }

    private func checkAtom(_ index: Int) {
        check(end(of: index) == index + 1 && childCount(of: index) == 0, "nested: atom \(index) has children")
        check(kind(of: index) == .comment || index > 0, "nested: an atom outside of lists")
    }

    private func checkBlanks(_ start: Int, _ end: Int) {
        check(start <= end, "placed: tokens overlap at \(end)")
        for position in start..<end {
            let isBlank = [0x20, 0x09, 0x0A, 0x0D].contains(text[position])
            check(isBlank, "lossless: byte \(position) belongs to no token")
        }
    }
}
