/* See bd_crash.h. The handler does first what others wait for: the slot in the page, the notices, the ends of the sockets.
 * Only then it saves the request, and dies of the signal that came. A second fault inside it is blocked, which the kernel
 * answers by ending the process: what was told until then stands.
 */
#define _GNU_SOURCE
#include "bd_crash.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define BD_CRASH_STACK_BYTES (64u << 10)
#define BD_CRASH_FRAMES_MAX 4000000u /* 8 MiB of the smallest frames, eight times */
#define BD_CRASH_SCAN_WORDS 1024u    /* where code without frame pointers broke the chain */

enum { BD_CLIENT_NONE, BD_CLIENT_IDLE, BD_CLIENT_SENDING };

bd_crash_request bd_crash_current;

static const int bd_fatal_signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGTRAP, SIGFPE, SIGSYS, SIGQUIT};
#define BD_FATAL_COUNT (sizeof bd_fatal_signals / sizeof bd_fatal_signals[0])

static bd_worker_page *bd_page;
static bd_crash_slot *bd_slot;
static int bd_page_fd = -1, bd_control_fd = -1;
static bool bd_wants_core;
static uintptr_t bd_stack_top;
static unsigned char bd_clients[BD_CRASH_DESCRIPTORS_MAX];
static int bd_clients_end; /* one past the highest descriptor that was ever there */
static int bd_entered;
static _Alignas(16) unsigned char bd_alternate_stack[BD_CRASH_STACK_BYTES];

/* -- clients ------------------------------------------------------------------------------------------------------ */

static bool bd_is_in_table(int fd) { return fd >= 0 && fd < BD_CRASH_DESCRIPTORS_MAX; }

void bd_crash_add_client(int fd) {
    if (!bd_is_in_table(fd)) return;
    bd_clients[fd] = BD_CLIENT_IDLE;
    if (fd >= bd_clients_end) bd_clients_end = fd + 1;
}

void bd_crash_remove_client(int fd) {
    if (bd_is_in_table(fd)) bd_clients[fd] = BD_CLIENT_NONE;
}

void bd_crash_set_sending(int fd, bool is_sending) {
    if (!bd_is_in_table(fd) || bd_clients[fd] == BD_CLIENT_NONE) return;
    *(volatile unsigned char *)&bd_clients[fd] = is_sending ? BD_CLIENT_SENDING : BD_CLIENT_IDLE;
}

/* -- the stack ---------------------------------------------------------------------------------------------------- */

typedef struct bd_registers {
    uintptr_t pc, frame, stack;
} bd_registers;

static bd_registers bd_registers_of(const void *context) {
    const mcontext_t *machine = &((const ucontext_t *)context)->uc_mcontext;
#if defined(__x86_64__)
    bd_registers found = {
        (uintptr_t)machine->gregs[REG_RIP], (uintptr_t)machine->gregs[REG_RBP], (uintptr_t)machine->gregs[REG_RSP]};
#elif defined(__aarch64__)
    bd_registers found = {(uintptr_t)machine->pc, (uintptr_t)machine->regs[29], (uintptr_t)machine->sp};
#else
#error "which registers hold pc, frame and stack?"
#endif
    return found;
}

static const bd_crash_module *bd_module_of(uintptr_t address) {
    for (uint32_t i = 0; i < bd_slot->module_count; i++)
        if (address >= bd_slot->modules[i].start && address < bd_slot->modules[i].end) return &bd_slot->modules[i];
    return NULL;
}

/* Reads without trusting that anything is there. */
static bool bd_is_readable(uintptr_t address, size_t bytes) {
    unsigned char copy[16];
    struct iovec to = {copy, bytes < sizeof copy ? bytes : sizeof copy};
    struct iovec from = {(void *)address, to.iov_len};
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)to.iov_len;
}

static bool bd_is_frame(uintptr_t frame, uintptr_t low) {
    return frame >= low && frame <= bd_stack_top - 2 * sizeof(uintptr_t) && frame % sizeof(uintptr_t) == 0;
}

