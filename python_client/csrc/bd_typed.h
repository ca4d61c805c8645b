/* A typed document on the client's side: the flat snapshot that the worker sent, read in place, and laid over it what this
 * client changed. A record is one struct; records never move and their numbers are never used again, so an object in Python
 * is a document and a number. An object that was constructed is a document of its own that no worker knows.
 *
 * Writing: setters write into the snapshot's own slots (the block is private memory) and tell the worker by a command;
 * lists are copied out of the block at their first edit. A list's memory is replaced, not changed, while an iterator
 * holds it. Snapshots are hostile: each read checks record, slot and tag against the table. Never aborts.
 * Cost: 24 bytes per record beyond the snapshot, one allocation per handle.
 */
#ifndef BD_TYPED_H
#define BD_TYPED_H

#include "bd_kicad.h"
#include "bd_state.h"

/* Tags of this client, beside those of bd_layout.h; a snapshot that has them is refused. */
#define BD_TAG_OBJECT 16u /* a str: PyObject *, owned */
#define BD_TAG_OWN 17u    /* bd_own_list *, counted */
/* Only in cells. */
#define BD_TAG_HANDLE 18u /* a struct's Python object, owned */
#define BD_TAG_CELLS 19u  /* bd_cells *, owned */

#define BD_RECORD_REMOVED 0x8000u /* of this client: no longer in its list or field */

typedef struct bd_own_list {
    uint32_t references, count, capacity;
    uint64_t *slots;
    uint8_t *tags;
} bd_own_list;

typedef struct bd_extra { /* a record that this client made */
    uint64_t *slots;
    uint8_t *tags;        /* behind the slots, in the same block */
    struct bd_typed *origin; /* counted; of a constructed object's part: where it was copied from, for what no field reads */
    uint32_t origin_record;
    uint16_t type, flags;
} bd_extra;

typedef struct bd_typed {
    uint64_t references;
    bd_state *state;         /* borrowed: whoever holds the document has a type, which holds its module */
    bd_workspace *workspace; /* owned; NULL: constructed, no worker knows it */
    uint32_t index;          /* the worker's number of the document; of a constructed one its own */
    uint32_t kind;           /* of the handle that `bindd inspect` lists; 0: constructed */
    uint32_t record;         /* of the ledger, 0: none */
    bd_ledger_record *listed; /* the same, to count uses */
    bool is_pinned;          /* the worker keeps the document for us */
    bool is_freed;
    bool is_written;         /* slots of the block may hold objects */
    uint64_t edited;         /* number of the newest request that edited it: what a worker that died may not have applied */
    uint64_t unkept;         /* number of the newest edit that cannot be sent again, see bd_kept.h */
    const char *unsure;      /* an edit whose outcome is not known: what happened; else NULL */
    unsigned char *block;    /* the reply that brought the snapshot */
    unsigned char *records, *slots, *tags; /* inside it, not aligned */
    const char *strings;
    uint64_t string_bytes;
    uint32_t record_count, slot_count; /* of the snapshot; a constructed document has 1 record: none */
    bd_extra *extras;
    uint32_t extra_count, extra_capacity;
    char *label;
    uint32_t text_label;     /* of the ledger, where `label` is empty */
    bd_contents *contents;   /* in the ledger's file, NULL: none */
    uint32_t *entries;       /* of the contents, by record */
    bd_contents *order;      /* who holds each record, at which index; NULL: never edited, or no room */
    uint32_t entry_count;    /* none lies beyond */
    struct bd_typed *next_document, *previous_document; /* of the workspace */
    PyObject *facts; /* dict of what Python notes about the document's files, or NULL */
} bd_typed;

typedef struct bd_struct_object {
    PyObject_HEAD
    bd_typed *document; /* NULL: __init__ was not called */
    uint32_t record;
} bd_struct_object;

typedef struct bd_list_object {
    PyObject_HEAD
    bd_typed *document;
    uint32_t record;
    uint32_t field; /* number in bd_struct_fields */
} bd_list_object;

