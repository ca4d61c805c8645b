import Testing

@testable import Wire

@Suite struct FrameTests {
    private func feed(_ bytes: [UInt8], piece: Int, limit: Int = Limits.messageBytesMax) throws -> [Message] {
        var reader = MessageReader(messageBytesMax: limit)
        var messages: [Message] = []
        var at = 0
        while at < bytes.count {
            let end = min(bytes.count, at + piece)
            bytes[at..<end].withUnsafeBytes { reader.append($0) }
            while let message = try reader.next() { messages.append(message) }
            at = end
        }
        return messages
    }

    @Test(arguments: [1, 3, 8, 13, 4096]) func messagesSurviveAnyCut(piece: Int) throws {
        let payloads: [[UInt8]] = [[], [1], Array(0..<200), Array(repeating: 7, count: 3000)]
        var bytes: [UInt8] = []
        for (index, payload) in payloads.enumerated() {
            encodeMessage(operation: UInt16(index + 16), flags: .replyWanted, payload: payload, into: &bytes)
        }
        #expect(bytes.count % 8 == 0)
        let messages = try feed(bytes, piece: piece)
        #expect(messages.map(\.payload) == payloads)
        #expect(messages.map(\.operation) == [16, 17, 18, 19])
        #expect(messages.allSatisfy { $0.flags == .replyWanted })
    }

    @Test func aLargeMessageTravelsInSeveralFrames() throws {
        let payload = Array(repeating: UInt8(9), count: Limits.frameBytesMax * 2 + 5)
        var bytes: [UInt8] = []
        encodeMessage(operation: 20, flags: [.reply], payload: payload, into: &bytes)
        #expect(bytes.count == 3 * 8 + Limits.frameBytesMax * 2 + 8)
        let messages = try feed(bytes, piece: 1 << 16)
        #expect(messages == [Message(operation: 20, flags: .reply, payload: payload)])
        #expect(throws: WireError.self) { try feed(bytes, piece: 1 << 16, limit: 1 << 21) }
    }

    @Test func partsTravelAsIfTheyWereOnePayload() {
        let frame = Limits.frameBytesMax
        for (head, tail) in [(0, 1), (4, 3), (60, 8), (8, frame - 8), (8, frame - 7), (12, 2 * frame), (frame, frame), (4, 3 * frame + 5)] {
            let parts = [[UInt8](repeating: 3, count: head), (0..<tail).map { UInt8(truncatingIfNeeded: $0 &* 7) }]
            let payload = parts[0] + parts[1] + [UInt8](repeating: 0, count: -(head + tail) & 3)
            var whole: [UInt8] = [1]
            var pieces: [UInt8] = [1]
            encodeMessage(operation: 20, flags: .reply, payload: payload, into: &whole)
            encodeMessage(operation: 20, flags: .reply, parts: parts, into: &pieces)
            #expect(whole == pieces, "\(head) and \(tail) bytes")
        }
    }

    @Test func brokenHeadersAreRefused() {
        let huge: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 16, 0, 0, 0]
        let flags: [UInt8] = [0, 0, 0, 0, 16, 0, 0, 0x80]
        var mixed: [UInt8] = []
        FrameHeader(payloadBytes: 8, operation: 16, flags: .more).encode(into: &mixed)
        mixed += [0, 0, 0, 0, 0, 0, 0, 0]
        FrameHeader(payloadBytes: 0, operation: 17, flags: []).encode(into: &mixed)
        var endless: [UInt8] = []
        FrameHeader(payloadBytes: 0, operation: 16, flags: .more).encode(into: &endless)
        for bytes in [huge, flags, mixed, endless] {
            #expect(throws: WireError.self) { try feed(bytes, piece: 64) }
        }
    }

    @Test(arguments: 0..<200) func randomBytesGiveMessagesOrAnError(seed: Int) {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
        var bytes: [UInt8] = []
        for _ in 0..<400 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            bytes.append(state >> 61 == 0 ? UInt8(truncatingIfNeeded: state >> 40) : 0)
        }
        do {
            for message in try feed(bytes, piece: 7) {
                var reader = PayloadReader(message.payload)
                _ = try reader.attributes()
                _ = try reader.u32List()
                try reader.finish()
            }
        } catch {
            #expect(error is WireError, "seed \(seed)")
        }
    }
}

@Suite struct PayloadTests {
    @Test func valuesComeBack() throws {
        var writer = PayloadWriter()
        writer.u32(7)
        writer.string("ä\0b")
        writer.u64(.max)
        writer.i64(-3)
        writer.f64(-0.0)
        writer.bool(true)
        writer.blob([1, 2, 3])
        let attributes = [
            Attribute(key: "a", value: .int(.min)), Attribute(key: "", value: .string("x")),
            Attribute(key: "c", value: .bool(false)), Attribute(key: "d", value: .float(1.5)),
            Attribute(key: "e", value: .none),
        ]
        writer.attributes(attributes)
        #expect(writer.bytes.count % 4 == 0)
        var reader = PayloadReader(writer.bytes)
        #expect(try reader.u32() == 7)
        #expect(try reader.string() == "ä\0b")
        #expect(try reader.u64() == .max)
        #expect(try reader.i64() == -3)
        #expect(try reader.f64().sign == .minus)
        #expect(try reader.bool())
        #expect(Array(try reader.blob()) == [1, 2, 3])
        #expect(try reader.attributes() == attributes)
        try reader.finish()
    }

    @Test func everyTruncationIsAnError() throws {
        var writer = PayloadWriter()
        writer.string("key")
        writer.attributes([Attribute(key: "k", value: .string("value"))])
        writer.blob([1, 2, 3, 4, 5])
        for count in 0..<writer.bytes.count - 3 {
            #expect(throws: WireError.self) {
                var reader = PayloadReader(Array(writer.bytes[..<count]))
                _ = try reader.string()
                _ = try reader.attributes()
                _ = try reader.blob()
            }
        }
    }

    @Test func countsAreCheckedAgainstTheBytesLeft() {
        var writer = PayloadWriter()
        writer.u32(.max)
        #expect(throws: WireError.self) {
            var reader = PayloadReader(writer.bytes)
            _ = try reader.u32List()
        }
        #expect(throws: WireError.self) {
            var reader = PayloadReader([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F])
            _ = try reader.blob()
        }
    }

    @Test func helloComesBackAndForeignOnesAreRefused() throws {
        let hello = Hello(
            layoutVersion: 1, descriptionHash: 42, pid: 9, generation: 3, nodeFloor: 1, edgeFloor: 2, viewFloor: 3,
            documentFloor: 4, workspace: "w", program: "p", build: "b")
        #expect(try Hello(decoding: hello.encode()) == hello)
        #expect(throws: WireError.self) { try Hello(decoding: Array("GET / HTTP/1.1\r\n".utf8)) }
        #expect(throws: WireError.self) { try Hello(decoding: hello.encode() + [0, 0, 0, 0]) }
        var long = hello
        long.workspace = String(repeating: "x", count: 300)
        #expect(throws: WireError.self) { try Hello(decoding: long.encode()) }
    }

    @Test func jsonIsOneText() {
        let value = JSONValue.object([
            ("text", .string("a\"\\\n\u{1}ü")), ("list", .array([.int(-1), .null, .bool(true)])), ("empty", .array([])),
        ])
        #expect(value.text == #"{"text":"a\"\\\n\u0001ü","list":[-1,null,true],"empty":[]}"#)
        #expect(value.prettyText.hasSuffix("}\n"))
    }
}
