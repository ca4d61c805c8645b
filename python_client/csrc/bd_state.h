/* The structures that the extension's files share: module state, workspace, view, the Python objects, the table.
 *
 * Ownership: a handle owns a count on its workspace or view, a view owns one on its workspace. Counts are plain integers,
 * changed with the GIL held. `state` is borrowed: a handle keeps its type alive, the type its module.
 * Dealloc does no I/O and takes no lock: it notes releases, which ride in front of a later request.
 */
#ifndef BD_STATE_H
#define BD_STATE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "bd_connection.h"
#include "bd_idset.h"
#include "bd_layout.h"
#include "bd_ledger.h"
#include "bd_table.h"

typedef struct bd_view bd_view;
typedef struct bd_state bd_state;
typedef struct bd_local bd_local;
typedef struct bd_batch bd_batch;
typedef struct bd_given_up bd_given_up;
typedef struct bd_kept_edit bd_kept_edit;
#define BD_DONE_UNKNOWN UINT64_MAX

typedef struct bd_lease {
    uint32_t next, end; /* ids that this client may give to its next objects */
    uint32_t wanted;    /* how many it asks for when they are used up */
    uint64_t room;      /* the most ids that the range can have in the next reply: what it had and what was asked for */
} bd_lease;

/* Floors: ids up to them were seen in this process, so that its next workspace uses others. What a worker says raises
 * them only so far that a damaged reply leaves the process usable: an id read in a result, which in a shared workspace may
 * be anything, by BD_FLOOR_STEP_MAX above the client's own lease; and nothing beyond half of the id space (a view's id
 * ends where the arena's directory does). Ids above are used all the same; another workspace may use them again, and its
 * generation tells them apart. */
#define BD_FLOOR_STEP_MAX (1u << 24)
#define BD_FLOOR_MAX (1u << 31)
#define BD_VIEW_FLOOR_MAX (BD_VIEWS_PER_PAGE * BD_ARENA_DIRECTORY_ENTRIES / 2)

typedef struct bd_id_list {
    uint32_t *ids;
    size_t count, capacity;
} bd_id_list;

#define BD_RELEASES_PENDING_MAX 256u /* noted ones ride with the next wait, or when there are so many */

typedef enum bd_life { BD_ALIVE, BD_CLOSED, BD_LOST, BD_FORKED } bd_life;

typedef struct bd_workspace {
    uint64_t references;
    bd_life life;
    bool quick;      /* alive, little to release, no debugging: commands may be appended without further questions */
    bool is_private;
    bool sync, debug;
    bool ids_unsettled; /* a request that takes ids from the leases is not answered yet: nobody else takes any */
    bool edges_changed; /* this client changed edges that handles may know: they look again */
    bool guarded;          /* there is a batch, or one was given up: look before an object is used (bd_batch.h) */
    bd_batch *batch;       /* open, or of unknown outcome; else NULL */
    bd_given_up *given_up; /* what was never made; NULL: nothing */
    bd_client_page *page;
    bd_ledger *ledger; /* NULL: which handles there are is not written down */
    uint64_t unseen;   /* handles until the next that is; see bd_handle_note */
    uint64_t requests; /* appended so far */
    uint32_t lent[2], made[2]; /* nodes, edges: first ids for the call that makes objects, how many the last one took */
    bd_lease nodes, edges, views;
    bd_counts node_counts, edge_counts;
    bd_id_list kept_nodes; /* to be pinned before anything is released */
    bd_id_list released_nodes, released_edges, released_views, released_documents;
    bd_view *recent; /* a living view that edges were seen in lately, not counted; NULL: none */
    bd_view *dying;  /* views without a reference, and what destroyed ones knew: not yet told to the worker */
    bd_connection connection;
    bd_state *state;
    const bd_arena_header *memory; /* of the worker's graph, NULL: not known */
    uint32_t slot;                 /* this client's place in it */
    const uint64_t *memory_used;   /* see bd_workspace_has_room */
    uint64_t memory_used_max;
    bd_local *local;   /* reads from the arena; NULL: everything is asked */
    uint32_t generation;
    uint32_t worker_pid;
    uint32_t owner_pid; /* the process that opened it: after fork() the child is another */
    char *name;
    char *socket;
    double call_timeout; /* seconds, 0: none */
    double hang_limit;
    uint64_t round_trips, releases, releases_dropped;
    double waited_s;      /* for the newest answer */
    uint64_t session;     /* names it to workers that come after this one */
    uint64_t answered;    /* the newest request that was replied to: it and all before are applied */
    uint64_t commands, commands_asked, commands_answered; /* so far; before the newest call; before the newest reply */
    uint32_t lost_pid;    /* the worker that the obituary is of */
    uint32_t deaths;      /* workers that this workspace outlived */
    bool is_recovering;   /* a new worker is being asked for: everything waits */
    uint64_t lost_objects; /* nodes, edges and views that lost requests were to make, at the last death */
    bd_view *known_views; /* all that this client knows, by next_view */
    struct bd_typed *documents; /* KiCad files and copies out of them, by next_document */
    bd_kept_edit *kept_first, *kept_last; /* edits that may not be applied yet, oldest first: see bd_kept.h */
    uint32_t kept_bytes;
    uint64_t edit_request; /* the newest request that is an edit of a document */
    uint64_t kept_done;    /* of those before the newest death, the last that is applied; BD_DONE_UNKNOWN: nobody knows */
    PyObject *obituary; /* what the supervisor told about the worker's end, or NULL */
    char lost_reason[240];
    bool is_taken; /* … because the program closed the connection's descriptor */
    struct bd_workspace *previous, *next; /* list of all, for statistics, exit and fork */
} bd_workspace;

