/* pidfd_open, poll, waitid with P_PIDFD, pidfd_send_signal. */
#include "check.h"
#include <poll.h>
#include <sys/pidfd.h>

int main(void) {
    siginfo_t info = {0};
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    int fd = (int)must(pidfd_open(child, 0), "pidfd_open");
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    check(poll(&waiting, 1, 0) == 0, "it lives");
    check(waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0, "waitid does not block");
    check(pidfd_send_signal(fd, SIGTERM, NULL, 0) == 0, "pidfd_send_signal");
    check(poll(&waiting, 1, 20000) == 1 && waiting.revents & POLLIN, "it has ended");
    check(waitid(P_PIDFD, (id_t)fd, &info, WEXITED) == 0 && info.si_pid == child, "waitid with P_PIDFD");
    check(info.si_code == CLD_KILLED && info.si_status == SIGTERM, "by SIGTERM");
    check_error(pidfd_send_signal(fd, 0, NULL, 0), ESRCH, "it is gone");
    check_error(pidfd_open(-1, 0), EINVAL, "no such id");
    check(fcntl(fd, F_GETFD) == FD_CLOEXEC, "a process descriptor is close-on-exec");
    return 0;
}
