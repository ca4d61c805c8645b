/* See bd_connection.h. */
#include "bd_connection.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "generated/bd_table.h"

#define BD_SPARE_BYTES_MAX (1u << 20) /* larger buffers go back to the allocator */
#define BD_STEPS_MAX 64               /* system calls per turn: a peer that never pauses must not keep Ctrl-C out */

bool bd_connection_init(bd_connection *connection, int fd) {
    memset(connection, 0, sizeof *connection);
    connection->socket = bd_descriptor_of(fd);
    connection->descriptor = connection->taken_fd = -1;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&connection->mutex, NULL);
    pthread_cond_init(&connection->released, &attributes);
    pthread_condattr_destroy(&attributes);
    connection->fill.data = malloc(BD_FILL_BYTES_MAX);
    connection->send.data = malloc(BD_FILL_BYTES_MAX);
    connection->receive = malloc(BD_RECEIVE_BYTES);
    connection->fill.capacity = connection->send.capacity = BD_FILL_BYTES_MAX;
    if (!connection->fill.data || !connection->send.data || !connection->receive) return false;
    /* A blocking receive that ends by itself saves a poll() per round trip. */
    struct timeval slice = {0, BD_SLICE_MS * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof slice);
    return true;
}

void bd_connection_reset(bd_connection *connection, int fd) {
    bd_descriptor_close(&connection->socket);
    connection->socket = bd_descriptor_of(fd);
    connection->taken_fd = -1;
    struct timeval slice = {0, BD_SLICE_MS * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof slice);
    connection->fill.size = connection->send.size = connection->sent_bytes = 0;
    connection->lent.state = BD_LONG_NONE;
    connection->receive_start = connection->receive_end = 0;
    connection->in_frame = connection->part_started = connection->is_awaiting = connection->has_reply = false;
    connection->frame_left = connection->padding_left = 0;
    connection->refusal.code = 0;
    connection->notice[0] = 0;
    memset(&connection->crash, 0, sizeof connection->crash);
    connection->broken = NULL;
    bd_reply_free(&connection->part);
    bd_reply_free(&connection->reply);
}

void bd_connection_free(bd_connection *connection) {
    bd_connection_shut(connection);
    if (connection->descriptor >= 0) close(connection->descriptor);
    pthread_mutex_destroy(&connection->mutex);
    pthread_cond_destroy(&connection->released);
}

void bd_reply_free(bd_reply *reply) {
    free(reply->data);
    memset(reply, 0, sizeof *reply);
}

/* The holder takes the spare without the GIL, others give it back with it: hence the mutex. */
void bd_connection_recycle(bd_connection *connection, bd_reply *reply) {
    bool is_kept = false;
    if (reply->capacity <= BD_SPARE_BYTES_MAX && connection->socket.fd >= 0) {
        pthread_mutex_lock(&connection->mutex);
        is_kept = !connection->spare.data;
        if (is_kept) connection->spare = *reply;
        pthread_mutex_unlock(&connection->mutex);
    }
    if (is_kept) memset(reply, 0, sizeof *reply);
    else bd_reply_free(reply);
}

static void bd_connection_take_spare(bd_connection *connection, bd_reply *reply) {
    pthread_mutex_lock(&connection->mutex);
    *reply = connection->spare;
    memset(&connection->spare, 0, sizeof connection->spare);
    pthread_mutex_unlock(&connection->mutex);
}

void bd_connection_shut(bd_connection *connection) {
    bd_descriptor_close(&connection->socket);
    bd_buffer *buffers[] = {&connection->fill, &connection->send};
    for (int i = 0; i < 2; i++) {
        free(buffers[i]->data);
        memset(buffers[i], 0, sizeof *buffers[i]);
    }
    connection->sent_bytes = 0;
    connection->lent.state = BD_LONG_NONE;
    free(connection->receive);
    connection->receive = NULL;
    connection->receive_start = connection->receive_end = 0;
    connection->in_frame = false;
    bd_reply_free(&connection->part);
    bd_reply_free(&connection->reply);
    bd_reply_free(&connection->spare);
}

/* -- holding ------------------------------------------------------------------------------------------------------ */

