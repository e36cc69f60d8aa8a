/* The main thread ends by pthread_exit; the process ends with the last thread. */
#include "check.h"
#include <pthread.h>

static pthread_t main_thread;

static void *run(void *unused) {
    (void)unused;
    pthread_join(main_thread, NULL);
    check(1, "the other thread goes on");
    exit(6);
}

int main(void) {
    pthread_t thread;
    main_thread = pthread_self();
    pthread_create(&thread, NULL, run, NULL);
    pthread_exit(NULL);
}