struct bd_view {
    uint64_t references;
    bd_workspace *workspace;
    uint32_t index;
    uint32_t self_node;
    bd_ledger_record *listed; /* of one of its Python objects, to count uses; NULL: there is none */
    bool is_destroyed;
    bool has_strangers; /* the worker made members that this client did not hear of */
    bool is_given_up;   /* by the batch that made it; destroyed as well */
    char *destroyed_at; /* "file:line", may be NULL */
    uint64_t created, written; /* request that made it; newest request that changed its members */
    uint64_t unseen; /* newest request whose edges no note tells of: visits wait for it */
    bd_idset nodes, edges; /* known members: this client inserted them, or a reply said so */
    struct bd_visit *visits; /* running ones, the innermost first; see bd_local.h */
    bd_view *next_dying;
    uint64_t made;           /* the command that made it, 0: it existed */
    bd_view *next_view, *previous_view;
};

/* -- Python objects: small, without cycles, not tracked by the collector ---------------------------------------------- */
typedef struct bd_node_object {
    PyObject_HEAD
    bd_workspace *workspace;
    uint32_t node;
    uint32_t record; /* of the ledger, 0: none */
} bd_node_object;

typedef struct bd_edge_info {
    uint32_t edge, source, target, bits;
} bd_edge_info;

typedef struct bd_edge_object {
    PyObject_HEAD
    bd_workspace *workspace;
    bd_edge_info info;
    uint32_t record;
} bd_edge_object;

typedef struct bd_bound_node_object {
    PyObject_HEAD
    bd_view *view;
    uint32_t node;
    uint32_t record;
} bd_bound_node_object;

typedef struct bd_bound_edge_object {
    PyObject_HEAD
    bd_view *view;
    bd_edge_info info;
    uint32_t record;
} bd_bound_edge_object;

typedef struct bd_view_object {
    PyObject_HEAD
    bd_view *view;
    uint32_t record;
} bd_view_object;

typedef struct bd_workspace_object {
    PyObject_HEAD
    bd_workspace *workspace;
    uint32_t entered; /* blocks that it is current in */
} bd_workspace_object;

#define BD_SPARE_KINDS 6u   /* graph handles: nodes to bound edges */
#define BD_SPARE_MAX 256u

