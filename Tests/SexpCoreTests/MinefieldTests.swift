// Each file of Tests/minefield is read, or refused at its place; those that are read come back with all their tokens.
import Testing

@testable import SexpCore

@Suite struct MinefieldTests {
    private static var folder: String {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(2)
        return parts.joined(separator: "/") + "/minefield/"
    }

    @Test func everyFile() throws {
        let index = String(decoding: try #require(readFile(Self.folder + "index.tsv")), as: UTF8.self)
        let rows = index.split(separator: "\n").dropFirst()
            .map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
        #expect(rows.count >= 150)
        for row in rows {
            let bytes = try #require(readFile(Self.folder + row[0]))
            if row[2] == "accept" {
                let loaded = try Loaded(row[1], bytes, options: .isVerbatim)
                try loaded.checkSnapshot()
                #expect(try loaded.document.bytes() == bytes, "\(row[0])")
                // Laid out anew it has the same tokens, but for an entry that KiCad does not write.
                let text = try Loaded(row[1], bytes).document.bytes()
                if !row[0].hasPrefix("y_tags_empty") { #expect(try tokens(text) == tokens(bytes), "\(row[0])") }
                #expect(try Loaded(row[1], text).text() == loaded.text(), "\(row[0])")
                continue
            }
            do {
                _ = try Loaded(row[1], bytes)
                Issue.record("\(row[0]) is read, and should not be")
            } catch let error as SexpError {
                #expect(error.kind.rawValue == row[3], "\(row[0]): \(error)")
                #expect("\(error.line):\(error.column)" == "\(row[4]):\(row[5])", "\(row[0]): \(error)")
                #expect(error.pathText == row[6], "\(row[0])")
            }
        }
    }

    /// Cut off anywhere, a file is an error or a document, never more.
    @Test func everyPrefix() throws {
        for (module, name) in [("footprint", "y_pad_tenting.kicad_mod"), ("pcb", "y_v5_board.kicad_pcb")] {
            let bytes = try #require(readFile(Self.folder + name))
            for count in 0..<bytes.count - 1 {
                do {
                    let loaded = try Loaded(module, Array(bytes[..<count]))
                    try loaded.checkSnapshot()
                    _ = try loaded.document.bytes()
                } catch let error as SexpError {
                    #expect(error.line > 0)
                }
            }
        }
    }
}
