/* ppoll, pselect and epoll_pwait open the mask only while they wait. */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

static volatile sig_atomic_t calls;

static void note(int number) {
    (void)number;
    calls++;
}

int main(void) {
    sigset_t block, none, now;
    struct timespec long_time = {30, 0};
    struct epoll_event event;
    int epoll = (int)must(epoll_create1(0), "epoll_create1");
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    handle(SIGUSR1, note, SA_RESTART);
    sigprocmask(SIG_BLOCK, &block, NULL);
    raise(SIGUSR1);
    check_error(ppoll(NULL, 0, &long_time, &none), EINTR, "ppoll");
    check(calls == 1, "the handler ran");
    raise(SIGUSR1);
    check_error(pselect(0, NULL, NULL, NULL, &long_time, &none), EINTR, "pselect");
    check(calls == 2, "the handler ran");
    raise(SIGUSR1);
    check_error(epoll_pwait(epoll, &event, 1, 30000, &none), EINTR, "epoll_pwait");
    check(calls == 3, "the handler ran");
    raise(SIGUSR1);
    check(ppoll(NULL, 0, &(struct timespec){0, 1000}, NULL) == 0 && calls == 3, "without a mask it stays out");
    sigprocmask(SIG_BLOCK, NULL, &now);
    check(sigismember(&now, SIGUSR1) == 1, "the mask is as before");
    pid_t child = fork();
    if (child == 0) {
        kill(getppid(), SIGUSR1);
        _exit(0);
    }
    check_error(ppoll(NULL, 0, &long_time, &none), EINTR, "ppoll, signalled by a child");
    report_end(child, "the child");
    return 0;
}
