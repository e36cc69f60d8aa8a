/* Process groups and sessions: setpgid, setsid, their errors, after exec, ids of group and session. */
#include "check.h"

int main(void) {
    char byte;
    int ends[2], ready[2];
    pid_t child = fork();
    if (child == 0) {
        check(getpgrp() == getpgid(getppid()) && getsid(0) == getsid(getppid()), "both are inherited");
        check(setpgid(0, 0) == 0 && getpgrp() == getpid(), "a group of its own");
        check_error(setsid(), EPERM, "a leader of a group can't begin a session");
        _exit(0);
    }
    report_end(child, "a child");
    child = fork();
    if (child == 0) {
        check(setsid() == getpid() && getsid(0) == getpid() && getpgrp() == getpid(), "a session of its own");
        check_error(open("/dev/tty", O_RDWR), ENXIO, "without a terminal");
        check_error(setpgid(0, getppid()), EPERM, "its leader can't leave");
        _exit(0);
    }
    report_end(child, "a child");

    must(pipe(ends), "pipe");
    must(pipe2(ready, O_CLOEXEC), "pipe");
    child = fork();
    if (child == 0) {
        close(ends[1]);
        dup2(ends[0], 0);
        execl("/bin/cat", "cat", NULL);
        _exit(127);
    }
    close(ready[1]);
    close(ends[0]);
    read(ready[0], &byte, 1);
    check_error(setpgid(child, child), EACCES, "not after its exec");
    close(ends[1]);
    report_end(child, "the child");
    check_error(setpgid(999999999, 0), ESRCH, "no such process");
    check_error(setpgid(0, -1), EINVAL, "no such group");
    check_error(getsid(999999999), ESRCH, "no such session");
    return 0;
}
