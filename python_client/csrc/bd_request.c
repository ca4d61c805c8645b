/* Making requests: commands into the buffer, calls as one round trip, waiting with deadlines and Ctrl-C.
 *
 * Order within one wait: hold the connection (others may hold it; look at signals meanwhile) -> look again whether the
 * worker lives -> put releases and the request into the buffer -> send, receive -> let go -> decode. Decoding happens
 * after letting go: making Python objects may run the collector, and that may run anything.
 * Whoever waits when the worker dies gets an exception of his own, also those that had not sent yet.
 */
#include "bd_batch.h"

#include <time.h>

static double bd_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int bd_request_slice(double left_s) {
    if (left_s <= 0) return 0;
    return left_s * 1000 < BD_SLICE_MS ? (int)(left_s * 1000) + 1 : BD_SLICE_MS;
}

static int bd_request_hold(bd_workspace *workspace, const char *name, double limit_s) {
    unsigned long me = PyThread_get_thread_ident();
    bd_connection *connection = &workspace->connection;
    if (bd_connection_try_hold(connection, me, 0)) return 0;
    if (bd_connection_is_held_by(connection, me)) {
        bd_error_set(
            "BinddError", "%s was called while another request of the same thread is in flight (from a signal handler?)",
            name);
        return -1;
    }
    double start = bd_now();
    for (;;) {
        bool got;
        Py_BEGIN_ALLOW_THREADS
        got = bd_connection_try_hold(connection, me, BD_SLICE_MS);
        Py_END_ALLOW_THREADS
        if (got) return 0;
        if (PyErr_CheckSignals() < 0) return -1;
        if (workspace->life == BD_FORKED) return bd_workspace_fail_stale(workspace);
        if (limit_s > 0 && bd_now() - start > limit_s) {
            bd_error_timeout(workspace, name, bd_now() - start);
            return -1;
        }
    }
}

static void bd_request_abandon(bd_workspace *workspace, uint64_t number) {
    bd_connection *connection = &workspace->connection;
    connection->is_awaiting = false;
    if (connection->has_reply) bd_connection_recycle(connection, &connection->reply);
    connection->has_reply = false;
    if (!number) { /* the connection is at its end */
        connection->lent.state = BD_LONG_NONE;
        return;
    }
    bd_long_settle(connection);
    connection->abandoned = number;
    workspace->page->cancel_request = number;
}

/* Holder only. 0 when the buffer is sent and, if wanted, the reply is in connection->reply. */
int bd_request_wait(bd_workspace *workspace, const char *name, uint64_t number, bool wants_reply, double limit_s) {
    bd_connection *connection = &workspace->connection;
    double start = bd_now(), told_s = 0;
    double hang_s = workspace->hang_limit > 0 ? workspace->hang_limit : 1e9;
    double wait_s = limit_s > 0 && limit_s < hang_s ? limit_s : hang_s;
    bool is_swapped = false, has_waited = false;
    connection->is_awaiting = false;
    for (double left_s = wait_s;;) {
        if (!is_swapped && bd_connection_is_sent(connection)) {
            if (bd_connection_has_more(connection)) bd_connection_swap(connection);
            is_swapped = true;
            connection->awaited = number;
            connection->is_awaiting = wants_reply;
            connection->has_reply = false;
        }
        bd_turn turn;
        Py_BEGIN_ALLOW_THREADS
        turn = bd_connection_turn(connection, bd_request_slice(left_s));
        Py_END_ALLOW_THREADS
        if (workspace->life != BD_ALIVE) { /* closed by another thread while we waited */
            bd_request_abandon(workspace, 0);
            return bd_workspace_fail_stale(workspace);
        }
        while (connection->orphan_count)
            bd_id_list_add(
                workspace, &workspace->released_documents, connection->orphans[--connection->orphan_count]);
        if (turn == BD_TURN_DONE && is_swapped) break;
        if (turn == BD_TURN_DONE) continue;
        if (turn != BD_TURN_SLICE) {
            bd_request_abandon(workspace, 0);
            bd_error_lose(workspace, turn);
            if (!PyErr_Occurred()) bd_error_in_flight(workspace, name, number);
            return -1;
        }
        double before_s = bd_now();
        if (PyErr_CheckSignals() < 0 ||
            (wants_reply && bd_progress_tell(workspace, name, number, before_s - start) < 0)) {
            bd_request_abandon(workspace, wants_reply ? number : 0);
            return -1;
        }
        has_waited = true;
        told_s += bd_now() - before_s; /* Python's own time is no hang of the worker */
        left_s = wait_s - (bd_now() - start - told_s);
        if (left_s > 0) continue;
        bd_request_abandon(workspace, wants_reply ? number : 0);
        if (wait_s == hang_s) bd_error_hung(workspace, name, number, bd_now() - start);
        else bd_error_timeout(workspace, name, bd_now() - start);
        return -1;
    }
    connection->is_awaiting = false;
    if (!wants_reply) return 0;
    workspace->waited_s = bd_now() - start;
    if (!has_waited) return 0;
    bd_progress_end(workspace, name, number, workspace->waited_s);
    if (workspace->life == BD_ALIVE) return 0;
    bd_request_abandon(workspace, 0); /* closed by the function that was told: the reply went with it */
    return bd_workspace_fail_stale(workspace);
}

