/* What is in a document, counted by place: `bindd inspect handles` reads it from the ledger's file (bd_contents.h), also
 * while this process or its worker is stopped. A record's entry has the number of the place where it stands, a path of
 * fields such as kicad_pcb.footprints.pads, and how many Python objects look at it.
 *
 * A loaded document's records are numbered in the order of their text, a struct before what is in it: one pass in that order
 * places all. Snapshots are hostile: a record that another one claims twice, that stands before its owner or is of another
 * type is not placed. Nothing here raises; where there is no room the document is not shown.
 */
#include "bd_typed_edit.h"

static inline void bd_entry_place(bd_typed *document, uint32_t record, uint16_t place) {
    document->entries[record] = (document->entries[record] & ~BD_ENTRY_PLACE_MASK) | place;
}

static inline uint16_t bd_entry_place_of(const bd_typed *document, uint32_t record) {
    return (uint16_t)(document->entries[record] & BD_ENTRY_PLACE_MASK);
}

/* Of what the field, by its number among all, holds in a struct at `parent`. */
static inline uint16_t bd_place_inside(bd_typed *document, uint16_t parent, uint16_t number, uint32_t first_field) {
    const bd_struct_field *field = &bd_struct_fields[number];
    return bd_contents_inner(
        bd_ledger_contents(document->workspace->ledger), parent, (uint16_t)(number - first_field), number, field->of,
        bd_structs[field->of].field_count);
}

static void bd_contents_fill(bd_typed *document, bd_contents *contents, uint32_t count) {
    memset(bd_contents_entries(contents), 0, (size_t)count * 4);
    document->contents = contents;
    document->entries = bd_contents_entries(contents);
    document->entry_count = count;
}

static void bd_contents_publish(bd_typed *document, uint32_t flags, uint64_t hash) {
    bd_contents *contents = document->contents;
    contents->hash = hash;
    contents->flags = flags;
    contents->label = document->text_label;
    contents->count = document->entry_count;
    bd_store_release_u64(&contents->id, bd_debug_id(document->kind, document->workspace->generation, document->index));
}

static void bd_order_hide(bd_typed *document) {
    if (document->order) bd_contents_give_back(bd_ledger_contents(document->workspace->ledger), document->order);
    document->order = NULL;
}

void bd_typed_hide(bd_typed *document) {
    if (!document->contents) return;
    bd_order_hide(document);
    bd_contents_give_back(bd_ledger_contents(document->workspace->ledger), document->contents);
    document->contents = NULL;
    document->entries = NULL;
    document->entry_count = 0;
}

/* -- a snapshot ------------------------------------------------------------------------------------------------------------ */

/* The record `value`, held by one at a lower number. */
static inline void bd_show_child(bd_typed *document, uint32_t owner, uint64_t value, uint16_t type, uint16_t place) {
    if (value <= owner || value >= document->record_count || document->entries[value]) return;
    if (bd_typed_record_at(document, (uint32_t)value).type == type) document->entries[value] = place;
}

static void bd_show_inside(bd_typed *document, uint32_t record, uint16_t place) {
    bd_typed_record found = bd_typed_record_at(document, record);
    const bd_kicad *kicad = document->state->kicad;
    const bd_struct_type *type = &bd_structs[found.type];
    if (found.first_slot > document->slot_count || type->field_count > document->slot_count - found.first_slot) return;
    for (uint32_t i = kicad->inner_first[found.type]; i < kicad->inner_first[found.type + 1]; i++) {
        uint16_t number = kicad->inner_fields[i];
        size_t slot = (size_t)found.first_slot + number - type->first_field;
        uint8_t tag = document->tags[slot];
        if (tag != BD_TAG_RECORD && tag != BD_TAG_LIST) continue;
        uint64_t value = bd_load_u64(document->slots + slot * 8);
        uint16_t inside = bd_place_inside(document, place, number, type->first_field), of = bd_struct_fields[number].of;
        if (tag == BD_TAG_RECORD) {
            bd_show_child(document, record, value, of, inside);
            continue;
        }
        uint32_t first = (uint32_t)value, count = (uint32_t)(value >> 32);
        if (first > document->slot_count || count > document->slot_count - first) continue;
        for (size_t k = first; k < (size_t)first + count; k++)
            if (document->tags[k] == BD_TAG_RECORD)
                bd_show_child(document, record, bd_load_u64(document->slots + k * 8), of, inside);
    }
}

