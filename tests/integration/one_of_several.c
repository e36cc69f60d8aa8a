/* Writes numbers; where they stand in the middle, it does what ODD says. What is odd is so once: what comes behind it is
 * made by whoever goes on: calls of many kinds, a child, a thread. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOTHING, WRITES, CALLS, FAULTS, STALLS };
#ifndef ODD
#define ODD NOTHING
#endif
#define MANY 200

static void say(const char *who, int number) {
    char line[32];
    int length = snprintf(line, sizeof line, "%s %d\n", who, number);
    if (write(STDOUT_FILENO, line, length) != length)
        abort();
}

static void be_odd(int kind) {
    static int *volatile nowhere;
    if (kind == WRITES)
        say("something else", MANY);
    if (kind == CALLS)
        unlink("numbers");
    if (kind == FAULTS)
        *nowhere = 1;
    while (kind == STALLS)
        ;
}

static void *count(void *who) {
    for (int number = 0; number < MANY; number++)
        say(who, number);
    return NULL;
}

int main(void) {
    fclose(fopen("numbers", "w"));
    count("first");
    be_odd(ODD);
    count("second");
    pid_t child = fork();
    if (child == 0) {
        count("child");
        _exit(7);
    }
    int status;
    if (waitpid(child, &status, 0) != child)
        abort();
    pthread_t thread;
    if (pthread_create(&thread, NULL, count, "thread") || pthread_join(thread, NULL))
        abort();
    return WEXITSTATUS(status);
}
