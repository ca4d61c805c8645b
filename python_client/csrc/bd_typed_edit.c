/* Changing documents. An edit first writes its command, reading sources and numbering the records that it will make
 * (bd_typed_write.c); sends it; and then makes the same records here, in the same order (bd_typed_plant.c). Nothing changes
 * here before the command is on its way, so a call that raises has changed nothing. Sending may wait, and other threads run
 * meanwhile: one edit at a time in the process.
 *
 *   sexp.set      u32 document, u32 record, u32 field, value
 *   sexp.splice   u32 document, u32 record, u32 field, u32 start, u32 removed, u32 count, values
 *   sexp.permute  u32 document, u32 record, u32 field, u32 count, old index of each
 */
#include "bd_typed_edit.h"

#include "bd_kept.h"

#include <stdlib.h>
#include <time.h>

/* -- one at a time ------------------------------------------------------------------------------------------------------------ */

static int bd_edit_enter(bd_state *state) {
    unsigned long me = PyThread_get_thread_ident();
    bd_kicad *kicad = state->kicad;
    while (kicad->is_editing) {
        if (kicad->editor == me) {
            bd_error_set("BinddError", "a document is edited while another edit of the same thread is on its way (from a signal handler?)");
            return -1;
        }
        const struct timespec pause = {0, 1000000};
        Py_BEGIN_ALLOW_THREADS
        nanosleep(&pause, NULL);
        Py_END_ALLOW_THREADS
        if (PyErr_CheckSignals() < 0) return -1;
    }
    kicad->is_editing = true;
    kicad->editor = me;
    return 0;
}

static int bd_edit_leave(bd_state *state, int result) {
    state->kicad->is_editing = false;
    return result;
}

/* An edit that is on its way reads documents when it was sent, its own and those that it copies from. */
int bd_edit_free(bd_typed *document) {
    if (document->is_freed) return 0;
    bd_state *state = document->state;
    bd_typed_retain(document);
    int result = bd_edit_enter(state);
    if (result == 0) {
        bd_typed_free(document);
        bd_edit_leave(state, 0);
    }
    bd_typed_release(document);
    return result;
}

/* -- sending ------------------------------------------------------------------------------------------------------------------ */

void bd_edit_begin(bd_edit *edit, bd_typed *document, uint32_t record, const bd_struct_field *field) {
    bd_writer_init(&edit->writer);
    edit->target = document;
    edit->workspace = document->workspace;
    edit->copies = false;
    edit->next = document->record_count + document->extra_count;
    bd_writer_u32(&edit->writer, document->index);
    bd_writer_u32(&edit->writer, record);
    bd_writer_u32(&edit->writer, (uint32_t)(field - bd_fields_of(bd_typed_type(document, record))));
}

/* Whether an edit that was sent and ended in an exception may be applied all the same: after a death the next worker said. */
static bool bd_edit_may_be_applied(const bd_workspace *workspace, uint32_t deaths) {
    if (workspace->life != BD_ALIVE || PyErr_ExceptionMatches(PyExc_MemoryError)) return false;
    return workspace->deaths == deaths || workspace->edit_request <= workspace->kept_done;
}

/* Frees the writer. When the outcome is not known the document says so from then on. */
int bd_edit_send(bd_edit *edit, uint16_t operation, const char *name, int result) {
    bd_workspace *workspace = edit->workspace;
    bd_piece piece = {edit->writer.data, edit->writer.size};
    if (result == 0 && edit->writer.failed) {
        PyErr_NoMemory();
        result = -1;
    }
    if (result == 0) {
        uint64_t before = workspace->edit_request;
        uint32_t deaths = workspace->deaths;
        bd_workspace_retain(workspace);
        result = bd_request_command(workspace, operation, name, &piece, 1);
        if (workspace->edit_request != before) { /* else it was never sent */
            edit->target->edited = workspace->edit_request;
            if (result < 0 && bd_edit_may_be_applied(workspace, deaths)) edit->target->unsure = "it was interrupted";
        }
        if (result == 0 && !bd_kept_add(workspace, operation, edit->target->index, edit->copies, &edit->writer))
            edit->target->unkept = workspace->edit_request;
        bd_workspace_release(workspace);
    }
    bd_writer_free(&edit->writer);
    return result;
}

