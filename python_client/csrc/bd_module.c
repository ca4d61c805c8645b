/* The module: state, types from the table, the few functions that bindd's Python files call. Multi-phase init; nothing is
 * static but what fork() needs (bd_workspace.c). Importing does no I/O.
 */
#include "bd_batch.h"
#include "bd_handle.h"
#include "bd_open.h"
#include "bd_sexp.h"
#include "bd_typed.h"

static PyObject *bd_module_open(PyObject *module, PyObject *args) {
    bd_open_options options = {0};
    int sync, debug;
    if (!PyArg_ParseTuple(
            args, "isssdddppis:open", &options.fd, &options.socket, &options.workspace, &options.program,
            &options.timeout, &options.hang_limit, &options.call_timeout, &sync, &debug, &options.sites, &options.own))
        return NULL;
    options.sync = sync;
    options.debug = debug;
    bd_workspace *workspace = bd_workspace_open(bd_state_of(module), &options);
    return workspace ? bd_workspace_object_new(workspace) : NULL;
}

/* The Workspace that static creators use: alive or not; None when there was none yet. */
static PyObject *bd_module_current(PyObject *module, PyObject *ignored) {
    (void)ignored;
    PyObject *current = bd_current_workspace(bd_state_of(module));
    if (!current && PyErr_Occurred()) return NULL;
    return Py_NewRef(current ? current : Py_None);
}

static PyObject *bd_module_is_entered(PyObject *module, PyObject *ignored) {
    (void)ignored;
    int is_entered = bd_current_is_entered(bd_state_of(module));
    return is_entered < 0 ? NULL : PyBool_FromLong(is_entered);
}

static PyObject *bd_module_replace(PyObject *module, PyObject *workspace) {
    bd_state *state = bd_state_of(module);
    if (Py_TYPE(workspace) != state->types[BD_KIND_WORKSPACE]) {
        PyErr_SetString(PyExc_TypeError, "a Workspace is needed");
        return NULL;
    }
    if (bd_current_replace(state, workspace) < 0) return NULL;
    Py_RETURN_NONE;
}

/* The name of a view's workspace; empty: a private one. */
static PyObject *bd_module_workspace_name(PyObject *module, PyObject *object) {
    if (Py_TYPE(object) != bd_state_of(module)->types[BD_KIND_VIEW]) {
        PyErr_SetString(PyExc_TypeError, "a GraphView is needed");
        return NULL;
    }
    return bd_workspace_shared_name(((bd_view_object *)object)->view->workspace);
}

/* Closes the process's own workspace; the next use opens a new one. */
static PyObject *bd_module_close(PyObject *module, PyObject *ignored) {
    (void)ignored;
    bd_state *state = bd_state_of(module);
    PyObject *fallback = state->fallback;
    state->fallback = NULL;
    if (fallback) bd_workspace_close(((bd_workspace_object *)fallback)->workspace);
    Py_XDECREF(fallback);
    Py_RETURN_NONE;
}

/* At exit: what waits for shared workspaces is sent, within a second. */
static PyObject *bd_module_finish(PyObject *module, PyObject *ignored) {
    (void)ignored;
    bd_state *state = bd_state_of(module);
    for (bd_workspace *workspace = bd_workspace_list(), *next; workspace; workspace = next) {
        bd_workspace_retain(workspace);
        if (workspace->state == state && workspace->life == BD_ALIVE && !workspace->is_private &&
            bd_request_flush(workspace, 1.0) < 0)
            PyErr_Clear();
        next = workspace->next;
        bd_workspace_release(workspace);
    }
    Py_RETURN_NONE;
}

static PyObject *bd_module_statistics(PyObject *module, PyObject *ignored) {
    (void)ignored;
    return bd_statistics_of(bd_state_of(module), NULL);
}

