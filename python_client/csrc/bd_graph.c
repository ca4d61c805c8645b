/* The methods of the graph classes that are written by hand: what is local, what is a command with ids of this client's
 * own, and the visit. Everything else goes through bd_invoke.c.
 *
 * Wire (payload of each request made here):
 *   NodeReference.create       u32 node, attributes
 *   EdgeReference.create       u32 edge, u32 source, u32 target, u32 bits, attributes (the name first, as "name")
 *   GraphView.create           u32 view, u32 self node
 *   GraphView.create_and_insert_node, .insert_node     u32 view, u32 node
 *   GraphView.insert_edge      u32 view, u32 edge; as a call when the ends are not known to be members
 *   GraphView.destroy          u32 view, list of u32 nodes, list of u32 edges (members with living proxies: pin them)
 * Static methods get the module as `self`.
 * Cost: local 20-30 ns, a command 30-60 ns, the rest one round trip.
 */
#include "bd_batch.h"
#include "bd_foretell.h"

#include <stdlib.h>

#define BD_EDGE_TYPE(info) ((info)->bits & 0xffu)

#define BD_NAME(method) bd_methods[method].name
#define BD_IGNORED (void)args, (void)count, (void)keywords

static inline bd_view *bd_view_of(PyObject *self) { return ((bd_view_object *)self)->view; }
static inline bd_bound_node_object *bd_bound(PyObject *self) { return (bd_bound_node_object *)self; }

/* -- NodeReference ---------------------------------------------------------------------------------------------------- */

/* The worker holds a pin from now on; the last proxy's end releases it. */
static PyObject *bd_node_new_pinned(bd_workspace *workspace, uint32_t id) {
    bd_local_note(workspace, BD_KIND_NODE, id);
    PyObject *node = bd_node_new(workspace, id);
    if (node) bd_counts_pin(&workspace->node_counts, id);
    return node;
}

PyObject *bd_node_create(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_state *state = bd_state_of(self);
    bd_workspace *workspace = bd_state_workspace(state);
    if (!workspace) return NULL;
    PyObject *node = NULL;
    bd_writer writer;
    bd_writer_init(&writer);
    bd_workspace_retain(workspace);
    if (bd_value_write_keywords(state, BD_METHOD_NODE_REFERENCE_CREATE, &writer, args, count, keywords, NULL, 0) == 0) {
        uint32_t id;
        bd_piece pieces[2] = {{&id, sizeof id}, {writer.data, writer.size}};
        bd_claim claim = {BD_KIND_NODE, &workspace->nodes, &id};
        if (bd_request_create(
                workspace, BD_OP_NODE_REFERENCE_CREATE, BD_NAME(BD_METHOD_NODE_REFERENCE_CREATE), pieces, 2, &claim,
                1) == 0)
            node = bd_node_new_pinned(workspace, id);
    }
    bd_writer_free(&writer);
    bd_workspace_release(workspace);
    return node;
}

PyObject *bd_node_get_uuid(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_node_object *node = (bd_node_object *)self;
    if (bd_workspace_check(node->workspace) < 0 || bd_guard_use(node->workspace, BD_KIND_NODE, node->node) < 0)
        return NULL;
    return PyLong_FromUnsignedLong(node->node);
}

PyObject *bd_node_is_same(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_node_object *node = (bd_node_object *)self;
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(node->workspace->state, BD_METHOD_NODE_REFERENCE_IS_SAME, args, count, keywords, values) < 0)
        return NULL;
    bd_node_object *other = (bd_node_object *)values[0];
    if (bd_workspace_check(node->workspace) < 0 || bd_workspace_check(other->workspace) < 0) return NULL;
    return PyBool_FromLong(node->node == other->node && node->workspace == other->workspace);
}

/* -- EdgeReference ---------------------------------------------------------------------------------------------------- */

static int bd_edge_create_bits(PyObject **values, uint32_t *bits) {
    if (bd_value_u8(values[2], bits) < 0) return -1;
    if (!values[3] || values[3] == Py_None) return 0;
    int truth = PyObject_IsTrue(values[3]);
    if (truth < 0) return -1;
    if (truth) *bits |= BD_EDGE_DIRECTIONAL;
    return 0;
}

