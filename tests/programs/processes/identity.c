/* Ids of the process are the same wherever they are asked for, and /proc/self is this process. */
#include "check.h"

int main(void) {
    char link[64] = "", name[64] = "", line[256];
    int from_status = 0;
    snprintf(name, sizeof name, "%d", getpid());
    readlink("/proc/self", link, sizeof link - 1);
    check(strcmp(link, name) == 0, "/proc/self");
    FILE *file = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, file))
        sscanf(line, "Pid: %d", &from_status);
    check(from_status == getpid(), "/proc/self/status");
    snprintf(name, sizeof name, "/proc/%d/comm", getpid());
    file = fopen(name, "r");
    check(file && fgets(line, sizeof line, file) && strcmp(line, "identity\n") == 0, "its name");
    check(gettid() == getpid() && syscall(SYS_set_tid_address, &from_status) == getpid(), "its thread");
    uid_t real, effective, saved;
    getresuid(&real, &effective, &saved);
    check(real == getuid() && effective == geteuid(), "users");
    check(getgroups(0, NULL) >= 0 && getegid() == getgid(), "groups");
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    snprintf(name, sizeof name, "/proc/self/fdinfo/%d", pidfd);
    file = fopen(name, "r");
    int from_info = 0;
    while (file && fgets(line, sizeof line, file))
        sscanf(line, "Pid: %d", &from_info);
    check(from_info == getpid(), "a descriptor of itself");
    return 0;
}
