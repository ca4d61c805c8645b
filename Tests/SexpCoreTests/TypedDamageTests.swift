// A small file of each format, cut at each byte and with each byte replaced: a document that is printed as it was read, or an
// error with a place. Never more.
import Testing

@testable import SexpCore

@Suite struct TypedDamageTests {
    /// The smallest file of a kind; not all of a kind are of the format that it is read as.
    private func smallest(_ module: String) throws -> [UInt8] {
        let corpus = try #require(corpusFolder())
        let manifest = String(decoding: try #require(readFile(corpus + "/MANIFEST.tsv")), as: UTF8.self)
        let kind = module == "symbol_v6" ? "symbol" : module
        var best: [UInt8] = []
        for row in manifest.split(separator: "\n").dropFirst() {
            let cells = row.split(separator: "\t", omittingEmptySubsequences: false)
            guard cells[1] == kind, let count = Int(cells[5]), count < 4_000, best.isEmpty || count < best.count else { continue }
            var bytes = try #require(readFile(corpus + "/" + String(cells[0])))
            if module == "symbol_v6" {
                let head = Array("(kicad_symbol_lib".utf8)
                guard bytes.starts(with: head) else { continue }
                bytes = Array("(kicad_sym".utf8) + bytes[head.count...]
            }
            if count > 300, (try? Loaded(module, bytes, options: .isVerbatim)) != nil { best = bytes }
        }
        return try #require(best.isEmpty ? nil : best, "no small file of \(module)")
    }

    /// True when the text loads.
    private func attempt(_ module: String, _ bytes: [UInt8], _ what: @autoclosure () -> String) throws -> Bool {
        do {
            let loaded = try Loaded(module, bytes, options: .isVerbatim)
            try loaded.checkSnapshot()
            #expect(try loaded.document.bytes() == bytes, "\(module), \(what())")
            return true
        } catch let error as SexpError {
            #expect(error.line >= 1 && error.column >= 1 && error.byteOffset <= bytes.count, "\(module), \(what())")
            #expect(!error.message.isEmpty && !error.kind.rawValue.isEmpty)
            return false
        }
    }

    @Test(arguments: KiCadSchema.shared.formats.map(\.name)) func cutAtEveryByte(module: String) throws {
        let bytes = try smallest(module)
        var loads = 0
        for count in 0..<bytes.count where try attempt(module, Array(bytes[..<count]), "cut at \(count)") { loads += 1 }
        // What is behind the last parenthesis may be missing.
        #expect(loads <= 3, "\(module)")
        #expect(try attempt(module, bytes, "whole"))
    }

    @Test(arguments: KiCadSchema.shared.formats.map(\.name)) func eachByteReplaced(module: String) throws {
        let bytes = try smallest(module)
        var loads = 0
        for position in bytes.indices {
            for byte in [0, 0xFF, 0x80, 0x28, 0x29, 0x22, 0x5C, 0x20] as [UInt8] {
                var damaged = bytes
                damaged[position] = byte
                let isLoaded = try attempt(module, damaged, "\(byte) at \(position)")
                if isLoaded { loads += 1 }
                // No text has them, wherever they stand.
                if byte == 0 || byte == 0xFF || byte == 0x80 && bytes[position] < 0x80 { #expect(!isLoaded, "\(byte) at \(position)") }
            }
        }
        #expect(loads > 0)
    }
}
