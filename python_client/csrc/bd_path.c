/* BFSPath: what a search found, owned by the Python object: both ends, the edges, the view that was searched. Nothing of
 * it is asked again. It counts as a proxy of its ends and edges, so that a view's end or a release leaves them readable.
 * Payload: u32 start, u32 end, list of edge info. Methods are local.
 * Cost: one allocation and a counter for each edge.
 */
#include "bd_handle.h"

#include <stdio.h>
#include <stdlib.h>

#define BD_EDGE_INFO_BYTES 16u
#define BD_IGNORED (void)args, (void)count, (void)keywords

static inline bd_path_object *bd_path_of(PyObject *self) { return (bd_path_object *)self; }

/* Lets go of the first `edges` edges and `ends` ends. */
static void bd_path_drop(
    bd_workspace *workspace, const bd_edge_info *infos, uint32_t edges, const uint32_t *nodes, uint32_t ends) {
    for (uint32_t i = 0; i < edges; i++) bd_handle_drop_edge(workspace, &infos[i]);
    for (uint32_t i = 0; i < ends; i++) bd_handle_drop_node(workspace, nodes[i]);
}

/* Takes the edges over when it succeeds. */
static PyObject *bd_path_new(bd_view *view, const uint32_t ends[2], bd_edge_info *edges, uint32_t count) {
    bd_workspace *workspace = view->workspace;
    uint32_t held_ends = 0, held = 0;
    while (held_ends < 2 && bd_counts_add(&workspace->node_counts, ends[held_ends])) held_ends++;
    while (held_ends == 2 && held < count && bd_counts_add(&workspace->edge_counts, edges[held].edge)) held++;
    bd_path_object *self = NULL;
    if (held_ends < 2 || held < count) PyErr_NoMemory();
    else self = PyObject_New(bd_path_object, workspace->state->types[BD_KIND_PATH]);
    if (!self) {
        bd_path_drop(workspace, edges, held, ends, held_ends);
        return NULL;
    }
    bd_view_retain(view);
    self->view = view;
    self->start = ends[0];
    self->end = ends[1];
    self->count = count;
    self->edges = edges;
    workspace->page->live[BD_KIND_PATH]++;
    workspace->page->created[BD_KIND_PATH]++;
    return (PyObject *)self;
}

PyObject *bd_path_read(bd_view *view, bd_reader *reader) {
    uint32_t ends[2];
    for (int i = 0; i < 2; i++) ends[i] = bd_reader_u32(reader);
    uint32_t count = bd_reader_count(reader, BD_EDGE_INFO_BYTES);
    if (reader->bad) return NULL;
    bd_edge_info *edges = malloc((count ? count : 1) * sizeof *edges);
    if (!edges) return PyErr_NoMemory();
    for (uint32_t i = 0; i < count; i++) {
        bd_read_edge_info(reader, &edges[i]);
        bd_workspace_saw_edge(view->workspace, &edges[i]);
        if (!view->is_destroyed) bd_view_know_edge(view, &edges[i]);
    }
    for (int i = 0; i < 2; i++) {
        bd_workspace_saw_node(view->workspace, ends[i]);
        if (!view->is_destroyed) bd_idset_add(&view->nodes, ends[i]);
    }
    PyObject *path = bd_path_new(view, ends, edges, count);
    if (!path) free(edges);
    return path;
}

void bd_path_dealloc(PyObject *self) {
    bd_path_object *path = bd_path_of(self);
    PyTypeObject *type = Py_TYPE(self);
    bd_workspace *workspace = path->view->workspace;
    uint32_t ends[2] = {path->start, path->end};
    bd_path_drop(workspace, path->edges, path->count, ends, 2);
    workspace->page->live[BD_KIND_PATH]--;
    bd_view_release(path->view);
    free(path->edges);
    PyObject_Free(self);
    Py_DECREF(type);
}

PyObject *bd_path_repr(PyObject *self) {
    const bd_path_object *path = bd_path_of(self);
    char text[128];
    snprintf(
        text, sizeof text, "BFSPath(start=0x%x, end=0x%x, length=%u, graph=0x%x)", path->start, path->end, path->count,
        path->view->self_node);
    return PyUnicode_FromString(text);
}

PyObject *bd_path_get_length(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    return PyLong_FromUnsignedLong(bd_path_of(self)->count);
}

PyObject *bd_path_get_start_node(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_path_object *path = bd_path_of(self);
    return bd_workspace_check(path->view->workspace) < 0 ? NULL : bd_bound_node_new(path->view, path->start);
}

PyObject *bd_path_get_end_node(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_path_object *path = bd_path_of(self);
    return bd_workspace_check(path->view->workspace) < 0 ? NULL : bd_bound_node_new(path->view, path->end);
}

PyObject *bd_path_get_edges(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_path_object *path = bd_path_of(self);
    if (bd_workspace_check(path->view->workspace) < 0) return NULL;
    PyObject *edges = PyList_New((Py_ssize_t)path->count);
    for (uint32_t i = 0; edges && i < path->count; i++) {
        PyObject *edge = bd_edge_new(path->view->workspace, &path->edges[i]);
        if (!edge || PyList_SetItem(edges, (Py_ssize_t)i, edge) < 0) Py_CLEAR(edges);
    }
    return edges;
}
