// Every maximum of this module, each with its reason.
//
// For: keeping the cost of any text bounded; what exceeds one of them is an ordinary SexpError that names it.
// Must not: be consulted from anywhere but a SexpLimits value, so that a test or an embedder can lower each.
// Cost: none.

/// The maxima for one document. A value above what the layout can express is lowered to that.
public struct SexpLimits: Sendable, Equatable {
    /// Lists inside lists. No real file seen goes beyond 9; KiCad's own readers recurse and could not read such a text.
    public static let depthDefault = 1_000
    /// Bytes of source text: places in it are 32-bit numbers. The message that brings it has about the same bound.
    public static let textBytesDefault = textBytesCeiling
    /// Nodes of one document: 4 GiB of them. A board has one for every 7 or 8 bytes, so that 2 GiB of board fit.
    public static let nodesDefault = 1 << 28
    /// Bytes of printed text: indentation can multiply a text by the depth of its lists.
    public static let printedBytesDefault = 1 << 33

    /// The number of children shares a 32-bit word with the kind: 29 bits are left for it, and so for all nodes.
    static let nodesCeiling = (1 << 29) - 1
    static let textBytesCeiling = (1 << 32) - 16
    /// Bytes between two looks at the cancellation flag: 64 KiB are parsed in well under a millisecond.
    public static let pollBytes = 1 << 16
    /// Open lists that an error names; the middle of a longer path is left out.
    static let pathHeadsShown = 12
    /// Bytes of one name in the path of an error.
    static let pathHeadBytes = 48
    /// Bytes of source shown on either side of the place of an error.
    static let excerptBytes = 80

    /// Longer texts get no hint with their error: the search for one would delay it by seconds.
    static let hintTextBytes = 1 << 26

    public var depthMax: Int
    public var textBytesMax: Int
    public var nodesMax: Int
    public var printedBytesMax: Int

    public init(
        depthMax: Int = depthDefault, textBytesMax: Int = textBytesDefault, nodesMax: Int = nodesDefault,
        printedBytesMax: Int = printedBytesDefault
    ) {
        self.depthMax = max(0, depthMax)
        self.textBytesMax = min(max(0, textBytesMax), Self.textBytesCeiling)
        self.nodesMax = min(max(0, nodesMax), Self.nodesCeiling)
        self.printedBytesMax = max(0, printedBytesMax)
    }
}
