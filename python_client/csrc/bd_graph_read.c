/* The methods of the graph classes that read: from the arena where it can answer (bd_local.h), else by asking the worker;
 * and the objects stored under nodes (which never leave this process). A visit reads once, then calls the user's function on what it got: the set of edges is that of its start,
 * whatever the function does. Replies are read as hostile: counts against the bytes that are left, once.
 *
 * Wire:
 *   GraphView.get_counts                  u32 view -> u64 nodes, u64 edges
 *   GraphView.get_subgraph_from_nodes     u32 view, u32 new view, u32 new self node, list of u32 node -> list of u32 edge
 *   GraphView.insert_subgraph             u32 view, u32 other view -> nothing
 *   BoundNode.visit_edges_of_type         u32 view, u32 node, u32 type, u32 directed (0 any, 1 out, 2 in) -> list of edge info
 * Cost: that of bd_local.h, or one round trip each.
 */
#include "bd_batch.h"
#include "bd_call.h"
#include "bd_handle.h"
#include "bd_local.h"

#define BD_NAME(method) bd_methods[method].name
#define BD_IGNORED (void)args, (void)count, (void)keywords
#define BD_EDGE_INFO_BYTES 16u

static int bd_view_ask(
    bd_view *view, uint16_t operation, int method, const uint32_t *words, int word_count, bd_reply *reply,
    bd_reader *result) {
    if (bd_view_check(view) < 0) return -1;
    bd_piece piece = {words, (size_t)word_count * 4};
    return bd_request_call(view->workspace, operation, BD_NAME(method), &piece, 1, reply, result);
}

/* `value` when the whole result was read, else ProtocolError. Gives the reply back. */
static PyObject *bd_view_answer(bd_view *view, int method, bd_reply *reply, const bd_reader *result, PyObject *value) {
    if (result->bad || (value && bd_reader_left(result))) {
        Py_CLEAR(value);
        if (!PyErr_Occurred()) bd_error_protocol(view->workspace, BD_NAME(method));
    }
    bd_request_done(view->workspace, reply);
    return value;
}

/* (nodes, edges) of the view as the worker counts them. */
PyObject *bd_graph_view_get_counts(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_view *view = ((bd_view_object *)self)->view;
    bd_reply reply;
    bd_reader result;
    uint32_t members, inside;
    if (bd_view_check_for(view, BD_METHOD_GRAPH_VIEW_GET_COUNTS) < 0 || bd_guard_read(view->workspace, BD_KIND_VIEW, view->index) < 0) return NULL;
    bd_answer answer = bd_local_counts(view, &members, &inside);
    if (answer == BD_FAILED) return NULL;
    if (answer == BD_ANSWERED) return Py_BuildValue("II", members, inside);
    if (bd_view_ask(
            view, BD_OP_GRAPH_VIEW_GET_COUNTS, BD_METHOD_GRAPH_VIEW_GET_COUNTS, &view->index, 1, &reply, &result) < 0)
        return NULL;
    unsigned long long nodes = bd_reader_u64(&result), edges = bd_reader_u64(&result);
    PyObject *value = result.bad ? NULL : Py_BuildValue("KK", nodes, edges);
    return bd_view_answer(view, BD_METHOD_GRAPH_VIEW_GET_COUNTS, &reply, &result, value);
}

PyObject *bd_graph_view_get_node_count(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_view *view = ((bd_view_object *)self)->view;
    uint32_t nodes, edges;
    if (bd_view_check_for(view, BD_METHOD_GRAPH_VIEW_GET_NODE_COUNT) < 0 || bd_guard_read(view->workspace, BD_KIND_VIEW, view->index) < 0) return NULL;
    bd_answer answer = bd_local_counts(view, &nodes, &edges);
    if (answer == BD_FAILED) return NULL;
    if (answer == BD_ANSWERED) return PyLong_FromUnsignedLong(nodes);
    return bd_invoke(BD_METHOD_GRAPH_VIEW_GET_NODE_COUNT, self, args, count, keywords);
}

