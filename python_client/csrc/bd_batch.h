/* Batches: what `with view.batch():` collects, and what becomes of it.
 *
 * While a batch is open, the commands of the thread that opened it go into its own buffer instead of the connection's;
 * ids are taken from the leases as always. At the end all go out as one request. Whatever the outcome is not success, the
 * client forgets what it learned in the block: known members of views, the views that were made; handles of what the
 * batch made are stale. When the wait for the outcome was given up (Ctrl-C, timeout), the next request asks for it first.
 * Releases wait while a batch is there: one of an object that the batch makes must not overtake it.
 * Cost: outside of batches one load and one compare per call; inside, a copy of the command and a few bits per object.
 */
#ifndef BD_BATCH_H
#define BD_BATCH_H

#include "bd_state.h"

typedef enum bd_batch_phase { BD_BATCH_OPEN, BD_BATCH_ENDING, BD_BATCH_UNDECIDED } bd_batch_phase;

typedef struct bd_learned { /* a member that a view did not know before the batch */
    bd_view *view;
    uint32_t kind, id;
    uint32_t source, target; /* of an edge: members as well, once the batch is applied */
} bd_learned;

struct bd_batch {
    bd_batch_phase phase;
    unsigned long thread;
    uint64_t serial;
    uint64_t request;   /* its number once it is in the connection's buffer */
    uint32_t count;     /* of commands */
    bd_writer commands;
    bd_idset nodes, edges, views; /* made in it */
    bd_learned *learned;
    size_t learned_count, learned_capacity;
    bd_view **made;
    size_t made_count, made_capacity;
};

struct bd_given_up { /* ids of objects that were never made */
    bd_idset nodes, edges;
};

/* Whether a command goes into the open batch: 1, 0 it goes out as always, -1 with an exception. */
int bd_batch_collects(bd_workspace *workspace, uint16_t operation, const char *name);
int bd_batch_add(
    bd_workspace *workspace, uint16_t operation, const bd_piece *pieces, int count, const bd_claim *claims,
    int claim_count);
/* 0 when a call or query may go out now, else -1 with an exception. May wait. */
int bd_batch_admits(bd_workspace *workspace, uint16_t operation, const char *name);
bool bd_batch_is_mine(const bd_workspace *workspace);
/* The view has a new member by the newest command. -1 with an exception when there is no memory to remember that. */
int bd_batch_learn_node(bd_view *view, uint32_t node);
int bd_batch_learn_edge(bd_view *view, const bd_edge_info *info);
int bd_batch_made_view(bd_view *view);
/* The end of the workspace: what is not decided never will be. */
void bd_batch_abandon(bd_workspace *workspace);

int bd_batch_guard(bd_workspace *workspace, uint32_t kind, uint32_t id, bool is_read);
/* 0 when the object can be used; -1 with StaleHandleError when the batch that made it was given up. */
static inline int bd_guard_use(bd_workspace *workspace, uint32_t kind, uint32_t id) {
    return workspace->guarded ? bd_batch_guard(workspace, kind, id, false) : 0;
}
/* The same for what needs the object's state: RuntimeError when the open batch made it. */
static inline int bd_guard_read(bd_workspace *workspace, uint32_t kind, uint32_t id) {
    return workspace->guarded ? bd_batch_guard(workspace, kind, id, true) : 0;
}

int bd_batch_type_add(PyObject *module, bd_state *state);

#endif