/* -- edits ------------------------------------------------------------------------------------------------------------------------ */

/* Objects of another worker come over first, as text: nothing of them is lost. */
static int bd_cell_localise(bd_typed *target, bd_cell *cell) {
    if (cell->tag == BD_TAG_CELLS) {
        bd_cells *cells = (bd_cells *)(uintptr_t)cell->value;
        for (uint32_t i = 0; i < cells->count; i++)
            if (bd_cell_localise(target, &cells->items[i]) < 0) return -1;
        return 0;
    }
    if (cell->tag != BD_TAG_HANDLE || !target->workspace) return 0;
    bd_struct_object *object = bd_struct((PyObject *)(uintptr_t)cell->value);
    if (!object->document->workspace) return 0;
    if (object->document->workspace == target->workspace) return bd_typed_check_edit(object->document);
    if (bd_typed_check(object->document) < 0) return -1;
    uint32_t type = bd_typed_type(object->document, object->record); /* while it waits another thread may free it */
    bd_typed *fragment = bd_typed_fragment(object->document, object->record, target->workspace);
    if (!fragment) return -1;
    PyObject *handle = bd_struct_object_new(fragment, 1, type);
    bd_typed_release(fragment);
    if (!handle) return -1;
    bd_cell_drop(cell);
    *cell = (bd_cell){(uint64_t)(uintptr_t)handle, BD_TAG_HANDLE};
    return 0;
}

/* The library around a file of one symbol is not in the text: there is nothing that an edit of it could change. */
static int bd_edit_check_text(bd_typed *document, uint32_t record, const bd_struct_field *field) {
    if (!(bd_typed_flags(document, record) & BD_RECORD_BARE)) return 0;
    bd_error_set(
        "BinddError",
        "%s cannot be changed: the file is one element without a %s around it; make one with its constructor and put the element "
        "into that",
        field->name, bd_structs[bd_typed_type(document, record)].name);
    return -1;
}

/* Whose turn it is has waited for it: what it edits and what it copies from may be freed since. */
static int bd_edit_check(bd_typed *target, const bd_cell *cell) {
    if (target && bd_typed_check_edit(target) < 0) return -1;
    if (cell->tag == BD_TAG_HANDLE) return bd_typed_check(bd_struct((PyObject *)(uintptr_t)cell->value)->document);
    const bd_cells *cells = cell->tag == BD_TAG_CELLS ? (const bd_cells *)(uintptr_t)cell->value : NULL;
    for (uint32_t i = 0; cells && i < cells->count; i++)
        if (bd_edit_check(NULL, &cells->items[i]) < 0) return -1;
    return 0;
}

static bool bd_is_same(bd_typed *document, uint32_t record, const bd_place *place, const bd_cell *cell) {
    uint64_t value = bd_place_get(place);
    (void)record;
    if (cell->tag == BD_TAG_HANDLE) {
        const bd_struct_object *object = bd_struct((PyObject *)(uintptr_t)cell->value);
        return object->document == document && *place->tag == BD_TAG_RECORD && object->record == value;
    }
    if (cell->tag != BD_TAG_OBJECT) return cell->tag == *place->tag && cell->value == value;
    if (*place->tag != BD_TAG_STRING && *place->tag != BD_TAG_OBJECT) return false;
    const char *text, *other;
    size_t bytes, other_bytes;
    bool is_same = bd_typed_text(document, *place->tag, value, &text, &bytes) &&
                   bd_typed_text(document, cell->tag, cell->value, &other, &other_bytes) && bytes == other_bytes &&
                   memcmp(text, other, bytes) == 0;
    PyErr_Clear();
    return is_same;
}

