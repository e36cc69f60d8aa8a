/* One thread makes calls by the thousand while others sleep: one for a condition, one in a read, one in a poll. */
#include "check.h"
#include <poll.h>
#include <pthread.h>

#include "hot.h"

enum { CALLS = 5000 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int over, reading[2], polled[2];

static void *wait_for_condition(void *argument) {
    pthread_mutex_lock(&lock);
    while (!over)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    return argument;
}

/* Twenty bytes come one by one, so that the calls below are made from where they are made often. */
static void *wait_in_read(void *argument) {
    char byte;
    long sum = 0;
    while (hot(SYS_read, reading[0], (long)&byte, 1) == 1)
        sum += byte;
    return sum == 20 * 'r' ? argument : NULL;
}

static void *wait_in_poll(void *argument) {
    char byte;
    struct pollfd entry = {.fd = polled[0], .events = POLLIN};
    long sum = 0;
    while (hot(SYS_poll, (long)&entry, 1, -1) == 1 && read(polled[0], &byte, 1) == 1)
        sum += byte;
    return sum == 20 * 'p' ? argument : NULL;
}

int main(void) {
    void *(*bodies[])(void *) = {wait_for_condition, wait_in_read, wait_in_poll};
    pthread_t threads[3];
    void *results[3];
    char zeros[64];
    int good = 0, zero = must(open("/dev/zero", O_RDONLY), "open");
    must(pipe(reading), "pipe");
    must(pipe(polled), "pipe");
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, bodies[i], threads);
    for (int i = 0; i < 20; i++) {
        hot(SYS_write, reading[1], (long)"r", 1);
        hot(SYS_write, polled[1], (long)"p", 1);
    }
    for (int i = 0; i < CALLS; i++) {
        good += hot(SYS_getpid, 0, 0, 0) == getpid();
        memset(zeros, 1, sizeof zeros);
        good += hot(SYS_read, zero, (long)zeros, sizeof zeros) == sizeof zeros && !zeros[0] && !zeros[63];
    }
    check(good == 2 * CALLS, "calls beside sleeping threads");
    pthread_mutex_lock(&lock);
    over = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    close(reading[1]);
    close(polled[1]);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], &results[i]);
    check(results[0] && results[1] && results[2], "all have been woken, by what they waited for");
    return 0;
}
