/* Calls whose outcome is known before they are made: which ids the worker will take and that it cannot fail. They are sent
 * like commands, with the ids in front (`foretell`), and nobody waits.
 *
 * What is known of a typegraph only grows (children, members, constructability), as long as nobody else writes to the
 * workspace. How many objects an instance of a type has is learned from two instances that were waited for, and holds until
 * the worker drops its plan of the type (bd_arena_header.plans_dropped) or this client sends an edge that will make it do so.
 * Whatever cannot be proved here stays a call: the worker decides, and its refusal is raised at once.
 * Cost: 100-200 ns where nothing has to be looked up.
 */
#ifndef BD_FORETELL_H
#define BD_FORETELL_H

#include "bd_local.h"

#define BD_FORETOLD_PLANS 512u      /* power of two; types whose instances are counted, by hash */
#define BD_FORETOLD_TYPE_GRAPHS 16u /* power of two */
/* Objects made by requests that are on their way. One of them can make thousands, so that bytes in buffers do not bound
 * what they take: this does, with what BD_MEMORY_MARGIN allows (about 400 bytes each). */
#define BD_FORETOLD_OBJECTS_MAX 65536u

typedef struct bd_plan { /* how many objects an instance of a type has */
    uint32_t view_index, self_node, type;
    uint32_t counts[2];  /* nodes, edges */
    bool is_sure;        /* two instances had so many, and nothing was dropped in between */
    uint64_t dropped, epoch;
} bd_plan;

typedef struct bd_known_type_graph {
    uint32_t view_index, self_node;
    uint32_t builtins; /* bit n: it has the n-th type that the layer needs */
} bd_known_type_graph;

struct bd_foretelling {
    bd_plan plans[BD_FORETOLD_PLANS];
    bd_known_type_graph type_graphs[BD_FORETOLD_TYPE_GRAPHS];
    bd_idset named;      /* nodes that have a type_identifier */
    uint64_t epoch;      /* of plans: raised when this client sends what may change one */
    uint64_t newest;     /* request */
    uint64_t objects;    /* made by requests up to `newest`, of which not all are known to be applied */
    bool has_plans;
};

/* An edge was made by a request that is on its way: plans that it may change are forgotten. */
void bd_foretell_edge(bd_workspace *workspace, const bd_edge_info *info);
/* A node's attributes or an edge's were changed: what was read from them is forgotten. */
void bd_foretell_forget(bd_workspace *workspace);
static inline void bd_foretell_edge_inserted(bd_workspace *workspace, const bd_edge_info *info) {
    bd_local *local = workspace->local;
    if (local && local->foretelling && local->foretelling->has_plans) bd_foretell_edge(workspace, info);
}
void bd_foretell_free(bd_foretelling *foretelling);

#endif
