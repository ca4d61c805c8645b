/* Many objects of a view at once, as columns: node ids, the edge table, one attribute of all. From the arena when it is
 * up to date, else one round trip for the whole column. A column is a read-only memoryview over a bytes object: numpy,
 * Arrow and plain Python take it without copying, and it outlives view, workspace and worker. Python's bindd._columns
 * gives the columns names.
 *
 * Wire:
 *   GraphView.node_ids            u32 view -> list of u32 node
 *   GraphView.edge_table          u32 view -> list of edge info
 *   GraphView.attribute_column    u32 view, str key, str of -> list of literal
 * Cost: 2-5 ns per id, 10 ns per edge, 30-40 ns per attribute; the memory of the columns, once.
 */
#include "bd_batch.h"
#include "bd_local.h"

#include <stdlib.h>

#define BD_NAME(method) bd_methods[method].name
#define BD_IGNORED (void)args, (void)count, (void)keywords
#define BD_EDGE_INFO_BYTES 16u

/* -- columns ----------------------------------------------------------------------------------------------------------- */

/* A bytes object to be filled before anybody else sees it. NULL with an exception. */
static PyObject *bd_column_bytes(size_t bytes, void *start) {
    PyObject *object = bytes > PY_SSIZE_T_MAX ? PyErr_NoMemory() : PyBytes_FromStringAndSize(NULL, (Py_ssize_t)bytes);
    char *at = object ? PyBytes_AsString(object) : NULL;
    memcpy(start, &at, sizeof at);
    return object;
}

/* A memoryview of that format; steals `bytes`, which may be NULL with an exception. */
static PyObject *bd_column_view(PyObject *bytes, const char *format) {
    PyObject *view = bytes ? PyMemoryView_FromObject(bytes) : NULL;
    PyObject *column = view ? PyObject_CallMethod(view, "cast", "s", format) : NULL;
    Py_XDECREF(view);
    Py_XDECREF(bytes);
    return column;
}

/* Calls a class of bindd._columns with `count` columns, all of which it steals; one may be NULL with an exception. */
static PyObject *bd_column_object(const char *class_name, PyObject **columns, Py_ssize_t count) {
    PyObject *arguments = PyTuple_New(count), *object = NULL;
    bool is_whole = arguments != NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (columns[i] && is_whole) is_whole = PyTuple_SetItem(arguments, i, columns[i]) == 0;
        else Py_XDECREF(columns[i]), is_whole = false;
    }
    PyObject *module = is_whole ? PyImport_ImportModule("bindd._columns") : NULL;
    PyObject *class = module ? PyObject_GetAttrString(module, class_name) : NULL;
    if (class) object = PyObject_CallObject(class, arguments);
    Py_XDECREF(class);
    Py_XDECREF(module);
    Py_XDECREF(arguments);
    return object;
}

/* `value` when all of the reply was read, else ProtocolError. Gives the reply back. */
static PyObject *bd_column_answer(
    bd_workspace *workspace, int method, bd_reply *reply, const bd_reader *result, PyObject *value) {
    if (result->bad || (value && bd_reader_left(result))) {
        Py_CLEAR(value);
        if (!PyErr_Occurred()) bd_error_protocol(workspace, BD_NAME(method));
    }
    bd_request_done(workspace, reply);
    return value;
}

/* -- ids --------------------------------------------------------------------------------------------------------------- */

static PyObject *bd_column_ids(bd_workspace *workspace, const void *ids, size_t count) {
    unsigned char *to;
    PyObject *bytes = bd_column_bytes(count * 4, &to);
    if (!bytes) return NULL;
    if (count) memcpy(to, ids, count * 4);
    for (size_t i = 0; i < count; i++) bd_workspace_saw_node(workspace, bd_load_u32(to + i * 4));
    return bd_column_view(bytes, "I");
}

PyObject *bd_graph_view_node_ids(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    const int method = BD_METHOD_GRAPH_VIEW_NODE_IDS;
    bd_view *view = ((bd_view_object *)self)->view;
    bd_arena_list found;
    if (bd_view_check_for(view, (uint32_t)method) < 0 || bd_guard_read(view->workspace, BD_KIND_VIEW, view->index) < 0) return NULL;
    bd_answer answer = bd_local_nodes(view, &found);
    if (answer == BD_FAILED) return NULL;
    if (answer == BD_ANSWERED) {
        PyObject *column = bd_column_ids(view->workspace, found.ids, found.count);
        bd_arena_list_free(&found);
        return column;
    }
    bd_piece piece = {&view->index, 4};
    bd_reply reply;
    bd_reader result;
    if (bd_request_call(view->workspace, BD_OP_GRAPH_VIEW_NODE_IDS, BD_NAME(method), &piece, 1, &reply, &result) < 0)
        return NULL;
    uint32_t ids = bd_reader_count(&result, 4);
    PyObject *column = result.bad ? NULL : bd_column_ids(view->workspace, result.data + result.at, ids);
    if (!result.bad) result.at += (size_t)ids * 4;
    return bd_column_answer(view->workspace, method, &reply, &result, column);
}

