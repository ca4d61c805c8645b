/* See bd_arena.h. */
#define _GNU_SOURCE
#include "bd_arena.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BD_ARENA_TRIES 64u              /* a read that meets a growing list starts over at most so often */
#define BD_ARENA_CHAIN_MAX 256u         /* edge types at one node */
#define BD_ARENA_NAMES_MAX 1024u        /* the worker has an index of longer lists */
#define BD_ARENA_HOLE_FACTOR 4u         /* lists and tables grow twofold, so what is used is never more of a hole */
#define BD_ARENA_GROWTH (16ull << 20)   /* bytes mapped ahead of need */

static inline uint32_t bd_arena_u32(const unsigned char *at) {
    return __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_ACQUIRE);
}
static inline uint64_t bd_arena_u64(const unsigned char *at) {
    return __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

/* -- the map ----------------------------------------------------------------------------------------------------------- */

static bool bd_arena_column_take(bd_arena_column *column, const bd_column *told, uint32_t record_bytes) {
    uint32_t per_page = told->records_per_page;
    if (told->record_bytes != record_bytes || !per_page || per_page & (per_page - 1) || per_page > 1u << 16 ||
        told->directory % 4 || told->directory >= 1ull << 32)
        return false;
    column->directory = told->directory;
    column->page_bytes = (uint64_t)per_page * record_bytes;
    column->shift = (uint32_t)__builtin_ctz(per_page);
    column->mask = per_page - 1;
    column->record_bytes = record_bytes;
    return true;
}

static bool bd_arena_map(bd_arena *arena, uint64_t bytes) {
    void *base = arena->base
        ? mremap((void *)(uintptr_t)arena->base, (size_t)arena->mapped, (size_t)bytes, MREMAP_MAYMOVE)
        : mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, arena->fd, 0);
    if (base == MAP_FAILED) return false;
    madvise(base, (size_t)bytes, MADV_DONTFORK); /* a child must not keep its parent's graph alive */
    arena->base = base;
    arena->mapped = bytes;
    return true;
}

/* Whether the file holds data not far below `end`. A hole is no memory yet, but touching it would make it so. */
static bool bd_arena_has_data_near(const bd_arena *arena, uint64_t end) {
    return lseek(arena->fd, (off_t)(end / BD_ARENA_HOLE_FACTOR), SEEK_DATA) >= 0;
}

/* Makes everything up to `end` touchable. False when the worker does not use that much of the file: it tells what it
 * uses before anything there can be reached. The kernel knows better than a header what a file holds, so no header makes
 * reads touch more than BD_ARENA_HOLE_FACTOR times that. */
static bool bd_arena_reach(bd_arena *arena, uint64_t end) {
    uint64_t used = bd_arena_u64(arena->base + offsetof(bd_arena_header, used_bytes));
    if (used > arena->capacity) used = arena->capacity;
    if (end > used) return false;
    if (!bd_arena_has_data_near(arena, used)) {
        if (!bd_arena_has_data_near(arena, end)) return false;
        used = end;
    }
    if (used > arena->mapped) {
        uint64_t bytes = used + used / 4 + BD_ARENA_GROWTH;
        if (!bd_arena_map(arena, bytes < arena->capacity ? bytes & ~0xFFFull : arena->capacity)) return false;
    }
    arena->limit = used;
    return true;
}

bool bd_arena_open(bd_arena *arena, int fd) {
    struct stat about;
    memset(arena, 0, sizeof *arena);
    arena->fd = fd;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &about) != 0 || about.st_size < 1 << 16) goto refuse;
    arena->capacity = (uint64_t)about.st_size;
    if (!bd_arena_map(arena, 1 << 16)) goto refuse;
    bd_arena_header header;
    memcpy(&header, arena->base, sizeof header);
    if (header.magic != BD_ARENA_MAGIC || header.layout_version != BD_LAYOUT_VERSION ||
        header.capacity_bytes > arena->capacity ||
        !bd_arena_column_take(&arena->nodes, &header.nodes, sizeof(bd_node)) ||
        !bd_arena_column_take(&arena->edges, &header.edges, sizeof(bd_edge)) ||
        !bd_arena_column_take(&arena->views, &header.views, sizeof(bd_view_record)))
        goto refuse;
    return true;
refuse:
    bd_arena_close(arena);
    return false;
}