/* The function that is told how far long calls are, or None. */
static PyObject *bd_module_progress(PyObject *module, PyObject *told) {
    bd_state *state = bd_state_of(module);
    PyObject *before = state->progress;
    state->progress = told == Py_None ? NULL : Py_NewRef(told);
    Py_XDECREF(before);
    Py_RETURN_NONE;
}

static PyMethodDef bd_module_methods[] = {
    {"_progress", bd_module_progress, METH_O, NULL},
    {"_open", bd_module_open, METH_VARARGS, NULL},
    {"_current", bd_module_current, METH_NOARGS, NULL},
    {"_is_entered", bd_module_is_entered, METH_NOARGS, NULL},
    {"_replace", bd_module_replace, METH_O, NULL},
    {"_workspace_name", bd_module_workspace_name, METH_O, NULL},
    {"_close", bd_module_close, METH_NOARGS, NULL},
    {"_finish", bd_module_finish, METH_NOARGS, NULL},
    {"statistics", bd_module_statistics, METH_NOARGS,
     "statistics($module, /)\n--\n\nCounters of this process: round trips, requests, bytes, living and created handles."},
    {NULL, NULL, 0, NULL},
};

/* Static methods get the module as `self`, so that they find its state: a plain function object in the type. */
static int bd_module_add_static(PyObject *module, PyTypeObject *type, PyMethodDef *methods, const char *module_name) {
    PyObject *name = PyUnicode_FromString(module_name);
    int result = name ? 0 : -1;
    for (PyMethodDef *method = methods; result == 0 && method->ml_name; method++) {
        PyObject *function = PyCFunction_NewEx(method, module, name);
        result = function ? PyObject_SetAttrString((PyObject *)type, method->ml_name, function) : -1;
        Py_XDECREF(function);
    }
    Py_XDECREF(name);
    return result;
}

/* Under its names in the module, and in the class that it belongs to. */
static int bd_module_add_class(PyObject *module, const bd_class *declared, PyTypeObject *type) {
    if (PyModule_AddObjectRef(module, declared->python_name, (PyObject *)type) < 0 ||
        (declared->alias && PyModule_AddObjectRef(module, declared->alias, (PyObject *)type) < 0))
        return -1;
    if (!declared->outer) return 0;
    PyObject *outer = PyObject_GetAttrString(module, declared->outer);
    int result = outer ? PyObject_SetAttrString(outer, declared->python_name, (PyObject *)type) : -1;
    Py_XDECREF(outer);
    return result;
}

static int bd_module_add_classes(PyObject *module, bd_state *state) {
    for (const bd_class *declared = bd_table_classes; declared->name; declared++) {
        PyTypeObject *type = bd_handle_type_new(module, declared);
        if (!type) return -1;
        if (declared->slot) state->types[declared->slot] = type;
        int result = bd_module_add_static(module, type, declared->static_methods, "bindd._bindd");
        if (result == 0) result = bd_module_add_class(module, declared, type);
        if (!declared->slot) Py_DECREF(type);
        if (result < 0) return -1;
    }
    return 0;
}

static int bd_module_add_names(bd_state *state) {
    for (uint32_t i = 0; i < BD_PARAMETER_COUNT; i++) {
        state->names[i] = PyUnicode_InternFromString(bd_parameters[i].name);
        if (!state->names[i]) return -1;
    }
    return 0;
}

