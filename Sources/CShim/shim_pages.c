/* Sealed memory pages and the words in them. See bd_shim.h. */
#define _GNU_SOURCE
#include "bd_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int bd_memory_create(const char *name) {
    int fd = memfd_create(name, MFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int bd_page_sealed(const char *name, size_t bytes, int seals) {
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -errno;
    if (ftruncate(fd, (off_t)bytes) != 0 || fcntl(fd, F_ADD_SEALS, seals | F_SEAL_SEAL) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int bd_page_create(const char *name, size_t bytes) {
    return bd_page_sealed(name, bytes, F_SEAL_SHRINK | F_SEAL_GROW);
}

int bd_page_create_growing(const char *name, size_t bytes) { return bd_page_sealed(name, bytes, F_SEAL_SHRINK); }

int bd_page_check(int fd, size_t bytes) {
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0) return -EBADF;
    if ((seals & (F_SEAL_SHRINK | F_SEAL_GROW)) != (F_SEAL_SHRINK | F_SEAL_GROW)) return -EPERM;
    struct stat status;
    if (fstat(fd, &status) != 0) return -errno;
    if (!S_ISREG(status.st_mode)) return -EBADF;
    return status.st_size == (off_t)bytes ? 0 : -EMSGSIZE;
}

int bd_page_map(int fd, size_t bytes, bool writable, void **map) {
    void *start = mmap(NULL, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    if (start == MAP_FAILED) return -errno;
    *map = start;
    return 0;
}

void bd_page_unmap(void *map, size_t bytes) { munmap(map, bytes); }

uint64_t bd_word_load_u64(const void *map, size_t offset) {
    return __atomic_load_n((const uint64_t *)(const void *)((const char *)map + offset), __ATOMIC_ACQUIRE);
}

uint32_t bd_word_load_u32(const void *map, size_t offset) {
    return __atomic_load_n((const uint32_t *)(const void *)((const char *)map + offset), __ATOMIC_ACQUIRE);
}

void bd_word_store_u64(void *map, size_t offset, uint64_t value) {
    __atomic_store_n((uint64_t *)(void *)((char *)map + offset), value, __ATOMIC_RELEASE);
}

void bd_word_store_u32(void *map, size_t offset, uint32_t value) {
    __atomic_store_n((uint32_t *)(void *)((char *)map + offset), value, __ATOMIC_RELEASE);
}

uint64_t bd_checksum(uint64_t seed, const void *bytes, size_t count) {
    const uint64_t prime = 0x9E3779B97F4A7C15ull;
    uint64_t lanes[4] = {seed ^ count, seed + prime, seed ^ (prime << 1), seed - prime};
    const unsigned char *at = bytes;
    size_t left = count;
    for (; left >= 32; left -= 32, at += 32) {
        uint64_t words[4];
        memcpy(words, at, sizeof words);
        for (int i = 0; i < 4; i++) {
            lanes[i] = (lanes[i] ^ words[i]) * prime;
            lanes[i] ^= lanes[i] >> 29;
        }
    }
    for (int i = 0; left; i = (i + 1) & 3) {
        uint64_t word = 0;
        size_t part = left < 8 ? left : 8;
        memcpy(&word, at, part);
        lanes[i] = (lanes[i] ^ word) * prime;
        lanes[i] ^= lanes[i] >> 29;
        at += part;
        left -= part;
    }
    uint64_t sum = seed;
    for (int i = 0; i < 4; i++) {
        sum = (sum ^ lanes[i]) * prime;
        sum ^= sum >> 32;
    }
    return sum;
}

void bd_memory_keep_blocks(void) {
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* the most that glibc takes; also ends its adjusting by itself */
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
}