PyObject *bd_graph_view_get_nodes(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_view *view = ((bd_view_object *)self)->view;
    bd_arena_list found;
    if (bd_view_check_for(view, BD_METHOD_GRAPH_VIEW_GET_NODES) < 0 || bd_guard_read(view->workspace, BD_KIND_VIEW, view->index) < 0) return NULL;
    bd_answer answer = bd_local_nodes(view, &found);
    if (answer == BD_FAILED) return NULL;
    if (answer == BD_ASK) return bd_invoke(BD_METHOD_GRAPH_VIEW_GET_NODES, self, args, count, keywords);
    PyObject *nodes = PyList_New((Py_ssize_t)found.count);
    for (size_t i = 0; nodes && i < found.count; i++) {
        uint32_t id = found.ids[i];
        bd_workspace_saw_node(view->workspace, id);
        bd_idset_add(&view->nodes, id);
        PyObject *node = bd_bound_node_new(view, id);
        if (!node || PyList_SetItem(nodes, (Py_ssize_t)i, node) < 0) Py_CLEAR(nodes);
    }
    bd_arena_list_free(&found);
    return nodes;
}

/* -- attributes -------------------------------------------------------------------------------------------------------- */

/* The key of get_attr: keyword arguments as declared. NULL with an exception. */
static const char *bd_key_take(
    bd_state *state, int method, PyObject *const *args, Py_ssize_t count, PyObject *keywords, size_t *bytes) {
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(state, method, args, count, keywords, values) < 0) return NULL;
    return bd_value_str(values[0], bytes, "Expected a string");
}

PyObject *bd_node_get_attr(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    const int method = BD_METHOD_NODE_REFERENCE_GET_ATTR;
    bd_node_object *node = (bd_node_object *)self;
    size_t bytes;
    const char *key = bd_key_take(node->workspace->state, method, args, count, keywords, &bytes);
    if (!key || bd_workspace_check(node->workspace) < 0 || bd_guard_read(node->workspace, BD_KIND_NODE, node->node) < 0)
        return NULL;
    PyObject *value = NULL;
    bd_answer answer = bd_local_node_attribute(node->workspace, node->node, key, bytes, &value);
    return answer == BD_ASK ? bd_invoke(method, self, args, count, keywords) : value;
}

PyObject *bd_node_get_dynamic_attrs(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_node_object *node = (bd_node_object *)self;
    if (bd_workspace_check(node->workspace) < 0 || bd_guard_read(node->workspace, BD_KIND_NODE, node->node) < 0)
        return NULL;
    PyObject *value = NULL;
    bd_answer answer = bd_local_node_attributes(node->workspace, node->node, &value);
    return answer == BD_ASK ? bd_invoke(BD_METHOD_NODE_REFERENCE_GET_DYNAMIC_ATTRS, self, args, count, keywords) : value;
}

PyObject *bd_edge_get_attr(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    const int method = BD_METHOD_EDGE_REFERENCE_GET_ATTR;
    bd_edge_object *edge = (bd_edge_object *)self;
    size_t bytes;
    const char *key = bd_key_take(edge->workspace->state, method, args, count, keywords, &bytes);
    if (!key || bd_workspace_check(edge->workspace) < 0 || bd_guard_read(edge->workspace, BD_KIND_EDGE, edge->info.edge) < 0)
        return NULL;
    PyObject *value = NULL;
    bd_answer answer = bd_local_edge_attribute(edge->workspace, edge->info.edge, key, bytes, &value);
    return answer == BD_ASK ? bd_invoke(method, self, args, count, keywords) : value;
}

/* A "name" that is no str is no name. */
PyObject *bd_edge_name(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_edge_object *edge = (bd_edge_object *)self;
    if (bd_workspace_check(edge->workspace) < 0 || bd_guard_read(edge->workspace, BD_KIND_EDGE, edge->info.edge) < 0)
        return NULL;
    PyObject *value = NULL;
    bd_answer answer = bd_local_edge_attribute(edge->workspace, edge->info.edge, "name", 4, &value);
    if (answer == BD_ASK) return bd_invoke(BD_METHOD_EDGE_REFERENCE_NAME, self, args, count, keywords);
    if (!value || value == Py_None || PyUnicode_Check(value)) return value;
    Py_DECREF(value);
    Py_RETURN_NONE;
}

/* -- subgraphs -------------------------------------------------------------------------------------------------------- */