const bd_arena_header *bd_arena_map_header(int fd) {
    struct stat about;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &about) != 0 || about.st_size < (off_t)sizeof(bd_arena_header))
        return NULL;
    void *map = mmap(NULL, sizeof(bd_arena_header), PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) return NULL;
    madvise(map, sizeof(bd_arena_header), MADV_DONTFORK);
    const bd_arena_header *header = map;
    if (header->magic == BD_ARENA_MAGIC && header->layout_version == BD_LAYOUT_VERSION) return header;
    munmap(map, sizeof(bd_arena_header));
    return NULL;
}

void bd_arena_unmap_header(const bd_arena_header *header) {
    if (header) munmap((void *)(uintptr_t)header, sizeof(bd_arena_header));
}

void bd_arena_close(bd_arena *arena) {
    if (arena->base) munmap((void *)(uintptr_t)arena->base, (size_t)arena->mapped);
    if (arena->fd >= 0) close(arena->fd);
    memset(arena, 0, sizeof *arena);
    arena->fd = -1;
}

uint64_t bd_arena_applied(const bd_arena *arena, uint32_t slot) {
    if (!arena->base || slot >= BD_CLIENT_SLOTS_MAX) return 0;
    return bd_arena_u64(arena->base + offsetof(bd_arena_header, applied) + slot * sizeof(uint64_t));
}

uint64_t bd_arena_retargets(const bd_arena *arena) {
    return arena->base ? bd_arena_u64(arena->base + offsetof(bd_arena_header, retargets)) : 0;
}

uint64_t bd_arena_batches(const bd_arena *arena) {
    return arena->base ? bd_arena_u64(arena->base + offsetof(bd_arena_header, batches)) : 1;
}

bool bd_arena_was_still(const bd_arena *arena, uint64_t batches) {
    bd_fence();
    return !(batches & 1) && bd_arena_batches(arena) == batches;
}

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

/* -- lists that a read fills ------------------------------------------------------------------------------------------- */

static bool bd_arena_list_reserve_edges(bd_arena_list *list, size_t count) {
    if (count <= list->edges_capacity) return true;
    bd_arena_edge *edges = realloc(list->edges, count * sizeof *edges);
    if (!edges) return false;
    list->edges = edges;
    list->edges_capacity = count;
    return true;
}

bool bd_arena_list_push(bd_arena_list *list, bd_arena_edge edge) {
    if (list->count == list->edges_capacity && !bd_arena_list_reserve_edges(list, list->count ? list->count * 2 : 64))
        return false;
    list->edges[list->count++] = edge;
    return true;
}

static bool bd_arena_list_reserve_ids(bd_arena_list *list, size_t count) {
    if (count <= list->ids_capacity) return true;
    uint32_t *ids = realloc(list->ids, count * sizeof *ids);
    if (!ids) return false;
    list->ids = ids;
    list->ids_capacity = count;
    return true;
}

void bd_arena_list_free(bd_arena_list *list) {
    free(list->edges);
    free(list->ids);
    memset(list, 0, sizeof *list);
}

/* -- nodes, edges, attributes ------------------------------------------------------------------------------------------ */