/* One place: a field of a record, or an element. Pointers live until the document changes. */
typedef struct bd_place {
    unsigned char *slot;
    uint8_t *tag;
} bd_place;
static inline uint64_t bd_place_get(const bd_place *place) { return bd_load_u64(place->slot); }
static inline void bd_place_put(const bd_place *place, uint8_t tag, uint64_t value) {
    *place->tag = tag;
    memcpy(place->slot, &value, sizeof value);
}

/* Elements of a list, as they are now. */
typedef struct bd_span {
    const unsigned char *slots;
    const uint8_t *tags;
    uint32_t count;
    bd_own_list *own; /* NULL: in the block */
} bd_span;

/* A value on its way from Python into a document: nothing in it runs Python code any more. */
typedef struct bd_cell {
    uint64_t value;
    uint8_t tag;
} bd_cell;
typedef struct bd_cells {
    uint32_t count;
    bd_cell items[];
} bd_cells;

/* -- bd_typed.c: the store ---------------------------------------------------------------------------------------------- */
bd_typed *bd_typed_new(bd_state *state, bd_workspace *workspace);
static inline void bd_typed_retain(bd_typed *document) { document->references++; }
/* A Python object looks at the record, or ends: `bindd inspect handles` shows how many do. */
static inline void bd_typed_look(const bd_typed *document, uint32_t record) {
    if (record < document->entry_count && document->workspace->life != BD_FORKED) document->entries[record] += BD_ENTRY_OBJECT;
}
static inline void bd_typed_look_away(const bd_typed *document, uint32_t record) {
    if (record < document->entry_count && document->workspace->life != BD_FORKED) document->entries[record] -= BD_ENTRY_OBJECT;
}
void bd_typed_release(bd_typed *document);
void bd_typed_free(bd_typed *document); /* what it holds; handles stay, and say so */
int bd_typed_adopt(bd_typed *document, bd_reply *reply, const unsigned char *snapshot, size_t bytes);
int bd_typed_fail(const char *what);
int bd_typed_fail_freed(const bd_typed *document);
int bd_typed_fail_init(void);
static inline int bd_typed_check(const bd_typed *document) {
    if (!document) return bd_typed_fail_init();
    return document->is_freed ? bd_typed_fail_freed(document) : 0;
}
/* 0 when the worker can be asked about it as well. */
int bd_typed_check_edit(bd_typed *document);
int bd_edit_free(bd_typed *document); /* frees it when no edit is on its way; waits */
int bd_typed_check_known(bd_typed *document); /* the same, whatever became of its edits */
uint32_t bd_typed_flags(const bd_typed *document, uint32_t record);
void bd_typed_set_flag(bd_typed *document, uint32_t record, uint16_t flag);
/* A new record with all fields none; 0 without an exception when memory ran out. */
uint32_t bd_typed_add(bd_typed *document, uint32_t type);
void bd_typed_drop_value(bd_place *place); /* what the slot owns; it is none afterwards */
/* UTF-8 or what bytes there are; borrowed. False: no text (with an exception when memory ran out). */
bool bd_typed_text(bd_typed *document, uint8_t tag, uint64_t value, const char **text, size_t *bytes);
bool bd_typed_equal(bd_typed *left, uint32_t left_record, bd_typed *right, uint32_t right_record);
bd_own_list *bd_own_list_new(uint32_t capacity);
int bd_own_list_room(bd_own_list *list, uint32_t more);
void bd_own_list_release(bd_own_list *list);

/* -- looking: what every read of a field does, here for the compiler to join --------------------------------------------- */

static inline bd_typed_record bd_typed_record_at(const bd_typed *document, uint32_t record) {
    bd_typed_record found;
    memcpy(&found, document->records + (size_t)record * sizeof found, sizeof found);
    return found;
}

