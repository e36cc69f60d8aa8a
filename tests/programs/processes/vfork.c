/* vfork: the child shares memory, the parent waits; exec, failing exec, other calls, _exit, death in it. */
#include "check.h"

int main(void) {
    volatile int shared = 0;
    volatile int error = 0;
    int ends[2];
    char text[8] = "";
    must(pipe(ends), "pipe");

    pid_t child = vfork();
    if (child == 0) {
        shared = 1;
        _exit(3);
    }
    check(shared == 1, "the child writes into its parent's memory");
    report_end(child, "a child that exits");

    child = vfork();
    if (child == 0) {
        dup2(ends[1], 1);
        execl("/bin/echo", "echo", "hello", NULL);
        _exit(127);
    }
    report_end(child, "a child that executes echo");
    check(read(ends[0], text, sizeof text) == 6 && memcmp(text, "hello\n", 6) == 0, "its output");

    child = vfork();
    if (child == 0) {
        execl("/nonexistent", "x", NULL);
        error = errno;
        _exit(127);
    }
    check(error == ENOENT, "a failing exec tells its error");
    report_end(child, "the child");

    child = vfork();
    if (child == 0) {
        close(ends[0]);
        write(ends[1], "child", 5);
        kill(getpid(), SIGKILL);
    }
    report_end(child, "a child that kills itself");
    check(read(ends[0], text, sizeof text) == 5, "descriptors are not shared");

    for (volatile int i = 0; i < 50; i++) {
        child = vfork();
        if (child == 0) {
            execl("/bin/true", "true", NULL);
            _exit(127);
        }
        int status;
        shared += waitpid(child, &status, 0) == child && status == 0;
    }
    check(shared == 51, "50 times in a row");
    return 0;
}