bd_read bd_arena_node_exists(bd_arena *arena, uint32_t node) {
    bool broken = false;
    const unsigned char *record = bd_arena_record(arena, &arena->nodes, node, &broken);
    if (!record) return broken ? BD_READ_BROKEN : BD_READ_NONE;
    return bd_arena_u32(record + offsetof(bd_node, flags)) & BD_NODE_EXISTS ? BD_READ_OK : BD_READ_NONE;
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

bd_read bd_arena_edge_info(bd_arena *arena, uint32_t edge, bd_arena_edge *info) {
    uint32_t attributes;
    return bd_arena_edge_read(arena, edge, info, &attributes);
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

static bd_read bd_arena_pair(bd_arena *arena, const unsigned char *pair, bd_arena_value *value) {
    value->kind = bd_arena_u32(pair + offsetof(bd_attribute, kind));
    value->bits = bd_arena_u64(pair + offsetof(bd_attribute, value));
    if (value->kind == BD_LITERAL_STRING) return bd_arena_string(arena, value->bits, &value->text);
    return value->kind >= BD_LITERAL_INT && value->kind <= BD_LITERAL_BOOL ? BD_READ_OK : BD_READ_BROKEN;
}

/* The pairs behind a list's granule; their count through *count. */
static inline const unsigned char *bd_arena_pairs(bd_arena *arena, uint32_t list, uint32_t *count) {
    const unsigned char *head = bd_arena_at(arena, list, sizeof(bd_attributes));
    if (!head) return NULL;
    *count = bd_arena_u32(head);
    head = bd_arena_at(arena, list, sizeof(bd_attributes) + (uint64_t)*count * sizeof(bd_attribute));
    return head ? head + sizeof(bd_attributes) : NULL;
}

static bd_read bd_arena_find_attribute(
    bd_arena *arena, uint32_t list, const char *key, size_t key_bytes, bd_arena_value *value) {
    uint32_t count;
    if (!list) return BD_READ_NONE;
    const unsigned char *pairs = bd_arena_pairs(arena, list, &count);
    if (!pairs) return BD_READ_BROKEN;
    const unsigned char *base = arena->base;
    for (uint32_t index = 0; index < count; index++) {
        bd_arena_text text;
        uint32_t granule = bd_arena_u32(pairs + (size_t)index * sizeof(bd_attribute));
        if (bd_arena_string(arena, granule, &text) != BD_READ_OK) return BD_READ_BROKEN;
        if (arena->base != base) { /* the map has moved, and with it the pairs; it never shrinks */
            pairs = arena->base + (pairs - base);
            base = arena->base;
        }
        if (text.count == key_bytes && memcmp(text.bytes, key, key_bytes) == 0)
            return bd_arena_pair(arena, pairs + (size_t)index * sizeof(bd_attribute), value);
    }
    return BD_READ_NONE;
}

bd_read bd_arena_node_attribute(
    bd_arena *arena, uint32_t node, const char *key, size_t key_bytes, bd_arena_value *value) {
    bool broken = false;
    const unsigned char *record = bd_arena_record(arena, &arena->nodes, node, &broken);
    if (!record || !(bd_arena_u32(record + offsetof(bd_node, flags)) & BD_NODE_EXISTS)) return BD_READ_BROKEN;
    return bd_arena_find_attribute(
        arena, bd_arena_u32(record + offsetof(bd_node, attributes)), key, key_bytes, value);
}

bd_read bd_arena_edge_attribute(
    bd_arena *arena, uint32_t edge, const char *key, size_t key_bytes, bd_arena_value *value) {
    bool broken = false;
    const unsigned char *record = bd_arena_record(arena, &arena->edges, edge, &broken);
    if (!record || !bd_arena_u32(record)) return BD_READ_BROKEN;
    return bd_arena_find_attribute(
        arena, bd_arena_u32(record + offsetof(bd_edge, attributes)), key, key_bytes, value);
}

bd_read bd_arena_node_pair(
    bd_arena *arena, uint32_t node, uint32_t index, bd_arena_text *key, bd_arena_value *value) {
    bool broken = false;
    const unsigned char *record = bd_arena_record(arena, &arena->nodes, node, &broken);
    uint32_t count;
    if (!record) return broken ? BD_READ_BROKEN : BD_READ_NONE;
    uint32_t list = bd_arena_u32(record + offsetof(bd_node, attributes));
    if (!list) return BD_READ_NONE;
    const unsigned char *pairs = bd_arena_pairs(arena, list, &count);
    if (!pairs) return BD_READ_BROKEN;
    if (index >= count) return BD_READ_NONE;
    bd_read result = bd_arena_pair(arena, pairs + (size_t)index * sizeof(bd_attribute), value);
    if (result != BD_READ_OK) return result;
    pairs = bd_arena_pairs(arena, list, &count);
    if (!pairs || index >= count) return BD_READ_BROKEN;
    result = bd_arena_string(arena, bd_arena_u32(pairs + (size_t)index * sizeof(bd_attribute)), key);
    if (result != BD_READ_OK || value->kind != BD_LITERAL_STRING) return result;
    return bd_arena_string(arena, value->bits, &value->text); /* the map may have moved meanwhile */
}

/* -- views ------------------------------------------------------------------------------------------------------------- */

static const unsigned char *bd_arena_view(bd_arena *arena, uint32_t view, bd_read *failure) {
    bool broken = false;
    const unsigned char *record = bd_arena_record(arena, &arena->views, view, &broken);
    if (record && bd_arena_u32(record + offsetof(bd_view_record, state)) == BD_VIEW_LIVE) return record;
    *failure = broken ? BD_READ_BROKEN : BD_READ_NONE;
    return NULL;
}

bd_read bd_arena_view_counts(bd_arena *arena, uint32_t view, uint32_t *nodes, uint32_t *edges) {
    bd_read failure;
    const unsigned char *record = bd_arena_view(arena, view, &failure);
    if (!record) return failure;
    *nodes = bd_arena_u32(record + offsetof(bd_view_record, member_count));
    *edges = bd_arena_u32(record + offsetof(bd_view_record, edge_count));
    return BD_READ_OK;
}

/* A table's slot for `key`: member index + 1 where members is given, else the key itself. 0: not there. */
static bd_read bd_arena_probe(
    bd_arena *arena, uint32_t table, uint32_t members, uint32_t key, uint32_t *slot) {
    *slot = 0;
    if (!table) return BD_READ_OK;
    const unsigned char *head = bd_arena_at(arena, table, sizeof(bd_table));
    if (!head) return BD_READ_BROKEN;
    uint32_t mask = bd_arena_u32(head + offsetof(bd_table, mask));
    uint32_t shift = bd_arena_u32(head + offsetof(bd_table, shift));
    uint64_t bytes = sizeof(bd_table) + ((uint64_t)mask + 1) * 4;
    if ((mask & (mask + 1)) || mask < 15 || shift > 32 || !bd_arena_at(arena, table, bytes)) return BD_READ_BROKEN;
    uint32_t at = bd_table_start(key, shift) & mask;
    for (uint32_t tries = 0; tries <= mask; tries++, at = (at + 1) & mask) {
        const unsigned char *slots = bd_arena_at(arena, table, bytes);
        if (!slots) return BD_READ_BROKEN;
        uint32_t value = bd_arena_u32(slots + sizeof(bd_table) + (size_t)at * 4);
        if (!value) return BD_READ_OK;
        uint32_t found = value;
        if (members) {
            const unsigned char *list = bd_arena_at(arena, members, (uint64_t)value * sizeof(bd_member));
            if (!list) return BD_READ_BROKEN;
            found = bd_arena_u32(list + (size_t)(value - 1) * sizeof(bd_member));
        }
        if (found == key) {
            *slot = value;
            return BD_READ_OK;
        }
    }
    return BD_READ_BROKEN;
}

/* The first edge list of a member; BD_READ_NONE for a node that is no member. */
static bd_read bd_arena_member(bd_arena *arena, uint32_t view, uint32_t node, uint32_t *first_list) {
    for (uint32_t tries = 0; tries < BD_ARENA_TRIES; tries++) {
        bd_read failure;
        const unsigned char *record = bd_arena_view(arena, view, &failure);
        if (!record) return failure;
        uint32_t table = bd_arena_u32(record + offsetof(bd_view_record, member_table));
        uint32_t members = bd_arena_u32(record + offsetof(bd_view_record, members));
        uint32_t slot = 0;
        bd_read result = bd_arena_probe(arena, table, members, node, &slot);
        uint32_t list = 0;
        if (result == BD_READ_OK && slot) {
            const unsigned char *member = bd_arena_at(arena, members, (uint64_t)slot * sizeof(bd_member));
            if (member)
                list = bd_arena_u32(member + (size_t)(slot - 1) * sizeof(bd_member) + offsetof(bd_member, first_list));
            else
                result = BD_READ_BROKEN;
        }
        record = bd_arena_view(arena, view, &failure);
        if (!record) return failure;
        if (bd_arena_u32(record + offsetof(bd_view_record, member_table)) != table ||
            bd_arena_u32(record + offsetof(bd_view_record, members)) != members)
            continue;
        if (result != BD_READ_OK) return result;
        *first_list = list;
        return slot ? BD_READ_OK : BD_READ_NONE;
    }
    return BD_READ_BROKEN;
}

bd_read bd_arena_view_has_node(bd_arena *arena, uint32_t view, uint32_t node) {
    uint32_t first_list;
    return bd_arena_member(arena, view, node, &first_list);
}

bd_read bd_arena_view_has_edge(bd_arena *arena, uint32_t view, uint32_t edge) {
    for (uint32_t tries = 0; tries < BD_ARENA_TRIES; tries++) {
        bd_read failure;
        uint32_t slot;
        const unsigned char *record = bd_arena_view(arena, view, &failure);
        if (!record) return failure;
        uint32_t table = bd_arena_u32(record + offsetof(bd_view_record, edge_table));
        bd_read result = bd_arena_probe(arena, table, 0, edge, &slot);
        record = bd_arena_view(arena, view, &failure);
        if (!record) return failure;
        if (bd_arena_u32(record + offsetof(bd_view_record, edge_table)) != table) continue;
        return result != BD_READ_OK ? result : slot ? BD_READ_OK : BD_READ_NONE;
    }
    return BD_READ_BROKEN;
}

/* Copies the first word of each record of a view's list: where its count is, where its block, how long a record is. */
static bd_read bd_arena_copy_ids(
    bd_arena *arena, uint32_t view, size_t count_at, size_t block_at, size_t stride, bd_arena_list *list) {
    for (uint32_t tries = 0; tries < BD_ARENA_TRIES; tries++) {
        bd_read failure;
        const unsigned char *record = bd_arena_view(arena, view, &failure);
        if (!record) return failure;
        uint32_t count = bd_arena_u32(record + count_at);
        uint32_t block = bd_arena_u32(record + block_at);
        list->count = 0;
        if (count) {
            if (!bd_arena_at(arena, block, (uint64_t)count * stride)) return BD_READ_BROKEN;
            if (!bd_arena_list_reserve_ids(list, count)) return BD_READ_NO_MEMORY;
            const unsigned char *from = bd_arena_at(arena, block, (uint64_t)count * stride);
            if (!from) return BD_READ_BROKEN;
            for (uint32_t index = 0; index < count; index++) list->ids[index] = bd_arena_u32(from + (size_t)index * stride);
            list->count = count;
        }
        record = bd_arena_view(arena, view, &failure);
        if (!record) return failure;
        if (bd_arena_u32(record + block_at) == block) return BD_READ_OK;
    }
    return BD_READ_BROKEN;
}

bd_read bd_arena_view_nodes(bd_arena *arena, uint32_t view, bd_arena_list *list) {
    return bd_arena_copy_ids(
        arena, view, offsetof(bd_view_record, member_count), offsetof(bd_view_record, members), sizeof(bd_member), list);
}

bd_read bd_arena_view_edges(bd_arena *arena, uint32_t view, bd_arena_list *list) {
    return bd_arena_copy_ids(
        arena, view, offsetof(bd_view_record, edge_count), offsetof(bd_view_record, edges), sizeof(uint32_t), list);
}

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

/* Whether the list has the attribute "name" with that text. Written out, because children are found by it. */
static bd_read bd_arena_is_named(bd_arena *arena, uint32_t list, const char *name, size_t bytes) {
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
        if (bd_arena_string(arena, bd_arena_u64(pair + offsetof(bd_attribute, value)), &text) != BD_READ_OK)
            return BD_READ_BROKEN;
        return text.count == bytes && memcmp(text.bytes, name, bytes) == 0 ? BD_READ_OK : BD_READ_NONE;
    }
    return BD_READ_NONE;
}

/* Looks through one edge list; *block is where its ids were. */
static bd_read bd_arena_first_of_list(
    bd_arena *arena, uint32_t granule, uint32_t node, bd_direction direction, const char *name, size_t name_bytes,
    bd_arena_edge *found, uint32_t *block) {
    const unsigned char *head = bd_arena_at(arena, granule, sizeof(bd_edge_list));
    if (!head) return BD_READ_BROKEN;
    uint32_t count = bd_arena_u32(head + offsetof(bd_edge_list, count));
    *block = bd_arena_u32(head + offsetof(bd_edge_list, block));
    if ((!*block && count > BD_EDGE_LIST_INLINE) || (name && count > BD_ARENA_NAMES_MAX)) return BD_READ_BROKEN;
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
        if (!name) return BD_READ_OK;
        read = bd_arena_is_named(arena, attributes, name, name_bytes);
        if (read != BD_READ_NONE) return read;
    }
    return BD_READ_NONE;
}

bd_read bd_arena_first(
    bd_arena *arena, uint32_t view, uint32_t node, uint32_t type, bd_direction direction, const char *name,
    size_t name_bytes, bd_arena_edge *found) {
    for (uint32_t tries = 0; tries < BD_ARENA_TRIES; tries++) {
        uint32_t granule = 0, block = 0;
        bd_read failure = BD_READ_OK, result = bd_arena_member(arena, view, node, &granule);
        if (result != BD_READ_OK) return result;
        result = bd_arena_list_of_type(arena, &granule, type);
        if (result != BD_READ_OK || !granule) return result == BD_READ_OK ? BD_READ_NONE : result;
        result = bd_arena_first_of_list(arena, granule, node, direction, name, name_bytes, found, &block);
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
