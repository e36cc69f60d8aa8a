/* What of dispositions, masks and pending signals survives fork and exec. */
#include "check.h"

static volatile sig_atomic_t calls;

static void note(int number) {
    (void)number;
    calls++;
}

static const char *disposition(int number) {
    struct sigaction action;
    sigaction(number, NULL, &action);
    return action.sa_handler == SIG_DFL ? "default" : action.sa_handler == SIG_IGN ? "ignored" : "handled";
}

static void tell(const char *where) {
    sigset_t mask, pending;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    sigpending(&pending);
    printf("%s: USR1 %s, USR2 %s, HUP blocked %d, HUP pending %d\n", where, disposition(SIGUSR1),
           disposition(SIGUSR2), sigismember(&mask, SIGHUP), sigismember(&pending, SIGHUP));
    fflush(stdout);
}

int main(int argc, char **argv) {
    sigset_t set;
    if (argc > 1) {
        tell("after exec");
        handle(SIGHUP, note, 0);
        sigemptyset(&set);
        sigprocmask(SIG_SETMASK, &set, NULL);
        check(calls == 1, "the pending signal came after exec");
        return 4;
    }
    handle(SIGUSR1, note, 0);
    handle(SIGUSR2, SIG_IGN, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGHUP);
    tell("before fork");
    pid_t child = fork();
    if (child == 0) {
        tell("in the child");
        raise(SIGUSR1);
        _exit(calls);
    }
    report_end(child, "the child");
    execl("/proc/self/exe", argv[0], "again", NULL);
    return 1;
}
