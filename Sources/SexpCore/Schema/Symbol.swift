// Symbol libraries, `kicad_symbol_lib`: the types of the module `symbol`.
//
// For: see Declarations.swift. Names, tokens, defaults and orders are those that programs written for earlier models rely
// on; `reads` widens a field to what KiCad writes.

let symbolFormat = FormatDeclaration(
    "symbol", rootTokens: ["kicad_symbol_lib"], elementToken: "symbol", file: "SymbolFile",
    structs: [
        StructDeclaration("SymbolLib", [
            .value("version", .int, reads: .mayBeAbsent),
            .value("generator", .string, .initially(.string(""))),
            .repeated("symbols", "schematic.Symbol", token: "symbol"),
        ]),
        StructDeclaration("SymbolFile", [.value("kicad_sym", .record("symbol.SymbolLib"))]),
    ])