void bd_request_push(bd_workspace *workspace) {
    bd_connection *connection = &workspace->connection;
    if (workspace->life != BD_ALIVE || workspace->sync ||
        !bd_connection_try_hold(connection, PyThread_get_thread_ident(), 0))
        return;
    if (bd_connection_is_sent(connection)) {
        if (bd_release_flush(workspace) < 0) PyErr_Clear(); /* they stay noted */
        if (bd_connection_has_more(connection)) bd_connection_swap(connection);
    }
    connection->is_awaiting = false;
    bd_connection_turn(connection, 0); /* a death is told by the next call that waits */
    bd_connection_release(connection);
}

int bd_request_flush(bd_workspace *workspace, double limit_s) {
    if (bd_workspace_check(workspace) < 0) return -1;
    bd_workspace_retain(workspace);
    int result = bd_request_hold(workspace, "flush", limit_s);
    if (result == 0) {
        if (workspace->life != BD_ALIVE) {
            bd_error_in_flight(workspace, "flush", 0);
            result = -1;
        } else if (bd_release_flush(workspace) < 0) {
            result = -1;
        } else {
            result = bd_request_wait(workspace, "flush", 0, false, limit_s);
        }
        bd_connection_release(&workspace->connection);
    }
    bd_workspace_release(workspace);
    return result;
}

int bd_request_again(bd_workspace *workspace, uint16_t operation, const bd_piece *piece) {
    if (!bd_connection_append(&workspace->connection, operation, 0, piece, 1)) return -1;
    workspace->page->sent_requests = ++workspace->requests;
    workspace->commands++;
    if (workspace->debug) bd_debug_request(workspace, workspace->requests, operation, piece, 1);
    return 0;
}

static size_t bd_pieces_bytes(const bd_piece *pieces, int count) {
    size_t bytes = 0;
    for (int i = 0; i < count; i++) bytes += pieces[i].bytes;
    return bytes;
}

