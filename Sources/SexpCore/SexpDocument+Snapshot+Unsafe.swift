// The document as one flat block that another process can walk in place.
//
// For: header, nodes and text of bd_layout.h, in this order. Must not: reformat anything; the nodes are the ones the
// parser made. Cost: the copies of nodes and text; none with `withSnapshotPieces`.
internal import CLayout

extension SexpDocument {
    private static let headerBytes = MemoryLayout<bd_snapshot_header>.size

    /// Size of the snapshot: header, nodes, text.
    public var snapshotBytes: Int {
        Self.headerBytes + nodes.count * MemoryLayout<bd_sexp_node>.stride + text.count
    }

    /// The three pieces of the snapshot, which follow each other without gaps; valid inside `body` only.
    public func withSnapshotPieces<Result>(
        _ body: (_ header: UnsafeRawBufferPointer, _ nodes: UnsafeRawBufferPointer, _ text: UnsafeRawBufferPointer) ->
            Result
    ) -> Result {
        let header = bd_snapshot_header(
            magic: UInt64(BD_SNAPSHOT_MAGIC), node_count: UInt64(nodes.count), text_bytes: UInt64(text.count),
            nodes_offset: UInt64(Self.headerBytes),
            text_offset: UInt64(Self.headerBytes + nodes.count * MemoryLayout<bd_sexp_node>.stride))
        return withUnsafeBytes(of: header) { header in
            nodes.withBytes { nodes in
                text.withUnsafeBytes { text in body(header, nodes, text) }
            }
        }
    }

    /// Appends the snapshot. Its start must lie at a multiple of 8 wherever it is walked in place.
    public func appendSnapshot(to target: inout [UInt8]) {
        target.reserveCapacity(target.count + snapshotBytes)
        withSnapshotPieces { header, nodes, text in
            target.append(contentsOf: header)
            target.append(contentsOf: nodes)
            target.append(contentsOf: text)
        }
    }

    /// Writes the snapshot to the start of `target`; answers its size; nil, and nothing written, when it is too small.
    public func writeSnapshot(into target: UnsafeMutableRawBufferPointer) -> Int? {
        let size = snapshotBytes
        guard target.count >= size else { return nil }
        withSnapshotPieces { header, nodes, text in
            var offset = 0
            for piece in [header, nodes, text] {
                UnsafeMutableRawBufferPointer(rebasing: target[offset..<offset + piece.count]).copyMemory(from: piece)
                offset += piece.count
            }
        }
        return size
    }

    /// Parses a copy of `bytes`; see `parse(_:[UInt8])`. A text above the limit is refused before it is looked at.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer, label: String? = nil, limits: SexpLimits = SexpLimits(),
        isCancelled: (() -> Bool)? = nil
    ) throws(SexpError) -> SexpDocument {
        if bytes.count > limits.textBytesMax { throw tooLarge(bytes.count, label, limits) }
        return try parse([UInt8](bytes), label: label, limits: limits, isCancelled: isCancelled)
    }
}
