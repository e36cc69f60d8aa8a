/* A thread that looks whether another has come, and lets others run between looks, takes turn after turn and waits for
 * nobody: the others must not wait for that. */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { ROUNDS = 200, READS = 20 };

static atomic_int state;
static int good_reads;

/* Even: the second thread has come; odd: the first has. */
static void wait_for(int wanted) {
    while (atomic_load(&state) != wanted)
        sched_yield();
}

static void *read_often(void *zero) {
    char buffer[64];
    for (int round = 0; round < ROUNDS; round++) {
        wait_for(2 * round + 1);
        for (int i = 0; i < READS; i++)
            good_reads += read(*(int *)zero, buffer, sizeof buffer) == sizeof buffer;
        atomic_store(&state, 2 * round + 2);
    }
    return NULL;
}

int main(void) {
    int zero = open("/dev/zero", O_RDONLY);
    int good_writes = 0;
    pthread_t other;
    pthread_create(&other, NULL, read_often, &zero);
    for (int round = 0; round < ROUNDS; round++) {
        atomic_store(&state, 2 * round + 1);
        wait_for(2 * round + 2);
        good_writes += write(1, ".", 1) == 1;
    }
    pthread_join(other, NULL);
    check(good_reads == ROUNDS * READS && good_writes == ROUNDS, "all reads and writes");
    return 0;
}