void bd_typed_show(bd_typed *document, uint64_t hash) {
    bd_ledger *ledger = document->workspace->ledger;
    bd_contents *contents = ledger && document->record ? bd_ledger_take_contents(ledger, document->record_count) : NULL;
    if (!contents) return;
    bd_contents_fill(document, contents, document->record_count);
    uint16_t type = (uint16_t)bd_typed_type(document, 1);
    document->entries[1] = bd_contents_root(bd_ledger_contents(ledger), type, bd_structs[type].field_count);
    for (uint32_t record = 1; record < document->record_count; record++)
        if (document->entries[record]) bd_show_inside(document, record, (uint16_t)document->entries[record]);
    bd_contents_publish(document, 0, hash);
}

/* -- edits ----------------------------------------------------------------------------------------------------------------- */

/* Of an edited document: who holds each record, and at which index. Told where there is room. */
static void bd_order_set(bd_typed *document, uint64_t record, uint32_t owner, uint32_t index) {
    uint32_t *order = bd_contents_entries(document->order);
    if (record >= document->order->count / 2) return;
    order[record * 2] = owner;
    order[record * 2 + 1] = index;
}

/* The field's struct, or its structs from index `first` on. */
static void bd_order_field(bd_typed *document, uint32_t record, uint16_t number, uint32_t first) {
    if (!document->order) return;
    bd_place at = bd_typed_place(document, record, number - bd_structs[bd_typed_type(document, record)].first_field);
    bd_span span;
    if (!(bd_struct_fields[number].flags & BD_FIELD_LIST)) {
        if (*at.tag == BD_TAG_RECORD) bd_order_set(document, bd_place_get(&at), record, 0);
    } else if (bd_typed_span(document, &at, &span) == 0) {
        for (uint32_t k = first; k < span.count; k++)
            if (span.tags[k] == BD_TAG_RECORD) bd_order_set(document, bd_load_u64(span.slots + (size_t)k * 8), record, k);
    } else {
        PyErr_Clear();
    }
}

/* Room for the records that there are; those that were told stay. */
static void bd_order_make_room(bd_typed *document) {
    uint32_t count = document->entry_count;
    bd_contents *old = document->order;
    if (old && count <= bd_contents_room(old) / 2) {
        uint32_t known = old->count;
        memset(bd_contents_entries(old) + known, 0, (size_t)(count * 2 - known) * 4);
        bd_store_release_u32(&old->count, count * 2);
        return;
    }
    if (count > UINT32_MAX / 4) return bd_order_hide(document);
    bd_contents *more = bd_ledger_take_contents(document->workspace->ledger, old ? count * 2 + count / 2 : count * 2);
    uint32_t known = more && old ? old->count : 0;
    if (more) {
        if (old) memcpy(bd_contents_entries(more), bd_contents_entries(old), (size_t)known * 4);
        memset(bd_contents_entries(more) + known, 0, (size_t)(count * 2 - known) * 4);
        more->count = count * 2;
        bd_store_release_u64(&more->id, bd_debug_id(BD_KIND_ORDER, document->workspace->generation, document->index));
    }
    bd_order_hide(document);
    document->order = more;
}

/* After the first edit: all of it. */
static void bd_order_begin(bd_typed *document) {
    bd_order_make_room(document);
    const bd_kicad *kicad = document->state->kicad;
    for (uint32_t record = 1; document->order && record < document->entry_count; record++) {
        if (!bd_entry_place_of(document, record)) continue;
        uint32_t type = bd_typed_type(document, record);
        bool is_whole = bd_typed_is(document, record, type) == 0; /* its fields are in the snapshot, whatever that says */
        for (uint32_t i = kicad->inner_first[type]; is_whole && i < kicad->inner_first[type + 1]; i++)
            bd_order_field(document, record, kicad->inner_fields[i], 0);
    }
    PyErr_Clear();
}

static void bd_show_edited(bd_typed *document) {
    if (document->contents->flags & BD_CONTENTS_EDITED) return;
    bd_order_begin(document);
    document->contents->flags |= BD_CONTENTS_EDITED;
}

/* Entries for the records that edits made. False: the document is not shown any more. */
static bool bd_show_more(bd_typed *document) {
    uint32_t count = document->record_count + document->extra_count, known = document->entry_count;
    if (count > bd_contents_room(document->contents)) {
        bd_ledger *ledger = document->workspace->ledger;
        bd_contents *old = document->contents, *more = bd_ledger_take_contents(ledger, count + count / 4);
        if (!more) {
            bd_typed_hide(document);
            return false;
        }
        bd_contents_fill(document, more, count);
        memcpy(document->entries, bd_contents_entries(old), (size_t)known * 4);
        bd_contents_publish(document, old->flags, old->hash);
        bd_contents_give_back(bd_ledger_contents(ledger), old);
        if (document->order) bd_order_make_room(document);
        return true;
    }
    if (count > known) {
        memset(document->entries + known, 0, (size_t)(count - known) * 4);
        document->entry_count = count;
        bd_store_release_u32(&document->contents->count, count);
        if (document->order) bd_order_make_room(document);
    }
    return true;
}

