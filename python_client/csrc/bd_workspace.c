/* A workspace as this process sees it: life and death, leases, what fork() does to it.
 *
 * Life: alive -> closed (by the user) | lost (the worker died or broke the protocol) | forked (we are in a child). Never
 * back: the process's own workspace is replaced by a new one with a new generation and ids above all that were ever used.
 * The list of all workspaces is the one static in the extension: pthread_atfork gives its handler no argument.
 */
#include "bd_batch.h"
#include "bd_kept.h"
#include "bd_kicad.h"
#include "bd_local.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define BD_LEASE_FIRST 1024u

bd_client_page bd_dummy_page;

static const uint64_t bd_memory_unknown; /* in use, as far as we know: nothing */
static bd_workspace *bd_fork_list; /* every workspace that is not freed, of every module instance */

/* In the child: no I/O beyond closing the copies; the parent's stream and page are left as they are. */
static void bd_workspace_forked(void) {
    for (bd_workspace *workspace = bd_fork_list; workspace; workspace = workspace->next) {
        bd_descriptor_close(&workspace->connection.socket);
        if (workspace->local) bd_descriptor_close(&workspace->local->arena.file);
        workspace->memory = NULL;
        workspace->memory_used = &bd_memory_unknown;
        workspace->local = NULL; /* its map stayed with the parent, too */
        if (workspace->ledger) bd_ledger_forked(workspace->ledger);
        workspace->page = &bd_dummy_page; /* the mapping itself stayed with the parent: MADV_DONTFORK */
        workspace->life = BD_FORKED;
        workspace->quick = false;
        if (workspace->state->kicad) workspace->state->kicad->is_editing = false; /* by a thread that is not here */
    }
}

static void bd_workspace_enlist(bd_workspace *workspace) {
    static bool is_registered;
    if (!is_registered) {
        pthread_atfork(NULL, NULL, bd_workspace_forked);
        is_registered = true;
    }
    workspace->next = bd_fork_list;
    if (bd_fork_list) bd_fork_list->previous = workspace;
    bd_fork_list = workspace;
}

static void bd_workspace_unlist(bd_workspace *workspace) {
    if (workspace->previous) workspace->previous->next = workspace->next;
    else bd_fork_list = workspace->next;
    if (workspace->next) workspace->next->previous = workspace->previous;
}

bd_workspace *bd_workspace_list(void) { return bd_fork_list; }

bd_workspace *bd_workspace_new(bd_state *state, int fd) {
    bd_workspace *workspace = calloc(1, sizeof *workspace);
    if (!workspace || !bd_connection_init(&workspace->connection, fd)) {
        if (workspace) {
            workspace->connection.socket.fd = -1; /* stays the caller's */
            bd_connection_free(&workspace->connection);
        }
        free(workspace);
        PyErr_NoMemory();
        return NULL;
    }
    workspace->references = 1;
    if (getrandom(&workspace->session, sizeof workspace->session, 0) != sizeof workspace->session)
        workspace->session = (uint64_t)getpid() << 32 ^ (uint64_t)(uintptr_t)workspace;
    workspace->session &= UINT64_MAX >> 1;
    if (!workspace->session) workspace->session = 1;
    workspace->memory_used = &bd_memory_unknown;
    workspace->state = state;
    workspace->page = &bd_dummy_page;
    workspace->owner_pid = (uint32_t)getpid();
    workspace->generation = ++state->generation;
    bd_lease *leases[3] = {&workspace->nodes, &workspace->edges, &workspace->views};
    for (int i = 0; i < 3; i++) *leases[i] = (bd_lease){.next = 1, .end = 1, .wanted = BD_LEASE_FIRST, .room = BD_LIMIT_LEASE_IDS_MAX};
    bd_workspace_enlist(workspace);
    return workspace;
}

void bd_workspace_forget_memory(bd_workspace *workspace) {
    workspace->memory_used = &bd_memory_unknown;
    bd_arena_unmap_header(workspace->memory);
    workspace->memory = NULL;
}

void bd_workspace_watch_memory(bd_workspace *workspace, int fd) {
    workspace->memory = bd_arena_map_header(fd);
    if (!workspace->memory) return;
    uint64_t margin = workspace->is_private ? BD_MEMORY_MARGIN : BD_MEMORY_MARGIN_SHARED;
    uint64_t capacity = workspace->memory->capacity_bytes;
    workspace->memory_used = &workspace->memory->used_bytes;
    workspace->memory_used_max = capacity > margin ? (capacity - margin) / 3 : 0;
}

void bd_workspace_update_quick(bd_workspace *workspace) {
    workspace->quick =
        workspace->life == BD_ALIVE && !workspace->sync && !workspace->debug && !workspace->ids_unsettled && !workspace->batch && !workspace->is_recovering &&
        !bd_release_is_due(workspace);
}