static int bd_typed_set_entered(bd_typed *document, uint32_t record, uint32_t index, const bd_cell *cell) {
    const bd_struct_field *field = bd_fields_of(bd_typed_type(document, record)) + index;
    bd_place place = bd_typed_place(document, record, index);
    if (bd_is_same(document, record, &place, cell)) return 0;
    if (document->workspace) {
        bd_edit edit;
        bd_edit_begin(&edit, document, record, field);
        uint32_t existing = bd_edit_existing(document, record, index, field);
        if (existing && bd_typed_is(document, existing, field->of) < 0) return -1;
        int result = bd_edit_write_cell(&edit, field, cell, existing);
        if (bd_edit_send(&edit, BD_OP_SEXP_SET, "sexp.set", result) < 0) return -1;
    }
    return bd_typed_put(document, record, index, cell);
}

int bd_typed_set(bd_typed *document, uint32_t record, uint32_t index, bd_cell *cell) {
    const bd_struct_field *field = bd_fields_of(bd_typed_type(document, record)) + index;
    if (bd_typed_check_edit(document) < 0 || bd_edit_check_text(document, record, field) < 0 ||
        bd_cell_localise(document, cell) < 0)
        return -1;
    if (cell->tag == BD_TAG_CELLS)
        return bd_typed_assign(document, record, field, (bd_cells *)(uintptr_t)cell->value);
    if (bd_edit_enter(document->state) < 0) return -1;
    int result = bd_edit_check(document, cell) < 0 ? -1 : bd_typed_set_entered(document, record, index, cell);
    return bd_edit_leave(document->state, result);
}

/* The list as memory that may be changed, with room: of the block, or held by an iterator, it is copied. */
static bd_own_list *bd_own(bd_typed *document, uint32_t record, uint32_t index, uint32_t more) {
    bd_place place = bd_typed_place(document, record, index);
    bd_span span;
    if (bd_typed_span(document, &place, &span) < 0) return NULL;
    if (span.own && span.own->references == 1) {
        if (bd_own_list_room(span.own, more) == 0) return span.own;
        PyErr_NoMemory();
        return NULL;
    }
    bd_own_list *list = more <= UINT32_MAX - span.count ? bd_own_list_new(span.count + more) : NULL;
    if (!list) {
        PyErr_NoMemory();
        return NULL;
    }
    for (uint32_t k = 0; k < span.count; k++) {
        if (span.tags[k] == BD_TAG_OWN || span.tags[k] == BD_TAG_LIST) {
            bd_own_list_release(list);
            bd_typed_fail("a list inside a list");
            return NULL;
        }
        list->slots[k] = bd_load_u64(span.slots + (size_t)k * 8);
        list->tags[k] = span.tags[k];
        if (span.tags[k] == BD_TAG_OBJECT) Py_INCREF((PyObject *)(uintptr_t)list->slots[k]);
        list->count++;
    }
    bd_typed_drop_value(&place);
    bd_place_put(&place, BD_TAG_OWN, (uint64_t)(uintptr_t)list);
    if (record < document->record_count) document->is_written = true;
    return list;
}

static int bd_typed_splice_entered(
    bd_typed *document, uint32_t record, const bd_struct_field *field, uint32_t start, uint32_t removed,
    const bd_cells *cells) {
    uint32_t count = cells ? cells->count : 0, index = (uint32_t)(field - bd_fields_of(bd_typed_type(document, record)));
    bd_own_list *list = bd_own(document, record, index, count);
    if (!list) return -1;
    if (start > list->count || removed > list->count - start) { /* another thread was quicker */
        PyErr_SetString(PyExc_IndexError, "the list changed while it was edited");
        return -1;
    }
    if (document->workspace) {
        bd_edit edit;
        bd_edit_begin(&edit, document, record, field);
        bd_writer_u32(&edit.writer, start);
        bd_writer_u32(&edit.writer, removed);
        bd_writer_u32(&edit.writer, count);
        int result = 0;
        for (uint32_t i = 0; i < count && result == 0; i++)
            result = bd_edit_write_cell(&edit, field, &cells->items[i], 0);
        if (bd_edit_send(&edit, BD_OP_SEXP_SPLICE, "sexp.splice", result) < 0) return -1;
        if (!(list = bd_own(document, record, index, count))) return bd_edit_lost(document); /* an iterator began */
    }
    bd_own_list *made = count ? bd_plant_cells(document, field, cells) : NULL;
    if (count && !made) return bd_edit_lost(document);
    for (uint32_t i = start; i < start + removed; i++) {
        bd_place place = {(unsigned char *)(list->slots + i), list->tags + i};
        bd_mark_removed(document, field, *place.tag, bd_place_get(&place));
        bd_typed_drop_value(&place);
    }
    uint32_t behind = list->count - start - removed;
    memmove(list->slots + start + count, list->slots + start + removed, (size_t)behind * 8);
    memmove(list->tags + start + count, list->tags + start + removed, behind);
    if (count) {
        memcpy(list->slots + start, made->slots, (size_t)count * 8);
        memcpy(list->tags + start, made->tags, count);
        made->count = 0;
        bd_own_list_release(made);
    }
    list->count = list->count - removed + count;
    bd_typed_show_field(document, record, index, start, count);
    return 0;
}

