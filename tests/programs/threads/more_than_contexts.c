/* More threads than the monitor has prepared for, all making calls; threads before and after them, too. */
#include "check.h"
#include <pthread.h>

#include "hot.h"

enum { THREADS = 40 };
static pthread_barrier_t together;

static void *talk(void *argument) {
    long wrong = 0;
    char bytes[32], back[32];
    int ends[2];
    wrong += pipe(ends) != 0;
    pthread_barrier_wait(&together);
    for (int i = 0; i < 10; i++) {
        memset(bytes, i, sizeof bytes);
        wrong += hot(SYS_write, ends[1], (long)bytes, sizeof bytes) != sizeof bytes;
        wrong += hot(SYS_read, ends[0], (long)back, sizeof back) != sizeof back || memcmp(bytes, back, sizeof back) != 0;
        wrong += hot(SYS_getpid, 0, 0, 0) != getpid();
    }
    close(ends[0]);
    close(ends[1]);
    return wrong ? argument : NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    int good = 0;
    heat();
    for (int round = 0; round < 2; round++) {
        pthread_barrier_init(&together, NULL, THREADS);
        for (int i = 0; i < THREADS; i++)
            good += pthread_create(&threads[i], NULL, talk, &good) == 0;
        for (int i = 0; i < THREADS; i++) {
            void *result;
            pthread_join(threads[i], &result);
            good += result == NULL;
        }
        heat();
    }
    check(good == 4 * THREADS, "every call of every thread");
    return 0;
}
