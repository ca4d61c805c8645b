/* Requests about typed documents, and the functions that bindd.sexp calls with them. A text is never copied here but once,
 * into the socket; a snapshot stays in the reply that brought it.
 */
#include "bd_typed_edit.h"

#include <stdlib.h>

/* -- loading ------------------------------------------------------------------------------------------------------------------ */

static void bd_typed_label_text(bd_typed *document, uint32_t label) {
    document->text_label = label;
    if (document->listed) document->listed->label = label;
}

static bd_typed *bd_typed_take(
    bd_state *state, bd_workspace *workspace, bd_reply *reply, bd_reader *result, uint32_t type, size_t text_bytes,
    const char *label, uint64_t *hash) {
    bd_typed *document = bd_typed_new(state, workspace);
    if (!document) return NULL;
    document->index = bd_reader_u32(result);
    *hash = bd_reader_u64(result);
    uint64_t held = bd_reader_u64(result);
    size_t bytes, label_bytes = strlen(label);
    const unsigned char *snapshot = bd_reader_bytes(result, &bytes);
    if (result->bad) {
        bd_error_protocol(workspace, "sexp.load");
        bd_typed_release(document);
        return NULL;
    }
    document->is_pinned = true;
    document->kind = bd_structs[type].file_kind ? bd_structs[type].file_kind : BD_KIND_STRUCT;
    document->record = bd_handle_note_rare(workspace, document->kind, document->index, bd_granules(held), label);
    document->listed = document->record ? bd_ledger_find(workspace->ledger, document->record) : NULL;
    if (!label_bytes) bd_typed_label_text(document, bd_label_of_text(text_bytes));
    workspace->page->live[document->kind]++;
    workspace->page->created[document->kind]++;
    bd_floor_saw(&state->document_floor, state->document_floor, document->index, BD_FLOOR_MAX);
    document->label = malloc(label_bytes + 1);
    if (document->label) memcpy(document->label, label, label_bytes + 1);
    else PyErr_NoMemory();
    if (!document->label || bd_typed_adopt(document, reply, snapshot, bytes) < 0 || bd_typed_is(document, 1, type) < 0) {
        bd_typed_release(document);
        return NULL;
    }
    bd_typed_show(document, *hash);
    return document;
}

bd_typed *bd_typed_load(
    bd_state *state, bd_workspace *workspace, uint32_t type, const char *text, size_t text_bytes, const char *label,
    uint32_t depth_limit, uint32_t flags, uint64_t *hash) {
    static const unsigned char zeros[4];
    bd_typed *document = NULL;
    bd_writer head, tail;
    bd_writer_init(&head);
    bd_writer_u32(&head, type);
    bd_writer_u64(&head, text_bytes);
    bd_writer_init(&tail);
    bd_writer_str(&tail, label, strlen(label));
    bd_writer_u32(&tail, depth_limit);
    bd_writer_u32(&tail, flags);
    bd_piece pieces[4] = {
        {head.data, head.size}, {text, text_bytes}, {zeros, bd_padded(text_bytes, 4) - text_bytes}, {tail.data, tail.size}};
    bd_reply reply;
    bd_reader result;
    if (tail.failed) PyErr_NoMemory();
    bd_workspace_retain(workspace);
    if (!tail.failed && bd_request_call(workspace, BD_OP_SEXP_LOAD, "sexp.load", pieces, 4, &reply, &result) == 0) {
        document = bd_typed_take(state, workspace, &reply, &result, type, text_bytes, label, hash);
        bd_request_done(workspace, &reply);
    }
    bd_workspace_release(workspace);
    bd_writer_free(&head);
    bd_writer_free(&tail);
    return document;
}

/* -- asking ------------------------------------------------------------------------------------------------------------------- */

static PyObject *bd_typed_read_texts(bd_reader *result) {
    uint32_t count = bd_reader_count(result, 4);
    PyObject *texts = result->bad ? NULL : PyList_New(0);
    for (uint32_t i = 0; texts && i < count; i++) {
        PyObject *text = bd_value_read_str(result);
        if (!text || PyList_Append(texts, text) < 0) Py_CLEAR(texts);
        Py_XDECREF(text);
    }
    return texts;
}

