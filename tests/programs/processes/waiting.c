/* wait in its forms: WNOHANG, by group, WNOWAIT, wait4 with usage, waitid; their errors. */
#include "check.h"
#include <sys/resource.h>

static pid_t start(int status, int gate) {
    char byte;
    pid_t child = (pid_t)must(fork(), "fork");
    if (child == 0) {
        if (gate >= 0)
            read(gate, &byte, 1);
        _exit(status);
    }
    return child;
}

int main(void) {
    int gate[2], status = 0;
    siginfo_t info = {0};
    struct rusage usage;
    must(pipe(gate), "pipe");
    check_error(wait(&status), ECHILD, "no child");

    pid_t child = start(1, gate[0]);
    check(waitpid(child, &status, WNOHANG) == 0, "WNOHANG while it lives");
    check(waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0, "waitid likewise");
    write(gate[1], "g", 1);
    check(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0 && info.si_pid == child, "WNOWAIT");
    check(info.si_code == CLD_EXITED && info.si_status == 1 && info.si_signo == SIGCHLD, "its information");
    check(waitpid(child, &status, WNOHANG) == child && WEXITSTATUS(status) == 1, "it is still there");
    check_error(waitpid(child, &status, 0), ECHILD, "now it is not");

    child = start(2, -1);
    check(wait4(child, &status, 0, &usage) == child && WEXITSTATUS(status) == 2, "wait4");
    check(usage.ru_maxrss > 0, "its usage");
    child = start(3, gate[0]);
    setpgid(child, child);
    write(gate[1], "g", 1);
    check_error(waitpid(0, &status, 0), ECHILD, "none in our group");
    check(waitpid(-child, &status, 0) == child && WEXITSTATUS(status) == 3, "by its group");
    child = start(4, gate[0]);
    kill(child, SIGKILL);
    check(waitid(P_ALL, 0, &info, WEXITED) == 0 && info.si_code == CLD_KILLED && info.si_status == SIGKILL,
          "waitid of a killed one");
    check(waitpid(start(5, -1), NULL, 0) > 0, "without a status");
    check_error(waitpid(getpid(), &status, 0), ECHILD, "oneself");
    check_error(waitpid(child, &status, 0x1000), EINVAL, "unknown options");
    check_error(waitid(P_ALL, 0, &info, 0), EINVAL, "waitid for nothing");
    return 0;
}