static uintptr_t bd_word_at(uintptr_t address) { return *(const volatile uintptr_t *)address; }

static void bd_keep_address(uintptr_t address) {
    uint64_t count = bd_slot->frame_count++;
    if (count < BD_CRASH_ADDRESSES) {
        bd_slot->addresses[count] = address;
        bd_slot->address_count = (uint32_t)count + 1;
    } else { /* the outermost ones move up */
        uint64_t *outer = bd_slot->addresses + BD_CRASH_INNER;
        memmove(outer, outer + 1, (BD_CRASH_ADDRESSES - BD_CRASH_INNER - 1) * sizeof *outer);
        bd_slot->addresses[BD_CRASH_ADDRESSES - 1] = address;
    }
}

/* The next place above `from` that looks like a frame: a saved frame pointer that leads up, and a return into code. */
static uintptr_t bd_find_frame(uintptr_t from) {
    from = (from + sizeof(uintptr_t) - 1) & ~(sizeof(uintptr_t) - 1);
    for (unsigned word = 0; word < BD_CRASH_SCAN_WORDS; word++, from += sizeof(uintptr_t)) {
        if (!bd_is_frame(from, from)) return 0;
        if (bd_is_frame(bd_word_at(from), from + 2 * sizeof(uintptr_t)) && bd_module_of(bd_word_at(from + sizeof from)))
            return from;
    }
    return 0;
}

/* Whether an address of the program is behind a call: what lies around on a stack mostly is not. */
static bool bd_is_return(uintptr_t address) {
    const bd_crash_module *module = bd_module_of(address);
    if (!module || module->path[0] || address < module->start + 8) return false;
#if defined(__x86_64__)
    const unsigned char *code = (const unsigned char *)address;
    return code[-5] == 0xE8 || (code[-6] == 0xFF && code[-5] == 0x15) || (code[-2] == 0xFF && (code[-1] & 0xF8) == 0xD0) ||
           (code[-3] == 0xFF && (code[-2] & 0xF8) == 0x50) || (code[-3] == 0x41 && code[-2] == 0xFF);
#else
    return address % 4 == 0;
#endif
}

/* Libraries keep no frame pointers: the first return into the program above them is that of the function that called. */
static uintptr_t bd_find_return(uintptr_t from, uintptr_t end) {
    for (unsigned word = 0; word < BD_CRASH_SCAN_WORDS && from < end; word++, from += sizeof(uintptr_t))
        if (bd_is_return(bd_word_at(from))) return bd_word_at(from);
    return 0;
}

static void bd_walk(bd_registers registers) {
    bd_keep_address(registers.pc);
    if (registers.stack >= bd_stack_top) return; /* another thread's stack: its bounds are not known */
    /* Above one readable word the stack is mapped up to its top. */
    bool is_own = bd_is_frame(registers.frame, registers.stack) && bd_is_readable(registers.frame, 16);
    bool is_mapped = bd_is_readable(registers.stack, 8);
    const bd_crash_module *module = bd_module_of(registers.pc);
    if ((!module || module->path[0]) && is_mapped && registers.stack % sizeof(uintptr_t) == 0) {
        uintptr_t caller = bd_find_return(registers.stack, is_own ? registers.frame : bd_stack_top);
        if (caller) bd_keep_address(caller);
    }
    uintptr_t frame = is_own ? registers.frame : 0;
    if (frame && !bd_module_of(bd_word_at(frame + sizeof frame))) frame = 0;
    if (!frame && is_mapped) frame = bd_find_frame(registers.stack);
    for (uint32_t count = 0; frame && count < BD_CRASH_FRAMES_MAX; count++) {
        uintptr_t back = bd_word_at(frame + sizeof frame), next = bd_word_at(frame);
        if (!bd_module_of(back)) return;
        if (bd_slot->frame_count < 2 || back != bd_slot->addresses[1] || count) bd_keep_address(back);
        frame = bd_is_frame(next, frame + sizeof frame) ? next : 0; /* the rest is the loop's, which keeps no frames */
    }
}

