/* The kernel calls that Swift's Glibc module does not show: GNU extensions, control messages, atomics on shared words.
 *
 * No state, no allocation, no policy: each function is one kernel call or one idiom of a few, and says what went wrong
 * as a negative errno. Every descriptor made or received here is close-on-exec.
 * Cost: that of the kernel call.
 */
#ifndef BD_SHIM_H
#define BD_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/xattr.h> /* not in the Glibc module */
#include <sys/types.h>

/* Descriptors that one message may carry; a message with more is refused whole. */
#define BD_MESSAGE_FDS_MAX 4u

/* -- memory pages shared by processes --------------------------------------------------------------------------- */

/* A memory file of exactly `bytes`, zeroed and sealed so that nobody can shrink or grow it. Its fd, or -errno. */
int bd_page_create(const char *name, size_t bytes);

/* The same, but what is behind `bytes` may grow: mappings of the first `bytes` are as safe. */
int bd_page_create_growing(const char *name, size_t bytes);
/* A memory file that grows as it is written. Its fd, or -errno. */
int bd_memory_create(const char *name);

/* 0 when fd is a memory file of exactly `bytes` that can neither shrink nor grow (so a mapping of it never raises
 * SIGBUS). Else -EBADF (no memory file), -EPERM (not sealed), -EMSGSIZE (another size). */
int bd_page_check(int fd, size_t bytes);

/* Maps `bytes` of fd shared into *map. 0 or -errno. */
int bd_page_map(int fd, size_t bytes, bool writable, void **map);
void bd_page_unmap(void *map, size_t bytes);

/* Words of a shared page, at `offset` bytes from its start: one load or store each, never torn, never repeated by the
 * compiler. Loads acquire, stores release. */
uint64_t bd_word_load_u64(const void *map, size_t offset);
uint32_t bd_word_load_u32(const void *map, size_t offset);
void bd_word_store_u64(void *map, size_t offset, uint64_t value);
void bd_word_store_u32(void *map, size_t offset, uint32_t value);

/* A checksum of `count` bytes, going on from `seed`: four lanes of multiply and shift, each step a bijection, so that one
 * changed word always changes it. Not for enemies. About 10 bytes per nanosecond. */
uint64_t bd_checksum(uint64_t seed, const void *bytes, size_t count);

/* -- sockets ------------------------------------------------------------------------------------------------------ */

/* Binds and listens on `path` (which must not exist). Non-blocking. Its fd, or -errno. */
int bd_socket_listen(const char *path, int backlog);

/* Connects to `path`, waiting at most deadline_ms for room in the backlog. The result is a blocking socket. */
int bd_socket_connect(const char *path, int deadline_ms);

/* The next connection, non-blocking; -EAGAIN when there is none. */
int bd_socket_accept(int listener);

/* Two connected SOCK_SEQPACKET sockets, non-blocking, in ends[0] and ends[1]. 0 or -errno. */
int bd_socket_pair(int ends[2]);

/* A pipe: ends[0] reads (non-blocking), ends[1] writes (blocking, meant for a child). 0 or -errno. */
int bd_pipe_pair(int ends[2]);

/* Who connected, as the kernel saw it then. 0 or -errno. */
int bd_socket_peer(int fd, int32_t *pid, uint32_t *uid);

/* Room for more bytes that the peer has not read, as far as the system allows; where it does not, the socket stays as it is. */
void bd_socket_grow(int fd);

/* Sends bytes, and fd_count descriptors with the first of them (0 is allowed). Never blocks, never raises SIGPIPE. On
 * SOCK_SEQPACKET all or nothing; on SOCK_STREAM the count of bytes taken, where the descriptors went with the first.
 * -EAGAIN when the socket is full. The caller keeps its descriptors. */
ssize_t bd_message_send(int fd, const void *bytes, size_t count, const int *fds, size_t fd_count);

