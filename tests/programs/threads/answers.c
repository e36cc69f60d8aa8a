/* Threads in a circle hand a number on through pipes: the turn among them passes while the one that had it reads. */
#include "check.h"
#include <pthread.h>

enum { THREADS = 3 };

static int ends[THREADS][2];
static long wrong;

static void *hand_on(void *argument) {
    long own = (long)argument, number, next = own;
    while (read(ends[own][0], &number, sizeof number) == sizeof number) {
        wrong += number != next;
        next += THREADS;
        number++;
        must(write(ends[(own + 1) % THREADS][1], &number, sizeof number), "write");
    }
    close(ends[(own + 1) % THREADS][1]);
    return NULL;
}

int main(int count, char **arguments) {
    long rounds = count > 1 ? atol(arguments[1]) : 1000, number = 0;
    pthread_t threads[THREADS];
    for (long i = 0; i < THREADS; i++)
        must(pipe(ends[i]), "pipe");
    for (long i = 1; i < THREADS; i++)
        pthread_create(&threads[i], NULL, hand_on, (void *)i);
    for (long i = 0; i < rounds; i++) {
        long sent = number + 1;
        must(write(ends[1][1], &sent, sizeof sent), "write");
        must(read(ends[0][0], &number, sizeof number), "read");
        wrong += number != sent + THREADS - 1;
    }
    close(ends[1][1]);
    for (long i = 1; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    check(wrong == 0 && number == rounds * THREADS, "every number has come round");
    return 0;
}
