/* Turning what went wrong into Python exceptions. The classes live in bindd.errors, the words of a crash in
 * bindd._death (it asks the supervisor); this file only calls them. Each function leaves exactly one exception set.
 * Cost: none until something fails.
 */
#include "bd_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* As vsnprintf; a text that does not fit is cut between two characters. */
static void bd_text_format(char *to, size_t room, const char *format, va_list arguments) {
    int bytes = vsnprintf(to, room, format, arguments);
    if (bytes < 0) to[0] = 0;
    if (bytes < 0 || (size_t)bytes < room) return;
    size_t end = room - 1, start = end;
    while (start && ((unsigned char)to[start - 1] & 0xC0) == 0x80) start--;
    if (!start) return; /* no text anyway */
    unsigned char first = (unsigned char)to[start - 1];
    size_t wanted = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
    if (wanted > end - (start - 1)) to[start - 1] = 0;
}

/* Text of whatever bytes: a message must not fail for what it tells. */
PyObject *bd_error_text(const char *text) { return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace"); }

void bd_error_set(const char *class_name, const char *format, ...) {
    char words[600];
    va_list arguments;
    va_start(arguments, format);
    bd_text_format(words, sizeof words, format, arguments);
    va_end(arguments);
    PyObject *message = bd_error_text(words);
    if (!message) return;
    PyObject *errors = PyImport_ImportModule("bindd.errors");
    PyObject *class = errors ? PyObject_GetAttrString(errors, class_name) : NULL;
    Py_XDECREF(errors);
    if (!class) PyErr_Clear(); /* at interpreter exit, say */
    PyErr_SetObject(class ? class : PyExc_RuntimeError, message);
    Py_XDECREF(class);
    Py_DECREF(message);
}

static void bd_error_lost_because(bd_workspace *workspace, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void bd_error_lost_because(bd_workspace *workspace, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    bd_text_format(workspace->lost_reason, sizeof workspace->lost_reason, format, arguments);
    va_end(arguments);
}

/* Steals `exception`, which may be NULL with an exception set already. */
static void bd_error_raise(PyObject *exception) {
    if (!exception) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "an error without an exception");
        return;
    }
    if (PyExceptionInstance_Check(exception)) PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    else PyErr_SetString(PyExc_SystemError, "bindd made an error that is no exception");
    Py_DECREF(exception);
}

void bd_error_protocol(bd_workspace *workspace, const char *name) {
    bd_error_lost_because(workspace, "its reply to %s could not be decoded", name);
    bd_workspace_forget(workspace, BD_LOST);
    bd_error_set("ProtocolError", "the reply to %s could not be decoded; the connection was closed", name);
}

void bd_error_lease(bd_workspace *workspace, const char *name) {
    bd_error_lost_because(workspace, "its reply to %s leases ids that cannot be free", name);
    bd_workspace_forget(workspace, BD_LOST);
    bd_error_set("ProtocolError", "the reply to %s leases ids that cannot be free; the connection was closed", name);
}

void bd_error_from_reply(bd_workspace *workspace, const bd_reply *reply, const char *name) {
    uint64_t number = bd_load_u64(reply->data);
    bd_reader reader = bd_reader_make(reply->data + BD_REPLY_HEAD_BYTES, reply->size - BD_REPLY_HEAD_BYTES);
    uint32_t code = bd_reader_u32(&reader);
    PyObject *texts[3] = {NULL, NULL, NULL};
    for (int i = 0; i < 3; i++) texts[i] = bd_value_read_str(&reader);
    PyObject *fields = bd_value_read_attributes(&reader);
    if (reader.bad || !texts[0] || !texts[1] || !texts[2] || !fields) {
        PyErr_Clear();
        bd_error_protocol(workspace, name);
    } else {
        PyObject *errors = PyImport_ImportModule("bindd.errors");
        PyObject *exception =
            errors ? PyObject_CallMethod(
                         errors, "from_reply", "kOOOOsK", (unsigned long)code, texts[0], texts[1], texts[2], fields, name,
                         (unsigned long long)number)
                   : NULL;
        Py_XDECREF(errors);
        bd_error_raise(exception);
    }
    for (int i = 0; i < 3; i++) Py_XDECREF(texts[i]);
    Py_XDECREF(fields);
}

