/* A process whose parent ends gets another one: with a subreaper that is us, and we can wait for it. */
#include "check.h"
#include <sys/prctl.h>

int main(void) {
    int ids[2], gate[2];
    char byte;
    pid_t orphan;
    must(prctl(PR_SET_CHILD_SUBREAPER, 1), "prctl");
    must(pipe(ids), "pipe");
    must(pipe(gate), "pipe");
    pid_t main_process = getpid();
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0) {
            pid_t self = getpid();
            close(gate[1]);
            read(gate[0], &byte, 1);
            int right = getppid() == main_process;
            write(ids[1], &self, sizeof self);
            _exit(right ? 44 : 45);
        }
        _exit(1);
    }
    close(gate[0]);
    report_end(child, "the parent");
    close(gate[1]);
    check(read(ids[0], &orphan, sizeof orphan) == sizeof orphan, "the orphan goes on");
    report_end(orphan, "the orphan");
    return 0;
}
