/* A command that edits a document, while it is put together: see bd_typed_edit.c. */
#ifndef BD_TYPED_EDIT_H
#define BD_TYPED_EDIT_H

#include "bd_typed.h"

typedef struct bd_edit {
    bd_typed *target;
    bd_workspace *workspace; /* whose worker reads what is written: copies out of its documents are possible */
    bd_writer writer;
    uint32_t next;           /* number of the target's next new record */
    bool copies;             /* from another document than the target */
} bd_edit;

static inline const bd_struct_field *bd_fields_of(uint32_t type) { return &bd_struct_fields[bd_structs[type].first_field]; }

/* -- bd_typed_write.c */
uint32_t bd_edit_existing(bd_typed *target, uint32_t existing, uint32_t index, const bd_struct_field *field);
int bd_edit_write_cell(bd_edit *edit, const bd_struct_field *field, const bd_cell *cell, uint32_t existing);

/* -- bd_typed_plant.c: NULL when memory ran out */
bd_own_list *bd_plant_cells(bd_typed *target, const bd_struct_field *field, const bd_cells *cells);
void bd_mark_removed(bd_typed *document, const bd_struct_field *field, uint8_t tag, uint64_t value);
int bd_edit_lost(bd_typed *document); /* after the command went out: the two sides differ from now on */

/* -- bd_typed_edit.c */
/* Starts with document, record and field. */
void bd_edit_begin(bd_edit *edit, bd_typed *document, uint32_t record, const bd_struct_field *field);
int bd_edit_send(bd_edit *edit, uint16_t operation, const char *name, int result);

#endif
