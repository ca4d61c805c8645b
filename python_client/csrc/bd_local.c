/* See bd_local.h. */
#include "bd_foretell.h"

#include <stdlib.h>
#include <unistd.h>

#define BD_LOCAL_BUCKETS 16384u /* power of two */

bd_local *bd_local_open(int fd, uint32_t slot) {
    bd_local *local = calloc(1, sizeof *local);
    if (!local || slot >= BD_CLIENT_SLOTS_MAX) {
        close(fd);
        free(local);
        return NULL;
    }
    local->slot = slot;
    local->notes = calloc(BD_LOCAL_NOTES, sizeof *local->notes);
    local->pending = calloc(BD_LOCAL_PENDING_MAX, sizeof *local->pending); /* pages appear with use */
    local->buckets = calloc(BD_LOCAL_BUCKETS, sizeof *local->buckets);
    if (!bd_arena_open(&local->arena, fd) || !local->notes || !local->pending || !local->buckets) {
        bd_local_close(local);
        return NULL;
    }
    return local;
}

void bd_local_close(bd_local *local) {
    if (!local) return;
    bd_arena_close(&local->arena);
    bd_arena_list_free(&local->scratch);
    bd_foretell_free(local->foretelling);
    free(local->notes);
    free(local->pending);
    free(local->buckets);
    free(local);
}

/* -- waiting for own writes -------------------------------------------------------------------------------------------- */

bd_local *bd_local_settled(bd_workspace *workspace, uint64_t request, bool *failed) {
    *failed = false;
    if (!workspace->quick) bd_request_push(workspace);
    bd_local *local = workspace->local;
    if (!local) return NULL;
    if (bd_arena_applied(&local->arena, local->slot) >= request) return local;
    bd_reply reply;
    bd_reader result;
    if (bd_request_call(workspace, BD_OP_SYNC, "sync", NULL, 0, &reply, &result) < 0) {
        *failed = true;
        return NULL;
    }
    bd_request_done(workspace, &reply);
    local = workspace->local; /* waiting lets other threads run */
    return local && bd_arena_applied(&local->arena, local->slot) >= request ? local : NULL;
}

static inline bd_local *bd_local_of(bd_workspace *workspace, uint32_t kind, uint32_t id, bool *failed) {
    bd_local *local = workspace->local;
    return bd_local_settled(workspace, local ? local->notes[bd_local_hash(kind, id)] : 0, failed);
}

/* -- edges on their way ------------------------------------------------------------------------------------------------ */

static inline uint32_t bd_local_bucket(uint32_t view, uint32_t node) {
    return ((node * 2654435761u) ^ (view * 40503u) ^ (node >> 15)) & (BD_LOCAL_BUCKETS - 1);
}

static inline uint32_t bd_local_chain(bd_local *local, uint32_t bucket) {
    uint64_t newest = local->buckets[bucket]; /* number + 1 */
    uint64_t distance = newest ? local->pending_count - (newest - 1) : 0;
    local->buckets[bucket] = local->pending_count + 1;
    return distance < BD_LOCAL_PENDING_MAX ? (uint32_t)distance : 0;
}

void bd_local_note_edge_inserted(bd_view *view, const bd_edge_info *info) {
    bd_local *local = view->workspace->local;
    bd_local_note_view(view);
    if (!local) return;
    uint32_t source = bd_local_bucket(view->index, info->source), target = bd_local_bucket(view->index, info->target);
    bd_pending_edge *entry = &local->pending[local->pending_count & (BD_LOCAL_PENDING_MAX - 1)];
    entry->request = view->workspace->requests;
    entry->info = *info;
    entry->view = view->index;
    entry->before_source = bd_local_chain(local, source);
    entry->before_target = target == source ? 0 : bd_local_chain(local, target);
    local->pending_count++;
}

/* The oldest request whose edge a new note would overwrite. 0 when there is room. */
static uint64_t bd_local_oldest(const bd_local *local) {
    if (local->pending_count < BD_LOCAL_PENDING_MAX) return 0;
    return local->pending[local->pending_count & (BD_LOCAL_PENDING_MAX - 1)].request;
}

static bool bd_local_list_has(const bd_arena_list *list, size_t count, uint32_t edge) {
    for (size_t at = count; at; at--)
        if (list->edges[at - 1].edge == edge) return true;
    return false;
}

