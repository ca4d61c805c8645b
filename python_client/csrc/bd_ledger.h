/* Which handles there are and where in the user's program they were made, written into a memory file that the supervisor
 * keeps open: `bindd inspect handles` reads it, also while this process is stopped.
 *
 * BINDD_SITES: off (no file), sample (one of BD_LEDGER_INTERVAL handles of the frequent kinds, every one of the rare
 * kinds), full (every one). One writer, with the GIL held. Never raises: what finds no room is counted as dropped.
 * Cost: a decrement per handle that is not recorded; a recorded one costs a look at up to eight Python frames.
 */
#ifndef BD_LEDGER_H
#define BD_LEDGER_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>

#include "bd_contents.h"

#define BD_LEDGER_INTERVAL 256u

#define BD_LEDGER_USES_TIMED 256u /* of each handle; of later uses one of BD_LEDGER_USES_STEP */
#define BD_LEDGER_USES_STEP 64u

typedef struct bd_ledger bd_ledger;

/* What handles come of. */
typedef struct bd_ledger_request {
    uint64_t number; /* 0: none */
    uint32_t operation, waited_us;
} bd_ledger_request;

/* NULL without an exception when the file cannot be made; *fd then is -1, else the caller's. `own` has the folders
 * of Python files whose frames are left out, each on a line: bindd's. */
bd_ledger *bd_ledger_open(uint32_t interval, uint32_t generation, const char *own, int *fd);
/* The file once more, for a supervisor or worker that comes later: the caller's, or -1. */
int bd_ledger_descriptor(const bd_ledger *ledger);
void bd_ledger_close(bd_ledger *ledger);
/* The workspace is over: the handles that there are stay written down. */
void bd_ledger_end(bd_ledger *ledger);
/* After fork(), in the child: nothing of it is written any more. Its maps stayed with the parent. */
void bd_ledger_forked(bd_ledger *ledger);

/* A record for a handle, or 0. `label` may be NULL. */
uint32_t bd_ledger_add(
    bd_ledger *ledger, uint64_t id, uint32_t place, const char *label, uint32_t weight, const bd_ledger_request *request);
void bd_ledger_remove(bd_ledger *ledger, uint32_t record);
/* The record of that number, NULL for 0: valid until it is removed. */
bd_ledger_record *bd_ledger_find(bd_ledger *ledger, uint32_t record);
/* The label in a record of what has none: it was made of a text of so many bytes. */
static inline uint32_t bd_label_of_text(uint64_t bytes) {
    return BD_LABEL_IS_TEXT | (bytes < BD_LABEL_TEXT_BYTES_MAX ? (uint32_t)bytes : BD_LABEL_TEXT_BYTES_MAX);
}
/* Where what is in documents is written; NULL: nowhere. */
bd_contents_area *bd_ledger_contents(bd_ledger *ledger);
/* See bd_contents_take. */
bd_contents *bd_ledger_take_contents(bd_ledger *ledger, uint32_t count);
/* Number of a name from a document; 0 when half of the room for texts is taken: the rest is for labels and places. */
uint32_t bd_ledger_name(bd_ledger *ledger, const char *name, size_t bytes);
/* How many handles to pass over until the next is recorded, and what that one stands for. */
uint32_t bd_ledger_next(bd_ledger *ledger);
uint32_t bd_ledger_weight(const bd_ledger *ledger);

/* Where the handle was made, "file:line"; false where that is not known. */
bool bd_ledger_place(const bd_ledger *ledger, const bd_ledger_record *record, char *text, size_t bytes);
void bd_ledger_time(bd_ledger_record *record, uint32_t used_by);
/* The handle is used. Cost: a nanosecond; a look at the coarse clock as often as is said above. */
static inline void bd_ledger_use(bd_ledger_record *record, uint32_t used_by) {
    uint32_t uses = record->uses + (record->uses < UINT32_MAX);
    record->uses = uses;
    if (uses <= BD_LEDGER_USES_TIMED || uses % BD_LEDGER_USES_STEP == 0) bd_ledger_time(record, used_by);
}

#endif
