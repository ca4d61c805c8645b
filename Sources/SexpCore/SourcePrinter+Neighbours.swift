// What stands beside an item, and how that is laid out.
//
// For: SourcePrinter, where something new goes. Must not: put anything. Cost: at most `neighbours` items on either side are
// looked at, and the text of one.
internal import CLayout

extension SourcePrinter {
    private static let neighbours = 64
    /// A list that ends behind this column is no line.
    private static let lineColumn = 99

    // MARK: - the text

    /// A node's text, with quotes and parentheses.
    func span(_ node: Int, _ nodes: borrowing NodeColumn, _ text: Span<UInt8>) -> Range<Int> {
        let item = nodes[node]
        switch item.kind_and_count & 7 {
        case EditedLists.edited, EditedLists.replaced:
            let index = firstMark(from: node)
            guard index < marks.count, Int(marks[index].node) == node else { return 0..<0 }
            return Int(marks[index].start)..<max(Int(marks[index].start), Int(marks[index].end))
        case BD_SEXP_STRING:
            let start = max(0, Int(item.text_start) - 1)
            return start..<min(text.count, start + Int(item.text_length) + 2)
        default: return Int(item.text_start)..<Int(item.text_start) + Int(item.text_length)
        }
    }

    /// The first mark of a node that is this one or behind it.
    func firstMark(from node: Int) -> Int {
        var low = 0
        var high = marks.count
        while low < high {
            let middle = (low + high) / 2
            if Int(marks[middle].node) < node { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Does the node stand behind the same token as in the text?
    func follows(
        _ node: Int, _ position: Int, _ frame: Frame, _ nodes: borrowing NodeColumn, _ edits: EditedLists
    ) -> Bool {
        guard position > 0, let before = edits.item(position - 1, of: frame.list) else { return node == frame.node + 1 }
        return before.isNode && Int(nodes[before.index].end) == node
    }

    /// Does the list end with the same item as in the text?
    func ends(_ frame: Frame, _ nodes: borrowing NodeColumn, _ edits: EditedLists) -> Bool {
        guard let item = edits.lists[frame.list].items.last, item.isNode else { return false }
        return nodes[item.index].end == nodes[frame.node].end
    }

    // MARK: - lists

    /// `(xy`, an atom, and no list.
    func isPoint(
        _ item: EditedLists.Item, _ nodes: borrowing NodeColumn, _ text: Span<UInt8>, _ edits: EditedLists
    ) -> Bool {
        var list = item.isList ? item.index : -1
        if item.isNode, nodes[item.index].kind_and_count & 7 == EditedLists.edited { list = Int(nodes[item.index].text_start) }
        let head = head(list, item.index, nodes, text, edits)
        guard head.elementsEqual([0x78, 0x79]) else { return false }
        if list < 0 {
            let second = item.index + 2
            return second < Int(nodes[item.index].end) && Self.isAtom(nodes[second].kind_and_count & 7)
        }
        guard let second = edits.item(1, of: list) else { return false }
        return second.isAtom || second.isNode && Self.isAtom(nodes[second.index].kind_and_count & 7)
    }

    private static func isAtom(_ kind: UInt32) -> Bool {
        kind != BD_SEXP_LIST && kind != BD_SEXP_COMMENT && kind != EditedLists.edited
    }

    /// The bare word that a list starts with, or nothing. `node` counts where `list` is no edited one.
    private func head(
        _ list: Int, _ node: Int, _ nodes: borrowing NodeColumn, _ text: Span<UInt8>, _ edits: EditedLists
    ) -> ArraySlice<UInt8> {
        var first = node + 1
        if list >= 0 {
            guard let item = edits.item(0, of: list) else { return [] }
            if item.isAtom {
                let atom = edits.atoms[item.index]
                return atom.kind == BD_SEXP_WORD ? edits.text[Int(atom.start)..<Int(atom.start) + Int(atom.length)] : []
            }
            guard item.isNode else { return [] }
            first = item.index
        } else if first >= Int(nodes[node].end) {
            return []
        }
        guard nodes[first].kind_and_count & 7 == BD_SEXP_WORD else { return [] }
        let start = Int(nodes[first].text_start)
        return ArraySlice((start..<start + min(Int(nodes[first].text_length), 64)).map { text[$0] })
    }

    /// Where a new list of the text's list `frame` goes: as the nearest one with its head, else as one beside it that has a
    /// line of its own, else as any. Nil: there is no list, or KiCad's rules say it.
    func example(
        of list: Int, at position: Int, _ frame: Frame, _ nodes: borrowing NodeColumn, _ text: Span<UInt8>, _ edits: EditedLists
    ) -> Example? {
        if frame.form == .line { return nil }
        let wanted = head(list, -1, nodes, text, edits)
        if let made = frame.made, head(made.list, -1, nodes, text, edits) == wanted { return made.example }
        var beside: [Int] = []
        let items = edits.lists[frame.list].items
        for step in [-1, 1] {
            var place = position + step
            var isFirst = true
            for _ in 0..<Self.neighbours where items.indices.contains(place) {
                let item = items[place]
                place += step
                guard item.isNode, !Self.isAtom(nodes[item.index].kind_and_count & 7),
                    nodes[item.index].kind_and_count & 7 != BD_SEXP_COMMENT
                else { continue }
                if head(-1, item.index, nodes, text, edits) == wanted {
                    return example(item.index, isAlike: true, frame, nodes, text)
                }
                if isFirst { beside.append(item.index) }
                isFirst = false
            }
        }
        if frame.form == .canonical { return nil }
        let examples = beside.compactMap { example($0, isAlike: false, frame, nodes, text) }
        return examples.first { SourceLayout.hasLineEnd(text, in: $0.gap) } ?? examples.first
    }

    /// Like the list `node` of the text.
    private func example(
        _ node: Int, isAlike: Bool, _ frame: Frame, _ nodes: borrowing NodeColumn, _ text: Span<UInt8>
    ) -> Example? {
        let span = span(node, nodes, text)
        let gap = SourceLayout.withoutEmptyLines(text, SourceLayout.gap(text, before: span.lowerBound))
        guard isAlike else { return Example(gap: gap, form: .block) }
        let isLine = !SourceLayout.hasLineEnd(text, in: span)
        var inner: [Int] = []
        var child = node + 1
        while isLine, child < Int(nodes[node].end), inner.count < 2 {
            if !Self.isAtom(nodes[child].kind_and_count & 7) { inner.append(child) }
            child = Int(nodes[child].end)
        }
        if frame.form == .canonical {
            // KiCad 10 has the rows of tables on one line each.
            if inner.isEmpty { return nil }
        }
        let isTight = inner.count == 2
            && SourceLayout.gap(text, before: self.span(inner[1], nodes, text).lowerBound).isEmpty
        return Example(gap: gap, form: isLine ? isTight ? .tight : .line : .block)
    }

    /// Is the list that was made short enough for one line?
    func fits(_ list: Int, _ edits: EditedLists) -> Bool {
        var stack = [(list: list, next: 0)]
        var width = 2
        while let (list, next) = stack.popLast() {
            guard let item = edits.item(next, of: list) else { continue }
            stack.append((list, next + 1))
            if item.isList {
                width += 3
                stack.append((item.index, 0))
            } else if item.isAtom {
                if edits.atoms[item.index].kind == BD_SEXP_COMMENT { return false }
                width += Int(edits.atoms[item.index].length) + 1
            }
            if width > Self.lineColumn { return false }
        }
        return true
    }
}
