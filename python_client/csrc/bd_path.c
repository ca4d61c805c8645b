/* BFSPath: what a search found, owned by the Python objects. The paths of one search share a tree: each is the way back
 * from one of its steps to the source, so a thousand paths of a thousand edges take a thousand steps. Nothing of it is
 * asked again. A tree counts as a proxy of its source and edges, a path as one of its end, so that a view's end or a
 * release leaves them readable. Methods are local.
 *
 * Wire: one path is u32 start, u32 end, list of edge info. All that are connected: u32 source, list of steps (u32 step
 *   before, edge info), list of ends (u32 node, u32 step); step 0 is the source itself and not in the list, a step comes
 *   after the one before it.
 * Cost: a counter for each edge of a tree, one allocation for each path.
 */
#include "bd_handle.h"

#include <stdio.h>
#include <stdlib.h>

#define BD_EDGE_INFO_BYTES 16u
#define BD_STEP_BYTES 20u
#define BD_END_BYTES 8u
#define BD_IGNORED (void)args, (void)count, (void)keywords

typedef struct bd_path_step {
    uint32_t before, length;
    bd_edge_info info;
} bd_path_step;

struct bd_path_tree {
    uint64_t references;
    bd_view *view;
    uint32_t source;
    uint32_t count;       /* steps without the empty one */
    bd_path_step steps[]; /* step n is steps[n - 1] */
};

static inline bd_path_object *bd_path_of(PyObject *self) { return (bd_path_object *)self; }
static inline const bd_path_step *bd_path_step_of(const bd_path_tree *tree, uint32_t step) { return &tree->steps[step - 1]; }
static inline uint32_t bd_path_length(const bd_path_object *path) {
    return path->step ? bd_path_step_of(path->tree, path->step)->length : 0;
}

/* -- trees -------------------------------------------------------------------------------------------------------------- */

static void bd_path_tree_release(bd_path_tree *tree) {
    if (--tree->references) return;
    bd_workspace *workspace = tree->view->workspace;
    for (uint32_t i = 0; i < tree->count; i++) bd_handle_drop_edge(workspace, &tree->steps[i].info);
    bd_handle_drop_node(workspace, tree->source);
    bd_view_release(tree->view);
    free(tree);
}

static bd_path_tree *bd_path_tree_new(bd_view *view, uint32_t source, uint32_t count) {
    bd_path_tree *tree = malloc(sizeof *tree + (size_t)count * sizeof *tree->steps);
    if (!tree || !bd_counts_add(&view->workspace->node_counts, source)) {
        free(tree);
        PyErr_NoMemory();
        return NULL;
    }
    bd_view_retain(view);
    bd_workspace_saw_node(view->workspace, source);
    *tree = (bd_path_tree){1, view, source, 0};
    return tree;
}

/* The next step, behind step `before`. False with an exception or a bad reader. */
static bool bd_path_tree_read_step(bd_path_tree *tree, uint32_t before, bd_reader *reader) {
    bd_view *view = tree->view;
    bd_path_step *step = &tree->steps[tree->count];
    bd_read_edge_info(reader, &step->info);
    if (before > tree->count) reader->bad = true;
    if (reader->bad) return false;
    if (!bd_counts_add(&view->workspace->edge_counts, step->info.edge)) {
        PyErr_NoMemory();
        return false;
    }
    step->before = before;
    step->length = before ? tree->steps[before - 1].length + 1 : 1;
    tree->count++;
    bd_workspace_saw_edge(view->workspace, &step->info);
    if (!view->is_destroyed) bd_view_know_edge(view, &step->info);
    return true;
}

static PyObject *bd_path_new(bd_path_tree *tree, uint32_t end, uint32_t step) {
    bd_workspace *workspace = tree->view->workspace;
    if (!bd_counts_add(&workspace->node_counts, end)) return PyErr_NoMemory();
    bd_path_object *self = PyObject_New(bd_path_object, workspace->state->types[BD_KIND_PATH]);
    if (!self) {
        bd_counts_remove(&workspace->node_counts, end);
        return NULL;
    }
    tree->references++;
    self->tree = tree;
    self->view = tree->view;
    self->end = end;
    self->step = step;
    bd_workspace_saw_node(workspace, end);
    if (!tree->view->is_destroyed) bd_idset_add(&tree->view->nodes, end);
    self->record = bd_handle_note(workspace, BD_KIND_PATH, end, tree->view->index);
    workspace->page->live[BD_KIND_PATH]++;
    workspace->page->created[BD_KIND_PATH]++;
    return (PyObject *)self;
}