static int bd_subgraph_write_nodes(bd_view *view, PyObject *nodes, bd_writer *writer) {
    if (!PyList_Check(nodes)) {
        PyErr_SetString(PyExc_TypeError, "nodes must be a list");
        return -1;
    }
    Py_ssize_t count = PyList_Size(nodes);
    bd_writer_u32(writer, (uint32_t)count);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = PyList_GetItem(nodes, i); /* borrowed; no Python code runs in this loop */
        if (Py_TYPE(item) != view->workspace->state->types[BD_KIND_BOUND_NODE]) {
            PyErr_SetString(PyExc_TypeError, "nodes must be a list of BoundNode");
            return -1;
        }
        bd_bound_node_object *bound = (bd_bound_node_object *)item;
        if (bound->view->workspace != view->workspace) {
            if (bd_workspace_check(bound->view->workspace) == 0)
                PyErr_SetString(PyExc_ValueError, "a node belongs to another workspace than the view");
            return -1;
        }
        if (bd_guard_use(view->workspace, BD_KIND_NODE, bound->node) < 0) return -1;
        bd_writer_u32(writer, bound->node);
    }
    if (!writer->failed) return 0;
    PyErr_NoMemory();
    return -1;
}

PyObject *bd_graph_view_get_subgraph_from_nodes(
    PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    const int method = BD_METHOD_GRAPH_VIEW_GET_SUBGRAPH_FROM_NODES;
    bd_view *view = ((bd_view_object *)self)->view;
    bd_workspace *workspace = view->workspace;
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(workspace->state, method, args, count, keywords, values) < 0) return NULL;
    if (bd_view_check(view) < 0) return NULL;
    PyObject *object = NULL;
    bd_view *made = NULL;
    bd_reply reply = {0};
    bd_reader result;
    bd_writer writer;
    bd_writer_init(&writer);
    if (bd_subgraph_write_nodes(view, values[0], &writer) < 0) goto end;
    uint32_t head[3] = {view->index, 0, 0};
    bd_piece pieces[2] = {{head, sizeof head}, {writer.data, writer.size}};
    bd_claim claims[2] = {{BD_KIND_VIEW, &workspace->views, &head[1]}, {BD_KIND_NODE, &workspace->nodes, &head[2]}};
    int outcome = bd_request_call_creating(
        workspace, BD_OP_GRAPH_VIEW_GET_SUBGRAPH_FROM_NODES, BD_NAME(method), pieces, 2, claims, 2, &reply, &result);
    if (outcome == 0) made = bd_view_new(workspace, head[1], head[2]);
    if (!made) {
        /* After Ctrl-C the worker may have made it all the same; releasing what it never made does nothing. */
        if (head[1]) bd_id_list_add(workspace, &workspace->released_views, head[1]);
        if (outcome == 0) bd_request_done(workspace, &reply);
        goto end;
    }
    for (uint32_t left = bd_reader_count(&result, 4); left; left--) bd_idset_add(&made->edges, bd_reader_u32(&result));
    bool is_broken = result.bad || bd_reader_left(&result);
    bd_request_done(workspace, &reply);
    if (is_broken) {
        bd_error_protocol(workspace, BD_NAME(method));
        goto end;
    }
    for (size_t at = 4; at + 4 <= writer.size; at += 4) bd_idset_add(&made->nodes, bd_load_u32(writer.data + at));
    object = bd_view_object_new(made);
end:
    if (made) bd_view_release(made);
    bd_writer_free(&writer);
    return object;
}

PyObject *bd_graph_view_insert_subgraph(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    const int method = BD_METHOD_GRAPH_VIEW_INSERT_SUBGRAPH;
    bd_view *view = ((bd_view_object *)self)->view;
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(view->workspace->state, method, args, count, keywords, values) < 0) return NULL;
    bd_view *other = ((bd_view_object *)values[0])->view;
    if (bd_view_check(view) < 0 || bd_view_check(other) < 0) return NULL;
    if (view->workspace != other->workspace) {
        PyErr_SetString(PyExc_ValueError, "the views belong to different workspaces");
        return NULL;
    }
    if (view == other) Py_RETURN_NONE;
    uint32_t words[2] = {view->index, other->index};
    bd_reply reply;
    bd_reader result;
    if (bd_view_ask(view, BD_OP_GRAPH_VIEW_INSERT_SUBGRAPH, method, words, 2, &reply, &result) < 0) return NULL;
    bd_request_done(view->workspace, &reply);
    if (!view->is_destroyed && !other->is_destroyed) {
        bd_idset_merge(&view->nodes, &other->nodes);
        bd_idset_merge(&view->edges, &other->edges);
        view->has_strangers |= other->has_strangers;
    }
    Py_RETURN_NONE;
}

