/* See bd_idset.h. */
#include "bd_idset.h"

#include <stdlib.h>

static uint32_t bd_idset_hash(uint32_t number) { return (number * 2654435769u) >> 7; }

bd_idset_page *bd_idset_find_page(const bd_idset *set, uint32_t number) {
    if (!set->slot_count) return NULL;
    uint32_t mask = set->slot_count - 1;
    for (uint32_t i = bd_idset_hash(number) & mask, tried = 0; tried <= mask; i = (i + 1) & mask, tried++) {
        if (!set->slots[i]) return NULL;
        if (set->slots[i]->number == number) return set->slots[i];
    }
    return NULL;
}

static void bd_idset_place(bd_idset_page **slots, uint32_t mask, bd_idset_page *page) {
    uint32_t i = bd_idset_hash(page->number) & mask;
    while (slots[i]) i = (i + 1) & mask;
    slots[i] = page;
}

/* At most half full, so that a search ends soon. */
static bool bd_idset_make_room(bd_idset *set) {
    if (set->page_count + 1 <= set->slot_count / 2) return true;
    uint32_t slot_count = set->slot_count ? set->slot_count * 2 : 4;
    bd_idset_page **slots = calloc(slot_count, sizeof *slots);
    if (!slots) return false;
    for (uint32_t i = 0; i < set->slot_count; i++)
        if (set->slots[i]) bd_idset_place(slots, slot_count - 1, set->slots[i]);
    free(set->slots);
    set->slots = slots;
    set->slot_count = slot_count;
    return true;
}

bool bd_idset_add_slow(bd_idset *set, uint32_t id) {
    uint32_t number = id / BD_IDSET_PAGE_BITS;
    bd_idset_page *page = bd_idset_find_page(set, number);
    if (!page) {
        if (!bd_idset_make_room(set)) return false;
        page = calloc(1, sizeof *page);
        if (!page) return false;
        page->number = number;
        bd_idset_place(set->slots, set->slot_count - 1, page);
        set->page_count++;
    }
    set->last = page;
    return bd_idset_add(set, id);
}

void bd_idset_free(bd_idset *set) {
    for (uint32_t i = 0; i < set->slot_count; i++) free(set->slots[i]);
    free(set->slots);
    set->slots = NULL;
    set->last = NULL;
    set->slot_count = set->page_count = 0;
    set->members = 0;
}

void bd_idset_merge(bd_idset *set, const bd_idset *other) {
    for (uint32_t i = 0; i < other->slot_count; i++) {
        const bd_idset_page *page = other->slots[i];
        if (!page) continue;
        for (uint32_t word = 0; word < BD_IDSET_PAGE_BITS / 64; word++)
            for (uint64_t bits = page->bits[word]; bits; bits &= bits - 1)
                bd_idset_add(set, page->number * BD_IDSET_PAGE_BITS + word * 64 + (uint32_t)__builtin_ctzll(bits));
    }
}

bool bd_counts_grow(bd_counts *counts, uint32_t id) {
    uint32_t number = id / BD_COUNTS_PAGE_IDS;
    if (number >= counts->page_capacity) {
        uint32_t capacity = counts->page_capacity ? counts->page_capacity * 2 : 16;
        while (capacity <= number) capacity *= 2; /* number is at most 2^20: no overflow */
        bd_counts_page **pages = realloc(counts->pages, capacity * sizeof *pages);
        if (!pages) return false;
        for (uint32_t i = counts->page_capacity; i < capacity; i++) pages[i] = NULL;
        counts->pages = pages;
        counts->page_capacity = capacity;
    }
    counts->pages[number] = calloc(1, sizeof(bd_counts_page)); /* the caller saw that there is none */
    if (!counts->pages[number]) return false;
    counts->empty_count++;
    return true;
}

void bd_counts_sweep(bd_counts *counts) {
    for (uint32_t i = 0; i < counts->page_capacity; i++) {
        if (!counts->pages[i] || counts->pages[i]->used) continue;
        free(counts->pages[i]);
        counts->pages[i] = NULL;
    }
    counts->empty_count = 0;
}

void bd_counts_free(bd_counts *counts) {
    for (uint32_t i = 0; i < counts->page_capacity; i++) free(counts->pages[i]);
    free(counts->pages);
    counts->pages = NULL;
    counts->page_capacity = 0;
    counts->empty_count = 0;
}

bool bd_idset_visit_counted(
    const bd_idset *set, const bd_counts *counts, bool (*visit)(void *context, uint32_t id), void *context) {
    for (uint32_t i = 0; i < set->slot_count; i++) {
        const bd_idset_page *page = set->slots[i];
        if (!page) continue;
        uint32_t first = page->number * BD_IDSET_PAGE_BITS;
        const bd_counts_page *counted = bd_counts_page_of(counts, first); /* 512 divides 4,096: one page serves all */
        if (!counted) continue;
        for (uint32_t word = 0; word < BD_IDSET_PAGE_BITS / 64; word++) {
            for (uint64_t bits = page->bits[word]; bits; bits &= bits - 1) {
                uint32_t id = first + word * 64 + (uint32_t)__builtin_ctzll(bits);
                if (counted->counts[id % BD_COUNTS_PAGE_IDS] && !visit(context, id)) return false;
            }
        }
    }
    return true;
}
