/* BINDD_DEBUG=1: each message in words on stderr. `→` goes out, `←` came in. Knows the payloads of the requests that are
 * written by hand as words, those of the table by their parameters; the words of values are bd_line.c's business. Never
 * fails. Questions to the supervisor are printed by bindd._daemon. Cost: none when off (the hot path does not get here).
 */
#include "bd_line.h"

static void bd_line_method(bd_line *line, bd_reader *reader, const bd_method *method) {
    switch (method->self_type) {
        case BD_T_NONE: break;
        case BD_T_BOUND_NODE:
        case BD_T_BOUND_EDGE:
        case BD_T_TYPE_GRAPH: bd_line_words(line, reader, "view,self"); break;
        case BD_T_EDGE_RECIPE:
        case BD_T_NODE_RECIPE:
            bd_line_add(line, " self=");
            bd_line_parameter(line, reader, method->self_type);
            break;
        default: bd_line_words(line, reader, "self");
    }
    for (uint32_t i = 0; i < method->parameter_count && !reader->bad; i++) {
        const bd_parameter *parameter = &bd_parameters[method->first_parameter + i];
        if (parameter->type == BD_T_ANY || parameter->type == BD_T_CALLABLE) continue; /* stays here */
        if (parameter->type != BD_T_ATTRIBUTES) bd_line_add(line, " %s=", parameter->name);
        bd_line_parameter(line, reader, parameter->type);
    }
}

static void bd_line_request(bd_line *line, bd_reader *reader, uint16_t operation) {
    switch (operation) {
        case BD_OP_SYNC: return;
        case BD_OP_LEASE: bd_line_words(line, reader, "kind,wanted"); return;
        case BD_OP_RELEASE:
        case BD_OP_PIN:
            bd_line_words(line, reader, "kind");
            bd_line_ids(line, reader, "handles");
            return;
        case BD_OP_NODE_REFERENCE_CREATE:
            bd_line_words(line, reader, "node");
            bd_line_attributes(line, reader);
            return;
        case BD_OP_EDGE_REFERENCE_CREATE:
            bd_line_words(line, reader, "edge,source,target,bits");
            bd_line_attributes(line, reader);
            return;
        case BD_OP_GRAPH_VIEW_CREATE: bd_line_words(line, reader, "view,self"); return;
        case BD_OP_GRAPH_VIEW_CREATE_AND_INSERT_NODE:
        case BD_OP_GRAPH_VIEW_INSERT_NODE: bd_line_words(line, reader, "view,node"); return;
        case BD_OP_GRAPH_VIEW_INSERT_EDGE: bd_line_words(line, reader, "view,edge"); return;
        case BD_OP_GRAPH_VIEW_DESTROY:
            bd_line_words(line, reader, "view");
            bd_line_ids(line, reader, "nodes kept");
            bd_line_ids(line, reader, "edges kept");
            return;
        case BD_OP_GRAPH_VIEW_GET_SUBGRAPH_FROM_NODES:
            bd_line_words(line, reader, "view,new,self");
            bd_line_ids(line, reader, "nodes");
            return;
        case BD_OP_BOUND_NODE_VISIT_EDGES_OF_TYPE: bd_line_words(line, reader, "view,node,type,directed"); return;
        case BD_OP_SEXP_DUMP:
        case BD_OP_SEXP_SAVE: bd_line_words(line, reader, "document"); return; /* 0: a value follows */
        default: break;
    }
    const bd_method *method = bd_operation_method(operation);
    if (method) bd_line_method(line, reader, method);
}

/* A text may be long: its length is at the end of the first piece, what follows it the last. */
static void bd_line_parse(bd_line *line, const bd_piece *pieces, int count, bool is_typed) {
    bd_reader head = bd_reader_make(pieces[0].data, pieces[0].bytes), tail = bd_reader_make(pieces[count - 1].data, pieces[count - 1].bytes);
    if (is_typed) bd_line_words(line, &head, "type");
    bd_line_add(line, " text=%llu bytes label=", (unsigned long long)bd_reader_u64(&head));
    bd_line_str(line, &tail);
    bd_line_add(line, " depth_limit=%u", bd_reader_u32(&tail));
    if (is_typed) bd_line_add(line, " flags=%u", bd_reader_u32(&tail));
}

