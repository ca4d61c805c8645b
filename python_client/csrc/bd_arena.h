/* Reading the worker's graph memory in place: a read-only map of its arena. Knows no Python, makes no system call but to
 * map; never trusts a word of what it reads: each offset is checked against the map, each list against a cap, each loop
 * ends. So a corrupted arena gives wrong answers or BD_READ_BROKEN, never a fault.
 *
 * Why a checked offset cannot fault: the file is sealed against shrinking, and only offsets below the mapped end are
 * touched. Why no read takes unbounded time or memory: only what lies below the header's used_bytes is followed (behind
 * it the file is a hole of up to 64 GiB, and touching a hole makes pages), so a count of 4e9 is refused before anything
 * is reserved for it. Why an answer is whole although the worker goes on writing: records are filled before they are reachable
 * (release stores there, acquire loads here), and a block that may be replaced is copied out first and then its
 * reference looked at again; when it changed, the read starts over.
 *
 * Cost: a look-up is 5-15 ns with warm caches; a visit adds 2-4 ns for each edge.
 */
#ifndef BD_ARENA_H
#define BD_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bd_descriptor.h"
#include "bd_layout.h"

typedef enum bd_read {
    BD_READ_OK,
    BD_READ_NONE,      /* there is no such object, member, key */
    BD_READ_BROKEN,    /* the memory contradicts itself: ask the worker instead */
    BD_READ_NO_MEMORY
} bd_read;

typedef struct bd_arena_column {
    uint64_t directory;  /* bytes from base */
    uint64_t page_bytes;
    uint32_t shift, mask; /* id -> page, place in it */
    uint32_t record_bytes;
} bd_arena_column;

#define BD_ARENA_NAMES_KNOWN 256u /* power of two */

typedef struct bd_arena {
    bd_descriptor file;
    const unsigned char *base;
    uint64_t limit;    /* bytes from base on that may be touched: used at the last look, and mapped */
    uint64_t mapped;
    uint64_t capacity; /* bytes of the file */
    bd_arena_column nodes, edges, views; /* read once, checked at open */
    uint32_t name_key;                   /* where the pool has "name"; 0: not seen yet */
    uint32_t names[BD_ARENA_NAMES_KNOWN]; /* where it has names that were found lately: hints, by hash of the text */
} bd_arena;

typedef struct bd_arena_edge {
    uint32_t edge, source, target, bits;
} bd_arena_edge;

/* Ids or edges that a read found. Reused from call to call; freed by its owner. */
typedef struct bd_arena_list {
    bd_arena_edge *edges;
    uint32_t *ids;
    size_t count, edges_capacity, ids_capacity;
} bd_arena_list;

typedef struct bd_arena_text {
    const unsigned char *bytes; /* inside the map: copy before the next call */
    uint32_t count;
} bd_arena_text;

typedef struct bd_arena_value {
    uint32_t kind; /* BD_LITERAL_… */
    uint64_t bits;
    bd_arena_text text;
} bd_arena_value;

/* Maps the arena behind fd, which it takes over. False when it is none that may be trusted not to shrink. */
bool bd_arena_open(bd_arena *arena, int fd);
void bd_arena_close(bd_arena *arena);

/* Requests of the client in `slot` that the worker has applied. 0 when the arena is not open. */
uint64_t bd_arena_applied(const bd_arena *arena, uint32_t slot);

/* Edges that got other targets after they were made. */
uint64_t bd_arena_retargets(const bd_arena *arena);
/* The header alone, for as long as the caller likes (bd_arena_unmap_header). NULL when fd is no arena. */
const bd_arena_header *bd_arena_map_header(int fd);
void bd_arena_unmap_header(const bd_arena_header *header);

/* A batch is applied or taken back in many steps. Who reads more than one word takes this number first and asks at the end
 * whether the memory was still: no batch was under way, and none came meanwhile. */
uint64_t bd_arena_batches(const bd_arena *arena);
/* Counts the times at which what types make may have changed, for types that were instantiated. */
uint64_t bd_arena_plans_dropped(const bd_arena *arena);
/* A type that was instantiated was read from this node: an edge from it may change what the type makes. */
bool bd_arena_node_is_watched(bd_arena *arena, uint32_t node);
bool bd_arena_was_still(const bd_arena *arena, uint64_t batches);

bd_read bd_arena_edge_info(bd_arena *arena, uint32_t edge, bd_arena_edge *info);
bd_read bd_arena_node_exists(bd_arena *arena, uint32_t node);

/* The value under a key (bytes, UTF-8) of a node or an edge; BD_READ_BROKEN when there is no such object. */
bd_read bd_arena_node_attribute(
    bd_arena *arena, uint32_t node, const char *key, size_t key_bytes, bd_arena_value *value);
bd_read bd_arena_edge_attribute(
    bd_arena *arena, uint32_t edge, const char *key, size_t key_bytes, bd_arena_value *value);
/* Pair `index` of all; BD_READ_NONE past the last. */
bd_read bd_arena_node_pair(
    bd_arena *arena, uint32_t node, uint32_t index, bd_arena_text *key, bd_arena_value *value);

bd_read bd_arena_view_counts(bd_arena *arena, uint32_t view, uint32_t *nodes, uint32_t *edges);
bd_read bd_arena_view_has_node(bd_arena *arena, uint32_t view, uint32_t node);
bd_read bd_arena_view_has_edge(bd_arena *arena, uint32_t view, uint32_t edge);
/* Members of the view in order of insertion, into list->ids. */
bd_read bd_arena_view_nodes(bd_arena *arena, uint32_t view, bd_arena_list *list);
/* Ids of the view's edges in order of insertion, into list->ids. */
bd_read bd_arena_view_edges(bd_arena *arena, uint32_t view, bd_arena_list *list);

typedef enum bd_direction { BD_DIRECTION_ANY, BD_DIRECTION_OUT, BD_DIRECTION_IN } bd_direction;
/* Edges of one type at a node in order of insertion, into list->edges. BD_READ_OK with none for a node that is no member. */
bd_read bd_arena_edges(
    bd_arena *arena, uint32_t view, uint32_t node, uint32_t type, bd_direction direction, bd_arena_list *list);

/* The first edge of that type at a node that has that name (NULL: whatever its name). BD_READ_NONE when there is none, or
 * no such member or view. BD_READ_BROKEN also for a list that is too long to look for a name in it. */
bd_read bd_arena_first(
    bd_arena *arena, uint32_t view, uint32_t node, uint32_t type, bd_direction direction, const char *name,
    size_t name_bytes, bd_arena_edge *found);

void bd_arena_list_free(bd_arena_list *list);
bool bd_arena_list_push(bd_arena_list *list, bd_arena_edge edge);

#endif
