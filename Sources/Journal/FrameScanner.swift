// Counts requests in frames without reading their payloads: where the last whole frame ends, and how many messages that
// change state end there. Must count as the MessageReader that hands the messages out. Cost: one load per frame.

import Wire

public struct FrameScanner {
    /// Frames of a message came, but not the last one.
    public private(set) var isInsideMessage = false

    public init() {}

    public struct Counts {
        /// Bytes of whole frames.
        public var bytes = 0
        /// Messages that change state and end in them.
        public var changes: UInt64 = 0
        /// Parts of messages that came in several frames: these belong into the journal as well.
        public var hasParts = false
    }

    /// Looks at the bytes of a stream from the end of the last whole frame on. Broken frames end the count: the reader will
    /// say what is wrong with them.
    public mutating func scan(_ bytes: UnsafeRawBufferPointer, changesState: (UInt16) -> Bool) -> Counts {
        var counts = Counts()
        while bytes.count - counts.bytes >= FrameHeader.byteCount {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: counts.bytes, as: UInt64.self))
            let spanned = FrameHeader.byteCount + (Int(UInt32(truncatingIfNeeded: word)) + 7) & ~7
            guard bytes.count - counts.bytes >= spanned else { break }
            counts.bytes += spanned
            let operation = UInt16(truncatingIfNeeded: word >> 32)
            let isLast = UInt16(word >> 48) & FrameFlags.more.rawValue == 0
            if !isLast || isInsideMessage { counts.hasParts = true }
            isInsideMessage = !isLast
            if isLast, changesState(operation) { counts.changes += 1 }
        }
        return counts
    }
}
