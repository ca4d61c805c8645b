// An edited text as it was, but for the edits.
//
// For: a file that must not be laid out anew. What no edit touched is copied byte for byte, in whatever layout it is; blanks
// before a token of the text stay with it, also where it was moved. In the layout of KiCad 8 and later a token with another
// neighbour than before is placed by KiCad's rules. A new list goes where its neighbours stand, on one line when those are.
// Must not: change, drop or invent a token; recurse. Cost: that of copying, and of the edited lists.
internal import CLayout

struct SourcePrinter: ~Copyable {
    enum Last { case opening, closing, atom, comment }

    /// How a list is laid out whose neighbours do not say.
    enum Form {
        /// As KiCad 8 and later do.
        case canonical
        /// Lists in it on lines of their own, unless all of it fits on one.
        case block
        /// On one line; `tight`: lists in it without a blank between them.
        case line, tight
    }

    /// Blanks of the text, and so many levels more.
    struct Indent {
        var base = 0..<0
        var levels = 0
        var deeper: Indent { Indent(base: base, levels: levels + 1) }
    }

    /// Where a new list goes, and how it is laid out.
    struct Example {
        let gap: Range<Int>
        let form: Form
    }

    /// A piece of the text that is being copied, or a list that is being printed.
    struct Frame {
        /// Of the text: from `cursor` to `end`, in which the marks `mark ..< markEnd` are.
        var cursor = 0
        var end = 0
        var mark = 0
        var markEnd = 0
        /// The list, if it is one; -1 otherwise.
        var list = -1
        var next = 0
        /// Its node, if it is one of the text; else -1.
        var node = -1
        var indent = Indent()
        var form = Form.canonical
        /// The last list in it is a point; before the first, it is one itself.
        var inPoint = false
        /// An atom stands on a new line.
        var isWrapped = false
        /// A list of the text stands on a new line; one that was made does.
        var isBroken = false
        var isNewlyBroken = false
        /// Of the list that was made last, and stands right before.
        var made: (list: Int, example: Example)?
    }

    private var sink = ByteSink()
    private var last = Last.opening
    private var frames: [Frame] = []
    let layout: SourceLayout
    /// By node.
    let marks: [EditedLists.Mark]
    private let root: Int
    private let printedBytesMax: Int

    private static let atomColumn = 72
    private static let pointColumn = 99

    /// `root`: the node of the list around all others.
    init(layout: SourceLayout, root: Int, marks: [EditedLists.Mark], printedBytesMax: Int) {
        self.layout = layout
        self.root = root
        self.marks = marks.sorted { $0.node < $1.node }
        self.printedBytesMax = printedBytesMax
    }

    consuming func print(
        _ nodes: borrowing NodeColumn, text: Span<UInt8>, edits: EditedLists, isCancelled: (() -> Bool)?
    ) throws(SexpFault) -> [UInt8] {
        try reserve(min(text.count + edits.text.count + edits.text.count / 4, printedBytesMax))
        frames.append(Frame(end: text.count, markEnd: marks.count))
        var checkpoint = min(SexpLimits.pollBytes, printedBytesMax)
        while let top = frames.last {
            if sink.count > checkpoint { checkpoint = try poll(isCancelled) }
            if top.list < 0 {
                try copy(nodes, text, edits)
            } else if let item = edits.item(top.next, of: top.list) {
                frames[frames.count - 1].next += 1
                try put(item, at: top.next, nodes, text, edits)
            } else {
                try close(nodes, text, edits)
            }
        }
        _ = try poll(isCancelled)
        return sink.array()
    }

    // MARK: - what is of the text

    /// Copies up to the next edit, and puts that.
    private mutating func copy(
        _ nodes: borrowing NodeColumn, _ text: Span<UInt8>, _ edits: EditedLists
    ) throws(SexpFault) {
        let top = frames[frames.count - 1]
        guard top.mark < top.markEnd else {
            try put(text, top.cursor..<max(top.cursor, top.end))
            frames.removeLast()
            last = .closing  // only lists are copied in pieces
            return
        }
        let mark = marks[top.mark]
        let node = Int(mark.node)
        try put(text, top.cursor..<max(top.cursor, Int(mark.start)))
        frames[frames.count - 1].cursor = max(top.cursor, Int(mark.end))
        frames[frames.count - 1].mark = max(top.mark + 1, firstMark(from: Int(nodes[node].end)))
        guard nodes[node].kind_and_count & 7 == EditedLists.replaced else { return try open(node, nodes, text, edits) }
        // A string may touch its neighbours, a word that stands for it now must not.
        if sink.count > 0, !SourceLayout.isBorder(sink.last) { try put(0x20) }
        try put(edits.atoms[Int(nodes[node].text_start)], edits)
        if Int(mark.end) < text.count, !SourceLayout.isBorder(text[Int(mark.end)]) { try put(0x20) }
    }

