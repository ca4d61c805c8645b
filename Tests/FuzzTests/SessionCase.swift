// Requests of a client, in two forms: as bytes for libFuzzer, and as text with names, which stays good when operations are
// added. A found case is kept as text (Tests/fixtures/fuzz/session/*.txt): one request a line, name, flags, payload in hex.

import Wire

@testable import bindd

struct SessionCase {
    struct Request {
        var operation: UInt16
        var isReplyWanted: Bool
        var payload: [UInt8]
    }

    var requests: [Request] = []

    /// What a client may ask: all but what makes a worker die or wait on purpose. `batch` stands among the protocol's own.
    static let operations: [UInt16] =
        [Operation.sync, Operation.release, Operation.lease, Operation.pin, Operation.batch, Operation.advance]
        + Description.shared.operations.filter { !$0.name.hasPrefix("debug.") }.map(\.number)

    static let requestsMax = 200

    /// Each request: operation (its place in `operations`), flags and words of payload, then the payload. 255 words: the
    /// next two bytes tell how many.
    init(bytes: [UInt8]) {
        var at = 0
        while at + 3 <= bytes.count, requests.count < SessionCase.requestsMax {
            let operation = SessionCase.operations[Int(bytes[at]) % SessionCase.operations.count]
            var words = Int(bytes[at + 2])
            let isReplyWanted = bytes[at + 1] & 1 != 0
            at += 3
            if words == 255, at + 2 <= bytes.count {
                words = Int(bytes[at]) | Int(bytes[at + 1]) << 8
                at += 2
            }
            let end = min(at + words * 4, bytes.count)
            requests.append(Request(operation: operation, isReplyWanted: isReplyWanted, payload: Array(bytes[at..<end])))
            at = end
        }
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        for request in requests {
            guard let place = SessionCase.operations.firstIndex(of: request.operation) else { continue }
            let words = (request.payload.count + 3) / 4
            bytes += [UInt8(place), request.isReplyWanted ? 1 : 0, UInt8(min(words, 255))]
            if words >= 255 { bytes += [UInt8(truncatingIfNeeded: words), UInt8(words >> 8 & 0xFF)] }
            bytes += request.payload + Array(repeating: 0, count: words * 4 - request.payload.count)
        }
        return bytes
    }

    /// Lines of text. Those that name no operation are left out.
    init(text: String) {
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: " ", omittingEmptySubsequences: false)
            guard parts.count == 3,
                let operation = SessionCase.operations.first(where: { operationName($0).map { $0 == parts[0] } ?? false })
            else { continue }
            requests.append(Request(operation: operation, isReplyWanted: parts[1] == "1", payload: unhex(String(parts[2]))))
        }
    }

    var text: String {
        requests.map { "\(operationName($0.operation) ?? "?") \($0.isReplyWanted ? 1 : 0) \(hexText($0.payload))\n" }.joined()
    }

    /// As it goes over a socket.
    var wire: [UInt8] {
        var bytes: [UInt8] = []
        for request in requests {
            encodeMessage(
                operation: request.operation, flags: request.isReplyWanted ? .replyWanted : [], payload: request.payload,
                into: &bytes)
        }
        return bytes
    }

    /// What a client sent, hello included, as far as its operations are among these.
    init(wire bytes: [UInt8]) {
        var reader = MessageReader()
        bytes.withUnsafeBytes { reader.append($0) }
        while let message = try? reader.next() {
            guard SessionCase.operations.contains(message.operation) else { continue }
            requests.append(
                Request(
                    operation: message.operation, isReplyWanted: message.flags.contains(.replyWanted),
                    payload: message.payload))
        }
    }
}
