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
    struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    int zero = open("/dev/zero", O_RDONLY);
    char bytes[512];
    self = getpid();
    must(sigaltstack(&own, NULL), "sigaltstack");
    handle(SIGALRM, tick, SA_ONSTACK | SA_RESTART);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 3000 || ticks < 5; i++) {
        bad += hot(SYS_read, zero, (long)bytes, sizeof bytes) != sizeof bytes;
        bad += hot(SYS_getpid, 0, 0, 0) != self;
    }
    setitimer(ITIMER_REAL, &never, NULL);
    must(sigaltstack(NULL, &seen), "sigaltstack");
    check(seen.ss_flags == 0, "the program is not on the other stack");
    check(elsewhere == 0, "every handler was");
    check(bad == 0, "every result is right");
    return 0;
}