    /// A node without the blanks before it.
    private mutating func put(
        node: Int, _ nodes: borrowing NodeColumn, _ text: Span<UInt8>, _ edits: EditedLists
    ) throws(SexpFault) {
        switch nodes[node].kind_and_count & 7 {
        case EditedLists.edited: return try open(node, nodes, text, edits)
        case EditedLists.replaced: return try put(edits.atoms[Int(nodes[node].text_start)], edits)
        case BD_SEXP_LIST: last = .closing
        case BD_SEXP_COMMENT: last = .comment
        case BD_SEXP_WORD where last == .comment:
            return try put(word: text, span(node, nodes, text))
        default: last = .atom
        }
        let span = span(node, nodes, text)
        let first = firstMark(from: node)
        let end = firstMark(from: Int(nodes[node].end))
        if first == end { return try put(text, span) }
        frames.append(Frame(cursor: span.lowerBound, end: span.upperBound, mark: first, markEnd: end))
    }

    /// Opens an edited list.
    private mutating func open(
        _ node: Int, _ nodes: borrowing NodeColumn, _ text: Span<UInt8>, _ edits: EditedLists
    ) throws(SexpFault) {
        let list = Int(nodes[node].text_start)
        let indent = SourceLayout.indent(text, of: span(node, nodes, text).lowerBound)
        // Where no token of the text is left, nothing says how it was laid out.
        let isNew = !edits.lists[list].items.contains { $0.isNode }
        frames.append(
            Frame(
                list: list, node: node, indent: Indent(base: indent ?? 0..<0),
                form: layout.isCanonical || isNew ? .canonical : indent == nil ? .line : .block,
                inPoint: isPoint(.node(node), nodes, text, edits)))
        try put(0x28)
        last = .opening
    }

    // MARK: - one item of a list

    private mutating func put(
        _ item: EditedLists.Item, at position: Int, _ nodes: borrowing NodeColumn, _ text: Span<UInt8>,
        _ edits: EditedLists
    ) throws(SexpFault) {
        let top = frames.count - 1
        if item.isList { return try open(made: item.index, at: position, nodes, text, edits) }
        frames[top].made = nil
        if item.isAtom {
            let atom = edits.atoms[item.index]
            if atom.kind == BD_SEXP_COMMENT {
                try newLine(frames[top].indent.deeper, text)
            } else {
                try atomGap(mayWrap: atom.length == 0 || edits.text[Int(atom.start)] != 0x23, text)
            }
            return try put(atom, edits)
        }
        let node = item.index
        let kind = nodes[node].kind_and_count & 7
        let isList = kind == BD_SEXP_LIST || kind == EditedLists.edited
        let isPoint = isList && isPoint(item, nodes, text, edits)
        let start = span(node, nodes, text).lowerBound
        if frames[top].form == .canonical, kind != BD_SEXP_COMMENT, !follows(node, position, frames[top], nodes, edits) {
            if isList { try listGap(isPoint, text) } else { try atomGap(mayWrap: text[start] != 0x23, text) }
        } else {
            let gap = SourceLayout.gap(text, before: start)
            let hasLine = SourceLayout.hasLineEnd(text, in: gap)
            // `#` starts a comment only where it is a line's first token.
            let needsLine = last == .comment || kind == BD_SEXP_COMMENT && text[start] == 0x23
            if needsLine && !hasLine {
                try newLine(frames[top].indent.deeper, text)
            } else if last == .atom && !isList && gap.isEmpty {
                try put(0x20)
            } else if position > 0 || needsLine {
                try put(text, gap)
            }
            if hasLine, isList { frames[top].isBroken = true }
            if hasLine, !isList { frames[top].isWrapped = true }
        }
        if isList { frames[top].inPoint = isPoint }
        try put(node: node, nodes, text, edits)
    }

    /// Opens a list that an edit made.
    private mutating func open(
        made list: Int, at position: Int, _ nodes: borrowing NodeColumn, _ text: Span<UInt8>, _ edits: EditedLists
    ) throws(SexpFault) {
        let top = frames.count - 1
        let frame = frames[top]
        let isPoint = isPoint(.list(list), nodes, text, edits)
        var inner = Frame(list: list, indent: frame.indent.deeper, form: frame.form, inPoint: isPoint)
        if frame.node >= 0, let example = example(of: list, at: position, frame, nodes, text, edits) {
            frames[top].made = (list, example)
            inner.form = example.form
            let hasLine = SourceLayout.hasLineEnd(text, in: example.gap)
            if last == .comment && !hasLine || last == .opening {
                try listGap(isPoint, text)
            } else {
                try put(text, example.gap)
                frames[top].isNewlyBroken = hasLine
                inner.indent = hasLine ? Indent(base: SourceLayout.afterLineEnd(text, in: example.gap)) : frame.indent
            }
        } else if frame.node >= 0, frame.form == .block, frame.node != root, last != .comment {
            if last != .opening { try put(0x20) }
            inner.indent = frame.indent
        } else {
            try listGap(isPoint, text)
            frames[top].isNewlyBroken = true
        }
        if inner.form == .block, fits(list, edits) { inner.form = .line }
        frames[top].inPoint = isPoint
        frames.append(inner)
        try put(0x28)
        last = .opening
    }

