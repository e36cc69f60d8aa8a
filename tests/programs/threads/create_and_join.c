/* A second thread runs, returns its value, has its own id, errno and thread-local data. */
#include "check.h"
#include <pthread.h>

static __thread int own = 1;
static int shared;

static void *run(void *argument) {
    own = 2;
    shared = *(int *)argument;
    errno = 77;
    return (void *)(intptr_t)(gettid() != getpid() && own == 2);
}

int main(void) {
    pthread_t thread;
    void *result;
    int value = 42;
    errno = 0;
    for (int i = 0; i < 20; i++) {
        pthread_create(&thread, NULL, run, &value);
        pthread_join(thread, &result);
    }
    check(result == (void *)1 && shared == 42, "20 threads, one after the other");
    check(errno == 0 && own == 1, "errno and thread-local data are a thread's own");
    return 0;
}
