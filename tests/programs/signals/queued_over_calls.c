/* Queued signals come in order, and all of them, whatever calls they interrupt. */
#include "check.h"

#include "hot.h"

enum { SIGNALS = 300 };
static volatile sig_atomic_t next, disordered;

static void take(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    disordered += info->si_value.sival_int != next;
    next++;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = take, .sa_flags = SA_SIGINFO | SA_RESTART};
    int ends[2], bad = 0;
    pid_t self = getpid();
    char bytes[100];
    must(pipe(ends), "pipe");
    sigaction(SIGRTMIN + 1, &action, NULL);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < SIGNALS; i++)
            while (sigqueue(self, SIGRTMIN + 1, (union sigval){.sival_int = i}) != 0)
                ;
        _exit(0);
    }
    while (next < SIGNALS) {
        bad += hot(SYS_write, ends[1], (long)bytes, sizeof bytes) != sizeof bytes;
        bad += hot(SYS_read, ends[0], (long)bytes, sizeof bytes) != sizeof bytes;
        bad += hot(SYS_getpid, 0, 0, 0) != self;
    }
    check(disordered == 0, "in order");
    check(bad == 0, "every result is right");
    report_end(child, "the sender");
    return 0;
}
