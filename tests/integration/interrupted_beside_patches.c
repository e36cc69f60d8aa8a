/* A thread waits in a call that it has made at a site where another thread makes many: the site is patched meanwhile. Then a
   signal that is ignored takes the thread out of its call, to enter it again. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ends[2];
static volatile pid_t waiter;

static long at_one_site(long number, long first, long second, long third) {
    return syscall(number, first, second, third);
}

static void *wait_for_byte(void *argument) {
    struct pollfd descriptor = {.fd = ends[0], .events = POLLIN};
    waiter = gettid();
    return at_one_site(SYS_poll, (long)&descriptor, 1, -1) == 1 ? NULL : argument;
}

/* Whether a thread of this process sleeps. */
static int sleeps(pid_t thread) {
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    const char *state = length > 0 ? strrchr(text, ')') : NULL;
    return state != NULL && state[2] == 'S';
}

int main(void) {
    pthread_t thread;
    void *good = ends;
    if (pipe(ends) != 0 || pthread_create(&thread, NULL, wait_for_byte, ends) != 0)
        return 1;
    while (waiter == 0 || !sleeps(waiter))
        sched_yield();
    for (int i = 0; i < 200; i++)
        if (at_one_site(SYS_getppid, 0, 0, 0) <= 0)
            return 2;
    for (int i = 0; i < 5; i++)
        if (tgkill(getpid(), waiter, SIGWINCH) != 0)
            return 3;
    for (int i = 0; i < 200; i++)
        if (at_one_site(SYS_getppid, 0, 0, 0) <= 0)
            return 4;
    if (write(ends[1], "x", 1) != 1)
        return 5;
    pthread_join(thread, &good);
    return good == NULL ? 42 : 6;
}
