/* Reading the edges at a node of a view: all of one type, or the first that has a name. See bd_arena.h for why none of it can
 * fault. Cost: 5-15 ns to find the node's list, then 2-4 ns for each edge and 5 for each name.
 */
#include "bd_arena_inside.h"

#include <string.h>

#define BD_ARENA_CHAIN_MAX 256u  /* edge types at one node */
#define BD_ARENA_NAMES_MAX 1024u /* the worker has an index of longer lists */

/* Copies the ids of one edge list. */
static bd_read bd_arena_copy_list(bd_arena *arena, uint32_t granule, bd_arena_list *list) {
    for (uint32_t tries = 0; tries < BD_ARENA_TRIES; tries++) {
        const unsigned char *head = bd_arena_at(arena, granule, sizeof(bd_edge_list));
        if (!head) return BD_READ_BROKEN;
        uint32_t count = bd_arena_u32(head + offsetof(bd_edge_list, count));
        uint32_t block = bd_arena_u32(head + offsetof(bd_edge_list, block));
        if (!block && count > BD_EDGE_LIST_INLINE) return BD_READ_BROKEN;
        const unsigned char *from = block ? bd_arena_at(arena, block, (uint64_t)count * 4)
                                          : head + offsetof(bd_edge_list, inline_edges);
        if (!from) return BD_READ_BROKEN;
        if (!bd_arena_list_reserve_ids(list, count)) return BD_READ_NO_MEMORY;
        for (uint32_t index = 0; index < count; index++) list->ids[index] = bd_arena_u32(from + (size_t)index * 4);
        list->count = count;
        head = bd_arena_at(arena, granule, sizeof(bd_edge_list));
        if (!head) return BD_READ_BROKEN;
        if (bd_arena_u32(head + offsetof(bd_edge_list, block)) == block) return BD_READ_OK;
    }
    return BD_READ_BROKEN;
}

static inline bool bd_arena_edge_passes(const bd_arena_edge *edge, uint32_t node, bd_direction direction) {
    if (!(edge->bits & BD_EDGE_DIRECTIONAL) || direction == BD_DIRECTION_ANY) return true;
    return (direction == BD_DIRECTION_OUT ? edge->source : edge->target) == node;
}

/* From the first edge list of a member to that of one type; 0 when it has none. */
static bd_read bd_arena_list_of_type(bd_arena *arena, uint32_t *granule, uint32_t type) {
    for (uint32_t chain = 0; *granule; chain++) {
        const unsigned char *head = bd_arena_at(arena, *granule, sizeof(bd_edge_list));
        if (!head || chain >= BD_ARENA_CHAIN_MAX) return BD_READ_BROKEN;
        if (bd_arena_u32(head + offsetof(bd_edge_list, edge_type)) == type) break;
        *granule = bd_arena_u32(head + offsetof(bd_edge_list, next));
    }
    return BD_READ_OK;
}

/* -- names -------------------------------------------------------------------------------------------------------------- */

/* A name to look for, and where the pool has it and "name" (0: not known): equal texts are pooled once, so that an edge has
 * the name if its attribute refers to that place. That it does not can mean that the hint was old: see bd_arena_first. */
typedef struct bd_arena_name {
    const char *text; /* NULL: any */
    size_t bytes;
    uint32_t key, pooled;
} bd_arena_name;

static inline uint32_t *bd_arena_hint(bd_arena *arena, const bd_arena_name *name) {
    uint64_t first = 0, last = 0;
    size_t bytes = name->bytes < 8 ? name->bytes : 8;
    memcpy(&first, name->text, bytes);
    memcpy(&last, name->text + name->bytes - bytes, bytes);
    uint64_t mixed = (first ^ last << 7 ^ last >> 57 ^ name->bytes) * 0x9E3779B97F4A7C15ull;
    return &arena->names[mixed >> 56 & (BD_ARENA_NAMES_KNOWN - 1)];
}

static bool bd_arena_says(bd_arena *arena, uint32_t granule, const char *text, size_t bytes) {
    bd_arena_text found;
    return granule && bd_arena_string(arena, granule, &found) == BD_READ_OK && found.count == bytes &&
           memcmp(found.bytes, text, bytes) == 0;
}

static bool bd_arena_name_is_known(bd_arena *arena, bd_arena_name *name) {
    name->key = arena->name_key;
    name->pooled = *bd_arena_hint(arena, name);
    return bd_arena_says(arena, name->key, "name", 4) && bd_arena_says(arena, name->pooled, name->text, name->bytes);
}

static inline bd_read bd_arena_has_pooled_name(bd_arena *arena, uint32_t list, const bd_arena_name *name) {
    uint32_t count;
    if (!list) return BD_READ_NONE;
    const unsigned char *pair = bd_arena_pairs(arena, list, &count);
    if (!pair) return BD_READ_BROKEN;
    for (uint32_t index = 0; index < count; index++, pair += sizeof(bd_attribute)) {
        if (bd_arena_u32(pair) != name->key) continue;
        bool is_it = bd_arena_u32(pair + offsetof(bd_attribute, kind)) == BD_LITERAL_STRING &&
                     bd_arena_u64(pair + offsetof(bd_attribute, value)) == name->pooled;
        return is_it ? BD_READ_OK : BD_READ_NONE;
    }
    return BD_READ_NONE;
}

