/* Going on with a new worker after the old one died: the same session, handles and ids. The worker has applied its
 * journal again without what was to blame; requests that it never got to are lost, and what they were to make never came
 * to be: handles of those say so. What this client believed of its views is forgotten and asked for again.
 *
 * Happens inside the wait of whoever notices the death, who holds the connection. Cost: two connects, a hello, and what
 * the worker needs to apply its journal.
 */
#include "bd_batch.h"
#include "bd_kept.h"
#include "bd_local.h"
#include "bd_open.h"
#include "bd_typed.h"

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
static void bd_recover_views(bd_workspace *workspace, uint64_t done, bool is_damaged) {
    for (bd_view *view = workspace->known_views; view; view = view->next_view) {
        if (view->made > done) {
            if (!view->is_destroyed) workspace->lost_objects++;
            view->is_destroyed = view->is_given_up = true;
            continue;
        }
        if (view->written <= done && !is_damaged) continue;
        bd_idset_free(&view->nodes);
        bd_idset_free(&view->edges);
        bd_idset_add(&view->nodes, view->self_node);
    }
    workspace->edges_changed = true;
}

static uint64_t bd_recover_unsure(const bd_workspace *workspace) {
    uint64_t count = 0;
    for (const bd_typed *document = workspace->documents; document; document = document->next_document)
        count += document->unsure && !document->is_freed;
    return count;
}

/* Edits that never arrived are sent again: here their documents say what was edited, there is nothing of it yet. Where that
 * cannot be, and where edits that were applied are lost, the document says so. Count of what was sent. */
static uint64_t bd_recover_documents(bd_workspace *workspace, uint64_t done, uint64_t guilty, bool is_damaged) {
    for (bd_typed *document = workspace->documents; document; document = document->next_document)
        if (!document->is_freed && document->edited && (document->unkept > done || is_damaged))
            document->unsure = "it was lost with the worker";
    workspace->kept_done = is_damaged ? BD_DONE_UNKNOWN : done;
    return bd_kept_resend(workspace, done, guilty);
}

static void bd_recover_tell(PyObject *facts, const char *name, uint64_t count) {
    PyObject *number = PyLong_FromUnsignedLongLong(count);
    if (!number || PyMapping_SetItemString(facts, name, number) < 0) PyErr_Clear();
    Py_XDECREF(number);
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
static void bd_recover_apply(bd_workspace *workspace, PyObject *facts, const uint32_t *believed, uint64_t sent) {
    uint64_t applied = bd_recover_number(facts, "applied");
    /* Where acknowledged requests are lost, an answer proves nothing, and any view may have fewer members. */
    bool is_damaged = bd_recover_number(facts, "lost_count") > 0;
    uint64_t done = !is_damaged && workspace->answered > applied ? workspace->answered : applied;
    bd_recover_give_up(workspace, BD_KIND_NODE, (uint32_t)bd_recover_number(facts, "node"), believed[0]);
    bd_recover_give_up(workspace, BD_KIND_EDGE, (uint32_t)bd_recover_number(facts, "edge"), believed[1]);
    bd_recover_views(workspace, done, is_damaged);
    /* Of commands that nobody answered some may be applied: so many at most, and all of those that came after the death. */
    uint64_t commands = workspace->commands - workspace->commands_answered, behind = sent > done ? sent - done : 0;
    /* The newest of them may be the call that waits, which is no command. */
    bool is_call_last = workspace->commands_asked == workspace->commands && commands > 0;
    if (is_call_last && behind) behind--;
    uint64_t lost = commands < behind ? commands : behind, unsure = bd_recover_unsure(workspace);
    workspace->commands_answered = workspace->commands;
    uint64_t again = bd_recover_documents(workspace, done, bd_recover_number(facts, "guilty"), is_damaged);
    bd_recover_tell(facts, "lost_commands", lost > again ? lost - again : 0);
    bd_recover_tell(facts, "lost_objects", workspace->lost_objects);
    bd_recover_tell(facts, "lost_edits", bd_recover_unsure(workspace) - unsure);
    bd_recover_tell(facts, "resent_edits", again);
    bd_batch *batch = workspace->batch;
    if (batch && batch->phase != BD_BATCH_OPEN && batch->request > done) batch->request = 0; /* as if never sent */
    if (workspace->given_up) workspace->guarded = true;
}

/* A fresh connection in *fd; the program's name. */
static PyObject *bd_recover_connect(PyObject *way, int *fd) {
    PyObject *link = PyObject_CallMethod(way, "connect", NULL);
    if (!link) return NULL;
    PyObject *program = NULL;
    if (!PyArg_ParseTuple(link, "iU", fd, &program)) program = NULL;
    Py_XINCREF(program);
    Py_DECREF(link);
    return program;
}

/* Whether to connect once more after the exception that is set; then it is not set any more. */
static bool bd_recover_again(PyObject *way) {
    if (!PyErr_ExceptionMatches(PyExc_Exception)) return false;
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    PyObject *answer = value ? PyObject_CallMethod(way, "again", "O", value) : NULL;
    bool again = answer == Py_True;
    bool is_told = !answer && PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception); /* Ctrl-C while it waited */
    Py_XDECREF(answer);
    if (again || is_told) {
        Py_XDECREF(type);
        Py_XDECREF(value);
        Py_XDECREF(trace);
        return again;
    }
    PyErr_Clear();
    PyErr_Restore(type, value, trace);
    return false;
}

