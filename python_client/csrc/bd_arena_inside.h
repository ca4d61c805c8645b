/* What the files that read the arena share: loads, checked addresses, records, texts. For bd_arena.c and bd_arena_edges.c
 * alone. Every address comes from bd_arena_at or bd_arena_record, which compare it with what may be touched; an address is
 * good until the next of these calls, which may move the map.
 */
#ifndef BD_ARENA_INSIDE_H
#define BD_ARENA_INSIDE_H

#include "bd_arena.h"

#define BD_ARENA_TRIES 64u /* a read that meets a growing list starts over at most so often */

static inline uint32_t bd_arena_u32(const unsigned char *at) {
    return __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_ACQUIRE);
}
static inline uint64_t bd_arena_u64(const unsigned char *at) {
    return __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

/* Makes everything up to `end` touchable; false when the worker does not use that much. */
bool bd_arena_reach(bd_arena *arena, uint64_t end);
bool bd_arena_list_reserve_edges(bd_arena_list *list, size_t count);
bool bd_arena_list_reserve_ids(bd_arena_list *list, size_t count);
/* The record of a living view, else NULL with *failure. */
const unsigned char *bd_arena_view(bd_arena *arena, uint32_t view, bd_read *failure);
/* The first edge list of a member; BD_READ_NONE for a node that is no member. */
bd_read bd_arena_member(bd_arena *arena, uint32_t view, uint32_t node, uint32_t *first_list);

/* `bytes` bytes at a granule, NULL when they are not all in the file. */
static inline const unsigned char *bd_arena_at(bd_arena *arena, uint32_t granule, uint64_t bytes) {
    uint64_t start = (uint64_t)granule * BD_GRANULE_BYTES, end = start + bytes;
    if (end > arena->limit && !bd_arena_reach(arena, end)) return NULL;
    return granule ? arena->base + start : NULL;
}

/* The record of an id, NULL when its page does not exist; *broken when the directory points out of the file. */
static inline const unsigned char *bd_arena_record(
    bd_arena *arena, const bd_arena_column *column, uint32_t id, bool *broken) {
    uint32_t page = id >> column->shift, at = id & column->mask;
    uint64_t entry = column->directory + (uint64_t)page * 4;
    if (page >= BD_ARENA_DIRECTORY_ENTRIES) return NULL;
    if (entry + 4 > arena->limit && !bd_arena_reach(arena, entry + 4)) {
        *broken = true;
        return NULL;
    }
    uint32_t granule = bd_arena_u32(arena->base + entry);
    if (!granule) return NULL;
    const unsigned char *records = bd_arena_at(arena, granule, column->page_bytes);
    if (!records) {
        *broken = true;
        return NULL;
    }
    return records + (size_t)at * column->record_bytes;
}

static inline bd_read bd_arena_edge_read(
    bd_arena *arena, uint32_t edge, bd_arena_edge *info, uint32_t *attributes) {
    bool broken = false;
    const unsigned char *record = bd_arena_record(arena, &arena->edges, edge, &broken);
    if (!record) return broken ? BD_READ_BROKEN : BD_READ_NONE;
    info->edge = edge;
    info->source = bd_arena_u32(record + offsetof(bd_edge, source));
    info->target = bd_arena_u32(record + offsetof(bd_edge, target));
    info->bits = bd_arena_u32(record + offsetof(bd_edge, bits));
    *attributes = bd_arena_u32(record + offsetof(bd_edge, attributes));
    return info->source ? BD_READ_OK : BD_READ_NONE;
}

static inline bd_read bd_arena_string(bd_arena *arena, uint64_t granule, bd_arena_text *text) {
    if (granule == 0 || granule > UINT32_MAX) return BD_READ_BROKEN;
    const unsigned char *record = bd_arena_at(arena, (uint32_t)granule, sizeof(bd_string));
    if (!record) return BD_READ_BROKEN;
    text->count = bd_arena_u32(record);
    record = bd_arena_at(arena, (uint32_t)granule, sizeof(bd_string) + (uint64_t)text->count);
    if (!record) return BD_READ_BROKEN;
    text->bytes = record + sizeof(bd_string);
    return BD_READ_OK;
}

/* The pairs behind a list's granule; their count through *count. */
static inline const unsigned char *bd_arena_pairs(bd_arena *arena, uint32_t list, uint32_t *count) {
    const unsigned char *head = bd_arena_at(arena, list, sizeof(bd_attributes));
    if (!head) return NULL;
    *count = bd_arena_u32(head);
    head = bd_arena_at(arena, list, sizeof(bd_attributes) + (uint64_t)*count * sizeof(bd_attribute));
    return head ? head + sizeof(bd_attributes) : NULL;
}

#endif
