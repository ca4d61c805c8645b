/* Going on with a new worker after the old one died: the same session, handles and ids. The worker has applied its
 * journal again without what was to blame; requests that it never got to are lost, and what they were to make never came
 * to be: handles of those say so. What this client believed of its views is forgotten and asked for again.
 *
 * Happens inside the wait of whoever notices the death, who holds the connection. Cost: two connects, a hello, and what
 * the worker needs to apply its journal.
 */
#include "bd_batch.h"
#include "bd_local.h"
#include "bd_open.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Ids from `first` to `end` were named by requests that are lost; those of an open batch are still to be sent. */
static void bd_recover_give_up(bd_workspace *workspace, uint32_t kind, uint32_t first, uint32_t end) {
    const bd_batch *batch = workspace->batch;
    bd_idset *of_batch = !batch ? NULL : kind == BD_KIND_NODE ? (bd_idset *)&batch->nodes : (bd_idset *)&batch->edges;
    if (end - first > BD_LIMIT_LEASE_IDS_MAX) return; /* no worker leases so many: a damaged answer, or nothing lost */
    if (first < end && !workspace->given_up) workspace->given_up = calloc(1, sizeof *workspace->given_up);
    if (!workspace->given_up) return; /* without memory for the ids the worker still says that there are none */
    bd_idset *lost = kind == BD_KIND_NODE ? &workspace->given_up->nodes : &workspace->given_up->edges;
    for (uint32_t id = first; id < end; id++)
        if (!of_batch || !bd_idset_has(of_batch, id)) {
            bd_idset_add(lost, id);
            workspace->lost_objects++;
        }
}

/* Views that lost requests made are given up; the others may have fewer members than was believed. */
static void bd_recover_views(bd_workspace *workspace, uint64_t done) {
    for (bd_view *view = workspace->known_views; view; view = view->next_view) {
        if (view->made > done) {
            if (!view->is_destroyed) workspace->lost_objects++;
            view->is_destroyed = view->is_given_up = true;
            continue;
        }
        if (view->written <= done) continue;
        bd_idset_free(&view->nodes);
        bd_idset_free(&view->edges);
        bd_idset_add(&view->nodes, view->self_node);
    }
    workspace->edges_changed = true;
}

static uint64_t bd_recover_number(PyObject *facts, const char *name) {
    PyObject *value = PyMapping_GetItemString(facts, name);
    uint64_t number = value ? PyLong_AsUnsignedLongLong(value) : 0;
    Py_XDECREF(value);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return 0;
    }
    return number;
}

/* What the new worker says, put into the obituary under "recovery". */
static void bd_recover_apply(bd_workspace *workspace, PyObject *facts, const uint32_t *believed) {
    uint64_t applied = bd_recover_number(facts, "applied");
    uint64_t done = applied > workspace->answered ? applied : workspace->answered;
    bd_recover_give_up(workspace, BD_KIND_NODE, (uint32_t)bd_recover_number(facts, "node"), believed[0]);
    bd_recover_give_up(workspace, BD_KIND_EDGE, (uint32_t)bd_recover_number(facts, "edge"), believed[1]);
    bd_recover_views(workspace, done);
    bd_batch *batch = workspace->batch;
    if (batch && batch->phase != BD_BATCH_OPEN && batch->request > done) batch->request = 0; /* as if never sent */
    if (workspace->given_up) workspace->guarded = true;
}

static PyObject *bd_recover_connect(bd_workspace *workspace, int *fd) {
    PyObject *death = PyImport_ImportModule("bindd._death");
    PyObject *name = death ? bd_error_text(workspace->is_private ? "" : workspace->name) : NULL;
    PyObject *link = name ? PyObject_CallMethod(death, "reconnect", "sO", workspace->socket, name) : NULL;
    Py_XDECREF(name);
    Py_XDECREF(death);
    if (!link) return NULL;
    PyObject *program = NULL;
    if (!PyArg_ParseTuple(link, "iU", fd, &program)) program = NULL;
    Py_XINCREF(program);
    Py_DECREF(link);
    return program;
}

/* Only errors that end the process or the wait go on to the caller; everything else means that there is no way on. */
static int bd_recover_failed(bd_workspace *workspace) {
    if (PyErr_ExceptionMatches(PyExc_Exception)) {
        PyObject *type, *value, *trace;
        PyErr_Fetch(&type, &value, &trace);
        PyObject *text = value ? PyObject_Str(value) : NULL;
        const char *words = text ? PyUnicode_AsUTF8AndSize(text, NULL) : NULL;
        size_t used = strlen(workspace->lost_reason);
        if (words) snprintf(workspace->lost_reason + used, sizeof workspace->lost_reason - used, "; %s", words);
        PyErr_Clear();
        Py_XDECREF(text);
        Py_XDECREF(type);
        Py_XDECREF(value);
        Py_XDECREF(trace);
        return 1;
    }
    return -1;
}

int bd_workspace_recover(bd_workspace *workspace, PyObject *obituary) {
    int fd = -1;
    bd_connection *connection = &workspace->connection;
    workspace->is_recovering = true;
    workspace->quick = false;
    PyObject *program = bd_recover_connect(workspace, &fd);
    const char *words = program ? PyUnicode_AsUTF8AndSize(program, NULL) : NULL;
    int result = words ? 0 : -1;
    uint32_t believed[2] = {workspace->nodes.next, workspace->edges.next};
    PyObject *facts = NULL;
    workspace->lost_objects = 0;
    if (result == 0) {
        bd_connection_reset(connection, fd);
        workspace->ids_unsettled = false;
        facts = bd_workspace_resume(workspace, words);
        if (!facts) result = -1;
    }
    if (result == 0) bd_recover_apply(workspace, facts, believed);
    if (result == 0 && (PyMapping_SetItemString(obituary, "recovery", facts) < 0)) PyErr_Clear();
    Py_XDECREF(facts);
    Py_XDECREF(program);
    workspace->is_recovering = false;
    if (result == 0) {
        workspace->deaths++;
        bd_workspace_update_quick(workspace);
        return 0;
    }
    if (!PyErr_Occurred()) return 1;
    return bd_recover_failed(workspace);
}