/* Does something with each struct that a field holds: elements from `first` on. */
static void bd_for_each_inside(
    bd_typed *document, uint32_t record, uint16_t number, uint32_t first, uint32_t most, uint16_t place,
    void (*body)(bd_typed *document, uint32_t record, uint16_t place)) {
    const bd_struct_field *field = &bd_struct_fields[number];
    bd_place at = bd_typed_place(document, record, number - bd_structs[bd_typed_type(document, record)].first_field);
    uint64_t value = bd_place_get(&at);
    bd_span span;
    if (!(field->flags & BD_FIELD_LIST)) {
        if (*at.tag == BD_TAG_RECORD && bd_typed_is(document, value, field->of) == 0) body(document, (uint32_t)value, place);
    } else if (bd_typed_span(document, &at, &span) == 0) {
        for (uint32_t k = first; k < span.count && k - first < most; k++) {
            value = bd_load_u64(span.slots + (size_t)k * 8);
            if (span.tags[k] == BD_TAG_RECORD && bd_typed_is(document, value, field->of) == 0)
                body(document, (uint32_t)value, place);
        }
    }
    PyErr_Clear();
}

/* Structs nest as their types do: BD_STRUCT_DEPTH_MAX deep. */
static void bd_show_record(bd_typed *document, uint32_t record, uint16_t place) {
    bd_entry_place(document, record, place);
    const bd_kicad *kicad = document->state->kicad;
    uint32_t type = bd_typed_type(document, record);
    for (uint32_t i = kicad->inner_first[type]; i < kicad->inner_first[type + 1]; i++) {
        uint16_t number = kicad->inner_fields[i];
        uint16_t inside = bd_place_inside(document, place, number, bd_structs[type].first_field);
        bd_order_field(document, record, number, 0);
        bd_for_each_inside(document, record, number, 0, UINT32_MAX, inside, bd_show_record);
    }
}

void bd_typed_show_field(bd_typed *document, uint32_t record, uint32_t index, uint32_t first, uint32_t count) {
    if (!document->contents || (count && !bd_show_more(document))) return;
    uint32_t type = bd_typed_type(document, record), number = bd_structs[type].first_field + index;
    uint16_t place = bd_entry_place_of(document, record);
    if (bd_struct_fields[number].kind != BD_FIELD_STRUCT || !place) return;
    if (!count) return bd_order_field(document, record, (uint16_t)number, first); /* taken out: the rest stays in order */
    uint16_t inside = bd_place_inside(document, place, (uint16_t)number, bd_structs[type].first_field);
    if (!(document->contents->flags & BD_CONTENTS_EDITED)) { /* new records have the highest numbers, wherever they stand */
        bd_for_each_inside(document, record, (uint16_t)number, first, count, inside, bd_show_record);
        return bd_show_edited(document);
    }
    bd_order_field(document, record, (uint16_t)number, first);
    bd_for_each_inside(document, record, (uint16_t)number, first, count, inside, bd_show_record);
}

/* Each is gone into once: what is hidden already is passed over. */
static void bd_hide_record(bd_typed *document, uint32_t record, uint16_t ignored) {
    (void)ignored;
    if (record >= document->entry_count || !bd_entry_place_of(document, record)) return;
    bd_entry_place(document, record, 0);
    const bd_kicad *kicad = document->state->kicad;
    uint32_t type = bd_typed_type(document, record);
    for (uint32_t i = kicad->inner_first[type]; i < kicad->inner_first[type + 1]; i++)
        bd_for_each_inside(document, record, kicad->inner_fields[i], 0, UINT32_MAX, 0, bd_hide_record);
}

void bd_typed_hide_record(bd_typed *document, uint32_t record) {
    if (document->contents) bd_hide_record(document, record, 0);
}

void bd_typed_show_moved(bd_typed *document, uint32_t record, uint32_t index) {
    if (!document->contents) return;
    bd_show_edited(document);
    uint32_t number = bd_structs[bd_typed_type(document, record)].first_field + index;
    if (bd_struct_fields[number].kind == BD_FIELD_STRUCT) bd_order_field(document, record, (uint16_t)number, 0);
}
