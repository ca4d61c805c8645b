import Glibc
import Testing

@testable import Wire

/// Tests/fixtures/frames.tsv is the same file for the Python side: both must write and read these very bytes.
@Suite struct GoldenFrameTests {
    struct Line {
        var name: String
        var operation: UInt16
        var flags: FrameFlags
        var payload: [UInt8]
        var bytes: [UInt8]
    }

    @Test func everyGoldenFrameIsWrittenAndRead() throws {
        let lines = try goldenLines()
        #expect(lines.count >= 7)
        for line in lines {
            var written: [UInt8] = []
            encodeMessage(operation: line.operation, flags: line.flags, payload: line.payload, into: &written)
            #expect(written == line.bytes, "\(line.name)")
            var reader = MessageReader()
            line.bytes.withUnsafeBytes { reader.append($0) }
            #expect(
                try reader.next() == Message(operation: line.operation, flags: line.flags, payload: line.payload),
                "\(line.name)")
        }
    }

    private func goldenLines() throws -> [Line] {
        let path = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        let text = try readText("/" + path + "/fixtures/frames.tsv")
        return try text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            return Line(
                name: columns[0], operation: try #require(UInt16(columns[1])),
                flags: FrameFlags(rawValue: try #require(UInt16(columns[2]))), payload: try payload(columns[3]),
                bytes: try hex(columns[4]))
        }
    }

    private func payload(_ fields: String) throws -> [UInt8] {
        var writer = PayloadWriter()
        for field in fields.split(separator: ";") {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let value = parts[1]
            switch parts[0] {
            case "u32": writer.u32(try #require(UInt32(value)))
            case "i64": writer.i64(try #require(Int64(value)))
            case "f64": writer.f64(try #require(Double(value)))
            case "str": writer.string(unescaped(value))
            case "blob": writer.blob(try hex(value))
            case "attributes":
                let items = value.split(separator: ",").map(String.init)
                var attributes: [Attribute] = []
                for at in stride(from: 1, to: items.count, by: 2) {
                    let literal = items[at + 1].split(separator: ":", maxSplits: 1).map(String.init)
                    attributes.append(
                        Attribute(key: items[at], value: literal[0] == "bool" ? .bool(literal[1] == "1") : .string(literal[1])))
                }
                writer.attributes(attributes)
            default: Issue.record("unknown field \(parts[0])")
            }
        }
        return writer.bytes
    }

    private func unescaped(_ text: String) -> String {
        text.split(separator: "\\0", omittingEmptySubsequences: false).joined(separator: "\0")
    }

    private func hex(_ text: String) throws -> [UInt8] {
        let digits = Array(text)
        return try stride(from: 0, to: digits.count, by: 2).map { at in
            try #require(UInt8(String(digits[at...at + 1]), radix: 16))
        }
    }

    private func readText(_ path: String) throws -> String {
        let file = try #require(fopen(path, "r"), "cannot open \(path)")
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