/* One query of a document's record; the answer is a str, or a list of them. */
static PyObject *bd_typed_ask(bd_typed *document, uint16_t operation, const char *name, uint32_t record, bool is_list) {
    if (bd_typed_check_edit(document) < 0) return NULL;
    uint32_t words[2] = {document->index, record};
    bd_piece piece = {words, operation == BD_OP_SEXP_DUMP ? 4 : 8};
    bd_reply reply;
    bd_reader result;
    bd_typed_retain(document);
    PyObject *answer = NULL;
    if (bd_request_call(document->workspace, operation, name, &piece, 1, &reply, &result) == 0) {
        answer = is_list ? bd_typed_read_texts(&result) : bd_value_read_str(&result);
        if (!answer && !PyErr_Occurred()) bd_error_protocol(document->workspace, name);
        bd_request_done(document->workspace, &reply);
    }
    bd_typed_release(document);
    return answer;
}

PyObject *bd_typed_record_text(bd_typed *document, uint32_t record) {
    bool is_file = record == 1 && bd_structs[bd_typed_type(document, 1)].file_kind != 0;
    return is_file ? bd_typed_ask(document, BD_OP_SEXP_DUMP, "sexp.dump", 1, false)
                   : bd_typed_ask(document, BD_OP_SEXP_TEXT, "sexp.text", record, false);
}

/* How to load a record's text again: a file as it stands, an element of a list without a head word as such. */
uint32_t bd_typed_load_flags(const bd_typed *document, uint32_t record) {
    if (bd_structs[bd_typed_type(document, record)].file_kind) return BD_LOAD_VERBATIM;
    return bd_typed_flags(document, record) & BD_RECORD_HEADLESS;
}

bd_typed *bd_typed_fragment(bd_typed *document, uint32_t record, bd_workspace *workspace) {
    if (bd_typed_check(document) < 0) return NULL;
    uint32_t type = bd_typed_type(document, record), flags = bd_typed_load_flags(document, record);
    PyObject *text = bd_typed_record_text(document, record); /* it waits: the document may be freed meanwhile */
    if (!text) return NULL;
    Py_ssize_t bytes;
    uint64_t hash;
    const char *words = PyUnicode_AsUTF8AndSize(text, &bytes);
    bd_typed *fragment =
        words ? bd_typed_load(
                    document->state, workspace, type, words, (size_t)bytes,
                    document->label ? document->label : "", 0, flags, &hash)
              : NULL;
    Py_DECREF(text);
    if (fragment && !*fragment->label) bd_typed_label_text(fragment, document->text_label); /* as the whole is called */
    return fragment;
}

/* -- functions of the module ------------------------------------------------------------------------------------------------------- */

static bd_kicad *bd_kicad_of(PyObject *module) { return bd_state_of(module)->kicad; }

static int bd_kicad_find(PyObject *name) {
    const char *text = PyUnicode_Check(name) ? PyUnicode_AsUTF8AndSize(name, NULL) : NULL;
    for (uint32_t i = 0; text && i < BD_STRUCT_COUNT; i++)
        if (strcmp(bd_structs[i].name, text) == 0) return (int)i;
    if (!PyErr_Occurred()) PyErr_Format(PyExc_ValueError, "no KiCad struct is called %R", name);
    return -1;
}

static bd_struct_object *bd_kicad_object(PyObject *module, PyObject *value) {
    bd_state *state = bd_state_of(module);
    if (!bd_struct_check(state, value)) {
        PyErr_SetString(PyExc_TypeError, "an object of a KiCad model is needed");
        return NULL;
    }
    bd_struct_object *object = bd_struct(value);
    return bd_typed_check(object->document) < 0 ? NULL : object;
}

static PyObject *bd_kicad_types(PyObject *module, PyObject *ignored) {
    (void)ignored;
    PyObject *types = PyDict_New();
    for (uint32_t i = 0; types && i < BD_STRUCT_COUNT; i++)
        if (PyDict_SetItemString(types, bd_structs[i].name, (PyObject *)bd_kicad_of(module)->types[i]) < 0)
            Py_CLEAR(types);
    return types;
}