bool bd_connection_try_hold(bd_connection *connection, unsigned long thread, int wait_ms) {
    pthread_mutex_lock(&connection->mutex);
    if (connection->held && wait_ms > 0) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)wait_ms * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        int result = 0;
        while (connection->held && result == 0)
            result = pthread_cond_timedwait(&connection->released, &connection->mutex, &until);
    }
    bool got = !connection->held;
    if (got) {
        connection->held = true;
        connection->holder = thread;
    }
    pthread_mutex_unlock(&connection->mutex);
    return got;
}

void bd_connection_release(bd_connection *connection) {
    pthread_mutex_lock(&connection->mutex);
    connection->held = false;
    pthread_cond_signal(&connection->released);
    pthread_mutex_unlock(&connection->mutex);
}

bool bd_connection_is_held_by(bd_connection *connection, unsigned long thread) {
    pthread_mutex_lock(&connection->mutex);
    bool mine = connection->held && connection->holder == thread;
    pthread_mutex_unlock(&connection->mutex);
    return mine;
}

/* -- out ---------------------------------------------------------------------------------------------------------- */

size_t bd_connection_frames_bytes(size_t payload) {
    size_t frames = payload ? (payload + BD_LIMIT_FRAME_BYTES_MAX - 1) / BD_LIMIT_FRAME_BYTES_MAX : 1;
    return frames * BD_FRAME_HEADER_BYTES + bd_padded(payload, 8);
}