PyObject *bd_edge_create(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_state *state = bd_state_of(self);
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(state, BD_METHOD_EDGE_REFERENCE_CREATE, args, count, keywords, values) < 0) return NULL;
    bd_edge_info info = {0, ((bd_node_object *)values[0])->node, ((bd_node_object *)values[1])->node, 0};
    bd_workspace *workspace = ((bd_node_object *)values[0])->workspace;
    if (bd_workspace_check(workspace) < 0) return NULL;
    if (workspace != ((bd_node_object *)values[1])->workspace) {
        if (bd_workspace_check(((bd_node_object *)values[1])->workspace) == 0)
            PyErr_SetString(PyExc_ValueError, "source and target belong to different workspaces");
        return NULL;
    }
    if (bd_guard_use(workspace, BD_KIND_NODE, info.source) < 0 || bd_guard_use(workspace, BD_KIND_NODE, info.target) < 0)
        return NULL;
    if (bd_edge_create_bits(values, &info.bits) < 0) return NULL;
    const char *name = NULL;
    size_t name_bytes = 0;
    if (values[4] && values[4] != Py_None) {
        name = bd_value_str(values[4], &name_bytes, "Expected a string");
        if (!name) return NULL;
    }
    PyObject *edge = NULL;
    bd_writer writer;
    bd_writer_init(&writer);
    if (bd_value_write_keywords(
            state, BD_METHOD_EDGE_REFERENCE_CREATE, &writer, args, count, keywords, name, name_bytes) == 0 &&
        bd_edge_make(workspace, &info, writer.data, writer.size) == 0) {
        edge = bd_edge_new(workspace, &info);
        if (edge) bd_counts_pin(&workspace->edge_counts, info.edge);
    }
    bd_writer_free(&writer);
    return edge;
}

int bd_edge_make(bd_workspace *workspace, bd_edge_info *info, const void *attributes, size_t bytes) {
    bd_piece pieces[2] = {{info, sizeof *info}, {attributes, bytes}};
    bd_claim claim = {BD_KIND_EDGE, &workspace->edges, &info->edge};
    if (bd_request_create(
            workspace, BD_OP_EDGE_REFERENCE_CREATE, BD_NAME(BD_METHOD_EDGE_REFERENCE_CREATE), pieces, 2, &claim, 1) < 0)
        return -1;
    bd_local_note(workspace, BD_KIND_EDGE, info->edge);
    return 0;
}

bool bd_edges_may_have_changed(const bd_workspace *workspace) {
    return workspace->edges_changed || bd_local_retargets(workspace);
}

/* Asks for the edge as it is now. */
int bd_edge_look_again(bd_workspace *workspace, bd_edge_info *info) {
    if (workspace->batch && bd_idset_has(&workspace->batch->edges, info->edge)) return 0; /* nobody else knows it yet */
    bd_answer answer = bd_local_edge_info(workspace, info);
    if (answer != BD_ASK) return answer == BD_FAILED ? -1 : 0;
    const char *name = BD_NAME(BD_METHOD_EDGE_REFERENCE_REFRESH);
    bd_piece piece = {&info->edge, sizeof info->edge};
    bd_reply reply;
    bd_reader result;
    if (bd_request_call(workspace, BD_OP_EDGE_REFERENCE_REFRESH, name, &piece, 1, &reply, &result) < 0) return -1;
    bd_edge_info found;
    bd_read_edge_info(&result, &found);
    bool is_broken = result.bad || bd_reader_left(&result) || found.edge != info->edge;
    bd_request_done(workspace, &reply);
    if (is_broken) {
        bd_error_protocol(workspace, name);
        return -1;
    }
    *info = found;
    bd_workspace_saw_edge(workspace, info);
    return 0;
}

PyObject *bd_edge_refresh(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_edge_object *edge = (bd_edge_object *)self;
    if (bd_workspace_check(edge->workspace) < 0 || bd_edge_look_again(edge->workspace, &edge->info) < 0) return NULL;
    Py_RETURN_NONE;
}

/* The handle's edge as it is now. */
static bd_edge_object *bd_edge_checked(PyObject *self) {
    bd_edge_object *edge = (bd_edge_object *)self;
    if (bd_workspace_check(edge->workspace) < 0 || bd_guard_use(edge->workspace, BD_KIND_EDGE, edge->info.edge) < 0)
        return NULL;
    return bd_edge_current(edge->workspace, &edge->info) < 0 ? NULL : edge;
}

