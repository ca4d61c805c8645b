/* Processes, descriptors, files, clocks. See bd_shim.h. */
#define _GNU_SOURCE
#include "bd_shim.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

int bd_process_follow_parent(int signal, int32_t parent_pid) {
    if (prctl(PR_SET_PDEATHSIG, (unsigned long)signal, 0, 0, 0) != 0) return -errno;
    /* The parent may have died between our start and the line above; then nobody would ever signal us. */
    return getppid() == parent_pid ? 0 : -ESRCH;
}

int32_t bd_process_fork(void) {
    pid_t pid = fork();
    return pid < 0 ? -errno : (int32_t)pid;
}

void bd_process_set_name(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

int bd_process_open(int32_t pid) {
    long fd = syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? -errno : (int)fd;
}

void bd_memory_trim(void) { malloc_trim(0); }

int bd_descriptors_close_on_exec(unsigned first) {
    return close_range(first, ~0u, CLOSE_RANGE_CLOEXEC) == 0 ? 0 : -errno;
}

int bd_limits_prepare(uint64_t descriptors_max, bool wants_core) {
    struct rlimit limit = {0, 0};
    if (!wants_core && setrlimit(RLIMIT_CORE, &limit) != 0) return -errno;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -errno;
    rlim_t wanted = limit.rlim_max < descriptors_max ? limit.rlim_max : (rlim_t)descriptors_max;
    if (limit.rlim_cur >= wanted) return 0;
    limit.rlim_cur = wanted;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? 0 : -errno;
}

int bd_file_open(const char *path, int flags) {
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? -errno : fd;
}

int bd_file_create_unnamed(const char *folder) {
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

int bd_file_next_data(int fd, uint64_t from, uint64_t *start, uint64_t *end) {
    off_t data = lseek(fd, (off_t)from, SEEK_DATA);
    off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
    if (hole < 0) return -errno;
    *start = (uint64_t)data;
    *end = (uint64_t)hole;
    return 0;
}

int bd_file_write_at(int fd, const void *const *pieces, const size_t *counts, size_t piece_count, uint64_t offset) {
    size_t piece = 0, done = 0; /* done: bytes of the piece */
    while (piece < piece_count) {
        if (done == counts[piece]) {
            piece++;
            done = 0;
            continue;
        }
        struct iovec parts[4];
        int used = 0;
        for (size_t i = piece; i < piece_count && used < 4; i++) {
            size_t skip = i == piece ? done : 0;
            parts[used++] = (struct iovec){(char *)pieces[i] + skip, counts[i] - skip};
        }
        ssize_t written = pwritev(fd, parts, used, (off_t)offset);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return written < 0 ? errno : ENOSPC;
        offset += (uint64_t)written;
        for (size_t left = (size_t)written; left;) {
            size_t step = counts[piece] - done < left ? counts[piece] - done : left;
            done += step;
            left -= step;
            if (done == counts[piece] && left) {
                piece++;
                done = 0;
            }
        }
    }
    return 0;
}

int bd_file_lock(int fd) {
    return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : -errno;
}

char *const *bd_environment(void) { return environ; }

static struct winsize bd_terminal_size(int fd) {
    struct winsize size;
    memset(&size, 0, sizeof size);
    if (!isatty(fd) || ioctl(fd, TIOCGWINSZ, &size) != 0) memset(&size, 0, sizeof size);
    return size;
}

int bd_terminal_columns(int fd) { return bd_terminal_size(fd).ws_col; }

int bd_terminal_rows(int fd) { return bd_terminal_size(fd).ws_row; }

static sigset_t bd_terminal_signals(void) {
    static const int signals[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGWINCH, SIGTSTP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) sigaddset(&set, signals[i]);
    return set;
}

int bd_signals_open(void) {
    sigset_t set = bd_terminal_signals();
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) return -errno;
    return sigprocmask(SIG_BLOCK, &set, NULL) == 0 ? fd : -errno;
}

int bd_signals_next(int fd) {
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

void bd_signals_close(int fd) {
    sigset_t set = bd_terminal_signals();
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    close(fd);
}

static uint64_t bd_clock_ns(clockid_t clock) {
    struct timespec now = {0, 0};
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t bd_clock_monotonic_ns(void) { return bd_clock_ns(CLOCK_MONOTONIC); }
uint64_t bd_clock_realtime_ns(void) { return bd_clock_ns(CLOCK_REALTIME); }

typedef struct bd_note_search {
    char *text;
    size_t capacity;
    size_t digits;
} bd_note_search;

static int bd_note_visit(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    bd_note_search *search = context;
    static const char digits[] = "0123456789abcdef";
    for (ElfW(Half) index = 0; index < info->dlpi_phnum; index++) {
        if (info->dlpi_phdr[index].p_type != PT_NOTE) continue;
        const char *note = (const char *)(info->dlpi_addr + info->dlpi_phdr[index].p_vaddr);
        const char *end = note + info->dlpi_phdr[index].p_memsz;
        while (note + sizeof(ElfW(Nhdr)) <= end) {
            ElfW(Nhdr) head;
            memcpy(&head, note, sizeof head);
            const char *name = note + sizeof head;
            const char *bytes = name + ((head.n_namesz + 3u) & ~3u);
            const char *next = bytes + ((head.n_descsz + 3u) & ~3u);
            if (next > end) break;
            if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 && memcmp(name, "GNU", 4) == 0) {
                for (size_t at = 0; at < head.n_descsz && search->digits + 2 < search->capacity; at++) {
                    search->text[search->digits++] = digits[(unsigned char)bytes[at] >> 4];
                    search->text[search->digits++] = digits[(unsigned char)bytes[at] & 15];
                }
                return 1;
            }
            note = next;
        }
    }
    return 1; /* only the executable, which comes first */
}

size_t bd_build_id(char *text, size_t capacity) {
    if (capacity == 0) return 0;
    bd_note_search search = {text, capacity, 0};
    dl_iterate_phdr(bd_note_visit, &search);
    text[search.digits] = 0;
    return search.digits;
}
