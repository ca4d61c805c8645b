/* The shape of the generated table of KiCad models: structs, their fields, enums. The data is in generated/bd_kicad.h, the
 * arrays in bd_kicad.c. One Python type per struct, made from the table once, in a millisecond.
 */
#ifndef BD_KICAD_H
#define BD_KICAD_H

#include <stdbool.h>

#include "bd_layout.h"
#include "bd_table.h"

#define BD_STRUCT_FIELDS_MAX 64u
#define BD_STRUCT_DEPTH_MAX 16u /* structs inside structs: the models nest 10 deep, whatever a snapshot says */

enum { BD_FIELD_INT, BD_FIELD_FLOAT, BD_FIELD_NUMBER, BD_FIELD_BOOL, BD_FIELD_STR, BD_FIELD_ENUM, BD_FIELD_STRUCT };
enum {
    BD_FIELD_LIST = 1,
    BD_FIELD_OPTIONAL = 2, /* takes None */
    BD_FIELD_REQUIRED = 4, /* the constructor must be given it */
    BD_FIELD_ABSENT = 8,   /* a file may not have it all the same: reads as None then */
    BD_FIELD_ELEMENTS = 16, /* a list whose structs have no head word in the text */
    BD_FIELD_SIX_DECIMALS = 32 /* a file has so many of a number that is not whole, of others up to seven */
};
enum {
    BD_INITIAL_NONE, BD_INITIAL_BOOL, BD_INITIAL_INT, BD_INITIAL_FLOAT, BD_INITIAL_STR, BD_INITIAL_ENUM, BD_INITIAL_LIST,
    BD_INITIAL_STRUCT
};

typedef struct bd_initial { /* what a constructor puts where nothing was given */
    uint8_t kind;
    uint16_t count;  /* of a struct: overrides of its own defaults */
    uint16_t first;
    int32_t number;  /* int, bool, number of the enum's member */
    double real;
    const char *text;
} bd_initial;

typedef struct bd_override {
    uint16_t field;
    bd_initial initial;
} bd_override;

typedef struct bd_struct_field {
    const char *name, *doc;
    uint8_t kind, flags;
    uint16_t of; /* number of the struct or enum */
    bd_initial initial;
} bd_struct_field;

typedef struct bd_struct_type {
    const char *name, *doc; /* "pcb.Footprint" */
    uint16_t first_field, field_count;
    uint8_t file_kind; /* BD_KIND_FILE and up: kind of the handle; 0: not the struct of a file */
} bd_struct_type;

typedef struct bd_enum_type {
    const char *name;
    uint16_t first_member, member_count;
    uint8_t is_integer;
} bd_enum_type;

typedef struct bd_enum_member {
    const char *name;
    int32_t value;
} bd_enum_member;

extern const bd_override *const bd_overrides;
extern const bd_struct_field *const bd_struct_fields;
extern const bd_struct_type *const bd_structs;
extern const char *const *const bd_file_names; /* by kind, from BD_KIND_FILE on */
extern const bd_enum_type *const bd_enums;
extern const bd_enum_member *const bd_members;

/* What the module keeps for the models. */
typedef struct bd_kicad {
    PyTypeObject *types[BD_STRUCT_COUNT];
    PyObject *field_names[BD_STRUCT_FIELD_COUNT]; /* interned */
    PyObject *member_names[BD_ENUM_MEMBER_COUNT]; /* interned */
    PyGetSetDef *getset;        /* of all types: one block, a terminator behind each type's */
    PyTypeObject *base, *list, *iterator;
    PyObject *seen_words;       /* set of (enum, word): words that documents had and no enum knows */
    void *spare;                /* memory of ended handles of structs and lists, each pointing to the next */
    uint32_t spare_count;
    uint32_t local_count;       /* objects that were constructed: each has a number of its own */
    uint16_t inner_fields[BD_STRUCT_FIELD_COUNT]; /* numbers of the fields that hold structs, those of a type together */
    uint16_t inner_first[BD_STRUCT_COUNT + 1];    /* where a type's begin */
    bool is_editing;            /* by thread `editor`: one edit at a time, see bd_typed_edit.c */
    unsigned long editor;
} bd_kicad;

#endif