struct bd_state {
    PyTypeObject *types[BD_TYPE_COUNT]; /* by kind of handle; those without handles follow */
    void *spare[BD_SPARE_KINDS]; /* memory of ended handles, by kind, each pointing to the next */
    uint32_t spare_count[BD_SPARE_KINDS];
    PyObject *names[BD_PARAMETER_COUNT + 1]; /* interned keyword names */
    PyObject *entered_get, *entered_set; /* of the ContextVar, see bd_current.c */
    uint32_t entered;           /* blocks that are open in the process */
    PyObject *fallback;         /* the process's own Workspace, opened at first use, or NULL */
    PyTypeObject *batch_type;
    struct bd_kicad *kicad;     /* types of the KiCad models: bd_kicad.h */
    PyObject *stored;           /* dict: BoundNode.store */
    PyObject *namespace;        /* types.SimpleNamespace, NULL until it is needed */
    uint32_t generation;        /* of the newest workspace */
    uint32_t node_floor, edge_floor, view_floor, document_floor; /* ids up to these were seen in this process */
    uint64_t retired[8];        /* counters of workspaces that are gone, see bd_statistics.c */
    uint64_t retired_created[BD_KIND_COUNT];
    PyObject *progress;         /* called while a call waits, see bd_progress.c; NULL: nobody wants to know */
    uint32_t method;            /* that runs, or ran last, for counting what it uses; BD_METHOD_NONE: none */
    const void *counted[2];     /* view and typegraph whose use by it is counted already */
    bd_ledger_request asked;    /* its newest request that is a declared operation */
};
#define BD_METHOD_NONE UINT32_MAX
static inline void bd_state_begin(bd_state *state, uint32_t method) {
    state->method = method;
    state->counted[0] = state->counted[1] = NULL;
    state->asked.number = 0;
}
static inline void bd_state_asked(bd_state *state, uint64_t number, uint16_t operation, double waited_s) {
    if (operation < BD_OPERATION_DECLARED_FIRST) return;
    double waited_us = waited_s * 1e6;
    state->asked = (bd_ledger_request){number, operation, waited_us < UINT32_MAX ? (uint32_t)waited_us : UINT32_MAX};
}
static inline uint32_t bd_state_used_by(const bd_state *state) {
    return state->method == BD_METHOD_NONE ? 0 : BD_USED_METHOD << BD_USED_SHIFT | state->method;
}

/* -- workspaces: bd_workspace.c ---------------------------------------------------------------------------------------- */
extern bd_client_page bd_dummy_page; /* where forked and closed workspaces count */

/* Whether no command of any client that is on its way can fail for want of memory, so that this one need not wait for its
 * answer. What a command may take at once: the largest list or table of a view doubles, all of them together at most twice
 * what is in use; and the rest is bounded by the bytes that fit into buffers and sockets, which the margin covers.
 * Beyond that each command becomes a call, and who reaches the limit is told by LimitExceeded at that call. */
#define BD_MEMORY_MARGIN (64ull << 20)         /* for one client */
#define BD_MEMORY_MARGIN_SHARED (1024ull << 20) /* for all clients of a shared workspace */
#define BD_COMMAND_BYTES_MAX 65536u            /* a larger one is a call anyway: its wait is nothing beside its copy */
static inline bool bd_workspace_has_room(const bd_workspace *workspace) {
    return __atomic_load_n(workspace->memory_used, __ATOMIC_RELAXED) <= workspace->memory_used_max;
}
/* The name that others open it by, a str; empty: it is private. NULL with an exception. */
PyObject *bd_workspace_shared_name(const bd_workspace *workspace);
void bd_workspace_watch_memory(bd_workspace *workspace, int fd);
void bd_workspace_forget_memory(bd_workspace *workspace);
static inline void bd_workspace_retain(bd_workspace *workspace) { workspace->references++; }
void bd_workspace_release(bd_workspace *workspace);
bd_workspace *bd_workspace_new(bd_state *state, int fd);
bd_workspace *bd_workspace_list(void); /* of every module instance: look at ->state */
void bd_workspace_update_quick(bd_workspace *workspace);
/* 0 when alive, else -1 with StaleHandleError saying why. */
int bd_workspace_fail_stale(bd_workspace *workspace);
static inline int bd_workspace_check(bd_workspace *workspace) {
    return workspace->life == BD_ALIVE ? 0 : bd_workspace_fail_stale(workspace);
}
/* The workspace for what has no handle to go by: borrowed; opens the process's own when there is none. */
bd_workspace *bd_state_workspace(bd_state *state);
void bd_workspace_close(bd_workspace *workspace);
void bd_workspace_forget(bd_workspace *workspace, bd_life life);
void bd_id_list_add(bd_workspace *workspace, bd_id_list *list, uint32_t id);
int bd_lease_extend(bd_workspace *workspace, uint32_t kind, bd_lease *lease);
void bd_lease_asked(bd_workspace *workspace, const uint32_t *kind_and_wanted);
/* Takes the leases of a reply's head. False when they cannot be: the reply is damaged. */
bool bd_workspace_update_leases(bd_workspace *workspace, const unsigned char *head);
/* Floors above what this workspace may have used. */
void bd_workspace_raise_floors(const bd_workspace *workspace);

