/* Document, List and Atom: Python's view into a snapshot. Local; a broken snapshot gives SnapshotError, a freed document
 * StaleHandleError. repr, hash, == and bool cannot raise but for lack of memory.
 * Cost: a handle is one small allocation; list[i] walks from the child that was asked for last.
 */
#include "bd_sexp.h"

#include <stdio.h>

static inline bd_sexp_object *bd_sexp(PyObject *self) { return (bd_sexp_object *)self; }
static inline bd_document *bd_doc(PyObject *self) { return ((bd_document_object *)self)->document; }

bd_document *bd_document_of(bd_state *state, PyObject *object) {
    return Py_TYPE(object) == state->types[BD_KIND_DOCUMENT] ? bd_doc(object) : NULL;
}

static void bd_sexp_count_handle(bd_document *document, uint32_t kind) {
    document->workspace->page->live[kind]++;
    document->workspace->page->created[kind]++;
}

PyObject *bd_document_object_new(bd_document *document) {
    bd_document_object *self = PyObject_New(bd_document_object, document->workspace->state->types[BD_KIND_DOCUMENT]);
    if (!self) return NULL;
    self->document = document;
    bd_document_retain(document);
    uint64_t bytes = document->text_bytes + document->node_count * sizeof(bd_sexp_node);
    self->record = bd_handle_note_rare(
        document->workspace, BD_KIND_DOCUMENT, document->index, bd_granules(bytes), document->label);
    bd_ledger_record *record = self->record ? bd_ledger_find(document->workspace->ledger, self->record) : NULL;
    if (record && !(document->label && *document->label)) record->label = bd_label_of_text(document->text_bytes);
    if (!document->listed) document->listed = record;
    bd_sexp_count_handle(document, BD_KIND_DOCUMENT);
    return (PyObject *)self;
}

PyObject *bd_sexp_object_new(bd_document *document, uint32_t index) {
    bd_sexp_node node;
    if (bd_snapshot_node(document, index, &node) < 0) return NULL;
    if (bd_sexp_kind(&node) > BD_SEXP_COMMENT) {
        bd_snapshot_fail("a node of an unknown kind");
        return NULL;
    }
    uint32_t kind = bd_sexp_kind(&node) == BD_SEXP_LIST ? BD_KIND_SEXP_LIST : BD_KIND_SEXP_ATOM;
    bd_sexp_object *self = PyObject_New(bd_sexp_object, document->workspace->state->types[kind]);
    if (!self) return NULL;
    self->document = document;
    self->node = index;
    self->cached_index = UINT32_MAX;
    self->cached_node = 0;
    bd_document_retain(document);
    bd_handle_use(document->workspace, document->listed, 0);
    document->workspace->state->asked.number = 0; /* read in the snapshot, whatever was asked before */
    self->record = bd_handle_note(document->workspace, kind, index, document->index);
    bd_sexp_count_handle(document, kind);
    return (PyObject *)self;
}

