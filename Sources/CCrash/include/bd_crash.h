/* The last words of a worker: what is being applied now, and what to do when a fatal signal comes.
 *
 * Order of calls: bd_crash_install once, before anything can fail; from then on clients are added and removed, and each
 * request is noted before it is applied. The state is global because a signal handler has nothing else to look at; there
 * is one per process, and one thread writes it.
 * Must not allocate, lock or call anything that is not async-signal-safe once a signal came.
 * Cost: a request is noted with some stores (3-5 ns); a client's table entry is one byte.
 */
#ifndef BD_CRASH_H
#define BD_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bd_layout.h"

#define BD_CRASH_DESCRIPTORS_MAX 1024 /* clients with a higher descriptor hear of a death by the end of their stream */

/* The request that is being applied, where it lies; for the handler alone. */
typedef struct bd_crash_request {
    const void *volatile data;
    volatile size_t bytes;
} bd_crash_request;
extern bd_crash_request bd_crash_current;

/* Puts handlers for the fatal signals on a stack of their own. `page` is the worker's page, mapped, `page_fd` its file,
 * `control_fd` the socket whose end tells the supervisor (-1: none). SIGQUIT is "tell what you are doing, then go": it
 * ends as SIGKILL. Core files are not written unless `wants_core`. 0 or -errno. */
int bd_crash_install(void *page, int page_fd, int control_fd, bool wants_core);

/* Sockets that get the notice. Descriptors out of range are ignored. */
void bd_crash_add_client(int fd);
void bd_crash_remove_client(int fd);

/* While a message is half on its way no notice may follow it: what the client would make of the two is nobody's reply. */
void bd_crash_set_sending(int fd, bool is_sending);

/* The stack of the caller, as the handler would note it; for tests. */
void bd_crash_look(bd_crash_slot *slot);

/* Of Swift's runtime: the words of a mangled name, for the caller to free; NULL when it is none. */
char *swift_demangle(const char *name, size_t bytes, char *room, size_t *room_bytes, uint32_t flags);

/* Before a request is applied: it enters the ring of the newest requests. */
static inline void bd_crash_begin(
    bd_worker_page *page, uint16_t operation, uint64_t request, uint32_t slot, const void *data, size_t bytes) {
    bd_request_note *ring = (bd_request_note *)(void *)((char *)page + BD_WORKER_RING_OFFSET);
    bd_request_note *note = &ring[page->noted_requests % BD_REQUEST_NOTES];
    note->request = request;
    note->operation_and_slot = operation | slot << 16;
    note->bytes = bytes;
    if (bytes >= BD_REQUEST_NOTE_BYTES) {
        memcpy(note->start, data, BD_REQUEST_NOTE_BYTES);
    } else {
        memset(note->start, 0, BD_REQUEST_NOTE_BYTES);
        const char *from = (const char *)data;
        for (size_t at = 0; at + 4 <= bytes; at += 4) memcpy(note->start + at, from + at, 4);
    }
    page->noted_requests++;
    bd_crash_current.data = data;
    bd_crash_current.bytes = bytes;
    page->current_request = request;
    page->current_slot = slot;
    page->current_object = 0;
    bd_store_release_u32(&page->current_operation, operation);
}

#endif
