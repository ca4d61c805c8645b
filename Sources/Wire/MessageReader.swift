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
            buffer.removeAll(keepingCapacity: true)
            start = 0
        } else if start > 1 << 16, start > buffer.count / 2 {
            buffer.removeFirst(start)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next whole message, or nil until more bytes come.
    public mutating func next() throws(WireError) -> Message? {
        while let frame = try nextFrame() {
            if var message = partial {
                partial = nil
                guard frame.operation == message.operation else {
                    throw WireError(
                        "frame of operation \(frame.operation) inside a message of operation \(message.operation)")
                }
                guard message.payload.count + frame.payload.count <= messageBytesMax else {
                    throw WireError("a message exceeds messageBytesMax (\(messageBytesMax))")
                }
                message.payload.append(contentsOf: frame.payload)
                message.flags = frame.flags
                if frame.flags.contains(.more) {
                    partial = message
                    continue
                }
                return message
            }
            guard frame.payload.count <= messageBytesMax else {
                throw WireError("a message exceeds messageBytesMax (\(messageBytesMax))")
            }
            if frame.flags.contains(.more) {
                guard !frame.payload.isEmpty else { throw WireError("an empty frame that says there is more") }
                partial = frame
                continue
            }
            return frame
        }
        return nil
    }

    private mutating func nextFrame() throws(WireError) -> Message? {
        let available = buffer.count - start
        guard available >= FrameHeader.byteCount else { return nil }
        let head = Array(buffer[start..<start + FrameHeader.byteCount])
        let header = try FrameHeader(decoding: head)
        guard available >= FrameHeader.byteCount + header.paddedBytes else { return nil }
        let payloadStart = start + FrameHeader.byteCount
        let payload = Array(buffer[payloadStart..<payloadStart + Int(header.payloadBytes)])
        start = payloadStart + header.paddedBytes
        if start == buffer.count {
            if buffer.capacity > 4 << 20 { buffer = [] } else { buffer.removeAll(keepingCapacity: true) }
            start = 0
        }
        return Message(operation: header.operation, flags: header.flags, payload: payload)
    }
}
