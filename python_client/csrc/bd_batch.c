/* See bd_batch.h. The Python type is written in C so that no signal can come between the end of a block and its outcome. */
#include "bd_batch.h"

#include <stdlib.h>

static bool bd_array_reserve(void **items, size_t count, size_t *capacity, size_t item_bytes) {
    if (count < *capacity) return true;
    size_t wanted = *capacity ? *capacity * 2 : 64;
    void *larger = realloc(*items, wanted * item_bytes);
    if (!larger) return false;
    *items = larger;
    *capacity = wanted;
    return true;
}

bool bd_batch_is_mine(const bd_workspace *workspace) {
    const bd_batch *batch = workspace->batch;
    return batch && batch->phase == BD_BATCH_OPEN && batch->thread == PyThread_get_thread_ident();
}

/* -- outcome ----------------------------------------------------------------------------------------------------------- */

static void bd_batch_free(bd_batch *batch) {
    for (size_t i = 0; i < batch->learned_count; i++) bd_view_release(batch->learned[i].view);
    for (size_t i = 0; i < batch->made_count; i++) bd_view_release(batch->made[i]);
    bd_idset_free(&batch->nodes);
    bd_idset_free(&batch->edges);
    bd_idset_free(&batch->views);
    bd_writer_free(&batch->commands);
    free(batch->learned);
    free(batch->made);
    free(batch);
}

static void bd_batch_keep(const bd_batch *batch) {
    for (size_t i = 0; i < batch->learned_count; i++) {
        const bd_learned *learned = &batch->learned[i];
        if (learned->kind != BD_KIND_EDGE || learned->view->is_destroyed) continue;
        bd_idset_add(&learned->view->nodes, learned->source);
        bd_idset_add(&learned->view->nodes, learned->target);
    }
}

static void bd_batch_forget(bd_workspace *workspace, bd_batch *batch) {
    for (size_t i = 0; i < batch->learned_count; i++) {
        bd_view *view = batch->learned[i].view;
        if (!view->is_destroyed)
            bd_idset_remove(batch->learned[i].kind == BD_KIND_NODE ? &view->nodes : &view->edges, batch->learned[i].id);
    }
    for (size_t i = 0; i < batch->made_count; i++) batch->made[i]->is_destroyed = batch->made[i]->is_given_up = true;
    /* Without memory for the ids the worker still says that there are no such objects. */
    if (!workspace->given_up) workspace->given_up = calloc(1, sizeof *workspace->given_up);
    if (!workspace->given_up) return;
    bd_idset_merge(&workspace->given_up->nodes, &batch->nodes);
    bd_idset_merge(&workspace->given_up->edges, &batch->edges);
}

/* The batch is over. Makes no request and leaves a set exception alone. */
static void bd_batch_settle(bd_workspace *workspace, bool is_applied) {
    bd_batch *batch = workspace->batch;
    workspace->batch = NULL;
    if (is_applied) bd_batch_keep(batch);
    else bd_batch_forget(workspace, batch);
    workspace->guarded = workspace->given_up != NULL;
    bd_workspace_update_quick(workspace);
    bd_batch_free(batch);
}

void bd_batch_abandon(bd_workspace *workspace) {
    if (workspace->batch && workspace->batch->phase == BD_BATCH_UNDECIDED) bd_batch_settle(workspace, false);
    if (workspace->references || !workspace->given_up) return;
    bd_idset_free(&workspace->given_up->nodes);
    bd_idset_free(&workspace->given_up->edges);
    free(workspace->given_up);
    workspace->given_up = NULL;
}

/* Asks the worker what became of the last batch. 0 when that is settled. */
static int bd_batch_decide(bd_workspace *workspace) {
    uint64_t serial = workspace->batch->serial;
    if (!workspace->batch->request) { /* it was lost on its way, with a worker */
        bd_batch_settle(workspace, false);
        return 0;
    }
    uint32_t none = 0;
    bd_piece piece = {&none, sizeof none};
    bd_reply reply;
    bd_reader result;
    int outcome = bd_request_call(workspace, BD_OP_BATCH, "batch", &piece, 1, &reply, &result);
    uint32_t is_applied = 0;
    if (outcome == 0) {
        is_applied = bd_reader_u32(&result);
        bd_request_done(workspace, &reply);
    }
    bool is_over = outcome == 0 || workspace->life != BD_ALIVE;
    if (is_over && workspace->batch && workspace->batch->serial == serial) bd_batch_settle(workspace, is_applied != 0);
    return outcome;
}

