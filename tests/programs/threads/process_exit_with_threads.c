/* exit while another thread is blocked in a call; exec from a process with two threads. */
#include "check.h"
#include <pthread.h>

static int ends[2];

static void *block(void *unused) {
    char byte;
    (void)unused;
    read(ends[0], &byte, 1);
    return NULL;
}

int main(void) {
    pthread_t thread;
    must(pipe(ends), "pipe");
    pid_t child = fork();
    if (child == 0) {
        pthread_create(&thread, NULL, block, NULL);
        exit(3);
    }
    report_end(child, "one that exits");
    child = fork();
    if (child == 0) {
        pthread_create(&thread, NULL, block, NULL);
        execl("/bin/sh", "sh", "-c", "echo executed; exit 4", NULL);
    }
    report_end(child, "one that executes a shell");
    child = fork();
    if (child == 0) {
        pthread_create(&thread, NULL, block, NULL);
        raise(SIGKILL);
    }
    report_end(child, "one that is killed");
    return 0;
}
