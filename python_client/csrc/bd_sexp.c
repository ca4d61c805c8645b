/* See bd_sexp.h. Also the two requests of the module: parse and dumps.
 *
 * Wire:
 *   sexp.parse    bytes text, str label, u32 depth limit (0: the worker's) -> u32 document, bytes snapshot
 *   sexp.dumps    u32 document -> bytes
 * A document that nobody holds any longer is released with kind document.
 * Cost: the snapshot is not copied, it stays in the reply; a node is 16 bytes copied out per look.
 */
#include "bd_sexp.h"

#include <stdlib.h>

int bd_snapshot_fail(const char *what) {
    bd_error_set("SnapshotError", "the snapshot of a document is broken: %s", what);
    return -1;
}

/* -- documents -------------------------------------------------------------------------------------------------------- */

void bd_document_retain(bd_document *document) { document->references++; }

void bd_document_free(bd_document *document) {
    if (document->is_pinned)
        bd_id_list_add(document->workspace, &document->workspace->released_documents, document->index);
    document->is_pinned = false;
    bd_document_hide(document);
    free(document->block);
    document->block = NULL;
    document->nodes = NULL;
    document->text = NULL;
    document->node_count = document->text_bytes = 0;
}

void bd_document_release(bd_document *document) {
    if (--document->references) return;
    bd_document_free(document);
    bd_workspace_release(document->workspace);
    free(document->label);
    free(document);
}

int bd_document_check_text(bd_document *document) {
    if (document->block) return 0;
    bd_error_set(
        "StaleHandleError", "the document%s%s was freed", document->label && *document->label ? " " : "",
        document->label ? document->label : "");
    return -1;
}

int bd_document_check(bd_document *document) {
    if (bd_document_check_text(document) < 0 || bd_workspace_check(document->workspace) < 0) return -1;
    bd_handle_use(document->workspace, document->listed, bd_state_used_by(document->workspace->state));
    return 0;
}

/* Checks the header and takes the block over from the reply. */
static int bd_document_adopt(bd_document *document, bd_reply *reply, const unsigned char *snapshot, size_t bytes) {
    bd_snapshot_header header;
    if (bytes < sizeof header) return bd_snapshot_fail("it is shorter than its header");
    memcpy(&header, snapshot, sizeof header);
    if (header.magic != BD_SNAPSHOT_MAGIC) return bd_snapshot_fail("wrong magic number");
    if (header.nodes_offset > bytes || header.node_count > (bytes - header.nodes_offset) / sizeof(bd_sexp_node) ||
        header.node_count >= UINT32_MAX)
        return bd_snapshot_fail("its nodes do not fit");
    if (header.text_offset > bytes || header.text_bytes > bytes - header.text_offset)
        return bd_snapshot_fail("its text does not fit");
    document->block = reply->data;
    document->nodes = snapshot + header.nodes_offset;
    document->node_count = header.node_count;
    document->text = (const char *)snapshot + header.text_offset;
    document->text_bytes = header.text_bytes;
    memset(reply, 0, sizeof *reply);
    return 0;
}

/* -- nodes ------------------------------------------------------------------------------------------------------------ */

int bd_snapshot_node(bd_document *document, uint64_t index, bd_sexp_node *node) {
    if (bd_document_check_text(document) < 0) return -1;
    if (index >= document->node_count) return bd_snapshot_fail("a node beyond the last one");
    memcpy(node, document->nodes + index * sizeof *node, sizeof *node);
    if (node->end <= index || node->end > document->node_count) return bd_snapshot_fail("a node that ends before itself");
    if (node->text_start > document->text_bytes || node->text_length > document->text_bytes - node->text_start)
        return bd_snapshot_fail("a node whose text is outside");
    return 0;
}

bool bd_snapshot_head(bd_document *document, uint32_t list, const char **text, size_t *bytes) {
    bd_sexp_node node, first;
    if (bd_snapshot_node(document, list, &node) < 0) return false;
    if (bd_sexp_kind(&node) != BD_SEXP_LIST || list + 1 >= node.end) return false;
    if (bd_snapshot_node(document, (uint64_t)list + 1, &first) < 0 || bd_sexp_kind(&first) != BD_SEXP_WORD) return false;
    *text = document->text + first.text_start;
    *bytes = (size_t)first.text_length;
    return true;
}

static int bd_hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* KiCad's escapes: one letter, \x with one or two hex digits, one to three octal digits; any other pair stays as it is.
 * `to` has room for `bytes`: no escape grows. */
static size_t bd_unescape(const char *from, size_t bytes, char *to) {
    static const char letters[] = "n\nr\rt\t\\\\\"\"a\ab\bf\fv\v";
    size_t out = 0;
    for (size_t i = 0; i < bytes;) {
        if (from[i] != '\\' || i + 1 == bytes) {
            to[out++] = from[i++];
            continue;
        }
        char c = from[i + 1];
        i += 2;
        const char *known = NULL;
        for (size_t k = 0; k + 1 < sizeof letters - 1 && !known; k += 2)
            if (letters[k] == c) known = &letters[k + 1];
        if (known) {
            to[out++] = *known;
        } else if (c == 'x') {
            int value = 0, digits = 0;
            for (; digits < 2 && i < bytes && bd_hex_digit(from[i]) >= 0; digits++) value = value * 16 + bd_hex_digit(from[i++]);
            to[out++] = digits ? (char)value : 'x';
        } else if (c >= '0' && c <= '7') {
            int value = c - '0';
            for (int digits = 1; digits < 3 && i < bytes && from[i] >= '0' && from[i] <= '7'; digits++)
                value = value * 8 + (from[i++] - '0');
            to[out++] = (char)value;
        } else {
            to[out++] = '\\';
            to[out++] = c;
        }
    }
    return out;
}