/* -- what goes in ------------------------------------------------------------------------------------------------------ */

int bd_batch_collects(bd_workspace *workspace, uint16_t operation, const char *name) {
    if (workspace->batch->phase == BD_BATCH_UNDECIDED) return bd_batch_decide(workspace);
    if (!bd_batch_is_mine(workspace)) return 0;
    const bd_method *method = bd_operation_method(operation);
    if (method && method->is_batchable) return 1;
    PyErr_Format(PyExc_RuntimeError, "%s cannot be called inside a batch; call it after the block", name);
    return -1;
}

int bd_batch_admits(bd_workspace *workspace, uint16_t operation, const char *name) {
    bd_batch *batch = workspace->batch;
    if (operation == BD_OP_BATCH || operation == BD_OP_LEASE) return 0;
    if (batch->phase == BD_BATCH_UNDECIDED) return bd_batch_decide(workspace);
    if (!bd_batch_is_mine(workspace)) return 0;
    const bd_method *method = bd_operation_method(operation);
    if (!method || method->kind == BD_KIND_OF_REQUEST_QUERY) return 0;
    PyErr_Format(
        PyExc_RuntimeError, "%s needs the worker's answer and cannot be called inside a batch; call it after the block",
        name);
    return -1;
}

int bd_batch_add(
    bd_workspace *workspace, uint16_t operation, const bd_piece *pieces, int count, const bd_claim *claims,
    int claim_count) {
    bd_batch *batch = workspace->batch;
    size_t bytes = 0, start = batch->commands.size;
    for (int i = 0; i < count; i++) bytes += pieces[i].bytes;
    bool is_known = true;
    for (int i = 0; i < claim_count; i++) {
        uint32_t kind = claims[i].kind;
        bd_idset *made = kind == BD_KIND_NODE ? &batch->nodes : kind == BD_KIND_EDGE ? &batch->edges : &batch->views;
        is_known = bd_idset_add(made, *claims[i].id) && is_known;
    }
    if (bytes <= UINT32_MAX) {
        bd_writer_u32(&batch->commands, operation);
        bd_writer_u32(&batch->commands, (uint32_t)bytes);
        unsigned char *to = bd_writer_reserve(&batch->commands, bytes);
        for (int i = 0; to && i < count; to += pieces[i++].bytes)
            if (pieces[i].bytes) memcpy(to, pieces[i].data, pieces[i].bytes);
    }
    if (is_known && bytes <= UINT32_MAX && !batch->commands.failed) {
        batch->count++;
        return 0;
    }
    batch->commands.size = start;
    batch->commands.failed = false;
    PyErr_NoMemory();
    return -1;
}

static int bd_batch_note_learned(bd_view *view, uint32_t kind, uint32_t id, uint32_t source, uint32_t target) {
    bd_batch *batch = view->workspace->batch;
    bd_idset *known = kind == BD_KIND_NODE ? &view->nodes : &view->edges;
    if (bd_idset_has(known, id)) return 0;
    if (!bd_array_reserve(
            (void **)&batch->learned, batch->learned_count, &batch->learned_capacity, sizeof *batch->learned)) {
        PyErr_NoMemory();
        return -1;
    }
    batch->learned[batch->learned_count++] = (bd_learned){view, kind, id, source, target};
    bd_view_retain(view);
    return 0;
}

int bd_batch_learn_node(bd_view *view, uint32_t node) {
    if (bd_batch_is_mine(view->workspace) && bd_batch_note_learned(view, BD_KIND_NODE, node, 0, 0) < 0) return -1;
    bd_idset_add(&view->nodes, node);
    return 0;
}

int bd_batch_learn_edge(bd_view *view, const bd_edge_info *info) {
    if (bd_batch_is_mine(view->workspace)) {
        /* Whether its ends are members the worker says at the end. */
        if (bd_batch_note_learned(view, BD_KIND_EDGE, info->edge, info->source, info->target) < 0) return -1;
        bd_idset_add(&view->edges, info->edge);
        return 0;
    }
    bd_view_know_edge(view, info);
    return 0;
}