/* Adds what is on its way behind what the arena told. `applied` was read before the arena was. */
static bool bd_local_add_pending(
    bd_local *local, uint64_t applied, uint32_t view, uint32_t node, uint32_t type, bd_direction direction,
    bd_arena_list *list) {
    uint32_t bucket = bd_local_bucket(view, node);
    uint64_t newest = local->buckets[bucket];
    if (!newest) return true;
    size_t known = list->count;
    uint64_t number = newest - 1;
    for (uint32_t steps = 0; steps < BD_LOCAL_PENDING_MAX; steps++) {
        if (local->pending_count - number > BD_LOCAL_PENDING_MAX) break;
        const bd_pending_edge *entry = &local->pending[number & (BD_LOCAL_PENDING_MAX - 1)];
        if (entry->request <= applied) break;
        bool is_source = entry->info.source == node, is_target = entry->info.target == node;
        bool is_ours = entry->view == view && (is_source || is_target) && (entry->info.bits & BD_EDGE_TYPE_MASK) == type;
        if (is_ours && entry->info.bits & BD_EDGE_DIRECTIONAL)
            is_ours = direction == BD_DIRECTION_ANY || (direction == BD_DIRECTION_OUT ? is_source : is_target);
        if (is_ours && !bd_local_list_has(list, known, entry->info.edge)) {
            bd_arena_edge edge = {entry->info.edge, entry->info.source, entry->info.target, entry->info.bits};
            if (!bd_arena_list_push(list, edge)) return false;
        }
        bool is_by_source = bd_local_bucket(entry->view, entry->info.source) == bucket;
        uint32_t distance = is_by_source ? entry->before_source : entry->before_target;
        if (!distance || distance > number) break;
        number -= distance;
    }
    for (size_t low = known, high = list->count; low + 1 < high; low++) { /* newest first -> oldest first */
        bd_arena_edge edge = list->edges[low];
        list->edges[low] = list->edges[--high];
        list->edges[high] = edge;
    }
    return true;
}

bd_answer bd_local_visit(
    bd_view *view, uint32_t node, uint32_t type, bd_direction direction, bd_arena_list *list) {
    bd_workspace *workspace = view->workspace;
    bool failed = false;
    memset(list, 0, sizeof *list);
    if (!workspace->quick) bd_request_push(workspace);
    bd_local *local = workspace->local;
    if (!local) return BD_ASK;
    if (view->unseen > bd_arena_applied(&local->arena, local->slot)) {
        local = bd_local_settled(workspace, view->unseen, &failed);
        if (!local) return failed ? BD_FAILED : BD_ASK;
    }
    uint64_t oldest = bd_local_oldest(local);
    if (oldest && bd_arena_applied(&local->arena, local->slot) < oldest) { /* notes were overwritten too early */
        local = bd_local_settled(workspace, workspace->requests, &failed);
        if (!local) return failed ? BD_FAILED : BD_ASK;
    }
    *list = local->scratch;
    memset(&local->scratch, 0, sizeof local->scratch);
    uint64_t applied = bd_arena_applied(&local->arena, local->slot);
    uint64_t batches = bd_arena_batches(&local->arena);
    bd_read read = bd_arena_edges(&local->arena, view->index, node, type, direction, list);
    if (!bd_arena_was_still(&local->arena, batches)) read = BD_READ_BROKEN;
    if (read == BD_READ_NONE && view->created > applied) { /* the view itself is on its way */
        list->count = 0;
        read = BD_READ_OK;
    }
    if (read == BD_READ_OK && view->written > applied &&
        !bd_local_add_pending(local, applied, view->index, node, type, direction, list))
        read = BD_READ_NO_MEMORY;
    if (read == BD_READ_OK) return BD_ANSWERED;
    if (read != BD_READ_NO_MEMORY) return BD_ASK;
    PyErr_NoMemory();
    return BD_FAILED;
}

bd_answer bd_local_edge_is_named(
    bd_workspace *workspace, uint32_t edge, const char *name, size_t bytes, bool *is_named) {
    bool failed;
    bd_arena_value value;
    bd_local *local = bd_local_of(workspace, BD_KIND_EDGE, edge, &failed);
    if (!local) return failed ? BD_FAILED : BD_ASK;
    bd_read read = bd_arena_edge_attribute(&local->arena, edge, "name", 4, &value);
    if (read != BD_READ_OK && read != BD_READ_NONE) return BD_ASK;
    *is_named = read == BD_READ_OK && value.kind == BD_LITERAL_STRING && value.text.count == bytes &&
                memcmp(value.text.bytes, name, bytes) == 0;
    return BD_ANSWERED;
}

