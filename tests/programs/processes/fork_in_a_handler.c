/* A handler that interrupts calls forks; the child returns from it and goes on with the calls. */
#include "check.h"
#include <sys/time.h>

#include "hot.h"

enum { FORKS = 12 };
static volatile sig_atomic_t forks, is_child;

static void split(int number) {
    struct itimerval never = {{0, 0}, {0, 0}};
    (void)number;
    if (is_child || forks >= FORKS)
        return;
    forks++;
    if (fork() == 0) {
        is_child = 1;
        setitimer(ITIMER_REAL, &never, NULL);
    }
}

int main(void) {
    struct itimerval often = {{0, 5000}, {0, 5000}};
    int ends[2], bad = 0;
    must(pipe(ends), "pipe");
    heat();
    handle(SIGALRM, split, SA_RESTART);
    setitimer(ITIMER_REAL, &often, NULL);
    while (!is_child && forks < FORKS) {
        pid_t before = getpid(), seen = (pid_t)hot(SYS_getpid, 0, 0, 0), after = getpid();
        bad += seen != before && seen != after;
    }
    if (is_child) {
        int own[2];
        char out[16] = "from the child", in[16];
        must(pipe(own), "pipe");
        for (int i = 0; i < 200; i++) {
            bad += hot(SYS_write, own[1], (long)out, sizeof out) != sizeof out;
            bad += hot(SYS_read, own[0], (long)in, sizeof in) != sizeof in || strcmp(in, out) != 0;
            bad += hot(SYS_getpid, 0, 0, 0) != getpid();
        }
        _exit(bad);
    }
    int good = 0, status;
    while (waitpid(-1, &status, 0) > 0)
        good += status == 0;
    check(bad == 0, "the parent's calls");
    check(good == FORKS, "the children's calls");
    return 0;
}
