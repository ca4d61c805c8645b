/* See bd_typed.h: adopting a snapshot, finding records, slots and list elements in it, records of this client, giving back.
 * Knows nothing of requests but that a document is released.
 */
#include "bd_typed.h"

#include <stdlib.h>

int bd_typed_fail(const char *what) {
    bd_error_set("SnapshotError", "the snapshot of a document is broken: %s", what);
    return -1;
}

int bd_typed_fail_freed(const bd_typed *document) {
    bool is_named = document->label && *document->label;
    bd_error_set(
        "StaleHandleError", "the document%s%s was freed", is_named ? " " : "", is_named ? document->label : "");
    return -1;
}

int bd_typed_fail_init(void) {
    PyErr_SetString(PyExc_TypeError, "the object was not made: its __init__() was not called, or failed");
    return -1;
}

int bd_typed_check_known(bd_typed *document) {
    if (bd_typed_check(document) < 0) return -1;
    return document->workspace ? bd_workspace_check(document->workspace) : 0;
}

int bd_typed_check_edit(bd_typed *document) {
    if (bd_typed_check(document) < 0) return -1;
    if (document->unsure) {
        bd_error_set(
            "BinddError",
            "an edit of the document%s%s has an unknown outcome (%s): load it again; dumps(file, path, force=True) writes what is "
            "known to be applied",
            document->label && *document->label ? " " : "", document->label ? document->label : "", document->unsure);
        return -1;
    }
    return document->workspace ? bd_workspace_check(document->workspace) : 0;
}

/* -- life ------------------------------------------------------------------------------------------------------------------ */

bd_typed *bd_typed_new(bd_state *state, bd_workspace *workspace) {
    bd_typed *document = calloc(1, sizeof *document);
    if (!document) {
        PyErr_NoMemory();
        return NULL;
    }
    document->references = 1;
    document->state = state;
    document->workspace = workspace;
    document->record_count = 1;
    if (workspace) {
        bd_workspace_retain(workspace);
        document->next_document = workspace->documents;
        if (workspace->documents) workspace->documents->previous_document = document;
        workspace->documents = document;
    } else {
        document->index = ++state->kicad->local_count;
    }
    return document;
}

void bd_typed_drop_value(bd_place *place) {
    uint64_t value = bd_place_get(place);
    uint8_t tag = *place->tag;
    bd_place_put(place, BD_TAG_NONE, 0);
    if (tag == BD_TAG_OBJECT) Py_DECREF((PyObject *)(uintptr_t)value);
    if (tag == BD_TAG_OWN) bd_own_list_release((bd_own_list *)(uintptr_t)value);
}

static void bd_extra_drop(bd_extra *extra) {
    uint32_t count = bd_structs[extra->type].field_count;
    for (uint32_t i = 0; i < count; i++) {
        bd_place place = {(unsigned char *)(extra->slots + i), extra->tags + i};
        bd_typed_drop_value(&place);
    }
    free(extra->slots);
    if (extra->origin) bd_typed_look_away(extra->origin, extra->origin_record);
    if (extra->origin) bd_typed_release(extra->origin);
}

void bd_typed_free(bd_typed *document) {
    if (document->is_freed) return;
    document->is_freed = true;
    bd_typed_hide(document);
    if (document->is_pinned) {
        bd_id_list_add(document->workspace, &document->workspace->released_documents, document->index);
        bd_handle_forget(document->workspace, document->record);
        document->listed = NULL;
        document->workspace->page->live[document->kind]--;
    }
    document->is_pinned = false;
    for (uint32_t i = 0; document->is_written && i < document->slot_count; i++) {
        bd_place place = {document->slots + (size_t)i * 8, document->tags + i};
        if (*place.tag >= BD_TAG_OBJECT) bd_typed_drop_value(&place);
    }
    for (uint32_t i = 0; i < document->extra_count; i++) bd_extra_drop(&document->extras[i]);
    free(document->extras);
    free(document->block);
    Py_CLEAR(document->facts);
    document->extras = NULL;
    document->block = document->records = document->slots = document->tags = NULL;
    document->strings = NULL;
    document->extra_count = document->slot_count = 0;
}

void bd_typed_release(bd_typed *document) {
    if (--document->references) return;
    bd_typed_free(document);
    bd_workspace *workspace = document->workspace;
    if (workspace) {
        if (document->previous_document) document->previous_document->next_document = document->next_document;
        else workspace->documents = document->next_document;
        if (document->next_document) document->next_document->previous_document = document->previous_document;
        bd_workspace_release(workspace);
    }
    free(document->label);
    free(document);
}