int bd_batch_made_view(bd_view *view) {
    if (!bd_batch_is_mine(view->workspace)) return 0;
    bd_batch *batch = view->workspace->batch;
    if (!bd_array_reserve((void **)&batch->made, batch->made_count, &batch->made_capacity, sizeof *batch->made)) {
        PyErr_NoMemory();
        return -1;
    }
    batch->made[batch->made_count++] = view;
    bd_view_retain(view);
    return 0;
}

/* -- what may be used -------------------------------------------------------------------------------------------------- */

int bd_batch_guard(bd_workspace *workspace, uint32_t kind, uint32_t id, bool is_read) {
    bool is_node = kind == BD_KIND_NODE || kind == BD_KIND_BOUND_NODE || kind == BD_KIND_TYPE_GRAPH;
    bool is_edge = kind == BD_KIND_EDGE || kind == BD_KIND_BOUND_EDGE;
    const char *word = is_node ? "node" : is_edge ? "edge" : "view";
    bd_batch *batch = workspace->batch;
    if (batch && bd_idset_has(is_node ? &batch->nodes : is_edge ? &batch->edges : &batch->views, id)) {
        if (batch->phase == BD_BATCH_UNDECIDED) { /* deciding ends the batch: one level deep */
            if (bd_batch_decide(workspace) < 0) return -1;
            return bd_batch_guard(workspace, kind, id, is_read);
        }
        bool is_mine = bd_batch_is_mine(workspace);
        if (is_mine && !is_read) return 0;
        PyErr_Format(
            PyExc_RuntimeError, "%s %u is made by %s, which has not ended: it exists only after that", word, id,
            is_mine ? "this batch" : "a batch of another thread");
        return -1;
    }
    bd_given_up *lost = workspace->given_up;
    if (!lost || !(is_node || is_edge) || !bd_idset_has(is_node ? &lost->nodes : &lost->edges, id)) return 0;
    bd_error_set("StaleHandleError", "%s %u was made in a batch that was given up%s: it never came to be", word, id,
        bd_workspace_or_lost(workspace));
    return -1;
}

/* -- the context manager ----------------------------------------------------------------------------------------------- */

typedef struct bd_batch_object {
    PyObject_HEAD
    bd_view *view;
    uint64_t serial; /* of the batch that it opened, 0: none yet */
    bool is_over;
} bd_batch_object;

static bool bd_batch_object_is_open(const bd_batch_object *self) {
    const bd_batch *batch = self->view->workspace->batch;
    return !self->is_over && self->serial && batch && batch->serial == self->serial && batch->phase == BD_BATCH_OPEN;
}

static PyObject *bd_batch_enter(PyObject *object, PyObject *ignored) {
    (void)ignored;
    static uint64_t serial; /* changed with the GIL held; only ever compared */
    bd_batch_object *self = (bd_batch_object *)object;
    bd_workspace *workspace = self->view->workspace;
    if (bd_view_check(self->view) < 0) return NULL;
    if (self->serial) {
        PyErr_SetString(PyExc_RuntimeError, "this batch was used before; call view.batch() for each block");
        return NULL;
    }
    if (workspace->batch && workspace->batch->phase == BD_BATCH_UNDECIDED && bd_batch_decide(workspace) < 0) return NULL;
    if (workspace->batch) {
        PyErr_Format(
            PyExc_RuntimeError, "a batch %sis open in this workspace already: batches do not nest",
            bd_batch_is_mine(workspace) ? "" : "of another thread ");
        return NULL;
    }
    bd_batch *batch = calloc(1, sizeof *batch);
    if (!batch) return PyErr_NoMemory();
    bd_writer_init(&batch->commands);
    batch->thread = PyThread_get_thread_ident();
    batch->serial = self->serial = ++serial;
    workspace->batch = batch;
    workspace->guarded = true;
    workspace->quick = false;
    Py_INCREF(object);
    return object;
}

