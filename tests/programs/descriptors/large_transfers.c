/* 20 MB through a pipe and a socket to a child, in large and odd pieces. */
#include "check.h"
#include <sys/socket.h>

enum { TOTAL = 20000000 };

static unsigned sum(const unsigned char *data, size_t length, unsigned from) {
    for (size_t i = 0; i < length; i++)
        from = from * 31 + data[i];
    return from;
}

static void transfer(int into, int from, size_t piece, const char *what) {
    unsigned char *data = malloc(TOTAL);
    for (size_t i = 0; i < TOTAL; i++)
        data[i] = (unsigned char)(i * 7 + i / 1000);
    unsigned expected = sum(data, TOTAL, 1), seen = 1;
    pid_t child = fork();
    if (child == 0) {
        close(from);
        for (size_t at = 0; at < TOTAL;)
            at += (size_t)must(write(into, data + at, TOTAL - at < 3000000 ? TOTAL - at : 3000000), "write");
        _exit(0);
    }
    close(into);
    size_t received = 0;
    for (ssize_t got; (got = read(from, data, piece)) > 0; received += (size_t)got)
        seen = sum(data, (size_t)got, seen);
    check(received == TOTAL && seen == expected, what);
    report_end(child, "the writer");
    close(from);
    free(data);
}

int main(void) {
    int ends[2];
    must(pipe(ends), "pipe");
    transfer(ends[1], ends[0], 1000003, "a pipe");
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
    transfer(ends[0], ends[1], 65537, "a socket");
    return 0;
}