/* -- visit ------------------------------------------------------------------------------------------------------------- */

static inline bd_edge_info bd_visit_info(const bd_visit *visit, size_t at) {
    const bd_arena_edge *edge = &visit->found.edges[at];
    return (bd_edge_info){edge->edge, edge->source, edge->target, edge->bits};
}

void bd_visit_hold_all(bd_view *view) {
    for (bd_visit *visit = view->visits; visit; visit = visit->outer) {
        if (visit->held_until > visit->next) continue;
        for (visit->held_until = visit->next; visit->held_until < visit->found.count; visit->held_until++) {
            bd_edge_info info = bd_visit_info(visit, visit->held_until);
            if (!bd_counts_add(&view->workspace->edge_counts, info.edge)) break; /* without memory they go with the view */
            bd_view_know_edge(view, &info);
        }
    }
}

static int bd_visit_step(bd_visit *visit, PyObject *function, PyObject *context) {
    bd_view *view = visit->view;
    bd_edge_info info = bd_visit_info(visit, visit->next);
    bool is_held = visit->next++ < visit->held_until;
    bd_workspace_saw_edge(view->workspace, &info);
    if (!view->is_destroyed) bd_view_know_edge(view, &info);
    PyObject *edge = bd_bound_edge_new(view, &info);
    if (is_held) bd_handle_drop_edge(view->workspace, &info);
    if (!edge) return -1;
    PyObject *ignored = bd_call2(function, context, edge);
    Py_DECREF(edge);
    Py_XDECREF(ignored);
    return ignored ? 0 : -1;
}

PyObject *bd_visit_run(bd_visit *visit, PyObject *function, PyObject *context) {
    bd_view *view = visit->view;
    bd_workspace *workspace = view->workspace;
    bd_workspace_retain(workspace); /* the function may drop the last handle */
    bd_view_retain(view);
    visit->outer = view->visits;
    view->visits = visit;
    int outcome = 0;
    while (outcome == 0 && visit->next < visit->found.count) outcome = bd_visit_step(visit, function, context);
    for (struct bd_visit **place = &view->visits; *place; place = &(*place)->outer) {
        if (*place != visit) continue; /* visits of other threads may have begun meanwhile */
        *place = visit->outer;
        break;
    }
    for (; visit->next < visit->held_until; visit->next++) {
        bd_edge_info info = bd_visit_info(visit, visit->next);
        bd_handle_drop_edge(workspace, &info);
    }
    bd_local_visit_done(workspace, &visit->found);
    bd_view_release(view);
    bd_workspace_release(workspace);
    if (outcome < 0) return NULL;
    Py_RETURN_NONE;
}

/* The same edges, from the worker. 0, or -1 with an exception. */
static int bd_visit_ask(bd_view *view, const uint32_t words[4], bd_arena_list *found) {
    const int method = BD_METHOD_BOUND_NODE_VISIT_EDGES_OF_TYPE;
    bd_reply reply;
    bd_reader result;
    if (bd_view_ask(view, BD_OP_BOUND_NODE_VISIT_EDGES_OF_TYPE, method, words, 4, &reply, &result) < 0) return -1;
    int outcome = 0;
    for (uint32_t left = bd_reader_count(&result, BD_EDGE_INFO_BYTES); left && outcome == 0; left--) {
        bd_edge_info info;
        bd_read_edge_info(&result, &info);
        if (!bd_arena_list_push(found, (bd_arena_edge){info.edge, info.source, info.target, info.bits})) outcome = -1;
    }
    if (outcome < 0) {
        PyErr_NoMemory();
    } else if (result.bad || bd_reader_left(&result)) {
        bd_error_protocol(view->workspace, BD_NAME(method));
        outcome = -1;
    }
    bd_request_done(view->workspace, &reply);
    return outcome;
}