/* -- telling ------------------------------------------------------------------------------------------------------ */

static uint64_t bd_now_ns(void) {
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t bd_resident_bytes(void) {
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t count = read(fd, text, sizeof text - 1);
    close(fd);
    text[count > 0 ? count : 0] = 0;
    const char *at = text;
    while (*at && *at != ' ') at++;
    uint64_t pages = 0;
    for (at += *at == ' '; *at >= '0' && *at <= '9'; at++) pages = pages * 10 + (uint64_t)(*at - '0');
    return pages * 4096u;
}

static void bd_fill(int signal, const siginfo_t *info, const void *context) {
    bd_slot->signal = signal == SIGQUIT ? SIGKILL : signal;
    bd_slot->code = info->si_code;
    bool is_sent = info->si_code <= 0;
    bd_slot->sender = is_sent && info->si_pid != getpid() ? info->si_pid : 0;
    bd_slot->address = is_sent ? 0 : (uint64_t)(uintptr_t)info->si_addr;
    bd_slot->thread = (uint32_t)syscall(SYS_gettid);
    bd_registers registers = bd_registers_of(context);
    bd_slot->pc = registers.pc;
    bd_slot->frame_count = bd_slot->address_count = 0;
    bd_slot->request_bytes = bd_page->current_operation ? bd_crash_current.bytes : 0;
    bd_slot->resident_bytes = bd_resident_bytes();
    bd_slot->ended_ns = bd_now_ns();
    bd_walk(registers);
}

static void bd_tell_clients(void) {
    struct {
        uint32_t payload_bytes;
        uint16_t operation, flags;
        bd_crash_notice notice;
    } frame = {sizeof(bd_crash_notice), BD_CRASH_OPERATION, BD_CRASH_FLAGS, {0}};
    const bd_crash_module *module = bd_module_of(bd_slot->pc);
    frame.notice.signal = bd_slot->signal;
    frame.notice.operation = bd_page->current_operation;
    if (frame.notice.operation) {
        uint64_t started = bd_page->current_started_ns;
        frame.notice.request = bd_page->current_request;
        frame.notice.elapsed_ms =
            started && started < bd_slot->ended_ns ? (uint32_t)((bd_slot->ended_ns - started) / 1000000u) : 0;
    }
    frame.notice.slot = bd_page->current_slot;
    frame.notice.address = bd_slot->address;
    frame.notice.pc = module && !module->path[0] ? bd_slot->pc - module->base : 0;
    frame.notice.frame_count = bd_slot->frame_count;
    frame.notice.signal_code = bd_slot->code;
    for (int fd = 0; fd < bd_clients_end; fd++) {
        if (bd_clients[fd] == BD_CLIENT_NONE) continue;
        if (bd_clients[fd] == BD_CLIENT_IDLE) send(fd, &frame, sizeof frame, MSG_DONTWAIT | MSG_NOSIGNAL);
        shutdown(fd, SHUT_RDWR);
    }
}

static void bd_save_request(void) {
    if (!bd_page->current_operation) return;
    size_t bytes = bd_crash_current.bytes, done = 0;
    if (bytes > BD_CRASH_REQUEST_BYTES_MAX) bytes = BD_CRASH_REQUEST_BYTES_MAX;
    while (done < bytes) {
        ssize_t count = pwrite(
            bd_page_fd, (const char *)bd_crash_current.data + done, bytes - done, (off_t)(BD_WORKER_PAGE_BYTES + done));
        if (count <= 0) return; /* no memory, or the request was not where it was said to be */
        done += (size_t)count;
    }
}

static void bd_die(int signal) {
    if (!bd_wants_core) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (signal == SIGQUIT) kill(getpid(), SIGKILL);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, NULL);
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, signal);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signal);
    pthread_sigmask(SIG_UNBLOCK, &only, NULL);
    _exit(128 + signal);
}