static int bd_module_add_constants(PyObject *module) {
    return PyModule_AddStringConstant(module, "VERSION", BD_VERSION) < 0 ||
                   PyModule_AddStringConstant(module, "BUILD", BD_BUILD) < 0 ||
                   PyModule_AddStringConstant(module, "DESCRIPTION_HASH", BD_DESCRIPTION_HASH_TEXT) < 0 ||
                   PyModule_AddIntConstant(module, "PROTOCOL_MAJOR", BD_PROTOCOL_MAJOR) < 0 ||
                   PyModule_AddIntConstant(module, "PROTOCOL_MINOR", BD_PROTOCOL_MINOR) < 0 ||
                   PyModule_AddIntConstant(module, "CONTROL_BYTES_MAX", (long)BD_LIMIT_CONTROL_BYTES_MAX) < 0 ||
                   PyModule_AddIntConstant(module, "HELLO_BYTES_MAX", (long)BD_LIMIT_HELLO_BYTES_MAX) < 0 ||
                   PyModule_AddIntConstant(module, "NAME_BYTES_MAX", (long)BD_LIMIT_NAME_BYTES_MAX) < 0 ||
                   PyModule_AddIntConstant(module, "WORKSPACE_NAME_BYTES_MAX", (long)BD_LIMIT_WORKSPACE_NAME_BYTES_MAX) < 0 ||
                   PyModule_AddIntConstant(module, "FRAME_BYTES_MAX", (long)BD_LIMIT_FRAME_BYTES_MAX) < 0 ||
                   PyModule_AddIntConstant(module, "SITES_INTERVAL", (long)BD_LEDGER_INTERVAL) < 0
               ? -1
               : 0;
}

static int bd_module_exec(PyObject *module) {
    bd_state *state = bd_state_of(module);
    state->stored = PyDict_New();
    if (!state->stored || bd_kicad_init(module, state) < 0 || bd_current_init(state) < 0 || bd_module_add_names(state) < 0 ||
        bd_module_add_classes(module, state) < 0 || bd_sexp_types_add(module, state) < 0 ||
        bd_workspace_type_add(module, state) < 0 || bd_batch_type_add(module, state) < 0 ||
        PyModule_AddFunctions(module, bd_table_functions) < 0 || PyModule_AddFunctions(module, bd_typed_functions) < 0)
        return -1;
    return bd_module_add_constants(module);
}

static int bd_module_traverse(PyObject *module, visitproc visit, void *arg) {
    bd_state *state = bd_state_of(module);
    for (uint32_t i = 0; i < BD_TYPE_COUNT; i++) Py_VISIT(state->types[i]);
    Py_VISIT(state->namespace);
    Py_VISIT(state->entered_get);
    Py_VISIT(state->entered_set);
    Py_VISIT(state->fallback);
    Py_VISIT(state->stored);
    Py_VISIT(state->progress);
    Py_VISIT(state->batch_type);
    return bd_kicad_traverse(state->kicad, visit, arg);
}

static int bd_module_clear(PyObject *module) {
    bd_state *state = bd_state_of(module);
    Py_CLEAR(state->stored);
    Py_CLEAR(state->progress);
    bd_kicad_clear(state);
    Py_CLEAR(state->batch_type);
    Py_CLEAR(state->entered_get);
    Py_CLEAR(state->entered_set);
    Py_CLEAR(state->fallback);
    for (uint32_t i = 0; i < BD_PARAMETER_COUNT; i++) Py_CLEAR(state->names[i]);
    Py_CLEAR(state->namespace);
    for (uint32_t i = 0; i < BD_TYPE_COUNT; i++) Py_CLEAR(state->types[i]);
    return 0;
}

static void bd_module_free(void *module) {
    bd_module_clear((PyObject *)module);
    bd_handle_free_spares(bd_state_of((PyObject *)module));
    bd_kicad_free(bd_state_of((PyObject *)module));
}

extern struct PyModuleDef bd_module_definition;
static PyModuleDef_Slot bd_module_slots[] = {{Py_mod_exec, (void *)bd_module_exec}, {0, NULL}};

struct PyModuleDef bd_module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "bindd._bindd",
    .m_doc = "The native half of bindd: handles, requests, snapshots. Use the modules of the package instead.",
    .m_size = sizeof(bd_state),
    .m_methods = bd_module_methods,
    .m_slots = bd_module_slots,
    .m_traverse = bd_module_traverse,
    .m_clear = bd_module_clear,
    .m_free = bd_module_free,
};

PyMODINIT_FUNC PyInit__bindd(void) { return PyModuleDef_Init(&bd_module_definition); }
