/* Runs a target on the files named, and prints how many they were. */
#include "fuzz.h"

static void replay(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(2);
    }
    static uint8_t room[1 << 20];
    size_t size = fread(room, 1, sizeof room, file);
    fclose(file);
    /* A block of exactly that size: sanitizers see one byte too many. */
    uint8_t *data = malloc(size ? size : 1);
    if (!data) exit(2);
    memcpy(data, room, size);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
}

int main(int count, char **arguments) {
    for (int index = 1; index < count; index++) replay(arguments[index]);
    printf("%d\n", count - 1);
    return 0;
}