static void bd_crash_handle(int signal, siginfo_t *info, void *context) {
    if (__atomic_exchange_n(&bd_entered, 1, __ATOMIC_ACQ_REL))
        for (;;) pause(); /* another thread is telling already */
    bd_store_release_u32(&bd_slot->state, BD_CRASH_FILLING);
    bd_fill(signal, info, context);
    bd_store_release_u32(&bd_slot->state, BD_CRASH_TOLD);
    bd_tell_clients();
    if (bd_control_fd >= 0) shutdown(bd_control_fd, SHUT_RDWR);
    bd_save_request();
    bd_store_release_u32(&bd_slot->state, BD_CRASH_COMPLETE);
    bd_die(signal);
}

/* -- at the start ------------------------------------------------------------------------------------------------- */

static int bd_note_module(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    (void)context;
    for (ElfW(Half) i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
        if (bd_slot->module_count == BD_CRASH_MODULES) return 1;
        bd_crash_module *module = &bd_slot->modules[bd_slot->module_count++];
        module->base = info->dlpi_addr;
        module->start = info->dlpi_addr + part->p_vaddr;
        module->end = module->start + part->p_memsz;
        if (info->dlpi_name) strncpy(module->path, info->dlpi_name, sizeof module->path - 1);
    }
    return 0;
}

static int bd_find_stack(void) {
    pthread_attr_t attributes;
    void *start;
    size_t bytes;
    int failure = pthread_getattr_np(pthread_self(), &attributes);
    if (failure) return -failure;
    failure = pthread_attr_getstack(&attributes, &start, &bytes);
    pthread_attr_destroy(&attributes);
    if (failure) return -failure;
    bd_stack_top = (uintptr_t)start + bytes;
    return 0;
}

int bd_crash_install(void *page, int page_fd, int control_fd, bool wants_core) {
    bd_page = page;
    bd_slot = (bd_crash_slot *)(void *)((char *)page + BD_WORKER_CRASH_OFFSET);
    bd_page_fd = page_fd;
    bd_control_fd = control_fd;
    bd_wants_core = wants_core;
    bd_slot->module_count = 0;
    dl_iterate_phdr(bd_note_module, NULL);
    int failure = bd_find_stack();
    if (failure) return failure;
    stack_t stack = {.ss_sp = bd_alternate_stack, .ss_size = sizeof bd_alternate_stack, .ss_flags = 0};
    if (sigaltstack(&stack, NULL) != 0) return -errno;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = bd_crash_handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < BD_FATAL_COUNT; i++) sigaddset(&action.sa_mask, bd_fatal_signals[i]);
    for (size_t i = 0; i < BD_FATAL_COUNT; i++)
        if (sigaction(bd_fatal_signals[i], &action, NULL) != 0) return -errno;
    return 0;
}

void bd_crash_look(bd_crash_slot *slot) {
    bd_slot = slot;
    slot->module_count = 0;
    dl_iterate_phdr(bd_note_module, NULL);
    if (bd_find_stack() != 0) return;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    bd_walk((bd_registers){(uintptr_t)__builtin_return_address(0) - 1, here, here});
}

/* The page's parts do not overlap, and the notice needs no padding of its frame. */
_Static_assert(sizeof(bd_worker_page) <= BD_WORKER_CRASH_OFFSET, "worker page");
_Static_assert(BD_WORKER_CRASH_OFFSET + sizeof(bd_crash_slot) <= BD_WORKER_RING_OFFSET, "crash slot");
_Static_assert(BD_WORKER_RING_OFFSET + BD_REQUEST_NOTES * sizeof(bd_request_note) == BD_TRACE_OFFSET, "ring");
_Static_assert(BD_TRACE_OFFSET + BD_TRACE_EVENTS * sizeof(bd_trace_event) == BD_WORKER_PAGE_BYTES, "trace");
_Static_assert(sizeof(bd_request_note) == 64, "a note is one cache line");
_Static_assert(sizeof(bd_crash_notice) == 64, "a notice is 64 bytes");
