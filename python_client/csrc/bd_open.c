/* Opening a workspace over a connected socket: the page and the ledger that this process shares, the hello, the answer to it. Finding or
 * starting the daemon is Python's business (bindd._daemon). Cost: once per workspace, one round trip and one memory file.
 */
#include "bd_open.h"

#include "bd_local.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define BD_HELLO_MAGIC 0x44444E42u
#define BD_RESUME_S_MIN 60.0 /* a short hang limit is for requests: applying a long journal again takes its time */

/* The descriptor of a sealed memory file with an empty page, or -1 with OSError. */
static int bd_page_make(bd_client_page **page) {
    int fd = memfd_create("bindd-client", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    void *map = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, BD_CLIENT_PAGE_BYTES) == 0)
        map = mmap(NULL, BD_CLIENT_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        if (map != MAP_FAILED) munmap(map, BD_CLIENT_PAGE_BYTES);
        if (fd >= 0) close(fd);
        return -1;
    }
    madvise(map, BD_CLIENT_PAGE_BYTES, MADV_DONTFORK); /* a child must not count on its parent's page */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    *page = map;
    (*page)->magic = BD_CLIENT_PAGE_MAGIC;
    (*page)->layout_version = BD_LAYOUT_VERSION;
    (*page)->pid = (uint32_t)getpid();
    (*page)->started_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return fd;
}

static void bd_hello_write(bd_workspace *workspace, const char *program, bool is_resume, bd_writer *writer) {
    bd_state *state = workspace->state;
    const uint32_t head[4] = {BD_HELLO_MAGIC, BD_PROTOCOL_MAJOR, BD_PROTOCOL_MINOR, BD_LAYOUT_VERSION};
    for (int i = 0; i < 4; i++) bd_writer_u32(writer, head[i]);
    bd_writer_u64(writer, BD_DESCRIPTION_HASH);
    /* One that goes on says which ids it has used itself. */
    uint32_t floors[3] = {state->node_floor, state->edge_floor, state->view_floor};
    const bd_lease *leases[3] = {&workspace->nodes, &workspace->edges, &workspace->views};
    for (int i = 0; is_resume && i < 3; i++) floors[i] = leases[i]->next - 1;
    const uint32_t numbers[6] = {workspace->owner_pid, workspace->generation, floors[0],
                                 floors[1],            floors[2],             state->document_floor};
    for (int i = 0; i < 6; i++) bd_writer_u32(writer, numbers[i]);
    bd_writer_u64(writer, workspace->session);
    bd_writer_u64(writer, workspace->requests);
    bd_writer_u32(writer, is_resume);
    const char *texts[3] = {workspace->is_private ? "" : workspace->name, program, BD_BUILD};
    for (int i = 0; i < 3; i++) bd_writer_str(writer, texts[i], strlen(texts[i]));
}

/* Ids that living workspaces of this process may be using are taken, too. */
static void bd_floors_raise(bd_state *state) {
    for (const bd_workspace *other = bd_workspace_list(); other; other = other->next)
        if (other->state == state) bd_workspace_raise_floors(other);
}

static int bd_hello_send(int fd, const int *shared, size_t shared_count, const bd_writer *payload) {
    unsigned char frame[BD_LIMIT_HELLO_BYTES_MAX + 16];
    size_t total = BD_FRAME_HEADER_BYTES + bd_padded(payload->size, 8);
    if (payload->failed || total > sizeof frame) {
        PyErr_SetString(PyExc_ValueError, "the names for the hello are too long");
        return -1;
    }
    memset(frame, 0, sizeof frame);
    bd_store_header(frame, (uint32_t)payload->size, BD_OP_HELLO, BD_FLAG_REPLY_WANTED);
    memcpy(frame + BD_FRAME_HEADER_BYTES, payload->data, payload->size);
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec part = {frame, total};
    struct msghdr message = {0};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(shared_count * sizeof(int));
    struct cmsghdr *item = CMSG_FIRSTHDR(&message);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(shared_count * sizeof(int));
    memcpy(CMSG_DATA(item), shared, shared_count * sizeof(int));
    ssize_t sent;
    do sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent == (ssize_t)total) return 0; /* a fresh socket takes a few hundred bytes whole */
    bd_error_set("BinddUnavailable", "the daemon closed the connection before the hello (%s)", strerror(errno));
    return -1;
}

