/* Unix sockets, credentials and descriptors in messages. See bd_shim.h. */
#define _GNU_SOURCE
#include "bd_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int bd_address_fill(struct sockaddr_un *address, const char *path) {
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address->sun_path) return -ENAMETOOLONG;
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length);
    return 0;
}

int bd_socket_listen(const char *path, int backlog) {
    struct sockaddr_un address;
    int error = bd_address_fill(&address, path);
    if (error != 0) return error;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, backlog) != 0) {
        error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int bd_socket_connect(const char *path, int deadline_ms) {
    struct sockaddr_un address;
    int error = bd_address_fill(&address, path);
    if (error != 0) return error;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    /* A Unix socket connects at once or says EAGAIN when the backlog is full; there is nothing to poll for. */
    uint64_t end_ns = bd_clock_monotonic_ns() + (uint64_t)(deadline_ms > 0 ? deadline_ms : 0) * 1000000u;
    for (;;) {
        if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) break;
        error = errno;
        if (error != EAGAIN && error != EINTR) {
            close(fd);
            return -error;
        }
        if (bd_clock_monotonic_ns() >= end_ns) {
            close(fd);
            return -ETIMEDOUT;
        }
        struct timespec pause = {0, 5000000};
        nanosleep(&pause, NULL);
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0) {
        error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int bd_socket_accept(int listener) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) return fd;
        if (errno != EINTR && errno != ECONNABORTED) return -errno;
    }
}

int bd_socket_pair(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0 ? 0 : -errno;
}

int bd_pipe_pair(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        int error = errno;
        close(ends[0]);
        close(ends[1]);
        return -error;
    }
    return 0;
}

int bd_socket_peer(int fd, int32_t *pid, uint32_t *uid) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return -errno;
    *pid = peer.pid;
    *uid = peer.uid;
    return 0;
}

void bd_socket_grow(int fd) {
    int wanted = 1 << 30; /* the system takes what its limit allows, more than sockets have at first */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);
}

typedef union bd_control_room {   /* aligned as a control header must be */
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * BD_MESSAGE_FDS_MAX)];
} bd_control_room;

ssize_t bd_message_send(int fd, const void *bytes, size_t count, const int *fds, size_t fd_count) {
    if (fd_count > BD_MESSAGE_FDS_MAX) return -EINVAL;
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    bd_control_room room;
    if (fd_count > 0) {
        memset(&room, 0, sizeof room);
        message.msg_control = room.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * fd_count);
    }
    for (;;) {
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) return sent;
        if (errno != EINTR) return -errno;
    }
}

ssize_t bd_message_receive(int fd, void *bytes, size_t capacity, int *fds, size_t *fd_count) {
    size_t room_count = *fd_count < BD_MESSAGE_FDS_MAX ? *fd_count : BD_MESSAGE_FDS_MAX;
    *fd_count = 0;
    struct iovec part = {.iov_base = bytes, .iov_len = capacity};
    bd_control_room room;
    struct msghdr message;
    ssize_t received;
    do {
        memset(&message, 0, sizeof message);
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = room.bytes;
        message.msg_controllen = sizeof room;
        received = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (received < 0 && errno == EINTR);
    if (received < 0) return -errno;

    bool overflow = (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t came = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t index = 0; index < came; index++) {
            int one;
            memcpy(&one, CMSG_DATA(header) + index * sizeof(int), sizeof one);
            if (*fd_count < room_count) {
                fds[(*fd_count)++] = one;
            } else {
                close(one);
                overflow = true;
            }
        }
    }
    if (!overflow) return received;
    for (size_t index = 0; index < *fd_count; index++) close(fds[index]);
    *fd_count = 0;
    return -EMSGSIZE;
}

ssize_t bd_stream_receive(int fd, void *bytes, size_t capacity) {
    for (;;) {
        ssize_t received = recv(fd, bytes, capacity, MSG_DONTWAIT);
        if (received >= 0) return received;
        if (errno != EINTR) return -errno;
    }
}

ssize_t bd_stream_receive_patiently(int fd, void *bytes, size_t capacity) {
    ssize_t count = recv(fd, bytes, capacity, 0);
    return count < 0 ? -errno : count;
}

int bd_stream_set_patience(int fd, uint32_t wait_us) {
    struct timeval wait = {(time_t)(wait_us / 1000000u), (suseconds_t)(wait_us % 1000000u)};
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0) return -errno;
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) < 0 ? -errno : 0;
}

ssize_t bd_stream_send(int fd, const void *bytes, size_t count) {
    for (;;) {
        ssize_t sent = send(fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) return sent;
        if (errno != EINTR) return -errno;
    }
}