static int bd_request_append(
    bd_workspace *workspace, uint16_t operation, uint16_t flags, const bd_piece *pieces, int count) {
    if (bd_pieces_bytes(pieces, count) > BD_LIMIT_MESSAGE_BYTES_MAX) {
        bd_error_set(
            "LimitExceeded", "a request of %zu bytes exceeds messageBytesMax (%llu)", bd_pieces_bytes(pieces, count),
            BD_LIMIT_MESSAGE_BYTES_MAX);
        return -1;
    }
    bool is_due = flags & BD_FLAG_REPLY_WANTED || bd_release_is_due(workspace);
    if (is_due && bd_release_flush(workspace) < 0) return -1;
    bool is_lent = (operation == BD_OP_SEXP_LOAD || operation == BD_OP_SEXP_PARSE) && flags & BD_FLAG_REPLY_WANTED &&
                   count <= BD_LONG_PIECES_MAX && bd_pieces_bytes(pieces, count) >= BD_LONG_BYTES_MIN;
    if (is_lent) { /* a text: its caller keeps it until it has the answer */
        bd_long_append(&workspace->connection, operation, flags, pieces, count);
    } else if (!bd_connection_append(&workspace->connection, operation, flags, pieces, count)) {
        PyErr_NoMemory();
        return -1;
    }
    workspace->page->sent_requests = ++workspace->requests;
    bd_state_asked(workspace->state, workspace->requests, operation, 0);
    if (flags & BD_FLAG_REPLY_WANTED) workspace->commands_asked = workspace->commands;
    if (operation == BD_OP_SEXP_SET || operation == BD_OP_SEXP_SPLICE || operation == BD_OP_SEXP_PERMUTE)
        workspace->edit_request = workspace->requests;
    if (operation == BD_OP_LEASE) bd_lease_asked(workspace, pieces->data);
    if (operation == BD_OP_BATCH && workspace->batch && workspace->batch->phase == BD_BATCH_ENDING)
        workspace->batch->request = workspace->requests;
    if (workspace->debug) bd_debug_request(workspace, workspace->requests, operation, pieces, count);
    return 0;
}

/* Asks for ids where there are none. 1 when something was asked (the GIL was let go), 0 when all are there. */
static int bd_claims_prepare(bd_workspace *workspace, const bd_claim *claims, int count) {
    if (count && workspace->ids_unsettled) { /* any answer tells how far the leases are used */
        bd_reply reply;
        bd_reader result;
        if (bd_request_call(workspace, BD_OP_SYNC, "sync", NULL, 0, &reply, &result) < 0) return -1;
        bd_request_done(workspace, &reply);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        if (claims[i].lease->next < claims[i].lease->end) continue;
        return bd_lease_extend(workspace, claims[i].kind, claims[i].lease) < 0 ? -1 : 1;
    }
    return 0;
}

static bool bd_claims_are_ready(const bd_workspace *workspace, const bd_claim *claims, int count) {
    if (count && workspace->ids_unsettled) return false;
    for (int i = 0; i < count; i++)
        if (claims[i].lease->next >= claims[i].lease->end) return false;
    return true;
}

static void bd_claims_take(const bd_claim *claims, int count) {
    for (int i = 0; i < count; i++) *claims[i].id = claims[i].lease->next++;
}

/* Another thread goes on with a new worker: what is appended now would be dropped. */
static int bd_request_await_recovery(bd_workspace *workspace, const char *name) {
    bd_workspace_retain(workspace);
    int result = bd_request_hold(workspace, name, workspace->call_timeout);
    if (result == 0) bd_connection_release(&workspace->connection);
    if (result == 0) result = bd_workspace_check(workspace);
    bd_workspace_release(workspace);
    return result;
}

/* Deaths of workers as far as a request that begins now has to do with them. */
static uint32_t bd_request_epoch(const bd_workspace *workspace) {
    return workspace->deaths + (workspace->is_recovering ? 1 : 0);
}

