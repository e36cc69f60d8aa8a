/* SIGPIPE: default, ignored, handled; MSG_NOSIGNAL. */
#include "check.h"
#include <sys/socket.h>

static volatile sig_atomic_t calls;

static void note(int number) {
    calls += number == SIGPIPE;
}

int main(void) {
    int ends[2], pair[2];
    must(pipe(ends), "pipe");
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
    close(ends[0]);
    close(pair[0]);
    pid_t child = fork();
    if (child == 0) {
        write(ends[1], "x", 1);
        _exit(0);
    }
    report_end(child, "a writer without handler");
    handle(SIGPIPE, note, 0);
    check_error(write(ends[1], "x", 1), EPIPE, "write to a broken pipe");
    check(calls == 1, "SIGPIPE came before the return");
    check_error(send(pair[1], "x", 1, 0), EPIPE, "send");
    check(calls == 2, "SIGPIPE again");
    check_error(send(pair[1], "x", 1, MSG_NOSIGNAL), EPIPE, "send with MSG_NOSIGNAL");
    check(calls == 2, "no SIGPIPE");
    handle(SIGPIPE, SIG_IGN, 0);
    check_error(write(ends[1], "x", 1), EPIPE, "write with SIGPIPE ignored");
    return 0;
}
