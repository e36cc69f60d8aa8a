/* PR_SET_PDEATHSIG: a grandchild is told of the end of its parent. */
#include "check.h"
#include <sys/prctl.h>

int main(void) {
    int ends[2], number, ready[2];
    sigset_t set;
    char byte = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    must(prctl(PR_SET_CHILD_SUBREAPER, 1), "prctl");
    must(pipe(ends), "pipe");
    must(pipe(ready), "pipe");
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGUSR2);
            check(prctl(PR_GET_PDEATHSIG, &number) == 0 && number == SIGUSR2, "the signal is set");
            write(ready[1], "r", 1);
            sigwait(&set, &number);
            byte = number == SIGUSR2;
            write(ends[1], &byte, 1);
            _exit(0);
        }
        read(ready[0], &byte, 1);
        _exit(9);
    }
    report_end(child, "the parent");
    check(read(ends[0], &byte, 1) == 1 && byte == 1, "the signal came");
    check(wait(NULL) > 0, "the grandchild ended");
    return 0;
}