int bd_request_create(
    bd_workspace *workspace, uint16_t operation, const char *name, const bd_piece *pieces, int count,
    const bd_claim *claims, int claim_count) {
    int is_collected = workspace->batch ? bd_batch_collects(workspace, operation, name) : 0;
    if (is_collected < 0 || (is_collected && bd_workspace_check(workspace) < 0)) return -1;
    if (is_collected) {
        int asked;
        while ((asked = bd_claims_prepare(workspace, claims, claim_count)) > 0) continue;
        if (asked < 0) return -1;
        bd_claims_take(claims, claim_count);
        return bd_batch_add(workspace, operation, pieces, count, claims, claim_count);
    }
    bool may_fail = !bd_workspace_has_room(workspace) || bd_pieces_bytes(pieces, count) > BD_COMMAND_BYTES_MAX;
    if (workspace->sync || (may_fail && operation != BD_OP_GRAPH_VIEW_DESTROY)) {
        bd_reply reply;
        bd_reader result;
        if (bd_request_call_creating(
                workspace, operation, name, pieces, count, claims, claim_count, &reply, &result) < 0)
            return -1;
        bd_request_done(workspace, &reply);
        return 0;
    }
    size_t need = bd_connection_frames_bytes(bd_pieces_bytes(pieces, count));
    const bd_buffer *fill = &workspace->connection.fill;
    for (;;) { /* ends: each turn waits for the worker or appends */
        if (bd_workspace_check(workspace) < 0) return -1;
        if (workspace->is_recovering && bd_request_await_recovery(workspace, name) < 0) return -1;
        int asked = bd_claims_prepare(workspace, claims, claim_count);
        if (asked < 0) return -1;
        if (asked) continue;
        if (!fill->size || fill->size + need <= BD_FILL_BYTES_MAX) break;
        if (bd_request_flush(workspace, workspace->call_timeout) < 0) return -1;
    }
    bd_claims_take(claims, claim_count);
    workspace->commands++;
    return bd_request_append(workspace, operation, 0, pieces, count);
}

/* Holds the connection, with ids for all claims at hand. */
static int bd_request_hold_ready(bd_workspace *workspace, const char *name, const bd_claim *claims, int claim_count) {
    for (;;) {
        int asked;
        while ((asked = bd_claims_prepare(workspace, claims, claim_count)) > 0) continue;
        if (asked < 0 || bd_request_hold(workspace, name, workspace->call_timeout) < 0) return -1;
        if (workspace->life != BD_ALIVE || bd_claims_are_ready(workspace, claims, claim_count)) return 0;
        bd_connection_release(&workspace->connection); /* another thread took the last id meanwhile */
    }
}

/* Takes the awaited reply out of the connection. False when its head is damaged. */
static bool bd_request_take_reply(bd_workspace *workspace, bd_reply *reply) {
    bd_connection *connection = &workspace->connection;
    *reply = connection->reply;
    memset(&connection->reply, 0, sizeof connection->reply);
    connection->has_reply = false;
    workspace->round_trips++;
    workspace->page->received_replies = connection->replies;
    uint64_t number = bd_load_u64(reply->data);
    if (number > workspace->answered && number <= workspace->requests) workspace->answered = number;
    workspace->commands_answered = workspace->commands_asked; /* one waits at a time */
    if (!bd_workspace_update_leases(workspace, reply->data)) return false;
    if (workspace->ids_unsettled) {
        workspace->made[0] = workspace->nodes.next - workspace->lent[0];
        workspace->made[1] = workspace->edges.next - workspace->lent[1];
        workspace->ids_unsettled = false;
        bd_workspace_update_quick(workspace);
    }
    return true;
}

/* The request that follows takes ids from the leases: until it is answered nobody else does. Those of a batch that is open
 * are passed over. */
static int bd_request_lend_ids(bd_workspace *workspace) {
    bd_lease *leases[3] = {&workspace->nodes, &workspace->edges, &workspace->views};
    const bd_batch *batch = workspace->batch;
    if (batch && batch->phase == BD_BATCH_OPEN) {
        uint32_t words[3];
        for (int i = 0; i < 3; i++) words[i] = leases[i]->next;
        bd_piece piece = {words, sizeof words};
        if (bd_request_append(workspace, BD_OP_ADVANCE, 0, &piece, 1) < 0) return -1;
    }
    for (int i = 0; i < 3; i++)
        if (leases[i]->room < BD_LIMIT_LEASE_IDS_STEP) leases[i]->room = BD_LIMIT_LEASE_IDS_STEP;
    workspace->lent[0] = workspace->nodes.next;
    workspace->lent[1] = workspace->edges.next;
    workspace->ids_unsettled = true;
    workspace->quick = false;
    return 0;
}

