/* See bd_contents.h. Room is given in powers of two, each size with a chain of what is free. */
#include "bd_contents.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BD_SIZES 32u
#define BD_KEPT_BYTES 65536u /* of what is free: more goes back to the system */

struct bd_contents_area {
    bd_ledger_header *header; /* NULL in a child */
    bd_contents_place *places;
    unsigned char *start;
    bool is_refused;          /* it could not be mapped */
    uint16_t **inner;         /* by place: number of the place of each field, 0: not yet */
    uint16_t *roots;          /* by type */
    uint32_t root_count, place_count;
    uint32_t free[BD_SIZES];  /* by log2 of the size: offset + 1 of the first free one, chained through `count` */
};

bd_contents_area *bd_contents_open(bd_ledger_header *header, bd_contents_place *places) {
    bd_contents_area *area = calloc(1, sizeof *area);
    uint16_t **inner = calloc(BD_LEDGER_PLACES_MAX, sizeof *inner);
    if (!area || !inner) {
        free(area);
        free(inner);
        return NULL;
    }
    area->header = header;
    area->places = places;
    area->inner = inner;
    area->place_count = header->places = 1;
    return area;
}

void bd_contents_close(bd_contents_area *area) {
    if (!area) return;
    if (area->start) munmap(area->start, BD_LEDGER_CONTENTS_BYTES);
    for (uint32_t i = 0; i < area->place_count; i++) free(area->inner[i]);
    free(area->inner);
    free(area->roots);
    free(area);
}

void bd_contents_forked(bd_contents_area *area) {
    if (!area) return;
    area->header = NULL;
    area->start = NULL;
}

/* -- room ------------------------------------------------------------------------------------------------------------------ */

static bool bd_contents_map(bd_contents_area *area, const bd_descriptor *file) {
    if (area->start) return true;
    if (area->is_refused || !bd_descriptor_is_ours(file)) return false;
    void *map = mmap(
        NULL, BD_LEDGER_CONTENTS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file->fd,
        (off_t)BD_LEDGER_CONTENTS_OFFSET);
    area->is_refused = map == MAP_FAILED;
    if (area->is_refused) return false;
    madvise(map, BD_LEDGER_CONTENTS_BYTES, MADV_DONTFORK); /* a child must not write into its parent's */
    madvise(map, BD_LEDGER_CONTENTS_BYTES, MADV_DONTDUMP);
    area->start = map;
    return true;
}

static uint32_t bd_contents_size_class(uint64_t bytes) {
    uint32_t size_class = 0;
    while ((1ull << size_class) < bytes) size_class++;
    return size_class;
}

bd_contents *bd_contents_take(bd_contents_area *area, const bd_descriptor *file, uint32_t count) {
    uint64_t need = sizeof(bd_contents) + (uint64_t)count * 4;
    if (need < BD_CONTENTS_BYTES_MIN) need = BD_CONTENTS_BYTES_MIN;
    if (!area->header || need > BD_LEDGER_CONTENTS_BYTES || !bd_contents_map(area, file)) return NULL;
    uint32_t size_class = bd_contents_size_class(need), bytes = 1u << size_class;
    bd_contents *contents;
    if (area->free[size_class]) {
        contents = (bd_contents *)(area->start + area->free[size_class] - 1);
        area->free[size_class] = contents->count;
        contents->count = contents->flags = 0;
        return contents;
    }
    if (bytes > BD_LEDGER_CONTENTS_BYTES - area->header->contents_bytes) return NULL;
    contents = (bd_contents *)(area->start + area->header->contents_bytes);
    *contents = (bd_contents){.bytes = bytes};
    bd_store_release_u32(&area->header->contents_bytes, area->header->contents_bytes + bytes);
    return contents;
}

void bd_contents_give_back(bd_contents_area *area, bd_contents *contents) {
    if (!area->header) return; /* a child's copy */
    bd_store_release_u64(&contents->id, 0);
    bd_fence_release(); /* a reader that sees what follows sees the id gone */
    uint32_t size_class = bd_contents_size_class(contents->bytes);
    contents->count = area->free[size_class];
    area->free[size_class] = (uint32_t)((unsigned char *)contents - area->start) + 1;
    if (contents->bytes <= BD_KEPT_BYTES) return;
    /* Sizes are powers of two, places not their multiples: whole pages behind the head. */
    uintptr_t from = ((uintptr_t)contents + 2 * 4096u - 1) & ~(uintptr_t)4095u;
    uintptr_t end = ((uintptr_t)contents + contents->bytes) & ~(uintptr_t)4095u;
    if (from < end) madvise((void *)from, end - from, MADV_REMOVE);
}

/* -- places ---------------------------------------------------------------------------------------------------------------- */

static uint16_t bd_contents_add_place(bd_contents_area *area, bd_contents_place place, uint16_t fields) {
    uint32_t number = area->place_count;
    if (number >= BD_LEDGER_PLACES_MAX) return 0;
    area->inner[number] = calloc((size_t)fields + 1, sizeof(uint16_t));
    if (!area->inner[number]) return 0;
    area->places[number] = place;
    area->place_count = number + 1;
    bd_store_release_u32(&area->header->places, number + 1);
    return (uint16_t)number;
}

uint16_t bd_contents_root(bd_contents_area *area, uint16_t type, uint16_t fields) {
    if (!area->header) return 0;
    if (type >= area->root_count) {
        uint16_t *roots = realloc(area->roots, ((size_t)type + 1) * sizeof *roots);
        if (!roots) return 0;
        memset(roots + area->root_count, 0, (size_t)(type + 1u - area->root_count) * sizeof *roots);
        area->roots = roots;
        area->root_count = type + 1u;
    }
    if (!area->roots[type])
        area->roots[type] = bd_contents_add_place(area, (bd_contents_place){0, BD_PLACE_NO_FIELD, type, 0}, fields);
    return area->roots[type];
}

uint16_t bd_contents_inner(
    bd_contents_area *area, uint16_t parent, uint16_t index, uint16_t field, uint16_t type, uint16_t fields) {
    uint16_t *inner = area->inner[parent];
    if (!area->header || !inner) return 0;
    if (!inner[index]) inner[index] = bd_contents_add_place(area, (bd_contents_place){parent, field, type, 0}, fields);
    return inner[index];
}