/* Receives at most `capacity` bytes. *fd_count: in, the room in fds (at most BD_MESSAGE_FDS_MAX); out, how many came.
 * Count of bytes, 0 at the end of the stream, -EAGAIN when there is nothing, -EMSGSIZE when the datagram or its
 * descriptors did not fit (those that came are closed). Never blocks. */
ssize_t bd_message_receive(int fd, void *bytes, size_t capacity, int *fds, size_t *fd_count);

/* As above without descriptors, with one buffer, for streams: recv and send with MSG_DONTWAIT and MSG_NOSIGNAL. */
ssize_t bd_stream_receive(int fd, void *bytes, size_t capacity);
/* As bd_stream_receive, but waits: as long as bd_stream_set_patience said. -EAGAIN when nothing came. */
ssize_t bd_stream_receive_patiently(int fd, void *bytes, size_t capacity);
/* Makes fd a blocking socket whose receives give up after wait_us. 0 or -errno. */
int bd_stream_set_patience(int fd, uint32_t wait_us);
ssize_t bd_stream_send(int fd, const void *bytes, size_t count);

/* -- processes and files ------------------------------------------------------------------------------------------- */

/* From now on `signal` comes when the parent dies. -ESRCH when it has died already: parent is not `parent_pid`. */
int bd_process_follow_parent(int signal, int32_t parent_pid);

/* fork(2), for a process of one thread: the child's 0, the parent's pid, or -errno. */
int32_t bd_process_fork(void);

/* The name that ps and pgrep show; without it a process started from /proc/self/exe is called "exe". */
void bd_process_set_name(const char *name);

/* A descriptor that polls readable when the process is gone, or -errno. */
int bd_process_open(int32_t pid);

/* Gives memory that was freed back to the system, where the allocator kept it. */
void bd_memory_trim(void);

/* Every descriptor from `first` on is closed in children. 0 or -errno. */
int bd_descriptors_close_on_exec(unsigned first);

/* No core files unless wanted, and as many descriptors as the hard limit allows, up to `descriptors_max`. 0 or -errno. */
int bd_limits_prepare(uint64_t descriptors_max, bool wants_core);

/* Opens `path` (made 0600 if need be; never through a symbolic link) with `flags` of open(2). Its fd, or -errno. */
int bd_file_open(const char *path, int flags);

/* A file without a name in `folder`, for reading and writing. Its fd, or -errno. */
int bd_file_create_unnamed(const char *folder);

/* Where the file has bytes: the first range at or after `from`, as *start and *end. 0, or -ENXIO when there is none. */
int bd_file_next_data(int fd, uint64_t from, uint64_t *start, uint64_t *end);

/* Writes all pieces, one behind the other, at `offset`. 0, or the errno of the call that failed: then any part of them
 * may be written. */
int bd_file_write_at(int fd, const void *const *pieces, const size_t *counts, size_t piece_count, uint64_t offset);

/* Takes the exclusive flock of fd at once. 0, -EWOULDBLOCK when another holds it, or -errno. */
int bd_file_lock(int fd);

/* The process's environment: a NULL-terminated array, for spawning. */
char *const *bd_environment(void);

/* The allocator keeps freed blocks of up to 32 MiB, and 64 MiB of the heap's end, until bd_memory_trim: who loads one
 * document after another is not given fresh pages each time. Larger blocks go back at once. */
void bd_memory_keep_blocks(void);

/* Columns and rows of the terminal on fd, or 0 when it is none. */
int bd_terminal_columns(int fd);
int bd_terminal_rows(int fd);

/* From now on the signals by which a terminal's user ends, stops or resizes a program wait on a descriptor, which polls
 * readable. The descriptor, or -errno. */
int bd_signals_open(void);

/* The next of them, or 0 when none waits. */
int bd_signals_next(int fd);

/* As before bd_signals_open; what waits then comes. */
void bd_signals_close(int fd);

uint64_t bd_clock_monotonic_ns(void);
uint64_t bd_clock_realtime_ns(void);

/* Writes the linker's build id as lower-case hex into text (NUL-terminated); count of digits, 0 when there is none. */
size_t bd_build_id(char *text, size_t capacity);

#endif