static bool bd_typed_part_fits(uint64_t offset, uint64_t count, size_t item, size_t bytes) {
    return offset <= bytes && offset % 8 == 0 && count <= (bytes - offset) / item;
}

/* Takes the block over from the reply. */
int bd_typed_adopt(bd_typed *document, bd_reply *reply, const unsigned char *snapshot, size_t bytes) {
    bd_typed_header header;
    if (bytes < sizeof header) return bd_typed_fail("it is shorter than its header");
    memcpy(&header, snapshot, sizeof header);
    if (header.magic != BD_TYPED_MAGIC) return bd_typed_fail("wrong magic number");
    if (header.record_count < 2 || header.record_count == UINT32_MAX ||
        !bd_typed_part_fits(header.records_offset, header.record_count, sizeof(bd_typed_record), bytes))
        return bd_typed_fail("its records do not fit");
    if (!bd_typed_part_fits(header.slots_offset, header.slot_count, 8, bytes) ||
        !bd_typed_part_fits(header.tags_offset, header.slot_count, 1, bytes))
        return bd_typed_fail("its slots do not fit");
    if (!bd_typed_part_fits(header.strings_offset, header.string_bytes, 1, bytes))
        return bd_typed_fail("its strings do not fit");
    /* What is written in place must not lie in the header's parts of another. */
    if (header.tags_offset < header.slots_offset + (uint64_t)header.slot_count * 8 ||
        header.slots_offset < header.records_offset + (uint64_t)header.record_count * sizeof(bd_typed_record) ||
        header.strings_offset < header.tags_offset + header.slot_count)
        return bd_typed_fail("its parts overlap");
    unsigned char highest = 0;
    for (uint32_t i = 0; i < header.slot_count; i++) highest |= snapshot[header.tags_offset + i];
    if (highest > BD_TAG_LIST) return bd_typed_fail("a tag that no value has");
    size_t offset = (size_t)(snapshot - reply->data);
    unsigned char *block = realloc(reply->data, reply->size); /* it came in pieces: what is too much goes back */
    document->block = block ? block : reply->data;
    document->records = document->block + offset + header.records_offset;
    document->slots = document->block + offset + header.slots_offset;
    document->tags = document->block + offset + header.tags_offset;
    document->strings = (const char *)document->block + offset + header.strings_offset;
    document->string_bytes = header.string_bytes;
    document->record_count = header.record_count;
    document->slot_count = header.slot_count;
    memset(reply, 0, sizeof *reply);
    return 0;
}

/* -- records --------------------------------------------------------------------------------------------------------------- */

uint32_t bd_typed_flags(const bd_typed *document, uint32_t record) {
    return record < document->record_count ? bd_typed_record_at(document, record).flags
                                           : document->extras[record - document->record_count].flags;
}

void bd_typed_set_flag(bd_typed *document, uint32_t record, uint16_t flag) {
    if (record >= document->record_count) {
        document->extras[record - document->record_count].flags |= flag;
        return;
    }
    bd_typed_record found = bd_typed_record_at(document, record);
    found.flags |= flag;
    memcpy(document->records + (size_t)record * sizeof found, &found, sizeof found);
}

uint32_t bd_typed_add(bd_typed *document, uint32_t type) {
    if (document->extra_count == document->extra_capacity) {
        uint32_t capacity = document->extra_capacity ? document->extra_capacity * 2 : document->block ? 16 : 2;
        bd_extra *extras = realloc(document->extras, (size_t)capacity * sizeof *extras);
        if (!extras) return 0;
        document->extras = extras;
        document->extra_capacity = capacity;
    }
    if ((uint64_t)document->record_count + document->extra_count >= UINT32_MAX - 1) return 0;
    uint32_t count = bd_structs[type].field_count;
    uint64_t *slots = calloc(1, (size_t)count * 9 + 1);
    if (!slots) return 0;
    bd_extra *extra = &document->extras[document->extra_count];
    *extra = (bd_extra){slots, (uint8_t *)(slots + count), NULL, 0, (uint16_t)type, 0};
    return document->record_count + document->extra_count++;
}

/* -- lists ------------------------------------------------------------------------------------------------------------------- */

bd_own_list *bd_own_list_new(uint32_t capacity) {
    bd_own_list *list = calloc(1, sizeof *list);
    if (!list) return NULL;
    list->references = 1;
    if (bd_own_list_room(list, capacity) == 0) return list;
    free(list);
    return NULL;
}