/* Whether the list has the attribute "name" with that text, by comparing texts. */
static bd_read bd_arena_is_named(bd_arena *arena, uint32_t list, const bd_arena_name *name) {
    uint32_t count;
    if (!list) return BD_READ_NONE;
    const unsigned char *pair = bd_arena_pairs(arena, list, &count), *base = arena->base;
    if (!pair) return BD_READ_BROKEN;
    for (uint32_t index = 0; index < count; index++, pair += sizeof(bd_attribute)) {
        bd_arena_text text;
        if (bd_arena_string(arena, bd_arena_u32(pair), &text) != BD_READ_OK || arena->base != base)
            return BD_READ_BROKEN; /* or the map has moved, which is rare: the worker is asked */
        if (text.count != 4 || memcmp(text.bytes, "name", 4) != 0) continue;
        if (bd_arena_u32(pair + offsetof(bd_attribute, kind)) != BD_LITERAL_STRING) return BD_READ_NONE;
        uint32_t key = bd_arena_u32(pair);
        uint64_t value = bd_arena_u64(pair + offsetof(bd_attribute, value));
        if (bd_arena_string(arena, value, &text) != BD_READ_OK) return BD_READ_BROKEN;
        if (text.count != name->bytes || memcmp(text.bytes, name->text, name->bytes) != 0) return BD_READ_NONE;
        arena->name_key = key;
        *bd_arena_hint(arena, name) = (uint32_t)value;
        return BD_READ_OK;
    }
    return BD_READ_NONE;
}

/* Looks through one edge list; *block is where its ids were. */
static bd_read bd_arena_first_of_list(
    bd_arena *arena, uint32_t granule, uint32_t node, bd_direction direction, const bd_arena_name *name,
    bd_arena_edge *found, uint32_t *block) {
    const unsigned char *head = bd_arena_at(arena, granule, sizeof(bd_edge_list));
    if (!head) return BD_READ_BROKEN;
    uint32_t count = bd_arena_u32(head + offsetof(bd_edge_list, count));
    *block = bd_arena_u32(head + offsetof(bd_edge_list, block));
    if ((!*block && count > BD_EDGE_LIST_INLINE) || (name->text && count > BD_ARENA_NAMES_MAX)) return BD_READ_BROKEN;
    for (uint32_t index = 0; index < count; index++) {
        /* Each step may move the map: found anew. */
        const unsigned char *from = *block ? bd_arena_at(arena, *block, (uint64_t)count * 4)
                                           : bd_arena_at(arena, granule, sizeof(bd_edge_list));
        if (!from) return BD_READ_BROKEN;
        if (!*block) from += offsetof(bd_edge_list, inline_edges);
        uint32_t attributes;
        bd_read read = bd_arena_edge_read(arena, bd_arena_u32(from + (size_t)index * 4), found, &attributes);
        if (read != BD_READ_OK) return BD_READ_BROKEN;
        if (!bd_arena_edge_passes(found, node, direction)) continue;
        if (!name->text) return BD_READ_OK;
        read = name->pooled ? bd_arena_has_pooled_name(arena, attributes, name)
                            : bd_arena_is_named(arena, attributes, name);
        if (read != BD_READ_NONE) return read;
    }
    return BD_READ_NONE;
}

bd_read bd_arena_first(
    bd_arena *arena, uint32_t view, uint32_t node, uint32_t type, bd_direction direction, const char *name,
    size_t name_bytes, bd_arena_edge *found) {
    bd_arena_name wanted = {name, name_bytes, 0, 0};
    if (name && !bd_arena_name_is_known(arena, &wanted)) wanted.pooled = 0;
    for (uint32_t tries = 0; tries < BD_ARENA_TRIES; tries++) {
        uint32_t granule = 0, block = 0;
        bd_read failure = BD_READ_OK, result = bd_arena_member(arena, view, node, &granule);
        if (result != BD_READ_OK) return result;
        result = bd_arena_list_of_type(arena, &granule, type);
        if (result != BD_READ_OK || !granule) return result == BD_READ_OK ? BD_READ_NONE : result;
        result = bd_arena_first_of_list(arena, granule, node, direction, &wanted, found, &block);
        if (result == BD_READ_NONE && wanted.pooled) { /* or the text has moved in the pool: look at the texts */
            wanted.pooled = 0;
            result = bd_arena_first_of_list(arena, granule, node, direction, &wanted, found, &block);
        }
        const unsigned char *head = bd_arena_at(arena, granule, sizeof(bd_edge_list));
        if (!head || !bd_arena_view(arena, view, &failure)) return head ? failure : BD_READ_BROKEN;
        if (bd_arena_u32(head + offsetof(bd_edge_list, block)) == block) return result;
    }
    return BD_READ_BROKEN;
}

bd_read bd_arena_edges(
    bd_arena *arena, uint32_t view, uint32_t node, uint32_t type, bd_direction direction, bd_arena_list *list) {
    uint32_t granule = 0;
    list->count = 0;
    bd_read result = bd_arena_member(arena, view, node, &granule);
    if (result == BD_READ_NONE) {
        bd_read failure;
        return bd_arena_view(arena, view, &failure) ? BD_READ_OK : failure;
    }
    if (result != BD_READ_OK) return result;
    result = bd_arena_list_of_type(arena, &granule, type);
    if (result != BD_READ_OK) return result;
    if (!granule) return BD_READ_OK;
    result = bd_arena_copy_list(arena, granule, list);
    if (result != BD_READ_OK) return result;
    size_t count = list->count;
    list->count = 0;
    if (!bd_arena_list_reserve_edges(list, count)) return BD_READ_NO_MEMORY;
    for (size_t index = 0; index < count; index++) {
        bd_arena_edge edge;
        uint32_t attributes;
        if (bd_arena_edge_read(arena, list->ids[index], &edge, &attributes) != BD_READ_OK) return BD_READ_BROKEN;
        if (bd_arena_edge_passes(&edge, node, direction)) list->edges[list->count++] = edge;
    }
    bd_read failure = BD_READ_OK;
    return bd_arena_view(arena, view, &failure) ? BD_READ_OK : failure;
}
