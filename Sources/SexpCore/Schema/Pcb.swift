// Boards, `kicad_pcb`: the types of the module `pcb`.
//
// For: see Declarations.swift. Names, tokens, defaults and orders are those that programs written for earlier models rely
// on; `reads` widens a field to what KiCad writes.

let pcbFormat = FormatDeclaration(
    "pcb", rootTokens: ["kicad_pcb"], file: "PcbFile",
    structs: pcbDrawings + pcbFootprints + pcbCopper + pcbBoard, enums: pcbEnums)

private let pcbEnums: [EnumDeclaration] = [
    EnumDeclaration("E_stroke_type", ["solid", "dash", "dash_dot", "dash_dot_dot", "dot", "default"]),
    EnumDeclaration("E_justify", ["left", "right", "bottom", "top", "mirror"]),
    EnumDeclaration("E_fill", ["yes", "no", "none", "solid"]),
    EnumDeclaration("E_knockout", ["knockout"]),
    EnumDeclaration(
        "E_paper_type",
        [
            "A5", "A4", "A3", "A2", "A1", "A0", "A", "B", "C", "D", "E", "USLetter", "USLegal", "USLedger",
            "Custom",
        ]),
    EnumDeclaration("E_paper_orientation", ["portrait", "landscape"]),
    EnumDeclaration("E_layer_type", ["signal", "user", "mixed", "jumper", "power"]),
    EnumDeclaration("E_fp_text_type", ["user", "reference", "value"]),
    EnumDeclaration("E_pad_type", ["thru_hole", "smd", "np_thru_hole", "connect"]),
    EnumDeclaration("E_pad_shape", ["circle", "rect", "oval", "roundrect", "custom", "trapezoid", "chamfered_rect"]),
    EnumDeclaration("E_pad_clearance", ["outline", "convexhull"]),
    EnumDeclaration("E_pad_anchor", ["rect", "circle"]),
    EnumDeclaration(
        "E_pad_property",
        [
            "pad_prop_bga", "pad_prop_fiducial_glob", "pad_prop_fiducial_loc", "pad_prop_testpoint",
            "pad_prop_castellated", "pad_prop_heatsink", "pad_prop_mechanical", "none",
        ]),
    EnumDeclaration(
        "E_pad_chamfer",
        [
            "chamfer_top_left", "chamfer_top_right", "chamfer_bottom_left", "chamfer_bottom_right",
        ]),
    EnumDeclaration("E_pad_drill_shape", ["circle", "oval"]),
    EnumDeclaration("E_pad_tenting", ["front", "back", "none"]),
    EnumDeclaration("E_zone_connection", values: [("INHERITED", -1), ("NONE", 0), ("THERMAL", 1), ("FULL", 2), ("THT_THERMAL", 3)]),
    EnumDeclaration("E_padstack_mode", ["front_inner_back", "custom"]),
    EnumDeclaration("E_zone_hatch_mode", ["edge", "full", "none"]),
    EnumDeclaration("E_zone_connect_pads_mode", ["no", "yes", "thermal_reliefs", "thru_hole_only"]),
    EnumDeclaration("E_zone_fill_mode", ["hatch", "polygon"]),
    EnumDeclaration("E_zone_smoothing", ["fillet", "chamfer", "none"]),
    EnumDeclaration("E_zone_hatch_border_algorithm", ["hatch_thickness", "min_thickness"]),
    EnumDeclaration("E_zone_island_removal_mode", values: [("always", 0), ("do_not_remove", 1), ("below_area_limit", 2)]),
    EnumDeclaration("E_zone_keepout", ["allowed", "not_allowed"]),
    EnumDeclaration("E_zone_placement_source_type", ["sheetname", "component_class"]),
    EnumDeclaration("E_zone_teardrop_type", ["padvia", "track_end"]),
    EnumDeclaration("E_dimension_type", ["aligned", "orthogonal", "leader", "center", "radial"]),
    EnumDeclaration("E_dimension_arrow_direction", ["inward", "outward"]),
    EnumDeclaration(
        "E_copper_finish",
        [
            "ENIG", "ENEPIG", "HAL SnPb", "HAL lead-free", "Hard Gold", "Immersion tin", "Immersion silver",
            "Immersion nickel", "Immersion gold", "OSP", "HT_OSP", "None", "User defined",
        ]),
    EnumDeclaration("E_edge_connector", ["bevelled", "yes"]),
    EnumDeclaration("E_embedded_file_type", ["other", "model", "font", "datasheet", "worksheet"]),
    EnumDeclaration(
        "E_Attr",
        [
            "smd", "dnp", "board_only", "through_hole", "exclude_from_pos_files", "exclude_from_bom",
            "allow_missing_courtyard",
        ]),
    EnumDeclaration("E_zone_fill_enable", ["yes"]),
    EnumDeclaration("E_tenting", ["front", "back"]),
]
