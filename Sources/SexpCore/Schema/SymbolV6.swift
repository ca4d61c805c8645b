// Symbol libraries of KiCad 6: the types of the module `symbol_v6`.
//
// For: see Declarations.swift. Names, tokens, defaults and orders are those that programs written for earlier models rely
// on; `reads` widens a field to what KiCad writes.

let symbolV6Format = FormatDeclaration(
    "symbol_v6", rootTokens: ["kicad_sym", "kicad_symbol_lib"], file: "SymbolFile",
    structs: [
        StructDeclaration("Circle", [
            .value("center", .record("pcb.Xy")),
            .value("radius", .float),
            .value("stroke", .record("schematic.Stroke")),
            .value("fill", .record("schematic.Fill")),
        ]),
        StructDeclaration("SymbolUnit", [
            .positional("name", .string),
            .repeated("polylines", "schematic.Polyline", token: "polyline"),
            .repeated("circles", "symbol_v6.Circle", token: "circle"),
            .repeated("rectangles", "schematic.Rect", token: "rectangle"),
            .repeated("arcs", "schematic.Arc", token: "arc"),
            .repeated("pins", "schematic.SymbolPin", token: "pin"),
        ]),
        StructDeclaration("Symbol", [
            .positional("name", .string),
            .flag("power", false),
            .repeated("propertys", "schematic.Property", token: "property"),
            .value("pin_numbers", .enumeration("schematic.E_hide"), .optional),
            .value("pin_names", .record("schematic.PinNames"), .optional),
            .value("in_bom", .bool, .optional),
            .value("on_board", .bool, .optional),
            .repeated("symbols", "symbol_v6.SymbolUnit", token: "symbol"),
            .value("convert", .int, .optional),
        ]),
        StructDeclaration("SymbolLib", [
            .value("version", .int),
            .value("generator", .string),
            .repeated("symbols", "symbol_v6.Symbol", token: "symbol"),
        ]),
        StructDeclaration("SymbolFile", [.value("kicad_sym", .record("symbol_v6.SymbolLib"))]),
    ])
