// The layout, rule by rule.
import SexpCore
import Testing

@Suite struct PrinterTests {
    @Test(arguments: [
        ("(a)", "(a)"), ("()", "()"), ("(a b \"c\" 1.50)\n", "(a b \"c\" 1.50)\n"),
        ("(a(b)(c d))", "(a\n\t(b)\n\t(c d)\n)"),
        ("(font (size 1 1))\n", "(font\n\t(size 1 1)\n)\n"),
        ("(a (b) 1 (c) 2)", "(a\n\t(b) 1\n\t(c) 2)"),
        ("(()())", "(\n\t()\n\t()\n)"),
        ("(pts (xy 1 2) (xy 3 4))", "(pts\n\t(xy 1 2) (xy 3 4)\n)"),
        ("(pts (xy 1 2) (xz 3 4) (xy 5 6))", "(pts\n\t(xy 1 2)\n\t(xz 3 4)\n\t(xy 5 6)\n)"),
        ("(pts (xy) (xy 1) (\"xy\" 1) (xy (a)))", "(pts\n\t(xy)\n\t(xy 1)\n\t(\"xy\" 1)\n\t(xy\n\t\t(a)\n\t)\n)"),
        ("(version 1) (rule a)", "(version 1)\n(rule a)"),
        ("(a)\r\n  ", "(a)\n"), ("(a)  ", "(a)"),
        ("\u{FEFF}(a\n)", "\u{FEFF}(a)"),
        ("(a \"x\ny\\q\")", "(a \"x\ny\\q\")"),
        // comments have lines of their own
        ("# c\n(a)\n", "# c\n(a)\n"), ("(a)\n# c", "(a)\n# c"),
        ("(a\n# c\nb (d)\n# e )\n)", "(a\n\t# c\n\tb\n\t(d)\n\t# e )\n)"),
        ("(\n#c\r\na)", "(\n\t#c\n\ta)"),
        ("(pts (xy 1 2)\n#c\n(xy 3 4))", "(pts\n\t(xy 1 2)\n\t#c\n\t(xy 3 4)\n)"),
    ])
    func layout(text: String, expected: String) throws {
        #expect(try printed(text) == expected)
        #expect(try printed(expected) == expected)
    }

    @Test func atomsWrapAtColumn72() throws {
        let first = String(repeating: "x", count: 71)
        #expect(try printed("(\(first) b c)") == "(\(first)\n\tb c\n)")
        #expect(try printed("(\(first.dropLast()) b c)") == "(\(first.dropLast()) b\n\tc\n)")
        // The wrap is remembered by the next parenthesis that closes, not by its own list.
        #expect(try printed("(\(first) b (d e) (f))") == "(\(first)\n\tb\n\t(d e\n\t)\n\t(f)\n)")
        // Columns count bytes: 36 two-byte letters fill the line.
        let wide = String(repeating: "é", count: 36)
        #expect(try printed("(\(wide) b)") == "(\(wide)\n\tb\n)")
    }

    @Test func pointsWrapAtColumn99() throws {
        let text = try printed("(pts" + String(repeating: " (xy 123 456)", count: 20) + ")")
        let lines = text.split(separator: "\n")
        #expect(lines.count == 5)
        #expect(lines[1] == "\t" + Array(repeating: "(xy 123 456)", count: 8).joined(separator: " "))
    }

    @Test func atomsOfPointsDoNotWrap() throws {
        let long = String(repeating: "9", count: 90)
        #expect(try printed("(xy \(long) \(long))") == "(xy \(long) \(long))")
    }

    /// At the start of a line it would be a comment.
    @Test func aWordWithANumberSignNeverStartsALine() throws {
        let first = String(repeating: "x", count: 80)
        let text = try printed("(\(first) #b c)")
        #expect(text == "(\(first) #b\n\tc\n)")
        #expect(haveSameTokens(try parse(text), try parse("(\(first) #b c)")))
    }
}
