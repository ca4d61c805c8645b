/* The arrays of the generated table of KiCad models. */
#include "bd_kicad.h"

#include "generated/bd_kicad.h"

const bd_override *const bd_overrides = bd_overrides_data;
const bd_struct_field *const bd_struct_fields = bd_fields_data;
const bd_struct_type *const bd_structs = bd_structs_data;
const char *const *const bd_file_names = bd_file_names_data;
const bd_enum_type *const bd_enums = bd_enums_data;
const bd_enum_member *const bd_members = bd_members_data;