static void bd_workspace_retire(bd_workspace *workspace) {
    bd_state *state = workspace->state;
    bd_connection *connection = &workspace->connection;
    uint64_t counters[] = {workspace->round_trips, workspace->requests, connection->messages, connection->bytes_sent,
                           connection->bytes_received, workspace->releases, workspace->releases_dropped};
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) state->retired[i] += counters[i];
    if (workspace->page == &bd_dummy_page) return;
    for (uint32_t kind = 0; kind < BD_KIND_COUNT; kind++)
        state->retired_created[kind] += workspace->page->created[kind];
}

/* A shared workspace outlives this process: commands that wait in the buffer are offered to the socket once, without
 * waiting. Nobody can be holding the connection: there is no reference left. */
static void bd_workspace_send_rest(bd_workspace *workspace) {
    bd_connection *connection = &workspace->connection;
    for (int buffers = 0; buffers < 2; buffers++) {
        if (bd_connection_turn(connection, 0) != BD_TURN_DONE) return;
        if (bd_connection_has_more(connection)) bd_connection_swap(connection);
    }
}

void bd_workspace_release(bd_workspace *workspace) {
    if (--workspace->references) return;
    if (workspace->life == BD_ALIVE) {
        if (!workspace->is_private) bd_workspace_send_rest(workspace);
        bd_workspace_forget(workspace, BD_CLOSED);
    }
    bd_batch_abandon(workspace);
    bd_kept_free(workspace);
    bd_workspace_forget_memory(workspace);
    bd_workspace_retire(workspace);
    bd_workspace_unlist(workspace);
    if (workspace->page != &bd_dummy_page) munmap(workspace->page, BD_CLIENT_PAGE_BYTES);
    bd_connection_free(&workspace->connection);
    bd_counts_free(&workspace->node_counts);
    bd_counts_free(&workspace->edge_counts);
    free(workspace->kept_nodes.ids);
    free(workspace->released_nodes.ids);
    free(workspace->released_edges.ids);
    free(workspace->released_views.ids);
    free(workspace->released_documents.ids);
    free(workspace->name);
    free(workspace->socket);
    Py_XDECREF(workspace->obituary);
    bd_ledger_close(workspace->ledger);
    free(workspace);
}

/* Ends the life: no more I/O. Ids stay used. The descriptor is closed here when nobody is waiting on it, else the waiter's
 * receive ends and the last reference closes it. */
void bd_workspace_forget(bd_workspace *workspace, bd_life life) {
    if (workspace->life != BD_ALIVE) return;
    workspace->life = life;
    workspace->quick = false;
    bd_local_close(workspace->local);
    workspace->local = NULL;
    if (workspace->ledger) bd_ledger_end(workspace->ledger);
    bd_batch_abandon(workspace);
    bd_kept_free(workspace);
    bd_connection *connection = &workspace->connection;
    bd_connection_end(connection);
    unsigned long me = PyThread_get_thread_ident();
    if (bd_connection_is_held_by(connection, me)) {
        bd_connection_shut(connection);
    } else if (bd_connection_try_hold(connection, me, 0)) {
        bd_connection_shut(connection);
        bd_connection_release(connection);
    }
    bd_floor_raise(&workspace->state->node_floor, workspace->nodes.next - 1, BD_FLOOR_MAX);
    bd_floor_raise(&workspace->state->edge_floor, workspace->edges.next - 1, BD_FLOOR_MAX);
    bd_floor_raise(&workspace->state->view_floor, workspace->views.next - 1, BD_VIEW_FLOOR_MAX);
    while (workspace->dying) {
        bd_view *view = workspace->dying;
        workspace->dying = view->next_dying;
        bd_view_free(view);
    }
    workspace->kept_nodes.count = 0;
    workspace->released_nodes.count = workspace->released_edges.count = 0;
    workspace->released_views.count = workspace->released_documents.count = 0;
}

void bd_workspace_close(bd_workspace *workspace) {
    if (workspace->life != BD_ALIVE) return;
    if (bd_request_flush(workspace, 1.0) < 0) PyErr_Clear(); /* what cannot be said within a second is not said */
    bd_workspace_forget(workspace, BD_CLOSED);
}

