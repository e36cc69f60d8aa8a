/* A process whose first thread has ended is killed: from outside, by itself, while another thread waits or computes. */
#include "check.h"
#include <pthread.h>

static int ends[2], ready[2];
static volatile int never;

static void *waits(void *argument) {
    char byte = 'x';
    (void)!write(ready[1], &byte, 1);
    (void)!read(ends[0], &byte, 1);
    return argument;
}

static void *computes(void *argument) {
    char byte = 'x';
    (void)!write(ready[1], &byte, 1);
    while (!never)
        ;
    return argument;
}

static void *aborts(void *argument) {
    abort();
    return argument;
}

static void ended_by(void *(*second)(void *), int number, const char *what) {
    char byte;
    pid_t child = (pid_t)must(fork(), "fork");
    if (child == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, second, NULL);
        pthread_exit(NULL);
    }
    if (number != 0) {
        must(read(ready[0], &byte, 1), "read");
        usleep(20000); /* time for the first thread to end: another way is as good */
        kill(child, number);
    }
    report_end(child, what);
}

int main(void) {
    must(pipe(ends), "pipe");
    must(pipe(ready), "pipe");
    ended_by(waits, SIGTERM, "a child that waits");
    ended_by(waits, SIGKILL, "another one");
    ended_by(computes, SIGTERM, "a child that computes");
    ended_by(aborts, 0, "a child that aborts");
    return 0;
}
