/* Children that send many queued signals while the parent reads and writes; none is lost. */
#include "check.h"

enum { SENDERS = 4, EACH = 50 };
static volatile sig_atomic_t sum;

static void add(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    sum += info->si_value.sival_int;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = add, .sa_flags = SA_SIGINFO | SA_RESTART};
    int ends[2], received = 0;
    char bytes[64];
    sigaction(SIGRTMIN, &action, NULL);
    must(pipe(ends), "pipe");
    for (int i = 0; i < SENDERS; i++)
        if (fork() == 0) {
            for (int j = 0; j < EACH; j++) {
                while (sigqueue(getppid(), SIGRTMIN, (union sigval){.sival_int = 1}) != 0)
                    ;
                write(ends[1], "x", 1);
            }
            _exit(i);
        }
    close(ends[1]);
    for (ssize_t got; (got = read(ends[0], bytes, sizeof bytes)) > 0;)
        received += (int)got;
    int left = SENDERS;
    while (left > 0 && waitpid(-1, NULL, 0) > 0)
        left--;
    check(received == SENDERS * EACH, "every byte arrived");
    check(sum == SENDERS * EACH, "every signal arrived");
    return 0;
}