int bd_typed_splice(
    bd_typed *document, uint32_t record, const bd_struct_field *field, uint32_t start, uint32_t removed,
    bd_cells *cells) {
    if (bd_typed_check_edit(document) < 0 || bd_edit_check_text(document, record, field) < 0) return -1;
    bd_cell all = {(uint64_t)(uintptr_t)cells, BD_TAG_CELLS};
    if (cells && bd_cell_localise(document, &all) < 0) return -1;
    if (!removed && (!cells || !cells->count)) return 0;
    if (bd_edit_enter(document->state) < 0) return -1;
    int result = bd_edit_check(document, &all);
    if (result == 0) result = bd_typed_splice_entered(document, record, field, start, removed, cells);
    return bd_edit_leave(document->state, result);
}

static int bd_typed_permute_entered(
    bd_typed *document, uint32_t record, const bd_struct_field *field, const uint32_t *order, uint32_t count) {
    uint32_t index = (uint32_t)(field - bd_fields_of(bd_typed_type(document, record)));
    bd_own_list *list = bd_own(document, record, index, 0);
    bd_own_list *sorted = list ? bd_own_list_new(count) : NULL;
    if (list && (!sorted || list->count != count)) {
        if (sorted) PyErr_SetString(PyExc_ValueError, "the list changed while it was sorted");
        else PyErr_NoMemory();
        list = NULL;
    }
    if (list && document->workspace) {
        bd_edit edit;
        bd_edit_begin(&edit, document, record, field);
        bd_writer_u32(&edit.writer, count);
        for (uint32_t i = 0; i < count; i++) bd_writer_u32(&edit.writer, order[i]);
        list = bd_edit_send(&edit, BD_OP_SEXP_PERMUTE, "sexp.permute", 0) < 0 ? NULL : bd_own(document, record, index, 0);
    }
    for (uint32_t i = 0; list && i < count; i++) {
        sorted->slots[i] = list->slots[order[i]];
        sorted->tags[i] = list->tags[order[i]];
    }
    if (list) {
        memcpy(list->slots, sorted->slots, (size_t)count * 8);
        memcpy(list->tags, sorted->tags, count);
        bd_typed_show_moved(document, record, index);
    }
    if (sorted) bd_own_list_release(sorted);
    return list ? 0 : -1;
}

int bd_typed_permute(
    bd_typed *document, uint32_t record, const bd_struct_field *field, const uint32_t *order, uint32_t count) {
    if (bd_typed_check_edit(document) < 0 || bd_edit_check_text(document, record, field) < 0 ||
        bd_edit_enter(document->state) < 0)
        return -1;
    int result = bd_typed_check_edit(document);
    if (result == 0) result = bd_typed_permute_entered(document, record, field, order, count);
    return bd_edit_leave(document->state, result);
}

/* -- whole lists ------------------------------------------------------------------------------------------------------------------- */

typedef struct bd_standing {
    uint32_t record, index;
} bd_standing;

static int bd_standing_compare(const void *left, const void *right) {
    uint32_t one = ((const bd_standing *)left)->record, other = ((const bd_standing *)right)->record;
    return (one > other) - (one < other);
}