int bd_own_list_room(bd_own_list *list, uint32_t more) {
    uint64_t need = (uint64_t)list->count + more;
    if (need <= list->capacity) return 0;
    uint64_t capacity = (uint64_t)list->capacity + list->capacity / 2 > need ? (uint64_t)list->capacity * 3 / 2 : need;
    if (capacity > UINT32_MAX) return -1;
    uint64_t *slots = realloc(list->slots, (size_t)capacity * 8 + 8);
    if (slots) list->slots = slots;
    uint8_t *tags = realloc(list->tags, (size_t)capacity + 1);
    if (tags) list->tags = tags;
    if (!slots || !tags) return -1;
    list->capacity = (uint32_t)capacity;
    return 0;
}

void bd_own_list_release(bd_own_list *list) {
    if (--list->references) return;
    for (uint32_t i = 0; i < list->count; i++) {
        bd_place place = {(unsigned char *)(list->slots + i), list->tags + i};
        bd_typed_drop_value(&place);
    }
    free(list->slots);
    free(list->tags);
    free(list);
}

/* -- comparing --------------------------------------------------------------------------------------------------------------- */

bool bd_typed_text(bd_typed *document, uint8_t tag, uint64_t value, const char **text, size_t *bytes) {
    if (tag == BD_TAG_OBJECT) {
        Py_ssize_t size = 0;
        *text = PyUnicode_AsUTF8AndSize((PyObject *)(uintptr_t)value, &size);
        *bytes = (size_t)size;
        return *text != NULL;
    }
    uint32_t offset = (uint32_t)value, length = (uint32_t)(value >> 32);
    if (tag != BD_TAG_STRING || offset > document->string_bytes || length > document->string_bytes - offset) {
        bd_typed_fail("a string that is outside");
        return false;
    }
    *text = document->strings + offset;
    *bytes = length;
    return true;
}

static bool bd_typed_equal_values(
    bd_typed *left, uint8_t left_tag, uint64_t left_value, bd_typed *right, uint8_t right_tag, uint64_t right_value,
    const bd_struct_field *field) {
    bool is_text = left_tag == BD_TAG_STRING || left_tag == BD_TAG_OBJECT;
    if (is_text && (right_tag == BD_TAG_STRING || right_tag == BD_TAG_OBJECT)) {
        const char *one, *other;
        size_t bytes, other_bytes;
        bool is_equal = bd_typed_text(left, left_tag, left_value, &one, &bytes) &&
                        bd_typed_text(right, right_tag, right_value, &other, &other_bytes) && bytes == other_bytes &&
                        memcmp(one, other, bytes) == 0;
        PyErr_Clear();
        return is_equal;
    }
    if (left_tag != right_tag) return false;
    if (left_tag != BD_TAG_RECORD) return left_value == right_value;
    if (bd_typed_is(left, left_value, field->of) < 0 || bd_typed_is(right, right_value, field->of) < 0) {
        PyErr_Clear();
        return false;
    }
    return bd_typed_equal(left, (uint32_t)left_value, right, (uint32_t)right_value);
}

/* Whether two records of one type have the same content. Structs nest at most BD_STRUCT_DEPTH_MAX deep, by their types. */
bool bd_typed_equal(bd_typed *left, uint32_t left_record, bd_typed *right, uint32_t right_record) {
    uint32_t type = bd_typed_type(left, left_record);
    const bd_struct_field *fields = &bd_struct_fields[bd_structs[type].first_field];
    for (uint32_t i = 0; i < bd_structs[type].field_count; i++) {
        bd_place one = bd_typed_place(left, left_record, i), other = bd_typed_place(right, right_record, i);
        if (!(fields[i].flags & BD_FIELD_LIST)) {
            if (!bd_typed_equal_values(
                    left, *one.tag, bd_place_get(&one), right, *other.tag, bd_place_get(&other), &fields[i]))
                return false;
            continue;
        }
        bd_span span, other_span;
        if (bd_typed_span(left, &one, &span) < 0 || bd_typed_span(right, &other, &other_span) < 0) {
            PyErr_Clear();
            return false;
        }
        if (span.count != other_span.count) return false;
        for (uint32_t k = 0; k < span.count; k++)
            if (!bd_typed_equal_values(
                    left, span.tags[k], bd_load_u64(span.slots + (size_t)k * 8), right, other_span.tags[k],
                    bd_load_u64(other_span.slots + (size_t)k * 8), &fields[i]))
                return false;
    }
    return true;
}