static char *bd_copy(const char *text, size_t bytes) {
    char *copy = malloc(bytes + 1);
    if (!copy) return NULL;
    memcpy(copy, text, bytes);
    copy[bytes] = 0;
    return copy;
}

/* *recovery: JSON of what became of the session, where one goes on and that is wanted. */
static int bd_hello_take(bd_workspace *workspace, bd_reply *reply, PyObject **recovery) {
    if (workspace->debug) bd_debug_hello_answer(workspace, reply);
    if (reply->flags & BD_FLAG_ERROR) {
        bd_error_from_reply(workspace, reply, "hello");
        return -1;
    }
    bd_reader reader = bd_reader_make(reply->data + BD_REPLY_HEAD_BYTES, reply->size - BD_REPLY_HEAD_BYTES);
    size_t name_bytes, build_bytes;
    workspace->worker_pid = bd_reader_u32(&reader);
    uint32_t slot = workspace->slot = bd_reader_u32(&reader);
    uint32_t generation = bd_reader_u32(&reader);
    bd_reader_u64(&reader); /* client id */
    const char *name = bd_reader_str(&reader, &name_bytes);
    bd_reader_str(&reader, &build_bytes);
    if (recovery) *recovery = bd_value_read_str(&reader);
    else bd_reader_str(&reader, &build_bytes);
    if (recovery && !*recovery) {
        if (!PyErr_Occurred()) bd_error_set("ProtocolError", "the answer to the hello could not be decoded");
        return -1;
    }
    if (reader.bad || reply->operation != BD_OP_HELLO || generation != workspace->generation) {
        bd_error_set("ProtocolError", "the daemon's answer to the hello could not be decoded");
        return -1;
    }
    /* That they are above the floors is the worker's part; where it is not, generations tell the ids apart. */
    if (!bd_workspace_update_leases(workspace, reply->data)) {
        bd_error_set("ProtocolError", "the daemon's answer to the hello leases ids that cannot be free");
        return -1;
    }
    char *copy = bd_copy(name, name_bytes);
    if (!copy) {
        PyErr_NoMemory();
        return -1;
    }
    free(workspace->name);
    workspace->name = copy;
    const char *setting = getenv("BINDD_ARENA");
    bd_connection *connection = &workspace->connection;
    bd_workspace_forget_memory(workspace);
    bd_local_close(workspace->local);
    workspace->local = NULL;
    if (connection->descriptor >= 0) bd_workspace_watch_memory(workspace, connection->descriptor);
    if (connection->descriptor >= 0 && !(setting && strcmp(setting, "0") == 0)) {
        workspace->local = bd_local_open(connection->descriptor, slot);
        connection->descriptor = -1;
    }
    return 0;
}

/* The same wait as for any reply, but a failure here means that there never was a workspace. */
static int bd_hello_wait(bd_workspace *workspace, double timeout_s, PyObject **recovery) {
    bd_connection *connection = &workspace->connection;
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    connection->is_awaiting = true;
    connection->awaited = 0;
    connection->wants_descriptor = true;
    for (;;) {
        bd_turn turn;
        Py_BEGIN_ALLOW_THREADS
        turn = bd_connection_turn(connection, BD_SLICE_MS);
        Py_END_ALLOW_THREADS
        if (turn == BD_TURN_DONE) break;
        if (turn == BD_TURN_CLOSED)
            bd_error_set("BinddUnavailable", "the daemon at %s closed the connection during the hello", workspace->socket);
        else if (turn == BD_TURN_BROKEN)
            bd_error_set("ProtocolError", "what answers at %s is no bindd: %s", workspace->socket, connection->broken);
        else if (turn == BD_TURN_NO_MEMORY)
            PyErr_NoMemory();
        else if (turn == BD_TURN_TAKEN)
            bd_error_set("BinddUnavailable", "the program closed the connection's descriptor (%d) during the hello", connection->taken_fd);
        if (turn != BD_TURN_SLICE || PyErr_CheckSignals() < 0) return -1;
        clock_gettime(CLOCK_MONOTONIC, &now);
        double waited_s = (double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) * 1e-9;
        if (waited_s <= timeout_s) continue;
        bd_error_set(
            "BinddUnavailable", "the daemon at %s did not answer the hello within %.3g s", workspace->socket, timeout_s);
        return -1;
    }
    connection->is_awaiting = false;
    connection->has_reply = false;
    connection->wants_descriptor = false;
    int result = bd_hello_take(workspace, &connection->reply, recovery);
    if (connection->descriptor >= 0) close(connection->descriptor); /* not used: reads are asked */
    connection->descriptor = -1;
    bd_reply_free(&connection->reply);
    return result;
}

