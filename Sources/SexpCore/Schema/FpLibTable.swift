// Tables of footprint libraries, `fp_lib_table`: the types of the module `fp_lib_table`.
//
// For: see Declarations.swift. Names, tokens, defaults and orders are those that programs written for earlier models rely
// on; `reads` widens a field to what KiCad writes.

let fpLibTableFormat = FormatDeclaration(
    "fp_lib_table", rootTokens: ["fp_lib_table"], file: "FpLibTableFile",
    structs: [
        StructDeclaration("FpLibEntry", [
            .value("name", .string),
            .value("type", .string),
            .value("uri", .string),
            .value("options", .string),
            .value("descr", .string),
        ]),
        StructDeclaration("FpLibTable", [
            .value("version", .int, .optional),
            .repeated("libs", "fp_lib_table.FpLibEntry", token: "lib"),
        ]),
        StructDeclaration("FpLibTableFile", [.value("fp_lib_table", .record("fp_lib_table.FpLibTable"))]),
    ])
