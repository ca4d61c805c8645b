/* What the targets in C share. Each is one function from bytes to nothing (LLVMFuzzerTestOneInput), compiled together with
 * the sources of the extension that it is about; `replay.c` runs it on files where there is no libFuzzer.
 */
#ifndef BD_FUZZ_H
#define BD_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process with words that stand above the input that led here. */
#define FUZZ_REQUIRE(condition, ...) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "fuzz: %s:%d: ", __FILE__, __LINE__); \
            fprintf(stderr, __VA_ARGS__); \
            fputc('\n', stderr); \
            abort(); \
        } \
    } while (0)

/* Bytes taken from the front of an input; zeros when it has no more. */
typedef struct fuzz_input {
    const uint8_t *data;
    size_t size, at;
} fuzz_input;

static inline uint32_t fuzz_take(fuzz_input *input, size_t bytes) {
    uint32_t value = 0;
    for (size_t index = 0; index < bytes && input->at < input->size; index++)
        value |= (uint32_t)input->data[input->at++] << (8 * index);
    return value;
}

static inline int fuzz_is_done(const fuzz_input *input) { return input->at >= input->size; }

#endif