bool bd_buffer_reserve(bd_buffer *buffer, size_t bytes) {
    if (bytes <= buffer->capacity - buffer->size) return true;
    size_t capacity = buffer->capacity;
    while (capacity - buffer->size < bytes) {
        if (capacity > SIZE_MAX / 2) return false;
        capacity *= 2;
    }
    unsigned char *data = realloc(buffer->data, capacity);
    if (!data) return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

bool bd_connection_append(
    bd_connection *connection, uint16_t operation, uint16_t flags, const bd_piece *pieces, int count) {
    size_t payload = 0;
    for (int i = 0; i < count; i++) payload += pieces[i].bytes;
    size_t total = bd_connection_frames_bytes(payload);
    if (!bd_buffer_reserve(&connection->fill, total)) return false;
    unsigned char *to = connection->fill.data + connection->fill.size;
    int piece = 0;
    size_t piece_at = 0, left = payload;
    do {
        size_t frame = left < BD_LIMIT_FRAME_BYTES_MAX ? left : BD_LIMIT_FRAME_BYTES_MAX;
        uint16_t more = frame < left ? BD_FLAG_MORE : 0;
        bd_store_header(to, (uint32_t)frame, operation, flags | more);
        to += BD_FRAME_HEADER_BYTES;
        left -= frame;
        for (size_t need = frame; need;) {
            size_t chunk = pieces[piece].bytes - piece_at;
            if (chunk > need) chunk = need;
            if (chunk) memcpy(to, (const unsigned char *)pieces[piece].data + piece_at, chunk);
            to += chunk;
            need -= chunk;
            piece_at += chunk;
            if (piece_at == pieces[piece].bytes) {
                piece++;
                piece_at = 0;
            }
        }
        size_t padding = bd_padded(frame, 8) - frame;
        memset(to, 0, padding);
        to += padding;
    } while (left);
    connection->fill.size += total;
    connection->messages++;
    return true;
}

void bd_connection_swap(bd_connection *connection) {
    bd_buffer buffer = connection->send;
    connection->send = connection->fill;
    connection->fill = buffer;
    connection->fill.size = 0;
    connection->sent_bytes = 0;
    if (connection->lent.state == BD_LONG_BEHIND_FILL) bd_long_begin(connection);
    if (connection->fill.capacity > BD_SPARE_BYTES_MAX) {
        unsigned char *smaller = realloc(connection->fill.data, BD_FILL_BYTES_MAX);
        if (smaller) {
            connection->fill.data = smaller;
            connection->fill.capacity = BD_FILL_BYTES_MAX;
        }
    }
}

void bd_connection_end(bd_connection *connection) {
    if (bd_descriptor_is_ours(&connection->socket)) shutdown(connection->socket.fd, SHUT_RDWR);
}

void bd_connection_cut(bd_connection *connection) {
    connection->send.size = connection->sent_bytes = connection->fill.size = 0;
    bd_connection_end(connection);
}

/* -- in ----------------------------------------------------------------------------------------------------------- */

static bool bd_reply_reserve(bd_reply *reply, size_t bytes) {
    if (bytes <= reply->capacity - reply->size) return true;
    size_t capacity = reply->capacity ? reply->capacity : 4096;
    while (capacity - reply->size < bytes) {
        if (capacity > SIZE_MAX / 2) return false;
        capacity *= 2;
    }
    unsigned char *data = realloc(reply->data, capacity);
    if (!data) return false;
    reply->data = data;
    reply->capacity = capacity;
    return true;
}

static bd_turn bd_connection_broken(bd_connection *connection, const char *what) {
    connection->broken = what;
    return BD_TURN_BROKEN;
}

/* Text for people, cut to the room that there is, never inside a character. */
static void bd_connection_keep(char *to, size_t room, const char *text, size_t bytes) {
    if (bytes > room - 1)
        for (bytes = room - 1; bytes && ((unsigned char)text[bytes] & 0xC0) == 0x80; bytes--) continue;
    memcpy(to, text, bytes);
    to[bytes] = 0;
}

/* A whole message is in `part`: the awaited reply, one to drop, a notice, or a broken peer. */
static bd_turn bd_connection_take_message(bd_connection *connection) {
    bd_reply message = connection->part;
    memset(&connection->part, 0, sizeof connection->part);
    connection->part_started = false;
    if (message.flags & BD_FLAG_NOTICE && message.operation == BD_OP_CRASH) {
        if (message.size < sizeof connection->crash) {
            bd_reply_free(&message);
            return bd_connection_broken(connection, "a notice of a crash that is too short");
        }
        memcpy(&connection->crash, message.data, sizeof connection->crash);
        if (connection->on_unasked) connection->on_unasked(connection->context, &message);
        bd_reply_free(&message);
        return BD_TURN_CLOSED;
    }
    if (message.flags & BD_FLAG_NOTICE) {
        if (connection->on_unasked) connection->on_unasked(connection->context, &message);
        bd_reader reader = bd_reader_make(message.data, message.size);
        size_t bytes;
        uint32_t code = bd_reader_u32(&reader);
        const char *text = bd_reader_str(&reader, &bytes);
        if (text) bd_connection_keep(connection->notice, sizeof connection->notice, text, bytes);
        if (text && code && !connection->refusal.code) {
            connection->refusal.code = code;
            bd_connection_keep(connection->refusal.text, sizeof connection->refusal.text, text, bytes);
        }
        bd_connection_recycle(connection, &message);
        return BD_TURN_DONE;
    }
    if (!(message.flags & BD_FLAG_REPLY) || message.size < BD_REPLY_HEAD_BYTES) {
        bd_reply_free(&message);
        return bd_connection_broken(connection, "a message that is neither a reply nor a notice");
    }
    uint64_t number = bd_load_u64(message.data);
    connection->replies++;
    if (connection->is_awaiting && number == connection->awaited && !connection->has_reply) {
        connection->reply = message;
        connection->has_reply = true;
        return BD_TURN_DONE;
    }
    if (connection->is_awaiting && number > connection->awaited) {
        bd_reply_free(&message);
        return bd_connection_broken(connection, "a reply to a request that was never made");
    }
    if (connection->on_unasked) connection->on_unasked(connection->context, &message);
    bool is_document = (message.operation == BD_OP_SEXP_PARSE || message.operation == BD_OP_SEXP_LOAD) &&
                       !(message.flags & BD_FLAG_ERROR);
    if (is_document && message.size >= BD_REPLY_HEAD_BYTES + 4 && connection->orphan_count < BD_ORPHANS_MAX)
        connection->orphans[connection->orphan_count++] = bd_load_u32(message.data + BD_REPLY_HEAD_BYTES);
    bd_connection_recycle(connection, &message);
    return BD_TURN_DONE;
}

static bd_turn bd_connection_start_frame(bd_connection *connection) {
    const unsigned char *header = connection->receive + connection->receive_start;
    uint32_t payload = bd_load_u32(header);
    uint16_t operation, flags;
    memcpy(&operation, header + 4, 2);
    memcpy(&flags, header + 6, 2);
    connection->receive_start += BD_FRAME_HEADER_BYTES;
    if (payload > BD_LIMIT_FRAME_BYTES_MAX)
        return bd_connection_broken(connection, "a frame longer than frameBytesMax");
    if (flags & ~BD_FLAGS_KNOWN) return bd_connection_broken(connection, "frame flags that this protocol does not have");
    bd_reply *part = &connection->part;
    uint16_t kept = flags & (uint16_t)~BD_FLAG_MORE;
    if (!connection->part_started) {
        if (!part->data) bd_connection_take_spare(connection, part);
        part->size = 0;
        part->operation = operation;
        part->flags = kept;
        connection->part_started = true;
    } else if (part->operation != operation || part->flags != kept) {
        return bd_connection_broken(connection, "a message that changes its operation on the way");
    }
    if (part->size + payload > BD_LIMIT_MESSAGE_BYTES_MAX)
        return bd_connection_broken(connection, "a message longer than messageBytesMax");
    if (!bd_reply_reserve(part, payload)) return BD_TURN_NO_MEMORY;
    connection->frame_left = payload;
    connection->padding_left = bd_padded(payload, 8) - payload;
    connection->frame_is_last = !(flags & BD_FLAG_MORE);
    connection->in_frame = true;
    return BD_TURN_DONE;
}

/* Takes what is in the receive buffer as far as it goes. */
static bd_turn bd_connection_parse(bd_connection *connection) {
    for (;;) {
        size_t have = connection->receive_end - connection->receive_start;
        if (!connection->in_frame) {
            if (have < BD_FRAME_HEADER_BYTES) return BD_TURN_DONE;
            bd_turn turn = bd_connection_start_frame(connection);
            if (turn != BD_TURN_DONE) return turn;
            continue;
        }
        size_t take = have < connection->frame_left ? have : connection->frame_left;
        if (take) {
            memcpy(connection->part.data + connection->part.size, connection->receive + connection->receive_start, take);
            connection->part.size += take;
            connection->receive_start += take;
            connection->frame_left -= take;
            have -= take;
        }
        if (connection->frame_left) return BD_TURN_DONE;
        take = have < connection->padding_left ? have : connection->padding_left;
        connection->receive_start += take;
        connection->padding_left -= take;
        if (connection->padding_left) return BD_TURN_DONE;
        connection->in_frame = false;
        if (connection->frame_is_last) {
            bd_turn turn = bd_connection_take_message(connection);
            if (turn != BD_TURN_DONE) return turn;
        }
    }
}

/* As recv, keeping a descriptor that comes with the bytes. */
static ssize_t bd_connection_receive_descriptor(bd_connection *connection, void *to, size_t room, int flags) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec part = {to, room};
    struct msghdr message = {0};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    ssize_t got = recvmsg(connection->socket.fd, &message, flags | MSG_CMSG_CLOEXEC);
    if (got <= 0) return got;
    for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item)) {
        if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS || item->cmsg_len < CMSG_LEN(0)) continue;
        for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= item->cmsg_len; at += sizeof(int)) {
            int fd;
            memcpy(&fd, CMSG_DATA(item) + at, sizeof fd);
            if (fd < 3) { /* whoever closed a standard descriptor opens it anew some day, and takes ours away */
                int low = fd;
                fd = fcntl(low, F_DUPFD_CLOEXEC, 3);
                close(low);
                if (fd < 0) continue;
            }
            if (connection->descriptor >= 0) close(connection->descriptor);
            connection->descriptor = fd;
        }
    }
    return got;
}

