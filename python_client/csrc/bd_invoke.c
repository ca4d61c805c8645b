/* The methods that nobody wrote by hand: the table says what the arguments are, how they go into the payload and what
 * comes back. Payload: the handle itself (unless static), then the parameters in order of declaration.
 * A bound result comes without its view: it is in the view that was asked.
 * Cost: about 100 ns above the round trip.
 */
#include "bd_batch.h"
#include "bd_foretell.h"
#include "bd_handle.h"
#include "bd_invoke.h"
#include "bd_recipe.h"
#include "bd_result.h"
#include "bd_sexp.h"

#define BD_CALL_VIEWS_MAX 8
#define BD_COMPOSITION 130u /* the edge type that a plain str in a path means */

typedef struct bd_call {
    const bd_method *method;
    bd_state *state;
    bd_workspace *workspace; /* borrowed from a handle, or the current one */
    bd_view *views[BD_CALL_VIEWS_MAX]; /* borrowed: mentioned by the arguments */
    int view_count;
    bd_writer *writer;
} bd_call;

/* Words for a value that does not fit: of an item where the parameter is a list. */
static const char *bd_call_words(const bd_parameter *parameter, const char *otherwise) {
    const char *words = parameter->type & BD_T_LIST ? parameter->item_refusal : parameter->refusal;
    return words ? words : otherwise;
}

static int bd_call_refuse_item(const bd_parameter *parameter, const char *otherwise) {
    PyErr_SetString(PyExc_TypeError, bd_call_words(parameter, otherwise));
    return -1;
}

static int bd_call_use_workspace(bd_call *call, bd_workspace *workspace) {
    if (call->workspace && call->workspace != workspace) {
        if (bd_workspace_check(workspace) == 0)
            PyErr_Format(PyExc_ValueError, "%s: the objects belong to different workspaces", call->method->name);
        return -1;
    }
    call->workspace = workspace;
    return 0;
}

static int bd_call_write_handle(bd_call *call, PyObject *object) {
    bd_document *document = bd_document_of(call->state, object);
    if (document) {
        if (bd_document_check(document) < 0 || bd_call_use_workspace(call, document->workspace) < 0) return -1;
        bd_writer_u32(call->writer, document->index);
        return 0;
    }
    bd_handle_parts parts;
    if (!bd_handle_take(object, &parts)) {
        PyErr_SetString(PyExc_TypeError, "Invalid object");
        return -1;
    }
    if (bd_call_use_workspace(call, parts.workspace) < 0) return -1;
    if (bd_guard_read(parts.workspace, parts.kind, parts.index) < 0) return -1;
    if (parts.view && bd_guard_read(parts.workspace, BD_KIND_VIEW, parts.view->index) < 0) return -1;
    if (parts.view) {
        if (bd_view_check(parts.view) < 0) return -1;
        if (call->view_count < BD_CALL_VIEWS_MAX) call->views[call->view_count++] = parts.view;
        if (parts.kind != BD_KIND_VIEW) bd_writer_u32(call->writer, parts.view->index);
    }
    bd_writer_u32(call->writer, parts.index);
    return 0;
}

static int bd_call_write_number(bd_call *call, uint8_t type, PyObject *value) {
    int64_t number;
    uint32_t small;
    double real;
    switch (type) {
        case BD_T_INT:
            if (bd_value_int(value, &number) < 0) return -1;
            bd_writer_u64(call->writer, (uint64_t)number);
            return 0;
        case BD_T_U8:
            if (bd_value_u8(value, &small) < 0) return -1;
            bd_writer_u32(call->writer, small);
            return 0;
        case BD_T_U32:
            if (bd_value_int(value, &number) < 0) return -1;
            if (number < 0 || number > UINT32_MAX) {
                PyErr_SetString(PyExc_OverflowError, "the number must be between 0 and 4294967295");
                return -1;
            }
            bd_writer_u32(call->writer, (uint32_t)number);
            return 0;
        default:
            real = PyFloat_AsDouble(value);
            if (real == -1.0 && PyErr_Occurred()) return -1;
            bd_writer_f64(call->writer, real);
            return 0;
    }
}

