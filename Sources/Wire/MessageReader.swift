// Bytes as they come from a socket → whole messages. Must never allocate by what a header claims: it grows with the bytes
// that came. Cost: each payload is copied once out of the buffer, twice when it came in several frames.

public struct MessageReader {
    private var buffer: [UInt8] = []
    private var start = 0
    private var partial: Message?
    private let messageBytesMax: Int

    public init(messageBytesMax: Int = Limits.messageBytesMax) {
        self.messageBytesMax = messageBytesMax
    }

    /// Bytes received and not yet part of a message that was handed out.
    public var pendingBytes: Int { buffer.count - start + (partial?.payload.count ?? 0) }

    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 4 << 20)
            start = 0
        } else if start > 1 << 16, start > buffer.count / 2 {
            buffer.removeFirst(start)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// A message whose payload is read where it lies. It must be gone before the next `append`.
    public struct InPlace {
        public let operation: UInt16
        public let flags: FrameFlags
        public let payload: PayloadReader
    }

    /// The next whole message, or nil until more bytes come.
    public mutating func next() throws(WireError) -> Message? {
        guard let message = try nextInPlace() else { return nil }
        return Message(operation: message.operation, flags: message.flags, payload: Array(message.payload.rest))
    }

    /// The next whole message without a copy, as long as it came in one frame.
    public mutating func nextInPlace() throws(WireError) -> InPlace? {
        while let (header, payload) = try nextFrame() {
            let isLast = !header.flags.contains(.more)
            if isLast, partial == nil {
                return InPlace(
                    operation: header.operation, flags: header.flags, payload: PayloadReader(buffer, in: payload))
            }
            guard isLast || !payload.isEmpty else { throw WireError("an empty frame that says there is more") }
            var message = partial ?? Message(operation: header.operation, flags: header.flags, payload: [])
            partial = nil
            guard header.operation == message.operation else {
                throw WireError("frame of operation \(header.operation) inside a message of operation \(message.operation)")
            }
            guard message.payload.count + payload.count <= messageBytesMax else {
                throw WireError("a message exceeds messageBytesMax (\(messageBytesMax))")
            }
            message.payload.append(contentsOf: buffer[payload])
            message.flags = header.flags
            if isLast {
                return InPlace(
                    operation: message.operation, flags: message.flags, payload: PayloadReader(message.payload))
            }
            partial = message
        }
        return nil
    }

    /// Header and place of the payload of the next whole frame.
    private mutating func nextFrame() throws(WireError) -> (FrameHeader, Range<Int>)? {
        let available = buffer.count - start
        guard available >= FrameHeader.byteCount else { return nil }
        let from = start
        let header = try FrameHeader(
            word: buffer.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: from, as: UInt64.self)) })
        guard header.payloadBytes <= messageBytesMax else {
            throw WireError("a message exceeds messageBytesMax (\(messageBytesMax))")
        }
        guard available >= FrameHeader.byteCount + header.paddedBytes else { return nil }
        let payloadStart = start + FrameHeader.byteCount
        start = payloadStart + header.paddedBytes
        return (header, payloadStart..<payloadStart + Int(header.payloadBytes))
    }
}