PyObject *bd_bound_node_visit_edges_of_type(
    PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    const int method = BD_METHOD_BOUND_NODE_VISIT_EDGES_OF_TYPE;
    bd_bound_node_object *bound = (bd_bound_node_object *)self;
    bd_view *view = bound->view;
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(view->workspace->state, method, args, count, keywords, values) < 0) return NULL;
    uint32_t words[4] = {view->index, bound->node, 0, 0};
    if (bd_value_u8(values[0], &words[2]) < 0) return NULL;
    if (values[3] && values[3] != Py_None) {
        int truth = PyObject_IsTrue(values[3]);
        if (truth < 0) return NULL;
        words[3] = truth ? 1 : 2;
    }
    if (bd_view_check(view) < 0 || bd_guard_read(view->workspace, BD_KIND_VIEW, view->index) < 0 ||
        bd_guard_read(view->workspace, BD_KIND_NODE, bound->node) < 0)
        return NULL;
    bd_visit visit = {.view = view};
    bd_answer answer = bd_local_visit(view, bound->node, words[2], (bd_direction)words[3], &visit.found);
    if (answer == BD_ASK) {
        visit.found.count = 0;
        answer = bd_visit_ask(view, words, &visit.found) < 0 ? BD_FAILED : BD_ANSWERED;
    }
    if (answer == BD_ANSWERED) return bd_visit_run(&visit, values[2], values[1]);
    bd_local_visit_done(view->workspace, &visit.found);
    return NULL;
}

/* -- objects stored under nodes -------------------------------------------------------------------------------------------- */

static PyObject *bd_store_key(PyObject *self) {
    bd_bound_node_object *bound = (bd_bound_node_object *)self;
    bd_workspace *workspace = bound->view->workspace;
    if (bd_workspace_check(workspace) < 0 || bd_guard_use(workspace, BD_KIND_NODE, bound->node) < 0) return NULL;
    return PyLong_FromUnsignedLongLong((unsigned long long)workspace->generation << 32 | bound->node);
}

static bd_state *bd_store_state(PyObject *self) { return ((bd_bound_node_object *)self)->view->workspace->state; }

PyObject *bd_bound_node_store(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    bd_state *state = bd_store_state(self);
    if (bd_arguments_take(state, BD_METHOD_BOUND_NODE_STORE, args, count, keywords, values) < 0) return NULL;
    PyObject *key = bd_store_key(self);
    int result = key ? PyDict_SetItem(state->stored, key, values[0]) : -1;
    Py_XDECREF(key);
    if (result < 0) return NULL;
    Py_RETURN_NONE;
}

/* New reference; NULL without an exception when nothing is stored. */
static PyObject *bd_store_get(PyObject *self) {
    PyObject *key = bd_store_key(self);
    PyObject *value = key ? PyDict_GetItemWithError(bd_store_state(self)->stored, key) : NULL;
    Py_XINCREF(value);
    Py_XDECREF(key);
    return value;
}

PyObject *bd_bound_node_load(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(bd_store_state(self), BD_METHOD_BOUND_NODE_LOAD, args, count, keywords, values) < 0)
        return NULL;
    PyObject *value = bd_store_get(self);
    if (!value) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_KeyError, "No data stored on this BoundNode");
        return NULL;
    }
    int is_instance = PyObject_IsInstance(value, values[0]);
    if (is_instance > 0) return value;
    Py_DECREF(value);
    if (is_instance < 0 && !PyErr_ExceptionMatches(PyExc_Exception)) return NULL;
    PyErr_Clear();
    PyErr_SetString(PyExc_TypeError, "BoundNode.load: stored data is not an instance of the expected type");
    return NULL;
}

PyObject *bd_bound_node_try_load(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(bd_store_state(self), BD_METHOD_BOUND_NODE_TRY_LOAD, args, count, keywords, values) < 0)
        return NULL;
    PyObject *value = bd_store_get(self);
    if (!value) {
        if (PyErr_Occurred()) return NULL;
        Py_RETURN_NONE;
    }
    int is_instance = PyObject_IsInstance(value, values[0]);
    if (is_instance > 0) return value;
    Py_DECREF(value);
    if (is_instance < 0) return NULL;
    Py_RETURN_NONE;
}
