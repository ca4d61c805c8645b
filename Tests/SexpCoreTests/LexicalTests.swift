// One case for each lexical rule.
import Testing

@testable import SexpCore

@Suite struct LexicalTests {
    @Test(arguments: [
        ("(a 10uF)", "word:a word:10uF"),
        ("(net 1 +5V)", "word:net number:1 word:+5V"),
        ("(a 1N4148 0603 3V3 -5V)", "word:a word:1N4148 number:0603 word:3V3 word:-5V"),
        ("(a .5 -.5 +1 5. -0 1.50)", "word:a number:.5 number:-.5 number:+1 number:5. number:-0 number:1.50"),
        ("(a . + - +. 1.2.3 --1 1-2)", "word:a word:. word:+ word:- word:+. word:1.2.3 word:--1 word:1-2"),
        ("(a 1e5 5E123456 0x10 1_0)", "word:a word:1e5 word:5E123456 word:0x10 word:1_0"),
        ("(a 1)", "word:a number:1"),
        ("(a 1(b)2)", "word:a number:1 list:(b) number:2"),
        ("(a a,b {b} a[0] a`b a\\b a|b a;b)",
            "word:a word:a,b word:{b} word:a[0] word:a`b word:a\\b word:a|b word:a;b"),
        ("(a µF 漢字 0Ω \u{FEFF}x)", "word:a word:µF word:漢字 word:0Ω word:\u{FEFF}x"),
        ("(a 1.3\" a\"b)", "word:a word:1.3\" word:a\"b"),
        ("(a \"b\"\"c\"d\"e)", "word:a string:b string:c word:d\"e"),
        ("(a \"\" \"\\\"\" \"\\\\\")", "word:a string: string:\\\" string:\\\\"),
        ("(a \"two\nlines\tand; # (\")", "word:a string:two\nlines\tand; # ("),
        ("(a \"\\q\\n\")", "word:a string:\\q\\n"),
        ("(a #b c)", "word:a word:#b word:c"),
        ("(a\n  # a ( comment \" \n b)", "word:a comment:# a ( comment \"  word:b"),
        ("(a\r\n\t#c\r\nb\r\n)\r\n", "word:a comment:#c word:b"),
        ("#first\n(a b)", "word:a word:b"),
        ("()", ""),
        ("(() ())", "list:() list:()"),
        ("(a\u{0B}b \u{1}\u{7F})", "word:a\u{0B}b word:\u{1}\u{7F}"),
        ("\u{FEFF}(a)", "word:a"),
        ("\u{FEFF}# c\n(a)", "word:a"),
        ("(data |KLUv/WCv+\n5Xyz=|)", "word:data word:|KLUv/WCv+ word:5Xyz=|"),
        ("(\ta\r b\n)\t", "word:a word:b"),
    ])
    func tokens(text: String, expected: String) throws {
        #expect(try items(text) == expected)
    }

    /// What is looked for in eight bytes at once, against looking at each.
    @Test func eightBytesAtOnce() {
        var random = SeededGenerator(state: 8)
        let likely: [UInt8] = [0x22, 0x5C, 0x20, 0x09, 0x29, 0x2A, 0x00, 0x21, 0x23, 0x5B, 0x5D, 0x7F, 0x80, 0xA2, 0xDC, 0xFF]
        for _ in 0..<200_000 {
            let bytes = (0..<8).map { _ in
                random.next() & 1 == 0 ? likely[Int(random.next() & 15)] : UInt8(truncatingIfNeeded: random.next())
            }
            let eight = EightBytes(bytes.span, at: 0)
            let byte = bytes[Int(random.next() & 7)]
            #expect(eight.run(of: byte) == bytes.firstIndex { $0 != byte } ?? 8, "\(bytes)")
            #expect(eight.first(0x22, or: 0x5C) == bytes.firstIndex { $0 == 0x22 || $0 == 0x5C } ?? 8, "\(bytes)")
            #expect(eight.first(below: 0x2A) == bytes.firstIndex { $0 < 0x2A } ?? 8, "\(bytes)")
        }
    }