static int bd_call_write_bytes(bd_call *call, PyObject *value) {
    Py_buffer buffer;
    if (PyUnicode_Check(value)) {
        size_t bytes;
        const char *text = bd_value_str(value, &bytes, "Expected a string");
        if (!text) return -1;
        bd_writer_bytes(call->writer, text, bytes);
        return 0;
    }
    if (PyObject_GetBuffer(value, &buffer, PyBUF_SIMPLE) < 0) return -1;
    bd_writer_bytes(call->writer, buffer.buf, (size_t)buffer.len);
    PyBuffer_Release(&buffer);
    return 0;
}

/* A str, or what has an identifier and an edge_type. */
static int bd_call_write_traversal(bd_call *call, const bd_parameter *parameter, PyObject *value) {
    size_t bytes;
    uint32_t type = BD_COMPOSITION;
    PyObject *identifier = NULL, *number = NULL;
    if (PyUnicode_Check(value)) {
        identifier = value;
        Py_INCREF(identifier);
    } else {
        identifier = PyObject_GetAttrString(value, "identifier");
        number = identifier ? PyObject_GetAttrString(value, "edge_type") : NULL;
        if (!number || !PyUnicode_Check(identifier)) {
            bool is_other = PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_AttributeError);
            Py_XDECREF(identifier);
            Py_XDECREF(number);
            if (is_other) return -1;
            PyErr_Clear();
            return bd_call_refuse_item(parameter, "Expected a string");
        }
    }
    int result = number ? bd_value_u8(number, &type) : 0;
    const char *text = result < 0 ? NULL : bd_value_str(identifier, &bytes, "Expected a string");
    if (text) {
        bd_writer_str(call->writer, text, bytes);
        bd_writer_u32(call->writer, type);
    }
    Py_XDECREF(number);
    Py_DECREF(identifier);
    return text ? 0 : -1;
}

static int bd_call_write_dict(bd_call *call, PyObject *value) {
    size_t at = call->writer->size;
    uint32_t written = 0;
    bd_writer_u32(call->writer, 0);
    if (bd_value_write_dict(call->writer, value, false, &written) < 0) return -1;
    if (!call->writer->failed) bd_store_u32(call->writer->data + at, written);
    return 0;
}

static int bd_call_write_item(bd_call *call, const bd_parameter *parameter, uint8_t type, PyObject *value) {
    int truth;
    size_t bytes;
    const char *text;
    switch (type) {
        case BD_T_INT:
        case BD_T_U8:
        case BD_T_U32:
        case BD_T_FLOAT: return bd_call_write_number(call, type, value);
        case BD_T_BOOL:
            truth = PyObject_IsTrue(value);
            if (truth < 0) return -1;
            bd_writer_u32(call->writer, (uint32_t)truth);
            return 0;
        case BD_T_STR:
            text = bd_value_str(value, &bytes, bd_call_words(parameter, "Expected a string"));
            if (!text) return -1;
            bd_writer_str(call->writer, text, bytes);
            return 0;
        case BD_T_TRAVERSAL: return bd_call_write_traversal(call, parameter, value);
        case BD_T_DICT: return bd_call_write_dict(call, value);
        case BD_T_LITERAL: return bd_value_write_literal(call->writer, value, "Unsupported attribute literal");
        case BD_T_BYTES: return bd_call_write_bytes(call, value);
        case BD_T_ANY:
        case BD_T_CALLABLE:
        case BD_T_NONE: return 0; /* stays here */
        default: break;
    }
    if (Py_TYPE(value) != call->state->types[bd_kind_of_type(type)])
        return bd_call_refuse_item(parameter, "Invalid object");
    const bd_recipe_object *recipe = bd_recipe_of(call->state, value);
    if (!recipe) return bd_call_write_handle(call, value);
    bd_recipe_write(call->writer, recipe);
    return 0;
}