/* The slow way: edges are on their way. A name among them waits until it has arrived. */
static bd_answer bd_local_first_pending(
    bd_view *view, uint32_t node, uint32_t type, bd_direction direction, const char *name, size_t bytes,
    bd_edge_info *info, bool *found) {
    bd_arena_list list;
    bd_answer answer = bd_local_visit(view, node, type, direction, &list);
    for (size_t i = 0; answer == BD_ANSWERED && !*found && i < list.count; i++) {
        const bd_arena_edge *edge = &list.edges[i];
        *found = true;
        if (name) answer = bd_local_edge_is_named(view->workspace, edge->edge, name, bytes, found);
        if (*found) *info = (bd_edge_info){edge->edge, edge->source, edge->target, edge->bits};
    }
    bd_local_visit_done(view->workspace, &list);
    return answer;
}

bd_answer bd_local_first(
    bd_view *view, uint32_t node, uint32_t type, bd_direction direction, const char *name, size_t bytes,
    bd_edge_info *info, bool *found) {
    bd_workspace *workspace = view->workspace;
    bd_arena_edge edge;
    *found = false;
    if (!workspace->quick) bd_request_push(workspace);
    bd_local *local = workspace->local;
    if (!local) return BD_ASK;
    uint64_t applied = bd_arena_applied(&local->arena, local->slot);
    uint64_t batches = bd_arena_batches(&local->arena);
    bd_read read = bd_arena_first(&local->arena, view->index, node, type, direction, name, bytes, &edge);
    if (!bd_arena_was_still(&local->arena, batches)) read = BD_READ_BROKEN;
    if (read == BD_READ_OK) {
        *info = (bd_edge_info){edge.edge, edge.source, edge.target, edge.bits};
        *found = true;
        return BD_ANSWERED;
    }
    if (read != BD_READ_NONE) return BD_ASK;
    if (view->written <= applied && view->created <= applied) return BD_ANSWERED;
    return bd_local_first_pending(view, node, type, direction, name, bytes, info, found);
}

void bd_local_visit_done(bd_workspace *workspace, bd_arena_list *list) {
    if (workspace->local && !workspace->local->scratch.edges && !workspace->local->scratch.ids &&
        list->edges_capacity <= 65536)
        workspace->local->scratch = *list;
    else
        bd_arena_list_free(list);
    memset(list, 0, sizeof *list);
}

/* -- attributes -------------------------------------------------------------------------------------------------------- */

static PyObject *bd_local_text(const bd_arena_text *text) {
    return PyUnicode_DecodeUTF8((const char *)text->bytes, (Py_ssize_t)text->count, NULL);
}

/* NULL without an exception when the bytes are no value. */
static PyObject *bd_local_value(const bd_arena_value *value) {
    double real;
    switch (value->kind) {
        case BD_LITERAL_INT: return PyLong_FromLongLong((long long)value->bits);
        case BD_LITERAL_FLOAT: memcpy(&real, &value->bits, sizeof real); return PyFloat_FromDouble(real);
        case BD_LITERAL_BOOL: return PyBool_FromLong(value->bits != 0);
        case BD_LITERAL_STRING: return bd_local_text(&value->text);
        default: return NULL;
    }
}

/* A text that is no UTF-8 can only come of a broken arena: the worker is asked. */
static bd_answer bd_local_made(PyObject *value) {
    if (value) return BD_ANSWERED;
    if (!PyErr_Occurred()) return BD_ASK;
    if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) return BD_FAILED;
    PyErr_Clear();
    return BD_ASK;
}

static bd_answer bd_local_attribute(bd_read read, const bd_arena_value *found, PyObject **value) {
    if (read == BD_READ_NONE) {
        Py_INCREF(Py_None);
        *value = Py_None;
        return BD_ANSWERED;
    }
    if (read != BD_READ_OK) return BD_ASK;
    *value = bd_local_value(found);
    return bd_local_made(*value);
}

bd_answer bd_local_node_attribute(
    bd_workspace *workspace, uint32_t node, const char *key, size_t bytes, PyObject **value) {
    bool failed;
    bd_arena_value found;
    bd_local *local = bd_local_of(workspace, BD_KIND_NODE, node, &failed);
    if (!local) return failed ? BD_FAILED : BD_ASK;
    return bd_local_attribute(bd_arena_node_attribute(&local->arena, node, key, bytes, &found), &found, value);
}

