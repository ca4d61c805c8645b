/* See bd_line.h. */
#include "bd_line.h"
#include "bd_result.h"

#include <stdio.h>

#define BD_SHOWN_MAX 8      /* items of a list or attributes */
#define BD_TEXT_SHOWN_MAX 60 /* bytes of a text */

void bd_line_add(bd_line *line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int added = vsnprintf(line->text + line->size, sizeof line->text - line->size, format, arguments);
    va_end(arguments);
    if (added < 0) return;
    line->size += (size_t)added;
    if (line->size > sizeof line->text - 1) line->size = sizeof line->text - 1;
}

void bd_line_print(bd_line *line) {
    const char *rest = "";
    if (line->size == sizeof line->text - 1) { /* cut, perhaps inside a character */
        size_t end = line->size;
        while (end && ((unsigned char)line->text[end - 1] & 0xC0) == 0x80) end--;
        if (end && (unsigned char)line->text[end - 1] >= 0xC0) end--;
        line->text[end] = 0;
        rest = "…";
    }
    fprintf(stderr, "%s%s\n", line->text, rest);
}

static void bd_line_text(bd_line *line, const char *text, size_t bytes) {
    bd_line_add(line, "'");
    size_t i = 0;
    for (; i < bytes && (i < BD_TEXT_SHOWN_MAX || ((unsigned char)text[i] & 0xC0) == 0x80); i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 32 || c == 127) bd_line_add(line, "\\x%02x", c);
        else bd_line_add(line, "%c", c);
    }
    if (i < bytes) bd_line_add(line, "'… (%zu bytes)", bytes);
    else bd_line_add(line, "'");
}