/* Checked: the record exists, has that type, and room for its fields. */
static inline int bd_typed_is(bd_typed *document, uint64_t record, uint32_t type) {
    if (record < document->record_count && document->block) {
        bd_typed_record found = bd_typed_record_at(document, (uint32_t)record);
        if (found.type != type) return bd_typed_fail("a record of another type than its field's");
        if (found.first_slot > document->slot_count ||
            bd_structs[type].field_count > document->slot_count - found.first_slot)
            return bd_typed_fail("a record whose fields are outside");
        return 0;
    }
    uint64_t extra = record - document->record_count;
    if (record < document->record_count || extra >= document->extra_count)
        return bd_typed_fail("a record beyond the last one");
    return document->extras[extra].type == type ? 0 : bd_typed_fail("a record of another type than its field's");
}

/* Type of a record that was checked before. */
static inline uint32_t bd_typed_type(const bd_typed *document, uint32_t record) {
    return record < document->record_count ? bd_typed_record_at(document, record).type
                                           : document->extras[record - document->record_count].type;
}

/* Field by its number inside the struct. */
static inline bd_place bd_typed_place(bd_typed *document, uint32_t record, uint32_t field) {
    if (record >= document->record_count) {
        bd_extra *extra = &document->extras[record - document->record_count];
        return (bd_place){(unsigned char *)(extra->slots + field), extra->tags + field};
    }
    size_t slot = (size_t)bd_typed_record_at(document, record).first_slot + field;
    return (bd_place){document->slots + slot * 8, document->tags + slot};
}

/* The elements of the list in a field. */
static inline int bd_typed_span(bd_typed *document, const bd_place *place, bd_span *span) {
    uint64_t value = bd_place_get(place);
    *span = (bd_span){0};
    if (*place->tag == BD_TAG_OWN) {
        bd_own_list *own = (bd_own_list *)(uintptr_t)value;
        *span = (bd_span){(unsigned char *)own->slots, own->tags, own->count, own};
        return 0;
    }
    if (*place->tag == BD_TAG_NONE) return 0;
    if (*place->tag != BD_TAG_LIST) return bd_typed_fail("a list field that holds no list");
    uint32_t first = (uint32_t)value, count = (uint32_t)(value >> 32);
    if (first > document->slot_count || count > document->slot_count - first)
        return bd_typed_fail("a list whose elements are outside");
    *span = (bd_span){document->slots + (size_t)first * 8, document->tags + first, count, NULL};
    return 0;
}

/* -- bd_typed_value.c: between Python and cells ----------------------------------------------------------------------------- */
/* As the getter answers it; of lists: as an element. New reference. */
PyObject *bd_typed_read(bd_typed *document, const bd_struct_field *field, uint8_t tag, uint64_t value);
/* 0, or -1 with TypeError, ValueError or OverflowError. An element of a list when is_element. */
int bd_cell_take(bd_state *state, const bd_struct_field *field, bool is_element, PyObject *value, bd_cell *cell);
int bd_cells_take(bd_state *state, const bd_struct_field *field, PyObject *values, bd_cells **cells);
void bd_cell_drop(bd_cell *cell);
void bd_cells_drop(bd_cells *cells);

/* -- bd_typed_edit.c: into documents ----------------------------------------------------------------------------------------- */
int bd_typed_set(bd_typed *document, uint32_t record, uint32_t field, bd_cell *cell);
int bd_typed_splice(
    bd_typed *document, uint32_t record, const bd_struct_field *field, uint32_t start, uint32_t removed,
    bd_cells *cells);
int bd_typed_permute(bd_typed *document, uint32_t record, const bd_struct_field *field, const uint32_t *order, uint32_t count);
/* The whole list; elements of this very list that stay keep their numbers. */
int bd_typed_assign(bd_typed *document, uint32_t record, const bd_struct_field *field, bd_cells *cells);
/* Fills a new record of a constructed document. */
int bd_typed_put(bd_typed *document, uint32_t record, uint32_t field, const bd_cell *cell);
int bd_typed_put_initial(bd_typed *document, uint32_t record, uint32_t field, const bd_initial *initial);
int bd_typed_put_initials(bd_typed *document, uint32_t record);
/* A copy in a document of its own, without asking anybody. */
bd_typed *bd_typed_copy(bd_typed *document, uint32_t record);
/* As value 6, for a request about an object that lives in no document. */
int bd_typed_write_new(bd_writer *writer, bd_workspace *workspace, bd_typed *document, uint32_t record);

