/* Handlers on a stack of their own interrupt calls, and make calls there. */
#include "check.h"
#include <sys/time.h>

#include "hot.h"

static char stack[65536];
static volatile sig_atomic_t ticks, elsewhere, bad;
static pid_t self;

static void tick(int number) {
    char here;
    uintptr_t at = (uintptr_t)&here;
    (void)number;
    ticks++;
    elsewhere += at < (uintptr_t)stack || at >= (uintptr_t)stack + sizeof stack;
    bad += hot(SYS_getpid, 0, 0, 0) != self;
}

int main(void) {
    stack_t own = {.ss_sp = stack, .ss_size = sizeof stack}, seen;
    int zero = open("/dev/zero", O_RDONLY);
    char bytes[512];
    self = getpid();
    must(sigaltstack(&own, NULL), "sigaltstack");
    handle(SIGALRM, tick, SA_ONSTACK | SA_RESTART);
    for (int i = 0; i < 2000 || ticks < 5; i++) {
        struct itimerval soon = {{0, 0}, {0, 20 + i * 97 % 1500}};
        if (i % 20 == 0)
            setitimer(ITIMER_REAL, &soon, NULL);
        bad += hot(SYS_read, zero, (long)bytes, sizeof bytes) != sizeof bytes;
        bad += hot(SYS_getpid, 0, 0, 0) != self;
    }
    must(sigaltstack(NULL, &seen), "sigaltstack");
    check(seen.ss_flags == 0, "the program is not on the other stack");
    check(elsewhere == 0, "every handler was");
    check(bad == 0, "every result is right");
    return 0;
}
