/* Threads that open, read, copy and close files and pipes. Whose descriptor gets which number depends on who closes one first: a variant
 * that lets one thread open before another has closed has other numbers than the rest, or closes what has just been
 * opened. Threads of low priority come late to the call that they have begun, when others have long got the turn. */
#include "check.h"
#include <pthread.h>
#include <sys/resource.h>

#include "hot.h"

enum { THREADS = 5, ROUNDS = 1500 };

static void *use_files(void *argument) {
    int own = *(int *)argument;
    long wrong = 0;
    char text[4];
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), own < 3 ? 19 : 0);
    for (int i = 0; i < ROUNDS; i++) {
        long file = hot(SYS_open, (long)"/proc/self/comm", O_RDONLY | O_CLOEXEC, 0);
        wrong += file < 3 || hot(SYS_read, file, (long)text, sizeof text) != sizeof text;
        for (int j = 0; j < own; j++)
            wrong += hot(SYS_getppid, 0, 0, 0) <= 0;
        wrong += hot(SYS_close, file, 0, 0) != 0;
    }
    return wrong ? argument : NULL;
}

/* Numbers that agree only if they are the leader's, or all that was opened before is there. */
static void *copy_and_connect(void *argument) {
    long wrong = 0;
    int ends[2];
    for (int i = 0; i < ROUNDS / 3; i++) {
        int copy = dup(0);
        wrong += copy < 3 || close(copy) != 0;
        wrong += pipe(ends) != 0 || write(ends[1], "x", 1) != 1 || close(ends[0]) != 0 || close(ends[1]) != 0;
    }
    return wrong ? argument : NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    int numbers[THREADS], good = 0;
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, i == 0 ? copy_and_connect : use_files, &numbers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        good += result == NULL;
    }
    check(good == THREADS, "every thread has read and closed what it had opened");
    check(must(open("/dev/null", O_RDONLY), "open") == 3, "all numbers are free again");
    return 0;
}
