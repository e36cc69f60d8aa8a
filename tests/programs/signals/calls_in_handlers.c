/* A handler that makes the same calls as what it interrupts, and a second one that interrupts the first. */
#include "check.h"
#include <sys/time.h>

#include "hot.h"

enum { ROUNDS = 2000, EACH = 20 };
static int ends[2][2];
static volatile sig_atomic_t ticks, bad;
static pid_t self, parent;

static void talk(int which) {
    char out[32], in[32];
    memset(out, 'a' + which, sizeof out);
    bad += hot(SYS_write, ends[which][1], (long)out, sizeof out) != sizeof out;
    bad += hot(SYS_read, ends[which][0], (long)in, sizeof in) != sizeof in || memcmp(in, out, sizeof in) != 0;
    bad += hot(SYS_getppid, 0, 0, 0) != parent;
    bad += hot(SYS_getpid, 0, 0, 0) != self;
}

static void inner(int number) {
    (void)number;
    bad += hot(SYS_getpid, 0, 0, 0) != self;
}

static void tick(int number) {
    (void)number;
    ticks++;
    talk(1);
    raise(SIGUSR1);
    talk(1);
}

int main(void) {
    self = getpid();
    parent = getppid();
    must(pipe(ends[0]), "pipe");
    must(pipe(ends[1]), "pipe");
    heat();
    handle(SIGALRM, tick, SA_RESTART);
    handle(SIGUSR1, inner, SA_RESTART);
    for (int i = 0; i < ROUNDS; i++) {
        struct itimerval soon = {{0, 0}, {0, 30 + i % 100 * 7}};
        if (i % EACH == 0)
            setitimer(ITIMER_REAL, &soon, NULL);
        talk(0);
    }
    struct itimerval often = {{0, 20000}, {0, 20000}};
    setitimer(ITIMER_REAL, &often, NULL);
    while (ticks < 5)
        pause();
    check(bad == 0, "every result is right");
    return 0;
}