/* For the words about what never came to be: a worker's death is a reason as well. */
static inline const char *bd_workspace_or_lost(const bd_workspace *workspace) {
    return workspace->deaths ? ", or by a request that was lost with a worker" : "";
}
/* Holder of the connection: goes on with a new worker after the old one died. 0 done, and `obituary` has what was lost;
 * 1 there is no way on (said in lost_reason); -1 with an exception that is not about the workspace (Ctrl-C). */
int bd_workspace_recover(bd_workspace *workspace, PyObject *obituary);

/* -- the current one: bd_current.c --------------------------------------------------------------------------------------- */
int bd_current_init(bd_state *state);
/* The Workspace object that creators use, alive or not: borrowed. NULL: none yet, or with an exception. */
PyObject *bd_current_workspace(bd_state *state);
int bd_current_is_entered(bd_state *state);
/* Puts a new Workspace where the dead one was. */
int bd_current_replace(bd_state *state, PyObject *workspace);
PyObject *bd_current_enter(PyObject *self, PyObject *ignored);
PyObject *bd_current_exit(PyObject *self, PyObject *ignored);

/* -- requests: bd_request.c -------------------------------------------------------------------------------------------- */
/* An id for a new object. The worker wants them in rising order, so they are taken at the moment in which the request
 * goes into the buffer, and written into the payload there. */
typedef struct bd_claim {
    uint32_t kind;
    bd_lease *lease;
    uint32_t *id; /* inside the payload */
} bd_claim;
/* A command: appended; no reply (but see BINDD_SYNC). */
int bd_request_create(
    bd_workspace *workspace, uint16_t operation, const char *name, const bd_piece *pieces, int count,
    const bd_claim *claims, int claim_count);
static inline int bd_request_command(
    bd_workspace *workspace, uint16_t operation, const char *name, const bd_piece *pieces, int count) {
    return bd_request_create(workspace, operation, name, pieces, count, NULL, 0);
}
/* A call or query: one round trip. The reply is the caller's: bd_request_done gives it back. */
int bd_request_call_creating(
    bd_workspace *workspace, uint16_t operation, const char *name, const bd_piece *pieces, int count,
    const bd_claim *claims, int claim_count, bd_reply *reply, bd_reader *result);
static inline int bd_request_call(
    bd_workspace *workspace, uint16_t operation, const char *name, const bd_piece *pieces, int count, bd_reply *reply,
    bd_reader *result) {
    return bd_request_call_creating(workspace, operation, name, pieces, count, NULL, 0, reply, result);
}
void bd_request_done(bd_workspace *workspace, bd_reply *reply);
/* A request that takes `counts` new nodes and edges and cannot fail, sent like a command; *first is the first node. 1 when it
 * is on its way, 0 when it must be a call (something was waited for, or there is no room), -1 with an exception. */
int bd_request_foretold(
    bd_workspace *workspace, uint16_t operation, const bd_piece *piece, const uint32_t counts[2], uint32_t *first);
int bd_request_flush(bd_workspace *workspace, double limit_s);
/* Sends what the socket takes at once: for reads, which need no request but should not let releases wait for ever. */
void bd_request_push(bd_workspace *workspace);
int bd_request_wait(bd_workspace *workspace, const char *name, uint64_t number, bool wants_reply, double limit_s);

