// Footprints of KiCad 5, `module`: the types of the module `footprint_v5`.
//
// For: see Declarations.swift. Names, tokens, defaults and orders are those that programs written for earlier models rely
// on; `reads` widens a field to what KiCad writes.

let footprintV5Format = FormatDeclaration(
    "footprint_v5", rootTokens: ["module"], file: "FootprintFile",
    structs: [
        StructDeclaration("Line", [
            .value("start", .record("pcb.Xy")),
            .value("end", .record("pcb.Xy")),
            .value("layer", .string),
            .value("width", .float),
        ]),
        StructDeclaration("Circle", [
            .value("center", .record("pcb.Xy")),
            .value("end", .record("pcb.Xy")),
            .value("width", .float),
            .value("fill", .enumeration("pcb.E_fill"), .initially(.string("no")), reads: .notLists),
            .value("layer", .string),
        ]),
        StructDeclaration("Arc", [
            .value("start", .record("pcb.Xy")),
            .value("end", .record("pcb.Xy")),
            .value("angle", .float),
            .value("width", .float),
            .value("layer", .string),
        ]),
        StructDeclaration("Rect", [
            .value("start", .record("pcb.Xy")),
            .value("end", .record("pcb.Xy")),
            .value("width", .float),
            .value("fill", .enumeration("pcb.E_fill"), reads: .notLists),
            .value("layer", .string),
        ]),
        StructDeclaration("Model", [
            .positional("path", .string),
            .value("scale", .record("pcb.ModelXyz")),
            .value("rotate", .record("pcb.ModelXyz")),
            .value("offset", .record("pcb.ModelXyz"), .optional),
            .value("at", .record("pcb.ModelXyz"), .optional),
        ]),
        StructDeclaration("Footprint", [
            .positional("name", .string),
            .value("layer", .string, .initially(.string("F.Cu"))),
            .value("uuid", .string, .optional),
            .value("path", .string, .optional),
            .repeated("propertys", "pcb.Property", token: "property"),
            .repeated("fp_texts", "pcb.FpText", token: "fp_text"),
            .elements("attr", .enumeration("pcb.E_Attr")),
            .repeated("fp_lines", "footprint_v5.Line", token: "fp_line"),
            .repeated("fp_arcs", "footprint_v5.Arc", token: "fp_arc"),
            .repeated("fp_circles", "footprint_v5.Circle", token: "fp_circle"),
            .repeated("fp_rects", "footprint_v5.Rect", token: "fp_rect"),
            .repeated("fp_poly", "pcb.Polygon"),
            .repeated("pads", "pcb.Pad", token: "pad"),
            .value("model", .record("footprint_v5.Model"), .optional),
            .value("description", .string, .optional, token: "descr", order: -1),
            .elements("tags", .string, order: -1),
            .value("tedit", .string, .optional, order: -1),
        ]),
        StructDeclaration("FootprintFile", [.value("footprint", .record("footprint_v5.Footprint"))]),
    ])
