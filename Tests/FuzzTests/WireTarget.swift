// Bytes from a socket: messages out of frames, values out of payloads, the supervisor's gate and its reader of JSON.

import Wire

@testable import bindd

extension FuzzTarget {
    /// The first byte says how the rest is cut into pieces; what comes out must not depend on that.
    static let wire = FuzzTarget(name: "wire", seeds: { goldenFrames().map { [7] + $0 } + [[1] + goldenFrames().joined()] }) { input in
        guard let first = input.first else { return }
        let bytes = Array(input.dropFirst())
        let whole = readMessages(bytes, chunk: max(bytes.count, 1))
        let pieces = readMessages(bytes, chunk: Int(first) % 64 + 1)
        require(whole.messages == pieces.messages, "other messages when they come in pieces of \(Int(first) % 64 + 1)")
        require(whole.error == pieces.error, "another error in pieces: \(whole.error ?? "-"), \(pieces.error ?? "-")")
        for message in whole.messages { readPayload(message.payload) }
        checkEncoding(of: whole.messages)
    }

    static let gate = FuzzTarget(
        name: "gate",
        seeds: {
            var hello: [UInt8] = []
            encodeMessage(operation: Operation.hello, flags: .replyWanted, payload: fuzzHello().encode(), into: &hello)
            return [[0] + hello, [5] + hello] + goldenFrames().map { [1] + $0 }
        }
    ) { input in
        guard let first = input.first else { return }
        var gate = MessageGate(stage: first & 1 == 0 ? .first : .control)
        var at = 1
        while at < input.count {
            let wanted = gate.wantedBytes
            require(wanted > 0 && wanted <= Limits.helloBytesMax + 8, "the gate wants \(wanted) bytes")
            let count = min(wanted, Int(first) / 2 + 1, input.count - at)
            let result = feed(&gate, Array(input[at..<at + count]))
            at += count
            guard case .success(let message) = result else { return }
            if let message {
                require(message.payload.count <= Limits.helloBytesMax, "a first message of \(message.payload.count) bytes")
                checkHello(message.payload)
            }
        }
    }

    static let json = FuzzTarget(
        name: "json",
        seeds: {
            ["[true]", "{\"a\":1,\"b\":{}}", "{\"a\":[1,-2.5e3,\"\\u00e9\\n\",null,true,{}]}", "[[[[]]]]", "18446744073709551615", "\"\\ud83d\\ude00\""].map { Array($0.utf8) }
        }
    ) { input in
        guard let text = String(validating: input, as: UTF8.self) else { return }
        guard let value = try? JSONReader.read(text) else { return }
        canaryOf(value, input)
        let again = try? JSONReader.read(value.text)
        require(again?.text == value.text, "JSON that reads differently when it is written and read again: \(value.text)")
    }
}

private func canaryOf(_ value: JSONValue, _ input: [UInt8]) {
    guard case .array(let items) = value, items.count >= 2 else { return }
    input.withUnsafeBytes { canary($0, true) }
}

func fuzzHello() -> Hello {
    Hello(layoutVersion: 2, descriptionHash: 1, pid: 2, generation: 3, workspace: "w", program: "p", build: "b")
}

private func feed(_ gate: inout MessageGate, _ bytes: [UInt8]) -> Result<Message?, WireError> {
    bytes.withUnsafeBytes { raw in
        do throws(WireError) { return .success(try gate.take(raw)) } catch { return .failure(error) }
    }
}

/// A hello that can be read is written as the same bytes.
private func checkHello(_ payload: [UInt8]) {
    payload.withUnsafeBytes { canary($0, payload.count < 40 && payload.first == 0x42) }
    guard let hello = try? Hello(decoding: payload) else { return }
    let again = try? Hello(decoding: hello.encode())
    require(again == hello, "a hello that is another when it is written and read again")
    require(hello.workspace.utf8.count <= Limits.nameBytesMax, "a workspace's name of \(hello.workspace.utf8.count) bytes")
}

private func readMessages(_ bytes: [UInt8], chunk: Int) -> (messages: [Message], error: String?) {
    var reader = MessageReader(messageBytesMax: 1 << 20)
    var messages: [Message] = []
    var error: String?
    for start in stride(from: 0, to: bytes.count, by: chunk) where error == nil {
        bytes[start..<min(start + chunk, bytes.count)].withUnsafeBytes { reader.append($0) }
        do {
            while let message = try reader.next() { messages.append(message) }
        } catch let failure { error = "\(failure)" }
        require(reader.pendingBytes <= bytes.count, "\(reader.pendingBytes) bytes are waiting, \(bytes.count) came")
    }
    return (messages, error)
}

/// What was read, written anew and read again, is the same. Frames need not be: padding and cuts are the writer's choice.
private func checkEncoding(of messages: [Message]) {
    var bytes: [UInt8] = []
    for message in messages {
        encodeMessage(operation: message.operation, flags: message.flags, payload: message.payload, into: &bytes)
    }
    let again = readMessages(bytes, chunk: max(bytes.count, 1))
    require(again.messages == messages && again.error == nil, "messages that are others when they are written and read again")
}

/// Values of each kind out of the payload, as its own first bytes say.
private func readPayload(_ payload: [UInt8]) {
    checkHello(payload)
    var reader = PayloadReader(payload)
    var left = reader.remaining
    do {
        while reader.remaining > 0 {
            let kind = try reader.u32()
            switch kind & 15 {
            case 0: _ = try reader.bool()
            case 1: _ = try reader.u64()
            case 2: _ = try reader.string()
            case 3: _ = try reader.blob()
            case 4: _ = try reader.literal()
            case 5: _ = try reader.attributes()
            case 6: _ = try reader.u32List()
            case 7: _ = try ReplyHead(decoding: &reader)
            case 8: _ = try HelloReply(decoding: &reader)
            case 9: _ = try RemoteError(decoding: &reader)
            case 10:
                var part = try reader.part(Int(kind >> 4))
                _ = try part.u32List()
                try part.finish()
            case 11: _ = try WorkerDatagram(decoding: payload)
            default: _ = try reader.f64()
            }
            payload.withUnsafeBytes { canary($0, kind & 15 == 6 && reader.remaining == 0) }
            require(reader.remaining < left, "a value that took nothing")
            left = reader.remaining
        }
        try reader.finish()
    } catch { require(reader.remaining >= 0, "read past the end: \(error)") }
}