/* Each command of a batch as it would be alone: u32 operation, u32 bytes, payload. */
static void bd_line_batch(bd_line *line, bd_reader *reader) {
    uint32_t count = bd_reader_u32(reader);
    bd_line_add(line, " %u commands", count);
    for (uint32_t i = 0; i < count && !reader->bad; i++) {
        uint32_t operation = bd_reader_u32(reader), bytes = bd_reader_u32(reader);
        if (reader->bad || operation == BD_OP_BATCH || operation > UINT16_MAX || bytes > bd_reader_left(reader)) break;
        bd_line_add(line, " | %s", bd_operation_name((uint16_t)operation));
        bd_reader inner = bd_reader_make(reader->data + reader->at, bytes);
        bd_line_request(line, &inner, (uint16_t)operation);
        reader->at += bytes;
        if (i + 1 == count) return;
    }
    if (count) bd_line_add(line, " …");
}

void bd_debug_request(
    bd_workspace *workspace, uint64_t number, uint16_t operation, const bd_piece *pieces, int count) {
    unsigned char payload[2048]; /* the start of it; a long text shows as cut */
    size_t bytes = 0, total = 0;
    for (int i = 0; i < count; i++) {
        size_t take = pieces[i].bytes < sizeof payload - bytes ? pieces[i].bytes : sizeof payload - bytes;
        if (take) memcpy(payload + bytes, pieces[i].data, take);
        bytes += take;
        total += pieces[i].bytes;
    }
    bd_line line = {"", 0};
    bd_line_add(
        &line, "bindd → w%u #%llu %s %zu bytes", workspace->generation, (unsigned long long)number,
        bd_operation_name(operation), total);
    bd_reader reader = bd_reader_make(payload, bytes);
    bool is_typed = operation == BD_OP_SEXP_LOAD;
    if ((is_typed || operation == BD_OP_SEXP_PARSE) && count > 1) bd_line_parse(&line, pieces, count, is_typed);
    else if (operation == BD_OP_BATCH) bd_line_batch(&line, &reader);
    else bd_line_request(&line, &reader, operation);
    if (reader.bad) bd_line_add(&line, " …");
    bd_line_print(&line);
}

static bd_reader bd_debug_result(const bd_reply *reply) {
    return bd_reader_make(reply->data + BD_REPLY_HEAD_BYTES, reply->size - BD_REPLY_HEAD_BYTES);
}

/* The type of what travels, where the declared one is that of the Python object that is made of it. */
static uint8_t bd_debug_type(uint16_t operation, const bd_method *method) {
    switch (operation) {
        case BD_OP_BOUND_NODE_VISIT_EDGES_OF_TYPE:
        case BD_OP_GRAPH_VIEW_EDGE_TABLE: return BD_T_EDGE | BD_T_LIST;
        case BD_OP_GRAPH_VIEW_NODE_IDS: return BD_T_NODE | BD_T_LIST;
        case BD_OP_GRAPH_VIEW_ATTRIBUTE_COLUMN: return BD_T_LITERAL | BD_T_LIST;
        default: return method->result;
    }
}

static void bd_line_answer(bd_line *line, bd_reader *reader, uint16_t operation) {
    const bd_method *method = bd_operation_method(operation);
    if (!method || !bd_reader_left(reader)) return;
    uint8_t type = bd_debug_type(operation, method);
    if (operation == BD_OP_SEXP_PARSE || operation == BD_OP_SEXP_LOAD) {
        bd_line_words(line, reader, "document");
        if (operation == BD_OP_SEXP_LOAD) { /* hash, bytes in the worker */
            bd_reader_u64(reader);
            bd_reader_u64(reader);
        }
        bd_line_add(line, " ");
        bd_line_result(line, reader, BD_T_BYTES);
    } else if (operation == BD_OP_GRAPH_VIEW_FROM_BYTES) {
        bd_line_words(line, reader, "view,self");
    } else if (operation == BD_OP_GRAPH_VIEW_GET_COUNTS) {
        uint64_t nodes = bd_reader_u64(reader), edges = bd_reader_u64(reader);
        bd_line_add(line, " → %llu nodes, %llu edges", (unsigned long long)nodes, (unsigned long long)edges);
    } else if ((type & BD_T_ITEM_MASK) != BD_T_NONE && (type & BD_T_ITEM_MASK) != BD_T_ANY) {
        bd_line_add(line, " → ");
        bd_line_result(line, reader, type);
    }
}

