/* The main thread ends by pthread_exit; the process ends with the last thread. */
#include "check.h"
#include <pthread.h>
#include <sys/stat.h>

static pthread_t main_thread;

static void *run(void *unused) {
    (void)unused;
    pthread_join(main_thread, NULL);
    for (int i = 0; i < 20; i++)
        umask((mode_t)i); /* calls take no longer than before */
    check(1, "the other thread goes on");
    exit(6);
}

int main(void) {
    pthread_t thread;
    main_thread = pthread_self();
    pthread_create(&thread, NULL, run, NULL);
    pthread_exit(NULL);
}