bd_answer bd_local_edge_attribute(
    bd_workspace *workspace, uint32_t edge, const char *key, size_t bytes, PyObject **value) {
    bool failed;
    bd_arena_value found;
    bd_local *local = bd_local_of(workspace, BD_KIND_EDGE, edge, &failed);
    if (!local) return failed ? BD_FAILED : BD_ASK;
    return bd_local_attribute(bd_arena_edge_attribute(&local->arena, edge, key, bytes, &found), &found, value);
}

bd_answer bd_local_edge_info(bd_workspace *workspace, bd_edge_info *info) {
    bd_arena_edge found;
    bool failed;
    bd_local *local = bd_local_of(workspace, BD_KIND_EDGE, info->edge, &failed);
    if (!local) return failed ? BD_FAILED : BD_ASK;
    if (bd_arena_edge_info(&local->arena, info->edge, &found) != BD_READ_OK) return BD_ASK;
    *info = (bd_edge_info){info->edge, found.source, found.target, found.bits};
    return BD_ANSWERED;
}

bool bd_local_retargets(const bd_workspace *workspace) {
    return workspace->local && bd_arena_retargets(&workspace->local->arena);
}

bd_answer bd_local_node_attributes(bd_workspace *workspace, uint32_t node, PyObject **dict) {
    bool failed;
    *dict = PyDict_New(); /* first: making it may run the collector, and what that runs may end the arena */
    if (!*dict) return BD_FAILED;
    bd_local *local = bd_local_of(workspace, BD_KIND_NODE, node, &failed);
    if (!local || bd_arena_node_exists(&local->arena, node) != BD_READ_OK) {
        Py_CLEAR(*dict);
        return !local && failed ? BD_FAILED : BD_ASK;
    }
    for (uint32_t index = 0; *dict; index++) {
        bd_arena_text text;
        bd_arena_value found;
        bd_read read = bd_arena_node_pair(&local->arena, node, index, &text, &found);
        if (read == BD_READ_NONE) return BD_ANSWERED;
        PyObject *key = read == BD_READ_OK ? bd_local_text(&text) : NULL;
        PyObject *value = key ? bd_local_value(&found) : NULL;
        if (!value || PyDict_SetItem(*dict, key, value) < 0) Py_CLEAR(*dict);
        Py_XDECREF(key);
        Py_XDECREF(value);
    }
    return bd_local_made(*dict);
}

/* -- members ----------------------------------------------------------------------------------------------------------- */

bd_answer bd_local_counts(bd_view *view, uint32_t *nodes, uint32_t *edges) {
    bool failed;
    bd_local *local = bd_local_settled(view->workspace, view->written, &failed);
    if (!local) return failed ? BD_FAILED : BD_ASK;
    uint64_t batches = bd_arena_batches(&local->arena);
    bd_read read = bd_arena_view_counts(&local->arena, view->index, nodes, edges);
    return read == BD_READ_OK && bd_arena_was_still(&local->arena, batches) ? BD_ANSWERED : BD_ASK;
}

bool bd_local_counts_now(const bd_view *view, uint32_t *nodes, uint32_t *edges) {
    bd_local *local = view->workspace->local;
    return local && !view->is_destroyed && bd_arena_applied(&local->arena, local->slot) >= view->written &&
           bd_arena_view_counts(&local->arena, view->index, nodes, edges) == BD_READ_OK;
}

bd_answer bd_local_nodes(bd_view *view, bd_arena_list *list) {
    bool failed;
    memset(list, 0, sizeof *list);
    bd_local *local = bd_local_settled(view->workspace, view->written, &failed);
    if (!local) return failed ? BD_FAILED : BD_ASK;
    uint64_t batches = bd_arena_batches(&local->arena);
    bd_read read = bd_arena_view_nodes(&local->arena, view->index, list);
    if (read == BD_READ_OK && !bd_arena_was_still(&local->arena, batches)) read = BD_READ_BROKEN;
    if (read == BD_READ_OK) return BD_ANSWERED;
    bd_arena_list_free(list);
    if (read != BD_READ_NO_MEMORY) return BD_ASK;
    PyErr_NoMemory();
    return BD_FAILED;
}

bd_answer bd_local_has_node(bd_view *view, uint32_t node) {
    bd_local *local = view->workspace->local; /* a node on its way is known to the client: no need to wait */
    if (!local) return BD_ASK;
    uint64_t batches = bd_arena_batches(&local->arena);
    bd_read read = bd_arena_view_has_node(&local->arena, view->index, node);
    return read == BD_READ_OK && bd_arena_was_still(&local->arena, batches) ? BD_ANSWERED : BD_ASK;
}
