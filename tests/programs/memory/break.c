/* brk and sbrk: growth, shrinking, zeroes, a limit. */
#include "check.h"
#include <sys/resource.h>

int main(void) {
    static char buffer[4096];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer); /* malloc must not move the break */
    char *start = sbrk(0);
    check(sbrk(100000) == start && sbrk(0) == start + 100000, "growth");
    memset(start, 1, 100000);
    check(brk(start + 5000) == 0 && sbrk(0) == start + 5000, "shrinking");
    check(brk(start + 100000) == 0 && start[4999] == 1 && start[50000] == 0, "new pages are empty");
    int right = 0;
    for (int i = 0; i < 200; i++) {
        char *old = sbrk(8192);
        old[8191] = (char)i;
        right += old[0] == 0;
    }
    check(right == 200, "200 steps");
    pid_t child = fork();
    if (child == 0) {
        start[0] = 2;
        _exit(sbrk(4096) == (void *)-1);
    }
    report_end(child, "a child that moves its own break");
    check(start[0] == 1, "our memory is ours");
    struct rlimit limit = {1 << 20, 1 << 20};
    setrlimit(RLIMIT_DATA, &limit);
    check_error((long)sbrk(1 << 24), ENOMEM, "beyond the limit");
    char *behind = (char *)(((uintptr_t)sbrk(0) + 4095) & ~4095UL);
    int pipes[2];
    must(pipe(pipes), "pipe");
    check_error(write(pipes[1], behind, 1), EFAULT, "what was refused is not there");
    check(brk(start) == 0, "back to the start");
    return 0;
}
