/* Transfers that block in places that are patched: EINTR, or going on with SA_RESTART until there is something. */
#include "check.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "hot.h"

static volatile sig_atomic_t ticks;
static int pair[2], pipes[2], full[2];

static void tick(int number) {
    char byte[4096];
    (void)number;
    if (++ticks == 3) {
        must(write(pipes[1], "x", 1), "write in the handler");
        must(send(pair[1], "y", 1, 0), "send in the handler");
    }
    if (ticks >= 3) /* room in the full pipe */
        must(read(full[0], byte, sizeof byte), "read in the handler");
}

static void start(int flags) {
    struct itimerval often = {{0, 15000}, {0, 15000}};
    ticks = 0;
    handle(SIGALRM, tick, flags);
    setitimer(ITIMER_REAL, &often, NULL);
}

static void stop(void) {
    struct itimerval never = {{0, 0}, {0, 0}};
    char bytes[16];
    setitimer(ITIMER_REAL, &never, NULL);
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    while (read(pipes[0], bytes, sizeof bytes) > 0 || recv(pair[0], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
}

static void fill(void) {
    static char bytes[4096];
    fcntl(full[1], F_SETFL, O_NONBLOCK);
    while (write(full[1], bytes, sizeof bytes) > 0)
        ;
    fcntl(full[1], F_SETFL, 0);
}

static void both(long number, long a, long b, long c, const char *what) {
    char text[80];
    fcntl(pipes[0], F_SETFL, 0);
    fill();
    start(0);
    long result = hot6(number, a, b, c, 0, 0, 0);
    stop();
    snprintf(text, sizeof text, "%s without SA_RESTART ends", what);
    check(result == -EINTR, text);
    fcntl(pipes[0], F_SETFL, 0);
    fill();
    start(SA_RESTART);
    result = hot6(number, a, b, c, 0, 0, 0);
    int seen = ticks;
    stop();
    snprintf(text, sizeof text, "%s with SA_RESTART goes on", what);
    check(result == 1 && seen >= 3, text);
}

int main(void) {
    char byte = 0, big[4096] = {0};
    struct iovec one = {&byte, 1};
    struct pollfd wanted = {.events = POLLIN};
    must(pipe(pipes), "pipe");
    must(pipe(full), "pipe");
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
    wanted.fd = pipes[0];
    heat();
    both(SYS_read, pipes[0], (long)&byte, 1, "read");
    both(SYS_readv, pipes[0], (long)&one, 1, "readv");
    both(SYS_recvfrom, pair[0], (long)&byte, 1, "recvfrom");

    fcntl(full[1], F_SETFL, 0);
    fill();
    start(0);
    ticks = -1000; /* no room */
    long result = hot(SYS_write, full[1], (long)big, sizeof big);
    stop();
    check(result == -EINTR, "write to a full pipe without SA_RESTART ends");
    start(SA_RESTART);
    result = hot(SYS_write, full[1], (long)big, sizeof big);
    int seen = ticks;
    stop();
    check(result == sizeof big && seen >= 3, "write to a full pipe with SA_RESTART goes on");

    fill();
    start(SA_RESTART);
    result = hot(SYS_poll, (long)&wanted, 1, 30000);
    stop();
    check(result == -EINTR, "poll ends with SA_RESTART, too");
    return 0;
}
