/* What is in each KiCad document, in the ledger's file: see bd_contents in bd_layout.h. This half gives room and numbers
 * places; bd_typed_contents.c writes the entries. One writer, with the GIL held. Never raises: what finds no room is not
 * shown. Cost: memory where it is used, four bytes for each record; what was freed is used again for what has its size.
 */
#ifndef BD_CONTENTS_H
#define BD_CONTENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "bd_descriptor.h"
#include "bd_layout.h"

typedef struct bd_contents_area bd_contents_area;

/* NULL when it cannot be made. The first contents map the area, of the descriptor as it is then. */
bd_contents_area *bd_contents_open(bd_ledger_header *header, bd_contents_place *places);
void bd_contents_close(bd_contents_area *area);
/* After fork(), in the child: the map stayed with the parent. */
void bd_contents_forked(bd_contents_area *area);

/* Room for so many entries, with id 0 and count 0; NULL when there is none. */
bd_contents *bd_contents_take(bd_contents_area *area, const bd_descriptor *file, uint32_t count);
void bd_contents_give_back(bd_contents_area *area, bd_contents *contents);
static inline uint32_t *bd_contents_entries(bd_contents *contents) { return (uint32_t *)(contents + 1); }
static inline uint32_t bd_contents_room(const bd_contents *contents) {
    return (contents->bytes - (uint32_t)sizeof *contents) / 4;
}

/* Number of the place; 0 when there is no room. `index` of a field in its struct, which has `fields`. */
uint16_t bd_contents_root(bd_contents_area *area, uint16_t type, uint16_t fields);
uint16_t bd_contents_inner(
    bd_contents_area *area, uint16_t parent, uint16_t index, uint16_t field, uint16_t type, uint16_t fields);

#endif