static void bd_sexp_free(PyObject *self, bd_document *document, uint32_t kind, uint32_t record) {
    bd_handle_forget(document->workspace, record);
    document->workspace->page->live[kind]--;
    bd_document_release(document);
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

static void bd_document_dealloc(PyObject *self) {
    bd_document *document = bd_doc(self);
    uint32_t record = ((bd_document_object *)self)->record;
    if (record && document->listed == bd_ledger_find(document->workspace->ledger, record)) document->listed = NULL;
    bd_sexp_free(self, bd_doc(self), BD_KIND_DOCUMENT, ((bd_document_object *)self)->record);
}
static void bd_list_dealloc(PyObject *self) {
    bd_sexp_free(self, bd_sexp(self)->document, BD_KIND_SEXP_LIST, bd_sexp(self)->record);
}
static void bd_atom_dealloc(PyObject *self) {
    bd_sexp_free(self, bd_sexp(self)->document, BD_KIND_SEXP_ATOM, bd_sexp(self)->record);
}

static int bd_sexp_bool(PyObject *self) {
    (void)self; /* what is there is true, also an empty list: `if node.find("net")` must mean what it says */
    return 1;
}

/* -- Document --------------------------------------------------------------------------------------------------------- */

static PyObject *bd_document_forms(PyObject *self, void *closure) {
    (void)closure;
    bd_document *document = bd_doc(self);
    if (bd_document_check_text(document) < 0) return NULL;
    PyObject *forms = PyList_New(0);
    for (uint64_t at = 0; forms && at < document->node_count;) {
        bd_sexp_node node;
        PyObject *form = bd_snapshot_node(document, at, &node) < 0 ? NULL : bd_sexp_object_new(document, (uint32_t)at);
        if (!form || PyList_Append(forms, form) < 0) Py_CLEAR(forms);
        Py_XDECREF(form);
        if (forms) at = node.end;
    }
    return forms;
}

/* The first form that is not a comment. */
static PyObject *bd_document_root(PyObject *self, void *closure) {
    (void)closure;
    bd_document *document = bd_doc(self);
    if (bd_document_check_text(document) < 0) return NULL;
    for (uint64_t at = 0; at < document->node_count;) {
        bd_sexp_node node;
        if (bd_snapshot_node(document, at, &node) < 0) return NULL;
        if (bd_sexp_kind(&node) != BD_SEXP_COMMENT) return bd_sexp_object_new(document, (uint32_t)at);
        at = node.end;
    }
    PyErr_SetString(PyExc_LookupError, "the document has no form");
    return NULL;
}

static PyObject *bd_document_label(PyObject *self, void *closure) {
    (void)closure;
    const char *label = bd_doc(self)->label ? bd_doc(self)->label : "";
    return PyUnicode_FromString(label);
}

static PyObject *bd_document_free_method(PyObject *self, PyObject *ignored) {
    (void)ignored;
    bd_document_free(bd_doc(self));
    Py_RETURN_NONE;
}

static PyObject *bd_document_enter(PyObject *self, PyObject *ignored) {
    (void)ignored;
    Py_INCREF(self);
    return self;
}

static PyObject *bd_document_exit(PyObject *self, PyObject *ignored) {
    (void)ignored;
    bd_document_free(bd_doc(self));
    Py_RETURN_NONE;
}

static PyObject *bd_document_repr(PyObject *self) {
    bd_document *document = bd_doc(self);
    char text[256];
    snprintf(
        text, sizeof text, "<bindd.sexp.Document %u '%.120s'%s, %llu nodes>", document->index,
        document->label ? document->label : "", document->block ? "" : " (freed)",
        (unsigned long long)document->node_count);
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static Py_ssize_t bd_document_length(PyObject *self) {
    bd_document *document = bd_doc(self);
    if (bd_document_check_text(document) < 0) return -1;
    Py_ssize_t forms = 0;
    for (uint64_t at = 0; at < document->node_count; forms++) {
        bd_sexp_node node;
        if (bd_snapshot_node(document, at, &node) < 0) return -1;
        at = node.end;
    }
    return forms;
}

static PyObject *bd_document_address(PyObject *self, PyObject *ignored) {
    (void)ignored;
    bd_document *document = bd_doc(self);
    return PyLong_FromUnsignedLongLong(bd_debug_id(BD_KIND_DOCUMENT, document->workspace->generation, document->index));
}

/* -- what List and Atom share -------------------------------------------------------------------------------------------- */

static PyObject *bd_sexp_address(PyObject *self, PyObject *ignored) {
    (void)ignored;
    bd_sexp_object *sexp = bd_sexp(self);
    uint32_t kind = Py_TYPE(self) == sexp->document->workspace->state->types[BD_KIND_SEXP_LIST] ? BD_KIND_SEXP_LIST
                                                                                                : BD_KIND_SEXP_ATOM;
    return PyLong_FromUnsignedLongLong(bd_debug_id(kind, sexp->document->workspace->generation, sexp->node));
}

/* Where the node starts: line and column from 1, columns in characters. */
static int bd_sexp_position(PyObject *self, unsigned long *line, unsigned long *column) {
    bd_document *document = bd_sexp(self)->document;
    bd_sexp_node node;
    if (bd_snapshot_node(document, bd_sexp(self)->node, &node) < 0) return -1;
    const char *start = document->text, *at = document->text + node.text_start;
    if (bd_sexp_kind(&node) == BD_SEXP_STRING && at > start) at--; /* the quote */
    const char *line_start = start;
    *line = 1;
    for (const char *newline; (newline = memchr(line_start, '\n', (size_t)(at - line_start)));) {
        line_start = newline + 1;
        ++*line;
    }
    *column = 1;
    for (const char *c = line_start; c < at; c++) *column += (*c & 0xC0) != 0x80;
    return 0;
}

static PyObject *bd_sexp_line(PyObject *self, void *closure) {
    (void)closure;
    unsigned long line, column;
    return bd_sexp_position(self, &line, &column) < 0 ? NULL : PyLong_FromUnsignedLong(line);
}

static PyObject *bd_sexp_column(PyObject *self, void *closure) {
    (void)closure;
    unsigned long line, column;
    return bd_sexp_position(self, &line, &column) < 0 ? NULL : PyLong_FromUnsignedLong(column);
}

static PyObject *bd_sexp_raw(PyObject *self, void *closure) {
    (void)closure;
    bd_sexp_node node;
    if (bd_snapshot_node(bd_sexp(self)->document, bd_sexp(self)->node, &node) < 0) return NULL;
    return bd_snapshot_text(bd_sexp(self)->document, &node, false);
}

/* -- List ------------------------------------------------------------------------------------------------------------------ */

/* Node of the child after `child` in the list that ends at `end`; 0 when it was the last, -1 with an exception. */
static int64_t bd_list_next(bd_document *document, uint32_t end, uint32_t child) {
    bd_sexp_node node;
    if (bd_snapshot_node(document, child, &node) < 0) return -1;
    if (node.end > end) return bd_snapshot_fail("a node that reaches beyond its list");
    return node.end < end ? node.end : 0;
}

static Py_ssize_t bd_list_length(PyObject *self) {
    bd_sexp_node node;
    if (bd_snapshot_node(bd_sexp(self)->document, bd_sexp(self)->node, &node) < 0) return -1;
    return (Py_ssize_t)bd_sexp_count(&node);
}

static int64_t bd_list_child(PyObject *self, Py_ssize_t index) {
    bd_sexp_object *list = bd_sexp(self);
    bd_sexp_node node;
    if (bd_snapshot_node(list->document, list->node, &node) < 0) return -1;
    Py_ssize_t count = (Py_ssize_t)bd_sexp_count(&node);
    if (index < 0 || index >= count) {
        PyErr_SetString(PyExc_IndexError, "list index out of range");
        return -1;
    }
    bool is_near = list->cached_index <= (uint64_t)index;
    uint32_t at = is_near ? list->cached_index : 0;
    int64_t child = is_near ? list->cached_node : (list->node + 1 < node.end ? (int64_t)list->node + 1 : 0);
    for (; child > 0 && at < index; at++) child = bd_list_next(list->document, node.end, (uint32_t)child);
    if (child == 0) return bd_snapshot_fail("a list with fewer children than it says");
    if (child < 0) return -1;
    list->cached_index = (uint32_t)index;
    list->cached_node = (uint32_t)child;
    return child;
}

static PyObject *bd_list_slice(PyObject *self, PyObject *slice) {
    Py_ssize_t start, stop, step, length = bd_list_length(self);
    if (length < 0 || PySlice_Unpack(slice, &start, &stop, &step) < 0) return NULL;
    Py_ssize_t count = PySlice_AdjustIndices(length, &start, &stop, step);
    PyObject *items = PyList_New(0);
    for (Py_ssize_t i = 0; items && i < count; i++) {
        /* Backwards slices walk from the start each time: they are rare and lists are short. */
        int64_t child = bd_list_child(self, start + i * step);
        PyObject *item = child < 0 ? NULL : bd_sexp_object_new(bd_sexp(self)->document, (uint32_t)child);
        if (!item || PyList_Append(items, item) < 0) Py_CLEAR(items);
        Py_XDECREF(item);
    }
    return items;
}

static PyObject *bd_list_subscript(PyObject *self, PyObject *key) {
    if (PySlice_Check(key)) return bd_list_slice(self, key);
    Py_ssize_t index = PyNumber_AsSsize_t(key, PyExc_IndexError);
    if (index == -1 && PyErr_Occurred()) return NULL;
    if (index < 0) {
        Py_ssize_t length = bd_list_length(self);
        if (length < 0) return NULL;
        index += length;
    }
    int64_t child = bd_list_child(self, index);
    return child < 0 ? NULL : bd_sexp_object_new(bd_sexp(self)->document, (uint32_t)child);
}

static PyObject *bd_list_item(PyObject *self, Py_ssize_t index) {
    int64_t child = bd_list_child(self, index);
    return child < 0 ? NULL : bd_sexp_object_new(bd_sexp(self)->document, (uint32_t)child);
}

static PyObject *bd_list_head(PyObject *self, void *closure) {
    (void)closure;
    const char *text;
    size_t bytes;
    if (bd_snapshot_head(bd_sexp(self)->document, bd_sexp(self)->node, &text, &bytes))
        return PyUnicode_DecodeUTF8(text, (Py_ssize_t)bytes, "surrogateescape");
    if (PyErr_Occurred()) return NULL;
    Py_RETURN_NONE;
}

/* Appends the child lists of that head to `found`, or returns the first when found is NULL. */
static PyObject *bd_list_search(PyObject *self, PyObject *name, PyObject *found) {
    bd_sexp_object *list = bd_sexp(self);
    size_t name_bytes, bytes;
    const char *wanted = bd_value_str(name, &name_bytes, "the name must be a str"), *text;
    bd_sexp_node node;
    if (!wanted || bd_snapshot_node(list->document, list->node, &node) < 0) return NULL;
    int64_t child = list->node + 1 < node.end ? (int64_t)list->node + 1 : 0;
    while (child > 0) {
        if (bd_snapshot_head(list->document, (uint32_t)child, &text, &bytes) && bytes == name_bytes &&
            memcmp(text, wanted, bytes) == 0) {
            PyObject *item = bd_sexp_object_new(list->document, (uint32_t)child);
            if (!item || !found) return item;
            int result = PyList_Append(found, item);
            Py_DECREF(item);
            if (result < 0) return NULL;
        }
        if (PyErr_Occurred()) return NULL;
        child = bd_list_next(list->document, node.end, (uint32_t)child);
    }
    if (child < 0) return NULL;
    PyObject *result = found ? found : Py_None;
    Py_INCREF(result);
    return result;
}

static PyObject *bd_list_find(PyObject *self, PyObject *name) { return bd_list_search(self, name, NULL); }

static PyObject *bd_list_find_all(PyObject *self, PyObject *name) {
    PyObject *found = PyList_New(0);
    PyObject *result = found ? bd_list_search(self, name, found) : NULL;
    Py_XDECREF(found);
    return result;
}

static PyObject *bd_list_repr(PyObject *self) {
    const char *head = "";
    size_t bytes = 0;
    char text[192];
    bool has_head = bd_snapshot_head(bd_sexp(self)->document, bd_sexp(self)->node, &head, &bytes);
    Py_ssize_t length = PyErr_Occurred() ? -1 : bd_list_length(self);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return PyUnicode_FromString("<bindd.sexp.List, unreadable>");
    }
    snprintf(
        text, sizeof text, "<bindd.sexp.List %.*s%s%zd items>", bytes > 80 ? 80 : (int)bytes, has_head ? head : "",
        has_head ? ", " : "", length);
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static PyObject *bd_list_compare(PyObject *self, PyObject *other, int operation) {
    if (operation != Py_EQ && operation != Py_NE) Py_RETURN_NOTIMPLEMENTED;
    bool is_equal = Py_TYPE(self) == Py_TYPE(other) && bd_sexp(self)->document == bd_sexp(other)->document &&
                    bd_sexp(self)->node == bd_sexp(other)->node;
    return PyBool_FromLong(is_equal == (operation == Py_EQ));
}

static Py_hash_t bd_list_hash(PyObject *self) {
    Py_hash_t hash = (Py_hash_t)((uintptr_t)bd_sexp(self)->document / 16 * 31 + bd_sexp(self)->node);
    return hash == -1 ? -2 : hash;
}

/* -- Atom ------------------------------------------------------------------------------------------------------------------ */

static PyObject *bd_atom_text(PyObject *self, void *closure) {
    (void)closure;
    bd_sexp_node node;
    if (bd_snapshot_node(bd_sexp(self)->document, bd_sexp(self)->node, &node) < 0) return NULL;
    return bd_snapshot_text(bd_sexp(self)->document, &node, true);
}

static PyObject *bd_atom_kind(PyObject *self, void *closure) {
    (void)closure;
    static const char *const names[] = {"list", "word", "number", "string", "comment"};
    bd_sexp_node node;
    if (bd_snapshot_node(bd_sexp(self)->document, bd_sexp(self)->node, &node) < 0) return NULL;
    return PyUnicode_InternFromString(names[bd_sexp_kind(&node) > 4 ? 0 : bd_sexp_kind(&node)]);
}

/* A number as int when it is digits only, as float when Python can read it; everything else as text. */
static PyObject *bd_atom_value(PyObject *self, void *closure) {
    bd_sexp_node node;
    if (bd_snapshot_node(bd_sexp(self)->document, bd_sexp(self)->node, &node) < 0) return NULL;
    PyObject *text = bd_atom_text(self, closure);
    if (!text || bd_sexp_kind(&node) != BD_SEXP_NUMBER) return text;
    const char *source = bd_sexp(self)->document->text + node.text_start;
    bool is_integer = node.text_length > 0;
    for (uint64_t i = 0; i < node.text_length && is_integer; i++)
        is_integer = (source[i] >= '0' && source[i] <= '9') ||
                     (i == 0 && node.text_length > 1 && (source[i] == '-' || source[i] == '+'));
    PyObject *value = PyObject_CallFunctionObjArgs((PyObject *)(is_integer ? &PyLong_Type : &PyFloat_Type), text, NULL);
    if (!value && PyErr_ExceptionMatches(PyExc_ValueError)) {
        PyErr_Clear();
        return text;
    }
    Py_DECREF(text);
    return value;
}

static PyObject *bd_atom_repr(PyObject *self) {
    PyObject *text = bd_atom_text(self, NULL);
    PyObject *kind = text ? bd_atom_kind(self, NULL) : NULL;
    PyObject *shown = kind ? PyUnicode_FromFormat("<bindd.sexp.Atom %U %R>", kind, text) : NULL;
    Py_XDECREF(text);
    Py_XDECREF(kind);
    if (shown) return shown;
    PyErr_Clear();
    return PyUnicode_FromString("<bindd.sexp.Atom, unreadable>");
}

/* The text; of a freed document what repr says, for str() must not raise. */
static PyObject *bd_atom_str(PyObject *self) {
    PyObject *text = bd_atom_text(self, NULL);
    if (text) return text;
    PyErr_Clear();
    return bd_atom_repr(self);
}

/* Equal texts are equal atoms; an atom equals the str of its text. Unreadable ones equal nothing. */
static PyObject *bd_atom_compare(PyObject *self, PyObject *other, int operation) {
    if (operation != Py_EQ && operation != Py_NE) Py_RETURN_NOTIMPLEMENTED;
    bool is_atom = Py_TYPE(other) == Py_TYPE(self);
    if (!is_atom && !PyUnicode_Check(other)) Py_RETURN_NOTIMPLEMENTED;
    if (is_atom && bd_sexp(self)->document == bd_sexp(other)->document && bd_sexp(self)->node == bd_sexp(other)->node)
        return PyBool_FromLong(operation == Py_EQ);
    PyObject *left = bd_atom_text(self, NULL);
    PyObject *right = is_atom ? bd_atom_text(other, NULL) : other;
    int is_equal = left && right ? PyUnicode_Compare(left, right) == 0 : 0;
    if (is_atom) Py_XDECREF(right);
    Py_XDECREF(left);
    PyErr_Clear();
    return PyBool_FromLong(is_equal == (operation == Py_EQ));
}

static Py_hash_t bd_atom_hash(PyObject *self) {
    PyObject *text = bd_atom_text(self, NULL);
    Py_hash_t hash = text ? PyObject_Hash(text) : 0;
    Py_XDECREF(text);
    PyErr_Clear();
    return hash;
}

/* -- types ----------------------------------------------------------------------------------------------------------------- */

#define BD_DOC(signature, text) signature "\n--\n\n" text

static PyMethodDef bd_document_methods[] = {
    {"free", bd_document_free_method, METH_NOARGS, BD_DOC("free($self, /)", "Gives the document back. Handles into it are stale then.")},
    {"__enter__", bd_document_enter, METH_NOARGS, NULL},
    {"__exit__", bd_document_exit, METH_VARARGS, NULL},
    {"__zig_address__", bd_document_address, METH_NOARGS, BD_DOC("__zig_address__($self, /)", "The debug id.")},
    {"__reduce_ex__", bd_handle_no_pickle, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef bd_document_getset[] = {
    {"root", bd_document_root, NULL, "The first form that is not a comment.", NULL},
    {"forms", bd_document_forms, NULL, "All forms, comments included.", NULL},
    {"label", bd_document_label, NULL, "What the text was called: the path, usually.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot bd_document_slots[] = {
    {Py_tp_dealloc, bd_document_dealloc}, {Py_tp_repr, bd_document_repr}, {Py_tp_new, bd_handle_no_new},
    {Py_tp_methods, bd_document_methods}, {Py_tp_getset, bd_document_getset}, {Py_sq_length, bd_document_length},
    {Py_nb_bool, bd_sexp_bool}, {Py_tp_doc, "A parsed text: its forms in order. Lossless: every token of the text is in it."}, {0, NULL},
};

static PyMethodDef bd_list_methods[] = {
    {"find", bd_list_find, METH_O, BD_DOC("find($self, name, /)", "The first child list of that head, or None.")},
    {"find_all", bd_list_find_all, METH_O, BD_DOC("find_all($self, name, /)", "All child lists of that head, in order.")},
    {"__zig_address__", bd_sexp_address, METH_NOARGS, BD_DOC("__zig_address__($self, /)", "The debug id.")},
    {"__reduce_ex__", bd_handle_no_pickle, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef bd_list_getset[] = {
    {"head", bd_list_head, NULL, "Text of the first child when it is a bare word, else None.", NULL},
    {"line", bd_sexp_line, NULL, "Line of the opening parenthesis, from 1.", NULL},
    {"column", bd_sexp_column, NULL, "Column of the opening parenthesis, from 1, in characters.", NULL},
    {"raw", bd_sexp_raw, NULL, "The source text, parentheses included.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot bd_list_slots[] = {
    {Py_tp_dealloc, bd_list_dealloc}, {Py_tp_repr, bd_list_repr}, {Py_tp_new, bd_handle_no_new},
    {Py_tp_methods, bd_list_methods}, {Py_tp_getset, bd_list_getset}, {Py_tp_richcompare, bd_list_compare},
    {Py_tp_hash, bd_list_hash}, {Py_nb_bool, bd_sexp_bool}, {Py_sq_length, bd_list_length}, {Py_sq_item, bd_list_item},
    {Py_tp_iter, PySeqIter_New},
    {Py_mp_length, bd_list_length}, {Py_mp_subscript, bd_list_subscript},
    {Py_tp_doc, "A parenthesised node: a sequence of lists and atoms."}, {0, NULL},
};

static PyMethodDef bd_atom_methods[] = {
    {"__zig_address__", bd_sexp_address, METH_NOARGS, BD_DOC("__zig_address__($self, /)", "The debug id.")},
    {"__reduce_ex__", bd_handle_no_pickle, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef bd_atom_getset[] = {
    {"kind", bd_atom_kind, NULL, "\"word\", \"number\", \"string\" or \"comment\".", NULL},
    {"text", bd_atom_text, NULL, "The text; of a string: without quotes, escapes resolved.", NULL},
    {"raw", bd_sexp_raw, NULL, "The source text; of a string: between the quotes, escapes kept.", NULL},
    {"value", bd_atom_value, NULL, "A number as int or float, everything else as text.", NULL},
    {"line", bd_sexp_line, NULL, "Line, from 1.", NULL},
    {"column", bd_sexp_column, NULL, "Column, from 1, in characters; of a string: of its quote.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot bd_atom_slots[] = {
    {Py_tp_dealloc, bd_atom_dealloc}, {Py_tp_repr, bd_atom_repr}, {Py_tp_str, bd_atom_str}, {Py_tp_new, bd_handle_no_new},
    {Py_tp_methods, bd_atom_methods}, {Py_tp_getset, bd_atom_getset}, {Py_tp_richcompare, bd_atom_compare},
    {Py_tp_hash, bd_atom_hash}, {Py_tp_doc, "A word, number, string or comment."}, {0, NULL},
};

int bd_sexp_types_add(PyObject *module, bd_state *state) {
    PyType_Spec specs[] = {
        {"bindd.sexp.Document", sizeof(bd_document_object), 0, Py_TPFLAGS_DEFAULT, bd_document_slots},
        {"bindd.sexp.List", sizeof(bd_sexp_object), 0, Py_TPFLAGS_DEFAULT, bd_list_slots},
        {"bindd.sexp.Atom", sizeof(bd_sexp_object), 0, Py_TPFLAGS_DEFAULT, bd_atom_slots},
    };
    const char *names[] = {"Document", "List", "Atom"};
    const uint32_t kinds[] = {BD_KIND_DOCUMENT, BD_KIND_SEXP_LIST, BD_KIND_SEXP_ATOM};
    for (int i = 0; i < 3; i++) {
        PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &specs[i], NULL);
        if (!type) return -1;
        state->types[kinds[i]] = type;
        if (PyModule_AddObjectRef(module, names[i], (PyObject *)type) < 0) return -1;
    }
    return 0;
}