/* Holder only, after a death: a command that an earlier worker did not get to. */
int bd_request_again(bd_workspace *workspace, uint16_t operation, const bd_piece *piece);

/* The hot path: two words, no questions. */
static inline int bd_request_command2(
    bd_workspace *workspace, uint16_t operation, const char *name, uint32_t first, uint32_t second) {
    bd_buffer *fill = &workspace->connection.fill;
    if (workspace->quick && fill->size + 16 <= BD_FILL_BYTES_MAX && bd_workspace_has_room(workspace)) {
        unsigned char *to = fill->data + fill->size;
        bd_store_header(to, 8, operation, 0);
        bd_store_u32(to + 8, first);
        bd_store_u32(to + 12, second);
        fill->size += 16;
        workspace->connection.messages++;
        workspace->page->sent_requests = ++workspace->requests;
        bd_state_asked(workspace->state, workspace->requests, operation, 0);
        workspace->commands++;
        return 0;
    }
    uint32_t words[2] = {first, second};
    bd_piece piece = {words, sizeof words};
    return bd_request_command(workspace, operation, name, &piece, 1);
}

/* The same, the second word being the id of a new node. */
static inline int bd_request_create_node(
    bd_workspace *workspace, uint16_t operation, const char *name, uint32_t first, uint32_t *node) {
    bd_lease *lease = &workspace->nodes;
    if (workspace->quick && lease->next < lease->end && workspace->connection.fill.size + 16 <= BD_FILL_BYTES_MAX &&
        bd_workspace_has_room(workspace)) {
        *node = lease->next++;
        return bd_request_command2(workspace, operation, name, first, *node);
    }
    uint32_t words[2] = {first, 0};
    bd_piece piece = {words, sizeof words};
    bd_claim claim = {BD_KIND_NODE, lease, &words[1]};
    int result = bd_request_create(workspace, operation, name, &piece, 1, &claim, 1);
    *node = words[1];
    return result;
}

/* -- releases: bd_release.c -------------------------------------------------------------------------------------------- */
int bd_release_flush(bd_workspace *workspace); /* puts what was noted into the outgoing buffer */
bool bd_release_is_due(const bd_workspace *workspace);

/* -- views: bd_view.c -------------------------------------------------------------------------------------------------- */
static inline void bd_view_retain(bd_view *view) { view->references++; }
bd_view *bd_view_new(bd_workspace *workspace, uint32_t index, uint32_t self_node);
/* A handle of a view that a reply names, which this process may know already. NULL with an exception. */
PyObject *bd_view_object_of(bd_workspace *workspace, uint32_t index, uint32_t self_node);
void bd_view_release(bd_view *view);
void bd_view_free(bd_view *view);
int bd_view_fail(bd_view *view);
/* Also counts the view's use by the method that runs: once, and only while the process is the ledger's. */
static inline int bd_view_check(bd_view *view) {
    bd_workspace *workspace = view->workspace;
    if (workspace->life != BD_ALIVE || view->is_destroyed) return bd_view_fail(view);
    if (view->listed && workspace->state->counted[0] != view) {
        workspace->state->counted[0] = view;
        bd_ledger_use(view->listed, bd_state_used_by(workspace->state));
    }
    return 0;
}
/* The same for a method that takes no arguments. */
static inline int bd_view_check_for(bd_view *view, uint32_t method) {
    bd_state_begin(view->workspace->state, method);
    return bd_view_check(view);
}
static inline void bd_view_know_edge(bd_view *view, const bd_edge_info *info) {
    view->workspace->recent = view;
    bd_idset_add(&view->edges, info->edge);
    bd_idset_add(&view->nodes, info->source);
    bd_idset_add(&view->nodes, info->target);
}

