// A tree to the layout that KiCad 8, 9 and 10 write.
//
// For: giving back a file of theirs unchanged, and any other text in one well-known form. Columns count bytes, a tab is
// one. Atoms are copied as they were written. Must not: change, drop or invent a token; recurse. Comments, which KiCad
// does not write, get a line of their own; a word that starts with '#' is never put first on a line, where it would
// turn into one. Cost: about a nanosecond for each byte; what was printed is one growing block.
internal import CLayout

struct SexpPrinter: ~Copyable {
    private enum Last { case nothing, opening, closing, atom, comment }

    private var sink = ByteSink()
    private var last = Last.nothing
    private var column = 0
    /// The most recently opened list is a point, `(xy 1 2)`: points share lines.
    private var inPoint = false
    /// An atom was moved to a new line since the last parenthesis that closed on a line of its own.
    private var wrapped = false
    /// The open lists, outermost first.
    private var frames: [Frame] = []
    private let printedBytesMax: Int
    /// One LF at the end, whatever the source had, and strings spelled as KiCad does.
    private let isPlain: Bool

    /// An open list: of the text, up to the node `end`; or one that was edited, of which `next` is the next item.
    private struct Frame {
        let end: Int
        var list = -1
        var next = 0
    }

    private static let atomColumn = 72
    private static let pointColumn = 99

    init(printedBytesMax: Int, isPlain: Bool = false) {
        self.printedBytesMax = printedBytesMax
        self.isPlain = isPlain
    }

    /// Prints all forms. The final line end is there when the source had one.
    consuming func print(
        _ nodes: borrowing NodeColumn, text: Span<UInt8>, edits: EditedLists = EditedLists(),
        isCancelled: (() -> Bool)?
    ) throws(SexpFault) -> [UInt8] {
        // Other layouts than ours are seldom wider by more than a quarter.
        try reserve(min(text.count + text.count / 4, printedBytesMax))
        let mark = SexpText.byteOrderMarkBytes(text)
        sink.put(text, start: 0, length: mark)
        try print(nodes, from: 0, to: nodes.count, text, edits, isCancelled)
        if isPlain || Self.endsWithLine(nodes, text) {
            try reserve(1)
            sink.put(0x0A)
        }
        _ = try poll(isCancelled)
        return sink.array()
    }

    /// Prints one item alone, without a line end behind it.
    consuming func print(
        item: EditedLists.Item, _ nodes: borrowing NodeColumn, text: Span<UInt8>, edits: EditedLists
    ) throws(SexpFault) -> [UInt8] {
        let isAtom = item.isAtom || item.isNode && ![BD_SEXP_LIST, EditedLists.edited].contains(nodes[item.index].kind_and_count & 7)
        if isAtom { last = .opening }  // no blank before it
        if item.isNode {
            try print(nodes, from: item.index, to: Int(nodes[item.index].end), text, edits, nil)
        } else if item.isList {
            try open(list: item.index, end: 0, nodes, text, edits)
            try print(nodes, from: 0, to: 0, text, edits, nil)
        } else {
            try atom(edits.atoms[item.index], edits)
        }
        return sink.array()
    }

    private mutating func print(
        _ nodes: borrowing NodeColumn, from first: Int, to last: Int, _ text: Span<UInt8>,
        _ edits: EditedLists,
        _ isCancelled: (() -> Bool)?
    ) throws(SexpFault) {
        var checkpoint = min(SexpLimits.pollBytes, printedBytesMax)
        var index = first
        while true {
            if sink.count > checkpoint { checkpoint = try poll(isCancelled) }
            if let top = frames.last {
                if top.list >= 0 {
                    if let item = edits.item(top.next, of: top.list) {
                        frames[frames.count - 1].next += 1
                        if item.isList {
                            try open(list: item.index, end: 0, nodes, text, edits)
                            continue
                        }
                        if item.isAtom {
                            try atom(edits.atoms[item.index], edits)
                            continue
                        }
                        index = item.index
                    } else {
                        try closeList()
                        index = top.end
                        continue
                    }
                } else if top.end == index {
                    try closeList()
                    continue
                }
            } else if index >= last {
                return
            }
            let node = nodes[index]
            switch node.kind_and_count & 7 {
            case BD_SEXP_LIST:
                try openList(isPoint: Self.isPoint(nodes, index, text))
                frames.append(Frame(end: Int(node.end)))
                index += 1
            case EditedLists.edited:
                try open(list: Int(node.text_start), end: Int(node.end), nodes, text, edits)
            case EditedLists.replaced:
                try atom(edits.atoms[Int(node.text_start)], edits)
                index += 1
            default:
                try atom(
                    node.kind_and_count & 7, text, start: Int(node.text_start), length: Int(node.text_length))
                index += 1
            }
        }
    }

