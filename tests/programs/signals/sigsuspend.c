/* sigsuspend lets in what is blocked, and restores the mask. */
#include "check.h"

static volatile sig_atomic_t got;

static void note(int number) {
    got = number;
}

int main(void) {
    sigset_t block, none, now;
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigaddset(&block, SIGUSR2);
    handle(SIGUSR1, note, SA_RESTART);
    handle(SIGUSR2, note, SA_RESTART);
    sigprocmask(SIG_BLOCK, &block, NULL);
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) {
            kill(getppid(), i % 2 ? SIGUSR1 : SIGUSR2);
            _exit(i);
        }
        got = 0;
        check_error(sigsuspend(&none), EINTR, "sigsuspend");
        check(got == (i % 2 ? SIGUSR1 : SIGUSR2), "the signal came");
        report_end(child, "the sender");
    }
    sigprocmask(SIG_BLOCK, NULL, &now);
    check(sigismember(&now, SIGUSR1) == 1 && sigismember(&now, SIGUSR2) == 1, "the mask is as before");
    return 0;
}