int bd_request_call_creating(
    bd_workspace *workspace, uint16_t operation, const char *name, const bd_piece *pieces, int count,
    const bd_claim *claims, int claim_count, bd_reply *reply, bd_reader *result) {
    memset(reply, 0, sizeof *reply);
    if (bd_workspace_check(workspace) < 0) return -1;
    if (workspace->batch && bd_batch_admits(workspace, operation, name) < 0) return -1;
    bd_workspace_retain(workspace);
    bd_connection *connection = &workspace->connection;
    bd_refusal refusal = {0};
    int outcome = -1;
    uint32_t epoch = bd_request_epoch(workspace);
    if (bd_request_hold_ready(workspace, name, claims, claim_count) < 0) goto end;
    if (workspace->life == BD_CLOSED || workspace->life == BD_FORKED) {
        bd_workspace_fail_stale(workspace);
    } else if (workspace->life == BD_LOST || workspace->deaths != epoch) { /* it died while this thread waited for its turn */
        bd_error_in_flight(workspace, name, 0);
    } else {
        bd_claims_take(claims, claim_count);
        bool is_ready = !bd_operation_makes(operation) || bd_request_lend_ids(workspace) == 0;
        if (is_ready && bd_request_append(workspace, operation, BD_FLAG_REPLY_WANTED, pieces, count) == 0 &&
            bd_request_wait(workspace, name, workspace->requests, true, workspace->call_timeout) == 0) {
            bool is_whole = bd_request_take_reply(workspace, reply);
            bd_state_asked(workspace->state, bd_load_u64(reply->data), operation, workspace->waited_s);
            refusal = connection->refusal;
            connection->refusal.code = 0;
            if (is_whole) outcome = 0;
            else bd_error_lease(workspace, name);
        }
    }
    bd_connection_release(connection);
    if (outcome == 0 && workspace->debug) bd_debug_reply(workspace, bd_load_u64(reply->data), name, reply);
    if (outcome == 0 && refusal.code) {
        bd_error_from_notice(refusal.text, refusal.code);
        outcome = -1;
    } else if (outcome == 0 && reply->flags & BD_FLAG_ERROR) {
        bd_error_from_reply(workspace, reply, name);
        outcome = -1;
    }
    if (outcome < 0 && reply->data) bd_request_done(workspace, reply);
    if (outcome == 0) *result = bd_reader_make(reply->data + BD_REPLY_HEAD_BYTES, reply->size - BD_REPLY_HEAD_BYTES);
end:
    bd_workspace_release(workspace);
    return outcome;
}

int bd_request_foretold(
    bd_workspace *workspace, uint16_t operation, const bd_piece *piece, const uint32_t counts[2], uint32_t *first) {
    bd_lease *leases[2] = {&workspace->nodes, &workspace->edges};
    const uint32_t kinds[2] = {BD_KIND_NODE, BD_KIND_EDGE};
    uint32_t words[4];
    for (int i = 0; i < 2; i++) {
        if (leases[i]->end - leases[i]->next < counts[i]) /* after this wait the caller asks for more than ids */
            return bd_lease_extend(workspace, kinds[i], leases[i]) < 0 ? -1 : 0;
        words[2 * i] = leases[i]->next;
        words[2 * i + 1] = counts[i];
    }
    size_t need = bd_connection_frames_bytes(sizeof words) + bd_connection_frames_bytes(piece->bytes);
    if (workspace->connection.fill.size + need > BD_FILL_BYTES_MAX) return 0;
    /* The two messages stand next to each other: what is due goes out before them. */
    if (bd_release_is_due(workspace) && bd_release_flush(workspace) < 0) return -1;
    bd_piece ids = {words, sizeof words};
    if (bd_request_append(workspace, BD_OP_FORETELL, 0, &ids, 1) < 0) return -1;
    for (int i = 0; i < 2; i++) leases[i]->next += counts[i];
    *first = words[0];
    workspace->commands++;
    return bd_request_append(workspace, operation, 0, piece, 1) < 0 ? -1 : 1;
}

void bd_request_done(bd_workspace *workspace, bd_reply *reply) { bd_connection_recycle(&workspace->connection, reply); }
