/* A second signal comes while the first one's handler blocks it, or at once behind it; the program makes no call. */
#include "check.h"
#include <time.h>

static volatile sig_atomic_t first, second;

static void note_first(int number) {
    (void)number;
    first++;
}

static void note_second(int number) {
    (void)number;
    second++;
}

int main(void) {
    struct sigaction action = {.sa_handler = note_first};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGUSR2);
    must(sigaction(SIGUSR1, &action, NULL), "sigaction");
    action.sa_handler = note_second;
    must(sigaction(SIGUSR2, &action, NULL), "sigaction");
    for (int i = 0; i < 5; i++) {
        first = second = 0;
        pid_t child = (pid_t)must(fork(), "fork");
        if (child == 0) {
            nanosleep(&(struct timespec){0, 5000000}, NULL);
            kill(getppid(), SIGUSR1);
            nanosleep(&(struct timespec){0, i * 1000000}, NULL);
            kill(getppid(), SIGUSR2);
            _exit(0);
        }
        while (!first || !second)
            ;
        must(waitpid(child, NULL, 0), "waitpid");
        check(first == 1 && second == 1, "both have come");
    }
    return 0;
}
