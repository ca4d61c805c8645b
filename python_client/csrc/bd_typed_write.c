/* Values of documents as they go to the worker. Wire (see bd_typed_edit.c): a value is a tag and its content; a struct is
 * its record's number, its type and a value for each field, or, of an object that lives in a document of the same worker, a
 * copy: what no field reads comes along. Numbers are the next unused ones in order of writing; a field that is assigned anew
 * keeps those of its content, so that references into it stay good. Runs no Python code.
 */
#include "bd_typed_edit.h"

static inline uint32_t bd_edit_number(bd_edit *edit, uint32_t existing) { return existing ? existing : edit->next++; }

/* Number of the record in that field of `existing`, 0: none. */
uint32_t bd_edit_existing(bd_typed *target, uint32_t existing, uint32_t index, const bd_struct_field *field) {
    if (!existing || field->flags & BD_FIELD_LIST || field->kind != BD_FIELD_STRUCT) return 0;
    bd_place place = bd_typed_place(target, existing, index);
    return *place.tag == BD_TAG_RECORD ? (uint32_t)bd_place_get(&place) : 0;
}

static int bd_edit_write_pairs(bd_edit *edit, bd_typed *source, uint32_t record, uint32_t existing, uint32_t *pairs) {
    uint32_t type = bd_typed_type(source, record);
    const bd_struct_field *fields = bd_fields_of(type);
    bd_writer_u32(&edit->writer, record);
    bd_writer_u32(&edit->writer, bd_edit_number(edit, existing));
    ++*pairs;
    for (uint32_t i = 0; i < bd_structs[type].field_count; i++) {
        if (fields[i].kind != BD_FIELD_STRUCT) continue;
        bd_place place = bd_typed_place(source, record, i);
        bd_span span = {place.slot, place.tag, *place.tag != BD_TAG_NONE, NULL};
        if (fields[i].flags & BD_FIELD_LIST && bd_typed_span(source, &place, &span) < 0) return -1;
        for (uint32_t k = 0; k < span.count; k++) {
            uint64_t inner = bd_load_u64(span.slots + (size_t)k * 8);
            if (span.tags[k] != BD_TAG_RECORD) return bd_typed_fail("a struct field that holds no record");
            if (bd_typed_is(source, inner, fields[i].of) < 0 ||
                bd_edit_write_pairs(
                    edit, source, (uint32_t)inner, bd_edit_existing(edit->target, existing, i, &fields[i]), pairs) < 0)
                return -1;
        }
    }
    return 0;
}

static int bd_edit_write_copy(bd_edit *edit, bd_typed *source, uint32_t record, uint32_t existing) {
    edit->copies = edit->copies || source != edit->target;
    bd_writer_u32(&edit->writer, BD_VALUE_COPY);
    bd_writer_u32(&edit->writer, source->index);
    size_t at = edit->writer.size;
    uint32_t pairs = 0;
    bd_writer_u32(&edit->writer, 0);
    if (bd_edit_write_pairs(edit, source, record, existing, &pairs) < 0) return -1;
    if (!edit->writer.failed) bd_store_u32(edit->writer.data + at, pairs);
    return 0;
}

static int bd_edit_write_text(bd_edit *edit, bd_typed *source, uint8_t tag, uint64_t value) {
    const char *text;
    size_t bytes;
    if (!bd_typed_text(source, tag, value, &text, &bytes)) return -1;
    if (tag == BD_TAG_STRING) { /* what escapes of a text made need not be UTF-8 */
        PyObject *checked = PyUnicode_DecodeUTF8(text, (Py_ssize_t)bytes, NULL);
        if (!checked) return -1;
        Py_DECREF(checked);
    }
    bd_writer_u32(&edit->writer, BD_TAG_STRING);
    bd_writer_str(&edit->writer, text, bytes);
    return 0;
}

static int bd_edit_write_record(bd_edit *edit, bd_typed *source, uint32_t record, uint32_t existing);