/* -- bd_typed_contents.c: what `bindd inspect handles --tree` counts; nothing here fails --------------------------------------- */
/* Of a document that was loaded. Cost: some nanoseconds for each record and each field that holds a struct. */
void bd_typed_show(bd_typed *document, uint64_t hash);
void bd_typed_hide(bd_typed *document);
/* After an edit: the field's struct, or `count` elements from `first` on, are new; what is behind them may have moved. */
void bd_typed_show_field(bd_typed *document, uint32_t record, uint32_t index, uint32_t first, uint32_t count);
/* The record, with all in it, is in its list or field no more. */
void bd_typed_hide_record(bd_typed *document, uint32_t record);
/* Elements of a list changed places. */
void bd_typed_show_moved(bd_typed *document, uint32_t record, uint32_t index);

/* -- bd_typed_io.c: requests ---------------------------------------------------------------------------------------------------- */
bd_typed *bd_typed_load(
    bd_state *state, bd_workspace *workspace, uint32_t type, const char *text, size_t text_bytes, const char *label,
    uint32_t depth_limit, uint32_t flags, uint64_t *hash);
#define BD_LOAD_VERBATIM 1u /* line ends and layout as they are */
uint32_t bd_typed_load_flags(const bd_typed *document, uint32_t record);
PyObject *bd_typed_record_text(bd_typed *document, uint32_t record);
/* The same content in a document of its own of that workspace, with all that no field reads. Two round trips. */
bd_typed *bd_typed_fragment(bd_typed *document, uint32_t record, bd_workspace *workspace);
extern PyMethodDef bd_typed_functions[];

/* -- Python types: bd_struct.c, bd_list.c ------------------------------------------------------------------------------------------ */
int bd_kicad_init(PyObject *module, bd_state *state);
int bd_kicad_traverse(bd_kicad *kicad, visitproc visit, void *arg);
void bd_kicad_clear(bd_state *state);
void bd_kicad_free(bd_state *state);
/* Memory for a handle: that of one that ended, or fresh. Structs' and lists' handles have one size. New reference. */
static inline void *bd_spare_take(bd_kicad *kicad, PyTypeObject *type) {
    void *memory = kicad->spare;
    if (!memory) return PyObject_New(bd_struct_object, type);
    memcpy(&kicad->spare, memory, sizeof(void *));
    kicad->spare_count--;
    return PyObject_Init(memory, type);
}
/* False: it is for the caller to free it. */
static inline bool bd_spare_keep(bd_kicad *kicad, void *memory) {
    if (kicad->spare_count >= BD_SPARE_MAX) return false;
    memcpy(memory, &kicad->spare, sizeof(void *));
    kicad->spare = memory;
    kicad->spare_count++;
    return true;
}
static inline PyObject *bd_struct_object_new(bd_typed *document, uint32_t record, uint32_t type) {
    bd_kicad *kicad = document->state->kicad;
    bd_struct_object *self = bd_spare_take(kicad, kicad->types[type]);
    if (!self) return NULL;
    self->document = document;
    self->record = record;
    bd_typed_retain(document);
    bd_typed_look(document, record);
    return (PyObject *)self;
}
PyObject *bd_list_object_new(bd_typed *document, uint32_t record, uint32_t field);
PyObject *bd_struct_repr(PyObject *self);
extern PyType_Spec bd_list_spec, bd_list_iterator_spec;
static inline bd_struct_object *bd_struct(PyObject *object) { return (bd_struct_object *)object; }
static inline bool bd_struct_check(const bd_state *state, PyObject *object) {
    return state->kicad && PyObject_TypeCheck(object, state->kicad->base);
}

#endif
