/* Methods of GraphView that are written in Python (bindd._exchange), and the views that come out of bytes or have a name. The types are
 * the extension's and cannot be changed from outside, so the methods are declared with the others and only call over.
 *
 * Wire:
 *   GraphView.from_bytes      bytes -> u32 view, u32 self node
 *   GraphView.find_shared     str -> u32 view, u32 self node
 * Cost: an import that is a dictionary look-up after the first, and a call.
 */
#include "bd_local.h"

/* function(view, each declared parameter, None where it was not given) */
static PyObject *bd_exchange_call(
    int method, const char *function_name, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    PyObject *given[BD_PARAMETERS_PER_METHOD_MAX] = {NULL};
    bool is_static = bd_methods[method].self_type == BD_T_NONE; /* then self is the module */
    bd_state *state = is_static ? bd_state_of(self) : ((bd_view_object *)self)->view->workspace->state;
    if (bd_arguments_take(state, method, args, count, keywords, given) < 0) return NULL;
    uint32_t parameters = bd_methods[method].parameter_count;
    uint32_t first = is_static ? 0 : 1;
    PyObject *arguments = PyTuple_New((Py_ssize_t)(first + parameters)), *result = NULL;
    if (!arguments) return NULL;
    for (uint32_t i = 0; i < first + parameters; i++) {
        PyObject *value = i < first ? self : given[i - first] ? given[i - first] : Py_None;
        Py_INCREF(value);
        PyTuple_SetItem(arguments, (Py_ssize_t)i, value);
    }
    PyObject *module = PyImport_ImportModule("bindd._exchange");
    PyObject *function = module ? PyObject_GetAttrString(module, function_name) : NULL;
    if (function) result = PyObject_CallObject(function, arguments);
    Py_XDECREF(function);
    Py_XDECREF(module);
    Py_DECREF(arguments);
    return result;
}

#define BD_EXCHANGE(function, method, python_name)                                                                     \
    PyObject *function(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {                  \
        return bd_exchange_call(method, python_name, self, args, count, keywords);                                     \
    }
BD_EXCHANGE(bd_graph_view_to_networkx, BD_METHOD_GRAPH_VIEW_TO_NETWORKX, "to_networkx")
BD_EXCHANGE(bd_graph_view_to_dot, BD_METHOD_GRAPH_VIEW_TO_DOT, "to_dot")
BD_EXCHANGE(bd_graph_view_to_mermaid, BD_METHOD_GRAPH_VIEW_TO_MERMAID, "to_mermaid")
BD_EXCHANGE(bd_graph_view_to_arrow, BD_METHOD_GRAPH_VIEW_TO_ARROW, "to_arrow")
BD_EXCHANGE(bd_graph_view_to_pandas, BD_METHOD_GRAPH_VIEW_TO_PANDAS, "to_pandas")
BD_EXCHANGE(bd_graph_view_repr_svg, BD_METHOD_GRAPH_VIEW__REPR_SVG_, "repr_svg")
BD_EXCHANGE(bd_graph_view_copy, BD_METHOD_GRAPH_VIEW___COPY__, "copy")
BD_EXCHANGE(bd_graph_view_save, BD_METHOD_GRAPH_VIEW_SAVE, "save")
BD_EXCHANGE(bd_graph_view_load, BD_METHOD_GRAPH_VIEW_LOAD, "load")

/* Asks for a view of the workspace, which the reply names. */
static PyObject *bd_exchange_view(bd_workspace *workspace, int method, const bd_piece *pieces, int count) {
    const char *name = bd_methods[method].name;
    PyObject *object = NULL;
    bd_reply reply;
    bd_reader result;
    bd_workspace_retain(workspace);
    if (bd_request_call(workspace, bd_methods[method].operation, name, pieces, count, &reply, &result) == 0) {
        uint32_t index = bd_reader_u32(&result), self_node = bd_reader_u32(&result);
        bool is_whole = !result.bad && !bd_reader_left(&result);
        bd_request_done(workspace, &reply);
        if (is_whole) object = bd_view_object_of(workspace, index, self_node);
        else bd_error_protocol(workspace, name);
    }
    bd_workspace_release(workspace);
    return object;
}

PyObject *bd_graph_view_from_bytes(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    const int method = BD_METHOD_GRAPH_VIEW_FROM_BYTES;
    bd_state *state = bd_state_of(self);
    PyObject *given[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(state, method, args, count, keywords, given) < 0) return NULL;
    Py_buffer data;
    if (PyObject_GetBuffer(given[0], &data, PyBUF_SIMPLE) < 0) return NULL;
    bd_workspace *workspace = bd_state_workspace(state);
    uint64_t bytes = (uint64_t)data.len;
    uint32_t zero = 0;
    bd_piece pieces[3] = {
        {&bytes, sizeof bytes}, {data.buf, (size_t)data.len}, {&zero, bd_padded((size_t)data.len, 4) - (size_t)data.len}};
    PyObject *object = workspace ? bd_exchange_view(workspace, method, pieces, 3) : NULL;
    PyBuffer_Release(&data);
    return object;
}

PyObject *bd_graph_view_find_shared(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    const int method = BD_METHOD_GRAPH_VIEW_FIND_SHARED;
    bd_state *state = bd_state_of(self);
    PyObject *given[BD_PARAMETERS_PER_METHOD_MAX];
    size_t bytes;
    if (bd_arguments_take(state, method, args, count, keywords, given) < 0) return NULL;
    const char *text = bd_value_str(given[0], &bytes, "Expected a string");
    if (!text) return NULL;
    bd_workspace *workspace = NULL;
    if (!given[1] || given[1] == Py_None) {
        workspace = bd_state_workspace(state);
    } else if (Py_TYPE(given[1]) != state->types[BD_KIND_WORKSPACE]) {
        PyErr_SetString(PyExc_TypeError, "workspace must be a Workspace, as bindd.connect() gives it");
    } else {
        workspace = ((bd_workspace_object *)given[1])->workspace;
    }
    if (!workspace || bd_workspace_check(workspace) < 0) return NULL;
    PyObject *object = NULL;
    bd_writer writer;
    bd_writer_init(&writer);
    bd_writer_str(&writer, text, bytes);
    bd_piece piece = {writer.data, writer.size};
    if (writer.failed) PyErr_NoMemory();
    else object = bd_exchange_view(workspace, method, &piece, 1);
    bd_writer_free(&writer);
    return object;
}
