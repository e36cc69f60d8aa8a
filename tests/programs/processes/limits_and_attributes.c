/* Attributes of a process: names, limits, priorities, personality, affinity; inherited by children. */
#include "check.h"
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/times.h>

int main(void) {
    char name[16] = "";
    struct rlimit limit = {50, 60}, seen;
    struct rusage usage;
    struct tms times_used;
    cpu_set_t cpus;
    prctl(PR_SET_NAME, "another name");
    prctl(PR_GET_NAME, name);
    check(strcmp(name, "another name") == 0, "its name");
    setrlimit(RLIMIT_NOFILE, &limit);
    umask(0111);
    pid_t child = fork();
    if (child == 0) {
        getrlimit(RLIMIT_NOFILE, &seen);
        check(seen.rlim_cur == 50 && seen.rlim_max == 60, "limits are inherited");
        prctl(PR_GET_NAME, name);
        check(strcmp(name, "another name") == 0, "so is the name");
        check(umask(0) == 0111, "and the umask");
        _exit(0);
    }
    report_end(child, "a child");
    errno = 0;
    nice(3);
    check(getpriority(PRIO_PROCESS, 0) == 3, "priority");
    check(personality(0xffffffff) == 0, "personality");
    check(getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_maxrss > 0, "usage");
    check(times(&times_used) != (clock_t)-1, "times");
    check(sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) > 0, "affinity");
    check(sched_setaffinity(0, sizeof cpus, &cpus) == 0, "affinity as it is");
    check(sched_getscheduler(0) == SCHED_OTHER && sched_yield() == 0, "scheduling");
    check(prctl(PR_GET_DUMPABLE) == 1 && prctl(PR_SET_DUMPABLE, 0) == 0 && prctl(PR_GET_DUMPABLE) == 0, "dumpable");
    check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
          "no new privileges");
    check_error(prctl(12345), EINVAL, "unknown prctl");
    check(prlimit(getpid(), RLIMIT_NOFILE, NULL, &seen) == 0 && seen.rlim_max == 60, "prlimit of itself");
    return 0;
}