void bd_error_from_notice(const char *text, uint32_t code) {
    PyObject *errors = PyImport_ImportModule("bindd.errors");
    PyObject *words = errors ? bd_error_text(text) : NULL;
    PyObject *exception = words ? PyObject_CallMethod(errors, "from_notice", "kO", (unsigned long)code, words) : NULL;
    Py_XDECREF(words);
    Py_XDECREF(errors);
    bd_error_raise(exception);
}

static unsigned long long bd_error_living(const bd_workspace *workspace) {
    unsigned long long living = 0;
    if (workspace->page == &bd_dummy_page) return 0;
    for (uint32_t kind = 0; kind < BD_KIND_COUNT; kind++)
        if (kind != BD_KIND_WORKSPACE) living += workspace->page->live[kind];
    return living;
}

/* Nobody died: the program ended the connection, and with it what the worker kept for this process. */
static void bd_error_taken(const bd_workspace *workspace, const char *name) {
    char where[160] = "its private workspace; the next use gets a fresh one";
    if (!workspace->is_private)
        snprintf(where, sizeof where, "workspace '%.100s'; what is shared in it is still there", workspace->name);
    bd_error_set(
        "BinddUnavailable",
        "%s: %s. Lost are this process's %llu handles of %s.\n"
        "  hint: whoever closes descriptors that it did not open (os.closerange) does so before it uses bindd, or behind bindd.close()",
        name, workspace->lost_reason, bd_error_living(workspace), where);
}

void bd_error_in_flight(bd_workspace *workspace, const char *name, uint64_t number) {
    if (workspace->is_taken) {
        bd_error_taken(workspace, name);
        return;
    }
    if (!workspace->obituary) {
        bd_error_set("ProtocolError", "%s: %s", name, workspace->lost_reason);
        return;
    }
    PyObject *death = PyImport_ImportModule("bindd._death");
    PyObject *exception =
        death ? PyObject_CallMethod(
                     death, "crash_error", "OsKkK", workspace->obituary, name, (unsigned long long)number,
                     (unsigned long)workspace->lost_pid, bd_error_living(workspace))
               : NULL;
    Py_XDECREF(death);
    bd_error_raise(exception);
}

static void bd_error_keep_obituary(bd_workspace *workspace, PyObject *obituary) {
    if (!obituary) return;
    Py_XDECREF(workspace->obituary);
    workspace->obituary = obituary;
    workspace->lost_pid = workspace->worker_pid;
    PyObject *text = PyMapping_GetItemString(obituary, "text");
    const char *words = text ? PyUnicode_AsUTF8AndSize(text, NULL) : NULL;
    if (words) bd_error_lost_because(workspace, "%s", words);
    else PyErr_Clear();
    Py_XDECREF(text);
}

/* What the dying worker said itself, as a dict; None when it said nothing. */
static PyObject *bd_error_crash_words(const bd_crash_notice *crash) {
    if (!crash->signal) Py_RETURN_NONE;
    const char *operation = crash->operation && crash->operation <= UINT16_MAX ? bd_operation_name((uint16_t)crash->operation) : "";
    return Py_BuildValue(
        "{s:i,s:i,s:s,s:K,s:I,s:I,s:K,s:K,s:K}", "code", (int)crash->signal_code, "signal", (int)crash->signal, "operation_name", operation, "request",
        (unsigned long long)crash->request, "slot", (unsigned int)crash->slot, "elapsed_ms", (unsigned int)crash->elapsed_ms,
        "address", (unsigned long long)crash->address, "pc", (unsigned long long)crash->pc, "frames",
        (unsigned long long)crash->frame_count);
}

/* Goes on with a new worker if there is a way; else the workspace is lost. Leaves an exception only when waiting was
 * interrupted (Ctrl-C). */
