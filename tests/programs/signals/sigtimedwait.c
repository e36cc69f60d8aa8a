/* Synchronous acceptance of signals: values, order of real-time signals, timeout. */
#include "check.h"
#include <time.h>

int main(void) {
    sigset_t set;
    siginfo_t info;
    struct timespec none = {0, 0}, shortly = {0, 30000000}, long_time = {20, 0};
    sigemptyset(&set);
    for (int i = 0; i < 3; i++)
        sigaddset(&set, SIGRTMIN + i);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    check_error(sigtimedwait(&set, &info, &none), EAGAIN, "nothing pending");
    check_error(sigtimedwait(&set, &info, &shortly), EAGAIN, "nothing in time");
    for (int value = 0; value < 2; value++)
        for (int i = 2; i >= 0; i--)
            sigqueue(getpid(), SIGRTMIN + i, (union sigval){.sival_int = 10 * i + value});
    for (int i = 0; i < 6; i++) {
        int number = sigwaitinfo(&set, &info);
        printf("SIGRTMIN+%d with %d\n", number - SIGRTMIN, info.si_value.sival_int);
    }
    pid_t child = fork();
    if (child == 0) {
        kill(getppid(), SIGUSR1);
        _exit(0);
    }
    check(sigtimedwait(&set, &info, &long_time) == SIGUSR1, "a signal from a child");
    check(info.si_pid == child && info.si_code == SI_USER, "its sender is known");
    report_end(child, "the sender");
    int number;
    raise(SIGUSR1);
    check(sigwait(&set, &number) == 0 && number == SIGUSR1, "sigwait");
    return 0;
}
