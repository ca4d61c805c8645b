/* See bd_wire.h. The machine is little-endian (checked below), so values are copied as they are. */
#include "bd_wire.h"

#include <stdlib.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the wire is little-endian; this extension copies values as they lie in memory"
#endif

void bd_writer_init(bd_writer *writer) {
    writer->data = writer->small;
    writer->size = 0;
    writer->capacity = sizeof writer->small;
    writer->failed = false;
}

void bd_writer_free(bd_writer *writer) {
    if (writer->data != writer->small) free(writer->data);
    bd_writer_init(writer);
}

unsigned char *bd_writer_reserve(bd_writer *writer, size_t bytes) {
    if (writer->failed) return NULL;
    if (bytes > writer->capacity - writer->size) {
        size_t capacity = writer->capacity;
        while (capacity - writer->size < bytes) {
            if (capacity > SIZE_MAX / 2) {
                writer->failed = true;
                return NULL;
            }
            capacity *= 2;
        }
        bool was_small = writer->data == writer->small;
        unsigned char *data = realloc(was_small ? NULL : writer->data, capacity);
        if (!data) {
            writer->failed = true;
            return NULL;
        }
        if (was_small) memcpy(data, writer->small, writer->size);
        writer->data = data;
        writer->capacity = capacity;
    }
    unsigned char *at = writer->data + writer->size;
    writer->size += bytes;
    return at;
}

void bd_writer_u32(bd_writer *writer, uint32_t value) {
    unsigned char *at = bd_writer_reserve(writer, 4);
    if (at) memcpy(at, &value, 4);
}

void bd_writer_u64(bd_writer *writer, uint64_t value) {
    unsigned char *at = bd_writer_reserve(writer, 8);
    if (at) memcpy(at, &value, 8);
}

void bd_writer_f64(bd_writer *writer, double value) {
    unsigned char *at = bd_writer_reserve(writer, 8);
    if (at) memcpy(at, &value, 8);
}

static void bd_writer_padded(bd_writer *writer, const void *data, size_t bytes) {
    size_t padded = bd_padded(bytes, 4);
    unsigned char *at = bd_writer_reserve(writer, padded);
    if (!at) return;
    if (bytes) memcpy(at, data, bytes);
    memset(at + bytes, 0, padded - bytes);
}

void bd_writer_str(bd_writer *writer, const char *text, size_t bytes) {
    if (bytes > UINT32_MAX) {
        writer->failed = true;
        return;
    }
    bd_writer_u32(writer, (uint32_t)bytes);
    bd_writer_padded(writer, text, bytes);
}

void bd_writer_bytes(bd_writer *writer, const void *data, size_t bytes) {
    bd_writer_u64(writer, bytes);
    bd_writer_padded(writer, data, bytes);
}

static const unsigned char *bd_reader_take(bd_reader *reader, size_t bytes) {
    if (reader->bad || bytes > bd_reader_left(reader)) {
        reader->bad = true;
        return NULL;
    }
    const unsigned char *at = reader->data + reader->at;
    reader->at += bytes;
    return at;
}

uint32_t bd_reader_u32(bd_reader *reader) {
    const unsigned char *at = bd_reader_take(reader, 4);
    return at ? bd_load_u32(at) : 0;
}

uint64_t bd_reader_u64(bd_reader *reader) {
    const unsigned char *at = bd_reader_take(reader, 8);
    return at ? bd_load_u64(at) : 0;
}

double bd_reader_f64(bd_reader *reader) {
    const unsigned char *at = bd_reader_take(reader, 8);
    double value = 0;
    if (at) memcpy(&value, at, sizeof value);
    return value;
}

static const unsigned char *bd_reader_block(bd_reader *reader, uint64_t bytes) {
    if (reader->bad || bytes > bd_reader_left(reader)) {
        reader->bad = true;
        return NULL;
    }
    const unsigned char *at = reader->data + reader->at;
    size_t padded = bd_padded((size_t)bytes, 4);
    size_t left = bd_reader_left(reader);
    reader->at += padded < left ? padded : left;
    return at;
}

const char *bd_reader_str(bd_reader *reader, size_t *bytes) {
    *bytes = 0;
    uint32_t count = bd_reader_u32(reader);
    const unsigned char *at = bd_reader_block(reader, count);
    if (at) *bytes = count;
    return (const char *)at;
}

const unsigned char *bd_reader_bytes(bd_reader *reader, size_t *bytes) {
    *bytes = 0;
    uint64_t count = bd_reader_u64(reader);
    const unsigned char *at = bd_reader_block(reader, count);
    if (at) *bytes = (size_t)count;
    return at;
}

uint32_t bd_reader_count(bd_reader *reader, size_t item_bytes) {
    uint32_t count = bd_reader_u32(reader);
    if (reader->bad || count > bd_reader_left(reader) / item_bytes) {
        reader->bad = true;
        return 0;
    }
    return count;
}
