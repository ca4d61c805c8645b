/* See bd_idset.h. */
#include "bd_idset.h"

#include <stdlib.h>
#include <string.h>

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
    set->recent[number % BD_RECENT_PAGES] = page;
    return bd_idset_add(set, id);
}

void bd_idset_free(bd_idset *set) {
    for (uint32_t i = 0; i < set->slot_count; i++) free(set->slots[i]);
    free(set->slots);
    set->slots = NULL;
    memset(set->recent, 0, sizeof set->recent);
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

/* -- counts ------------------------------------------------------------------------------------------------------------- */

bd_counts_page *bd_counts_find_page(const bd_counts *counts, uint32_t number) {
    if (!counts->slot_count) return NULL;
    uint32_t mask = counts->slot_count - 1;
    for (uint32_t i = bd_idset_hash(number) & mask, tried = 0; tried <= mask; i = (i + 1) & mask, tried++) {
        if (!counts->slots[i]) return NULL;
        if (counts->slots[i]->number == number) return counts->slots[i];
    }
    return NULL;
}

static void bd_counts_place(bd_counts_page **slots, uint32_t mask, bd_counts_page *page) {
    uint32_t i = bd_idset_hash(page->number) & mask;
    while (slots[i]) i = (i + 1) & mask;
    slots[i] = page;
}

/* New slots for the pages that are in use, at most half of them taken; empty pages are freed. Nothing changes without
 * memory. */
static bool bd_counts_rebuild(bd_counts *counts, uint32_t slot_count) {
    bd_counts_page **slots = calloc(slot_count, sizeof *slots);
    if (!slots) return false;
    for (uint32_t i = 0; i < counts->slot_count; i++) {
        if (!counts->slots[i]) continue;
        if (counts->slots[i]->used) bd_counts_place(slots, slot_count - 1, counts->slots[i]);
        else free(counts->slots[i]);
    }
    free(counts->slots);
    counts->slots = slots;
    counts->slot_count = slot_count;
    counts->page_count -= counts->empty_count; /* they are gone */
    counts->empty_count = 0;
    memset(counts->recent, 0, sizeof counts->recent);
    return true;
}

bool bd_counts_add_slow(bd_counts *counts, uint32_t id) { /* the caller saw that there is no page */
    if (counts->page_count + 1 > counts->slot_count / 2 &&
        !bd_counts_rebuild(counts, counts->slot_count ? counts->slot_count * 2 : 16))
        return false;
    bd_counts_page *page = calloc(1, sizeof *page);
    if (!page) return false;
    page->number = id / BD_COUNTS_PAGE_IDS;
    page->counts[id % BD_COUNTS_PAGE_IDS] = page->used = 1;
    bd_counts_place(counts->slots, counts->slot_count - 1, page);
    counts->page_count++;
    counts->recent[page->number % BD_RECENT_PAGES] = page;
    return true;
}

void bd_counts_sweep(bd_counts *counts) {
    uint32_t slot_count = counts->slot_count;
    while (slot_count > 16 && counts->page_count - counts->empty_count < slot_count / 8) slot_count /= 2;
    bd_counts_rebuild(counts, slot_count); /* without memory the empty pages stay */
}

void bd_counts_free(bd_counts *counts) {
    for (uint32_t i = 0; i < counts->slot_count; i++) free(counts->slots[i]);
    free(counts->slots);
    *counts = (bd_counts){0};
}

/* A set's page of 512 ids is eight pages of counts. */
bool bd_idset_visit_counted(
    const bd_idset *set, bd_counts *counts, bool (*visit)(void *context, uint32_t id), void *context) {
    for (uint32_t i = 0; i < set->slot_count; i++) {
        const bd_idset_page *page = set->slots[i];
        if (!page) continue;
        for (uint32_t word = 0; word < BD_IDSET_PAGE_BITS / 64; word++) {
            uint32_t first = page->number * BD_IDSET_PAGE_BITS + word * 64;
            const bd_counts_page *counted = page->bits[word] ? bd_counts_page_of(counts, first) : NULL;
            for (uint64_t bits = counted ? page->bits[word] : 0; bits; bits &= bits - 1) {
                uint32_t at = (uint32_t)__builtin_ctzll(bits);
                if (counted->counts[at] && !visit(context, first + at)) return false;
            }
        }
    }
    return true;
}