PyObject *bd_edge_source(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_edge_object *edge = bd_edge_checked(self);
    return edge ? bd_node_new(edge->workspace, edge->info.source) : NULL;
}

PyObject *bd_edge_target(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_edge_object *edge = bd_edge_checked(self);
    return edge ? bd_node_new(edge->workspace, edge->info.target) : NULL;
}

PyObject *bd_edge_edge_type(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_edge_object *edge = bd_edge_checked(self);
    return edge ? PyLong_FromUnsignedLong(BD_EDGE_TYPE(&edge->info)) : NULL;
}

PyObject *bd_edge_directional(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_edge_object *edge = bd_edge_checked(self);
    return edge ? PyBool_FromLong((edge->info.bits & BD_EDGE_DIRECTIONAL) != 0) : NULL;
}

PyObject *bd_edge_is_same(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_edge_object *edge = (bd_edge_object *)self;
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(edge->workspace->state, BD_METHOD_EDGE_REFERENCE_IS_SAME, args, count, keywords, values) < 0)
        return NULL;
    bd_edge_object *other = (bd_edge_object *)values[0];
    if (!bd_edge_checked(self) || !bd_edge_checked(values[0])) return NULL;
    return PyBool_FromLong(edge->info.edge == other->info.edge && edge->workspace == other->workspace);
}

/* -- GraphView: local and commands ---------------------------------------------------------------------------------------- */

PyObject *bd_graph_view_create(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_workspace *workspace = bd_state_workspace(bd_state_of(self));
    if (!workspace) return NULL;
    bd_workspace_retain(workspace);
    PyObject *object = NULL;
    uint32_t words[2]; /* view, self node */
    bd_piece piece = {words, sizeof words};
    bd_claim claims[2] = {
        {BD_KIND_VIEW, &workspace->views, &words[0]}, {BD_KIND_NODE, &workspace->nodes, &words[1]}};
    if (bd_request_create(
            workspace, BD_OP_GRAPH_VIEW_CREATE, BD_NAME(BD_METHOD_GRAPH_VIEW_CREATE), &piece, 1, claims, 2) == 0) {
        bd_view *view = bd_view_new(workspace, words[0], words[1]);
        bd_local_note(workspace, BD_KIND_NODE, words[1]);
        if (view) {
            view->made = workspace->requests;
            if (bd_batch_made_view(view) == 0) object = bd_view_object_new(view);
            bd_view_release(view);
        }
    }
    bd_workspace_release(workspace);
    return object;
}

PyObject *bd_graph_view_get_self_node(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_view *view = bd_view_of(self);
    return bd_view_check_for(view, BD_METHOD_GRAPH_VIEW_GET_SELF_NODE) < 0 ? NULL : bd_bound_node_new(view, view->self_node);
}

PyObject *bd_graph_view_create_and_insert_node(
    PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_view *view = bd_view_of(self);
    uint32_t node;
    if (bd_view_check_for(view, BD_METHOD_GRAPH_VIEW_CREATE_AND_INSERT_NODE) < 0 ||
        bd_request_create_node(
            view->workspace, BD_OP_GRAPH_VIEW_CREATE_AND_INSERT_NODE,
            BD_NAME(BD_METHOD_GRAPH_VIEW_CREATE_AND_INSERT_NODE), view->index, &node) < 0)
        return NULL;
    bd_local_note_view(view);
    bd_local_note(view->workspace, BD_KIND_NODE, node);
    return bd_batch_learn_node(view, node) < 0 ? NULL : bd_bound_node_new(view, node);
}

static int bd_view_same_workspace(bd_view *view, bd_workspace *other) {
    if (view->workspace == other) return 0;
    if (bd_workspace_check(other) == 0)
        PyErr_SetString(PyExc_ValueError, "the object belongs to another workspace than the view");
    return -1;
}

