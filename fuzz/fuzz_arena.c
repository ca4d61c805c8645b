/* csrc/bd_arena: reads from memory in which words are wrong. The memory is a small arena as a worker lays it out, made
 * here; the input is a list of words to overwrite (which, with what: six bytes each). Any answer will do, but nothing outside
 * of the file is touched, no read goes on for ever, and lists are no longer than the file.
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bd_arena.h"

#define FILE_BYTES (1u << 17)
#define PER_PAGE 16u
#define LAST_ID 12u

static unsigned char image[FILE_BYTES];
static uint32_t used;

static uint32_t take(uint32_t bytes) {
    uint32_t granule = used / BD_GRANULE_BYTES;
    used += (bytes + BD_GRANULE_BYTES - 1) & ~(BD_GRANULE_BYTES - 1);
    return granule;
}

static void *at(uint32_t granule) { return image + (size_t)granule * BD_GRANULE_BYTES; }

static uint32_t make_string(const char *text) {
    uint32_t granule = take((uint32_t)(sizeof(bd_string) + strlen(text)));
    bd_string *string = at(granule);
    string->byte_count = (uint32_t)strlen(text);
    memcpy(string + 1, text, strlen(text));
    return granule;
}

static uint32_t make_attributes(uint32_t number, uint32_t flag) {
    uint32_t granule = take(sizeof(bd_attributes) + 4 * sizeof(bd_attribute));
    bd_attributes *list = at(granule);
    bd_attribute *pair = (bd_attribute *)(list + 1);
    list->count = list->capacity = 4;
    pair[0] = (bd_attribute){make_string("name"), BD_LITERAL_STRING, make_string("a name that is longer than a granule")};
    pair[1] = (bd_attribute){make_string("n"), BD_LITERAL_INT, number};
    pair[2] = (bd_attribute){make_string("real"), BD_LITERAL_FLOAT, 0x3FD0000000000000u};
    pair[3] = (bd_attribute){make_string("yes"), BD_LITERAL_BOOL, flag & 1};
    return granule;
}

static uint32_t make_table(uint32_t count) { /* keys 1...count, slots the same */
    uint32_t granule = take((uint32_t)sizeof(bd_table) + 16 * 4);
    bd_table *table = at(granule);
    table->mask = 15;
    table->used = count;
    table->shift = 32;
    for (uint32_t key = 1; key <= count; key++) ((uint32_t *)(table + 1))[key & 15] = key;
    return granule;
}

static uint32_t make_list(uint32_t next, uint32_t type, uint32_t first, uint32_t count) {
    uint32_t granule = take(sizeof(bd_edge_list)), block = count > BD_EDGE_LIST_INLINE ? take(count * 4) : 0;
    bd_edge_list *list = at(granule);
    list->next = next;
    list->edge_type = type;
    list->count = list->capacity = count;
    list->block = block;
    for (uint32_t index = 0; index < count; index++)
        (block ? (uint32_t *)at(block) : list->inline_edges)[index] = first + index;
    return granule;
}

/* Directories overlap what lies behind them: only their first entries are ever used. */
static bd_column make_column(uint32_t directory, uint32_t record_bytes) {
    uint32_t page = take(PER_PAGE * record_bytes);
    memcpy(image + directory, &page, 4);
    return (bd_column){directory, PER_PAGE, record_bytes};
}

static void make_image(void) {
    bd_arena_header *header = (bd_arena_header *)image;
    used = 4096 + 3 * 64;
    header->magic = BD_ARENA_MAGIC;
    header->layout_version = BD_LAYOUT_VERSION;
    header->header_bytes = sizeof *header;
    header->capacity_bytes = FILE_BYTES;
    header->nodes = make_column(4096, sizeof(bd_node));
    header->edges = make_column(4160, sizeof(bd_edge));
    header->views = make_column(4224, sizeof(bd_view_record));
    bd_node *nodes = at(*(uint32_t *)(image + 4096));
    bd_edge *edges = at(*(uint32_t *)(image + 4160));
    bd_view_record *views = at(*(uint32_t *)(image + 4224));
    for (uint32_t id = 1; id <= 6; id++) nodes[id] = (bd_node){id % 2 ? make_attributes(id, id) : 0, 1, BD_NODE_EXISTS, 0};
    for (uint32_t id = 1; id <= 9; id++)
        edges[id] = (bd_edge){1, 2 + id % 5, id % 3 ? 0 : make_attributes(id, id), (id > 6 ? 1 : 0) | (id % 2 ? BD_EDGE_DIRECTIONAL : 0)};
    uint32_t members = take(6 * sizeof(bd_member)), ids = take(9 * 4);
    for (uint32_t index = 0; index < 6; index++)
        ((bd_member *)at(members))[index] =
            (bd_member){index + 1, index ? make_list(0, 0, index, 1) : make_list(make_list(0, 1, 7, 3), 0, 1, 6), {0, 0}};
    for (uint32_t index = 0; index < 9; index++) ((uint32_t *)at(ids))[index] = index + 1;
    views[1] = (bd_view_record){
        .state = BD_VIEW_LIVE, .self_node = 1, .member_count = 6, .members = members, .members_capacity = 6,
        .member_table = make_table(6), .edge_count = 9, .edges = ids, .edges_capacity = 9, .edge_table = make_table(9)};
    views[2] = (bd_view_record){.state = BD_VIEW_DESTROYED};
    header->used_bytes = used;
}