/* One receive: straight into the message when much of it is to come, else into the buffer. */
static bd_turn bd_connection_receive(bd_connection *connection, int flags) {
    if (connection->receive_start == connection->receive_end) {
        connection->receive_start = connection->receive_end = 0;
    } else if (connection->receive_start) {
        size_t have = connection->receive_end - connection->receive_start;
        memmove(connection->receive, connection->receive + connection->receive_start, have);
        connection->receive_start = 0;
        connection->receive_end = have;
    }
    bool direct = connection->in_frame && connection->receive_end == 0 && connection->frame_left >= BD_RECEIVE_BYTES;
    unsigned char *to = direct ? connection->part.data + connection->part.size
                               : connection->receive + connection->receive_end;
    size_t room = direct ? connection->frame_left : BD_RECEIVE_BYTES - connection->receive_end;
    ssize_t got = connection->wants_descriptor ? bd_connection_receive_descriptor(connection, to, room, flags)
                                               : recv(connection->socket.fd, to, room, flags);
    if (got > 0) {
        connection->bytes_received += (uint64_t)got;
        if (direct) {
            connection->part.size += (size_t)got;
            connection->frame_left -= (size_t)got;
        } else {
            connection->receive_end += (size_t)got;
        }
        return bd_connection_parse(connection);
    }
    if (got == 0) return BD_TURN_CLOSED;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return BD_TURN_SLICE;
    return BD_TURN_CLOSED;
}

