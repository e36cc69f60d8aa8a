/* A timer and dying children interrupt reads, writes and queries by the thousand: every result is right. */
#include "check.h"
#include <sys/time.h>
#include <time.h>

#include "hot.h"

enum { ROUNDS = 1000, CHILDREN = 20 };
static volatile sig_atomic_t ticks, deaths;

static void tick(int number) {
    (void)number;
    ticks++;
}

static void bury(int number) {
    int saved = errno;
    (void)number;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        deaths++;
    errno = saved;
}

int main(void) {
    struct itimerval often = {{0, 5000}, {0, 5000}}, never = {{0, 0}, {0, 0}};
    int ends[2], bad = 0, began = 0;
    pid_t self = getpid();
    struct timespec before = {0, 0}, now;
    must(pipe(ends), "pipe");
    handle(SIGALRM, tick, SA_RESTART);
    handle(SIGCHLD, bury, SA_RESTART);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        unsigned char out[64], in[64];
        memset(out, i, sizeof out);
        bad += hot(SYS_write, ends[1], (long)out, sizeof out) != sizeof out;
        bad += hot(SYS_read, ends[0], (long)in, sizeof in) != sizeof in || memcmp(in, out, sizeof in) != 0;
        bad += hot(SYS_getpid, 0, 0, 0) != self;
        bad += hot(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0) != 0;
        bad += now.tv_sec < before.tv_sec || (now.tv_sec == before.tv_sec && now.tv_nsec < before.tv_nsec);
        before = now;
        if (i % (ROUNDS / CHILDREN) == 0) {
            pid_t child = fork();
            if (child == 0)
                _exit(0);
            began += child > 0;
        }
    }
    setitimer(ITIMER_REAL, &never, NULL);
    check(bad == 0, "every result is right");
    check(began == CHILDREN, "every child began");
    sigset_t none;
    sigemptyset(&none);
    while (deaths < CHILDREN)
        if (waitpid(-1, NULL, 0) > 0)
            deaths++;
        else if (errno == ECHILD)
            break;
    check(deaths == CHILDREN, "every child was waited for");
    /* On a fast machine the timer may not have rung. */
    setitimer(ITIMER_REAL, &often, NULL);
    while (ticks == 0)
        pause();
    check(ticks > 0, "the timer rang");
    return 0;
}