bd_workspace *bd_workspace_open(bd_state *state, const bd_open_options *options) {
    bd_floors_raise(state);
    bd_workspace *workspace = bd_workspace_new(state, options->fd);
    if (!workspace) {
        close(options->fd);
        return NULL;
    }
    workspace->life = BD_CLOSED; /* until the hello is answered */
    workspace->is_private = options->workspace[0] == 0;
    workspace->name = bd_copy(options->workspace, strlen(options->workspace));
    workspace->socket = bd_copy(options->socket, strlen(options->socket));
    workspace->hang_limit = options->hang_limit;
    workspace->call_timeout = options->call_timeout;
    workspace->sync = options->sync;
    workspace->debug = options->debug;
    if (options->debug) workspace->connection.on_unasked = bd_debug_unasked;
    workspace->connection.context = workspace;
    bd_client_page *page = NULL;
    bd_writer hello;
    bd_writer_init(&hello);
    int shared[2] = {-1, -1}, result = -1; /* page and ledger */
    if (!workspace->name || !workspace->socket) PyErr_NoMemory();
    else shared[0] = bd_page_make(&page);
    if (shared[0] >= 0) {
        workspace->page = page;
        if (options->sites > 0)
            workspace->ledger = bd_ledger_open((uint32_t)options->sites, workspace->generation, options->own, &shared[1]);
        workspace->unseen = workspace->ledger ? 1 : 0;
        bd_hello_write(workspace, options->program, false, &hello);
        if (workspace->debug) bd_debug_hello(workspace, &hello);
        result = bd_hello_send(options->fd, shared, shared[1] >= 0 ? 2 : 1, &hello);
        close(shared[0]);
        if (shared[1] >= 0) close(shared[1]);
    }
    bd_writer_free(&hello);
    if (result == 0) result = bd_hello_wait(workspace, options->timeout, NULL);
    if (result < 0) {
        bd_workspace_release(workspace);
        return NULL;
    }
    workspace->life = BD_ALIVE;
    bd_workspace_update_quick(workspace);
    return workspace;
}

/* The page's counters go on; a new file carries them, because the old one's descriptor is not kept. */
static int bd_page_renew(bd_workspace *workspace) {
    bd_client_page *page = NULL;
    int fd = bd_page_make(&page);
    if (fd < 0) return -1;
    bd_client_page *old = workspace->page;
    *page = *old;
    workspace->page = page;
    if (old != &bd_dummy_page) munmap(old, BD_CLIENT_PAGE_BYTES);
    return fd;
}

PyObject *bd_workspace_resume(bd_workspace *workspace, const char *program) {
    bd_writer hello;
    bd_writer_init(&hello);
    PyObject *text = NULL, *facts = NULL;
    int shared[2] = {bd_page_renew(workspace), -1}, result = -1; /* page and ledger */
    if (shared[0] >= 0) {
        if (workspace->ledger) shared[1] = bd_ledger_descriptor(workspace->ledger);
        bd_hello_write(workspace, program, true, &hello);
        result = bd_hello_send(workspace->connection.socket.fd, shared, shared[1] >= 0 ? 2 : 1, &hello);
        close(shared[0]);
        if (shared[1] >= 0) close(shared[1]);
    }
    bd_writer_free(&hello);
    double patience = workspace->hang_limit > 0 ? workspace->hang_limit : 300.0;
    if (patience < BD_RESUME_S_MIN) patience = BD_RESUME_S_MIN;
    if (result == 0) result = bd_hello_wait(workspace, patience, &text);
    if (result == 0) {
        PyObject *death = PyImport_ImportModule("bindd._death");
        facts = death ? PyObject_CallMethod(death, "recovered", "O", text) : NULL;
        Py_XDECREF(death);
    }
    Py_XDECREF(text);
    return facts;
}
