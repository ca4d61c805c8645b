/* Values inside a payload, and the frame header: writing into a growing buffer, reading out of a block that is not to be
 * trusted. Knows no Python and no socket; never aborts. The reader checks each length against the bytes that are left
 * before it uses it and, once wrong, stays wrong: callers check `bad` once at the end. Cost: one copy of each value.
 */
#ifndef BD_WIRE_H
#define BD_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BD_FRAME_HEADER_BYTES 8u
#define BD_REPLY_HEAD_BYTES 32u

#define BD_FLAG_MORE 1u
#define BD_FLAG_REPLY 2u
#define BD_FLAG_ERROR 4u
#define BD_FLAG_REPLY_WANTED 8u
#define BD_FLAG_NOTICE 16u
#define BD_FLAGS_KNOWN 31u

#define BD_LITERAL_NONE 0u
#define BD_LITERAL_INT 1u
#define BD_LITERAL_FLOAT 2u
#define BD_LITERAL_BOOL 3u
#define BD_LITERAL_STR 4u

typedef struct bd_writer {
    unsigned char *data;
    size_t size;
    size_t capacity;
    bool failed;                /* memory ran out: nothing more is written */
    unsigned char small[256];   /* most payloads need no allocation */
} bd_writer;

void bd_writer_init(bd_writer *writer);
void bd_writer_free(bd_writer *writer);
/* Room for `bytes` more; NULL (and failed) when there is no memory. */
unsigned char *bd_writer_reserve(bd_writer *writer, size_t bytes);
void bd_writer_u32(bd_writer *writer, uint32_t value);
void bd_writer_u64(bd_writer *writer, uint64_t value);
void bd_writer_f64(bd_writer *writer, double value);
void bd_writer_str(bd_writer *writer, const char *text, size_t bytes);
void bd_writer_bytes(bd_writer *writer, const void *data, size_t bytes);

typedef struct bd_reader {
    const unsigned char *data;
    size_t size;
    size_t at;
    bool bad;
} bd_reader;

static inline bd_reader bd_reader_make(const void *data, size_t size) {
    bd_reader reader = {(const unsigned char *)data, size, 0, false};
    return reader;
}
static inline size_t bd_reader_left(const bd_reader *reader) { return reader->size - reader->at; }
uint32_t bd_reader_u32(bd_reader *reader);
uint64_t bd_reader_u64(bd_reader *reader);
double bd_reader_f64(bd_reader *reader);
/* A view into the block; NULL and bad when it does not fit. */
const char *bd_reader_str(bd_reader *reader, size_t *bytes);
const unsigned char *bd_reader_bytes(bd_reader *reader, size_t *bytes);
/* The count of a list whose items take at least item_bytes each. */
uint32_t bd_reader_count(bd_reader *reader, size_t item_bytes);

static inline size_t bd_padded(size_t bytes, size_t to) { return (bytes + to - 1) & ~(to - 1); }
static inline uint32_t bd_load_u32(const void *from) {
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return value;
}
static inline uint64_t bd_load_u64(const void *from) {
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return value;
}
static inline void bd_store_u32(void *to, uint32_t value) { memcpy(to, &value, sizeof value); }
static inline void bd_store_header(unsigned char *to, uint32_t payload, uint16_t operation, uint16_t flags) {
    memcpy(to, &payload, 4);
    memcpy(to + 4, &operation, 2);
    memcpy(to + 6, &flags, 2);
}

#endif
