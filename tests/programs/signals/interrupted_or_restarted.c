/* SA_RESTART against EINTR in calls that block. A timer that repeats makes the moment irrelevant. */
#include "check.h"
#include <poll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

static volatile sig_atomic_t ticks;
static int ends[2];

static void tick(int number) {
    (void)number;
    if (++ticks == 3)
        must(write(ends[1], "x", 1), "write in the handler");
}

static void start(int flags) {
    struct itimerval often = {{0, 20000}, {0, 20000}};
    ticks = 0;
    handle(SIGALRM, tick, flags);
    setitimer(ITIMER_REAL, &often, NULL);
}

static void stop(void) {
    struct itimerval never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &never, NULL);
}

int main(void) {
    char byte;
    struct timespec pause_time = {30, 0}, rest;
    must(pipe(ends), "pipe");

    start(0);
    check_error(read(ends[0], &byte, 1), EINTR, "read without SA_RESTART");
    stop();
    start(SA_RESTART);
    check(read(ends[0], &byte, 1) == 1 && ticks >= 3, "read with SA_RESTART goes on until there is data");
    stop();

    start(SA_RESTART);
    check_error(nanosleep(&pause_time, &rest), EINTR, "nanosleep with SA_RESTART");
    stop();
    check(rest.tv_sec >= 25 && rest.tv_sec < 30, "nanosleep tells what is left");
    start(SA_RESTART);
    check_error(poll(NULL, 0, 30000), EINTR, "poll with SA_RESTART");
    stop();
    start(SA_RESTART);
    check_error(select(0, NULL, NULL, NULL, &(struct timeval){30, 0}), EINTR, "select with SA_RESTART");
    stop();
    start(SA_RESTART);
    check_error(pause(), EINTR, "pause");
    stop();

    int listener = (int)must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    must(bind(listener, (struct sockaddr *)&address, sizeof address.sun_family), "bind");
    must(listen(listener, 1), "listen");
    start(0);
    check_error(accept(listener, NULL, NULL), EINTR, "accept without SA_RESTART");
    stop();

    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    start(0);
    check_error(waitpid(child, NULL, 0), EINTR, "waitpid without SA_RESTART");
    stop();
    kill(child, SIGKILL);
    report_end(child, "the child");
    return 0;
}
