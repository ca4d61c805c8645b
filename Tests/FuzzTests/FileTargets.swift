// Texts and files from outside: S-expressions and saved views.

import Glibc

@testable import GraphCore
@testable import SexpCore

extension FuzzTarget {
    /// What can be parsed keeps each token: printed and parsed again it prints the same. Small limits, so that they are met.
    static let sexp = FuzzTarget(
        name: "sexp",
        seeds: {
            [
                "(kicad_pcb (version 20240108) (net 1 \"GND\") (at 1.5 -2 90))", "; a comment\n(a (b \"c \\\" d\") (c))\n(e)",
                "\u{FEFF}(a\r\n\tb)", "(((((((((())))))))))", "(a \"\\x41\\101\\n\")", "(a", ")", "(pts (xy 1 2) (xy 3 4))",
            ].map { Array($0.utf8) }
        }
    ) { input in
        let limits = SexpLimits(depthMax: 24, textBytesMax: 1 << 16, nodesMax: 4096, printedBytesMax: 1 << 18)
        let document: SexpDocument
        do throws(SexpError) { document = try SexpDocument.parse(input, label: "fuzz", limits: limits) } catch {
            require(!error.description.isEmpty && error.byteOffset <= input.count, "an error without words or place")
            return
        }
        document.checkInvariants()
        var snapshot: [UInt8] = []
        document.appendSnapshot(to: &snapshot)
        require(snapshot.count == document.snapshotBytes, "a snapshot of another size than said")
        input.withUnsafeBytes { canary($0, document.formCount == 2 && document.childCount(of: 0) == 3) }
        guard let printed = try? document.canonicalBytes() else { return }
        do {
            let again = try SexpDocument.parse(printed, limits: SexpLimits())
            require(again.nodeCount == document.nodeCount, "\(document.nodeCount) nodes, printed \(again.nodeCount)")
            require(try again.canonicalBytes() == printed, "a text that prints differently the second time")
        } catch { require(false, "what was printed cannot be read: \(error)") }
    }

    /// With its checksums made right: else nothing behind them is ever reached.
    static let viewFile = FuzzTarget(
        name: "view-file", seeds: { [readBytes("\(fixtures)/view-1.bdgv")] + smallViews() }
    ) { input in
        let file = withChecksums(input)
        let memory = FuzzMemory()
        let arena = Arena(base: memory.base, capacityBytes: FuzzMemory.bytes) { _ in }
        var graph = GraphStore(arena: arena)
        var taken: (nodes: Int, edges: Int) = (0, 0)
        do {
            let ids = try file.withUnsafeBytes { bytes in
                try graph.load(file: bytes) { _, nodes, edges in
                    taken = (nodes, edges)
                    return LoadedIds(view: 1, firstNode: 1, firstEdge: 1)
                }
            }
            graph.checkInvariants()
            let saved = try graph.fileBytes(view: ids.view)
            let types = try graph.edgeTable(view: ids.view).map { $0.bits & 0xFF }
            saved.withUnsafeBytes { canary($0, types.contains { $0 >= 0xE0 }) }
            require(try loadedAndSaved(saved) == saved, "a view that is another when it is saved and loaded")
            try graph.destroyView(1)
        } catch {
            require(error is GraphError, "\(error)")
            graph.checkInvariants()
        }
        require(graph.nodeCount == 0 && graph.edgeCount == 0, "\(graph.nodeCount) nodes and \(graph.edgeCount) edges are left")
    }
}

/// Into another graph, with the ids that the file names.
private func loadedAndSaved(_ file: [UInt8]) throws -> [UInt8] {
    let memory = FuzzMemory()
    let arena = Arena(base: memory.base, capacityBytes: FuzzMemory.bytes) { _ in }
    var graph = GraphStore(arena: arena)
    let ids = try file.withUnsafeBytes { bytes in
        try graph.load(file: bytes) { _, _, _ in LoadedIds(view: 1, firstNode: 1, firstEdge: 1) }
    }
    return try graph.fileBytes(view: ids.view)
}

/// Anonymous memory for a graph of a few thousand objects.
final class FuzzMemory {
    static let bytes = Arena.regionBytes(limit: 24 * Arena.segmentBytes)
    let base: UnsafeMutableRawPointer

    init() {
        let map = mmap(nil, FuzzMemory.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let map, map != MAP_FAILED else { fatalError("no memory for a graph") }
        base = map
    }

    deinit { munmap(base, FuzzMemory.bytes) }
}

private func smallViews() -> [[UInt8]] {
    let memory = FuzzMemory()
    let arena = Arena(base: memory.base, capacityBytes: FuzzMemory.bytes) { _ in }
    var graph = GraphStore(arena: arena)
    do {
        try graph.createView(1, selfNode: 1)
        let empty = try graph.fileBytes(view: 1)
        try graph.createNode(2, attributes: [("name", .string("n")), ("value", .int(-1))])
        try graph.insertNode(view: 1, node: 2)
        for edge in UInt32(1)...3 {
            try graph.createEdge(Edge(id: edge, source: 1, target: 2, bits: 0x101), attributes: [("order", .bool(true))])
            try graph.insertEdge(view: 1, edge: edge)
        }
        return [empty, try graph.fileBytes(view: 1)]
    } catch { return [] }
}

/// The bytes as a file whose header and sections have the sums of what they hold, as far as its sections can be found.
private func withChecksums(_ input: [UInt8]) -> [UInt8] {
    var file = input
    guard file.count >= ViewFile.headerBytes else { return file }
    func word(_ at: Int) -> UInt64 { (0..<8).reduce(0) { $0 | UInt64(file[at + $1]) << UInt64($1 * 8) } }
    func store(_ value: UInt64, at offset: Int) { for at in 0..<8 { file[offset + at] = UInt8(truncatingIfNeeded: value >> UInt64(at * 8)) } }
    func sum(_ range: Range<Int>) -> UInt64 { file.withUnsafeBytes { ViewFile.checksum(UnsafeRawBufferPointer(rebasing: $0[range])) } }
    for (at, byte) in ViewFile.magic.enumerated() { file[at] = byte }
    store(UInt64(file.count), at: 16)
    store(sum(0..<32), at: 32)
    var start = ViewFile.headerBytes
    while start + ViewFile.sectionHeadBytes <= file.count {
        let count = word(start + 8)
        guard count <= UInt64(file.count - start - ViewFile.sectionHeadBytes) else { break }
        let end = start + ViewFile.sectionHeadBytes + Int(count)
        let padded = end + (-end & 7)
        guard padded <= file.count else { break }
        store(0, at: start + 16)
        store(sum(start..<padded), at: start + 16)
        start = padded
    }
    return file
}