/* -- the edge table ---------------------------------------------------------------------------------------------------- */

typedef struct bd_edge_columns {
    PyObject *bytes[5]; /* ids, sources, targets, types, directional */
    uint32_t *words[3];
    unsigned char *types, *directional;
} bd_edge_columns;

static int bd_edge_columns_make(bd_edge_columns *columns, size_t rows) {
    memset(columns, 0, sizeof *columns);
    for (int i = 0; i < 3; i++) columns->bytes[i] = bd_column_bytes(rows * 4, &columns->words[i]);
    columns->bytes[3] = bd_column_bytes(rows, &columns->types);
    columns->bytes[4] = bd_column_bytes(rows, &columns->directional);
    for (int i = 0; i < 5; i++)
        if (!columns->bytes[i]) return -1;
    return 0;
}

static void bd_edge_columns_put(
    bd_workspace *workspace, bd_edge_columns *columns, size_t row, const bd_edge_info *info) {
    bd_workspace_saw_edge(workspace, info);
    columns->words[0][row] = info->edge;
    columns->words[1][row] = info->source;
    columns->words[2][row] = info->target;
    columns->types[row] = (unsigned char)(info->bits & BD_EDGE_TYPE_MASK);
    columns->directional[row] = (info->bits & BD_EDGE_DIRECTIONAL) != 0;
}

static void bd_edge_columns_drop(bd_edge_columns *columns) {
    for (int i = 0; i < 5; i++) Py_CLEAR(columns->bytes[i]);
}

static PyObject *bd_edge_columns_table(bd_edge_columns *columns) {
    static const char *const formats[5] = {"I", "I", "I", "B", "?"};
    PyObject *views[5];
    for (int i = 0; i < 5; i++) views[i] = bd_column_view(columns->bytes[i], formats[i]);
    return bd_column_object("EdgeTable", views, 5);
}

static bd_answer bd_edge_table_local(bd_view *view, PyObject **table) {
    bool failed;
    bd_local *local = bd_local_settled(view->workspace, view->written, &failed);
    if (!local) return failed ? BD_FAILED : BD_ASK;
    bd_arena_list found = {0};
    bd_edge_columns columns;
    uint64_t batches = bd_arena_batches(&local->arena);
    bd_read read = bd_arena_view_edges(&local->arena, view->index, &found);
    if (read == BD_READ_OK && bd_edge_columns_make(&columns, found.count) < 0) {
        bd_edge_columns_drop(&columns);
        bd_arena_list_free(&found);
        return BD_FAILED;
    }
    if (read == BD_READ_OK) {
        for (size_t row = 0; row < found.count && read == BD_READ_OK; row++) {
            bd_arena_edge edge;
            read = bd_arena_edge_info(&local->arena, found.ids[row], &edge);
            bd_edge_info info = {edge.edge, edge.source, edge.target, edge.bits};
            if (read == BD_READ_OK) bd_edge_columns_put(view->workspace, &columns, row, &info);
        }
        if (read == BD_READ_OK && !bd_arena_was_still(&local->arena, batches)) read = BD_READ_BROKEN;
        if (read == BD_READ_OK) *table = bd_edge_columns_table(&columns);
        else bd_edge_columns_drop(&columns);
    }
    bd_arena_list_free(&found);
    if (read == BD_READ_OK) return *table ? BD_ANSWERED : BD_FAILED;
    if (read != BD_READ_NO_MEMORY) return BD_ASK;
    PyErr_NoMemory();
    return BD_FAILED;
}

