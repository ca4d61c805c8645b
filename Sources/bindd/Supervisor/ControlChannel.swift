// Datagrams between the supervisor and a worker: u32 code, then the payload. SOCK_SEQPACKET keeps their borders.
// Must not decide. The supervisor believes nothing of what comes: a crashed worker may have written anything.

import CShim
import Glibc
import Wire

enum ControlCode {
    static let handover: UInt32 = 1
    static let clientGone: UInt32 = 2
    static let inspectHandle: UInt32 = 3
    static let handleInfo: UInt32 = 4
    static let ready: UInt32 = 5
    static let trace: UInt32 = 6
}

enum WorkerDatagram: Equatable {
    /// With why the worker cut it; "" when it just went.
    case clientGone(client: UInt64, reason: String)
    case handleInfo(token: UInt64, json: String)
    case ready

    init(decoding bytes: [UInt8]) throws(WireError) {
        var reader = PayloadReader(bytes)
        let code = try reader.u32()
        switch code {
        case ControlCode.clientGone: self = .clientGone(client: try reader.u64(), reason: try reader.string())
        case ControlCode.handleInfo: self = .handleInfo(token: try reader.u64(), json: try reader.string())
        case ControlCode.ready: self = .ready
        default: throw WireError("control datagram \(code) from a worker is unknown")
        }
        try reader.finish()
    }
}

enum ChannelRead {
    case datagram([UInt8])
    case nothing
    case ended
}

enum ControlChannel {
    static let datagramBytesMax = DaemonLimits.handleInfoBytesMax + 64

    static func receive(_ fd: Int32) -> ChannelRead {
        var bytes = [UInt8](repeating: 0, count: datagramBytesMax)
        var noFds: Int32 = -1
        var fdCount = 0  // a worker has no descriptor to send; one that does is cut
        let count = bytes.withUnsafeMutableBytes { room in
            bd_message_receive(fd, room.baseAddress, room.count, &noFds, &fdCount)
        }
        guard count > 0 else { return count == -Int(EAGAIN) ? .nothing : .ended }
        bytes.removeLast(bytes.count - count)
        return .datagram(bytes)
    }

    /// False when the channel is full; an error when its worker is gone.
    static func send(_ fd: Int32, _ bytes: [UInt8], fds: [Int32]) -> Result<Bool, SystemError> {
        let sent = bytes.withUnsafeBytes { bd_message_send(fd, $0.baseAddress, $0.count, fds, fds.count) }
        if sent >= 0 { return .success(true) }
        if sent == -Int(EAGAIN) { return .success(false) }
        return .failure(SystemError("sendmsg", negative: Int32(sent)))
    }

    static func handover(_ handover: Handover) -> [UInt8] {
        var writer = PayloadWriter(reserving: handover.hello.count + 16)
        writer.u32(ControlCode.handover)
        writer.u64(handover.client.id)
        writer.raw(handover.hello)
        return writer.bytes
    }

    static func trace(milliseconds: UInt64) -> [UInt8] {
        var writer = PayloadWriter(reserving: 16)
        writer.u32(ControlCode.trace)
        writer.u64(milliseconds)
        return writer.bytes
    }

    static func inspectHandle(token: UInt64, id: UInt64) -> [UInt8] {
        var writer = PayloadWriter(reserving: 24)
        writer.u32(ControlCode.inspectHandle)
        writer.u64(token)
        writer.u64(id)
        return writer.bytes
    }
}
