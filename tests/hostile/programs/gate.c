/* gate WHO CALL SECRET: one variant, or all, jump to the gate with a call that is not theirs to make there.
   SECRET: "right", "wrong", or "none". */
#include "hostile.h"

static char *const arguments[] = {"/bin/touch", "owned", NULL};

enum { SPARE = 7 };

static void own(void) {
    close(open("owned", O_CREAT | O_WRONLY, 0600));
}

static void attack(const char *call, long secret) {
    long result = 0;
    if (strcmp(call, "open") == 0)
        result = at_gate(SYS_open, (long)"owned", O_CREAT | O_WRONLY, 0600, 0, 0, secret);
    else if (strcmp(call, "openat") == 0)
        result = at_gate(SYS_openat, AT_FDCWD, (long)"owned", O_CREAT | O_WRONLY, 0600, 0, secret);
    else if (strcmp(call, "execve") == 0)
        result = at_gate(SYS_execve, (long)arguments[0], (long)arguments, 0, 0, 0, secret);
    else if (strcmp(call, "kill") == 0)
        result = at_gate(SYS_kill, getpid(), SIGKILL, 0, 0, 0, secret);
    else if (strcmp(call, "socket") == 0)
        result = at_gate(SYS_socket, 2, 1, 0, 0, 0, secret);
    else if (strcmp(call, "sigaction") == 0)
        result = at_gate(SYS_rt_sigaction, SIGSEGV, 0, 0, 8, 0, secret);
    else if (strcmp(call, "seccomp") == 0)
        result = at_gate(SYS_seccomp, 0, 0, 0, 0, 0, secret);
    else if (strcmp(call, "mmap") == 0)
        result = at_gate(SYS_mmap, 0, PAGE, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, secret);
    else if (strcmp(call, "mprotect") == 0)
        result = at_gate(SYS_mprotect, (long)context()->plan & -PAGE, PAGE, 7, 0, 0, secret);
    else if (strcmp(call, "clone") == 0) {
        if ((result = at_gate(SYS_clone, SIGCHLD, 0, 0, 0, 0, secret)) == 0) {
            own();
            _exit(0);
        }
    } else if (strcmp(call, "exit") == 0)
        result = at_gate(SYS_exit_group, 0, 0, 0, 0, 0, secret);
    else if (strcmp(call, "x32") == 0) /* the same number in another table */
        result = at_gate(0x40000000 | SYS_getpid, 0, 0, 0, 0, 0, secret);
    else if (strcmp(call, "restart") == 0)
        result = at_gate(SYS_restart_syscall, 0, 0, 0, 0, 0, secret);
    else if (strcmp(call, "getpid") == 0)
        result = at_gate(SYS_getpid, 0, 0, 0, 0, 0, secret);
    else if (strcmp(call, "write") == 0)
        result = at_gate(SYS_write, STDOUT_FILENO, (long)"at the gate\n", 12, 0, 0, secret);
    else if (strcmp(call, "close") == 0) /* what another variant still has */
        result = at_gate(SYS_close, SPARE, 0, 0, 0, 0, secret) - 1;
    else if (strcmp(call, "read-into-plan") == 0)
        result = at_gate(SYS_read, STDIN_FILENO, (long)context()->plan, 8, 0, 0, secret);
    else
        exit(96);
    if (result >= 0 && strcmp(call, "getpid") != 0 && strcmp(call, "write") != 0)
        own();
}

int main(int count, char **arguments_) {
    if (count != 4)
        return 95;
    dup2(STDIN_FILENO, SPARE);
    warm_up();
    long secret = (long)plan()->secret;
    if (strcmp(arguments_[3], "wrong") == 0)
        secret ^= 1L << 40;
    if (strcmp(arguments_[3], "none") == 0)
        secret = 0;
    if (concerns(arguments_[1]))
        attack(arguments_[2], secret);
    for (int i = 0; i < 10; i++)
        hot(SYS_getppid, 0, 0, 0);
    hot(SYS_close, SPARE, 0, 0);
    say("after\n");
    return 0;
}