PyObject *bd_graph_view_edge_table(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    BD_IGNORED;
    const int method = BD_METHOD_GRAPH_VIEW_EDGE_TABLE;
    bd_view *view = ((bd_view_object *)self)->view;
    PyObject *table = NULL;
    if (bd_view_check_for(view, (uint32_t)method) < 0 || bd_guard_read(view->workspace, BD_KIND_VIEW, view->index) < 0) return NULL;
    bd_answer answer = bd_edge_table_local(view, &table);
    if (answer != BD_ASK) return table;
    bd_piece piece = {&view->index, 4};
    bd_reply reply;
    bd_reader result;
    if (bd_request_call(view->workspace, BD_OP_GRAPH_VIEW_EDGE_TABLE, BD_NAME(method), &piece, 1, &reply, &result) < 0)
        return NULL;
    uint32_t rows = bd_reader_count(&result, BD_EDGE_INFO_BYTES);
    bd_edge_columns columns;
    if (!result.bad && bd_edge_columns_make(&columns, rows) == 0) {
        for (uint32_t row = 0; row < rows; row++) {
            bd_edge_info info;
            bd_read_edge_info(&result, &info);
            bd_edge_columns_put(view->workspace, &columns, row, &info);
        }
        table = bd_edge_columns_table(&columns);
    } else if (!result.bad) {
        bd_edge_columns_drop(&columns);
    }
    return bd_column_answer(view->workspace, method, &reply, &result, table);
}

/* -- one attribute of all ------------------------------------------------------------------------------------------------ */

typedef struct bd_values {
    PyObject *bytes[4]; /* kinds, validity (Arrow's bitmap: lowest bit first), words, offsets */
    unsigned char *kinds, *validity;
    uint64_t *words;   /* of numbers; a bool is 0 or 1 */
    int64_t *offsets;  /* text of row i: offsets[i] … offsets[i + 1] */
    bd_writer text;
    size_t rows;
} bd_values;

static int bd_values_make(bd_values *values, size_t rows) {
    memset(values, 0, sizeof *values);
    values->rows = rows;
    bd_writer_init(&values->text);
    values->bytes[0] = bd_column_bytes(rows, &values->kinds);
    values->bytes[1] = bd_column_bytes((rows + 7) / 8, &values->validity);
    values->bytes[2] = bd_column_bytes(rows * 8, &values->words);
    values->bytes[3] = bd_column_bytes((rows + 1) * 8, &values->offsets);
    for (int i = 0; i < 4; i++)
        if (!values->bytes[i]) return -1;
    memset(values->validity, 0, (rows + 7) / 8);
    values->offsets[0] = 0;
    return 0;
}

static void bd_values_put(
    bd_values *values, size_t row, uint32_t kind, uint64_t bits, const void *text, size_t text_bytes) {
    bool is_text = kind == BD_LITERAL_STRING;
    values->kinds[row] = (unsigned char)kind;
    if (kind != BD_LITERAL_NONE) values->validity[row / 8] |= (unsigned char)(1u << (row % 8));
    values->words[row] = is_text || kind == BD_LITERAL_NONE ? 0 : bits;
    if (is_text && text_bytes) {
        unsigned char *to = bd_writer_reserve(&values->text, text_bytes);
        if (to) memcpy(to, text, text_bytes);
    }
    values->offsets[row + 1] = values->offsets[row] + (is_text ? (int64_t)text_bytes : 0);
}

static void bd_values_drop(bd_values *values) {
    for (int i = 0; i < 4; i++) Py_CLEAR(values->bytes[i]);
    bd_writer_free(&values->text);
}

static PyObject *bd_values_column(bd_values *values) {
    static const char *const formats[5] = {"B", "B", "q", "q", "B"};
    PyObject *columns[5];
    for (int i = 0; i < 4; i++) {
        columns[i] = bd_column_view(values->bytes[i], formats[i]);
        values->bytes[i] = NULL;
    }
    PyObject *text = values->text.failed ? PyErr_NoMemory()
                                         : PyBytes_FromStringAndSize((const char *)values->text.data, (Py_ssize_t)values->text.size);
    columns[4] = bd_column_view(text, formats[4]);
    bd_values_drop(values);
    return bd_column_object("AttributeColumn", columns, 5);
}

static bd_read bd_values_fill(bd_local *local, bool of_edges, const bd_arena_list *rows, const char *key, size_t bytes, bd_values *values) {
    bd_arena *arena = &local->arena;
    for (size_t row = 0; row < rows->count; row++) {
        bd_arena_value found = {0};
        bd_read read = of_edges ? bd_arena_edge_attribute(arena, rows->ids[row], key, bytes, &found)
                                : bd_arena_node_attribute(arena, rows->ids[row], key, bytes, &found);
        if (read == BD_READ_NONE) found.kind = BD_LITERAL_NONE;
        else if (read != BD_READ_OK) return read;
        bd_values_put(values, row, found.kind, found.bits, found.text.bytes, found.text.count);
    }
    return BD_READ_OK;
}