    /// Opens an edited list; behind it the nodes go on at `end`.
    private mutating func open(
        list: Int, end: Int, _ nodes: borrowing NodeColumn, _ text: Span<UInt8>, _ edits: EditedLists
    ) throws(SexpFault) {
        try openList(isPoint: Self.isPoint(edits, list, nodes, text))
        frames.append(Frame(end: end, list: list))
    }

    // MARK: - tokens

    private mutating func openList(isPoint: Bool) throws(SexpFault) {
        let depth = frames.count
        try reserve(depth + 3)
        if last == .nothing {
            column = 1
        } else if inPoint && isPoint && column < Self.pointColumn && last != .comment {
            sink.put(0x20)
            column += 2
        } else {
            newLine(depth)
            column = depth + 1
        }
        sink.put(0x28)
        inPoint = isPoint
        last = .opening
    }

    private mutating func closeList() throws(SexpFault) {
        frames.removeLast()
        let depth = frames.count
        try reserve(depth + 3)
        if last == .closing || last == .comment || wrapped {
            newLine(depth)
            column = depth + 1
            wrapped = false
        } else {
            column += 1
        }
        sink.put(0x29)
        last = .closing
    }

    /// An atom that an edit made.
    private mutating func atom(_ atom: EditedLists.Atom, _ edits: EditedLists) throws(SexpFault) {
        let text = edits.text
        try self.atom(atom.kind, text.span, start: Int(atom.start), length: Int(atom.length))
    }

    @inline(__always)
    private mutating func atom(_ kind: UInt32, _ text: Span<UInt8>, start: Int, length: Int)
        throws(SexpFault)
    {
        let depth = frames.count
        try reserve(depth + length + 4)
        switch kind {
        case BD_SEXP_COMMENT:
            if last != .nothing { newLine(depth) }
            sink.put(text, start: start, length: length)
            last = .comment
            return
        case BD_SEXP_STRING:
            beforeAtom(depth, mayWrap: true)
            sink.put(0x22)
            if isPlain, Self.isOdd(text, start, length) {
                column += try putRespelled(text, start, length) + 2
            } else {
                sink.put(text, start: start, length: length)
                column += length + 2
            }
            sink.put(0x22)
        case BD_SEXP_WORD where last == .comment && length > 0 && text[start] == 0x23:
            // An edit moved it: at the start of a line it would be a comment.
            beforeAtom(depth, mayWrap: true)
            let quoted = SexpText.quoted(text, start..<start + length)
            try reserve(quoted.count)
            sink.put(quoted.span, start: 0, length: quoted.count)
            column += quoted.count
        default:
            beforeAtom(depth, mayWrap: length == 0 || text[start] != 0x23)
            sink.put(text, start: start, length: length)
            column += length
        }
        last = .atom
    }

    /// Is the string spelled otherwise than KiCad would?
    private static func isOdd(_ text: Span<UInt8>, _ start: Int, _ length: Int) -> Bool {
        var position = start
        while position < start + length {
            switch text[position] {
            case 0x0A, 0x0D: return true
            case 0x5C:
                position += 1
                guard position < start + length, [0x22, 0x5C, 0x6E, 0x72].contains(text[position]) else { return true }
            default: break
            }
            position += 1
        }
        return false
    }

