/* The second half of an edit: making here what was written for the worker, by the same walk in the same order, so that both
 * sides give the same numbers. Also objects that are constructed and copied without any worker.
 */
#include "bd_typed_edit.h"

int bd_edit_lost(bd_typed *document) {
    if (document->workspace) document->unsure = "memory ran out";
    if (!PyErr_Occurred()) PyErr_NoMemory();
    return -1;
}

static uint32_t bd_plant(bd_typed *target, bd_typed *source, uint32_t record, uint32_t existing);

/* A value of the source as one of the target's; structs are planted. False, where no exception is set: memory ran out. */
static bool bd_plant_value(
    bd_typed *target, bd_typed *source, const bd_struct_field *field, bd_cell value, uint32_t existing, bd_cell *out) {
    *out = value;
    if (value.tag == BD_TAG_OBJECT) Py_INCREF((PyObject *)(uintptr_t)value.value);
    if (value.tag == BD_TAG_STRING && target != source) {
        PyObject *text = bd_typed_read(source, field, value.tag, value.value);
        *out = (bd_cell){(uint64_t)(uintptr_t)text, text ? BD_TAG_OBJECT : BD_TAG_NONE};
        return text != NULL;
    }
    if (value.tag == BD_TAG_RECORD) {
        if (field->kind != BD_FIELD_STRUCT) return bd_typed_fail("a record in a field of another kind") == 0;
        if (bd_typed_is(source, value.value, field->of) < 0) return false;
        out->value = bd_plant(target, source, (uint32_t)value.value, existing);
        return out->value != 0;
    }
    if (value.tag < BD_TAG_LIST || value.tag == BD_TAG_OBJECT) return true;
    return bd_typed_fail("a value that cannot be copied") == 0;
}

void bd_mark_removed(bd_typed *document, const bd_struct_field *field, uint8_t tag, uint64_t value) {
    if (tag == BD_TAG_RECORD && field->kind == BD_FIELD_STRUCT && bd_typed_is(document, value, field->of) == 0) {
        bd_typed_set_flag(document, (uint32_t)value, BD_RECORD_REMOVED);
        bd_typed_hide_record(document, (uint32_t)value);
    }
    if (PyErr_Occurred()) PyErr_Clear();
}

static void bd_mark_all_removed(bd_typed *document, const bd_struct_field *field, const bd_place *place) {
    bd_span span;
    if (bd_typed_span(document, place, &span) < 0) PyErr_Clear();
    for (uint32_t k = 0; k < span.count; k++)
        bd_mark_removed(document, field, span.tags[k], bd_load_u64(span.slots + (size_t)k * 8));
}

/* Puts a value where another was. */
static void bd_replace(bd_typed *document, uint32_t record, uint32_t index, const bd_struct_field *field, bd_cell value) {
    bd_place place = bd_typed_place(document, record, index);
    uint64_t old = bd_place_get(&place);
    if (field->flags & BD_FIELD_LIST) bd_mark_all_removed(document, field, &place);
    else if (value.tag != BD_TAG_RECORD || old != value.value) bd_mark_removed(document, field, *place.tag, old);
    bd_typed_drop_value(&place);
    bd_place_put(&place, value.tag, value.value);
    if (value.tag >= BD_TAG_OBJECT && record < document->record_count) document->is_written = true;
}

static bd_own_list *bd_plant_list(bd_typed *target, bd_typed *source, const bd_struct_field *field, const bd_span *span) {
    bd_own_list *list = bd_own_list_new(span->count);
    for (uint32_t k = 0; list && k < span->count; k++) {
        bd_cell value = {bd_load_u64(span->slots + (size_t)k * 8), span->tags[k]}, made;
        if (!bd_plant_value(target, source, field, value, 0, &made)) {
            bd_own_list_release(list);
            return NULL;
        }
        list->slots[k] = made.value;
        list->tags[k] = made.tag;
        list->count++;
    }
    return list;
}

/* Copies a record with all in it, into `existing` or a new one: the same walk as the writing one. 0: memory ran out. */
static uint32_t bd_plant(bd_typed *target, bd_typed *source, uint32_t record, uint32_t existing) {
    uint32_t type = bd_typed_type(source, record);
    const bd_struct_field *fields = bd_fields_of(type);
    uint32_t made = existing ? existing : bd_typed_add(target, type);
    if (!made) return 0;
    if (!target->workspace && !existing) {
        bd_extra *extra = &target->extras[made - target->record_count];
        const bd_extra *other = source->workspace ? NULL : &source->extras[record - source->record_count];
        extra->origin = other ? other->origin : source;
        extra->origin_record = other ? other->origin_record : record;
        if (extra->origin) {
            bd_typed_retain(extra->origin);
            bd_typed_look(extra->origin, extra->origin_record);
        }
    }
    for (uint32_t i = 0; i < bd_structs[type].field_count; i++) {
        bd_place from = bd_typed_place(source, record, i);
        bd_cell value = {bd_place_get(&from), *from.tag};
        if (fields[i].flags & BD_FIELD_LIST) {
            bd_span span;
            if (bd_typed_span(source, &from, &span) < 0) return 0;
            bd_own_list *list = span.count ? bd_plant_list(target, source, &fields[i], &span) : NULL;
            if (span.count && !list) return 0;
            value = (bd_cell){(uint64_t)(uintptr_t)list, list ? BD_TAG_OWN : BD_TAG_NONE};
        } else {
            uint32_t inner = bd_edit_existing(target, existing, i, &fields[i]);
            if (!bd_plant_value(target, source, &fields[i], value, inner, &value)) return 0;
        }
        bd_replace(target, made, i, &fields[i], value);
    }
    return made;
}

