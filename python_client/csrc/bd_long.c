/* A long message on its way from its caller's memory into the socket, without a copy: a text of megabytes is neither copied nor
 * held twice. Its place among the others is behind what `fill` held when it was appended; its frames are made one after the other.
 * The caller holds the connection until it is sent. Who stops waiting (a deadline, Ctrl-C) settles it: the rest is copied, and goes
 * out with what others send. Must not be kept beyond that: the memory is the caller's. Cost: a header for each mebibyte.
 */
#include <stdlib.h>

#include "bd_connection.h"
#include "generated/bd_table.h"

void bd_long_append(bd_connection *connection, uint16_t operation, uint16_t flags, const bd_piece *pieces, int count) {
    bd_long *lent = &connection->lent;
    memset(lent, 0, sizeof *lent);
    for (int i = 0; i < count; i++) {
        lent->pieces[i] = pieces[i];
        lent->left += pieces[i].bytes;
    }
    lent->count = count;
    lent->operation = operation;
    lent->flags = flags;
    lent->mark = connection->fill.size;
    lent->state = BD_LONG_BEHIND_FILL;
    connection->messages++;
}

/* The next frame's header, or the padding of the last one; or it is over. */
static void bd_long_turn_edge(bd_long *lent) {
    while (lent->piece < lent->count && lent->piece_at == lent->pieces[lent->piece].bytes) {
        lent->piece++;
        lent->piece_at = 0;
    }
    if (lent->frame_left || lent->edge_at < lent->edge_size) return;
    lent->edge_at = 0;
    if (lent->left) {
        size_t frame = lent->left < BD_LIMIT_FRAME_BYTES_MAX ? lent->left : BD_LIMIT_FRAME_BYTES_MAX;
        lent->left -= frame;
        bd_store_header(lent->edge, (uint32_t)frame, lent->operation, lent->flags | (lent->left ? BD_FLAG_MORE : 0));
        lent->edge_size = BD_FRAME_HEADER_BYTES;
        lent->frame_left = frame;
        lent->padding = bd_padded(frame, 8) - frame;
    } else if (lent->padding) {
        memset(lent->edge, 0, sizeof lent->edge);
        lent->edge_size = lent->padding;
        lent->padding = 0;
    } else {
        lent->state = BD_LONG_NONE;
    }
}

/* `fill` has become `send`. What was appended behind the long message waits for the next turn. */
void bd_long_begin(bd_connection *connection) {
    bd_long *lent = &connection->lent;
    size_t later = connection->send.size - lent->mark;
    if (later && !bd_buffer_reserve(&connection->fill, later)) {
        lent->state = BD_LONG_NONE;
        bd_connection_cut(connection); /* what is sent now would be out of order */
        return;
    }
    if (later) memcpy(connection->fill.data, connection->send.data + lent->mark, later);
    connection->fill.size = later;
    connection->send.size = lent->mark;
    lent->state = BD_LONG_BEHIND_SEND;
    bd_long_turn_edge(lent);
}

int bd_long_next(const bd_connection *connection, bd_piece parts[2]) {
    const bd_long *lent = &connection->lent;
    int count = 0;
    if (lent->edge_at < lent->edge_size)
        parts[count++] = (bd_piece){lent->edge + lent->edge_at, lent->edge_size - lent->edge_at};
    if (lent->frame_left) {
        const bd_piece *piece = &lent->pieces[lent->piece];
        size_t bytes = piece->bytes - lent->piece_at;
        parts[count++] = (bd_piece){
            (const unsigned char *)piece->data + lent->piece_at, bytes < lent->frame_left ? bytes : lent->frame_left};
    }
    return count;
}

void bd_long_advance(bd_connection *connection, size_t bytes) {
    bd_long *lent = &connection->lent;
    size_t edge = lent->edge_size - lent->edge_at;
    if (edge > bytes) edge = bytes;
    lent->edge_at += edge;
    lent->frame_left -= bytes - edge;
    lent->piece_at += bytes - edge;
    bd_long_turn_edge(lent);
}

static bool bd_long_copy(bd_buffer *to, const void *from, size_t bytes) {
    if (!bytes) return true;
    if (!bd_buffer_reserve(to, bytes)) return false;
    memcpy(to->data + to->size, from, bytes);
    to->size += bytes;
    return true;
}

bool bd_long_settle(bd_connection *connection) {
    bd_long *lent = &connection->lent;
    if (lent->state == BD_LONG_NONE) return true;
    bd_buffer rest = {malloc(BD_FILL_BYTES_MAX), 0, BD_FILL_BYTES_MAX}, *send = &connection->send, *fill = &connection->fill;
    bool fits = rest.data && bd_long_copy(&rest, send->data + connection->sent_bytes, send->size - connection->sent_bytes);
    if (fits && lent->state == BD_LONG_BEHIND_FILL) {
        fits = bd_long_copy(&rest, fill->data, lent->mark);
        memmove(fill->data, fill->data + lent->mark, fill->size - lent->mark);
        fill->size -= lent->mark;
        bd_long_turn_edge(lent);
    }
    while (fits && lent->state != BD_LONG_NONE) {
        bd_piece parts[2];
        size_t bytes = 0;
        int count = bd_long_next(connection, parts);
        for (int i = 0; i < count && fits; i++) {
            fits = bd_long_copy(&rest, parts[i].data, parts[i].bytes);
            bytes += parts[i].bytes;
        }
        if (fits) bd_long_advance(connection, bytes);
    }
    lent->state = BD_LONG_NONE;
    if (!fits) {
        free(rest.data);
        bd_connection_cut(connection);
        return false;
    }
    free(send->data);
    *send = rest;
    connection->sent_bytes = 0;
    return true;
}