    private mutating func close(_ nodes: borrowing NodeColumn, _ text: Span<UInt8>, _ edits: EditedLists) throws(SexpFault) {
        let frame = frames.removeLast()
        var gap = 0..<0
        var hasLine = last == .comment
        if frame.node >= 0 {
            gap = SourceLayout.gap(text, before: max(0, span(frame.node, nodes, text).upperBound - 1))
        }
        let isCopied = SourceLayout.hasLineEnd(text, in: gap)
        if frame.node >= 0, ends(frame, nodes, edits) {
            if !hasLine || isCopied { try put(text, gap) } else { try newLine(frame.indent, text) }
        } else {
            switch frame.form {
            case .canonical: hasLine = hasLine || last == .closing || frame.isWrapped
            case .block where frame.node < 0: hasLine = hasLine || last == .closing
            case .block where last == .closing:
                hasLine = hasLine || isCopied || frame.isNewlyBroken && !frame.isBroken
            case .block: hasLine = hasLine || isCopied && frame.isWrapped
            case .line, .tight: break
            }
            if hasLine, isCopied { try put(text, gap) } else if hasLine { try newLine(frame.indent, text) }
        }
        try put(0x29)
        last = .closing
    }

    // MARK: - between tokens

    /// Before a list that has no blanks of its own.
    private mutating func listGap(_ isPoint: Bool, _ text: Span<UInt8>) throws(SexpFault) {
        let frame = frames[frames.count - 1]
        switch frame.form {
        case .line, .tight:
            if last == .comment { return try newLine(frame.indent.deeper, text) }
            if last == .atom || last == .closing && frame.form == .line { try put(0x20) }
        case .canonical, .block:
            if frame.inPoint && isPoint && last != .comment && last != .opening && column < Self.pointColumn {
                try put(0x20)
            } else {
                try newLine(frame.indent.deeper, text)
            }
        }
    }

    /// Before an atom that has no blanks of its own.
    private mutating func atomGap(mayWrap: Bool, _ text: Span<UInt8>) throws(SexpFault) {
        if last == .opening { return }
        let top = frames.count - 1
        let wraps = frames[top].form == .canonical && mayWrap && !frames[top].inPoint && column >= Self.atomColumn
        if last != .comment && !wraps { return try put(0x20) }
        try newLine(frames[top].indent.deeper, text)
        frames[top].isWrapped = true
    }

    /// Bytes of the line so far, as far as they matter.
    private var column: Int { sink.columnOfEnd(max: Self.pointColumn) }

    private mutating func newLine(_ indent: Indent, _ text: Span<UInt8>) throws(SexpFault) {
        try reserve(indent.levels * layout.unit.count + 2)
        if layout.hasCarriageReturns { sink.put(0x0D) }
        sink.put(0x0A)
        sink.put(layout.unit.byte, times: indent.levels * layout.unit.count)
        try put(text, indent.base)
    }

    // MARK: - bytes

    private mutating func put(_ atom: EditedLists.Atom, _ edits: EditedLists) throws(SexpFault) {
        let text = edits.text
        let (start, length) = (Int(atom.start), Int(atom.length))
        if atom.kind == BD_SEXP_WORD, last == .comment { return try put(word: text.span, start..<start + length) }
        let isQuoted = atom.kind == BD_SEXP_STRING
        if isQuoted { try put(0x22) }
        try put(text.span, start..<start + length)
        if isQuoted { try put(0x22) }
        last = atom.kind == BD_SEXP_COMMENT ? .comment : .atom
    }

    /// A word at the start of a line, where `#` would make it a comment: it is quoted.
    private mutating func put(word text: Span<UInt8>, _ range: Range<Int>) throws(SexpFault) {
        last = .atom
        guard !range.isEmpty, text[range.lowerBound] == 0x23 else { return try put(text, range) }
        let quoted = SexpText.quoted(text, range)
        try put(quoted.span, 0..<quoted.count)
    }

    private mutating func put(_ text: Span<UInt8>, _ range: Range<Int>) throws(SexpFault) {
        if range.isEmpty { return }
        try reserve(range.count)
        sink.put(text, start: range.lowerBound, length: range.count)
    }

    private mutating func put(_ byte: UInt8) throws(SexpFault) {
        try reserve(1)
        sink.put(byte)
    }

    @inline(__always)
    private mutating func reserve(_ more: Int) throws(SexpFault) {
        if !sink.reserve(more) { throw SexpFault(kind: .outOfMemory, offset: sink.count) }
    }

    /// The count at which to look again.
    private func poll(_ isCancelled: (() -> Bool)?) throws(SexpFault) -> Int {
        if sink.count > printedBytesMax { throw SexpFault(kind: .tooLarge, offset: sink.count) }
        if let isCancelled, isCancelled() { throw SexpFault(kind: .cancelled, offset: sink.count) }
        return min(sink.count + SexpLimits.pollBytes, printedBytesMax)
    }
}