/* As send, and counts it off: of the buffer, then of the long message behind it. */
static ssize_t bd_connection_send_some(bd_connection *connection) {
    if (connection->sent_bytes < connection->send.size) {
        ssize_t sent = send(
            connection->socket.fd, connection->send.data + connection->sent_bytes,
            connection->send.size - connection->sent_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) connection->sent_bytes += (size_t)sent;
        return sent;
    }
    bd_piece parts[2];
    struct iovec vectors[2];
    int count = bd_long_next(connection, parts);
    for (int i = 0; i < count; i++) vectors[i] = (struct iovec){(void *)(uintptr_t)parts[i].data, parts[i].bytes};
    struct msghdr message = {0};
    message.msg_iov = vectors;
    message.msg_iovlen = (size_t)count;
    ssize_t sent = sendmsg(connection->socket.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) bd_long_advance(connection, (size_t)sent);
    return sent;
}

/* Whether the socket may be used. In one turn a moment passes between two calls, unless the first waited. */
static bool bd_connection_look(bd_connection *connection, bool *is_seen) {
    if (*is_seen || bd_descriptor_is_ours(&connection->socket)) return *is_seen = true;
    connection->taken_fd = connection->socket.fd;
    connection->socket.fd = -1;
    return false;
}

/* Sends until all is sent; while the socket is full, takes what comes in, so that neither side waits for the other. */
static bd_turn bd_connection_send(bd_connection *connection, int wait_ms, bool *is_seen) {
    for (int steps = 0; !bd_connection_is_sent(connection); steps++) {
        if (steps == BD_STEPS_MAX) return BD_TURN_SLICE;
        if (!bd_connection_look(connection, is_seen)) return BD_TURN_TAKEN;
        ssize_t sent = bd_connection_send_some(connection);
        if (sent > 0) {
            connection->bytes_sent += (uint64_t)sent;
            continue;
        }
        if (errno == EINTR) return BD_TURN_SLICE;
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            /* The worker may have said why it goes; what it said is still to be read. */
            for (int left = BD_STEPS_MAX; left; left--)
                if (bd_connection_receive(connection, MSG_DONTWAIT) != BD_TURN_DONE) break;
            return BD_TURN_CLOSED;
        }
        struct pollfd descriptor = {connection->socket.fd, POLLIN | POLLOUT, 0};
        int ready = poll(&descriptor, 1, wait_ms);
        if (ready <= 0) return BD_TURN_SLICE;
        *is_seen = false;
        if (!bd_connection_look(connection, is_seen)) return BD_TURN_TAKEN;
        if (descriptor.revents & POLLIN) {
            bd_turn turn = bd_connection_receive(connection, MSG_DONTWAIT);
            if (turn != BD_TURN_DONE && turn != BD_TURN_SLICE) return turn;
        } else if (!(descriptor.revents & POLLOUT)) {
            return BD_TURN_CLOSED;
        }
    }
    return BD_TURN_DONE;
}

bd_turn bd_connection_turn(bd_connection *connection, int wait_ms) {
    if (connection->socket.fd < 0) return connection->taken_fd < 0 ? BD_TURN_CLOSED : BD_TURN_TAKEN;
    bool is_seen = false;
    bd_turn turn = bd_connection_send(connection, wait_ms, &is_seen);
    if (turn != BD_TURN_DONE) return turn;
    for (int steps = 0; connection->is_awaiting && !connection->has_reply; steps++) {
        if (steps == BD_STEPS_MAX) return BD_TURN_SLICE;
        if (!bd_connection_look(connection, &is_seen)) return BD_TURN_TAKEN;
        if (wait_ms < BD_SLICE_MS) { /* the receive's own limit would be too late */
            struct pollfd descriptor = {connection->socket.fd, POLLIN, 0};
            if (poll(&descriptor, 1, wait_ms) <= 0) return BD_TURN_SLICE;
            is_seen = false;
            if (!bd_connection_look(connection, &is_seen)) return BD_TURN_TAKEN;
        }
        is_seen = false; /* the receive waits */
        turn = bd_connection_receive(connection, 0);
        if (turn != BD_TURN_DONE) return turn;
    }
    return BD_TURN_DONE;
}
