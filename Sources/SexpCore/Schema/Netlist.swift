// Netlists, `export`: the types of the module `netlist`.
//
// For: see Declarations.swift. Names, tokens, defaults and orders are those that programs written for earlier models rely
// on; `reads` widens a field to what KiCad writes.

let netlistFormat = FormatDeclaration(
    "netlist", rootTokens: ["export"], file: "NetlistFile",
    structs: [
        StructDeclaration("Property", [
            .value("name", .string),
            .value("value", .string, reads: .mayBeAbsent),
        ]),
        StructDeclaration("Libsource", [
            .value("lib", .string),
            .value("part", .string),
            .value("description", .string, reads: .mayBeAbsent),
        ]),
        StructDeclaration("Sheetpath", [
            .value("names", .string),
            .value("tstamps", .string),
        ]),
        StructDeclaration("Field", [
            .value("name", .string),
            .positional("value", .string, .optional, order: 1),
        ]),
        StructDeclaration("Fields", [.repeated("fields", "netlist.Field", token: "field")]),
        StructDeclaration("Component", [
            .value("ref", .string),
            .value("value", .string),
            .value("footprint", .string, reads: .mayBeAbsent),
            .repeated("propertys", "netlist.Property", token: "property"),
            .elements("tstamps", .string),
            .value("fields", .record("netlist.Fields"), .optional),
            .value("sheetpath", .record("netlist.Sheetpath"), .optional),
            .value("libsource", .record("netlist.Libsource"), .optional),
            .value("datasheet", .string, .optional),
        ]),
        StructDeclaration("Components", [.repeated("comps", "netlist.Component", token: "comp")]),
        StructDeclaration("Node", [
            .value("ref", .string),
            .value("pin", .string),
            .value("pintype", .string, .optional),
            .value("pinfunction", .string, .optional),
        ]),
        StructDeclaration("Net", [
            .value("code", .string),
            .value("name", .string),
            .repeated("nodes", "netlist.Node", token: "node"),
        ]),
        StructDeclaration("Nets", [.repeated("nets", "netlist.Net", token: "net")]),
        StructDeclaration("Comment", [
            .value("number", .string),
            .value("value", .string),
        ]),
        StructDeclaration("TitleBlock", [
            .value("title", .string, .initially(.string(""))),
            .value("company", .string, .initially(.string(""))),
            .value("rev", .string, .initially(.string(""))),
            .value("date", .string, .initially(.string(""))),
            .value("source", .string),
            .repeated("comment", "netlist.Comment"),
        ]),
        StructDeclaration("Sheet", [
            .value("number", .string),
            .value("name", .string),
            .value("tstamps", .string),
            .value("title_block", .record("netlist.TitleBlock")),
        ]),
        StructDeclaration("Design", [
            .value("source", .string),
            .value("date", .string),
            .value("tool", .string),
            .value("sheet", .record("netlist.Sheet"), reads: .mayBeAbsent),
        ]),
        StructDeclaration("Fp", [.positional("fp", .string)]),
        StructDeclaration("Footprints", [.repeated("fps", "netlist.Fp", token: "fp")]),
        StructDeclaration("Pin", [
            .value("num", .string),
            .value("name", .string),
            .value("type", .string),
        ]),
        StructDeclaration("Pins", [.repeated("pin", "netlist.Pin")]),
        StructDeclaration("Libpart", [
            .value("lib", .string),
            .value("part", .string),
            .value("fields", .record("netlist.Fields"), .optional),
            .value("pins", .record("netlist.Pins"), .optional),
            .value("footprints", .record("netlist.Footprints"), .optional),
        ]),
        StructDeclaration("Libparts", [.repeated("libparts", "netlist.Libpart", token: "libpart")]),
        StructDeclaration("Libraries", []),
        StructDeclaration("Netlist", [
            .value("version", .string),
            .value("components", .record("netlist.Components"), .initially(.record([:]))),
            .value("nets", .record("netlist.Nets"), .initially(.record([:]))),
            .value("design", .record("netlist.Design"), .optional),
            .value("libparts", .record("netlist.Libparts"), .initially(.record([:]))),
            .value("libraries", .record("netlist.Libraries"), .initially(.record([:]))),
        ]),
        StructDeclaration("NetlistFile", [.value("netlist", .record("netlist.Netlist"))]),
    ])
