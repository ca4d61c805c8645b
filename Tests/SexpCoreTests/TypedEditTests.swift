// Edits: what they change, and that they change nothing else.
import CLayout
import Testing

@testable import SexpCore

private func string(_ text: String) -> TypedValue { .string(Array(text.utf8)) }

@Suite struct TypedEditTests {
    private static let board = """
        (kicad_pcb
        \t(version 20241229)
        \t(generator "g")
        \t(generator_version "9.0")
        \t(net 0 "")
        \t(net 1 "GND")
        \t(footprint "R"
        \t\t(layer "F.Cu")
        \t\t(at 10.50 20
        \t\t\t(odd 1)
        \t\t)
        \t\t(property "A" "1"
        \t\t\t(at 0 0)
        \t\t\t(layer "F.Fab")
        \t\t\t(novel 5)
        \t\t)
        \t\t(pad "1" smd rect
        \t\t\t(at 0 0)
        \t\t\t(size 1.0 1)
        \t\t\t(layers "F.Cu" "F.Paste")
        \t\t)
        \t\t(pad "2" smd rect
        \t\t\t(at 1 0)
        \t\t\t(size 1 1)
        \t\t)
        \t)
        )

        """

    /// The board after one edit, as the lines that differ: `-` of before, `+` of after.
    private func difference(_ edit: (Loaded) throws -> Void) throws -> String {
        let loaded = try Loaded("pcb", Self.board)
        try edit(loaded)
        var before = Self.board.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var after = try loaded.printed.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        while let line = before.first, line == after.first {
            before.removeFirst()
            after.removeFirst()
        }
        while let line = before.last, line == after.last {
            before.removeLast()
            after.removeLast()
        }
        func shown(_ mark: String, _ lines: [String]) -> [String] { lines.map { mark + $0.filter { $0 != "\t" } } }
        return (shown("-", before) + shown("+", after)).joined(separator: " ")
    }

    private let footprint = ["kicad_pcb", "footprints", "0"]

    private func edited(_ path: String..., edit: (Loaded, UInt32) throws -> Void) throws -> String {
        try difference { loaded in
            var record: UInt32 = 1
            var names = path[...]
            while let name = names.popFirst() {
                let slot = try loaded.field(record, name)
                if slot.tag == BD_TAG_LIST {
                    let position = try #require(Int(names.removeFirst()))
                    record = UInt32(loaded.slot(Int(slot.bits & 0xFFFF_FFFF) + position).bits)
                } else {
                    record = UInt32(slot.bits)
                }
            }
            try edit(loaded, record)
        }
    }