/* Name of the enum -> list of its words. */
static PyObject *bd_kicad_enums(PyObject *module, PyObject *ignored) {
    (void)ignored;
    PyObject *enums = PyDict_New();
    for (uint32_t i = 0; enums && i < BD_ENUM_COUNT; i++) {
        PyObject *words = PyList_New(0);
        int result = words ? PyDict_SetItemString(enums, bd_enums[i].name, words) : -1;
        for (uint32_t k = 0; result == 0 && k < bd_enums[i].member_count; k++)
            result = PyList_Append(words, bd_kicad_of(module)->member_names[bd_enums[i].first_member + k]);
        Py_XDECREF(words);
        if (result < 0) Py_CLEAR(enums);
    }
    return enums;
}

/* (struct's name, text, label, depth limit, flags) -> (object, hash) */
static PyObject *bd_kicad_load(PyObject *module, PyObject *args) {
    PyObject *name, *text;
    const char *label;
    unsigned int depth_limit, flags;
    if (!PyArg_ParseTuple(args, "OOsII:load", &name, &text, &label, &depth_limit, &flags)) return NULL;
    int type = bd_kicad_find(name);
    if (type < 0) return NULL;
    bd_state *state = bd_state_of(module);
    Py_buffer buffer = {0};
    size_t bytes = 0;
    const char *data;
    if (PyUnicode_Check(text)) {
        if (!(data = bd_value_str(text, &bytes, "the text has lone surrogates: pass bytes"))) return NULL;
    } else {
        if (PyObject_GetBuffer(text, &buffer, PyBUF_SIMPLE) < 0) return NULL;
        data = buffer.buf;
        bytes = (size_t)buffer.len;
    }
    bd_workspace *workspace = bd_state_workspace(state);
    uint64_t hash = 0;
    bd_typed *document =
        workspace ? bd_typed_load(state, workspace, (uint32_t)type, data, bytes, label, depth_limit, flags, &hash) : NULL;
    if (buffer.obj) PyBuffer_Release(&buffer);
    PyObject *object = document ? bd_struct_object_new(document, 1, (uint32_t)type) : NULL;
    if (document) bd_typed_release(document);
    return object ? Py_BuildValue("NK", object, (unsigned long long)hash) : NULL;
}

/* Writes what a dump is of: the document, or all that the constructed object holds. Borrowed workspace, or NULL. */
static bd_workspace *bd_kicad_source(
    PyObject *module, bd_struct_object *object, uint32_t method, bool is_forced, bd_writer *writer) {
    bd_typed *document = object->document;
    if ((is_forced ? bd_typed_check_known(document) : bd_typed_check_edit(document)) < 0) return NULL;
    if (document->workspace) {
        bd_handle_use(document->workspace, document->listed, BD_USED_METHOD << BD_USED_SHIFT | method);
        bd_writer_u32(writer, document->index);
        return document->workspace;
    }
    bd_workspace *workspace = bd_state_workspace(bd_state_of(module));
    if (!workspace) return NULL;
    bd_writer_u32(writer, 0);
    bd_writer_u32(writer, bd_typed_type(document, object->record));
    return bd_typed_write_new(writer, workspace, document, object->record) < 0 ? NULL : workspace;
}

static PyObject *bd_kicad_request(
    PyObject *module, PyObject *value, bool is_forced, uint16_t operation, const char *name, bd_writer *writer, bd_writer *tail,
    PyObject *(*read)(bd_reader *)) {
    bd_struct_object *object = bd_kicad_object(module, value);
    uint32_t method = (uint32_t)(bd_operation_method(operation) - bd_methods);
    bd_workspace *workspace = object ? bd_kicad_source(module, object, method, is_forced, writer) : NULL;
    if (workspace && (writer->failed || (tail && tail->failed))) {
        PyErr_NoMemory();
        workspace = NULL;
    }
    PyObject *answer = NULL;
    if (workspace) {
        bd_piece pieces[2] = {{writer->data, writer->size}, {tail ? tail->data : NULL, tail ? tail->size : 0}};
        bd_reply reply;
        bd_reader result;
        bd_workspace_retain(workspace);
        if (bd_request_call(workspace, operation, name, pieces, tail ? 2 : 1, &reply, &result) == 0) {
            answer = read(&result);
            if (result.bad) Py_CLEAR(answer);
            if (!answer && !PyErr_Occurred()) bd_error_protocol(workspace, name);
            bd_request_done(workspace, &reply);
        }
        bd_workspace_release(workspace);
    }
    bd_writer_free(writer);
    return answer;
}