void bd_line_str(bd_line *line, bd_reader *reader) {
    size_t bytes;
    const char *text = bd_reader_str(reader, &bytes);
    if (text) bd_line_text(line, text, bytes);
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

void bd_line_attributes(bd_line *line, bd_reader *reader) {
    uint32_t count = bd_reader_count(reader, 8);
    for (uint32_t i = 0; i < count && i < BD_SHOWN_MAX && !reader->bad; i++) {
        bd_line_add(line, i ? ", " : " ");
        bd_line_str(line, reader);
        bd_line_add(line, "=");
        bd_line_literal(line, reader);
    }
    if (count > BD_SHOWN_MAX) bd_line_add(line, ", … %u attributes", count);
}

void bd_line_words(bd_line *line, bd_reader *reader, const char *names) {
    for (const char *at = names; *at && !reader->bad;) {
        size_t length = strcspn(at, ",");
        bd_line_add(line, " %.*s %u", (int)length, at, bd_reader_u32(reader));
        at += length + (at[length] == ',');
    }
}

void bd_line_ids(bd_line *line, bd_reader *reader, const char *what) {
    uint32_t count = bd_reader_count(reader, 4);
    if (!count) return;
    bd_line_add(line, " %u %s:", count, what);
    for (uint32_t i = 0; i < count && !reader->bad; i++) {
        uint32_t id = bd_reader_u32(reader);
        if (i < BD_SHOWN_MAX) bd_line_add(line, " %u", id);
        else if (i == BD_SHOWN_MAX) bd_line_add(line, " …");
    }
}

static void bd_line_edge(bd_line *line, bd_reader *reader) {
    bd_edge_info info;
    bd_read_edge_info(reader, &info);
    bd_line_add(line, "%u (%u -> %u, type %u)", info.edge, info.source, info.target, info.bits & 0xffu);
}

/* {type 130, directional, name 'x', index 2, key=1} */
static void bd_line_recipe(bd_line *line, bd_reader *reader, bool is_edge) {
    bd_line_add(line, "{");
    if (is_edge) {
        bd_line_add(line, "type %u", bd_reader_u32(reader));
        uint32_t direction = bd_reader_u32(reader);
        if (direction) bd_line_add(line, direction == 2 ? ", directional" : ", not directional");
        if (bd_reader_u32(reader)) {
            bd_line_add(line, ", name ");
            bd_line_str(line, reader);
        }
        if (bd_reader_u32(reader)) bd_line_add(line, ", index %u", bd_reader_u32(reader));
    }
    bd_line_attributes(line, reader);
    bd_line_add(line, "}");
}

/* A value that says what it is. */
static void bd_line_tagged(bd_line *line, bd_reader *reader, int depth) {
    uint32_t tag = bd_reader_u32(reader), count;
    uint64_t word;
    double real;
    if (reader->bad || depth >= BD_RESULT_DEPTH_MAX) return;
    switch (tag) {
        case BD_RESULT_NONE: bd_line_add(line, "None"); break;
        case BD_RESULT_INT:
            word = bd_reader_u64(reader);
            bd_line_add(line, "%lld", (long long)word);
            break;
        case BD_RESULT_FLOAT:
            real = bd_reader_f64(reader);
            bd_line_add(line, "%.17g", real);
            break;
        case BD_RESULT_BOOL: bd_line_add(line, bd_reader_u32(reader) ? "True" : "False"); break;
        case BD_RESULT_STR: bd_line_str(line, reader); break;
        case BD_RESULT_LIST:
        case BD_RESULT_TUPLE:
        case BD_RESULT_DICT:
            count = bd_reader_count(reader, 4);
            bd_line_add(line, "%u [", count);
            for (uint32_t i = 0; i < count && i < BD_SHOWN_MAX && !reader->bad; i++) {
                if (i) bd_line_add(line, ", ");
                bd_line_tagged(line, reader, depth + 1);
                if (tag != BD_RESULT_DICT) continue;
                bd_line_add(line, ": ");
                bd_line_tagged(line, reader, depth + 1);
            }
            bd_line_add(line, count > BD_SHOWN_MAX ? ", …]" : "]");
            break;
        case BD_RESULT_BOUND_NODE:
        case BD_RESULT_LOOSE_BOUND_NODE:
        case BD_RESULT_TYPE_GRAPH:
            bd_line_add(line, "view %u", bd_reader_u32(reader));
            bd_line_add(line, " node %u", bd_reader_u32(reader));
            break;
        case BD_RESULT_NODE: bd_line_add(line, "node %u", bd_reader_u32(reader)); break;
        case BD_RESULT_BOUND_EDGE:
        case BD_RESULT_EDGE:
            if (tag == BD_RESULT_BOUND_EDGE) bd_line_add(line, "view %u ", bd_reader_u32(reader));
            bd_line_add(line, "edge ");
            bd_line_edge(line, reader);
            break;
        case BD_RESULT_PATH:
            bd_line_add(line, "view %u ", bd_reader_u32(reader));
            bd_line_add(line, "from %u", bd_reader_u32(reader));
            bd_line_add(line, " to %u", bd_reader_u32(reader));
            bd_line_add(line, ", %u edges", bd_reader_count(reader, 16));
            break;
        case BD_RESULT_CONNECTED:
            bd_line_add(line, "view %u ", bd_reader_u32(reader));
            bd_line_add(line, "from %u", bd_reader_u32(reader));
            bd_line_add(line, ", %u steps", bd_reader_count(reader, 20));
            break;
        default: reader->bad = true;
    }
}

static void bd_line_value(bd_line *line, bd_reader *reader, uint8_t type, bool is_result) {
    size_t bytes;
    uint64_t word;
    double real;
    switch (type) {
        case BD_T_NONE: break;
        case BD_T_INT:
            word = bd_reader_u64(reader);
            bd_line_add(line, "%lld", (long long)word);
            break;
        case BD_T_FLOAT:
            real = bd_reader_f64(reader);
            bd_line_add(line, "%.9g", real);
            break;
        case BD_T_BOOL: bd_line_add(line, bd_reader_u32(reader) ? "True" : "False"); break;
        case BD_T_JSON:
        case BD_T_STR: bd_line_str(line, reader); break;
        case BD_T_LITERAL: bd_line_literal(line, reader); break;
        case BD_T_ATTRIBUTES: bd_line_attributes(line, reader); break;
        case BD_T_BYTES:
            word = bd_reader_u64(reader);
            if (reader->bad) break;
            bd_line_add(line, "%llu bytes", (unsigned long long)word);
            reader->at -= sizeof word;
            bd_reader_bytes(reader, &bytes);
            break;
        case BD_T_PATH:
            bd_line_add(line, "from %u", bd_reader_u32(reader));
            bd_line_add(line, " to %u", bd_reader_u32(reader));
            bd_line_add(line, ", %u edges", bd_reader_count(reader, 16));
            break;
        case BD_T_EDGE_RECIPE:
        case BD_T_NODE_RECIPE: bd_line_recipe(line, reader, type == BD_T_EDGE_RECIPE); break;
        case BD_T_DICT:
            bd_line_add(line, "{");
            bd_line_attributes(line, reader);
            bd_line_add(line, "}");
            break;
        case BD_T_TRAVERSAL:
            bd_line_str(line, reader);
            bd_line_add(line, " by type %u", bd_reader_u32(reader));
            break;
        case BD_T_VALUE: bd_line_tagged(line, reader, 0); break;
        case BD_T_EDGE:
        case BD_T_BOUND_EDGE:
        case BD_T_BOUND_NODE:
        case BD_T_TYPE_GRAPH:
            if (is_result && (type == BD_T_EDGE || type == BD_T_BOUND_EDGE)) {
                bd_line_edge(line, reader);
                break;
            }
            if (!is_result && type != BD_T_EDGE) bd_line_add(line, "view %u ", bd_reader_u32(reader));
            bd_line_add(line, "%u", bd_reader_u32(reader));
            break;
        default: bd_line_add(line, "%u", bd_reader_u32(reader)); /* u8, u32, handles */
    }
}

static void bd_line_typed(bd_line *line, bd_reader *reader, uint8_t type, bool is_result) {
    if (type & BD_T_OPTIONAL) {
        if (bd_reader_u32(reader)) bd_line_value(line, reader, type & BD_T_ITEM_MASK, is_result);
        else if (!reader->bad) bd_line_add(line, "None");
        return;
    }
    if (!(type & BD_T_LIST)) {
        bd_line_value(line, reader, type, is_result);
        return;
    }
    uint32_t count = bd_reader_count(reader, 4);
    bd_line_add(line, "%u [", count);
    for (uint32_t i = 0; i < count && i < BD_SHOWN_MAX && !reader->bad; i++) {
        if (i) bd_line_add(line, ", ");
        bd_line_value(line, reader, type & BD_T_ITEM_MASK, is_result);
    }
    bd_line_add(line, count > BD_SHOWN_MAX ? ", …]" : "]");
}

void bd_line_parameter(bd_line *line, bd_reader *reader, uint8_t type) { bd_line_typed(line, reader, type, false); }
void bd_line_result(bd_line *line, bd_reader *reader, uint8_t type) { bd_line_typed(line, reader, type, true); }