static void check_text(const bd_arena *arena, const bd_arena_text *text) {
    FUZZ_REQUIRE(text->bytes >= arena->base && text->bytes + text->count <= arena->base + arena->capacity, "a text outside");
    volatile uint32_t sum = 0;
    for (uint32_t index = 0; index < text->count; index++) sum += text->bytes[index];
}

static void check_value(const bd_arena *arena, bd_read result, const bd_arena_value *value) {
    if (result == BD_READ_OK && value->kind == BD_LITERAL_STRING) check_text(arena, &value->text);
}

static void read_node(bd_arena *arena, uint32_t id, bd_arena_list *list) {
    bd_arena_value value = {0};
    bd_arena_text key = {0};
    bd_arena_edge edge;
    bd_arena_node_exists(arena, id);
    check_value(arena, bd_arena_node_attribute(arena, id, "yes", 3, &value), &value);
    check_value(arena, bd_arena_edge_attribute(arena, id, "name", 4, &value), &value);
    for (uint32_t index = 0; index < 6; index++) {
        bd_read result = bd_arena_node_pair(arena, id, index, &key, &value);
        if (result == BD_READ_OK) check_text(arena, &key);
        check_value(arena, result, &value);
    }
    bd_arena_edge_info(arena, id, &edge);
    bd_arena_view_has_node(arena, 1, id);
    bd_arena_view_has_edge(arena, 1, id);
    for (uint32_t type = 0; type < 2; type++)
        for (int direction = BD_DIRECTION_ANY; direction <= BD_DIRECTION_IN; direction++) {
            bd_arena_edges(arena, 1, id, type, (bd_direction)direction, list);
            FUZZ_REQUIRE(list->count <= FILE_BYTES / 4, "%zu edges", list->count);
            bd_arena_first(arena, 1, id, type, (bd_direction)direction, NULL, 0, &edge);
            bd_arena_first(arena, 1, id, type, (bd_direction)direction, "a name that is longer than a granule", 36, &edge);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int fd = -1;
    static unsigned char *file;
    if (fd < 0) {
        make_image();
        fd = memfd_create("fuzz-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        FUZZ_REQUIRE(fd >= 0 && ftruncate(fd, FILE_BYTES) == 0, "no memory file");
        file = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        FUZZ_REQUIRE(file != MAP_FAILED && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0, "no map");
    }
    fuzz_input plan = {data, size, 0};
    memcpy(file, image, used);
    for (int patches = 0; !fuzz_is_done(&plan) && patches < 64; patches++) {
        uint32_t word = fuzz_take(&plan, 2) % (used / 4), value = fuzz_take(&plan, 4);
        memcpy(file + (size_t)word * 4, &value, 4);
    }
    bd_arena arena;
    bd_arena_list list = {0};
    if (bd_arena_open(&arena, dup(fd))) {
        uint32_t nodes, edges;
        for (uint32_t view = 0; view < 4; view++) {
            bd_arena_view_counts(&arena, view, &nodes, &edges);
            bd_arena_view_nodes(&arena, view, &list);
            FUZZ_REQUIRE(list.count <= FILE_BYTES / sizeof(bd_member), "%zu nodes", list.count);
            bd_arena_view_edges(&arena, view, &list);
        }
        for (uint32_t id = 0; id <= LAST_ID; id++) read_node(&arena, id, &list);
        read_node(&arena, 0xFFFFFFFFu, &list);
        bd_arena_applied(&arena, 63);
        bd_arena_was_still(&arena, bd_arena_batches(&arena));
        if (size == 0) {
            FUZZ_REQUIRE(bd_arena_edges(&arena, 1, 1, 0, BD_DIRECTION_ANY, &list) == BD_READ_OK && list.count == 6, "%zu edges in the arena as it was made", list.count);
            FUZZ_REQUIRE(bd_arena_view_nodes(&arena, 1, &list) == BD_READ_OK && list.count == 6, "%zu nodes in the arena as it was made", list.count);
        }
        bd_arena_close(&arena);
    }
    bd_arena_list_free(&list);
    return 0;
}
