// Bytes as they come from a socket → whole messages. Must never allocate by what a header claims: it grows with the bytes
// that came. Cost: each payload is copied once out of the buffer, twice when it came in several frames.

public struct MessageReader {
    private var buffer: [UInt8] = []
    private var start = 0
    private var partial: Message?
    private let messageBytesMax: Int
    /// A frame of the largest size, and what was received behind it.
    private static let keptBytes = 2 * Limits.frameBytesMax

    public init(messageBytesMax: Int = Limits.messageBytesMax) {
        self.messageBytesMax = messageBytesMax
    }

    /// Bytes received and not yet part of a message that was handed out.
    public var pendingBytes: Int { buffer.count - start + (partial?.payload.count ?? 0) }

    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= MessageReader.keptBytes)
            start = 0
        } else if start > 1 << 16, start > buffer.count / 2 {
            buffer.removeFirst(start)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// A message whose payload is read where it lies: good until the closure that got it returns.
    public struct InPlace {
        public let operation: UInt16
        public let flags: FrameFlags
        public let payload: PayloadReader
    }

    /// The bytes that were not handed out yet, from the end of the last frame on.
    public func withPending<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        buffer.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start...])) }
    }

    /// Forgets everything that came and was not handed out.
    public mutating func drop() {
        buffer.removeAll(keepingCapacity: true)
        start = 0
        partial = nil
    }

    /// The next whole message, or nil until more bytes come.
    public mutating func next() throws(WireError) -> Message? {
        var found: Message?
        try forEach { message in
            found = Message(operation: message.operation, flags: message.flags, payload: Array(message.payload.rest))
            return false
        }
        return found
    }

    /// Hands out whole messages, without a copy where a message came in one frame, until `body` answers false or bytes
    /// run out. `body` must not touch the reader.
    public mutating func forEach(_ body: (InPlace) throws(WireError) -> Bool) throws(WireError) {
        var at = start
        defer { start = at }
        var parts: Message?
        swap(&parts, &partial)  // with one owner: appending to a message of many frames must not copy it
        defer { swap(&parts, &partial) }
        let failure = buffer.withUnsafeBytes { bytes -> WireError? in
            do throws(WireError) {
                while let (header, payload) = try MessageReader.nextFrame(bytes, &at, messageBytesMax) {
                    let isLast = !header.flags.contains(.more)
                    if isLast, parts == nil {
                        let message = InPlace(
                            operation: header.operation, flags: header.flags, payload: PayloadReader(inPlace: payload))
                        guard try body(message) else { return nil }
                        continue
                    }
                    guard let whole = try MessageReader.join(&parts, header, payload, messageBytesMax) else { continue }
                    guard try whole.inPlace(body) else { return nil }
                }
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    /// Adds a frame to the message that it belongs to; the message when it was the last one.
    private static func join(
        _ parts: inout Message?, _ header: FrameHeader, _ payload: UnsafeRawBufferPointer, _ bytesMax: Int
    ) throws(WireError) -> Message? {
        let isLast = !header.flags.contains(.more)
        guard isLast || !payload.isEmpty else { throw WireError("an empty frame that says there is more") }
        var message = parts ?? Message(operation: header.operation, flags: header.flags, payload: [])
        parts = nil
        guard header.operation == message.operation else {
            throw WireError("frame of operation \(header.operation) inside a message of operation \(message.operation)")
        }
        guard message.payload.count + payload.count <= bytesMax else {
            throw WireError("a message exceeds messageBytesMax (\(bytesMax))")
        }
        message.payload.append(contentsOf: payload)
        message.flags = header.flags
        if isLast { return message }
        parts = message
        return nil
    }

    /// Header and payload of the next whole frame at `at`, which moves behind it.
    @inline(__always)
    private static func nextFrame(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int, _ bytesMax: Int
    ) throws(WireError) -> (FrameHeader, UnsafeRawBufferPointer)? {
        let available = bytes.count - at
        guard available >= FrameHeader.byteCount else { return nil }
        let header = try FrameHeader(
            word: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
        guard header.payloadBytes <= bytesMax else {
            throw WireError("a message exceeds messageBytesMax (\(bytesMax))")
        }
        guard available >= FrameHeader.byteCount + header.paddedBytes else { return nil }
        let from = at + FrameHeader.byteCount
        at = from + header.paddedBytes
        return (header, UnsafeRawBufferPointer(rebasing: bytes[from..<from + Int(header.payloadBytes)]))
    }
}

extension Message {
    /// `body` with the message where it lies.
    fileprivate func inPlace(_ body: (MessageReader.InPlace) throws(WireError) -> Bool) throws(WireError) -> Bool {
        let result = payload.withUnsafeBytes { bytes -> Result<Bool, WireError> in
            do throws(WireError) {
                let reader = PayloadReader(inPlace: bytes)
                return .success(try body(MessageReader.InPlace(operation: operation, flags: flags, payload: reader)))
            } catch { return .failure(error) }
        }
        return try result.get()
    }
}
