/* csrc/bd_idset: sets and counts against the simplest thing that does the same. Four bytes a step: what, and an id. */
#include "fuzz.h"

#include "bd_idset.h"

#define STEPS_MAX 2000u

typedef struct model {
    uint32_t id[STEPS_MAX];
    uint32_t count[STEPS_MAX]; /* proxies */
    uint8_t is_member[STEPS_MAX], is_pinned[STEPS_MAX];
    uint32_t size, members;
} model;

static uint32_t model_find(model *known, uint32_t id) {
    for (uint32_t at = 0; at < known->size; at++)
        if (known->id[at] == id) return at;
    known->id[known->size] = id;
    known->count[known->size] = known->is_member[known->size] = known->is_pinned[known->size] = 0;
    return known->size++;
}

/* Few ids, near each other, far apart, and at the ends. */
static uint32_t spread(uint32_t raw) {
    switch (raw >> 14) {
        case 0: return raw & 0x3FFF;
        case 1: return 0xFFFFFFFFu - (raw & 0x3FFF);
        case 2: return (raw & 0x3FFF) << 18;
        default: return (raw & 0x3FFF) * 512u;
    }
}

static bool count_one(void *context, uint32_t id) {
    (void)id;
    ++*(uint32_t *)context;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static model known;
    fuzz_input plan = {data, size, 0};
    bd_idset set = {0};
    bd_counts counts = {0};
    known.size = known.members = 0;
    while (!fuzz_is_done(&plan) && known.size < STEPS_MAX - 1) {
        uint32_t what = fuzz_take(&plan, 1), id = spread(fuzz_take(&plan, 2)), at = model_find(&known, id);
        switch (what % 7) {
            case 0:
                bd_idset_add(&set, id);
                known.members += !known.is_member[at];
                known.is_member[at] = 1;
                break;
            case 1:
                bd_idset_remove(&set, id);
                known.members -= known.is_member[at];
                known.is_member[at] = 0;
                break;
            case 2:
                bd_counts_add(&counts, id);
                known.count[at]++;
                break;
            case 3: {
                bool told = bd_counts_remove(&counts, id), expected = false;
                if (known.count[at] && --known.count[at] == 0) {
                    expected = known.is_pinned[at];
                    known.is_pinned[at] = 0;
                }
                FUZZ_REQUIRE(told == expected, "removing %u says %d", id, told);
                break;
            }
            case 4: {
                bool needed = known.count[at] && !known.is_pinned[at];
                FUZZ_REQUIRE(bd_counts_need_pin(&counts, id) == needed, "need of a pin for %u", id);
                if (needed) known.is_pinned[at] = 1;
                break;
            }
            case 5: bd_counts_sweep(&counts); break;
            case 6: {
                bd_idset other = {0};
                bd_idset_add(&other, id);
                bd_idset_merge(&set, &other);
                known.members += !known.is_member[at];
                known.is_member[at] = 1;
                bd_idset_free(&other);
            }
        }
        FUZZ_REQUIRE(bd_idset_has(&set, id) == known.is_member[at], "membership of %u", id);
        FUZZ_REQUIRE(bd_counts_of(&counts, id) == known.count[at], "count of %u", id);
        FUZZ_REQUIRE(set.members == known.members, "%llu members, not %u", (unsigned long long)set.members, known.members);
    }
    uint32_t visited = 0, expected = 0;
    bd_idset_visit_counted(&set, &counts, count_one, &visited);
    for (uint32_t at = 0; at < known.size; at++) {
        expected += known.is_member[at] && known.count[at];
        FUZZ_REQUIRE(bd_idset_has(&set, known.id[at]) == known.is_member[at], "membership of %u at the end", known.id[at]);
        FUZZ_REQUIRE(bd_counts_of(&counts, known.id[at]) == known.count[at], "count of %u at the end", known.id[at]);
    }
    FUZZ_REQUIRE(visited == expected, "%u visited, %u counted members", visited, expected);
    bd_idset_free(&set);
    bd_counts_free(&counts);
    return 0;
}
