/* Threads that wait in calls made often before are sent signals: calls end with EINTR or begin again, and what else
 * the threads do goes on. */
#include "check.h"
#include <pthread.h>

#include "hot.h"

enum { ROUNDS = 15 };
static int ends[2], back[2];
static _Atomic int handled;
static __thread int own;

static void count(int number) {
    (void)number;
    own++;
    handled++;
}

/* Reads until a zero comes; tells how often it was interrupted. */
static void *reader(void *argument) {
    long interrupted = 0;
    char byte = 1;
    while (byte) {
        long got = hot(SYS_read, ends[0], (long)&byte, 1);
        if (got == -EINTR) {
            interrupted++;
            hot(SYS_write, back[1], (long)"i", 1);
        } else {
            hot(SYS_write, back[1], (long)"b", 1);
        }
    }
    return (void *)(interrupted * 1000 + own + 0 * (long)argument);
}

static void rounds(int flags, const char *what) {
    pthread_t thread;
    void *result;
    char byte;
    int good = 0, restarts = flags & SA_RESTART;
    handled = 0;
    handle(SIGUSR1, count, flags);
    pthread_create(&thread, NULL, reader, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        hot(SYS_write, ends[1], (long)"x", 1);
        good += hot(SYS_read, back[0], (long)&byte, 1) == 1 && byte == 'b';
    }
    for (int i = 0; i < ROUNDS; i++) {
        usleep(2000); /* Most of the time it waits by then; it need not. */
        pthread_kill(thread, SIGUSR1);
        while (handled <= i)
            sched_yield();
        if (!restarts) {
            /* Behind a handler that came before the call, the call waits for the next byte. */
            hot(SYS_write, ends[1], (long)"x", 1);
            do
                good += hot(SYS_read, back[0], (long)&byte, 1) == 1 && byte == 'b';
            while (byte == 'i');
        }
    }
    char zero = 0;
    hot(SYS_write, ends[1], (long)&zero, 1);
    pthread_join(thread, &result);
    check(good == ROUNDS * (restarts ? 1 : 2), what);
    check((long)result % 1000 == ROUNDS, "the handler ran in that thread only");
    check(restarts ? (long)result / 1000 == 0 : (long)result / 1000 <= ROUNDS, "as often as the flag lets it");
    while (hot(SYS_fcntl, back[0], F_SETFL, O_NONBLOCK), read(back[0], &byte, 1) == 1)
        ;
    hot(SYS_fcntl, back[0], F_SETFL, 0);
}

int main(void) {
    must(pipe(ends), "pipe");
    must(pipe(back), "pipe");
    rounds(SA_RESTART, "calls begin again");
    rounds(0, "calls end");
    return 0;
}