/* -- handles: bd_handle.c, new references or NULL with an exception ------------------------------------------------------ */
PyObject *bd_node_new(bd_workspace *workspace, uint32_t node);
PyObject *bd_edge_new(bd_workspace *workspace, const bd_edge_info *info);
PyObject *bd_bound_node_new(bd_view *view, uint32_t node);
PyObject *bd_bound_edge_new(bd_view *view, const bd_edge_info *info);
PyObject *bd_view_object_new(bd_view *view);
PyObject *bd_type_graph_new(bd_view *view, uint32_t self_node);
void bd_read_edge_info(bd_reader *reader, bd_edge_info *info);
static inline void bd_floor_raise(uint32_t *floor, uint32_t id, uint32_t most) {
    if (id > *floor) *floor = id < most ? id : most;
}
/* An id that a result names. */
static inline void bd_floor_saw(uint32_t *floor, uint32_t leased, uint32_t id, uint32_t most) {
    if (id > *floor && id <= most && id < (uint64_t)leased + BD_FLOOR_STEP_MAX) *floor = id;
}
static inline void bd_workspace_saw_node(bd_workspace *workspace, uint32_t node) {
    bd_floor_saw(&workspace->state->node_floor, workspace->nodes.end, node, BD_FLOOR_MAX);
}
static inline void bd_workspace_saw_edge(bd_workspace *workspace, const bd_edge_info *info) {
    bd_floor_saw(&workspace->state->edge_floor, workspace->edges.end, info->edge, BD_FLOOR_MAX);
    bd_workspace_saw_node(workspace, info->source);
    bd_workspace_saw_node(workspace, info->target);
}
PyObject *bd_handle_no_new(PyTypeObject *type, PyObject *args, PyObject *kwargs);
PyObject *bd_handle_no_pickle(PyObject *self, PyObject *ignored);
PyObject *bd_handle_address(PyObject *self, PyObject *ignored);
static inline uint64_t bd_debug_id(uint32_t kind, uint32_t generation, uint32_t index) {
    return (uint64_t)kind << 56 | (uint64_t)(generation & 0xffffffu) << 32 | index;
}
static inline bd_state *bd_state_of(PyObject *module) { return (bd_state *)PyModule_GetState(module); }

/* A record in the ledger for a new handle, 0 when it gets none. Where there is no ledger, `unseen` starts at 0. */
uint32_t bd_handle_record(bd_workspace *workspace, uint32_t kind, uint32_t index, uint32_t place);
static inline uint32_t bd_handle_note(bd_workspace *workspace, uint32_t kind, uint32_t index, uint32_t place) {
    return --workspace->unseen ? 0 : bd_handle_record(workspace, kind, index, place);
}
/* The same for a kind of which there are few: each gets one. */
static inline uint32_t bd_handle_note_rare(
    bd_workspace *workspace, uint32_t kind, uint32_t index, uint32_t place, const char *label) {
    if (!workspace->ledger) return 0;
    return bd_ledger_add(
        workspace->ledger, bd_debug_id(kind, workspace->generation, index), place, label, 1, &workspace->state->asked);
}
/* The size of a document, as its record has it. */
static inline uint32_t bd_granules(uint64_t bytes) {
    uint64_t granules = bytes / BD_GRANULE_BYTES + (bytes % BD_GRANULE_BYTES != 0);
    return granules < UINT32_MAX ? (uint32_t)granules : UINT32_MAX;
}
/* The same for what is no view: `record` may be NULL. */
static inline void bd_handle_use(const bd_workspace *workspace, bd_ledger_record *record, uint32_t used_by) {
    if (record && workspace->life == BD_ALIVE) bd_ledger_use(record, used_by);
}
static inline void bd_handle_forget(bd_workspace *workspace, uint32_t record) {
    if (record) bd_ledger_remove(workspace->ledger, record);
}

/* -- long calls: bd_progress.c ----------------------------------------------------------------------------------------------- */
/* Tells whoever wants to know how far the call is. 0, or -1 with what the told function raised. */
int bd_progress_tell(bd_workspace *workspace, const char *name, uint64_t number, double elapsed_s);
/* The same at its end, which nothing can stop any more. */
void bd_progress_end(bd_workspace *workspace, const char *name, uint64_t number, double elapsed_s);

