/* The stack grows by itself, up to its limit. */
#include "check.h"
#include <sys/resource.h>

static int descend(int depth) {
    volatile char room[8192];
    room[0] = (char)depth;
    room[8191] = 1;
    return depth == 0 ? 0 : descend(depth - 1) + room[8191];
}

int main(void) {
    check(descend(800) == 800, "6.5 MB of stack");
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        _exit(descend(2000) & 1);
    }
    report_end(child, "a child that takes 16 MB");
    return 0;
}