static void bd_error_go_on(bd_workspace *workspace, PyObject *obituary) {
    if (!obituary) { /* interrupted while asking */
        workspace->is_recovering = false;
        bd_workspace_forget(workspace, BD_LOST);
        return;
    }
    bd_error_keep_obituary(workspace, obituary);
    PyObject *can_go_on = PyMapping_GetItemString(obituary, "can_go_on");
    if (!can_go_on) PyErr_Clear();
    bool is_possible = can_go_on == Py_True;
    Py_XDECREF(can_go_on);
    int outcome = is_possible && workspace->owner_pid == (uint32_t)getpid() && workspace->life == BD_ALIVE
                      ? bd_workspace_recover(workspace, obituary)
                      : 1;
    workspace->is_recovering = false;
    if (outcome) bd_workspace_forget(workspace, BD_LOST);
}

/* The connection is over. Sets an exception only when asking the supervisor raised one (Ctrl-C). */
void bd_error_lose(bd_workspace *workspace, bd_turn turn) {
    bd_connection *connection = &workspace->connection;
    if (turn == BD_TURN_BROKEN) {
        bd_error_lost_because(workspace, "the worker broke the protocol: %s", connection->broken);
    } else if (turn == BD_TURN_NO_MEMORY) {
        bd_error_lost_because(workspace, "memory ran out while a reply came in");
    } else if (turn == BD_TURN_TAKEN) {
        bd_error_lost_because(workspace, "the program closed the descriptor of bindd's connection (number %d)", connection->taken_fd);
        workspace->is_taken = true;
    } else {
        bd_error_lost_because(workspace, "the connection to the worker ended");
    }
    if (turn != BD_TURN_CLOSED) {
        Py_CLEAR(workspace->obituary); /* of an earlier worker */
        bd_workspace_forget(workspace, BD_LOST);
        return;
    }
    workspace->is_recovering = true;
    workspace->quick = false;
    PyObject *death = PyImport_ImportModule("bindd._death");
    PyObject *words = death ? bd_error_text(connection->notice) : NULL;
    PyObject *name = words ? bd_workspace_shared_name(workspace) : NULL;
    PyObject *crash = name ? bd_error_crash_words(&connection->crash) : NULL;
    PyObject *obituary =
        crash ? PyObject_CallMethod(
                    death, "obituary", "skOOO", workspace->socket, (unsigned long)workspace->worker_pid, words, name, crash)
              : NULL;
    Py_XDECREF(crash);
    Py_XDECREF(name);
    Py_XDECREF(words);
    Py_XDECREF(death);
    bd_error_go_on(workspace, obituary);
}

void bd_error_hung(bd_workspace *workspace, const char *name, uint64_t number, double waited_s) {
    bd_error_lost_because(workspace, "it did not answer %s within %.1f s and was killed", name, waited_s);
    workspace->is_recovering = true;
    workspace->quick = false;
    PyObject *death = PyImport_ImportModule("bindd._death");
    PyObject *workspace_name = death ? bd_workspace_shared_name(workspace) : NULL;
    PyObject *obituary =
        workspace_name ? PyObject_CallMethod(
                             death, "kill", "skssO", workspace->socket, (unsigned long)workspace->worker_pid, name,
                             workspace->lost_reason, workspace_name)
                       : NULL;
    Py_XDECREF(workspace_name);
    uint32_t pid = workspace->worker_pid;
    bd_error_go_on(workspace, obituary);
    if (obituary && !PyErr_Occurred()) {
        PyObject *waited = PyFloat_FromDouble(waited_s);
        PyObject *exception =
            waited ? PyObject_CallMethod(
                         death, "hung_error", "OsKkKO", obituary, name, (unsigned long long)number,
                         (unsigned long)pid, bd_error_living(workspace), waited)
                   : NULL;
        Py_XDECREF(waited);
        bd_error_raise(exception);
    }
    Py_XDECREF(death);
}

void bd_error_timeout(bd_workspace *workspace, const char *name, double waited_s) {
    bd_error_set(
        "CallTimeout", "%s got no answer within %.3g s (worker pid %u); it was given up, the connection is usable", name,
        waited_s, workspace->worker_pid);
}