/* -- edges: bd_graph.c --------------------------------------------------------------------------------------------------- */
/* A command that makes a free edge, pinned for this client; info->edge is its id then. `attributes` as on the wire. */
int bd_edge_make(bd_workspace *workspace, bd_edge_info *info, const void *attributes, size_t bytes);
/* Puts it into a view where that cannot fail: another command. */
int bd_edge_insert_known(bd_view *view, const bd_edge_info *info);
/* Whether both ends are known to be members; in a batch that is seen at its end. */
bool bd_edge_can_insert(bd_view *view, const bd_edge_info *info);
bool bd_view_has_node(bd_view *view, uint32_t node);
/* Brings a handle's knowledge of its edge up to date, where edges were changed. */
int bd_edge_look_again(bd_workspace *workspace, bd_edge_info *info);
bool bd_edges_may_have_changed(const bd_workspace *workspace);
static inline int bd_edge_current(bd_workspace *workspace, bd_edge_info *info) {
    return bd_edges_may_have_changed(workspace) ? bd_edge_look_again(workspace, info) : 0;
}

/* -- arguments and values: bd_arguments.c, bd_value.c --------------------------------------------------------------------- */
/* Checks positional arguments, absent keywords and handle types; fills `values` (borrowed) in order of declaration. */
int bd_arguments_take(
    bd_state *state, int method, PyObject *const *args, Py_ssize_t count, PyObject *keywords, PyObject **values);
int bd_arguments_match(bd_state *state, const bd_method *declared, PyObject *keyword);
int bd_value_u8(PyObject *value, uint32_t *out);
int bd_value_int(PyObject *value, int64_t *out);
const char *bd_value_str(PyObject *value, size_t *bytes, const char *message);
int bd_value_write_literal(bd_writer *writer, PyObject *value, const char *message);
/* The pairs of a dict (of nothing else) as attributes, without their count, which grows; without the key "name" when
 * has_name. */
int bd_value_write_dict(bd_writer *writer, PyObject *dict, bool has_name, uint32_t *written);
/* Every keyword that the method does not declare, as attributes; `first` ones (already written) included in the count. */
int bd_value_write_keywords(
    bd_state *state, int method, bd_writer *writer, PyObject *const *args, Py_ssize_t count, PyObject *keywords,
    const char *name, size_t name_bytes);
PyObject *bd_value_read_literal(bd_reader *reader);
PyObject *bd_value_read_str(bd_reader *reader);
PyObject *bd_value_read_attributes(bd_reader *reader);
/* `refusal` of the parameter, else `message`, as TypeError. -1. */
int bd_arguments_refuse(const bd_parameter *parameter, const char *message);
PyObject *bd_invoke(int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords);

/* -- errors: bd_error.c --------------------------------------------------------------------------------------------------- */
PyObject *bd_error_text(const char *text);
void bd_error_set(const char *class_name, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bd_error_from_notice(const char *text, uint32_t code);
void bd_error_protocol(bd_workspace *workspace, const char *name);
void bd_error_lease(bd_workspace *workspace, const char *name);
void bd_error_from_reply(bd_workspace *workspace, const bd_reply *reply, const char *name);
void bd_error_in_flight(bd_workspace *workspace, const char *name, uint64_t number);
void bd_error_lose(bd_workspace *workspace, bd_turn turn);
void bd_error_hung(bd_workspace *workspace, const char *name, uint64_t number, double waited_s);
void bd_error_timeout(bd_workspace *workspace, const char *name, double waited_s);

/* -- BINDD_DEBUG=1: bd_debug.c ---------------------------------------------------------------------------------------------- */
void bd_debug_request(
    bd_workspace *workspace, uint64_t number, uint16_t operation, const bd_piece *pieces, int count);
void bd_debug_reply(bd_workspace *workspace, uint64_t number, const char *name, const bd_reply *reply);
void bd_debug_hello(bd_workspace *workspace, const bd_writer *payload);
void bd_debug_hello_answer(bd_workspace *workspace, const bd_reply *reply);
void bd_debug_unasked(void *workspace, const bd_reply *message); /* a notice, or a reply that is dropped */

#endif
