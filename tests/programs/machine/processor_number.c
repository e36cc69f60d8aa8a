/* getcpu and sched_getcpu agree with the affinity. */
#include "check.h"
#include <sched.h>

int main(void) {
    cpu_set_t allowed;
    unsigned cpu = 99999, node = 99999;
    sched_getaffinity(0, sizeof allowed, &allowed);
    check(CPU_ISSET(sched_getcpu(), &allowed), "sched_getcpu");
    check(syscall(SYS_getcpu, &cpu, &node, NULL) == 0 && CPU_ISSET(cpu, &allowed) && node < 9999, "getcpu");
    check(sysconf(_SC_NPROCESSORS_ONLN) >= 1, "processors online");
    return 0;
}