PyObject *bd_path_read(bd_view *view, bd_reader *reader) {
    uint32_t start = bd_reader_u32(reader), end = bd_reader_u32(reader);
    uint32_t count = bd_reader_count(reader, BD_EDGE_INFO_BYTES);
    bd_path_tree *tree = reader->bad ? NULL : bd_path_tree_new(view, start, count);
    if (!tree) return NULL;
    bool is_read = true;
    while (is_read && tree->count < count) is_read = bd_path_tree_read_step(tree, tree->count, reader);
    PyObject *path = is_read ? bd_path_new(tree, end, count) : NULL;
    bd_path_tree_release(tree);
    return path;
}

PyObject *bd_path_read_connected(bd_view *view, bd_reader *reader) {
    uint32_t source = bd_reader_u32(reader), count = bd_reader_count(reader, BD_STEP_BYTES);
    bd_path_tree *tree = reader->bad ? NULL : bd_path_tree_new(view, source, count);
    if (!tree) return NULL;
    bool is_read = true;
    while (is_read && tree->count < count) is_read = bd_path_tree_read_step(tree, bd_reader_u32(reader), reader);
    uint32_t ends = is_read ? bd_reader_count(reader, BD_END_BYTES) : 0;
    PyObject *paths = is_read && !reader->bad ? PyDict_New() : NULL;
    for (uint32_t i = 0; paths && i < ends; i++) {
        uint32_t end = bd_reader_u32(reader), step = bd_reader_u32(reader);
        if (step > count) reader->bad = true;
        PyObject *node = reader->bad ? NULL : bd_bound_node_new(view, end);
        PyObject *path = node ? bd_path_new(tree, end, step) : NULL;
        if (!path || PyDict_SetItem(paths, node, path) < 0) Py_CLEAR(paths);
        Py_XDECREF(path);
        Py_XDECREF(node);
    }
    bd_path_tree_release(tree);
    return paths;
}

void bd_path_dealloc(PyObject *self) {
    bd_path_object *path = bd_path_of(self);
    PyTypeObject *type = Py_TYPE(self);
    bd_workspace *workspace = path->view->workspace;
    bd_handle_drop_node(workspace, path->end);
    bd_handle_forget(workspace, path->record);
    workspace->page->live[BD_KIND_PATH]--;
    bd_path_tree_release(path->tree);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* -- methods ------------------------------------------------------------------------------------------------------------- */

PyObject *bd_path_repr(PyObject *self) {
    const bd_path_object *path = bd_path_of(self);
    char text[128];
    snprintf(
        text, sizeof text, "BFSPath(start=0x%x, end=0x%x, length=%u, graph=0x%x)", path->tree->source, path->end,
        bd_path_length(path), path->view->self_node);
    return PyUnicode_FromString(text);
}

PyObject *bd_path_get_length(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    return PyLong_FromUnsignedLong(bd_path_length(bd_path_of(self)));
}

PyObject *bd_path_get_start_node(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    bd_path_object *path = bd_path_of(self);
    return bd_workspace_check(path->view->workspace) < 0 ? NULL : bd_bound_node_new(path->view, path->tree->source);
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
    uint32_t length = bd_path_length(path), step = path->step;
    PyObject *edges = PyList_New((Py_ssize_t)length);
    for (uint32_t i = length; edges && i; i--) {
        const bd_path_step *at = bd_path_step_of(path->tree, step);
        PyObject *edge = bd_edge_new(path->view->workspace, &at->info);
        if (!edge || PyList_SetItem(edges, (Py_ssize_t)i - 1, edge) < 0) Py_CLEAR(edges);
        step = at->before;
    }
    return edges;
}
