/* BINDD_DEBUG=1: each message in words on stderr. `→` goes out, `←` came in. Knows the payloads of the requests that are
 * written by hand as words, those of the table by their parameters; anything else is shown by its size. Reads with bounds,
 * never fails. Cost: none when off (the hot path does not get here).
 */
#include "bd_state.h"

#include <stdio.h>

#define BD_LINE_BYTES 1024
#define BD_SHOWN_MAX 8 /* items of a list or attributes */

typedef struct bd_line {
    char text[BD_LINE_BYTES];
    size_t size;
} bd_line;

static void bd_line_add(bd_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void bd_line_add(bd_line *line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int added = vsnprintf(line->text + line->size, sizeof line->text - line->size, format, arguments);
    va_end(arguments);
    if (added < 0) return;
    line->size += (size_t)added;
    if (line->size > sizeof line->text - 1) line->size = sizeof line->text - 1;
}

static void bd_line_str(bd_line *line, bd_reader *reader) {
    size_t bytes;
    const char *text = bd_reader_str(reader, &bytes);
    if (!text) return;
    bd_line_add(line, "'");
    for (size_t i = 0; i < bytes && i < 60; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 32 || c == 127) bd_line_add(line, "\\x%02x", c);
        else bd_line_add(line, "%c", c);
    }
    bd_line_add(line, bytes > 60 ? "'… (%zu bytes)" : "'", bytes);
}

static void bd_line_literal(bd_line *line, bd_reader *reader) {
    uint64_t word;
    double real;
    switch (bd_reader_u32(reader)) {
        case BD_LITERAL_NONE: bd_line_add(line, "None"); break;
        case BD_LITERAL_INT:
            word = bd_reader_u64(reader);
            bd_line_add(line, "%lld", (long long)word);
            break;
        case BD_LITERAL_FLOAT:
            real = bd_reader_f64(reader);
            bd_line_add(line, "%.17g", real);
            break;
        case BD_LITERAL_BOOL: bd_line_add(line, bd_reader_u32(reader) ? "True" : "False"); break;
        case BD_LITERAL_STR: bd_line_str(line, reader); break;
        default: reader->bad = true;
    }
}

static void bd_line_attributes(bd_line *line, bd_reader *reader) {
    uint32_t count = bd_reader_count(reader, 8);
    for (uint32_t i = 0; i < count && i < BD_SHOWN_MAX && !reader->bad; i++) {
        bd_line_add(line, i ? ", " : " ");
        bd_line_str(line, reader);
        bd_line_add(line, "=");
        bd_line_literal(line, reader);
    }
    if (count > BD_SHOWN_MAX) bd_line_add(line, ", … %u attributes", count);
}

static void bd_line_ids(bd_line *line, bd_reader *reader, const char *what) {
    uint32_t count = bd_reader_count(reader, 4);
    if (!count) return;
    bd_line_add(line, " %u %s:", count, what);
    for (uint32_t i = 0; i < count && !reader->bad; i++) {
        uint32_t id = bd_reader_u32(reader);
        if (i < BD_SHOWN_MAX) bd_line_add(line, " %u", id);
        else if (i == BD_SHOWN_MAX) bd_line_add(line, " …");
    }
}

static void bd_line_value(bd_line *line, bd_reader *reader, uint8_t type) {
    size_t bytes;
    uint64_t word;
    double real;
    switch (type) {
        case BD_T_INT:
            word = bd_reader_u64(reader);
            bd_line_add(line, "%lld", (long long)word);
            break;
        case BD_T_FLOAT:
            real = bd_reader_f64(reader);
            bd_line_add(line, "%.9g", real);
            break;
        case BD_T_STR: bd_line_str(line, reader); break;
        case BD_T_LITERAL: bd_line_literal(line, reader); break;
        case BD_T_BYTES:
            bd_reader_bytes(reader, &bytes);
            bd_line_add(line, "%zu bytes", bytes);
            break;
        case BD_T_BOUND_NODE:
        case BD_T_BOUND_EDGE:
            bd_line_add(line, "%u in view ", bd_reader_u32(reader));
            bd_line_add(line, "%u", bd_reader_u32(reader));
            break;
        default: bd_line_add(line, "%u", bd_reader_u32(reader));
    }
}

static void bd_line_method(bd_line *line, bd_reader *reader, const bd_method *method) {
    if (method->self_type == BD_T_BOUND_NODE || method->self_type == BD_T_BOUND_EDGE)
        bd_line_add(line, " view %u", bd_reader_u32(reader));
    if (method->self_type != BD_T_NONE) bd_line_add(line, " self %u", bd_reader_u32(reader));
    for (uint32_t i = 0; i < method->parameter_count && !reader->bad; i++) {
        const bd_parameter *parameter = &bd_parameters[method->first_parameter + i];
        if (parameter->type == BD_T_ANY || parameter->type == BD_T_CALLABLE || parameter->type > BD_T_ITEM_MASK) continue;
        if (parameter->type == BD_T_ATTRIBUTES) {
            bd_line_attributes(line, reader);
            continue;
        }
        bd_line_add(line, " %s=", parameter->name);
        bd_line_value(line, reader, parameter->type);
    }
}

static void bd_line_words(bd_line *line, bd_reader *reader, const char *names) {
    for (const char *at = names; *at && !reader->bad;) {
        size_t length = strcspn(at, ",");
        bd_line_add(line, " %.*s %u", (int)length, at, bd_reader_u32(reader));
        at += length + (at[length] == ',');
    }
}

static void bd_line_request(bd_line *line, bd_reader *reader, uint16_t operation) {
    switch (operation) {
        case BD_OP_SYNC: return;
        case BD_OP_LEASE: bd_line_words(line, reader, "kind,wanted"); return;
        case BD_OP_RELEASE:
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
        default: break;
    }
    const bd_method *method = bd_operation_method(operation);
    if (method) bd_line_method(line, reader, method);
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
    bd_line_request(&line, &reader, operation);
    if (reader.bad) bd_line_add(&line, " …");
    fprintf(stderr, "%s\n", line.text);
}

void bd_debug_reply(bd_workspace *workspace, uint64_t number, const char *name, const bd_reply *reply) {
    bd_line line = {"", 0};
    bool is_error = reply->flags & BD_FLAG_ERROR;
    bd_line_add(
        &line, "bindd ← w%u #%llu %s %zu bytes%s", workspace->generation, (unsigned long long)number, name, reply->size,
        is_error ? " error" : "");
    bd_reader reader = bd_reader_make(reply->data + BD_REPLY_HEAD_BYTES, reply->size - BD_REPLY_HEAD_BYTES);
    const bd_method *method = bd_operation_method(reply->operation);
    if (is_error) {
        bd_line_add(&line, " code %u ", bd_reader_u32(&reader));
        bd_line_str(&line, &reader);
        bd_line_add(&line, " ");
        bd_line_str(&line, &reader);
    } else if (method && method->result != BD_T_NONE && method->result <= BD_T_ITEM_MASK && bd_reader_left(&reader)) {
        bd_line_add(&line, " → ");
        if (method->result == BD_T_ATTRIBUTES) bd_line_attributes(&line, &reader);
        else bd_line_value(&line, &reader, method->result);
    } else if (method && method->result & BD_T_LIST) {
        bd_line_add(&line, " → %u items", bd_reader_u32(&reader));
    }
    fprintf(stderr, "%s\n", line.text);
}