void bd_debug_reply(bd_workspace *workspace, uint64_t number, const char *name, const bd_reply *reply) {
    bd_line line = {"", 0};
    bd_reader reader = bd_debug_result(reply);
    bool is_error = reply->flags & BD_FLAG_ERROR;
    bd_line_add(
        &line, "bindd ← w%u #%llu %s %zu bytes%s", workspace->generation, (unsigned long long)number, name, reply->size,
        is_error ? " error" : "");
    if (is_error) {
        bd_line_words(&line, &reader, "code");
        bd_line_add(&line, " ");
        bd_line_str(&line, &reader);
        bd_line_add(&line, " ");
        bd_line_str(&line, &reader);
    } else {
        bd_line_answer(&line, &reader, reply->operation);
    }
    if (reader.bad) bd_line_add(&line, " …");
    bd_line_print(&line);
}

/* -- hello ------------------------------------------------------------------------------------------------------------ */

void bd_debug_hello(bd_workspace *workspace, const bd_writer *payload) {
    bd_line line = {"", 0};
    bd_reader reader = bd_reader_make(payload->data, payload->size);
    bd_line_add(&line, "bindd → w%u #0 hello %zu bytes", workspace->generation, payload->size);
    bd_reader_u32(&reader); /* magic */
    bd_line_words(&line, &reader, "major,minor,layout");
    uint64_t hash = bd_reader_u64(&reader);
    bd_line_add(&line, " hash %016llx", (unsigned long long)hash);
    bd_line_words(&line, &reader, "pid,generation,node floor,edge floor,view floor,document floor");
    uint64_t session = bd_reader_u64(&reader), requests = bd_reader_u64(&reader);
    bd_line_add(&line, " session %016llx", (unsigned long long)session);
    if (bd_reader_u32(&reader)) bd_line_add(&line, " goes on after request %llu", (unsigned long long)requests);
    static const char *const names[] = {"workspace", "program", "build"};
    for (int i = 0; i < 3; i++) {
        bd_line_add(&line, " %s ", names[i]);
        bd_line_str(&line, &reader);
    }
    bd_line_print(&line);
}

void bd_debug_hello_answer(bd_workspace *workspace, const bd_reply *reply) {
    if (reply->flags & BD_FLAG_ERROR) {
        bd_debug_reply(workspace, 0, "hello", reply);
        return;
    }
    bd_line line = {"", 0};
    bd_reader reader = bd_debug_result(reply);
    bd_line_add(&line, "bindd ← w%u #0 hello %zu bytes", workspace->generation, reply->size);
    static const char *const kinds[] = {"nodes", "edges", "views"};
    for (int i = 0; i < 3; i++)
        bd_line_add(
            &line, " %s %u…%u", kinds[i], bd_load_u32(reply->data + 8 + 8 * i), bd_load_u32(reply->data + 12 + 8 * i));
    bd_line_words(&line, &reader, "worker,slot,generation");
    uint64_t client = bd_reader_u64(&reader);
    bd_line_add(&line, " client %llu workspace ", (unsigned long long)client);
    bd_line_str(&line, &reader);
    bd_line_add(&line, " build ");
    bd_line_str(&line, &reader);
    if (reader.bad) bd_line_add(&line, " …");
    bd_line_print(&line);
}

/* -- what nobody waited for: called by the connection, without the GIL ------------------------------------------------------ */

void bd_debug_unasked(void *context, const bd_reply *message) {
    const bd_workspace *workspace = context;
    bd_line line = {"", 0};
    bd_line_add(&line, "bindd ← w%u ", workspace->generation);
    if (message->flags & BD_FLAG_NOTICE && message->operation == BD_OP_CRASH) {
        const bd_crash_notice *crash = &workspace->connection.crash;
        bd_line_add(
            &line, "crash signal=%d in %s #%llu address=0x%llx pc=0x%llx", (int)crash->signal,
            crash->operation && crash->operation <= UINT16_MAX ? bd_operation_name((uint16_t)crash->operation) : "nothing",
            (unsigned long long)crash->request, (unsigned long long)crash->address, (unsigned long long)crash->pc);
    } else if (message->flags & BD_FLAG_NOTICE) {
        bd_reader reader = bd_reader_make(message->data, message->size);
        bd_line_add(&line, "notice %zu bytes", message->size);
        bd_line_words(&line, &reader, "code");
        bd_line_add(&line, " ");
        bd_line_str(&line, &reader);
        if (reader.bad) bd_line_add(&line, " …");
    } else {
        bd_line_add(
            &line, "#%llu %s %zu bytes dropped: nobody waits for it any longer",
            (unsigned long long)bd_load_u64(message->data), bd_operation_name(message->operation), message->size);
    }
    bd_line_print(&line);
}
