/* One stream socket to a worker: outgoing buffers, incoming messages, the turn that moves bytes both ways. Knows frames,
 * but no operation and no Python; never blocks longer than one slice.
 *
 * Two outgoing buffers: `fill` takes new messages and belongs to whoever holds the GIL; `send` is on its way and belongs
 * to whoever holds the connection (bd_connection_try_hold). A holder swaps them with the GIL held, then lets it go and
 * calls bd_connection_turn until it has what it waits for. So other threads append commands while one waits.
 *
 * Abandoning a wait (Ctrl-C, timeout) leaves everything in order: a half-sent buffer is sent on by the next holder, a
 * half-read message is read on, and a reply to an abandoned request is dropped by its number.
 *
 * Cost: one look at the descriptor, one send and one receive per round trip; a command is a copy into `fill`.
 */
#ifndef BD_CONNECTION_H
#define BD_CONNECTION_H

#include <pthread.h>

#include "bd_descriptor.h"
#include "bd_layout.h"
#include "bd_wire.h"

#define BD_FILL_BYTES_MAX 65536u /* flushed when a message does not fit any more; a larger message goes alone */
#define BD_RECEIVE_BYTES 65536u
#define BD_SLICE_MS 50           /* a wait looks at signals and deadlines this often */

typedef struct bd_buffer {
    unsigned char *data;
    size_t size;
    size_t capacity;
} bd_buffer;

typedef struct bd_reply {
    unsigned char *data;
    size_t size;
    size_t capacity;
    uint16_t operation;
    uint16_t flags;
} bd_reply;

typedef struct bd_piece {
    const void *data;
    size_t bytes;
} bd_piece;

/* A message that is sent from where its caller has it; see bd_long.c. */
#define BD_LONG_BYTES_MIN (256u << 10) /* shorter ones are copied */
#define BD_LONG_PIECES_MAX 4
typedef struct bd_long {
    enum { BD_LONG_NONE, BD_LONG_BEHIND_FILL, BD_LONG_BEHIND_SEND } state;
    size_t mark;                       /* of `fill` when it was appended: what is behind that comes after it */
    bd_piece pieces[BD_LONG_PIECES_MAX];
    int count, piece;
    size_t piece_at;
    size_t left;                       /* of the payload, beyond the frame that is on its way */
    size_t frame_left;
    size_t padding;                    /* of the last frame, to come */
    unsigned char edge[8];             /* header or padding that is on its way */
    size_t edge_at, edge_size;
    uint16_t operation, flags;
} bd_long;

typedef enum bd_turn {
    BD_TURN_DONE,      /* what was asked for is there */
    BD_TURN_SLICE,     /* time to look at signals and deadlines; call again */
    BD_TURN_CLOSED,    /* the peer is gone */
    BD_TURN_BROKEN,    /* the peer sent what the protocol does not allow; see `broken` */
    BD_TURN_NO_MEMORY,
    BD_TURN_TAKEN      /* the program closed our descriptor; what is behind its number now is the program's */
} bd_turn;

typedef struct bd_refusal { /* a command that the worker refused: nobody waited for it, so it is told at the next wait */
    uint32_t code;          /* 0: none */
    char text[256];
} bd_refusal;

#define BD_ORPHANS_MAX 16

