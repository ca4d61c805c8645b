// Real files of all versions: each loads with its format, comes back with all of its tokens, and in the same bytes where
// KiCad's layout is known. Unknown parts survive wherever they stand, whatever is edited around them.
import CLayout
import Testing

@testable import SexpCore

@Suite struct TypedCorpusTests {
    static let shards = 8
    /// Ill-formed: each closes a list too early.
    static let brokenFiles: Set<String> = ["93c191-keyboard.net", "10898e-keyboard.net"]
    static let modules: Set<String> = Set(KiCadSchema.shared.formats.map(\.name))

    private func files(shard: Int) throws -> [(path: String, name: String, module: String, canonical: String)] {
        let corpus = try #require(corpusFolder())
        let manifest = String(decoding: try #require(readFile(corpus + "/MANIFEST.tsv")), as: UTF8.self)
        var rows = manifest.split(separator: "\n").map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
        let canonical = try #require(rows.first?.firstIndex(of: "canonical_text"))
        rows.removeFirst()
        return rows.enumerated().filter { $0.offset % Self.shards == shard && Self.modules.contains($0.element[1]) }.map {
            let row = $0.element
            return (corpus + "/" + row[0], String(row[0].split(separator: "/").last ?? ""), row[1], row[canonical])
        }
    }

    @Test(arguments: 0..<shards) func everyFile(shard: Int) throws {
        for file in try files(shard: shard) {
            let bytes = try #require(readFile(file.path))
            if Self.brokenFiles.contains(file.name) {
                #expect(throws: SexpError.self) { try Loaded(file.module, bytes) }
                continue
            }
            let loaded = try Loaded(file.module, bytes, options: .isVerbatim)
            try loaded.checkSnapshot()
            let text = try loaded.document.bytes()
            if file.canonical == "yes" || file.canonical == "yes-nonl" { #expect(text == bytes, "\(file.name)") }
            if text != bytes { #expect(try tokens(text) == tokens(bytes), "\(file.name)") }
            if bytes.count < 60_000 {
                #expect(try tokens(Loaded(file.module, bytes).document.bytes()) == tokens(bytes), "\(file.name)")
            }
            // Text, nodes and records; the client has the rest.
            #expect(loaded.document.memoryBytes <= 6 * bytes.count + 4_096, "\(file.name)")
        }
    }

    /// At every position of every list; then everything around them is read, and one thing is edited.
    @Test func plantedUnknowns() throws {
        var positions = 0
        for shard in 0..<Self.shards {
            for file in try files(shard: shard).filter({ !Self.brokenFiles.contains($0.name) }) {
                let bytes = try #require(readFile(file.path))
                guard bytes.count < 2_500 else { continue }
                let plain = try Loaded(file.module, bytes)
                let source = try SexpDocument.parse(bytes)
                for node in 0..<source.nodeCount where source.kind(of: node) == .list {
                    // Behind the last child; a list in which atoms are counted is not tried.
                    let at = source.textRange(of: node).upperBound - 1
                    let isAtomic = source.children(of: node).allSatisfy { source.kind(of: $0) != .list }
                    if isAtomic, source.childCount(of: node) < 3 { continue }
                    let planted = Array(bytes[..<at]) + Array(" (planted (deep \"x\" 1.50))".utf8) + Array(bytes[at...])
                    guard let loaded = try? Loaded(file.module, planted) else { continue }
                    positions += 1
                    try loaded.checkSnapshot()
                    let text = try loaded.printed
                    // The layout may put the parenthesis on a line of its own.
                    #expect(text.contains("(deep \"x\" 1.50"), "\(file.name) at \(at)")
                    let rest = try tokens(loaded.document.bytes()).filter { !["planted", "deep", "\"x", "1.50"].contains($0.key) }
                    #expect(rest["("] == (try tokens(plain.document.bytes())["("] ?? 0) + 2, "\(file.name) at \(at)")
                }
                if positions > 800 { return }
            }
        }
        #expect(positions > 400)
    }

    /// An edit of a file changes bytes inside of the list that it edits only, whatever the file's layout; and it changes the
    /// tokens that it changes in a text that is laid out anew.
    @Test(arguments: 0..<shards) func editsTouchTheirOwnSpan(shard: Int) throws {
        var random = SeededGenerator(state: UInt64(shard) &* 31 &+ 7)
        var counts = (edits: 0, changes: 0)
        for file in try files(shard: shard).filter({ !Self.brokenFiles.contains($0.name) }) {
            let bytes = try #require(readFile(file.path))
            guard bytes.count < 60_000 else { continue }
            for _ in 0..<12 {
                let loaded = try Loaded(file.module, bytes, options: .isVerbatim)
                let plain = try Loaded(file.module, bytes)
                guard loaded.recordCount > 2 else { continue }
                let record = UInt32.random(in: 2..<UInt32(loaded.recordCount), using: &random)
                guard let span = Self.span(record, loaded.document) else { continue }
                counts.edits += 1
                var next = (UInt32(loaded.recordCount), UInt32(loaded.recordCount))
                var same = random
                try edit(plain, record, &next.0, &same)
                try edit(loaded, record, &next.1, &random)
                let text = try loaded.document.bytes()
                let place = "\(file.name), record \(record) at \(span)"
                #expect(try tokens(text) == tokens(plain.document.bytes()), "\(place)")
                if text == bytes { continue }
                counts.changes += 1
                #expect(text.starts(with: bytes[..<span.lowerBound]), "\(place)")
                #expect(text.reversed().starts(with: bytes[span.upperBound...].reversed()), "\(place)")
                #expect(try Loaded(file.module, text).text() == Loaded(file.module, plain.document.bytes()).text(), "\(place)")
            }
        }
        #expect(counts.changes > 40 && counts.edits > counts.changes)
    }

    /// The text of a record, or of what it would stand in.
    private static func span(_ record: UInt32, _ document: TypedDocument) -> Range<Int>? {
        var record = Int(record)
        while true {
            switch RecordPlace(bits: document.places[record]) {
            case .node(let node): return document.source.textRange(of: node)
            case .initial(let index): record = Int(document.initials[index] >> 32)
            case .made, .nowhere: return nil
            }
        }
    }

    /// Any sequence of edits gives a text that loads again with the same values.
    @Test(arguments: 0..<6) func randomEdits(seed: Int) throws {
        var random = SeededGenerator(state: UInt64(seed) &* 77 &+ 5)
        for file in try files(shard: seed).filter({ !Self.brokenFiles.contains($0.name) }).prefix(8) {
            let bytes = try #require(readFile(file.path))
            // Of a symbol without its library there is no list in which to edit the library.
            guard bytes.count < 300_000, !bytes.starts(with: Array("(symbol".utf8)) else { continue }
            let loaded = try Loaded(file.module, bytes)
            let unknown = try tokens(loaded.document.bytes())
            var next = UInt32(loaded.recordCount)
            let copied = try Loaded(file.module, bytes, options: .isVerbatim)
            var copiedNext = next
            for _ in 0..<60 {
                let record = UInt32.random(in: 2..<UInt32(loaded.recordCount), using: &random)
                var same = random
                try edit(copied, record, &copiedNext, &same)
                try edit(loaded, record, &next, &random)
            }
            let text = try loaded.printed
            let again = try Loaded(file.module, text)
            try again.checkSnapshot()
            #expect(try again.printed == text, "\(file.name)")
            // In the file's own layout they are the same tokens.
            let kept = try copied.document.bytes()
            #expect(try haveSameTokens(SexpDocument.parse(kept), SexpDocument.parse(loaded.document.bytes())), "\(file.name)")
            #expect(unknown.isEmpty == false)
        }
    }

    /// Sets a scalar, or moves, copies or removes an element.
    private func edit(
        _ loaded: Loaded, _ record: UInt32, _ next: inout UInt32, _ random: inout SeededGenerator
    ) throws {
        let facts = loaded.record(Int(record))
        let fields = loaded.document.schema.declarations[Int(facts.type)].fields
        guard !fields.isEmpty else { return }
        let index = Int.random(in: fields.indices, using: &random)
        let field = fields[index]
        let (tag, bits) = loaded.slot(Int(facts.first_slot) + index)
        switch field.type {
        case .float: if tag == BD_TAG_FLOAT { try loaded.set(record, field.name, .float(Double.random(in: -99...99, using: &random))) }
        case .int: if tag == BD_TAG_INT { try loaded.set(record, field.name, .int(Int64.random(in: 1...99, using: &random))) }
        case .string: if tag == BD_TAG_STRING { try loaded.set(record, field.name, .string(Array("a\"b\\ (\(bits))".utf8))) }
        case .bool: try loaded.set(record, field.name, .bool(Bool.random(using: &random)))
        case .list(.record) where tag == BD_TAG_LIST && bits >> 32 > 0:
            // The list has as many elements as when it was loaded: each edit here leaves it so.
            let count = Int(bits >> 32)
            let first = Int(bits & 0xFFFF_FFFF)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: try loaded.permute(record, field.name, (0..<UInt32(count)).shuffled(using: &random))
            case 1:
                let element = UInt32(loaded.slot(first + Int.random(in: 0..<count, using: &random)).bits)
                try loaded.splice(record, field.name, Int.random(in: 0...count, using: &random), 0, [.copy(of: loaded.document, numbers: [(element, next)])])
                next += 1
                try loaded.splice(record, field.name, Int.random(in: 0...count, using: &random), 1)
            default: try loaded.splice(record, field.name, 0, 0)
            }
        default: break
        }
    }
}
