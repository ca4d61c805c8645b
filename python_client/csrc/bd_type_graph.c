/* TypeGraph: a self node in a view, nothing more. Its methods that need the worker go through bd_invoke.c.
 * Cost: that of a BoundNode.
 */
#include "bd_handle.h"

#include <stdio.h>

PyObject *bd_type_graph_new(bd_view *view, uint32_t self_node) {
    bd_workspace *workspace = view->workspace;
    if (!bd_counts_add(&workspace->node_counts, self_node)) return PyErr_NoMemory();
    bd_bound_node_object *self = PyObject_New(bd_bound_node_object, workspace->state->types[BD_KIND_TYPE_GRAPH]);
    if (!self) {
        bd_counts_remove(&workspace->node_counts, self_node);
        return NULL;
    }
    bd_view_retain(view);
    self->view = view;
    self->node = self_node;
    self->record = bd_handle_note_rare(workspace, BD_KIND_TYPE_GRAPH, self_node, view->index, NULL);
    workspace->page->live[BD_KIND_TYPE_GRAPH]++;
    workspace->page->created[BD_KIND_TYPE_GRAPH]++;
    return (PyObject *)self;
}

void bd_type_graph_dealloc(PyObject *self) {
    bd_bound_node_object *type_graph = (bd_bound_node_object *)self;
    PyTypeObject *type = Py_TYPE(self);
    bd_workspace *workspace = type_graph->view->workspace;
    bd_handle_drop_node(workspace, type_graph->node);
    bd_handle_forget(workspace, type_graph->record);
    workspace->page->live[BD_KIND_TYPE_GRAPH]--;
    bd_view_release(type_graph->view);
    PyObject_Free(self);
    Py_DECREF(type);
}

void bd_type_graph_use(PyObject *self) {
    const bd_bound_node_object *type_graph = (bd_bound_node_object *)self;
    bd_workspace *workspace = type_graph->view->workspace;
    if (!type_graph->record || workspace->state->counted[1] == self) return;
    workspace->state->counted[1] = self;
    bd_handle_use(
        workspace, bd_ledger_find(workspace->ledger, type_graph->record), bd_state_used_by(workspace->state));
}

PyObject *bd_type_graph_repr(PyObject *self) {
    const bd_bound_node_object *type_graph = (bd_bound_node_object *)self;
    char text[96];
    snprintf(text, sizeof text, "TypeGraph(id=0x%x, g=0x%x)", type_graph->node, type_graph->view->self_node);
    return PyUnicode_FromString(text);
}

PyObject *bd_type_graph_of(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(bd_state_of(self), BD_METHOD_TYPE_GRAPH_OF, args, count, keywords, values) < 0) return NULL;
    const bd_bound_node_object *node = (bd_bound_node_object *)values[0];
    return bd_view_check(node->view) < 0 ? NULL : bd_type_graph_new(node->view, node->node);
}

/* The view that the method is asked of; NULL with an exception. */
static bd_view *bd_type_graph_view(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_view *view = ((bd_bound_node_object *)self)->view;
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(view->workspace->state, method, args, count, keywords, values) < 0) return NULL;
    bd_type_graph_use(self);
    return bd_workspace_check(view->workspace) < 0 ? NULL : view;
}

PyObject *bd_type_graph_get_graph_view(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_view *view = bd_type_graph_view(BD_METHOD_TYPE_GRAPH_GET_GRAPH_VIEW, self, args, count, keywords);
    return view ? bd_view_object_new(view) : NULL;
}

PyObject *bd_type_graph_get_self_node(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_view *view = bd_type_graph_view(BD_METHOD_TYPE_GRAPH_GET_SELF_NODE, self, args, count, keywords);
    return view ? bd_bound_node_new(view, ((bd_bound_node_object *)self)->node) : NULL;
}