PyObject *bd_graph_view_insert_node(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_view *view = bd_view_of(self);
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(
            view->workspace->state, BD_METHOD_GRAPH_VIEW_INSERT_NODE, args, count, keywords, values) < 0)
        return NULL;
    bd_node_object *node = (bd_node_object *)values[0];
    if (bd_view_check(view) < 0 || bd_view_same_workspace(view, node->workspace) < 0 ||
        bd_guard_use(node->workspace, BD_KIND_NODE, node->node) < 0)
        return NULL;
    if (!bd_idset_has(&view->nodes, node->node)) {
        if (bd_request_command2(
                view->workspace, BD_OP_GRAPH_VIEW_INSERT_NODE, BD_NAME(BD_METHOD_GRAPH_VIEW_INSERT_NODE), view->index,
                node->node) < 0)
            return NULL;
        bd_local_note_view(view);
        if (bd_batch_learn_node(view, node->node) < 0) return NULL;
    }
    return bd_bound_node_new(view, node->node);
}

PyObject *bd_graph_view_bind(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_view *view = bd_view_of(self);
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(view->workspace->state, BD_METHOD_GRAPH_VIEW_BIND, args, count, keywords, values) < 0)
        return NULL;
    bd_node_object *node = (bd_node_object *)values[0];
    if (bd_view_check(view) < 0 || bd_view_same_workspace(view, node->workspace) < 0 ||
        bd_guard_use(node->workspace, BD_KIND_NODE, node->node) < 0)
        return NULL;
    return bd_bound_node_new(view, node->node);
}

bool bd_view_has_node(bd_view *view, uint32_t node) {
    return bd_idset_has(&view->nodes, node) || bd_local_has_node(view, node) == BD_ANSWERED;
}

int bd_edge_insert_known(bd_view *view, const bd_edge_info *info) {
    bool is_batched = bd_batch_is_mine(view->workspace);
    if (bd_request_command2(
            view->workspace, BD_OP_GRAPH_VIEW_INSERT_EDGE, BD_NAME(BD_METHOD_GRAPH_VIEW_INSERT_EDGE), view->index,
            info->edge) < 0)
        return -1;
    if (is_batched) bd_local_note_view(view);
    else bd_local_note_edge_inserted(view, info);
    bd_foretell_edge_inserted(view->workspace, info);
    return bd_batch_learn_edge(view, info);
}

bool bd_edge_can_insert(bd_view *view, const bd_edge_info *info) {
    return bd_batch_is_mine(view->workspace) ||
           (bd_view_has_node(view, info->source) && bd_view_has_node(view, info->target));
}

/* Between known members it cannot fail: a command. Else the worker decides, and its refusal is raised here; in a batch at
 * its end. */
static int bd_view_insert_edge(bd_view *view, const bd_edge_info *info) {
    const char *name = BD_NAME(BD_METHOD_GRAPH_VIEW_INSERT_EDGE);
    if (bd_edge_can_insert(view, info)) return bd_edge_insert_known(view, info);
    uint32_t words[2] = {view->index, info->edge};
    bd_piece piece = {words, sizeof words};
    bd_reply reply;
    bd_reader result;
    if (bd_request_call(view->workspace, BD_OP_GRAPH_VIEW_INSERT_EDGE, name, &piece, 1, &reply, &result) < 0) return -1;
    bd_request_done(view->workspace, &reply);
    return 0;
}

PyObject *bd_graph_view_insert_edge(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_view *view = bd_view_of(self);
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(
            view->workspace->state, BD_METHOD_GRAPH_VIEW_INSERT_EDGE, args, count, keywords, values) < 0)
        return NULL;
    bd_edge_object *edge = (bd_edge_object *)values[0];
    if (bd_view_check(view) < 0 || bd_view_same_workspace(view, edge->workspace) < 0 ||
        bd_guard_use(edge->workspace, BD_KIND_EDGE, edge->info.edge) < 0)
        return NULL;
    if (!bd_idset_has(&view->edges, edge->info.edge)) {
        if (bd_edge_current(view->workspace, &edge->info) < 0 || bd_view_insert_edge(view, &edge->info) < 0) return NULL;
    }
    return bd_bound_edge_new(view, &edge->info);
}

