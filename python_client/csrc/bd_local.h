/* Reads answered from the worker's arena, without a message: attributes, visits, members, counts.
 *
 * Own writes are always visible. Commands travel without waiting, so the arena may be behind; two small notes tell where:
 *   - the newest request that touched a node, edge or view (by hash; views keep their own): a read of it waits until the
 *     worker has applied that request, which is one round trip for everything that was sent;
 *   - the edges inserted by requests that are not applied yet: a visit adds them to what the arena says and does not wait.
 *     What foretold requests make (bd_foretell.h) is not among them: visits in their view wait (bd_view.unseen).
 * Whatever the arena cannot answer (object unknown, memory contradicts itself, BINDD_ARENA=0) is asked of the worker: the
 * functions say "ask", and every caller has that way as well.
 * Cost: attribute 25-30 ns, visit 60 ns and 10 ns for each edge, beside making the Python objects.
 */
#ifndef BD_LOCAL_H
#define BD_LOCAL_H

#include "bd_arena.h"
#include "bd_state.h"

#define BD_LOCAL_NOTES 8192u          /* power of two; notes of writes, by hash */
#define BD_LOCAL_PENDING_MAX 65536u   /* power of two; inserted edges that are on their way; more of them wait */

typedef struct bd_pending_edge {
    uint64_t request;
    bd_edge_info info;
    uint32_t view;
    uint32_t before_source, before_target; /* older entry of the same bucket, as a distance; 0: none */
} bd_pending_edge;

typedef struct bd_foretelling bd_foretelling;

struct bd_local {
    bd_arena arena;
    uint32_t slot;
    uint64_t *notes;
    bd_pending_edge *pending; /* ring */
    uint64_t pending_count;   /* ever noted */
    uint64_t *buckets;        /* by view and node: number of the newest entry + 1 */
    bd_arena_list scratch;    /* taken by one visit at a time */
    bd_foretelling *foretelling; /* see bd_foretell.h; NULL until it is needed */
};

/* A running visit. The user's function may destroy the view: then the edges that it has not seen yet are held as if they
 * had proxies, so that it still gets all that the visit found. */
typedef struct bd_visit {
    bd_view *view;
    bd_arena_list found;
    size_t next;       /* edge that comes next */
    size_t held_until; /* edges from `next` to here are held */
    struct bd_visit *outer;
} bd_visit;

typedef enum bd_answer { BD_ANSWERED, BD_ASK, BD_FAILED } bd_answer;

/* Takes the descriptor over. NULL without an exception when the arena cannot be used: then everything is asked. */
bd_local *bd_local_open(int fd, uint32_t slot);
void bd_local_close(bd_local *local);

void bd_local_note_edge_inserted(bd_view *view, const bd_edge_info *info);

static inline uint32_t bd_local_hash(uint32_t kind, uint32_t id) {
    return ((id * 2654435761u) ^ (id >> 15) ^ kind * 40503u) & (BD_LOCAL_NOTES - 1);
}
/* The newest request wrote this node or edge. */
static inline void bd_local_note(bd_workspace *workspace, uint32_t kind, uint32_t id) {
    if (workspace->local) workspace->local->notes[bd_local_hash(kind, id)] = workspace->requests;
}
static inline void bd_local_note_view(bd_view *view) { view->written = view->workspace->requests; }

bd_answer bd_local_node_attribute(bd_workspace *workspace, uint32_t node, const char *key, size_t bytes, PyObject **value);
bd_answer bd_local_edge_attribute(bd_workspace *workspace, uint32_t edge, const char *key, size_t bytes, PyObject **value);
/* The edge as it is now, into *info, which names it. */
bd_answer bd_local_edge_info(bd_workspace *workspace, bd_edge_info *info);
/* Edges got other targets, as far as the arena tells. */
bool bd_local_retargets(const bd_workspace *workspace);
bd_answer bd_local_node_attributes(bd_workspace *workspace, uint32_t node, PyObject **dict);
bd_answer bd_local_counts(bd_view *view, uint32_t *nodes, uint32_t *edges);
/* The same without waiting, sending or raising: false when the arena is behind, or there is none. */
bool bd_local_counts_now(const bd_view *view, uint32_t *nodes, uint32_t *edges);
/* The arena when everything up to `request` is applied in it. NULL: ask the worker; *failed: with an exception. */
bd_local *bd_local_settled(bd_workspace *workspace, uint64_t request, bool *failed);
/* Ids of the members, in *list, which the caller frees. */
bd_answer bd_local_nodes(bd_view *view, bd_arena_list *list);
bd_answer bd_local_has_node(bd_view *view, uint32_t node);
/* Edges of a visit, in *list; give it back with bd_local_visit_done, also after BD_ASK. */
bd_answer bd_local_visit(
    bd_view *view, uint32_t node, uint32_t type, bd_direction direction, bd_arena_list *list);
/* Calls function(context, bound edge) over what was found, and gives that back. */
PyObject *bd_visit_run(bd_visit *visit, PyObject *function, PyObject *context);
/* The first edge of that type at a node, in order of insertion, with that name (NULL: whatever its name). */
bd_answer bd_local_first(
    bd_view *view, uint32_t node, uint32_t type, bd_direction direction, const char *name, size_t bytes,
    bd_edge_info *info, bool *found);
bd_answer bd_local_edge_is_named(
    bd_workspace *workspace, uint32_t edge, const char *name, size_t bytes, bool *is_named);
void bd_local_visit_done(bd_workspace *workspace, bd_arena_list *list);
/* Before the view is destroyed. */
void bd_visit_hold_all(bd_view *view);

#endif