typedef struct bd_connection {
    bd_descriptor socket; /* none once closed */
    int taken_fd;         /* the number that it had when the program closed it; -1: it did not */
    bd_buffer fill;
    bd_buffer send;
    size_t sent_bytes;        /* of `send` */
    bd_long lent;
    unsigned char *receive;
    size_t receive_start, receive_end;
    bd_reply part;            /* message that is being put together */
    bool in_frame;
    bool frame_is_last;
    size_t frame_left, padding_left;
    bool part_started;
    bool is_awaiting;
    uint64_t awaited;         /* number of the reply that the holder waits for (the hello's is 0) */
    bool has_reply;
    bd_reply reply;           /* the awaited one */
    uint64_t abandoned;       /* replies up to this number may come and are dropped */
    uint32_t orphans[BD_ORPHANS_MAX]; /* documents whose parse was given up but came all the same */
    uint32_t orphan_count;
    bd_reply spare;           /* memory of a reply that was decoded */
    bd_refusal refusal;       /* the first since the last wait */
    char notice[200];         /* last words of the worker */
    bd_crash_notice crash;    /* of its handler of fatal signals; nothing comes behind it. signal 0: none came */
    const char *broken;
    bool wants_descriptor; /* the next bytes may carry one: kept in `descriptor`, else -1 */
    int descriptor;
    void (*on_unasked)(void *context, const bd_reply *message); /* looks at notices and dropped replies; may be NULL */
    void *context;
    uint64_t messages, bytes_sent, bytes_received, replies;
    pthread_mutex_t mutex;
    pthread_cond_t released;
    bool held;
    unsigned long holder;
} bd_connection;

bool bd_connection_init(bd_connection *connection, int fd);
/* Closes the descriptor and gives the buffers back; the structure stays usable as a closed connection. */
void bd_connection_shut(bd_connection *connection);
/* Holder, GIL held: begins anew over another descriptor. What was not sent is dropped. */
void bd_connection_reset(bd_connection *connection, int fd);
void bd_connection_free(bd_connection *connection);

/* Holding: one thread at a time does I/O. False when another thread holds it after wait_ms. */
bool bd_connection_try_hold(bd_connection *connection, unsigned long thread, int wait_ms);
void bd_connection_release(bd_connection *connection);
bool bd_connection_is_held_by(bd_connection *connection, unsigned long thread);

/* Appending (GIL held): the message as `count` pieces, each a multiple of 4 bytes. False when there is no memory. */
bool bd_connection_append(
    bd_connection *connection, uint16_t operation, uint16_t flags, const bd_piece *pieces, int count);
size_t bd_connection_frames_bytes(size_t payload);

/* As append, of a message of at least BD_LONG_BYTES_MIN whose holder waits until it is sent: the pieces' bytes are not copied.
 * Who stops waiting calls bd_long_settle first. */
void bd_long_append(bd_connection *connection, uint16_t operation, uint16_t flags, const bd_piece *pieces, int count);
/* Holder, GIL held: copies what is not sent of it; false when there is no memory for that. */
bool bd_long_settle(bd_connection *connection);
/* Behind the buffer on its way: what is to be sent next, and that so much of it was. */
int bd_long_next(const bd_connection *connection, bd_piece parts[2]);
void bd_long_advance(bd_connection *connection, size_t bytes);
void bd_long_begin(bd_connection *connection);

bool bd_buffer_reserve(bd_buffer *buffer, size_t bytes);
/* Ends the stream for whoever waits on it. */
void bd_connection_end(bd_connection *connection);
/* Nothing goes in or out any more: the next turn finds the peer gone. */
void bd_connection_cut(bd_connection *connection);

/* Holder, GIL held: makes `fill` the buffer on its way. Only when bd_connection_is_sent. */
void bd_connection_swap(bd_connection *connection);
static inline bool bd_connection_has_more(const bd_connection *connection) {
    return connection->fill.size || connection->lent.state == BD_LONG_BEHIND_FILL;
}
static inline bool bd_connection_is_sent(const bd_connection *connection) {
    return connection->sent_bytes == connection->send.size && connection->lent.state != BD_LONG_BEHIND_SEND;
}
/* Holder, GIL let go: moves bytes for at most wait_ms. Done when all is sent and, if a reply is awaited, it is there. */
bd_turn bd_connection_turn(bd_connection *connection, int wait_ms);

void bd_reply_free(bd_reply *reply);
/* Gives a decoded reply's memory back for the next one. */
void bd_connection_recycle(bd_connection *connection, bd_reply *reply);

#endif