    /// Words, strings and blanks of every length at every distance from the end.
    @Test func everyLengthOfAToken() throws {
        for length in 1...40 {
            let word = String(repeating: "w", count: length)
            let blank = String(repeating: length % 2 == 0 ? "\t" : " ", count: length)
            for end in ["", "!", "!\"#$%&'*", "\u{E9}"] {
                let string = String(repeating: "s", count: length) + "\\\"" + end.filter { $0 != "\"" }
                let text = "(a\(blank)\(word)\(end)\(blank)\n\(blank)\"\(string)\"\(blank)(\(word))\(blank)\r\n)\(blank)"
                #expect(try items(text) == "word:a word:\(word)\(end) string:\(string) list:(\(word))")
                #expect(try items("(\(word)\(end))") == "word:\(word)\(end)")
                #expect(throws: SexpError.self) { try items("(\"\(string)") }
                #expect(throws: SexpError.self) { try items("(\(word)\(end)") }
            }
        }
    }

    @Test func severalFormsAreKept() throws {
        let document = try parse("# rules\n(version 1)\n(rule a (min 0.07mm))\n# end\n")
        #expect(document.formCount == 4)
        #expect(document.forms.map { document.kind(of: $0) } == [.comment, .list, .list, .comment])
        #expect(document.head(of: document.root) == "version")
    }

    @Test func commentsMayFollowAStringThatEndsALine() throws {
        #expect(try items("(a \"x\ny\" #no\n#yes\n)") == "word:a string:x\ny word:#no comment:#yes")
    }

    @Test(arguments: [
        ("a\\nb\\tc\\rd", "a\nb\tc\rd"), ("\\\\ \\\"", "\\ \""), ("\\a\\b\\f\\v", "\u{7}\u{8}\u{C}\u{B}"),
        ("\\xc3\\xa9", "é"), ("\\x41z \\x4z \\xzz \\x", "Az \u{4}z xzz x"),
        ("\\101\\7\\0608", "A\u{7}08"), ("\\q\\é", "\\q\\é"),
        ("plain", "plain"), ("", ""), ("\\", "\\"),
    ])
    func unescape(raw: String, value: String) {
        #expect(String(decoding: SexpText.unescape(Array(raw.utf8)), as: UTF8.self) == value)
    }

    @Test func escapesGiveBytes() {
        #expect(SexpText.unescape(Array("\\xff\\377\\777\\x0".utf8)) == [0xFF, 0xFF, 0xFF, 0])
    }

    @Test func escapeIsUndoneByUnescape() {
        var generator = SeededGenerator(state: 7)
        for _ in 0..<200 {
            let value = (0..<Int.random(in: 0..<12, using: &generator)).map { _ in
                [0x22, 0x5C, 0x0A, 0x0D, 0x78, 0x30, 0x6E, 0x61].randomElement(using: &generator) ?? 0
            }
            let bytes = value.map { UInt8($0) }
            #expect(SexpText.unescape(SexpText.escape(bytes)) == bytes)
        }
    }

    @Test func walking() throws {
        let document = try parse("(board (net 0 \"\") (net 1 \"a\\\"b\") 7\n# c\n(x \"y\") (\"net\" 3))")
        let root = document.root
        #expect(document.childCount(of: root) == 7)
        #expect(document.head(of: root) == "board")
        let nets = document.findAll("net", in: root)
        #expect(nets.count == 2)
        #expect(document.find("net", in: root) == nets.first)
        #expect(document.find("ne", in: root) == nil)
        let values = nets.map { document.children(of: $0).map { document.value(of: $0) } }
        #expect(values == [["net", "0", ""], ["net", "1", "a\"b"]])
        let x = try #require(document.find("x", in: root))
        #expect(document.location(of: x) == (3, 1))
        #expect(document.location(of: x + 2) == (3, 4))
        #expect(document.contains(node: x))
        #expect(!document.contains(node: document.nodeCount) && !document.contains(node: -1))
        #expect(document.nodeCount == 18)
    }
}
