// Footprints of KiCad 6 and later, `footprint`: the types of the module `footprint`.
//
// For: see Declarations.swift. Names, tokens, defaults and orders are those that programs written for earlier models rely
// on; `reads` widens a field to what KiCad writes.

let footprintFormat = FormatDeclaration(
    "footprint", rootTokens: ["footprint"], file: "FootprintFile",
    structs: [
        StructDeclaration("Footprint", [
            .positional("name", .string),
            .value("uuid", .string, .optional),
            .value("path", .string, .optional),
            .value("layer", .string, .initially(.string("F.Cu")), order: -17),
            .repeated("propertys", "pcb.Property", token: "property"),
            .elements("attr", .enumeration("pcb.E_Attr")),
            .repeated("fp_circles", "pcb.Circle", token: "fp_circle"),
            .repeated("fp_lines", "pcb.Line", token: "fp_line"),
            .repeated("fp_arcs", "pcb.Arc", token: "fp_arc"),
            .repeated("fp_rects", "pcb.Rect", token: "fp_rect"),
            .repeated("fp_poly", "pcb.Polygon"),
            .repeated("fp_texts", "pcb.FpText", token: "fp_text"),
            .repeated("pads", "pcb.Pad", token: "pad"),
            .repeated("models", "pcb.Model", token: "model"),
            .value("embedded_fonts", .bool, .optional),
            .value("version", .int, .initially(.int(20241229)), order: -20),
            .value("generator", .string, .initially(.string("faebryk")), order: -19),
            .value("generator_version", .string, .initially(.string("latest")), order: -18),
            .value("description", .string, .optional, token: "descr", order: -16),
            .elements("tags", .string, order: -15, reads: .dropEmpty),
            .value("tedit", .string, .optional, order: -14),
        ]),
        StructDeclaration("FootprintFile", [.value("footprint", .record("footprint.Footprint"))]),
    ])
