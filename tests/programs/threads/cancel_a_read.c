/* A thread is cancelled while it waits in a read that was made often before; what it was to clean up is cleaned up. */
#include "check.h"
#include <pthread.h>

static int ends[2], word[2];
static int cleaned;

static void clean(void *argument) {
    (void)argument;
    cleaned++;
}

static void *reader(void *argument) {
    char byte;
    pthread_cleanup_push(clean, NULL);
    while (read(ends[0], &byte, 1) == 1)
        write(word[1], &byte, 1);
    pthread_cleanup_pop(0);
    return argument;
}

int main(void) {
    int good = 0;
    must(pipe(ends), "pipe");
    must(pipe(word), "pipe");
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        void *result;
        char byte;
        pthread_create(&thread, NULL, reader, NULL);
        for (int j = 0; j < 20; j++) {
            write(ends[1], "c", 1);
            good += read(word[0], &byte, 1) == 1 && byte == 'c';
        }
        pthread_cancel(thread);
        pthread_join(thread, &result);
        good += result == PTHREAD_CANCELED;
    }
    check(good == 210, "every byte came, every thread was cancelled");
    check(cleaned == 10, "every thread cleaned up");
    return 0;
}