int bd_workspace_fail_stale(bd_workspace *workspace) {
    switch (workspace->life) {
        case BD_ALIVE: return 0;
        case BD_CLOSED:
            bd_error_set(
                "StaleHandleError", workspace->is_private ? "the private workspace of this handle was closed"
                                                          : "the workspace '%s' of this handle was closed",
                workspace->name);
            break;
        case BD_FORKED:
            bd_error_set(
                "StaleHandleError",
                "this handle belongs to process %u, which forked this one (%ld); the child has a workspace of its own",
                workspace->owner_pid, (long)getpid());
            break;
        case BD_LOST:
            bd_error_set(
                "StaleHandleError", "this handle was lost with its worker (pid %u, generation %u): %s",
                workspace->worker_pid, workspace->generation, workspace->lost_reason);
            break;
    }
    return -1;
}

bd_workspace *bd_state_workspace(bd_state *state) {
    for (int turn = 0; turn < 2; turn++) {
        PyObject *object = bd_current_workspace(state);
        if (!object && PyErr_Occurred()) return NULL;
        if (object) {
            bd_workspace *workspace = ((bd_workspace_object *)object)->workspace;
            if (workspace->life == BD_ALIVE) return workspace;
        }
        if (turn) break;
        PyObject *daemon = PyImport_ImportModule("bindd._daemon");
        PyObject *opened = daemon ? PyObject_CallMethod(daemon, "open_current", NULL) : NULL;
        Py_XDECREF(daemon);
        if (!opened) return NULL;
        Py_DECREF(opened);
    }
    bd_error_set("BinddUnavailable", "the workspace that was just opened is gone again");
    return NULL;
}

void bd_id_list_add(bd_workspace *workspace, bd_id_list *list, uint32_t id) {
    if (workspace->life != BD_ALIVE) return;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 256;
        uint32_t *ids = realloc(list->ids, capacity * sizeof *ids);
        if (!ids) {
            workspace->releases_dropped++;
            return;
        }
        list->ids = ids;
        list->capacity = capacity;
    }
    list->ids[list->count++] = id;
    if (list->count >= BD_RELEASES_PENDING_MAX) workspace->quick = false;
}

/* -- leases -------------------------------------------------------------------------------------------------------- */

void bd_lease_asked(bd_workspace *workspace, const uint32_t *kind_and_wanted) {
    bd_lease *lease = kind_and_wanted[0] == BD_KIND_NODE   ? &workspace->nodes
                      : kind_and_wanted[0] == BD_KIND_EDGE ? &workspace->edges
                                                           : &workspace->views;
    lease->room += kind_and_wanted[1];
}

/* A worker only moves a range up and grows it by what was asked for: also by requests that nobody waited for any longer.
 * So the range in a reply has no more ids than the one before and all requests since. */
static bool bd_lease_is_possible(const bd_lease *lease, uint32_t next, uint32_t end) {
    return next <= end && end >= lease->end && end - next <= lease->room;
}

static void bd_lease_update(bd_lease *lease, uint32_t next, uint32_t end) {
    lease->room = end - next;
    if (next > lease->next) lease->next = next; /* a new block, or the worker named some itself */
    lease->end = end;
}

bool bd_workspace_update_leases(bd_workspace *workspace, const unsigned char *head) {
    bd_lease *leases[3] = {&workspace->nodes, &workspace->edges, &workspace->views};
    for (int i = 0; i < 3; i++)
        if (!bd_lease_is_possible(leases[i], bd_load_u32(head + 8 + 8 * i), bd_load_u32(head + 12 + 8 * i))) return false;
    for (int i = 0; i < 3; i++)
        bd_lease_update(leases[i], bd_load_u32(head + 8 + 8 * i), bd_load_u32(head + 12 + 8 * i));
    return true;
}

void bd_workspace_raise_floors(const bd_workspace *workspace) {
    bd_floor_raise(&workspace->state->node_floor, workspace->nodes.end - 1, BD_FLOOR_MAX);
    bd_floor_raise(&workspace->state->edge_floor, workspace->edges.end - 1, BD_FLOOR_MAX);
    bd_floor_raise(&workspace->state->view_floor, workspace->views.end - 1, BD_VIEW_FLOOR_MAX);
}

/* One round trip; more each time, so that many creations need few. */
int bd_lease_extend(bd_workspace *workspace, uint32_t kind, bd_lease *lease) {
    uint32_t words[2] = {kind, lease->wanted};
    bd_piece piece = {words, sizeof words};
    bd_reply reply;
    bd_reader result;
    if (bd_request_call(workspace, BD_OP_LEASE, "lease", &piece, 1, &reply, &result) < 0) return -1;
    bd_request_done(workspace, &reply);
    if (lease->wanted < BD_LIMIT_LEASE_IDS_MAX / 4) lease->wanted *= 4;
    else lease->wanted = BD_LIMIT_LEASE_IDS_MAX;
    if (lease->next < lease->end) return 0;
    bd_error_set("LimitExceeded", "the worker has no more ids of kind %u for this client", kind);
    return -1;
}