static bd_answer bd_values_local(bd_view *view, bool of_edges, const char *key, size_t bytes, PyObject **column) {
    bool failed;
    bd_local *local = bd_local_settled(view->workspace, view->workspace->requests, &failed);
    if (!local) return failed ? BD_FAILED : BD_ASK;
    bd_arena_list rows = {0};
    bd_values values;
    uint64_t batches = bd_arena_batches(&local->arena);
    bd_read read = of_edges ? bd_arena_view_edges(&local->arena, view->index, &rows)
                            : bd_arena_view_nodes(&local->arena, view->index, &rows);
    bd_answer answer = BD_ASK;
    if (read == BD_READ_OK && bd_values_make(&values, rows.count) < 0) {
        bd_values_drop(&values);
        answer = BD_FAILED;
    } else if (read == BD_READ_OK) {
        read = bd_values_fill(local, of_edges, &rows, key, bytes, &values);
        if (read == BD_READ_OK && !bd_arena_was_still(&local->arena, batches)) read = BD_READ_BROKEN;
        if (read == BD_READ_OK) *column = bd_values_column(&values);
        else bd_values_drop(&values);
        if (read == BD_READ_OK) answer = *column ? BD_ANSWERED : BD_FAILED;
    }
    bd_arena_list_free(&rows);
    if (read != BD_READ_NO_MEMORY) return answer;
    PyErr_NoMemory();
    return BD_FAILED;
}

/* The literals of a reply, checked as they are read. */
static PyObject *bd_values_read(bd_reader *reader) {
    bd_values values;
    uint32_t rows = bd_reader_count(reader, 4);
    if (reader->bad) return NULL;
    if (bd_values_make(&values, rows) < 0) {
        bd_values_drop(&values);
        return NULL;
    }
    for (uint32_t row = 0; row < rows && !reader->bad; row++) {
        uint32_t kind = bd_reader_u32(reader);
        const char *text = NULL;
        uint64_t bits = 0;
        size_t bytes = 0;
        if (kind == BD_LITERAL_INT || kind == BD_LITERAL_FLOAT) bits = bd_reader_u64(reader);
        else if (kind == BD_LITERAL_BOOL) bits = bd_reader_u32(reader) != 0;
        else if (kind == BD_LITERAL_STRING) text = bd_reader_str(reader, &bytes);
        else if (kind != BD_LITERAL_NONE) reader->bad = true;
        if (!reader->bad) bd_values_put(&values, row, kind, bits, text, bytes);
    }
    if (!reader->bad) return bd_values_column(&values);
    bd_values_drop(&values);
    return NULL;
}

PyObject *bd_graph_view_attribute_column(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
    const int method = BD_METHOD_GRAPH_VIEW_ATTRIBUTE_COLUMN;
    bd_view *view = ((bd_view_object *)self)->view;
    PyObject *given[BD_PARAMETERS_PER_METHOD_MAX];
    size_t key_bytes, of_bytes = 5;
    if (bd_arguments_take(view->workspace->state, method, args, count, keywords, given) < 0) return NULL;
    const char *key = bd_value_str(given[0], &key_bytes, "Expected a string");
    const char *of = key && given[1] ? bd_value_str(given[1], &of_bytes, "Expected a string") : "nodes";
    if (!key || !of || bd_view_check(view) < 0 || bd_guard_read(view->workspace, BD_KIND_VIEW, view->index) < 0) return NULL;
    bool of_edges = of_bytes == 5 && memcmp(of, "edges", 5) == 0, of_nodes = of_bytes == 5 && memcmp(of, "nodes", 5) == 0;
    PyObject *column = NULL;
    if (of_edges || of_nodes) { /* another word is refused by the worker, as everywhere */
        bd_answer answer = bd_values_local(view, of_edges, key, key_bytes, &column);
        if (answer != BD_ASK) return column;
    }
    bd_writer writer;
    bd_writer_init(&writer);
    bd_writer_u32(&writer, view->index);
    bd_writer_str(&writer, key, key_bytes);
    bd_writer_str(&writer, of, of_bytes);
    bd_piece piece = {writer.data, writer.size};
    bd_reply reply;
    bd_reader result;
    if (writer.failed) {
        PyErr_NoMemory();
    } else if (bd_request_call(
                   view->workspace, BD_OP_GRAPH_VIEW_ATTRIBUTE_COLUMN, BD_NAME(method), &piece, 1, &reply, &result) == 0) {
        column = bd_values_read(&result);
        column = bd_column_answer(view->workspace, method, &reply, &result, column);
    }
    bd_writer_free(&writer);
    return column;
}