/* An element as the target's own; the cell keeps what it holds. */
static bool bd_plant_cell(bd_typed *target, const bd_struct_field *field, const bd_cell *cell, uint32_t existing, bd_cell *out) {
    if (cell->tag != BD_TAG_HANDLE) return bd_plant_value(target, target, field, *cell, 0, out);
    const bd_struct_object *object = bd_struct((PyObject *)(uintptr_t)cell->value);
    uint32_t made = bd_plant(target, object->document, object->record, existing);
    if (made && field->flags & BD_FIELD_ELEMENTS) bd_typed_set_flag(target, made, BD_RECORD_HEADLESS);
    *out = (bd_cell){made, BD_TAG_RECORD};
    return made != 0;
}

bd_own_list *bd_plant_cells(bd_typed *target, const bd_struct_field *field, const bd_cells *cells) {
    bd_own_list *list = bd_own_list_new(cells->count);
    for (uint32_t i = 0; list && i < cells->count; i++) {
        bd_cell made;
        if (!bd_plant_cell(target, field, &cells->items[i], 0, &made)) {
            bd_own_list_release(list);
            return NULL;
        }
        list->slots[i] = made.value;
        list->tags[i] = made.tag;
        list->count++;
    }
    return list;
}

int bd_typed_put(bd_typed *document, uint32_t record, uint32_t index, const bd_cell *cell) {
    const bd_struct_field *field = bd_fields_of(bd_typed_type(document, record)) + index;
    bd_cell made = {0, BD_TAG_NONE};
    if (cell->tag == BD_TAG_CELLS) {
        const bd_cells *cells = (const bd_cells *)(uintptr_t)cell->value;
        bd_own_list *list = cells->count ? bd_plant_cells(document, field, cells) : NULL;
        if (cells->count && !list) return bd_edit_lost(document);
        made = (bd_cell){(uint64_t)(uintptr_t)list, list ? BD_TAG_OWN : BD_TAG_NONE};
    } else {
        uint32_t existing = cell->tag == BD_TAG_HANDLE ? bd_edit_existing(document, record, index, field) : 0;
        if (!bd_plant_cell(document, field, cell, existing, &made)) return bd_edit_lost(document);
    }
    bd_replace(document, record, index, field, made);
    bd_typed_show_field(document, record, index, 0, UINT32_MAX);
    return 0;
}

bd_typed *bd_typed_copy(bd_typed *document, uint32_t record) {
    bd_typed *copy = bd_typed_new(document->state, NULL);
    if (!copy || bd_plant(copy, document, record, 0)) return copy;
    if (!PyErr_Occurred()) PyErr_NoMemory();
    bd_typed_release(copy);
    return NULL;
}

/* -- defaults -------------------------------------------------------------------------------------------------------------------- */

int bd_typed_put_initial(bd_typed *document, uint32_t record, uint32_t index, const bd_initial *initial) {
    const bd_struct_field *field = bd_fields_of(bd_typed_type(document, record)) + index;
    bd_cell made = {(uint64_t)(int64_t)initial->number, BD_TAG_NONE};
    PyObject *text;
    uint32_t inner;
    switch (initial->kind) {
        case BD_INITIAL_BOOL: made.tag = BD_TAG_BOOL; break;
        case BD_INITIAL_INT: made.tag = BD_TAG_INT; break;
        case BD_INITIAL_ENUM: made.tag = BD_TAG_ENUM; break;
        case BD_INITIAL_FLOAT:
            made.tag = BD_TAG_FLOAT;
            memcpy(&made.value, &initial->real, 8);
            break;
        case BD_INITIAL_STR:
            if (!(text = PyUnicode_FromString(initial->text))) return -1;
            made = (bd_cell){(uint64_t)(uintptr_t)text, BD_TAG_OBJECT};
            break;
        case BD_INITIAL_STRUCT:
            if (!(inner = bd_typed_add(document, field->of))) return bd_edit_lost(document);
            if (bd_typed_put_initials(document, inner) < 0) return -1;
            for (uint32_t i = 0; i < initial->count; i++) {
                const bd_override *override = &bd_overrides[initial->first + i];
                if (bd_typed_put_initial(document, inner, override->field, &override->initial) < 0) return -1;
            }
            made = (bd_cell){inner, BD_TAG_RECORD};
            break;
        default: break;
    }
    bd_replace(document, record, index, field, made);
    return 0;
}

int bd_typed_put_initials(bd_typed *document, uint32_t record) {
    uint32_t type = bd_typed_type(document, record);
    for (uint32_t i = 0; i < bd_structs[type].field_count; i++)
        if (bd_typed_put_initial(document, record, i, &bd_fields_of(type)[i].initial) < 0) return -1;
    return 0;
}