/* Lists of handles are lists; of texts and path items any sequence, a str among them. */
static int bd_call_write_list(bd_call *call, const bd_parameter *parameter, PyObject *value) {
    uint8_t type = parameter->type & BD_T_ITEM_MASK;
    bool is_fit = type == BD_T_STR || type == BD_T_TRAVERSAL ? PySequence_Check(value) : PyList_Check(value);
    if (!is_fit && parameter->refusal) return bd_arguments_refuse(parameter, "");
    PyObject *items = PySequence_Tuple(value);
    if (!items) return -1;
    Py_ssize_t count = PyTuple_Size(items);
    int result = 0;
    bd_writer_u32(call->writer, (uint32_t)count);
    for (Py_ssize_t i = 0; i < count && result == 0; i++)
        result = bd_call_write_item(call, parameter, type, PyTuple_GetItem(items, i));
    Py_DECREF(items);
    return result;
}

static void bd_call_write_default(bd_call *call, const bd_parameter *parameter) {
    switch (parameter->default_kind) {
        case BD_DEFAULT_STR: bd_writer_str(call->writer, parameter->default_str, strlen(parameter->default_str)); break;
        case BD_DEFAULT_FLOAT: bd_writer_f64(call->writer, parameter->default_float); break;
        default:
            if (parameter->type == BD_T_FLOAT) bd_writer_f64(call->writer, (double)parameter->default_int);
            else if (parameter->type == BD_T_INT) bd_writer_u64(call->writer, (uint64_t)parameter->default_int);
            else bd_writer_u32(call->writer, (uint32_t)parameter->default_int); /* bool, u8, none, empty str or list */
    }
}

static int bd_call_write_parameter(bd_call *call, const bd_parameter *parameter, PyObject *value) {
    if (parameter->type & BD_T_OPTIONAL) {
        bool is_there = value && value != Py_None;
        bd_writer_u32(call->writer, is_there);
        return is_there ? bd_call_write_item(call, parameter, parameter->type & BD_T_ITEM_MASK, value) : 0;
    }
    if (parameter->type == BD_T_ANY || parameter->type == BD_T_CALLABLE) return 0;
    if (!value || (value == Py_None && !parameter->is_required && parameter->default_kind == BD_DEFAULT_NONE)) {
        bd_call_write_default(call, parameter);
        return 0;
    }
    if (parameter->type & BD_T_LIST) return bd_call_write_list(call, parameter, value);
    return bd_call_write_item(call, parameter, parameter->type, value);
}

/* -- results: NULL with reader->bad for broken bytes, NULL with an exception otherwise ---------------------------------- */

/* A bound result is in the view that was asked: the first one that the arguments mention. */
static PyObject *bd_call_read_handle(bd_call *call, uint8_t type, bd_reader *reader) {
    bd_view *view = call->view_count ? call->views[0] : NULL;
    if (type == BD_T_PATH && view) return bd_path_read(view, reader);
    bool is_bound = type == BD_T_BOUND_NODE || type == BD_T_BOUND_EDGE;
    bool is_node = type == BD_T_NODE || type == BD_T_BOUND_NODE;
    bd_edge_info info = {0, 0, 0, 0};
    if (is_node) info.source = bd_reader_u32(reader);
    else if (type == BD_T_EDGE || type == BD_T_BOUND_EDGE) bd_read_edge_info(reader, &info);
    else reader->bad = true;
    if (is_bound && !view) reader->bad = true;
    if (reader->bad) return NULL;
    if (is_node) {
        bd_workspace_saw_node(call->workspace, info.source);
        if (!is_bound) return bd_node_new(call->workspace, info.source);
        if (!view->is_destroyed) bd_idset_add(&view->nodes, info.source);
        return bd_bound_node_new(view, info.source);
    }
    bd_workspace_saw_edge(call->workspace, &info);
    if (!is_bound) return bd_edge_new(call->workspace, &info);
    if (!view->is_destroyed) bd_view_know_edge(view, &info);
    return bd_bound_edge_new(view, &info);
}

static PyObject *bd_call_read_json(bd_reader *reader) {
    PyObject *text = bd_value_read_str(reader);
    PyObject *module = text ? PyImport_ImportModule("json") : NULL;
    PyObject *value = module ? PyObject_CallMethod(module, "loads", "O", text) : NULL;
    Py_XDECREF(module);
    Py_XDECREF(text);
    return value;
}