    /// A string as KiCad would spell it, unless that would be no UTF-8. Answers the bytes that were put.
    private mutating func putRespelled(_ text: Span<UInt8>, _ start: Int, _ length: Int) throws(SexpFault) -> Int {
        var raw: [UInt8] = []
        raw.reserveCapacity(length)
        for position in start..<start + length { raw.append(text[position]) }
        let value = SexpText.unescape(raw)
        let isText = value.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) != nil } && !value.contains(0)
        let spelled = isText ? SexpText.escape(value) : raw
        try reserve(spelled.count + 2)
        sink.put(spelled.span, start: 0, length: spelled.count)
        return spelled.count
    }

    @inline(__always)
    private mutating func beforeAtom(_ depth: Int, mayWrap: Bool) {
        if last == .opening { return }
        if last == .comment {
            newLine(depth)
            column = depth
        } else if inPoint || column < Self.atomColumn || !mayWrap {
            sink.put(0x20)
            column += 1
        } else {
            newLine(depth)
            column = depth
            wrapped = true
        }
    }

    @inline(__always)
    private mutating func newLine(_ depth: Int) {
        sink.put(0x0A)
        sink.put(0x09, times: depth)
    }

    // MARK: - questions

    /// `xy` and an atom after it.
    @inline(__always)
    private static func isPoint(_ nodes: borrowing NodeColumn, _ list: Int, _ text: Span<UInt8>)
        -> Bool
    {
        guard Int(nodes[list].end) > list + 2 else { return false }
        let head = nodes[list + 1]
        guard head.kind_and_count & 7 == BD_SEXP_WORD, head.text_length == 2 else { return false }
        let start = Int(head.text_start)
        guard text[start] == 0x78, text[start + 1] == 0x79 else { return false }
        let second = nodes[list + 2].kind_and_count & 7
        return second != BD_SEXP_LIST && second != BD_SEXP_COMMENT && second != EditedLists.edited
    }

    private static func isPoint(
        _ edits: EditedLists, _ list: Int, _ nodes: borrowing NodeColumn, _ text: Span<UInt8>
    ) -> Bool {
        guard let head = edits.item(0, of: list), let second = edits.item(1, of: list) else {
            return false
        }
        if head.isAtom {
            let atom = edits.atoms[head.index]
            guard atom.kind == BD_SEXP_WORD, atom.length == 2, edits.text[Int(atom.start)] == 0x78,
                edits.text[Int(atom.start) + 1] == 0x79
            else { return false }
        } else {
            guard head.isNode else { return false }
            let node = nodes[head.index]
            guard node.kind_and_count & 7 == BD_SEXP_WORD, node.text_length == 2,
                text[Int(node.text_start)] == 0x78,
                text[Int(node.text_start) + 1] == 0x79
            else { return false }
        }
        if second.isList { return false }
        if second.isAtom { return edits.atoms[second.index].kind != BD_SEXP_COMMENT }
        let kind = nodes[second.index].kind_and_count & 7
        return kind != BD_SEXP_LIST && kind != BD_SEXP_COMMENT && kind != EditedLists.edited
    }

    /// A line end behind the last token.
    private static func endsWithLine(_ nodes: borrowing NodeColumn, _ text: Span<UInt8>) -> Bool {
        var position = text.count
        while position > 0 {
            position -= 1
            switch text[position] {
            case 0x0A: return true
            case 0x20, 0x09, 0x0D: continue
            default: return false
            }
        }
        return false
    }

    // MARK: - limits

    @inline(__always)
    private mutating func reserve(_ more: Int) throws(SexpFault) {
        if !sink.reserve(more) { throw SexpFault(kind: .outOfMemory, offset: sink.count) }
    }

    /// The count at which to look again.
    private func poll(_ isCancelled: (() -> Bool)?) throws(SexpFault) -> Int {
        if sink.count > printedBytesMax {
            throw SexpFault(kind: .tooLarge, offset: sink.count)
        }
        if let isCancelled, isCancelled() { throw SexpFault(kind: .cancelled, offset: sink.count) }
        return min(sink.count + SexpLimits.pollBytes, printedBytesMax)
    }
}

extension SexpDocument {
    /// The document in KiCad's layout; ends with a line end when the source did. A text of KiCad 8 or later that nobody
    /// edited comes back byte for byte. Fails only with `tooLarge`, `outOfMemory` or `cancelled`.
    public func canonicalBytes(isCancelled: (() -> Bool)? = nil) throws(SexpError) -> [UInt8] {
        let text = text
        let printer = SexpPrinter(printedBytesMax: limits.printedBytesMax)
        do {
            return try printer.print(nodes, text: text.span, isCancelled: isCancelled)
        } catch {
            throw printingError(error)
        }
    }

    func printingError(_ error: SexpFault) -> SexpError {
        let message =
            switch error.kind {
            case .tooLarge:
                "the printed text has more bytes than printedBytesMax = \(limits.printedBytesMax)"
            case .cancelled: "printing was cancelled"
            default: "no memory for the printed text"
            }
        return SexpError(kind: error.kind, message: message, label: label)
    }
}
