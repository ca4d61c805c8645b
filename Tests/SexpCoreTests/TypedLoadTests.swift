// From texts to records: what each kind of field reads, what it answers when it is not there, what stays unknown.
import CLayout
import Testing

@testable import SexpCore

@Suite struct TypedLoadTests {
    private func footprint(_ inner: String) throws -> Loaded {
        try Loaded("footprint", "(footprint \"x\" (version 20241229) (generator \"g\") (layer \"F.Cu\") \(inner))")
    }

    @Test func fieldsOfOneStruct() throws {
        let loaded = try footprint("(pad 1 smd rect (at 1 2 90) (size .5 1e1) (layers \"F.Cu\" B.Cu) (zone_connect 2) extra)")
        let pad = try loaded.find("footprint", "pads", "0")
        let text = loaded.text(pad)
        #expect(text.hasPrefix("{name: \"1\", type: #1, shape: #1, at: {x: 1.0, y: 2.0, r: 90.0}, size: {w: 0.5, h: 10.0}, "))
        #expect(text.contains("layers: [\"F.Cu\", \"B.Cu\"]") && text.contains("zone_connect: #3"))
        #expect(UInt32(loaded.record(Int(pad)).flags) == BD_RECORD_UNKNOWN)
        #expect(try loaded.document.unknownParts(of: pad).map { String(decoding: $0, as: UTF8.self) } == ["extra"])
        try loaded.checkSnapshot()
    }

    @Test func defaultsAreRecordsOfTheirOwn() throws {
        let loaded = try Loaded("pcb", "(kicad_pcb (version 20241229))")
        let general = try loaded.find("kicad_pcb", "general")
        #expect(loaded.text(general) == "{thickness: 1.6, legacy_teardrops: false}")
        #expect(UInt32(loaded.record(Int(general)).flags) == BD_RECORD_DEFAULT)
        #expect(try loaded.field(2, "paper").tag == BD_TAG_NONE)
        #expect(try loaded.printed == "(kicad_pcb\n\t(version 20241229)\n)\n")
        try loaded.checkSnapshot()
    }

    @Test(arguments: [
        ("(hide yes)", "true"), ("(hide no)", "false"), ("(hide)", "true"), ("hide", "true"), ("", "none"),
        ("(hide no) hide", "false"), ("(hide ())", "none"), ("\"hide\"", "none"),
    ]) func bools(_ text: String, _ value: String) throws {
        let loaded = try footprint("(property \"A\" \"B\" (at 0 0) (layer \"F\") \(text))")
        let property = try loaded.find("footprint", "propertys", "0")
        #expect(loaded.text(property).contains("hide: \(value),"), "\(text)")
        try loaded.checkSnapshot()
    }

    @Test func aPositionalWordIsNoFlag() throws {
        let loaded = try footprint("(property hide \"B\" (at 0 0) (layer \"F\"))")
        #expect(loaded.text(try loaded.find("footprint", "propertys", "0")).contains("name: \"hide\""))
        #expect(try loaded.field(try loaded.find("footprint", "propertys", "0"), "hide").tag == BD_TAG_NONE)
    }

    @Test func aWordBeforeTheValues() throws {
        let loaded = try footprint("(property private \"A\" \"B\" (at 0 0) (layer \"F\"))")
        let property = try loaded.find("footprint", "propertys", "0")
        #expect(loaded.text(property).hasPrefix("{name: \"A\", value: \"B\""))
        try loaded.set(property, "value", .string(Array("C".utf8)))
        #expect(try loaded.printed.contains("(property private \"A\" \"C\""))
    }

    @Test func theFirstEntryCountsTheOthersStay() throws {
        let loaded = try Loaded("fp_lib_table", "(fp_lib_table (version 1) (version 2))")
        #expect(loaded.text().contains("version: 1,"))
        #expect(try loaded.document.unknownParts(of: 2) == [Array("(version 2)".utf8)])
        try loaded.set(2, "version", .none)
        #expect(try loaded.printed == "(fp_lib_table)\n")
    }

