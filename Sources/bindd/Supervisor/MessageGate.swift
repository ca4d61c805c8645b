// Reads one message and not a byte more: the socket may be handed to a worker right behind it.
//
// Pure: says how many bytes to read next, takes them, gives the message. The peer is unknown, so everything it says is
// checked before it costs memory. Cost: two reads per message.

import Wire

struct MessageGate {
    enum Stage: Equatable {
        case first  // hello or control
        case control
    }

    private let stage: Stage
    private var header: FrameHeader?
    private var bytes: [UInt8] = []

    init(stage: Stage) { self.stage = stage }

    /// A message has begun: from here on its deadline runs.
    var isMidway: Bool { header != nil || !bytes.isEmpty }

    /// How many bytes to ask the socket for, at least 1.
    var wantedBytes: Int { (header?.paddedBytes ?? FrameHeader.byteCount) - bytes.count }

    /// Takes at most `wantedBytes`. The message when it is whole.
    mutating func take(_ received: UnsafeRawBufferPointer) throws(WireError) -> Message? {
        bytes.append(contentsOf: received.prefix(wantedBytes))
        if header == nil, bytes.count == FrameHeader.byteCount {
            header = try MessageGate.checked(bytes, stage)
            bytes.removeAll(keepingCapacity: true)
        }
        guard let header, bytes.count == header.paddedBytes else { return nil }
        let message = Message(
            operation: header.operation, flags: header.flags, payload: Array(bytes.prefix(Int(header.payloadBytes))))
        self.header = nil
        bytes.removeAll(keepingCapacity: true)
        return message
    }

    private static func checked(_ bytes: [UInt8], _ stage: Stage) throws(WireError) -> FrameHeader {
        let result: Result<FrameHeader, WireError> = bytes.withUnsafeBytes { raw in
            do throws(WireError) { return .success(try FrameHeader(decoding: raw)) } catch { return .failure(error) }
        }
        let header = try result.get()
        guard header.flags.isSubset(of: .replyWanted) else {
            throw WireError("flags 0x\(String(header.flags.rawValue, radix: 16)) on a first message")
        }
        guard header.operation == Operation.control || (stage == .first && header.operation == Operation.hello) else {
            throw WireError("operation \(header.operation) where a \(stage == .first ? "hello" : "control") is due")
        }
        guard header.payloadBytes <= UInt32(Limits.helloBytesMax) else {
            throw WireError("a first message of \(header.payloadBytes) bytes, helloBytesMax is \(Limits.helloBytesMax)")
        }
        return header
    }
}
