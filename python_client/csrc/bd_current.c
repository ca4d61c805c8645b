/* Which workspace the creators use that have no handle to go by: the innermost `with` of the running thread or task, else
 * the process's own. Must not open or close anything by itself but at the end of a `with`.
 *
 * The blocks that a context is in are a tuple in a ContextVar, innermost last, so that threads and asyncio tasks have
 * their own. An entry is a list of two: the workspace that was entered, and the one that stands for it, another one once
 * the first is lost. A workspace may be entered again while it is; it is closed at the end of its last block. Entries of
 * workspaces whose last block ended in another context are passed over.
 * Cost: nothing as long as no block is open in the process, else one call of the ContextVar.
 */
#include "bd_state.h"

static bd_workspace_object *bd_entry_workspace(PyObject *entry, Py_ssize_t at) {
    return (bd_workspace_object *)PyList_GetItem(entry, at); /* entries are made here only */
}

int bd_current_init(bd_state *state) {
    PyObject *module = PyImport_ImportModule("contextvars");
    PyObject *none = module ? PyTuple_New(0) : NULL;
    PyObject *class = none ? PyObject_GetAttrString(module, "ContextVar") : NULL;
    PyObject *args = class ? Py_BuildValue("(s)", "bindd.entered") : NULL;
    PyObject *keywords = args ? Py_BuildValue("{sO}", "default", none) : NULL;
    PyObject *variable = keywords ? PyObject_Call(class, args, keywords) : NULL;
    if (variable) {
        state->entered_get = PyObject_GetAttrString(variable, "get");
        state->entered_set = PyObject_GetAttrString(variable, "set");
    }
    Py_XDECREF(variable);
    Py_XDECREF(keywords);
    Py_XDECREF(args);
    Py_XDECREF(class);
    Py_XDECREF(none);
    Py_XDECREF(module);
    return state->entered_get && state->entered_set ? 0 : -1;
}

/* A new reference: the tuple of this context. */
static PyObject *bd_current_stack(bd_state *state) {
    PyObject *stack = PyObject_CallNoArgs(state->entered_get);
    if (stack && !PyTuple_Check(stack)) {
        PyErr_SetString(PyExc_SystemError, "bindd.entered is no tuple");
        Py_CLEAR(stack);
    }
    return stack;
}

static int bd_current_set(bd_state *state, PyObject *stack) {
    PyObject *token = PyObject_CallFunctionObjArgs(state->entered_set, stack, NULL);
    Py_XDECREF(token);
    return token ? 0 : -1;
}

/* The stack without `removed` (may be NULL) and without entries whose blocks have all ended, `added` (may be NULL) behind. */
static PyObject *bd_current_changed(PyObject *stack, PyObject *removed, PyObject *added) {
    PyObject *list = PyList_New(0);
    Py_ssize_t count = PyTuple_Size(stack);
    int result = list ? 0 : -1;
    for (Py_ssize_t i = 0; i < count && result == 0; i++) {
        PyObject *entry = PyTuple_GetItem(stack, i);
        if (entry != removed && bd_entry_workspace(entry, 0)->entered) result = PyList_Append(list, entry);
    }
    if (result == 0 && added) result = PyList_Append(list, added);
    PyObject *changed = result == 0 ? PyList_AsTuple(list) : NULL;
    Py_XDECREF(list);
    return changed;
}

/* Borrowed from the context, which keeps it while no other Python code runs. NULL without an exception: none. */
static PyObject *bd_current_entry(bd_state *state) {
    if (!state->entered) return NULL;
    PyObject *stack = bd_current_stack(state);
    if (!stack) return NULL;
    PyObject *found = NULL;
    for (Py_ssize_t i = PyTuple_Size(stack); i && !found; i--) {
        PyObject *entry = PyTuple_GetItem(stack, i - 1);
        if (bd_entry_workspace(entry, 0)->entered) found = entry;
    }
    Py_DECREF(stack);
    return found;
}

PyObject *bd_current_workspace(bd_state *state) {
    PyObject *entry = bd_current_entry(state);
    if (entry) return (PyObject *)bd_entry_workspace(entry, 1);
    return PyErr_Occurred() ? NULL : state->fallback;
}

int bd_current_is_entered(bd_state *state) {
    if (bd_current_entry(state)) return 1;
    return PyErr_Occurred() ? -1 : 0;
}

int bd_current_replace(bd_state *state, PyObject *workspace) {
    PyObject *innermost = bd_current_entry(state);
    if (!innermost) {
        if (PyErr_Occurred()) return -1;
        PyObject *old = state->fallback;
        Py_INCREF(workspace);
        state->fallback = workspace;
        Py_XDECREF(old);
        return 0;
    }
    PyObject *stack = bd_current_stack(state);
    if (!stack) return -1;
    int result = 0;
    PyObject *old = PyList_GetItem(innermost, 1);
    Py_INCREF(old);
    for (Py_ssize_t i = 0, count = PyTuple_Size(stack); i < count && result == 0; i++) { /* it may be there again */
        PyObject *entry = PyTuple_GetItem(stack, i);
        if (PyList_GetItem(entry, 1) != old) continue;
        Py_INCREF(workspace);
        result = PyList_SetItem(entry, 1, workspace); /* steals */
    }
    Py_DECREF(old);
    Py_DECREF(stack);
    return result;
}

PyObject *bd_current_enter(PyObject *self, PyObject *ignored) {
    (void)ignored;
    bd_workspace_object *object = (bd_workspace_object *)self;
    bd_state *state = object->workspace->state;
    if (bd_workspace_check(object->workspace) < 0) return NULL;
    PyObject *stack = bd_current_stack(state);
    PyObject *entry = stack ? Py_BuildValue("[OO]", self, self) : NULL;
    PyObject *changed = entry ? bd_current_changed(stack, NULL, entry) : NULL;
    int result = changed ? bd_current_set(state, changed) : -1;
    Py_XDECREF(changed);
    Py_XDECREF(entry);
    Py_XDECREF(stack);
    if (result < 0) return NULL;
    object->entered++;
    state->entered++;
    Py_INCREF(self);
    return self;
}

/* The innermost entry of this workspace in this context goes, wherever it stands. */
static int bd_current_leave(bd_workspace_object *object, PyObject **left) {
    bd_state *state = object->workspace->state;
    PyObject *stack = bd_current_stack(state);
    if (!stack) return -1;
    for (Py_ssize_t i = PyTuple_Size(stack); i && !*left; i--)
        if (bd_entry_workspace(PyTuple_GetItem(stack, i - 1), 0) == object) *left = PyTuple_GetItem(stack, i - 1);
    Py_XINCREF(*left);
    if (object->entered) {
        object->entered--;
        state->entered--;
    }
    PyObject *changed = bd_current_changed(stack, *left, NULL);
    int result = changed ? bd_current_set(state, changed) : -1;
    Py_XDECREF(changed);
    Py_DECREF(stack);
    return result;
}

PyObject *bd_current_exit(PyObject *self, PyObject *ignored) {
    (void)ignored;
    bd_workspace_object *object = (bd_workspace_object *)self;
    PyObject *left = NULL;
    int result = bd_current_leave(object, &left);
    if (!object->entered) {
        if (left) bd_workspace_close(bd_entry_workspace(left, 1)->workspace);
        bd_workspace_close(object->workspace);
    }
    Py_XDECREF(left);
    if (result < 0) return NULL;
    Py_RETURN_NONE;
}
