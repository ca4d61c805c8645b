// Real files of 75 projects: all that are well-formed parse, no token is lost, canonical ones come back byte for byte.
//
// The manifest's `canonical_text` is "-" for files that the replaced layer's rules call ill-formed. By KiCad's rules
// seven of the nine are well-formed: four are several forms in a row, two have a quote inside a bare word, one has bare words
// that are not ASCII. Two netlists close a list too early.
import SexpCore
import Testing

@Suite struct CorpusTests {
    /// Path ending → forms, for the files called ill-formed that are not.
    static let formsOfOddFiles: [String: Int] = [
        "ee8179-cynthion.kicad_dru": 3, "bd6774-example-medium.clipboard.kicad_sch": 40,
        "b7b92e-example-small.clipboard.kicad_sch": 19, "ba1304-fragment.kicad_sch": 30, "0935bd-st7789.kicad_mod": 1,
        "301d1b-oled_13xx.kicad_mod": 1, "516342-font.kicad_pcb": 1,
    ]
    /// Path ending → line, column, and the line that the hint points at.
    static let brokenFiles: [String: (line: Int, column: Int, hint: Int)] = [
        "93c191-keyboard.net": (95, 1, 75), "10898e-keyboard.net": (105, 31, 83),
    ]

    static let shards = 8

    /// Path and `canonical_text` of each file of one shard; large and small files are spread evenly.
    private func files(shard: Int, corpus: String) throws -> [(path: String, canonical: String)] {
        let manifest = String(decoding: try #require(readFile(corpus + "/MANIFEST.tsv")), as: UTF8.self)
        var lines = manifest.split(separator: "\n").map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
        let column = try #require(lines.first?.firstIndex(of: "canonical_text"))
        lines.removeFirst()
        try #require(lines.count >= 300)
        return lines.enumerated().filter { $0.offset % Self.shards == shard }.map {
            (String($0.element[0]), String($0.element[column]))
        }
    }

    @Test(arguments: 0..<shards)
    func everyFile(shard: Int) throws {
        let corpus = try #require(corpusFolder())
        for (path, canonical) in try files(shard: shard, corpus: corpus) {
            let bytes = try #require(readFile(corpus + "/" + path))
            let name = String(path.split(separator: "/").last ?? "")
            let document: SexpDocument
            do {
                document = try SexpDocument.parse(bytes, label: name)
            } catch {
                let place = try #require(Self.brokenFiles[name], "\(error)")
                #expect(error.kind == .unexpectedRightParen)
                #expect(error.line == place.line && error.column == place.column)
                #expect(error.hint.hasPrefix("line \(place.hint) "))
                continue
            }
            #expect(Self.brokenFiles[name] == nil)
            if canonical == "-" { #expect(document.formCount == Self.formsOfOddFiles[name], "\(name)") }
            let text = try document.canonicalBytes()
            let isCanonical = canonical == "yes" || canonical == "yes-nonl"
            #expect((text == bytes) == isCanonical, "\(path) is \(canonical)")
            if bytes.count < 60_000 { document.checkInvariants() }
            if text == bytes { continue }
            let again = try SexpDocument.parse(text)
            #expect(haveSameTokens(document, again), "\(path)")
            #expect(try again.canonicalBytes() == text, "\(path)")
        }
    }
}
