// Each kind of error with its exact place, path, excerpt and caret.
import SexpCore
import Testing

@Suite struct ErrorTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var text: String
        var kind: SexpError.Kind
        var line: Int
        var column: Int
        var path: String
        var testDescription: String { text }

        init(_ text: String, _ kind: SexpError.Kind, _ line: Int, _ column: Int, _ path: String = "") {
            self.text = text
            self.kind = kind
            self.line = line
            self.column = column
            self.path = path
        }
    }

    @Test(arguments: [
        Case("", .emptyFile, 1, 1), Case(" \n# only\n", .emptyFile, 1, 1), Case("\u{FEFF}", .emptyFile, 1, 1),
        Case("(", .unterminatedList, 1, 1, "()"),
        Case("(a\n (b\n  (c 1)\n  2\n", .unterminatedList, 2, 2, "a > b"),
        Case("(a) (b", .unterminatedList, 1, 5, "b"),
        Case("(\"q\" (1", .unterminatedList, 1, 6, "\"q\" > 1"),
        Case(")", .unexpectedRightParen, 1, 1), Case("(a)\n )", .unexpectedRightParen, 2, 2),
        Case("(a\n\t(b \"x", .unterminatedString, 2, 5, "a > b"),
        Case("(a \"x\\\"", .unterminatedString, 1, 4, "a"), Case("(a \"x\\", .unterminatedString, 1, 4, "a"),
        Case("5", .unexpectedType, 1, 1), Case("\"kicad_pcb\"", .unexpectedType, 1, 1),
        Case("(a)\nb", .unexpectedType, 2, 1), Case("  <<<", .unexpectedType, 1, 3),
        Case("(a \0)", .invalidCharacter, 1, 4, "a"), Case("(a b\0)", .invalidCharacter, 1, 5, "a"),
        Case("(a (b \"x\0\"))", .invalidCharacter, 1, 9, "a > b"), Case("(a)\n#\0", .invalidCharacter, 2, 2),
        Case("(a))\0", .unexpectedRightParen, 1, 4),
        Case("(é \"漢\" (b", .unterminatedList, 1, 11, "é > b"),
        Case("\u{FEFF}(a", .unterminatedList, 1, 1, "a"),
    ])
    func place(_ test: Case) throws {
        let error = try #require(failure(test.text))
        #expect(error.kind == test.kind)
        #expect(error.line == test.line && error.column == test.column)
        #expect(error.pathText == test.path)
        #expect(error.caret.hasSuffix("^"))
        #expect(error.description.hasPrefix("<text>:\(test.line):\(test.column): \(error.message)"))
    }

    @Test func wholeMessage() throws {
        let unclosed = "(kicad_pcb\n\t(setup\n\t\t(tenting front)\n\t(net 0 \"\")\n)\n"
        let error = try #require(failure(unclosed, label: "board.kicad_pcb"))
        // The last list that is still open is the outermost: the hint has the true place.
        #expect(
            error.description == """
                board.kicad_pcb:1:1: unterminated list, opened here (kicad_pcb)
                (kicad_pcb
                ^
                hint: line 4 is indented no deeper than the list opened at 2:2; a ')' may be missing before it
                """)
        let string = try #require(failure("(a\n\t(é \"漢字\" \"x)\n)", label: "s"))
        #expect(
            string.description == """
                s:2:15: unterminated string, opened here (a > é)
                \t(é "漢字" "x)
                \t        ^
                hint: add the closing '"'; inside a string write \\" for a quote
                """)
    }

    @Test(arguments: [
        [0x80], [0xC0, 0x80], [0xC3], [0xC3, 0x28], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xE2, 0x82],
        [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF],
    ] as [[UInt8]])
    func notUTF8(bytes: [UInt8]) throws {
        for filling in [0, 1, 7, 8, 30] {
            let before = "(é (w \"" + String(repeating: "x", count: filling)
            let error = try #require(failure(Array(before.utf8) + bytes + Array("\"))".utf8)))
            #expect(error.kind == .invalidUTF8)
            #expect(error.byteOffset == before.utf8.count && error.column == before.utf8.count + 1)
            #expect(error.pathText == "é > w")
        }
    }

    @Test func utf16IsNamed() throws {
        let error = try #require(failure([0xFF, 0xFE, 0x28, 0, 0x61, 0]))
        #expect(error.kind == .invalidUTF8 && error.line == 1 && error.column == 1)
        #expect(error.hint.contains("UTF-16"))
    }

    @Test func depthLimit() throws {
        let limits = SexpLimits(depthMax: 2)
        #expect(try parse("(a (b) (c))", limits: limits).nodeCount == 6)
        let error = try #require(failure("(a\n (b (c)))", limits: limits))
        #expect(error.kind == .tooDeep && error.line == 2 && error.column == 5 && error.pathText == "a > b")
        #expect(error.message.contains("depthMax = 2"))
        let deep = try #require(failure(String(repeating: "(x", count: 1_500)))
        #expect(deep.kind == .tooDeep && deep.byteOffset == 2_000)
        #expect(deep.path.count == 13 && deep.path.contains("…"))
    }

    @Test func sizeLimits() throws {
        let text = try #require(failure("(abcdef)", limits: SexpLimits(textBytesMax: 7)))
        #expect(text.kind == .tooLarge && text.line == 0 && text.message.contains("textBytesMax = 7"))
        #expect(try parse("(abcdef)", limits: SexpLimits(textBytesMax: 8)).nodeCount == 2)
        let nodes = try #require(failure("(a\n b c)", limits: SexpLimits(nodesMax: 3)))
        #expect(nodes.kind == .tooLarge && nodes.line == 2 && nodes.column == 4)
        #expect(nodes.message.contains("nodesMax = 3"))
        let document = try parse("(a (b (c (d))))", limits: SexpLimits(printedBytesMax: 20))
        let error = #expect(throws: SexpError.self) { try document.canonicalBytes() }
        #expect(error?.kind == .tooLarge && error?.message.contains("printedBytesMax = 20") == true)
    }

    @Test func textsAboveFourGiBAreNotLookedAt() {
        let oneByte: [UInt8] = [0x28]
        oneByte.withUnsafeBytes { bytes in
            let claimed = UnsafeRawBufferPointer(start: bytes.baseAddress, count: (1 << 32) + 1)
            let error = #expect(throws: SexpError.self) { try SexpDocument.parse(claimed) }
            #expect(error?.kind == .tooLarge)
        }
    }

    @Test func excerptsAreCutAtCharacters() throws {
        for shift in 0..<4 {
            let filling = String(repeating: "y", count: shift) + String(repeating: "漢", count: 100)
            let error = try #require(failure("(a \"\(filling)\" \0 \"\(filling)\")"))
            #expect(error.kind == .invalidCharacter)
            #expect(error.excerpt.hasPrefix("…漢") && error.excerpt.hasSuffix("漢…"))
            #expect(error.excerpt.utf8.count < 250)
            #expect(error.caret.count <= error.excerpt.count)
        }
        let control = try #require(failure("(a \u{1B}[31m \u{9B} ) )"))
        #expect(control.excerpt == "(a \u{FFFD}[31m \u{FFFD} ) )")
        let name = try #require(failure("(" + String(repeating: "é", count: 40)))
        #expect(name.pathText == String(repeating: "é", count: 24) + "…")
    }

    @Test func hints() throws {
        let conflict = try #require(failure("(a\n<<<<<<< HEAD\n (b)\n=======\n (b\n>>>>>>> x\n"))
        #expect(conflict.hint == "line 2 is the mark of an unresolved merge conflict")
        let early = try #require(failure("(a\n  (b\n    (c)))\n    (d)\n  (e))\n"))
        #expect(early.kind == .unexpectedRightParen && early.line == 5 && early.column == 6)
        #expect(early.hint.hasPrefix("line 4 is indented deeper than the lists beside it"))
        let extra = try #require(failure("(a\n  (b\n    (c)\n    (d)))\n    (e))\n  (f)\n)\n"))
        #expect(extra.hint.hasPrefix("line 5 is indented deeper than the lists beside it"))
        let quote = try #require(failure("(a\n (b \"x)\n (c \" y \" z))\n"))
        #expect(quote.kind == .unterminatedString && quote.line == 3)
        #expect(quote.hint.hasPrefix("the string at 2:5 is the first that runs over a line end"))
        let list = try #require(failure("(a\n (b \"x)\n (c \"y\"))\n (d\n"))
        #expect(list.kind == .unterminatedList && list.hint.hasPrefix("the string at 2:5 is"))
    }

    @Test func cancelling() throws {
        let text = Array(("(a " + String(repeating: "\"b\" c\n", count: 60_000) + ")").utf8)
        for cancelAt in 1..<6 {
            var asked = 0
            let error = #expect(throws: SexpError.self) {
                try SexpDocument.parse(text, isCancelled: { asked += 1; return asked >= cancelAt })
            }
            #expect(error?.kind == .cancelled && asked == cancelAt)
        }
        for long in ["\"" + String(repeating: "s", count: 300_000) + "\"", String(repeating: "w", count: 300_000)] {
            let bytes = Array("(a \(long))".utf8)
            var total = 0
            _ = try SexpDocument.parse(bytes, isCancelled: { total += 1; return false })
            #expect(total > 7)  // both passes ask every 64 KiB, also inside one token
        }
        let document = try SexpDocument.parse(text)
        let error = #expect(throws: SexpError.self) { try document.canonicalBytes(isCancelled: { true }) }
        #expect(error?.kind == .cancelled)
    }
}
