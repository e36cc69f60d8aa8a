/* setitimer of all three kinds, alarm, getitimer. */
#include "check.h"
#include <sys/time.h>

static volatile sig_atomic_t real, virtual, profiling;

static void note(int number) {
    real += number == SIGALRM;
    virtual += number == SIGVTALRM;
    profiling += number == SIGPROF;
}

/* These timers count the program's own time, so it has to spend some. */
static void work(void) {
    for (volatile int i = 0; i < 200000; i++)
        ;
    getppid();
}

int main(void) {
    struct itimerval often = {{0, 5000}, {0, 5000}}, never = {{0, 0}, {0, 0}}, now;
    handle(SIGALRM, note, 0);
    handle(SIGVTALRM, note, 0);
    handle(SIGPROF, note, 0);
    setitimer(ITIMER_REAL, &often, NULL);
    while (real < 5)
        pause();
    getitimer(ITIMER_REAL, &now);
    check(now.it_interval.tv_usec == 5000, "the interval is told");
    setitimer(ITIMER_REAL, &never, &now);
    check(now.it_value.tv_usec <= 5000, "the old value is told");
    setitimer(ITIMER_VIRTUAL, &often, NULL);
    while (virtual < 2)
        work();
    setitimer(ITIMER_VIRTUAL, &never, NULL);
    check(1, "virtual time passes");
    setitimer(ITIMER_PROF, &often, NULL);
    while (profiling < 2)
        work();
    setitimer(ITIMER_PROF, &never, NULL);
    check(1, "profiling time passes");
    real = 0;
    check(alarm(100) == 0, "no alarm was set");
    check(alarm(1) >= 99, "alarm tells what was left");
    while (real == 0)
        pause();
    check(real == 1, "the alarm came");
    return 0;
}