/* Connects and says hello as the session that goes on, once more where the daemon ends meanwhile; what the worker answers. */
static PyObject *bd_recover_return(bd_workspace *workspace) {
    PyObject *death = PyImport_ImportModule("bindd._death");
    PyObject *name = death ? bd_workspace_shared_name(workspace) : NULL;
    PyObject *way = name ? PyObject_CallMethod(death, "Return", "sO", workspace->socket, name) : NULL;
    Py_XDECREF(name);
    Py_XDECREF(death);
    PyObject *facts = NULL;
    while (way && !facts) { /* ends: `again` has a deadline */
        int fd = -1;
        PyObject *program = bd_recover_connect(way, &fd);
        const char *words = program ? PyUnicode_AsUTF8AndSize(program, NULL) : NULL;
        if (fd >= 0) bd_connection_reset(&workspace->connection, fd); /* which owns it from here on */
        if (words) {
            workspace->ids_unsettled = false;
            facts = bd_workspace_resume(workspace, words);
        }
        Py_XDECREF(program);
        if (!facts && !bd_recover_again(way)) break;
    }
    Py_XDECREF(way);
    return facts;
}

/* Only errors that end the process or the wait go on to the caller; everything else means that there is no way on, and the
 * obituary says why. */
static int bd_recover_failed(bd_workspace *workspace, PyObject *obituary) {
    if (!PyErr_ExceptionMatches(PyExc_Exception)) return -1;
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    PyObject *text = value ? PyObject_Str(value) : NULL;
    const char *words = text ? PyUnicode_AsUTF8AndSize(text, NULL) : NULL;
    size_t used = strlen(workspace->lost_reason);
    if (words) {
        size_t line = strcspn(words, "\n");
        snprintf(workspace->lost_reason + used, sizeof workspace->lost_reason - used, "; %.*s", (int)line, words);
        PyMapping_SetItemString(obituary, "not_recovered", text);
    }
    PyErr_Clear();
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    return 1;
}

/* Nobody reads from the dead worker's graph any more: what reads now is asked, and waits. Memory that it fills goes back to
 * the system before a new worker builds it again: where it died for want of memory there is no room for two of them. */
static void bd_recover_let_go(bd_workspace *workspace) {
    bd_workspace_forget_memory(workspace);
    bd_local_close(workspace->local);
    workspace->local = NULL;
}

int bd_workspace_recover(bd_workspace *workspace, PyObject *obituary) {
    workspace->is_recovering = true;
    workspace->quick = false;
    bd_recover_let_go(workspace);
    uint32_t believed[2] = {workspace->nodes.next, workspace->edges.next};
    uint64_t sent = workspace->requests;
    workspace->lost_objects = 0;
    PyObject *facts = bd_recover_return(workspace);
    if (facts) {
        bd_recover_apply(workspace, facts, believed, sent);
        if (PyMapping_SetItemString(obituary, "recovery", facts) < 0) PyErr_Clear();
        Py_DECREF(facts);
    }
    workspace->is_recovering = false;
    if (facts) {
        workspace->deaths++;
        bd_workspace_update_quick(workspace);
        return 0;
    }
    return PyErr_Occurred() ? bd_recover_failed(workspace, obituary) : 1;
}
