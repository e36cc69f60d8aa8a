/* kill(0), kill(-group), killpg, kill(pid, 0), and the errors of kill. */
#include "check.h"

int main(void) {
    int ready[2];
    char byte;
    pid_t first = fork();
    if (first == 0) {
        pause();
        _exit(0);
    }
    must(setpgid(first, first), "setpgid");
    must(pipe(ready), "pipe");
    pid_t second = fork();
    if (second == 0) {
        setpgid(0, first);
        write(ready[1], "r", 1);
        pause();
        _exit(0);
    }
    must(read(ready[0], &byte, 1), "read");
    check(getpgid(second) == first, "both are in one group");
    check(kill(first, 0) == 0, "kill with 0 only checks");
    check(kill(-first, SIGTERM) == 0, "kill of the group");
    report_end(first, "the first");
    report_end(second, "the second");
    check_error(kill(-first, 0), ESRCH, "the group is gone");
    check_error(kill(getpid(), 65), EINVAL, "no such signal");
    handle(SIGUSR1, SIG_IGN, 0);
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        handle(SIGUSR1, SIG_DFL, 0);
        kill(0, SIGUSR1);
        _exit(0);
    }
    report_end(child, "one that signals its own group");
    return 0;
}
