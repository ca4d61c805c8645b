/* See bd_result.h. Read as hostile: counts against the bytes that are left, views among those that were mentioned, values
 * at most BD_RESULT_DEPTH_MAX deep. Cost: that of the Python objects it makes.
 */
#include "bd_result.h"

static PyObject *bd_result_read_value(const bd_result_context *context, bd_reader *reader, int depth);

bd_view *bd_result_view(const bd_result_context *context, uint32_t index) {
    for (int i = 0; i < context->view_count; i++)
        if (context->views[i]->index == index) return context->views[i];
    return NULL;
}

static bd_view *bd_result_read_view(const bd_result_context *context, bd_reader *reader) {
    bd_view *view = bd_result_view(context, bd_reader_u32(reader));
    if (!view) reader->bad = true;
    return reader->bad ? NULL : view;
}

static PyObject *bd_result_read_node(const bd_result_context *context, bd_reader *reader, uint32_t tag) {
    bd_view *view = tag == BD_RESULT_NODE ? NULL : bd_result_read_view(context, reader);
    uint32_t node = bd_reader_u32(reader);
    if (reader->bad) return NULL;
    bd_workspace_saw_node(context->workspace, node);
    if (tag == BD_RESULT_NODE) return bd_node_new(context->workspace, node);
    if (tag != BD_RESULT_LOOSE_BOUND_NODE && !view->is_destroyed) bd_idset_add(&view->nodes, node);
    return tag == BD_RESULT_TYPE_GRAPH ? bd_type_graph_new(view, node) : bd_bound_node_new(view, node);
}

static PyObject *bd_result_read_edge(const bd_result_context *context, bd_reader *reader, uint32_t tag) {
    bd_view *view = tag == BD_RESULT_EDGE ? NULL : bd_result_read_view(context, reader);
    bd_edge_info info;
    bd_read_edge_info(reader, &info);
    if (reader->bad) return NULL;
    bd_workspace_saw_edge(context->workspace, &info);
    if (tag == BD_RESULT_EDGE) return bd_edge_new(context->workspace, &info);
    if (!view->is_destroyed) bd_view_know_edge(view, &info);
    return bd_bound_edge_new(view, &info);
}

static PyObject *bd_result_read_list(const bd_result_context *context, bd_reader *reader, bool is_tuple, int depth) {
    uint32_t count = bd_reader_count(reader, 4);
    if (reader->bad) return NULL;
    PyObject *items = is_tuple ? PyTuple_New((Py_ssize_t)count) : PyList_New((Py_ssize_t)count);
    for (uint32_t i = 0; items && i < count; i++) {
        PyObject *item = bd_result_read_value(context, reader, depth);
        int failed = item ? 0 : -1;
        if (item && is_tuple) failed = PyTuple_SetItem(items, (Py_ssize_t)i, item);
        else if (item) failed = PyList_SetItem(items, (Py_ssize_t)i, item);
        if (failed < 0) Py_CLEAR(items);
    }
    return items;
}

static PyObject *bd_result_read_dict(const bd_result_context *context, bd_reader *reader, int depth) {
    uint32_t count = bd_reader_count(reader, 8);
    PyObject *dict = reader->bad ? NULL : PyDict_New();
    for (uint32_t i = 0; dict && i < count; i++) {
        PyObject *key = bd_result_read_value(context, reader, depth);
        PyObject *value = key ? bd_result_read_value(context, reader, depth) : NULL;
        if (!value || PyDict_SetItem(dict, key, value) < 0) Py_CLEAR(dict);
        Py_XDECREF(key);
        Py_XDECREF(value);
    }
    return dict;
}

static PyObject *bd_result_read_number(bd_reader *reader, uint32_t tag) {
    uint64_t word = tag == BD_RESULT_BOOL ? bd_reader_u32(reader) : 0;
    double real = tag == BD_RESULT_FLOAT ? bd_reader_f64(reader) : 0;
    if (tag == BD_RESULT_INT) word = bd_reader_u64(reader);
    if (reader->bad) return NULL;
    if (tag == BD_RESULT_BOOL) return PyBool_FromLong(word != 0);
    return tag == BD_RESULT_FLOAT ? PyFloat_FromDouble(real) : PyLong_FromLongLong((long long)word);
}

static PyObject *bd_result_read_path(const bd_result_context *context, bd_reader *reader, bool is_all) {
    bd_view *view = bd_result_read_view(context, reader);
    if (!view) return NULL;
    return is_all ? bd_path_read_connected(view, reader) : bd_path_read(view, reader);
}

static PyObject *bd_result_read_value(const bd_result_context *context, bd_reader *reader, int depth) {
    uint32_t tag = bd_reader_u32(reader);
    if (depth >= BD_RESULT_DEPTH_MAX) reader->bad = true;
    if (reader->bad) return NULL;
    switch (tag) {
        case BD_RESULT_NONE: Py_RETURN_NONE;
        case BD_RESULT_INT:
        case BD_RESULT_FLOAT:
        case BD_RESULT_BOOL: return bd_result_read_number(reader, tag);
        case BD_RESULT_STR: return bd_value_read_str(reader);
        case BD_RESULT_LIST:
        case BD_RESULT_TUPLE: return bd_result_read_list(context, reader, tag == BD_RESULT_TUPLE, depth + 1);
        case BD_RESULT_DICT: return bd_result_read_dict(context, reader, depth + 1);
        case BD_RESULT_NODE:
        case BD_RESULT_BOUND_NODE:
        case BD_RESULT_LOOSE_BOUND_NODE:
        case BD_RESULT_TYPE_GRAPH: return bd_result_read_node(context, reader, tag);
        case BD_RESULT_EDGE:
        case BD_RESULT_BOUND_EDGE: return bd_result_read_edge(context, reader, tag);
        case BD_RESULT_PATH:
        case BD_RESULT_CONNECTED: return bd_result_read_path(context, reader, tag == BD_RESULT_CONNECTED);
        default: reader->bad = true; return NULL;
    }
}

PyObject *bd_result_read(const bd_result_context *context, bd_reader *reader) {
    return bd_result_read_value(context, reader, 0);
}
