/* Signals read from a descriptor, and waited for with poll. */
#include "check.h"
#include <poll.h>
#include <sys/signalfd.h>

int main(void) {
    sigset_t set;
    struct signalfd_siginfo info[3];
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = (int)must(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), "signalfd");
    check_error(read(fd, info, sizeof info), EAGAIN, "nothing yet");
    kill(getpid(), SIGUSR1);
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 17});
    check(read(fd, info, sizeof info) == 2 * sizeof *info, "two at once");
    check(info[0].ssi_signo == SIGUSR1 && info[0].ssi_pid == (uint32_t)getpid(), "the first is SIGUSR1");
    check(info[1].ssi_signo == (uint32_t)SIGRTMIN && info[1].ssi_int == 17, "the second has its value");
    pid_t child = fork();
    if (child == 0)
        _exit(5);
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    check(poll(&waiting, 1, 20000) == 1 && waiting.revents == POLLIN, "poll waits for it");
    check(read(fd, info, sizeof info) == sizeof *info && info->ssi_signo == SIGCHLD, "SIGCHLD");
    check(info->ssi_pid == (uint32_t)child && info->ssi_status == 5 && info->ssi_code == CLD_EXITED,
          "with the child's status");
    report_end(child, "the child");
    return 0;
}
