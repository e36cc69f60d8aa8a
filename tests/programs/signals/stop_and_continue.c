/* A child is stopped and continued by signals; its parent follows by WUNTRACED and WCONTINUED. */
#include "check.h"

static volatile sig_atomic_t continued;

static void note(int number) {
    continued += number == SIGCONT;
}

int main(void) {
    int status, gate[2];
    char byte = 0;
    must(pipe(gate), "pipe");
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0); /* SIGTSTP does nothing in an orphaned group, which ours may be */
        handle(SIGCONT, note, 0);
        raise(SIGSTOP);
        read(gate[0], &byte, 1); /* a new stop would hide that it went on */
        raise(SIGTSTP);
        read(gate[0], &byte, 1);
        _exit(10 + continued);
    }
    for (int i = 0; i < 2; i++) {
        check(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status), "stopped");
        printf("by SIG%s\n", sigabbrev_np(WSTOPSIG(status)));
        check(waitpid(child, &status, WNOHANG | WUNTRACED) == 0, "told once");
        kill(child, SIGCONT);
        check(waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status), "continued");
        write(gate[1], &byte, 1);
    }
    report_end(child, "the child");

    child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        _exit(1);
    }
    waitpid(child, &status, WUNTRACED);
    kill(child, SIGTERM);
    check(waitpid(child, &status, WNOHANG) == 0, "a stopped process keeps SIGTERM for later");
    kill(child, SIGCONT);
    report_end(child, "it");
    child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        _exit(1);
    }
    waitpid(child, &status, WUNTRACED);
    kill(child, SIGKILL);
    report_end(child, "a stopped process that is killed");
    return 0;
}