/* Where each cell stands in the list now. False: some are not in it, or twice. */
static bool bd_find_members(bd_typed *document, const bd_span *span, const bd_cells *cells, bd_standing *members, uint32_t *order, uint8_t *is_kept) {
    for (uint32_t k = 0; k < span->count; k++) {
        if (span->tags[k] != BD_TAG_RECORD) return false;
        members[k] = (bd_standing){(uint32_t)bd_load_u64(span->slots + (size_t)k * 8), k};
    }
    qsort(members, span->count, sizeof *members, bd_standing_compare);
    for (uint32_t i = 0; i < cells->count; i++) {
        if (cells->items[i].tag != BD_TAG_HANDLE) return false;
        const bd_struct_object *object = bd_struct((PyObject *)(uintptr_t)cells->items[i].value);
        bd_standing wanted = {object->record, 0};
        const bd_standing *found = object->document == document
                                     ? bsearch(&wanted, members, span->count, sizeof *members, bd_standing_compare)
                                     : NULL;
        if (!found || is_kept[found->index]) return false;
        is_kept[found->index] = 1;
        order[i] = found->index;
    }
    return true;
}

/* Takes out what is not kept, from the end, and brings the rest into order. */
static int bd_keep_members(
    bd_typed *document, uint32_t record, const bd_struct_field *field, uint32_t before, const uint8_t *is_kept,
    uint32_t *order, uint32_t count) {
    for (uint32_t end = before; end > 0;) {
        uint32_t start = end;
        while (start > 0 && !is_kept[start - 1]) start--;
        if (start < end && bd_typed_splice_entered(document, record, field, start, end - start, NULL) < 0) return -1;
        for (end = start; end > 0 && is_kept[end - 1];) end--;
    }
    uint32_t *ranks = calloc((size_t)before + 1, sizeof *ranks), rank = 0;
    if (!ranks) return bd_edit_lost(document);
    for (uint32_t k = 0; k < before; k++) {
        ranks[k] = rank;
        rank += is_kept[k];
    }
    bool is_sorted = true;
    for (uint32_t i = 0; i < count; i++) {
        order[i] = ranks[order[i]];
        is_sorted = is_sorted && order[i] == i;
    }
    free(ranks);
    return is_sorted ? 0 : bd_typed_permute_entered(document, record, field, order, count);
}

static int bd_typed_assign_entered(bd_typed *document, uint32_t record, const bd_struct_field *field, const bd_cells *cells) {
    uint32_t index = (uint32_t)(field - bd_fields_of(bd_typed_type(document, record)));
    bd_place place = bd_typed_place(document, record, index);
    bd_span span;
    if (bd_typed_span(document, &place, &span) < 0) return -1;
    if (!span.count && !cells->count) return 0;
    if (field->kind == BD_FIELD_STRUCT && cells->count <= span.count && cells->count) {
        uint32_t before = span.count;
        bd_standing *members = malloc((size_t)before * sizeof *members);
        uint32_t *order = malloc((size_t)cells->count * sizeof *order);
        uint8_t *is_kept = calloc(before, 1);
        int result = 1;
        if (!members || !order || !is_kept) {
            PyErr_NoMemory();
            result = -1;
        } else if (bd_find_members(document, &span, cells, members, order, is_kept)) {
            result = bd_keep_members(document, record, field, before, is_kept, order, cells->count);
        }
        free(members);
        free(order);
        free(is_kept);
        if (result <= 0) return result;
    }
    return bd_typed_splice_entered(document, record, field, 0, span.count, cells);
}

int bd_typed_assign(bd_typed *document, uint32_t record, const bd_struct_field *field, bd_cells *cells) {
    bd_cell all = {(uint64_t)(uintptr_t)cells, BD_TAG_CELLS};
    if (bd_typed_check_edit(document) < 0 || bd_cell_localise(document, &all) < 0) return -1;
    if (bd_edit_enter(document->state) < 0) return -1;
    int result = bd_edit_check(document, &all);
    if (result == 0) result = bd_typed_assign_entered(document, record, field, cells);
    return bd_edit_leave(document->state, result);
}
