/* A signal that comes while the program computes and makes no system call. */
#include "check.h"
#include <sys/time.h>

static volatile sig_atomic_t rung;

static void note(int number) {
    (void)number;
    rung = 1;
}

int main(void) {
    handle(SIGALRM, note, 0);
    for (int i = 0; i < 3; i++) {
        rung = 0;
        setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 20000}}, NULL);
        while (!rung)
            ;
        check(1, "the alarm ended the loop");
    }
    pid_t child = fork();
    if (child == 0)
        for (;;)
            ;
    kill(child, SIGTERM);
    report_end(child, "a child that computes for ever");
    child = fork();
    if (child == 0)
        for (;;)
            ;
    kill(child, SIGKILL);
    report_end(child, "another one");
    return 0;
}
