/* See bd_arena.h. */
#define _GNU_SOURCE
#include "bd_arena_inside.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BD_ARENA_HOLE_FACTOR 4u         /* lists and tables grow twofold, so what is used is never more of a hole */
#define BD_ARENA_GROWTH (16ull << 20)   /* bytes mapped ahead of need */

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
        : mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, arena->file.fd, 0);
    if (base == MAP_FAILED) return false;
    madvise(base, (size_t)bytes, MADV_DONTFORK); /* a child must not keep its parent's graph alive */
    arena->base = base;
    arena->mapped = bytes;
    return true;
}

/* Whether the file holds data not far below `end`. A hole is no memory yet, but touching it would make it so. */
static bool bd_arena_has_data_near(const bd_arena *arena, uint64_t end) {
    return lseek(arena->file.fd, (off_t)(end / BD_ARENA_HOLE_FACTOR), SEEK_DATA) >= 0;
}

/* Makes everything up to `end` touchable. False when the worker does not use that much of the file: it tells what it
 * uses before anything there can be reached. The kernel knows better than a header what a file holds, so no header makes
 * reads touch more than BD_ARENA_HOLE_FACTOR times that. */
bool bd_arena_reach(bd_arena *arena, uint64_t end) {
    uint64_t used = bd_arena_u64(arena->base + offsetof(bd_arena_header, used_bytes));
    if (used > arena->capacity) used = arena->capacity;
    if (end > used || !bd_descriptor_is_ours(&arena->file)) return false; /* a seek would move where the program reads */
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
    arena->file = bd_descriptor_of(fd);
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
    bd_descriptor_close(&arena->file);
    memset(arena, 0, sizeof *arena);
    arena->file.fd = -1;
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

uint64_t bd_arena_plans_dropped(const bd_arena *arena) {
    return arena->base ? bd_arena_u64(arena->base + offsetof(bd_arena_header, plans_dropped)) : 0;
}

bool bd_arena_was_still(const bd_arena *arena, uint64_t batches) {
    bd_fence();
    return !(batches & 1) && bd_arena_batches(arena) == batches;
}

/* -- lists that a read fills ------------------------------------------------------------------------------------------- */

bool bd_arena_list_reserve_edges(bd_arena_list *list, size_t count) {
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

bool bd_arena_list_reserve_ids(bd_arena_list *list, size_t count) {
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

bd_read bd_arena_edge_info(bd_arena *arena, uint32_t edge, bd_arena_edge *info) {
    uint32_t attributes;
    return bd_arena_edge_read(arena, edge, info, &attributes);
}

bool bd_arena_node_is_watched(bd_arena *arena, uint32_t node) {
    bool broken = false;
    const unsigned char *record = bd_arena_record(arena, &arena->nodes, node, &broken);
    return broken || (record && bd_arena_u32(record + offsetof(bd_node, watched)));
}

static bd_read bd_arena_pair(bd_arena *arena, const unsigned char *pair, bd_arena_value *value) {
    value->kind = bd_arena_u32(pair + offsetof(bd_attribute, kind));
    value->bits = bd_arena_u64(pair + offsetof(bd_attribute, value));
    if (value->kind == BD_LITERAL_STRING) return bd_arena_string(arena, value->bits, &value->text);
    return value->kind >= BD_LITERAL_INT && value->kind <= BD_LITERAL_BOOL ? BD_READ_OK : BD_READ_BROKEN;
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

const unsigned char *bd_arena_view(bd_arena *arena, uint32_t view, bd_read *failure) {
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
bd_read bd_arena_member(bd_arena *arena, uint32_t view, uint32_t node, uint32_t *first_list) {
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