/* (object, whether edits of unknown outcome do not matter) -> text */
static PyObject *bd_kicad_dump(PyObject *module, PyObject *args) {
    PyObject *value;
    int is_forced;
    if (!PyArg_ParseTuple(args, "Op:dump", &value, &is_forced)) return NULL;
    bd_writer writer;
    bd_writer_init(&writer);
    return bd_kicad_request(module, value, is_forced != 0, BD_OP_SEXP_DUMP, "sexp.dump", &writer, NULL, bd_value_read_str);
}

static PyObject *bd_kicad_read_facts(bd_reader *result) {
    uint64_t size = bd_reader_u64(result), mtime = bd_reader_u64(result), hash = bd_reader_u64(result);
    return Py_BuildValue("KLK", (unsigned long long)size, (long long)mtime, (unsigned long long)hash);
}

/* (object, whether edits of unknown outcome do not matter, path, mode, check, size, mtime_ns, hash) -> (size, mtime_ns, hash) of the file as it is now */
static PyObject *bd_kicad_save(PyObject *module, PyObject *args) {
    PyObject *value;
    int is_forced;
    Py_buffer path;
    unsigned int mode, check;
    unsigned long long size, hash;
    long long mtime;
    if (!PyArg_ParseTuple(args, "Ops*IIKLK:save", &value, &is_forced, &path, &mode, &check, &size, &mtime, &hash)) return NULL;
    bd_writer writer, tail;
    bd_writer_init(&writer);
    bd_writer_init(&tail);
    bd_writer_str(&tail, path.buf, (size_t)path.len);
    bd_writer_u32(&tail, mode);
    bd_writer_u32(&tail, check);
    bd_writer_u64(&tail, size);
    bd_writer_u64(&tail, (uint64_t)mtime);
    bd_writer_u64(&tail, hash);
    PyBuffer_Release(&path);
    PyObject *facts = bd_kicad_request(
        module, value, is_forced != 0, BD_OP_SEXP_SAVE, "sexp.save", &writer, &tail, bd_kicad_read_facts);
    bd_writer_free(&tail);
    return facts;
}

/* The parts of an object that no field reads, each as printed. */
static PyObject *bd_kicad_unknown(PyObject *module, PyObject *value) {
    bd_struct_object *object = bd_kicad_object(module, value);
    if (!object) return NULL;
    bd_typed *document = object->document;
    uint32_t record = object->record;
    if (!document->workspace) {
        const bd_extra *extra = &document->extras[record - document->record_count];
        record = extra->origin_record;
        document = extra->origin;
        if (!document) return PyList_New(0);
    }
    return bd_typed_ask(document, BD_OP_SEXP_UNKNOWN, "sexp.unknown", record, true);
}

/* A dict for what Python notes about the document's files. */
static PyObject *bd_kicad_facts(PyObject *module, PyObject *value) {
    bd_struct_object *object = bd_kicad_object(module, value);
    if (!object) return NULL;
    if (!object->document->facts) object->document->facts = PyDict_New();
    return Py_XNewRef(object->document->facts);
}

PyMethodDef bd_typed_functions[] = {
    {"_kicad_types", bd_kicad_types, METH_NOARGS, NULL},
    {"_kicad_enums", bd_kicad_enums, METH_NOARGS, NULL},
    {"_kicad_load", bd_kicad_load, METH_VARARGS, NULL},
    {"_kicad_dump", bd_kicad_dump, METH_VARARGS, NULL},
    {"_kicad_save", bd_kicad_save, METH_VARARGS, NULL},
    {"_kicad_unknown", bd_kicad_unknown, METH_O, NULL},
    {"_kicad_facts", bd_kicad_facts, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
