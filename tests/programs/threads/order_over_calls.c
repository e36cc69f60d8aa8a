/* Threads that wait in reads and writes, and note what they do in an order that nothing but their turns decides. The
 * notes are written out: they must be the same in all variants. */
#include "check.h"
#include <pthread.h>

#include "hot.h"

enum { THREADS = 4, ROUNDS = 150 };
static int ring[THREADS][2], nowhere;
static unsigned char notes[THREADS * ROUNDS * 3];
/* Without lock: a thread that runs beside another would lose notes. */
static unsigned length;

static void note(int who, int what) {
    unsigned here = length;
    notes[here % sizeof notes] = (unsigned char)(who * 16 + what);
    length = here + 1;
}

/* Passes bytes round, and makes calls in between that do not wait. */
static void *pass(void *argument) {
    int own = *(int *)argument, next = (own + 1) % THREADS;
    long wrong = 0;
    char byte;
    for (int i = 0; i < ROUNDS; i++) {
        wrong += hot(SYS_read, ring[own][0], (long)&byte, 1) != 1;
        note(own, 1);
        byte++;
        for (int j = 0; j < own; j++)
            wrong += hot(SYS_getppid, 0, 0, 0) != getppid();
        wrong += hot(SYS_write, ring[next][1], (long)&byte, 1) != 1;
        note(own, 2);
        if (i % 10 == own)
            wrong += hot(SYS_write, nowhere, (long)notes, length % sizeof notes) < 0;
    }
    return wrong ? argument : NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    int numbers[THREADS], good = 0;
    char byte = 0;
    nowhere = must(open("/dev/null", O_WRONLY), "open");
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        must(pipe(ring[i]), "pipe");
    }
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, pass, &numbers[i]);
    /* Three bytes are on their way at any time. */
    for (int i = 0; i < 3; i++)
        must(write(ring[i][1], &byte, 1), "write");
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        good += result == NULL;
    }
    check(good == THREADS, "every thread has passed on every byte that came");
    must(write(nowhere, notes, length % sizeof notes), "write");
    return 0;
}