static PyObject *bd_call_read_item(bd_call *call, uint8_t type, bd_reader *reader) {
    size_t bytes;
    const unsigned char *data;
    uint64_t word;
    double real;
    switch (type) {
        case BD_T_NONE: Py_RETURN_NONE;
        case BD_T_INT:
            word = bd_reader_u64(reader);
            return reader->bad ? NULL : PyLong_FromLongLong((long long)word);
        case BD_T_U8:
        case BD_T_U32:
            word = bd_reader_u32(reader);
            return reader->bad ? NULL : PyLong_FromUnsignedLongLong(word);
        case BD_T_BOOL:
            word = bd_reader_u32(reader);
            return reader->bad ? NULL : PyBool_FromLong(word != 0);
        case BD_T_FLOAT:
            real = bd_reader_f64(reader);
            return reader->bad ? NULL : PyFloat_FromDouble(real);
        case BD_T_STR: return bd_value_read_str(reader);
        case BD_T_LITERAL: return bd_value_read_literal(reader);
        case BD_T_ATTRIBUTES: return bd_value_read_attributes(reader);
        case BD_T_BYTES:
            data = bd_reader_bytes(reader, &bytes);
            return data ? PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)bytes) : NULL;
        case BD_T_JSON: return bd_call_read_json(reader);
        case BD_T_VALUE:
            return bd_result_read(
                &(bd_result_context){call->state, call->workspace, call->views, call->view_count}, reader);
        default: return bd_call_read_handle(call, type, reader);
    }
}

static PyObject *bd_call_read(bd_call *call, bd_reader *reader) {
    uint8_t type = call->method->result;
    if (type & BD_T_OPTIONAL) {
        uint32_t is_there = bd_reader_u32(reader);
        if (reader->bad) return NULL;
        if (!is_there) Py_RETURN_NONE;
        return bd_call_read_item(call, type & BD_T_ITEM_MASK, reader);
    }
    if (!(type & BD_T_LIST)) return bd_call_read_item(call, type, reader);
    uint32_t count = bd_reader_count(reader, 4);
    PyObject *list = reader->bad ? NULL : PyList_New(count);
    for (uint32_t i = 0; list && i < count; i++) {
        PyObject *item = bd_call_read_item(call, type & BD_T_ITEM_MASK, reader);
        if (!item || PyList_SetItem(list, (Py_ssize_t)i, item) < 0) Py_CLEAR(list);
    }
    return list;
}

static int bd_call_write(
    bd_call *call, int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords,
    PyObject **values) {
    if (call->method->self_type == BD_T_TYPE_GRAPH) bd_type_graph_use(self);
    if (bd_recipe_is_one(self)) bd_recipe_write(call->writer, (const bd_recipe_object *)self);
    else if (call->method->self_type != BD_T_NONE && bd_call_write_handle(call, self) < 0) return -1;
    for (uint32_t i = 0; i < call->method->parameter_count; i++) {
        const bd_parameter *parameter = &bd_parameters[call->method->first_parameter + i];
        int result =
            parameter->type == BD_T_ATTRIBUTES
                ? bd_value_write_keywords(call->state, method, call->writer, args, count, keywords, NULL, 0)
                : bd_call_write_parameter(call, parameter, values[i]);
        if (result < 0) return -1;
    }
    if (call->writer->failed) {
        PyErr_NoMemory();
        return -1;
    }
    if (!call->workspace) call->workspace = bd_state_workspace(call->state);
    return call->workspace ? 0 : -1;
}

/* Handles keep ends, type and direction of their edge: after these they look again. */
static bool bd_call_changes_edges(int method) {
    return method == BD_METHOD_EDGE_CREATION_ATTRIBUTES_APPLY_TO || method == BD_METHOD_LINKER_UPDATE_TYPE_REFERENCE;
}

