// Nodes in the order of the text, closed by index instead of by recursion.
//
// For: making the flat tree of bd_layout.h while the parser reads. While a list is open, its `end` holds its parent's
// index plus one, so that the chain of open lists needs no stack of its own and an error can name them.
// Must not: know characters. Cost: one 16-byte store for each node, two small stores more for a list.
internal import CLayout

struct TreeBuilder: ~Copyable {
    private(set) var nodes = NodeColumn()
    /// Innermost open list, -1 outside of all.
    private(set) var open = -1
    private(set) var depth = 0
    /// Children of the innermost open list so far; forms while none is open.
    private var children: UInt32 = 0
    private var forms: UInt32 = 0
    private let depthMax: Int
    private let nodesMax: Int

    /// Bytes of text for each node in KiCad's boards are between 6 and 8.
    private static let bytesPerNode = 6

    init(textBytes: Int, limits: SexpLimits) {
        depthMax = limits.depthMax
        nodesMax = limits.nodesMax
        // When there is no memory for the guess, the growth of the column will tell.
        _ = nodes.resize(to: min(nodesMax, textBytes / Self.bytesPerNode + 8))
    }

    var formCount: Int { Int(open < 0 ? children : forms) }

    @inline(__always)
    mutating func addAtom(_ kind: UInt32, start: Int, length: Int) throws(SexpFault) {
        let index = nodes.count
        try add(
            bd_sexp_node(
                end: UInt32(truncatingIfNeeded: index + 1), kind_and_count: kind, text_start: UInt32(truncatingIfNeeded: start),
                text_length: UInt32(truncatingIfNeeded: length)), at: start)
        children += 1
    }

    @inline(__always)
    mutating func openList(at offset: Int) throws(SexpFault) {
        if depth >= depthMax { throw SexpFault(kind: .tooDeep, offset: offset) }
        let index = nodes.count
        try add(
            bd_sexp_node(
                end: UInt32(truncatingIfNeeded: open + 1), kind_and_count: BD_SEXP_LIST,
                text_start: UInt32(truncatingIfNeeded: offset), text_length: 0), at: offset)
        if open < 0 {
            forms = children + 1
        } else {
            nodes[open].kind_and_count = (children + 1) << 3 | BD_SEXP_LIST
        }
        children = 0
        open = index
        depth += 1
    }

    /// `offset` is the place of the closing parenthesis.
    @inline(__always)
    mutating func closeList(at offset: Int) throws(SexpFault) {
        if open < 0 { throw SexpFault(kind: .unexpectedRightParen, offset: offset) }
        let closed = open
        open = Int(nodes[closed].end) - 1
        nodes[closed].kind_and_count = children << 3 | BD_SEXP_LIST
        nodes[closed].text_length = UInt32(truncatingIfNeeded: offset + 1) - nodes[closed].text_start
        nodes[closed].end = UInt32(truncatingIfNeeded: nodes.count)
        children = open < 0 ? forms : nodes[open].kind_and_count >> 3
        depth -= 1
    }

    /// The limit keeps every index and count below 2^29.
    @inline(__always)
    private mutating func add(_ node: bd_sexp_node, at offset: Int) throws(SexpFault) {
        if nodes.count >= nodesMax { throw SexpFault(kind: .tooLarge, offset: offset) }
        if !nodes.append(node) { throw SexpFault(kind: .outOfMemory, offset: offset) }
    }

    /// Indexes of the open lists, outermost first; at most `shown` of each end of the chain.
    func openLists(shown: Int) -> (outer: [Int], inner: [Int]) {
        var inner: [Int] = []
        var outer: [Int] = []
        var list = open
        var left = depth
        while list >= 0 {
            if inner.count < shown {
                inner.append(list)
            } else if left <= shown {
                outer.append(list)
            }
            left -= 1
            list = Int(nodes[list].end) - 1
        }
        return (outer.reversed(), inner.reversed())
    }

    consuming func finish() -> NodeColumn {
        check(open < 0, "the tree is finished with \(depth) lists open")
        // Giving back room cannot fail in a way that matters: the column is then only larger.
        _ = nodes.resize(to: nodes.count)
        return nodes
    }
}
