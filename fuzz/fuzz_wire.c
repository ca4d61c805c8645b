/* csrc/bd_wire: every reader on any bytes, and what the writer writes read back. The input's first half says what to read
 * or write, the second half is what is read.
 */
#include "fuzz.h"

#include "bd_wire.h"

/* Reads a block in steps chosen by the input. */
static void fuzz_read(fuzz_input *plan, const uint8_t *block, size_t size) {
    bd_reader reader = bd_reader_make(block, size);
    int was_bad = 0;
    while (!fuzz_is_done(plan)) {
        size_t before = reader.at, bytes = 0;
        const unsigned char *view = NULL;
        uint32_t sum = 0;
        switch (fuzz_take(plan, 1) % 6) {
            case 0: bd_reader_u32(&reader); break;
            case 1: bd_reader_u64(&reader); break;
            case 2: bd_reader_f64(&reader); break;
            case 3: view = (const unsigned char *)bd_reader_str(&reader, &bytes); break;
            case 4: view = bd_reader_bytes(&reader, &bytes); break;
            case 5: {
                size_t item = fuzz_take(plan, 1) % 40 + 1;
                uint32_t count = bd_reader_count(&reader, item);
                FUZZ_REQUIRE((uint64_t)count * item <= bd_reader_left(&reader), "%u items of %zu bytes", count, item);
            }
        }
        FUZZ_REQUIRE(reader.at >= before && reader.at <= size, "at %zu of %zu", reader.at, size);
        FUZZ_REQUIRE(!was_bad || reader.bad, "it was bad and is good again");
        FUZZ_REQUIRE(!reader.bad || (bytes == 0 && !view), "a bad reader gave %zu bytes", bytes);
        for (size_t index = 0; view && index < bytes; index++) sum += view[index];
        FUZZ_REQUIRE(sum <= 255u * bytes, "never");
        was_bad = reader.bad;
    }
}

/* Writes values and reads them back. */
static void fuzz_write(fuzz_input *plan) {
    bd_writer writer;
    fuzz_input start = *plan;
    bd_writer_init(&writer);
    while (!fuzz_is_done(plan)) {
        uint32_t kind = fuzz_take(plan, 1) % 4, value = fuzz_take(plan, 4);
        size_t bytes = value % 700;
        char text[700];
        memset(text, (int)(value & 255), sizeof text);
        if (kind == 0) bd_writer_u32(&writer, value);
        if (kind == 1) bd_writer_u64(&writer, (uint64_t)value << 32 | value);
        if (kind == 2) bd_writer_str(&writer, text, bytes);
        if (kind == 3) bd_writer_bytes(&writer, text, bytes);
    }
    FUZZ_REQUIRE(!writer.failed && writer.size % 4 == 0, "%zu bytes written", writer.size);
    bd_reader reader = bd_reader_make(writer.data, writer.size);
    *plan = start;
    while (!fuzz_is_done(plan)) {
        uint32_t kind = fuzz_take(plan, 1) % 4, value = fuzz_take(plan, 4);
        size_t bytes = 0;
        if (kind == 0) FUZZ_REQUIRE(bd_reader_u32(&reader) == value, "u32 %u", value);
        if (kind == 1) FUZZ_REQUIRE(bd_reader_u64(&reader) == ((uint64_t)value << 32 | value), "u64 %u", value);
        if (kind < 2) continue;
        const unsigned char *view = kind == 2 ? (const unsigned char *)bd_reader_str(&reader, &bytes) : bd_reader_bytes(&reader, &bytes);
        FUZZ_REQUIRE(view && bytes == value % 700, "%zu bytes instead of %u", bytes, value % 700);
        for (size_t index = 0; index < bytes; index++) FUZZ_REQUIRE(view[index] == (value & 255), "byte %zu", index);
    }
    FUZZ_REQUIRE(!reader.bad && bd_reader_left(&reader) == 0, "%zu bytes are left", bd_reader_left(&reader));
    bd_writer_free(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input plan = {data, size / 2, 0};
    if (size > 4096) return 0;
    if (size && data[0] & 1) {
        fuzz_write(&plan);
        return 0;
    }
    /* A block of exactly that size, so that one byte too many is seen. */
    size_t rest = size - size / 2;
    uint8_t *block = malloc(rest ? rest : 1);
    if (!block) return 0;
    memcpy(block, data + size / 2, rest);
    fuzz_read(&plan, block, rest);
    free(block);
    return 0;
}