/* An error that tells of a node has it as a handle: `node` of its fields, in the view of that number. */
static void bd_call_name_node(bd_call *call) {
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    PyObject *fields = error ? PyObject_GetAttrString(error, "fields") : NULL;
    PyObject *node = fields ? PyMapping_GetItemString(fields, "node") : NULL;
    PyObject *number = node ? PyMapping_GetItemString(fields, "view") : NULL;
    unsigned long index = node ? PyLong_AsUnsignedLong(node) : 0, view_index = number ? PyLong_AsUnsignedLong(number) : 0;
    if (number && !PyErr_Occurred() && index <= UINT32_MAX && view_index <= UINT32_MAX) {
        bd_result_context context = {call->state, call->workspace, call->views, call->view_count};
        bd_view *view = bd_result_view(&context, (uint32_t)view_index);
        PyObject *handle = NULL;
        if (view && bd_view_has_node(view, (uint32_t)index)) bd_idset_add(&view->nodes, (uint32_t)index);
        if (view) handle = bd_bound_node_new(view, (uint32_t)index);
        if (handle) PyObject_SetAttrString(error, "node", handle);
        Py_XDECREF(handle);
    }
    Py_XDECREF(number);
    Py_XDECREF(node);
    Py_XDECREF(fields);
    PyErr_Clear(); /* most errors have no such fields */
    PyErr_Restore(type, error, trace);
}

int bd_invoke_write(
    int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords, PyObject **values,
    bd_writer *writer) {
    bd_call call = {0};
    bd_handle_parts parts;
    call.method = &bd_methods[method];
    if (!bd_handle_take(self, &parts)) {
        PyErr_SetString(PyExc_TypeError, "Invalid object");
        return -1;
    }
    call.state = parts.workspace->state;
    if (bd_arguments_take(call.state, method, args, count, keywords, values) < 0) return -1;
    call.writer = writer;
    return bd_call_write(&call, method, self, args, count, keywords, values);
}

PyObject *bd_invoke(int method, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_call call = {0};
    call.method = &bd_methods[method];
    bd_handle_parts parts;
    if (call.method->self_type == BD_T_NONE) call.state = bd_state_of(self);
    else if (bd_recipe_is_one(self)) call.state = bd_recipe_state(self);
    else if (bd_handle_take(self, &parts)) call.state = parts.workspace->state;
    else {
        PyErr_SetString(PyExc_TypeError, "Invalid object");
        return NULL;
    }
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX] = {NULL};
    bd_state *state = call.state;
    const void *counted[2] = {state->counted[0], state->counted[1]};
    bool goes_on = state->method == (uint32_t)method; /* what its own function, which could not answer, has counted */
    if (bd_arguments_take(state, method, args, count, keywords, values) < 0) return NULL;
    if (goes_on) memcpy(state->counted, counted, sizeof counted);
    PyObject *value = NULL;
    bd_writer writer;
    bd_writer_init(&writer);
    call.writer = &writer;
    if (bd_call_write(&call, method, self, args, count, keywords, values) == 0) {
        bd_workspace *workspace = call.workspace;
        bd_workspace_retain(workspace);
        bd_piece piece = {writer.data, writer.size};
        bd_reply reply;
        bd_reader result;
        if (call.method->kind == BD_KIND_OF_REQUEST_COMMAND) {
            if (bd_request_command(workspace, call.method->operation, call.method->name, &piece, 1) == 0) {
                value = Py_None;
                Py_INCREF(value);
            }
        } else if (bd_request_call(
                       workspace, call.method->operation, call.method->name, &piece, 1, &reply, &result) == 0) {
            value = bd_call_read(&call, &result);
            if (result.bad || (value && bd_reader_left(&result))) {
                Py_CLEAR(value);
                if (!PyErr_Occurred()) bd_error_protocol(workspace, call.method->name);
            }
            bd_request_done(workspace, &reply);
            if (bd_call_changes_edges(method)) workspace->edges_changed = true;
            if (workspace->edges_changed || method == BD_METHOD_NODE_CREATION_ATTRIBUTES_APPLY_TO)
                bd_foretell_forget(workspace);
        } else {
            bd_call_name_node(&call);
        }
        bool makes = call.method->kind == BD_KIND_OF_REQUEST_CALL; /* also what was made before it failed */
        for (int i = 0; makes && i < call.view_count; i++) call.views[i]->has_strangers = true;
        bd_workspace_release(workspace);
    }
    bd_state_begin(state, BD_METHOD_NONE);
    bd_writer_free(&writer);
    return value;
}
