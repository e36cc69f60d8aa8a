/* clone3: plain, with a process descriptor, with CLONE_CLEAR_SIGHAND, vfork-like; its errors. */
#include "check.h"
#include <linux/sched.h>
#include <poll.h>

static pid_t clone3(struct clone_args *args, size_t size) {
    return (pid_t)syscall(SYS_clone3, args, size);
}

static void note(int number) {
    (void)number;
}

int main(void) {
    int pidfd = -1;
    pid_t tid = 0;
    struct clone_args args = {.exit_signal = SIGCHLD};
    pid_t child = clone3(&args, sizeof args);
    if (child == 0)
        _exit(1);
    report_end(child, "a plain child");

    args.flags = CLONE_PIDFD | CLONE_PARENT_SETTID;
    args.pidfd = (uintptr_t)&pidfd;
    args.parent_tid = (uintptr_t)&tid;
    child = clone3(&args, sizeof args);
    if (child == 0)
        _exit(2);
    struct pollfd waiting = {.fd = pidfd, .events = POLLIN};
    check(tid == child && pidfd >= 3, "id and descriptor are told");
    check(poll(&waiting, 1, 20000) == 1, "the descriptor tells the end");
    report_end(child, "the child");

    handle(SIGUSR1, note, 0);
    args = (struct clone_args){.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
    child = clone3(&args, sizeof args);
    if (child == 0) {
        raise(SIGUSR1);
        _exit(3);
    }
    report_end(child, "a child with CLONE_CLEAR_SIGHAND that raises SIGUSR1");

    args = (struct clone_args){.flags = CLONE_VFORK, .exit_signal = SIGCHLD};
    child = clone3(&args, sizeof args);
    if (child == 0) {
        execl("/bin/true", "true", NULL);
        _exit(127);
    }
    report_end(child, "a child that executes true");
    check_error(clone3(&args, 8), EINVAL, "a size that is too small");
    check_error(clone3(NULL, sizeof args), EFAULT, "no arguments");
    args.flags = CLONE_THREAD;
    check_error(clone3(&args, sizeof args), EINVAL, "flags that don't go together");
    return 0;
}
