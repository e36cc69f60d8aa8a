/* More processes in one memory than the monitor has prepared for, all making calls, first one by one, then at once. */
#include "check.h"
#include <sched.h>
#include <sys/mman.h>

#include "hot.h"

enum { PROCESSES = 40, STACK = 32768 };
static volatile int bad;

static int talk(void *unused) {
    int ends[2];
    char out = 'x', in = 0;
    (void)unused;
    if (syscall(SYS_pipe, ends) != 0)
        return 1;
    for (int i = 0; i < 30; i++) {
        if (hot(SYS_write, ends[1], (long)&out, 1) != 1 || hot(SYS_read, ends[0], (long)&in, 1) != 1 || in != 'x')
            return 2;
        if (hot(SYS_getpid, 0, 0, 0) != hot(SYS_gettid, 0, 0, 0))
            return 3;
    }
    return 0;
}

int main(void) {
    char *stacks = mmap(NULL, PROCESSES * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int good = 0, status;
    heat();
    for (int i = 0; i < PROCESSES; i++) {
        pid_t child = clone(talk, stacks + (i + 1) * STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
        good += waitpid(child, &status, 0) == child && status == 0;
    }
    check(good == PROCESSES, "one by one");
    for (int i = 0; i < PROCESSES; i++)
        must(clone(talk, stacks + (i + 1) * STACK, CLONE_VM | SIGCHLD, NULL), "clone");
    good = 0;
    while (waitpid(-1, &status, 0) > 0)
        good += status == 0;
    check(good == PROCESSES, "at once");
    check(talk(NULL) == 0, "and the first");
    return 0;
}
