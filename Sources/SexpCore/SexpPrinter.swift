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
    /// For each open list, the index after its last descendant.
    private var ends: [UInt32] = []
    private let printedBytesMax: Int

    private static let atomColumn = 72
    private static let pointColumn = 99

    init(printedBytesMax: Int) {
        self.printedBytesMax = printedBytesMax
    }

    /// Prints all forms. The final line end is there when the source had one.
    consuming func print(
        _ nodes: borrowing NodeColumn, text: Span<UInt8>, isCancelled: (() -> Bool)?
    ) throws(SexpFault) -> [UInt8] {
        // Other layouts than ours are seldom wider by more than a quarter.
        try reserve(min(text.count + text.count / 4, printedBytesMax))
        let mark = SexpText.byteOrderMarkBytes(text)
        sink.put(text, start: 0, length: mark)
        var checkpoint = min(SexpLimits.pollBytes, printedBytesMax)
        var index = 0
        while index < nodes.count {
            if sink.count > checkpoint { checkpoint = try poll(isCancelled) }
            while let end = ends.last, Int(end) == index { try closeList() }
            let node = nodes[index]
            if node.kind_and_count & 7 == BD_SEXP_LIST {
                try openList(isPoint: Self.isPoint(nodes, index, text))
                ends.append(node.end)
            } else {
                try atom(node, text)
            }
            index += 1
        }
        while !ends.isEmpty { try closeList() }
        if Self.endsWithLine(nodes, text) {
            try reserve(1)
            sink.put(0x0A)
        }
        _ = try poll(isCancelled)
        return sink.array()
    }

    // MARK: - tokens

    private mutating func openList(isPoint: Bool) throws(SexpFault) {
        let depth = ends.count
        try reserve(depth + 2)
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
        ends.removeLast()
        let depth = ends.count
        try reserve(depth + 2)
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

    private mutating func atom(_ node: bd_sexp_node, _ text: Span<UInt8>) throws(SexpFault) {
        let depth = ends.count
        let start = Int(node.text_start)
        let length = Int(node.text_length)
        try reserve(depth + length + 3)
        switch node.kind_and_count & 7 {
        case BD_SEXP_COMMENT:
            if last != .nothing { newLine(depth) }
            sink.put(text, start: start, length: length)
            last = .comment
            return
        case BD_SEXP_STRING:
            beforeAtom(depth, mayWrap: true)
            sink.put(0x22)
            sink.put(text, start: start, length: length)
            sink.put(0x22)
            column += length + 2
        default:
            beforeAtom(depth, mayWrap: length == 0 || text[start] != 0x23)
            sink.put(text, start: start, length: length)
            column += length
        }
        last = .atom
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
    private static func isPoint(_ nodes: borrowing NodeColumn, _ list: Int, _ text: Span<UInt8>) -> Bool {
        guard Int(nodes[list].end) > list + 2 else { return false }
        let head = nodes[list + 1]
        guard head.kind_and_count & 7 == BD_SEXP_WORD, head.text_length == 2 else { return false }
        let start = Int(head.text_start)
        guard text[start] == 0x78, text[start + 1] == 0x79 else { return false }
        let second = nodes[list + 2].kind_and_count & 7
        return second != BD_SEXP_LIST && second != BD_SEXP_COMMENT
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
            let message =
                switch error.kind {
                case .tooLarge: "the printed text has more bytes than printedBytesMax = \(limits.printedBytesMax)"
                case .cancelled: "printing was cancelled"
                default: "no memory for the printed text"
                }
            throw SexpError(kind: error.kind, message: message, label: label)
        }
    }
}
