/* What each set of seals allows on a memory file: the measurement behind 0002. Not part of any build.
 *
 *     gcc -Wall -Wextra -Werror -o /tmp/seals docs/decisions/0002-seals.c && /tmp/seals
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#define FILE_BYTES (64u << 20)

static void print_result(const char *what, int failed) {
    printf("  %-44s %s\n", what, failed ? strerrorname_np(errno) : "ok");
}

static void print_map(const char *what, int fd, int protection) {
    void *map = mmap(NULL, 4096, protection, MAP_SHARED, fd, 0);
    print_result(what, map == MAP_FAILED);
}

static void try_seals(const char *name, int seals) {
    int fd = memfd_create("seals", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, FILE_BYTES) != 0) return perror("memfd");
    char *map = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED || fcntl(fd, F_ADD_SEALS, seals) != 0) return perror("seal");
    memset(map, 1, FILE_BYTES);

    printf("%s\n", name);
    print_result("worker: madvise(MADV_REMOVE) of half", madvise(map, FILE_BYTES / 2, MADV_REMOVE));
    int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    print_result("worker: fallocate(PUNCH_HOLE) of a quarter", fallocate(fd, mode, FILE_BYTES / 2, FILE_BYTES / 4));
    struct stat status;
    if (fstat(fd, &status) == 0) printf("  %-44s %ld KiB of 65536\n", "held afterwards", (long)status.st_blocks / 2);

    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int reader = open(path, O_RDONLY | O_CLOEXEC);
    if (reader < 0) return perror("open read-only");
    print_map("worker's descriptor: map for writing", fd, PROT_READ | PROT_WRITE);
    print_map("read-only descriptor: map for reading", reader, PROT_READ);
    print_map("read-only descriptor: map for writing", reader, PROT_READ | PROT_WRITE);
    void *view = mmap(NULL, 4096, PROT_READ, MAP_SHARED, reader, 0);
    if (view == MAP_FAILED) return perror("map for reading");
    print_result("its map: mprotect to writable", mprotect(view, 4096, PROT_READ | PROT_WRITE));
    print_result("its map: madvise(MADV_REMOVE)", madvise(view, 4096, MADV_REMOVE));
    print_result("read-only descriptor: write", write(reader, "x", 1) < 0);
    print_result("read-only descriptor: ftruncate", ftruncate(reader, 0));
    print_result("read-only descriptor: fallocate(PUNCH_HOLE)", fallocate(reader, mode, 0, 4096));

    snprintf(path, sizeof path, "/proc/self/fd/%d", reader);
    print_result("opened again for writing through /proc", open(path, O_RDWR) < 0);
    if (fchmod(fd, 0400) != 0) return perror("fchmod");
    print_result("the same after fchmod(0400)", open(path, O_RDWR) < 0);
}

int main(void) {
    try_seals("SHRINK, GROW, FUTURE_WRITE", F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE);
    try_seals("SHRINK, GROW", F_SEAL_SHRINK | F_SEAL_GROW);
    return 0;
}
