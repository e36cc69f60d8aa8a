/* A tree of processes: ids of parents, copies of memory, statuses passed upwards. */
#include "check.h"

static int grow(int depth) {
    int status, sum = 1;
    pid_t parent = getpid();
    if (depth == 0)
        return 1;
    for (int i = 0; i < 2; i++) {
        pid_t child = (pid_t)must(fork(), "fork");
        if (child == 0)
            _exit(getppid() == parent ? grow(depth - 1) : 255);
        waitpid(child, &status, 0);
        sum += WEXITSTATUS(status);
    }
    return sum;
}

int main(void) {
    int memory = 1;
    check(grow(4) == 31, "31 processes, every one with its parent");
    pid_t child = fork();
    if (child == 0) {
        memory = 2;
        check(getpid() == (pid_t)syscall(SYS_gettid) && getpid() != getppid(), "ids in the child");
        exit(memory);
    }
    report_end(child, "the child");
    check(memory == 1, "its memory is its own");
    return 0;
}
