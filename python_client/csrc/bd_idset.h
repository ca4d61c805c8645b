/* Two small containers of 32-bit ids. Know no Python; never abort.
 *
 * bd_idset: a set. Pages of 512 bits behind a hash of page numbers, so that memory follows the members and not the
 *   largest id; the page of the last hit is kept, so neighbours cost 1-2 ns.
 * bd_counts: how many Python proxies each id has, and whether the worker holds a pin for this client. Pages of 64 ids
 *   behind a hash as well: whatever ids a worker names, a proxy costs no more than some 300 bytes here. A page is freed
 *   when all its counts are zero: not at once, a loop over short-lived proxies would allocate one per turn, but when
 *   BD_COUNTS_EMPTY_MAX of them lie empty (1 MiB).
 */
#ifndef BD_IDSET_H
#define BD_IDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BD_IDSET_PAGE_BITS 512u
#define BD_RECENT_PAGES 8u
#define BD_COUNTS_PAGE_IDS 64u /* one word of pins */
#define BD_COUNTS_EMPTY_MAX 4096u

typedef struct bd_idset_page {
    uint32_t number; /* id / 512 */
    uint64_t bits[BD_IDSET_PAGE_BITS / 64];
} bd_idset_page;

typedef struct bd_idset {
    bd_idset_page **slots; /* open addressing, power of two */
    uint32_t slot_count;
    uint32_t page_count;
    bd_idset_page *recent[BD_RECENT_PAGES]; /* by number: a visit goes between the ends of its edges */
    uint64_t members;
} bd_idset;

typedef struct bd_counts_page {
    uint32_t number; /* id / 64 */
    uint32_t used;   /* ids with a count above zero */
    uint64_t pinned;
    uint32_t counts[BD_COUNTS_PAGE_IDS];
} bd_counts_page;

typedef struct bd_counts {
    bd_counts_page **slots; /* open addressing, power of two */
    uint32_t slot_count;
    uint32_t page_count;
    uint32_t empty_count; /* pages without a count above zero */
    bd_counts_page *recent[BD_RECENT_PAGES];
} bd_counts;

bd_idset_page *bd_idset_find_page(const bd_idset *set, uint32_t number);
bool bd_idset_add_slow(bd_idset *set, uint32_t id);
void bd_idset_free(bd_idset *set);
/* Adds every member of the other set. */
void bd_idset_merge(bd_idset *set, const bd_idset *other);

static inline bool bd_idset_has(bd_idset *set, uint32_t id) {
    uint32_t number = id / BD_IDSET_PAGE_BITS;
    bd_idset_page *page = set->recent[number % BD_RECENT_PAGES];
    if (!page || page->number != number) {
        page = bd_idset_find_page(set, number);
        if (!page) return false;
        set->recent[number % BD_RECENT_PAGES] = page;
    }
    uint32_t bit = id % BD_IDSET_PAGE_BITS;
    return page->bits[bit / 64] >> (bit % 64) & 1;
}

/* False when memory ran out; the set is then unchanged: it knows less than the worker, which is harmless. */
static inline bool bd_idset_add(bd_idset *set, uint32_t id) {
    uint32_t number = id / BD_IDSET_PAGE_BITS;
    bd_idset_page *page = set->recent[number % BD_RECENT_PAGES];
    if (!page || page->number != number) return bd_idset_add_slow(set, id);
    uint32_t bit = id % BD_IDSET_PAGE_BITS;
    uint64_t mask = 1ull << (bit % 64);
    if (!(page->bits[bit / 64] & mask)) {
        page->bits[bit / 64] |= mask;
        set->members++;
    }
    return true;
}

bd_counts_page *bd_counts_find_page(const bd_counts *counts, uint32_t number);
bool bd_counts_add_slow(bd_counts *counts, uint32_t id);
static inline void bd_idset_remove(bd_idset *set, uint32_t id) {
    bd_idset_page *page = bd_idset_find_page(set, id / BD_IDSET_PAGE_BITS);
    uint32_t bit = id % BD_IDSET_PAGE_BITS;
    uint64_t mask = 1ull << (bit % 64);
    if (!page || !(page->bits[bit / 64] & mask)) return;
    page->bits[bit / 64] &= ~mask;
    set->members--;
}

void bd_counts_free(bd_counts *counts);
void bd_counts_sweep(bd_counts *counts);

static inline bd_counts_page *bd_counts_page_of(bd_counts *counts, uint32_t id) {
    uint32_t number = id / BD_COUNTS_PAGE_IDS;
    bd_counts_page *page = counts->recent[number % BD_RECENT_PAGES];
    if (page && page->number == number) return page;
    page = bd_counts_find_page(counts, number);
    if (page) counts->recent[number % BD_RECENT_PAGES] = page;
    return page;
}

static inline uint32_t bd_counts_of(bd_counts *counts, uint32_t id) {
    bd_counts_page *page = bd_counts_page_of(counts, id);
    return page ? page->counts[id % BD_COUNTS_PAGE_IDS] : 0;
}

/* False when memory ran out. */
static inline bool bd_counts_add(bd_counts *counts, uint32_t id) {
    bd_counts_page *page = bd_counts_page_of(counts, id);
    if (!page) return bd_counts_add_slow(counts, id);
    if (page->counts[id % BD_COUNTS_PAGE_IDS]++ == 0 && page->used++ == 0) counts->empty_count--;
    return true;
}

static inline void bd_counts_pin(bd_counts *counts, uint32_t id) {
    bd_counts_page *page = bd_counts_page_of(counts, id);
    if (page) page->pinned |= 1ull << id % BD_COUNTS_PAGE_IDS;
}

/* True when the id has proxies and no pin yet: now it has one, which the caller asks the worker for. */
static inline bool bd_counts_need_pin(bd_counts *counts, uint32_t id) {
    bd_counts_page *page = bd_counts_page_of(counts, id);
    uint32_t at = id % BD_COUNTS_PAGE_IDS;
    if (!page || page->counts[at] == 0 || page->pinned >> at & 1) return false;
    page->pinned |= 1ull << at;
    return true;
}

/* One proxy less. True when it was the last one and the worker holds a pin: the caller notes a release. */
static inline bool bd_counts_remove(bd_counts *counts, uint32_t id) {
    bd_counts_page *page = bd_counts_page_of(counts, id);
    uint32_t at = id % BD_COUNTS_PAGE_IDS;
    if (!page || page->counts[at] == 0) return false;
    if (--page->counts[at]) return false;
    bool pinned = page->pinned >> at & 1;
    page->pinned &= ~(1ull << at);
    if (--page->used == 0 && ++counts->empty_count > BD_COUNTS_EMPTY_MAX) bd_counts_sweep(counts);
    return pinned;
}

/* Calls visit for each member of the set that has living proxies. Stops when it returns false. */
bool bd_idset_visit_counted(
    const bd_idset *set, bd_counts *counts, bool (*visit)(void *context, uint32_t id), void *context);

#endif
