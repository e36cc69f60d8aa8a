/* Signals that nobody handles do not end a read that waits, nor show in any result. */
#include "check.h"
#include <sys/time.h>

#include "hot.h"

enum { SIGNALS = 100 };

int main(void) {
    int data[2];
    char byte = 0;
    struct itimerval often = {{0, 1000}, {0, 1000}};
    pid_t self = getpid(), child;
    must(pipe(data), "pipe");
    heat();
    signal(SIGALRM, SIG_IGN);
    setitimer(ITIMER_REAL, &often, NULL);
    child = fork();
    if (child == 0) {
        for (int i = 0; i < SIGNALS; i++) {
            kill(self, i % 2 ? SIGWINCH : SIGURG);
            if (i % 10 == 9)
                write(data[1], "x", 1);
        }
        close(data[1]);
        _exit(0);
    }
    close(data[1]);
    int got = 0;
    long result;
    while ((result = hot(SYS_read, data[0], (long)&byte, 1)) == 1)
        got++;
    check(result == 0, "the end, and no error");
    check(got == SIGNALS / 10, "every byte");
    report_end(child, "the sender");
    return 0;
}