PyObject *bd_snapshot_text(bd_document *document, const bd_sexp_node *node, bool unescaped) {
    const char *text = document->text + node->text_start;
    size_t bytes = (size_t)node->text_length;
    if (!unescaped || bd_sexp_kind(node) != BD_SEXP_STRING || !memchr(text, '\\', bytes))
        return PyUnicode_DecodeUTF8(text, (Py_ssize_t)bytes, "surrogateescape");
    char *plain = malloc(bytes);
    if (!plain) return PyErr_NoMemory();
    PyObject *value = PyUnicode_DecodeUTF8(plain, (Py_ssize_t)bd_unescape(text, bytes, plain), "surrogateescape");
    free(plain);
    return value;
}

/* -- requests --------------------------------------------------------------------------------------------------------- */

static PyObject *bd_sexp_take_document(bd_workspace *workspace, bd_reply *reply, bd_reader *result, const char *label) {
    bd_document *document = calloc(1, sizeof *document);
    if (!document) return PyErr_NoMemory();
    document->references = 1;
    document->workspace = workspace;
    bd_workspace_retain(workspace);
    document->index = bd_reader_u32(result);
    size_t bytes;
    const unsigned char *snapshot = bd_reader_bytes(result, &bytes);
    PyObject *object = NULL;
    if (result->bad) {
        bd_error_protocol(workspace, "sexp.parse");
    } else {
        document->is_pinned = true;
        bd_floor_saw(&workspace->state->document_floor, workspace->state->document_floor, document->index, BD_FLOOR_MAX);
        size_t size = strlen(label);
        document->label = malloc(size + 1);
        if (document->label) memcpy(document->label, label, size + 1);
        if (bd_document_adopt(document, reply, snapshot, bytes) == 0) object = bd_document_object_new(document);
        if (object) bd_document_show(document);
    }
    bd_document_release(document);
    return object;
}

PyObject *bd_sexp_parse(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    bd_state *state = bd_state_of(self);
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(state, BD_METHOD_SEXP_PARSE, args, count, keywords, values) < 0) return NULL;
    Py_buffer buffer = {0};
    size_t text_bytes = 0, label_bytes = 0;
    const char *text, *label = "";
    int64_t depth_limit = 0;
    if (values[1] && values[1] != Py_None && !(label = bd_value_str(values[1], &label_bytes, "Expected a string")))
        return NULL;
    if (values[2] && values[2] != Py_None && bd_value_int(values[2], &depth_limit) < 0) return NULL;
    if (depth_limit < 0 || depth_limit > UINT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "depth_limit must be between 0 and 4294967295");
        return NULL;
    }
    if (PyUnicode_Check(values[0])) {
        if (!(text = bd_value_str(values[0], &text_bytes, "the text has lone surrogates: pass bytes"))) return NULL;
    } else {
        if (PyObject_GetBuffer(values[0], &buffer, PyBUF_SIMPLE) < 0) return NULL;
        text = buffer.buf;
        text_bytes = (size_t)buffer.len;
    }
    PyObject *object = NULL;
    bd_workspace *workspace = bd_state_workspace(state);
    bd_writer tail;
    bd_writer_init(&tail);
    bd_writer_str(&tail, label, label_bytes);
    bd_writer_u32(&tail, (uint32_t)depth_limit);
    if (tail.failed) PyErr_NoMemory();
    if (workspace && !tail.failed) {
        static const unsigned char zeros[4];
        uint64_t length = text_bytes;
        bd_piece pieces[4] = {
            {&length, sizeof length}, {text, text_bytes}, {zeros, bd_padded(text_bytes, 4) - text_bytes},
            {tail.data, tail.size}};
        bd_reply reply;
        bd_reader result;
        bd_workspace_retain(workspace);
        if (bd_request_call(workspace, BD_OP_SEXP_PARSE, "sexp.parse", pieces, 4, &reply, &result) == 0) {
            object = bd_sexp_take_document(workspace, &reply, &result, label);
            bd_request_done(workspace, &reply);
        }
        bd_workspace_release(workspace);
    }
    bd_writer_free(&tail);
    if (buffer.obj) PyBuffer_Release(&buffer);
    return object;
}

PyObject *bd_sexp_dumps(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    PyObject *values[BD_PARAMETERS_PER_METHOD_MAX];
    if (bd_arguments_take(bd_state_of(self), BD_METHOD_SEXP_DUMPS, args, count, keywords, values) < 0) return NULL;
    bd_document *document = ((bd_document_object *)values[0])->document;
    if (bd_document_check(document) < 0) return NULL;
    bd_piece piece = {&document->index, 4};
    bd_reply reply;
    bd_reader result;
    if (bd_request_call(document->workspace, BD_OP_SEXP_DUMPS, "sexp.dumps", &piece, 1, &reply, &result) < 0) return NULL;
    PyObject *text = bd_value_read_str(&result);
    if (!text && !PyErr_Occurred()) bd_error_protocol(document->workspace, "sexp.dumps");
    bd_request_done(document->workspace, &reply);
    return text;
}
