/* How far a call is that waits for long: the worker writes it into the graph's header, where whoever waits reads it between
 * two looks at signals. The function that is told is bindd._progress's; it runs in the thread that waits, which holds the
 * connection: calls of it are refused (commands and releases are sent), and what it raises gives the call up, as Ctrl-C does.
 * Cost: nothing where nobody wants to know.
 */
#include "bd_state.h"

/* Steps done and in all; 0, 0 where nobody tells. The words are another process's: any pair may come. */
static void bd_progress_read(const bd_workspace *workspace, uint64_t number, uint32_t *done, uint32_t *all) {
    const bd_arena_header *header = workspace->memory;
    *done = *all = 0;
    if (!header || __atomic_load_n(&header->progress_slot, __ATOMIC_ACQUIRE) != workspace->slot) return;
    uint64_t progress = __atomic_load_n(&header->progress, __ATOMIC_ACQUIRE);
    if (__atomic_load_n(&header->progress_request, __ATOMIC_ACQUIRE) != number) return;
    *done = (uint32_t)progress;
    *all = (uint32_t)(progress >> 32);
}

static PyObject *bd_progress_call(bd_workspace *workspace, const char *name, uint64_t number, double elapsed_s, bool is_over) {
    uint32_t done, all;
    bd_progress_read(workspace, number, &done, &all);
    PyObject *told = workspace->state->progress;
    Py_INCREF(told);
    PyObject *result = PyObject_CallFunction(
        told, "KsKdIIO", (unsigned long long)(uintptr_t)workspace, name, (unsigned long long)number, elapsed_s, done, all, is_over ? Py_True : Py_False);
    Py_DECREF(told);
    return result;
}

int bd_progress_tell(bd_workspace *workspace, const char *name, uint64_t number, double elapsed_s) {
    if (!workspace->state->progress) return 0;
    PyObject *result = bd_progress_call(workspace, name, number, elapsed_s, false);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* What was raised when the answer was here already, which is not thrown away for it. Who wants the program to end (Ctrl-C,
 * SystemExit) is not passed over: the main thread is interrupted. */
static void bd_progress_pass_on(bd_workspace *workspace) {
    bool is_end = !PyErr_ExceptionMatches(PyExc_Exception);
    if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) PyErr_Clear();
    else PyErr_WriteUnraisable(workspace->state->progress);
    if (is_end) PyErr_SetInterrupt();
}

void bd_progress_end(bd_workspace *workspace, const char *name, uint64_t number, double elapsed_s) {
    if (!workspace->state->progress) return;
    PyObject *result = bd_progress_call(workspace, name, number, elapsed_s, true);
    if (!result) bd_progress_pass_on(workspace);
    Py_XDECREF(result);
}
