// A frame: eight bytes of header, the payload, zeros up to a multiple of eight. A message is one frame or several of the
// same operation, all but the last with `more`. Must not know what a payload means. Cost: one copy of each payload.

public struct FrameFlags: OptionSet, Sendable, Equatable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The payload goes on in the next frame.
    public static let more = FrameFlags(rawValue: 1)
    public static let reply = FrameFlags(rawValue: 2)
    /// With `reply`: the payload is an error.
    public static let error = FrameFlags(rawValue: 4)
    /// The client waits for a reply.
    public static let replyWanted = FrameFlags(rawValue: 8)
    /// Sent by a worker without having been asked.
    public static let notice = FrameFlags(rawValue: 16)

    static let known: FrameFlags = [.more, .reply, .error, .replyWanted, .notice]
}

public struct FrameHeader: Equatable, Sendable {
    public static let byteCount = 8

    public var payloadBytes: UInt32
    public var operation: UInt16
    public var flags: FrameFlags

    public init(payloadBytes: UInt32, operation: UInt16, flags: FrameFlags) {
        self.payloadBytes = payloadBytes
        self.operation = operation
        self.flags = flags
    }

    /// The header in the first eight bytes. Throws when a field is beyond what the protocol allows.
    public init(decoding bytes: some Collection<UInt8>) throws(WireError) {
        guard bytes.count >= FrameHeader.byteCount else {
            throw WireError("a frame header needs 8 bytes, there are \(bytes.count)")
        }
        var word: UInt64 = 0
        for byte in bytes.prefix(FrameHeader.byteCount) { word = word >> 8 | UInt64(byte) << 56 }
        try self.init(word: word)
    }

    /// The header as one little-endian word.
    init(word: UInt64) throws(WireError) {
        payloadBytes = UInt32(truncatingIfNeeded: word)
        operation = UInt16(truncatingIfNeeded: word >> 32)
        flags = FrameFlags(rawValue: UInt16(word >> 48))
        guard payloadBytes <= UInt32(Limits.frameBytesMax) else {
            throw WireError("a frame of \(payloadBytes) bytes exceeds frameBytesMax (\(Limits.frameBytesMax))")
        }
        guard flags.isSubset(of: .known) else {
            throw WireError("frame flags 0x\(String(flags.rawValue, radix: 16)) are unknown to protocol 1")
        }
    }

    /// Payload with its padding.
    public var paddedBytes: Int { (Int(payloadBytes) + 7) & ~7 }

    func encode(into out: inout [UInt8]) {
        out.appendLittleEndian(payloadBytes)
        out.appendLittleEndian(operation)
        out.appendLittleEndian(flags.rawValue)
    }
}

/// Bytes that break the protocol: the reader logs this once and closes the connection.
public struct WireError: Error, Equatable, CustomStringConvertible, Sendable {
    public let description: String
    @inlinable
    public init(_ description: String) { self.description = description }
}

public struct Message: Equatable, Sendable {
    public var operation: UInt16
    public var flags: FrameFlags
    public var payload: [UInt8]

    public init(operation: UInt16, flags: FrameFlags, payload: [UInt8]) {
        self.operation = operation
        self.flags = flags
        self.payload = payload
    }
}

/// Appends one message, cut into frames of at most `Limits.frameBytesMax`.
public func encodeMessage(operation: UInt16, flags: FrameFlags, payload: [UInt8], into out: inout [UInt8]) {
    var start = 0
    repeat {
        let count = min(payload.count - start, Limits.frameBytesMax)
        let isLast = start + count == payload.count
        FrameHeader(
            payloadBytes: UInt32(count), operation: operation, flags: isLast ? flags : flags.union(.more)
        ).encode(into: &out)
        out.append(contentsOf: payload[start..<start + count])
        out.append(contentsOf: repeatElement(0, count: -count & 7))
        start += count
    } while start < payload.count
}

/// As `encodeMessage` of all parts together and zeros up to a multiple of four, without putting them together first.
public func encodeMessage(operation: UInt16, flags: FrameFlags, parts: [[UInt8]], into out: inout [UInt8]) {
    let bytes = parts.reduce(0) { $0 + $1.count }
    let total = (bytes + 3) & ~3
    let frames = max(1, (total + Limits.frameBytesMax - 1) / Limits.frameBytesMax)
    out.reserveCapacity(out.count + total + frames * (FrameHeader.byteCount + 7))
    var part = 0
    var from = 0  // in that part
    var left = total
    repeat {
        let count = min(left, Limits.frameBytesMax)
        left -= count
        FrameHeader(
            payloadBytes: UInt32(count), operation: operation, flags: left == 0 ? flags : flags.union(.more)
        ).encode(into: &out)
        var room = count
        while room > 0, part < parts.count {
            let piece = min(room, parts[part].count - from)
            out.append(contentsOf: parts[part][from..<from + piece])
            room -= piece
            from += piece
            if from == parts[part].count { (part, from) = (part + 1, 0) }
        }
        out.append(contentsOf: repeatElement(0, count: room + (-count & 7)))
    } while left > 0
}

extension [UInt8] {
    @inline(__always)
    mutating func appendLittleEndian<T: FixedWidthInteger>(_ value: T) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
