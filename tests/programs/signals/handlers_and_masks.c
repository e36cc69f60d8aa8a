/* Handlers with SA_SIGINFO, masks during handlers, SA_NODEFER, SA_RESETHAND, pending sets. */
#include "check.h"

static volatile sig_atomic_t depth, deepest, calls, blocked_inside, info_is_right;

static void informed(int number, siginfo_t *info, void *context) {
    info_is_right = info->si_signo == number && info->si_code == SI_QUEUE && info->si_pid == getpid() &&
                    info->si_value.sival_int == 4711 && context != NULL;
}

static void nested(int number) {
    sigset_t mask;
    calls++;
    if (++depth > deepest)
        deepest = depth;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    blocked_inside = sigismember(&mask, number) + 2 * sigismember(&mask, SIGUSR2);
    if (calls < 3)
        raise(number);
    depth--;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = informed, .sa_flags = SA_SIGINFO};
    struct sigaction seen;
    sigset_t set, pending, empty;
    sigemptyset(&empty);

    sigaction(SIGRTMIN, &action, NULL);
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 4711});
    check(info_is_right, "siginfo of a queued signal");

    memset(&action, 0, sizeof action);
    action.sa_handler = nested;
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    check(deepest == 1 && calls == 3, "a handler does not interrupt itself");
    check(blocked_inside == 3, "sa_mask and the signal are blocked inside");

    calls = deepest = 0;
    action.sa_flags = SA_NODEFER;
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    check(deepest == 3, "with SA_NODEFER it does");

    action.sa_handler = nested;
    action.sa_flags = SA_RESETHAND;
    calls = 2;
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &seen);
    check(seen.sa_handler == SIG_DFL, "SA_RESETHAND restores the default");

    handle(SIGUSR1, nested, SA_RESTART);
    sigaction(SIGUSR1, NULL, &seen);
    check(seen.sa_handler == nested && (seen.sa_flags & SA_RESTART), "sigaction tells what was set");
    check_error(sigaction(SIGKILL, &action, NULL), EINVAL, "SIGKILL can't be handled");

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    calls = 2;
    raise(SIGUSR1);
    raise(SIGUSR1);
    sigpending(&pending);
    check(calls == 2 && sigismember(&pending, SIGUSR1) == 1, "a blocked signal is pending");
    sigprocmask(SIG_SETMASK, &empty, NULL);
    check(calls == 3, "it comes once when unblocked");
    sigpending(&pending);
    check(sigisemptyset(&pending), "nothing is pending then");
    handle(SIGUSR1, SIG_IGN, 0);
    raise(SIGUSR1);
    check(calls == 3, "an ignored signal does nothing");
    return 0;
}
