/* A bare round trip over a Unix socket: the parent writes 16 bytes, a child process answers 40. The floor under every
 * call that waits for another process. Prints nanoseconds per round trip, one line per repetition. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int transfer(int fd, char *bytes, size_t count, int is_write) {
    for (size_t at = 0; at < count;) {
        ssize_t moved = is_write ? write(fd, bytes + at, count - at) : read(fd, bytes + at, count - at);
        if (moved <= 0) return -1;
        at += (size_t)moved;
    }
    return 0;
}

int main(int argc, char **argv) {
    int repetitions = argc > 1 ? atoi(argv[1]) : 7, rounds = argc > 2 ? atoi(argv[2]) : 20000, ends[2];
    char bytes[64] = {0};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 1;
    pid_t child = fork();
    if (child < 0) return 1;
    if (child == 0) {
        close(ends[0]);
        while (transfer(ends[1], bytes, 16, 0) == 0 && transfer(ends[1], bytes, 40, 1) == 0) {}
        _exit(0);
    }
    close(ends[1]);
    for (int repetition = 0; repetition < repetitions; repetition++) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        for (int round = 0; round < rounds; round++)
            if (transfer(ends[0], bytes, 16, 1) != 0 || transfer(ends[0], bytes, 40, 0) != 0) return 1;
        clock_gettime(CLOCK_MONOTONIC, &end);
        double ns = (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
        printf("%.0f\n", ns / rounds);
        fflush(stdout);
    }
    close(ends[0]);
    waitpid(child, NULL, 0);
    return 0;
}