    @Test func scalars() throws {
        #expect(
            try edited("kicad_pcb", "footprints", "0", "at") { try $0.set($1, "x", .float(10.25)) }
                == "-(at 10.50 20 +(at 10.25 20")
        // What is there already keeps its spelling.
        #expect(try edited("kicad_pcb", "footprints", "0", "at") { try $0.set($1, "x", .float(10.5)) } == "")
        #expect(
            try edited("kicad_pcb", "footprints", "0", "at") { try $0.set($1, "r", .float(90)) }
                == "-(at 10.50 20 +(at 10.50 20 90")
        #expect(
            try edited("kicad_pcb", "footprints", "0") { try $0.set($1, "layer", string("B\"Cu")) }
                == "-(layer \"F.Cu\") +(layer \"B\\\"Cu\")")
        #expect(try edited("kicad_pcb") { try $0.set($1, "version", .int(1)) } == "-(version 20241229) +(version 1)")
        #expect(
            try edited("kicad_pcb", "footprints", "0", "propertys", "0") { try $0.set($1, "hide", .bool(false)) }
                == "+(hide no)")
        #expect(
            try edited("kicad_pcb", "footprints", "0", "pads", "0") { try $0.set($1, "zone_connect", .member(3)) }
                == "+(zone_connect 2)")
    }

    @Test func removing() throws {
        #expect(try edited("kicad_pcb", "nets", "1") { try $0.set($1, "name", .none) } == "-(net 1 \"GND\") +(net 1)")
        #expect(try edited("kicad_pcb", "footprints", "0", "at") { try $0.set($1, "r", .none) } == "")
    }

    @Test func newEntriesStandInWrittenOrder() throws {
        #expect(try edited("kicad_pcb") { try $0.set($1, "paper", .member(2)) } == "+(paper \"A3\")")
        let text = try edited("kicad_pcb", "footprints", "0", "pads", "0") { loaded, pad in
            try loaded.set(pad, "uuid", string("u"))
            try loaded.set(pad, "drill", try loaded.make("pcb.PadDrill", ["size_x": .float(0.5)], number: UInt32(loaded.recordCount)))
        }
        #expect(text == "-(layers \"F.Cu\" \"F.Paste\") +(drill 0.5) +(layers \"F.Cu\" \"F.Paste\") +(uuid \"u\")")
    }

    @Test func lists() throws {
        #expect(
            try edited("kicad_pcb", "footprints", "0", "pads", "0") { try $0.splice($1, "layers", 1, 0, [string("X")]) }
                == "-(layers \"F.Cu\" \"F.Paste\") +(layers \"F.Cu\" \"X\" \"F.Paste\")")
        #expect(
            try edited("kicad_pcb", "footprints", "0", "pads", "0") { try $0.splice($1, "layers", 0, 2) }
                == "-(layers \"F.Cu\" \"F.Paste\")")
        #expect(
            try edited("kicad_pcb", "footprints", "0", "pads", "1") { try $0.splice($1, "layers", 0, 0, [string("X")]) }
                == "+(layers \"X\")")
        #expect(try edited("kicad_pcb") { try $0.splice($1, "nets", 0, 1) } == "-(net 0 \"\")")
        #expect(
            try edited("kicad_pcb") { try $0.permute($1, "nets", [1, 0]) }
                == "-(net 0 \"\") -(net 1 \"GND\") +(net 1 \"GND\") +(net 0 \"\")")
        #expect(
            try edited("kicad_pcb") { loaded, board in
                let net = try loaded.make(
                    "pcb.Net", ["number": .int(2), "name": string("+5V")], number: UInt32(loaded.recordCount))
                try loaded.splice(board, "nets", 1, 1, [net])
                try loaded.set(UInt32(loaded.recordCount), "name", string("VCC"))
            } == "-(net 1 \"GND\") +(net 2 \"VCC\")")
    }

    @Test func aDefaultIsWrittenWholeWhenItIsTouched() throws {
        let text = try edited("kicad_pcb", "general") { try $0.set($1, "thickness", .float(0.8)) }
        #expect(text == "+(general +(thickness 0.8) +(legacy_teardrops no) +)")
        let nested = try edited("kicad_pcb", "setup", "pcbplotparams") { try $0.set($1, "mode", .int(2)) }
        #expect(nested.hasPrefix("+(setup +(pad_to_mask_clearance 0)") && nested.contains("+(mode 2)"))
        #expect(try edited("kicad_pcb", "setup") { try $0.set($1, "stackup", .none) } == "")
    }

    @Test func aCopyKeepsWhatNoFieldReads() throws {
        let loaded = try Loaded("pcb", Self.board)
        let other = try Loaded("footprint", "(footprint \"y\" (layer \"F.Cu\"))")
        let property = try loaded.find("kicad_pcb", "footprints", "0", "propertys", "0")
        let place = try loaded.find("kicad_pcb", "footprints", "0", "propertys", "0", "at")
        let number = UInt32(other.recordCount)
        try other.splice(2, "propertys", 0, 0, [.copy(of: loaded.document, numbers: [(property, number), (place, number + 1)])])
        try other.set(number, "value", string("2"))
        let field = UInt32(1)
        try other.document.apply("set") { (document) throws(EditFailure) in try document.set(number + 1, field, .float(7)) }
        let text = try other.printed
        #expect(text.contains("(property \"A\" \"2\"") && text.contains("(novel 5)") && text.contains("(at 0 7)"))
        #expect(try loaded.printed == Self.board)
        // The key is that of the place where it stands now; an element without a key gets none.
        let line = try Loaded("pcb", "(kicad_pcb (footprint \"x\" (at 0 0) (fp_line (start 0 0) (end 1 1) (odd))) (layers (0 \"F.Cu\" signal)))")
        let source = try line.find("kicad_pcb", "footprints", "0", "fp_lines", "0")
        try line.splice(2, "gr_lines", 0, 0, [.copy(of: line.document, numbers: [(source, UInt32(line.recordCount))])])
        let layer = try line.find("kicad_pcb", "layers", "0")
        try line.splice(2, "layers", 1, 0, [.copy(of: line.document, numbers: [(layer, UInt32(line.recordCount) + 1)])])
        let compact = try line.printed.split { $0 == "\n" || $0 == "\t" }.joined(separator: " ")
        #expect(compact.contains("(gr_line (start 0 0) (end 1 1) (odd) )"))
        #expect(compact.contains("(layers (0 \"F.Cu\" signal) (0 \"F.Cu\" signal) )"))
    }

    /// Forms that stand for a value, or beside one, stay when the value is given.
    @Test func anEditKeepsAFormForAValue() throws {
        func library(_ name: String) -> String { "(fp_lib_table (lib (name \(name)) (type \"t\") (uri \"u\") (options \"\") (descr \"\")))" }
        func footprint(_ entry: String) -> String { "(footprint \"x\" (layer \"F.Cu\") (property \"A\" \"B\" (at 0 0) (layer \"F.Cu\") \(entry)))" }
        func netlist(_ entry: String) -> String {
            "(export (version \"E\") (design (source \"a\") (date \"\") (tool \"t\") (sheet (number \"1\") (name \"/\") (tstamps \"/\") "
                + "(title_block \(entry) (company) (rev) (date) (source \"a\")))))"
        }
        func check(_ module: String, _ before: String, _ path: [String], _ name: String, _ value: TypedValue, _ after: String) throws {
            for options: TypedDocument.LoadOptions in [.isVerbatim, []] {
                let loaded = try Loaded(module, Array(before.utf8), options: options)
                try loaded.set(try loaded.find(path), name, value)
                #expect(try tokens(loaded.document.bytes()) == tokens(Array(after.utf8)), "\(before)")
                _ = try Loaded(module, try loaded.document.bytes())
            }
        }
        let block = ["netlist", "design", "sheet", "title_block"]
        for (before, after) in [
            ("(title (novel 1))", "(title \"x\" (novel 1))"), ("(title (a) (b))", "(title \"x\" (a) (b))"),
            ("(title\n# c\n(novel 1))", "(title\n# c\n\"x\" (novel 1))"), ("(title (novel 1) \"y\")", "(title (novel 1) \"x\")"),
            ("(title \"y\" (novel 1))", "(title \"x\" (novel 1))"), ("(title)", "(title \"x\")"),
        ] {
            try check("netlist", netlist(before), block, "title", string("x"), netlist(after))
        }
        try check("netlist", netlist("(title (novel 1))"), block, "title", .none, netlist("(title (novel 1))"))
        try check("netlist", netlist("(title \"y\")"), block, "title", .none, netlist(""))
        let library0 = ["fp_lib_table", "libs", "0"]
        for (before, after) in [("(novel 1) \"n\"", "(novel 1) \"x\""), ("\"n\" (novel 1)", "\"x\" (novel 1)")] {
            try check("fp_lib_table", library(before), library0, "name", string("x"), library(after))
        }
        let property = ["footprint", "propertys", "0"]
        for name in ["hide", "unlocked"] {
            for (before, value, after) in [
                ("((novel 1))", true, "((novel 1))"), ("((novel 1))", false, "(no (novel 1))"),
                ("(yes (novel 1))", false, "(no (novel 1))"), ("(no (novel 1))", true, "(yes (novel 1))"),
                ("((novel 1) yes)", false, "((novel 1) no)"),
            ] {
                func entry(_ text: String) -> String { "(\(name) " + text.dropFirst() }
                try check("footprint", footprint(entry(before)), property, name, .bool(value), footprint(entry(after)))
            }
        }
        func symbols(_ entry: String) -> String { "(kicad_symbol_lib (version 20241209) (symbol \"A\" \(entry)))" }
        for (before, value, after) in [
            ("(power (novel 1))", true, "(power (novel 1))"), ("(power (novel 1))", false, "(power no (novel 1))"),
            ("(power yes (novel 1))", false, "(power no (novel 1))"), ("(power odd)", false, "(power no odd)"),
            ("(power no (novel 1))", true, "(power yes (novel 1))"), ("(power yes)", false, ""), ("(power)", false, ""),
        ] {
            try check("symbol", symbols(before), ["kicad_sym", "symbols", "0"], "power", .bool(value), symbols(after))
        }
    }

    /// `#` starts a comment only where it is a line's first token.
    @Test func anEditKeepsCommentsAndWordsThatLookLikeOne() throws {
        let board = "(kicad_pcb (version 20241229)\n(layers\n(\n# c\n0 \"F.Cu\" signal)\n))"
        for options: TypedDocument.LoadOptions in [.isVerbatim, []] {
            let loaded = try Loaded("pcb", Array(board.utf8), options: options)
            try loaded.set(try loaded.find("kicad_pcb", "layers", "0"), "alias", string("x"))
            let wanted = board.replacing("signal", with: "signal \"x\"")
            #expect(try tokens(loaded.document.bytes()) == tokens(Array(wanted.utf8)))
            // Without the layer in front of it the word is the first of its line.
            let footprint = "(footprint \"x\" (layer \"F.Cu\") (pad \"1\" smd rect (at 0 0) (size 1 1) (layers \"A\"\n# c\n\"B\" #w\"\\v)))"
            let other = try Loaded("footprint", Array(footprint.utf8), options: options)
            try other.splice(try other.find("footprint", "pads", "0"), "layers", 1, 1)
            let quoted = footprint.replacing("\"B\" #w\"\\v", with: "\"#w\\\"\\\\v\"")
            #expect(try tokens(other.document.bytes()) == tokens(Array(quoted.utf8)))
        }
    }

    /// A list in which an atom was replaced is followed as any other list is.
    @Test func aListEndsBehindAnEditedOne() throws {
        let text = "(footprint \"x\"\n\t(layer \"F.Cu\")\n\t(pad \"1\" smd rect\n\t\t(at 0 0)\n\t\t(size 1 1)\n\t)\n)\n"
        let loaded = try Loaded("footprint", Array(text.utf8), options: .isVerbatim)
        try loaded.set(2, "layer", string("B.Cu"))
        try loaded.splice(2, "pads", 0, 1)
        #expect(try loaded.printed == "(footprint \"x\"\n\t(layer \"B.Cu\")\n)\n")
    }

    @Test func numbersOfRecordsStayWhereTheyAreGivenAgain() throws {
        let loaded = try Loaded("pcb", Self.board)
        let footprint = try loaded.find("kicad_pcb", "footprints", "0")
        let place = try loaded.find("kicad_pcb", "footprints", "0", "at")
        try loaded.set(footprint, "at", try loaded.make("pcb.Xyr", ["x": .float(1), "y": .float(2)], number: place))
        try loaded.set(place, "x", .float(3))
        #expect(try loaded.printed.contains("(at 3 2)"))
    }

    @Test func aRemovedRecordChangesNothing() throws {
        let loaded = try Loaded("pcb", Self.board)
        let pad = try loaded.find("kicad_pcb", "footprints", "0", "pads", "1")
        try loaded.splice(try loaded.find("kicad_pcb", "footprints", "0"), "pads", 1, 1)
        let text = try loaded.printed
        try loaded.set(pad, "uuid", string("gone"))
        #expect(try loaded.printed == text)
        let footprint = try loaded.find("kicad_pcb", "footprints", "0")
        try loaded.splice(footprint, "pads", 0, 0, [.copy(of: loaded.document, numbers: [(pad, UInt32(loaded.recordCount))])])
        #expect(try loaded.printed.contains("(uuid \"gone\")"))
    }

    @Test func aFailedEditIsRemembered() throws {
        let loaded = try Loaded("pcb", Self.board)
        #expect(throws: EditFailure.self) { try loaded.set(2, "version", string("x")) }
        #expect(loaded.document.failure?.contains("could not be applied") == true)
        #expect(throws: EditFailure.self) { try loaded.set(2, "version", .int(1)) }
        for edit in [
            { try $0.splice(2, "nets", 1, 5) }, { try $0.permute(2, "nets", [0, 0]) },
            { try $0.document.apply("set") { (document) throws(EditFailure) in try document.set(9_999, 0, .int(1)) } },
            { try $0.set(2, "general", .copy(of: $0.document, numbers: [(2, UInt32($0.recordCount))])) },
            { (loaded: Loaded) in
                try loaded.set(2, "general", .record(number: 77_777, type: 0, fields: [.float(1), .float(2)]))
            },
        ] as [(Loaded) throws -> Void] {
            let fresh = try Loaded("pcb", Self.board)
            #expect(throws: (any Error).self) { try edit(fresh) }
        }
    }

    /// Found by fuzzing: a root that was edited is still the root.
    @Test func theRootIsReplacedAfterEdits() throws {
        let loaded = try Loaded("pcb", Self.board)
        try loaded.set(2, "version", .int(1))
        try loaded.set(1, "kicad_pcb", try loaded.make("pcb.KicadPcb", ["version": .int(2)], number: 2))
        try loaded.set(1, "kicad_pcb", try loaded.make("pcb.KicadPcb", ["version": .int(3)], number: 2))
        try loaded.set(2, "generator", string("g"))
        #expect(try loaded.printed == "(kicad_pcb\n\t(version 3)\n\t(generator \"g\")\n)\n")
        #expect(try loaded.document.text(of: 1) == Array("(kicad_pcb\n\t(version 3)\n\t(generator \"g\")\n)".utf8))
    }

    @Test func imagesComeBack() throws {
        let loaded = try Loaded("pcb", Self.board)
        try loaded.splice(2, "nets", 0, 1)
        try loaded.set(try loaded.find("kicad_pcb", "general"), "thickness", .float(0.8))
        let image = loaded.document.image()
        let restored = try #require(image.withUnsafeBytes { TypedDocument.restore(image: $0) })
        #expect(try restored.bytes() == loaded.document.bytes() && restored.image() == image)
        try restored.apply("set") { (document) throws(EditFailure) in try document.set(2, 0, .int(5)) }
        try loaded.set(2, "version", .int(5))
        #expect(try restored.bytes() == loaded.document.bytes())
        var random = SeededGenerator(state: 3)
        for _ in 0..<4_000 {  // damaged ones are refused, or print something
            var damaged = image
            damaged[Int.random(in: damaged.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            if Bool.random(using: &random) { damaged.removeLast(Int.random(in: 0..<damaged.count, using: &random)) }
            _ = try? damaged.withUnsafeBytes { TypedDocument.restore(image: $0) }?.bytes()
        }
    }

    /// Numbers as they are written: seven decimals, no exponent.
    @Test(arguments: [
        (1.0, "1"), (0.15, "0.15"), (-0.0, "-0"), (1e-7, "0.0000001"), (1e22, "10000000000000000000000"), (0.1 + 0.2, "0.3"),
        (123.45678912345, "123.4567891"), (1e-9, "0"), (-2.5, "-2.5"), (1.0 / 3, "0.3333333"),
    ]) func numbers(_ value: Double, _ text: String) {
        #expect(String(decoding: NumberText.text(value), as: UTF8.self) == text)
        #expect(NumberText.float(Array(text.utf8).span, 0, text.utf8.count) == (value * 1e7).rounded() / 1e7)
    }

    @Test func numbersAreReadAsTheCLibraryDoes() {
        var random = SeededGenerator(state: 11)
        for _ in 0..<20_000 {
            let digits = Int.random(in: 1...19, using: &random)
            var text = Bool.random(using: &random) ? "-" : ""
            for _ in 0..<digits { text += String(Int.random(in: 0...9, using: &random)) }
            if Bool.random(using: &random) { text.insert(".", at: text.index(text.endIndex, offsetBy: -Int.random(in: 0..<digits, using: &random))) }
            #expect(NumberText.float(Array(text.utf8).span, 0, text.utf8.count)?.bitPattern == Double(text)?.bitPattern, "\(text)")
        }
    }
}
