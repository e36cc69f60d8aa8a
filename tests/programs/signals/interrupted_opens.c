/* Waiting to open something ends when a handler ran, or goes on, as the handler's flags say; also where the place has
   made many calls. */
#include "check.h"
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "hot.h"

enum { TIMES = 5, MILLISECONDS = 20 };

static volatile sig_atomic_t rung;
static int opener;

static void ring(int number) {
    (void)number;
    rung++;
}

/* Opens the other end: what waited for it goes on. */
static void let_in(int number) {
    ring(number);
    opener = open("fifo", O_RDWR);
}

static void set_alarm(void) {
    struct itimerval once = {{0, 0}, {0, MILLISECONDS * 1000}};
    must(setitimer(ITIMER_REAL, &once, NULL), "setitimer");
}

int main(void) {
    int good = 0;
    must(mkfifo("fifo", 0600), "mkfifo");
    for (int i = 0; i < HOT; i++)
        close((int)hot(SYS_open, (long)".", O_RDONLY, 0));
    handle(SIGALRM, ring, 0);
    for (int i = 0; i < TIMES; i++) {
        set_alarm();
        good += hot(SYS_open, (long)"fifo", O_RDONLY, 0) == -EINTR && rung == i + 1;
    }
    check(good == TIMES, "opening ends behind the handler");
    handle(SIGALRM, let_in, SA_RESTART);
    good = 0;
    for (int i = 0; i < TIMES; i++) {
        set_alarm();
        int fd = (int)hot(SYS_open, (long)"fifo", O_RDONLY, 0);
        good += fd >= 0 && close(fd) == 0 && close(opener) == 0;
    }
    check(good == TIMES && rung == 2 * TIMES, "opening goes on behind the handler");
    int held = (int)must(open("lock", O_CREAT | O_RDWR, 0600), "open");
    int wanted = (int)must(open("lock", O_RDWR), "open");
    must(flock(held, LOCK_EX), "flock");
    handle(SIGALRM, ring, 0);
    set_alarm();
    check(hot(SYS_flock, wanted, LOCK_EX, 0) == -EINTR, "a lock is waited for until the handler ran");
    return 0;
}