/* Sends the batch and waits for its outcome. */
static int bd_batch_commit(bd_workspace *workspace) {
    bd_batch *batch = workspace->batch;
    if (!batch->count) {
        bd_batch_settle(workspace, true);
        return 0;
    }
    batch->phase = BD_BATCH_ENDING;
    bd_piece pieces[2] = {{&batch->count, sizeof batch->count}, {batch->commands.data, batch->commands.size}};
    bd_reply reply;
    bd_reader result;
    if (bd_request_call(workspace, BD_OP_BATCH, "batch", pieces, 2, &reply, &result) == 0) {
        bd_request_done(workspace, &reply);
        bd_batch_settle(workspace, true);
        return 0;
    }
    if (!batch->request || workspace->life != BD_ALIVE) { /* it was never sent, or nobody is left who did it */
        bd_batch_settle(workspace, false);
    } else {
        batch->phase = BD_BATCH_UNDECIDED;
        bool is_answered = workspace->connection.abandoned < batch->request;
        if (is_answered) { /* by a refusal, or by the refusal of something earlier, which says nothing of the batch */
            PyObject *type, *value, *trace;
            PyErr_Fetch(&type, &value, &trace);
            if (bd_batch_decide(workspace) < 0) PyErr_Clear(); /* the next request asks again */
            PyErr_Restore(type, value, trace);
        }
    }
    return -1;
}

static PyObject *bd_batch_exit(PyObject *object, PyObject *arguments) {
    bd_batch_object *self = (bd_batch_object *)object;
    bd_workspace *workspace = self->view->workspace;
    PyObject *kind = NULL, *value, *trace;
    if (!PyArg_ParseTuple(arguments, "OOO:__exit__", &kind, &value, &trace)) return NULL;
    if (!bd_batch_object_is_open(self)) {
        PyErr_SetString(PyExc_RuntimeError, "this batch is not open");
        return NULL;
    }
    if (workspace->batch->thread != PyThread_get_thread_ident()) {
        PyErr_SetString(PyExc_RuntimeError, "a batch ends in the thread that opened it");
        return NULL;
    }
    self->is_over = true;
    if (kind != Py_None) {
        bd_batch_settle(workspace, false);
        Py_RETURN_FALSE;
    }
    bd_workspace_retain(workspace);
    int result = bd_batch_commit(workspace);
    bd_workspace_release(workspace);
    if (result < 0) return NULL;
    Py_RETURN_FALSE;
}

static PyObject *bd_batch_length(PyObject *object, void *ignored) {
    (void)ignored;
    bd_batch_object *self = (bd_batch_object *)object;
    return PyLong_FromUnsignedLong(bd_batch_object_is_open(self) ? self->view->workspace->batch->count : 0);
}

static void bd_batch_dealloc(PyObject *object) {
    bd_batch_object *self = (bd_batch_object *)object;
    PyTypeObject *type = Py_TYPE(object);
    if (bd_batch_object_is_open(self)) bd_batch_settle(self->view->workspace, false);
    bd_view_release(self->view);
    PyObject_Free(object);
    Py_DECREF(type);
}

PyObject *bd_graph_view_batch(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    (void)args, (void)count, (void)keywords;
    bd_view *view = ((bd_view_object *)self)->view;
    if (bd_view_check_for(view, BD_METHOD_GRAPH_VIEW_BATCH) < 0) return NULL;
    bd_batch_object *batch = PyObject_New(bd_batch_object, view->workspace->state->batch_type);
    if (!batch) return NULL;
    bd_view_retain(view);
    batch->view = view;
    batch->serial = 0;
    batch->is_over = false;
    return (PyObject *)batch;
}

static PyMethodDef bd_batch_methods[] = {
    {"__enter__", bd_batch_enter, METH_NOARGS, NULL},
    {"__exit__", bd_batch_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef bd_batch_getset[] = {
    {"command_count", bd_batch_length, NULL, "Commands that the open block has collected; 0 when it is over.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot bd_batch_slots[] = {
    {Py_tp_dealloc, bd_batch_dealloc}, {Py_tp_new, bd_handle_no_new}, {Py_tp_methods, bd_batch_methods},
    {Py_tp_getset, bd_batch_getset},
    {Py_tp_doc, "Changes that are made whole or not at all. Made by GraphView.batch()."}, {0, NULL},
};

int bd_batch_type_add(PyObject *module, bd_state *state) {
    PyType_Spec spec = {"bindd.Batch", sizeof(bd_batch_object), 0, Py_TPFLAGS_DEFAULT, bd_batch_slots};
    state->batch_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    return state->batch_type ? PyModule_AddObjectRef(module, "Batch", (PyObject *)state->batch_type) : -1;
}