    @Test func unknownWordsOfEnumsAreStrings() throws {
        let loaded = try footprint("(attr smd novel) (pad \"1\" smd star (at 0 0) (size 1 1) (zone_connect 9))")
        #expect(loaded.text().contains("attr: [#0, \"novel\"]") && loaded.text().contains("shape: \"star\""))
        #expect(loaded.text().contains("zone_connect: \"9\""))
    }

    @Test func netsByName() throws {
        let text = "(kicad_pcb (version 20251028) (footprint \"x\" (at 0 0) (pad \"1\" smd rect (at 0 0) (size 1 1) (net \"GND\"))) (via (at 0 0) (size 1) (drill 1) (layers \"F.Cu\") (net \"GND\")))"
        let loaded = try Loaded("pcb", text)
        let net = try loaded.find("kicad_pcb", "footprints", "0", "pads", "0", "net")
        #expect(loaded.text(net) == "{number: none, name: \"GND\"}")
        #expect(try loaded.field(try loaded.find("kicad_pcb", "vias", "0"), "net").tag == BD_TAG_NONE)
        try loaded.set(net, "name", .string(Array("VCC".utf8)))
        #expect(try loaded.printed.contains("(net \"VCC\")") && loaded.printed.contains("(net \"GND\")"))
    }

    @Test func theElementOfALibraryAlone() throws {
        let loaded = try Loaded("symbol", "(symbol \"A\" (in_bom yes))")
        #expect(loaded.text(try loaded.find("kicad_sym", "symbols", "0")).hasPrefix("{name: \"A\""))
        #expect(try loaded.printed == "(symbol \"A\"\n\t(in_bom yes)\n)\n")
    }

    @Test func structsNestNoDeeperThanTheirDeclarations() {
        let schema = KiCadSchema.shared
        func depth(_ type: Int, _ seen: Set<Int>) -> Int {
            if seen.contains(type) { return 1_000 }
            let inner = (0..<schema.structs[type].fieldCount).compactMap { index -> Int? in
                let field = schema.fields[schema.structs[type].firstField + index]
                return field.kind == .record ? field.target : nil
            }
            return 1 + (inner.map { depth($0, seen.union([type])) }.max() ?? 0)
        }
        #expect(schema.structNames.indices.map { depth($0, []) }.max() == 10)
        #expect(schema.structNames.count == 148 && schema.enumNames.count == 42)
    }

    @Test func verbatimOrPlain() throws {
        let text = Array("(fp_lib_table\r\n\t(version 7)\r\n)".utf8)
        #expect(try Loaded("fp_lib_table", text, options: .isVerbatim).document.bytes() == text)
        #expect(try Loaded("fp_lib_table", text).printed == "(fp_lib_table\n\t(version 7)\n)\n")
        let old = Array("(kicad_pcb (version 4)\n\n  (page A4)\n  (layers\n    (0 F.Cu signal)\n  )\n)".utf8)
        #expect(try Loaded("pcb", old, options: .isVerbatim).document.bytes() == old)
        #expect(try Loaded("fp_lib_table", "(fp_lib_table (x \"a\nb\\q\\x41\"))").printed.contains("(x \"a\\nb\\\\qA\")"))
    }

    @Test(arguments: [
        ("(version x)", "UnexpectedType", "version", "a number", "the word 'x'"),
        ("(version \"7\")", "UnexpectedType", "version", "a number without quotes", "the string \"7\""),
        ("(version 7 8)", "UnexpectedType", "version", "one value", "the number 7"),
        ("(lib (name a))", "MissingField", "type", "(type …)", "nothing"),
    ]) func errorsSayWhat(_ text: String, _ kind: String, _ field: String, _ expected: String, _ found: String) throws {
        let error = try #require(throws: SexpError.self) { try Loaded("fp_lib_table", "(fp_lib_table \(text))") }
        #expect(error.kind.rawValue == kind && error.fieldName == field && error.expected == expected)
        #expect(error.found == found && error.line == 1 && error.column > 1 && error.path.first == "fp_lib_table")
    }
}