static int bd_edit_write_value(
    bd_edit *edit, bd_typed *source, const bd_struct_field *field, uint8_t tag, uint64_t value, uint32_t existing) {
    switch (tag) {
        case BD_TAG_STRING:
        case BD_TAG_OBJECT: return bd_edit_write_text(edit, source, tag, value);
        case BD_TAG_RECORD:
            if (field->kind != BD_FIELD_STRUCT) return bd_typed_fail("a record in a field of another kind");
            if (bd_typed_is(source, value, field->of) < 0) return -1;
            return bd_edit_write_record(edit, source, (uint32_t)value, existing);
        case BD_TAG_NONE: bd_writer_u32(&edit->writer, BD_TAG_NONE); return 0;
        case BD_TAG_BOOL:
        case BD_TAG_ENUM:
            bd_writer_u32(&edit->writer, tag);
            bd_writer_u32(&edit->writer, (uint32_t)value);
            return 0;
        case BD_TAG_INT:
        case BD_TAG_FLOAT:
            bd_writer_u32(&edit->writer, tag);
            bd_writer_u64(&edit->writer, value);
            return 0;
        default: return bd_typed_fail("a value that cannot be copied");
    }
}

static int bd_edit_write_fields(bd_edit *edit, bd_typed *source, uint32_t record, uint32_t existing) {
    uint32_t type = bd_typed_type(source, record);
    const bd_struct_field *fields = bd_fields_of(type);
    bd_writer_u32(&edit->writer, BD_TAG_RECORD);
    bd_writer_u32(&edit->writer, bd_edit_number(edit, existing));
    bd_writer_u32(&edit->writer, type);
    for (uint32_t i = 0; i < bd_structs[type].field_count; i++) {
        bd_place place = bd_typed_place(source, record, i);
        if (!(fields[i].flags & BD_FIELD_LIST)) {
            uint32_t inner = bd_edit_existing(edit->target, existing, i, &fields[i]);
            if (bd_edit_write_value(edit, source, &fields[i], *place.tag, bd_place_get(&place), inner) < 0) return -1;
            continue;
        }
        bd_span span;
        if (bd_typed_span(source, &place, &span) < 0) return -1;
        bd_writer_u32(&edit->writer, BD_TAG_LIST);
        bd_writer_u32(&edit->writer, span.count);
        for (uint32_t k = 0; k < span.count; k++)
            if (bd_edit_write_value(
                    edit, source, &fields[i], span.tags[k], bd_load_u64(span.slots + (size_t)k * 8), 0) < 0)
                return -1;
    }
    return 0;
}

/* A copy when the worker has the object, or the one that it was copied from and still equals. */
static int bd_edit_write_record(bd_edit *edit, bd_typed *source, uint32_t record, uint32_t existing) {
    bool is_there = source->workspace && !(bd_typed_flags(source, record) & BD_RECORD_BARE);
    if (is_there && source->workspace == edit->workspace) return bd_edit_write_copy(edit, source, record, existing);
    if (!source->workspace) {
        const bd_extra *extra = &source->extras[record - source->record_count];
        bd_typed *origin = extra->origin;
        if (origin && !origin->is_freed && !origin->unsure && origin->workspace == edit->workspace &&
            !(bd_typed_flags(origin, extra->origin_record) & BD_RECORD_BARE) &&
            bd_typed_equal(origin, extra->origin_record, source, record))
            return bd_edit_write_copy(edit, origin, extra->origin_record, existing);
    }
    return bd_edit_write_fields(edit, source, record, existing);
}

int bd_edit_write_cell(bd_edit *edit, const bd_struct_field *field, const bd_cell *cell, uint32_t existing) {
    if (cell->tag != BD_TAG_HANDLE) return bd_edit_write_value(edit, edit->target, field, cell->tag, cell->value, 0);
    const bd_struct_object *object = bd_struct((PyObject *)(uintptr_t)cell->value);
    return bd_edit_write_record(edit, object->document, object->record, existing);
}

int bd_typed_write_new(bd_writer *writer, bd_workspace *workspace, bd_typed *document, uint32_t record) {
    bd_edit edit = {.target = document, .workspace = workspace, .next = 1};
    bd_writer_init(&edit.writer);
    int result = bd_edit_write_fields(&edit, document, record, 0);
    if (edit.writer.failed && result == 0) {
        PyErr_NoMemory();
        result = -1;
    }
    unsigned char *to = result == 0 ? bd_writer_reserve(writer, edit.writer.size) : NULL;
    if (to) memcpy(to, edit.writer.data, edit.writer.size);
    bd_writer_free(&edit.writer);
    return result;
}