/* Where the running Python code is: "file:line", malloc'd, NULL when unknown. */
static char *bd_call_site(void) {
    PyFrameObject *frame = PyEval_GetFrame(); /* borrowed */
    PyCodeObject *code = frame ? PyFrame_GetCode(frame) : NULL;
    PyObject *file = code ? PyObject_GetAttrString((PyObject *)code, "co_filename") : NULL;
    PyObject *site = file ? PyUnicode_FromFormat("%U:%d", file, PyFrame_GetLineNumber(frame)) : NULL;
    PyObject *bytes = site ? PyUnicode_AsEncodedString(site, "utf-8", "backslashreplace") : NULL; /* names of files may be no UTF-8 */
    char *copy = bytes ? strdup(PyBytes_AsString(bytes)) : NULL;
    Py_XDECREF(bytes);
    Py_XDECREF(site);
    Py_XDECREF(file);
    Py_XDECREF((PyObject *)code);
    PyErr_Clear();
    return copy;
}

/* What the view knew moves into a record of a dying view, as when the last handle goes: which members Python still holds
 * is looked up in the moment in which the request is appended, and nothing waits in between. A list written before a wait
 * would pin what other threads let go of meanwhile. */
static int bd_view_bury(bd_view *view, char *site) {
    bd_workspace *workspace = view->workspace;
    bd_view *gone = calloc(1, sizeof *gone);
    if (!gone) {
        free(site);
        PyErr_NoMemory();
        return -1;
    }
    bd_visit_hold_all(view);
    gone->workspace = workspace;
    gone->index = view->index;
    gone->is_destroyed = true;
    gone->nodes = view->nodes;
    gone->edges = view->edges;
    memset(&view->nodes, 0, sizeof view->nodes);
    memset(&view->edges, 0, sizeof view->edges);
    view->is_destroyed = true;
    view->destroyed_at = site;
    gone->next_dying = workspace->dying;
    workspace->dying = gone;
    workspace->quick = false;
    int result = bd_release_flush(workspace); /* appends, never waits */
    bd_local_note_view(view);
    return result;
}

PyObject *bd_graph_view_destroy(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_view *view = bd_view_of(self);
    bd_workspace *workspace = view->workspace;
    if (bd_workspace_check(workspace) < 0) return NULL;
    if (view->is_destroyed) Py_RETURN_NONE;
    if (workspace->batch &&
        bd_batch_collects(workspace, BD_OP_GRAPH_VIEW_DESTROY, BD_NAME(BD_METHOD_GRAPH_VIEW_DESTROY)) < 0)
        return NULL;
    char *site = bd_call_site();
    /* Again: a batch is waited for, and making objects may run the collector, which may run anything. */
    if (bd_workspace_check(workspace) < 0 || view->is_destroyed) {
        free(site);
        return workspace->life == BD_ALIVE ? Py_NewRef(Py_None) : NULL;
    }
    if (bd_view_bury(view, site) < 0) return NULL;
    if (workspace->sync) {
        bd_reply reply;
        bd_reader result;
        if (bd_request_call(workspace, BD_OP_SYNC, "GraphView.destroy", NULL, 0, &reply, &result) < 0) return NULL;
        bd_request_done(workspace, &reply);
    }
    Py_RETURN_NONE;
}

/* -- BoundNode, BoundEdge: local ----------------------------------------------------------------------------------------------- */

PyObject *bd_bound_node_node(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_workspace *workspace = bd_bound(self)->view->workspace;
    if (bd_workspace_check(workspace) < 0 || bd_guard_use(workspace, BD_KIND_NODE, bd_bound(self)->node) < 0) return NULL;
    return bd_node_new(workspace, bd_bound(self)->node);
}

PyObject *bd_bound_node_g(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_view *view = bd_bound(self)->view;
    return bd_workspace_check(view->workspace) < 0 ? NULL : bd_view_object_new(view);
}

PyObject *bd_bound_edge_edge(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_bound_edge_object *bound = (bd_bound_edge_object *)self;
    bd_workspace *workspace = bound->view->workspace;
    if (bd_workspace_check(workspace) < 0 || bd_guard_use(workspace, BD_KIND_EDGE, bound->info.edge) < 0) return NULL;
    return bd_edge_new(workspace, &bound->info);
}

PyObject *bd_bound_edge_g(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_view *view = ((bd_bound_edge_object *)self)->view;
    return bd_workspace_check(view->workspace) < 0 ? NULL : bd_view_object_new(view);
}
