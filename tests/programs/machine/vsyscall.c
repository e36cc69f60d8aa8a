/* The legacy page at a fixed address: time, gettimeofday, getcpu. */
#include "check.h"
#include <sys/time.h>
#include <time.h>

int main(void) {
    int (*get_time_of_day)(struct timeval *, void *) = (void *)0xffffffffff600000;
    time_t (*get_time)(time_t *) = (void *)0xffffffffff600400;
    long (*get_cpu)(unsigned *, unsigned *, void *) = (void *)0xffffffffff600800;
    struct timeval seen = {0, 0};
    time_t before = time(NULL), stored = 0;
    check(get_time(&stored) >= before && stored >= before, "time");
    check(get_time_of_day(&seen, NULL) == 0 && seen.tv_sec >= before, "gettimeofday");
    unsigned cpu = 99999;
    check(get_cpu(&cpu, NULL, NULL) == 0 && cpu < 9999, "getcpu");
    return 0;
}
