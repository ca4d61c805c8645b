/* The Python type Workspace, and statistics. What it does as a context manager is in bd_current.c.
 */
#include "bd_open.h"
#include "bd_kicad.h"

static bd_workspace *bd_ws(PyObject *self) { return ((bd_workspace_object *)self)->workspace; }

PyObject *bd_workspace_object_new(bd_workspace *workspace) {
    bd_workspace_object *self = PyObject_New(bd_workspace_object, workspace->state->types[BD_KIND_WORKSPACE]);
    if (!self) {
        bd_workspace_release(workspace);
        return NULL;
    }
    self->workspace = workspace;
    self->entered = 0;
    workspace->page->live[BD_KIND_WORKSPACE]++;
    workspace->page->created[BD_KIND_WORKSPACE]++;
    return (PyObject *)self;
}

static void bd_workspace_dealloc(PyObject *self) {
    bd_ws(self)->page->live[BD_KIND_WORKSPACE]--;
    bd_workspace_release(bd_ws(self));
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

PyObject *bd_workspace_shared_name(const bd_workspace *workspace) {
    return bd_error_text(workspace->is_private ? "" : workspace->name);
}

static const char *const bd_lives[] = {"alive", "closed", "lost", "forked"};

static PyObject *bd_workspace_repr(PyObject *self) {
    bd_workspace *workspace = bd_ws(self);
    const char *life = workspace->life == BD_ALIVE ? "" : bd_lives[workspace->life];
    const char *gap = *life ? " " : "";
    if (workspace->is_private)
        return PyUnicode_FromFormat("<bindd.Workspace private worker %u%s%s>", workspace->worker_pid, gap, life);
    return PyUnicode_FromFormat(
        "<bindd.Workspace '%s' worker %u%s%s>", workspace->name, workspace->worker_pid, gap, life);
}

static PyObject *bd_workspace_get(PyObject *self, void *closure) {
    bd_workspace *workspace = bd_ws(self);
    switch ((int)(intptr_t)closure) {
        case 0: return bd_error_text(workspace->name);
        case 1: return PyLong_FromUnsignedLong(workspace->worker_pid);
        case 2: return PyLong_FromUnsignedLong(workspace->generation);
        case 3: return PyUnicode_FromString(workspace->socket);
        case 4: return PyBool_FromLong(workspace->life == BD_ALIVE);
        case 5: return PyBool_FromLong(workspace->is_private);
        case 6:
            if (workspace->call_timeout > 0) return PyFloat_FromDouble(workspace->call_timeout);
            Py_RETURN_NONE;
        case 7: return PyFloat_FromDouble(workspace->hang_limit);
        default: return PyUnicode_FromString(bd_lives[workspace->life]);
    }
}

static int bd_workspace_set(PyObject *self, PyObject *value, void *closure) {
    bool is_timeout = (int)(intptr_t)closure == 6;
    double seconds = 0;
    if (!value) {
        PyErr_SetString(PyExc_AttributeError, "cannot be deleted");
        return -1;
    }
    if (!(is_timeout && value == Py_None)) {
        seconds = PyFloat_AsDouble(value);
        if (seconds == -1.0 && PyErr_Occurred()) return -1;
        if (!(seconds > 0)) {
            PyErr_SetString(PyExc_ValueError, "the limit must be above 0 seconds");
            return -1;
        }
    }
    *(is_timeout ? &bd_ws(self)->call_timeout : &bd_ws(self)->hang_limit) = seconds;
    return 0;
}

static PyObject *bd_workspace_close_method(PyObject *self, PyObject *ignored) {
    (void)ignored;
    bd_workspace_close(bd_ws(self));
    Py_RETURN_NONE;
}

static PyObject *bd_workspace_sync(PyObject *self, PyObject *ignored) {
    (void)ignored;
    bd_reply reply;
    bd_reader result;
    if (bd_request_call(bd_ws(self), BD_OP_SYNC, "sync", NULL, 0, &reply, &result) < 0) return NULL;
    bd_request_done(bd_ws(self), &reply);
    Py_RETURN_NONE;
}

static PyObject *bd_workspace_flush(PyObject *self, PyObject *ignored) {
    (void)ignored;
    if (bd_request_flush(bd_ws(self), bd_ws(self)->call_timeout) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *bd_workspace_statistics(PyObject *self, PyObject *ignored) {
    (void)ignored;
    return bd_statistics_of(bd_ws(self)->state, bd_ws(self));
}

static PyObject *bd_workspace_address(PyObject *self, PyObject *ignored) {
    (void)ignored;
    return PyLong_FromUnsignedLongLong(bd_debug_id(BD_KIND_WORKSPACE, bd_ws(self)->generation, bd_ws(self)->worker_pid));
}

/* What a notebook shows; it is written in Python. */
static PyObject *bd_workspace_repr_html(PyObject *self, PyObject *ignored) {
    (void)ignored;
    PyObject *module = PyImport_ImportModule("bindd._html");
    PyObject *result = module ? PyObject_CallMethod(module, "workspace", "O", self) : NULL;
    Py_XDECREF(module);
    return result;
}

/* -- statistics --------------------------------------------------------------------------------------------------------- */

static const char *const bd_counter_names[] = {
    "round_trips", "requests", "messages", "bytes_sent", "bytes_received", "releases", "releases_dropped"};
#define BD_COUNTERS 7

static void bd_statistics_add(const bd_workspace *workspace, uint64_t *counters) {
    const bd_connection *connection = &workspace->connection;
    uint64_t own[BD_COUNTERS] = {workspace->round_trips, workspace->requests, connection->messages,
                                 connection->bytes_sent, connection->bytes_received, workspace->releases,
                                 workspace->releases_dropped};
    for (int i = 0; i < BD_COUNTERS; i++) counters[i] += own[i];
}

static int bd_statistics_set(PyObject *dict, const char *name, uint64_t value) {
    PyObject *number = PyLong_FromUnsignedLongLong(value);
    int result = number ? PyDict_SetItemString(dict, name, number) : -1;
    Py_XDECREF(number);
    return result;
}

static int bd_statistics_set_kinds(PyObject *dict, const char *name, const uint64_t *numbers) {
    static const char *const kinds[BD_KIND_COUNT] = {
        [BD_KIND_NODE] = "NodeReference", [BD_KIND_EDGE] = "EdgeReference", [BD_KIND_VIEW] = "GraphView",
        [BD_KIND_BOUND_NODE] = "BoundNode", [BD_KIND_BOUND_EDGE] = "BoundEdge", [BD_KIND_PATH] = "BFSPath",
        [BD_KIND_DOCUMENT] = "Document", [BD_KIND_SEXP_LIST] = "List", [BD_KIND_SEXP_ATOM] = "Atom",
        [BD_KIND_WORKSPACE] = "Workspace", [BD_KIND_TYPE_GRAPH] = "TypeGraph", [BD_KIND_STRUCT] = "Struct"};
    PyObject *inner = PyDict_New();
    int result = inner ? 0 : -1;
    for (int kind = 0; kind < (int)BD_KIND_COUNT && result == 0; kind++)
        if (kinds[kind]) result = bd_statistics_set(inner, kinds[kind], numbers[kind]);
    for (uint32_t kind = BD_KIND_FILE; kind < BD_KIND_FILE_END && result == 0; kind++)
        result = bd_statistics_set(inner, bd_file_names[kind - BD_KIND_FILE], numbers[kind]);
    if (result == 0) result = PyDict_SetItemString(dict, name, inner);
    Py_XDECREF(inner);
    return result;
}

PyObject *bd_statistics_of(bd_state *state, const bd_workspace *only) {
    uint64_t counters[BD_COUNTERS] = {0}, live[BD_KIND_COUNT] = {0}, created[BD_KIND_COUNT] = {0};
    if (!only) {
        for (int i = 0; i < BD_COUNTERS; i++) counters[i] = state->retired[i];
        for (uint32_t i = 0; i < BD_KIND_COUNT; i++) created[i] = state->retired_created[i];
    }
    for (bd_workspace *workspace = bd_workspace_list(); workspace; workspace = workspace->next) {
        if (workspace->state != state || (only && workspace != only)) continue;
        bd_statistics_add(workspace, counters);
        if (workspace->page == &bd_dummy_page) continue;
        for (uint32_t i = 0; i < BD_KIND_COUNT; i++) {
            live[i] += workspace->page->live[i];
            created[i] += workspace->page->created[i];
        }
    }
    PyObject *dict = PyDict_New();
    int result = dict ? 0 : -1;
    for (int i = 0; i < BD_COUNTERS && result == 0; i++) result = bd_statistics_set(dict, bd_counter_names[i], counters[i]);
    if (result == 0) result = bd_statistics_set_kinds(dict, "live", live);
    if (result == 0) result = bd_statistics_set_kinds(dict, "created", created);
    if (result < 0) Py_CLEAR(dict);
    return dict;
}

/* -- type ------------------------------------------------------------------------------------------------------------------ */

static PyMethodDef bd_workspace_methods[] = {
    {"close", bd_workspace_close_method, METH_NOARGS, "close($self, /)\n--\n\nSends what waits and ends the connection. Handles are stale then."},
    {"sync", bd_workspace_sync, METH_NOARGS, "sync($self, /)\n--\n\nReturns when every earlier request is applied."},
    {"flush", bd_workspace_flush, METH_NOARGS, "flush($self, /)\n--\n\nSends what waits in the buffer; does not wait for the worker."},
    {"statistics", bd_workspace_statistics, METH_NOARGS, "statistics($self, /)\n--\n\nCounters of this connection."},
    {"__enter__", bd_current_enter, METH_NOARGS, NULL},
    {"__exit__", bd_current_exit, METH_VARARGS, NULL},
    {"__zig_address__", bd_workspace_address, METH_NOARGS, "__zig_address__($self, /)\n--\n\nThe debug id."},
    {"__reduce_ex__", bd_handle_no_pickle, METH_O, NULL},
    {"_repr_html_", bd_workspace_repr_html, METH_NOARGS, "_repr_html_($self, /)\n--\n\nA small table for Jupyter: its state, and the handles that this process holds in it."},
    {NULL, NULL, 0, NULL},
};
#define BD_CLOSURE(number) ((void *)(intptr_t)(number))
static PyGetSetDef bd_workspace_getset[] = {
    {"name", bd_workspace_get, NULL, "Name; of a private workspace: the name that the daemon gave it.", BD_CLOSURE(0)},
    {"pid", bd_workspace_get, NULL, "Process id of the worker.", BD_CLOSURE(1)},
    {"generation", bd_workspace_get, NULL, "The how manieth workspace of this process it is.", BD_CLOSURE(2)},
    {"socket", bd_workspace_get, NULL, "Path of the supervisor's socket.", BD_CLOSURE(3)},
    {"alive", bd_workspace_get, NULL, "Whether it can be used.", BD_CLOSURE(4)},
    {"private", bd_workspace_get, NULL, "Whether it ends with this process.", BD_CLOSURE(5)},
    {"state", bd_workspace_get, NULL, "\"alive\", \"closed\", \"lost\" or \"forked\".", BD_CLOSURE(8)},
    {"call_timeout", bd_workspace_get, bd_workspace_set, "Seconds that a call may take before CallTimeout; None: no limit.", BD_CLOSURE(6)},
    {"hang_limit", bd_workspace_get, bd_workspace_set, "Seconds without an answer after which the worker is killed.", BD_CLOSURE(7)},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot bd_workspace_slots[] = {
    {Py_tp_dealloc, bd_workspace_dealloc}, {Py_tp_repr, bd_workspace_repr}, {Py_tp_new, bd_handle_no_new},
    {Py_tp_methods, bd_workspace_methods}, {Py_tp_getset, bd_workspace_getset},
    {Py_tp_doc, "One isolated state in the daemon, as this process sees it. Made by bindd.connect()."}, {0, NULL},
};

int bd_workspace_type_add(PyObject *module, bd_state *state) {
    PyType_Spec spec = {"bindd.Workspace", sizeof(bd_workspace_object), 0, Py_TPFLAGS_DEFAULT, bd_workspace_slots};
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
    if (!type) return -1;
    state->types[BD_KIND_WORKSPACE] = type;
    return PyModule_AddObjectRef(module, "Workspace", (PyObject *)type);
}
