/* SIGCHLD: handler with status, SA_NOCLDSTOP, ignoring it, SA_NOCLDWAIT. */
#include "check.h"

static volatile sig_atomic_t calls, code, status;
static volatile pid_t sender;

static void note(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    calls++;
    code = info->si_code;
    status = info->si_status;
    sender = info->si_pid;
}

static pid_t start(int action) {
    pid_t child = (pid_t)must(fork(), "fork");
    if (child == 0) {
        if (action < 0)
            raise(-action);
        _exit(action);
    }
    return child;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    sigset_t block, none;
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGCHLD);
    sigprocmask(SIG_BLOCK, &block, NULL);
    sigaction(SIGCHLD, &action, NULL);

    pid_t child = start(7);
    sigsuspend(&none);
    check(calls == 1 && sender == child && code == CLD_EXITED && status == 7, "a child exited");
    report_end(child, "it");
    child = start(-SIGTERM);
    sigsuspend(&none);
    check(sender == child && code == CLD_KILLED && status == SIGTERM, "a child was killed");
    report_end(child, "it");
    child = start(-SIGSTOP);
    sigsuspend(&none);
    check(sender == child && code == CLD_STOPPED && status == SIGSTOP, "a child stopped");
    kill(child, SIGCONT);
    sigsuspend(&none);
    check(sender == child && (code == CLD_CONTINUED || code == CLD_EXITED), "a child went on");
    waitpid(child, NULL, 0);

    sigprocmask(SIG_SETMASK, &none, NULL);
    action.sa_flags = SA_SIGINFO | SA_NOCLDWAIT;
    sigaction(SIGCHLD, &action, NULL);
    child = start(3);
    check_error(waitpid(child, NULL, 0), ECHILD, "SA_NOCLDWAIT leaves nothing to wait for");
    handle(SIGCHLD, SIG_IGN, 0);
    child = start(3);
    check_error(waitpid(-1, NULL, 0), ECHILD, "nor does ignoring SIGCHLD");
    handle(SIGCHLD, SIG_DFL, 0);
    child = start(3);
    report_end(child, "a child as usual");
    return 0;
}
